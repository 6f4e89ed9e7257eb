//! The list of targets.

mod analytics;
mod answers;
mod caches;
mod clients;
mod configuration;
mod contents;
mod counting;
mod experiments;
mod folders;
mod frames;
mod guards;
mod handshake;
mod hints;
mod images;
mod logs;
mod meshes;
mod messages;
mod minified;
mod monitors;
mod network;
mod payloads;
mod portables;
mod readings;
mod schedules;
mod sensing;
mod series;
mod visitors;
mod windows;

/// A parser that input reaches.
pub struct Target {
    /// How it is called on the command line.
    pub name: &'static str,
    /// Gives it an input; panics if something does not hold.
    pub run: fn(&[u8]),
    /// Inputs to begin with; not empty.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Words that mean something to it.
    pub words: &'static [&'static str],
}

/// Every target, in the order in which input travels.
#[rustfmt::skip]
pub const TARGETS: &[Target] = &[
    Target { name: "manifest", run: configuration::manifest, seeds: configuration::manifests, words: configuration::KEYS },
    Target { name: "node-config", run: configuration::node_config, seeds: configuration::node_configs, words: configuration::KEYS },
    Target { name: "mesh", run: meshes::mesh, seeds: meshes::files, words: meshes::FIELDS },
    Target { name: "route", run: configuration::route, seeds: configuration::routes, words: &["GET", "POST", "*.", "/*", "://"] },
    Target { name: "cron", run: schedules::cron, seeds: schedules::expressions, words: schedules::WORDS },
    Target { name: "outbound-grant", run: configuration::outbound_grant, seeds: configuration::outbound_grants, words: network::HOSTS },
    Target { name: "outbound-host", run: network::outbound_host, seeds: network::hosts, words: network::HOSTS },
    Target { name: "traceparent", run: network::traceparent, seeds: network::traceparents, words: &["00-", "ff", "-01"] },
    Target { name: "collector-answer", run: network::collector_answer, seeds: network::collector_answers, words: &["\x0a\x02\x08\x05", "\x12\x03why", "120\n"] },
    Target { name: "client-hello", run: handshake::client_hello, seeds: handshake::hellos, words: &["\x16\x03\x01", "h2", "\x00\x2b", "\x00\x10"] },
    Target { name: "gateway", run: network::gateway, seeds: network::requests, words: network::FIELDS },
    Target { name: "http2-frames", run: frames::heads, seeds: frames::frames, words: &["\0\0\x04\x03\0", "\0\0\x08\x07\0", "\0\x40\0\0"] },
    Target { name: "upstream-answer", run: answers::answer, seeds: answers::answers, words: answers::WORDS },
    Target { name: "early-hints", run: hints::links, seeds: hints::fields, words: hints::WORDS },
    Target { name: "file-path", run: folders::path, seeds: folders::paths, words: folders::STEPS },
    Target { name: "file-range", run: folders::range, seeds: folders::ranges, words: folders::FIELDS },
    Target { name: "file-request", run: folders::folder, seeds: folders::requests, words: folders::FIELDS },
    Target { name: "cache-exchange", run: caches::exchange, seeds: caches::exchanges, words: caches::WORDS },
    Target { name: "cache-head", run: caches::head, seeds: caches::heads, words: &["vary", "etag"] },
    Target { name: "cache-purges", run: caches::purge, seeds: caches::purges, words: &["\0\0\0\0", "\x01\0\0\0"] },
    Target { name: "log-segment", run: logs::segment, seeds: logs::segments, words: &["sdglogsg", "sdlf\x01\x01\0\0", "sdlr\x01\x01", "sdglogft"] },
    Target { name: "payload", run: payloads::payload, seeds: payloads::messages, words: payloads::WORDS },
    Target { name: "mqtt-packets", run: messages::conversation, seeds: messages::conversations, words: messages::WORDS },
    Target { name: "mqtt-journal", run: messages::journal, seeds: messages::journals, words: &["\x01\0\0\0", "\0\0\0\0", "\x01c"] },
    Target { name: "accept-encoding", run: contents::encoding, seeds: contents::encodings, words: contents::CODINGS },
    Target { name: "entity-tags", run: contents::condition, seeds: contents::tags, words: contents::TAGS },
    Target { name: "client-hints", run: contents::hint, seeds: contents::hints, words: contents::HINTS },
    Target { name: "content-fields", run: contents::field, seeds: contents::fields, words: contents::FIELDS },
    Target { name: "picture-reference", run: contents::reference, seeds: contents::references, words: contents::REFERENCES },
    Target { name: "json-blanks", run: contents::blanks, seeds: contents::documents, words: &["\"", "\\", " ", "\n"] },
    Target { name: "style-sheet", run: minified::style_sheet, seeds: minified::style_sheets, words: minified::CSS },
    Target { name: "script", run: minified::script, seeds: minified::scripts, words: minified::JS },
    Target { name: "image-request", run: images::request, seeds: images::requests, words: images::PARAMETERS },
    Target { name: "image-options", run: images::option, seeds: images::options, words: images::OPTIONS },
    Target { name: "image-guard", run: images::guard, seeds: images::guarded, words: images::GUARDED },
    Target { name: "image-profile", run: images::profile, seeds: images::profiles, words: images::PROFILES },
    Target { name: "image-accept", run: images::accept, seeds: images::accepts, words: images::MEDIA_TYPES },
    Target { name: "image-exif", run: images::exif, seeds: images::exifs, words: &["II*\0", "MM\0*"] },
    Target { name: "image-source-url", run: images::source_url, seeds: images::source_urls, words: network::HOSTS },
    Target { name: "image", run: images::image, seeds: images::pictures, words: &["IHDR", "IDAT", "VP8 ", "VP8L", "ANMF", "acTL", "iCCP", "GIF89a", "!\u{f9}\u{4}", "Exif\0\0", "av1C", "grid", "\x12\0"] },
    Target { name: "image-container", run: images::container, seeds: images::containers, words: images::BOXES },
    Target { name: "portable-calls", run: portables::call, seeds: portables::calls, words: &["\0\0\0@", "\x01\0\0\0", "\x08\0\0\0", "\x09\0\0\0"] },
    Target { name: "portable-request", run: portables::request, seeds: portables::requests, words: portables::REQUESTS },
    Target { name: "geo-database", run: clients::database, seeds: clients::databases, words: &["\u{ab}\u{cd}\u{ef}MaxMind.com", "country", "\x20\x01"] },
    Target { name: "agent-patterns", run: clients::pattern, seeds: clients::patterns, words: &["- regex: '", "_replacement: '$1'", "device_parsers:", "[", "{"] },
    Target { name: "user-agent", run: clients::user_agent, seeds: clients::user_agents, words: &["Mobile", "Android", "iPad", "bot", "+http"] },
    Target { name: "sensors-csv", run: readings::csv, seeds: readings::tables, words: readings::WORDS },
    Target { name: "sensors-json", run: readings::json, seeds: readings::documents, words: readings::WORDS },
    Target { name: "sensors-timestamp", run: readings::timestamp, seeds: readings::timestamps, words: &["Z", "T", "+24:00"] },
    Target { name: "sensors-messages", run: sensing::plant, seeds: sensing::plants, words: sensing::WORDS },
    Target { name: "forecast-body", run: series::body, seeds: series::bodies, words: series::WORDS },
    Target { name: "feature-definitions", run: experiments::payload, seeds: experiments::payloads, words: experiments::WORDS },
    Target { name: "guard-question", run: guards::question, seeds: guards::questions, words: guards::QUESTION_WORDS },
    Target { name: "guard-token", run: guards::token, seeds: guards::tokens, words: guards::TOKEN_WORDS },
    Target { name: "guard-rules", run: guards::rule, seeds: guards::rules, words: guards::RULE_WORDS },
    Target { name: "guard-state", run: guards::state, seeds: guards::states, words: &["sght\x01", "rptn\x01"] },
    Target { name: "experiment-requests", run: visitors::request, seeds: visitors::requests, words: visitors::WORDS },
    Target { name: "experiment-visitors", run: visitors::part, seeds: visitors::parts, words: &["\0\0\0", "\x01\x01\x10"] },
    Target { name: "monitor-readings", run: monitors::readings, seeds: monitors::series, words: monitors::NUMBERS },
    Target { name: "window-query", run: windows::query, seeds: windows::queries, words: windows::WORDS },
    Target { name: "window-state", run: windows::state, seeds: windows::states, words: monitors::NUMBERS },
    Target { name: "monitor-state", run: monitors::state, seeds: monitors::states, words: monitors::NUMBERS },
    Target { name: "analytics-record", run: counting::record, seeds: counting::records, words: counting::WORDS },
    Target { name: "analytics-event", run: counting::event, seeds: counting::posts, words: counting::WORDS },
    Target { name: "analytics-question", run: counting::question, seeds: counting::questions, words: counting::WORDS },
    Target { name: "sketch-state", run: analytics::sketch, seeds: analytics::sketches, words: analytics::WORDS },
    Target { name: "sessions-state", run: analytics::session, seeds: analytics::sessions, words: analytics::WORDS },
    Target { name: "analytics-state", run: analytics::state, seeds: analytics::states, words: analytics::WORDS },
];

/// Runs the target of this name; what libFuzzer calls.
pub fn run(name: &str, data: &[u8]) {
    match TARGETS.iter().find(|target| target.name == name) {
        Some(target) => (target.run)(data),
        None => panic!("there is no target {name}"),
    }
}

/// Texts as inputs.
fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

#[cfg(test)]
mod tests {
    use super::TARGETS;

    #[test]
    fn every_target_has_seeds_that_hold_and_a_binary_for_libfuzzer() {
        for target in TARGETS {
            let seeds = (target.seeds)();
            assert!(!seeds.is_empty(), "{}", target.name);
            for seed in seeds {
                (target.run)(&seed);
            }
            let file = format!("{}/fuzz_targets/{}.rs", env!("CARGO_MANIFEST_DIR"), target.name);
            let source = std::fs::read_to_string(&file).expect("a binary of its name");
            assert!(source.contains(&format!("\"{}\"", target.name)), "{file}");
        }
    }
}
