//! What an operator writes: manifests, node configuration, and the small
//! languages inside them.

use super::texts;
use sedge_model::capability::OutboundGrant;
use sedge_model::document::Problems;
use sedge_model::{manifest as app, node_config as node, route as routing};
use std::path::Path;

/// Keys and values of both files.
pub(super) const KEYS: &[&str] = &[
    "[app]",
    "[[function]]",
    "name = ",
    "source = ",
    "routes = ",
    "isolation = ",
    "\"instance\"",
    "[function.limits]",
    "memory_bytes_max = ",
    "\"64 MiB\"",
    "cpu_ms_max = ",
    "\"30 s\"",
    "[function.capabilities]",
    "kv = ",
    "outbound = ",
    "config = ",
    "secrets = ",
    "env = ",
    "file = ",
    "[function.trigger.message]",
    "topics = ",
    "\"a/+/#\"",
    "dead_letters = ",
    "[[function.trigger.schedule]]",
    "cron = ",
    "\"0 0 * * *\"",
    "time_zone = ",
    "[function.build]",
    "command = ",
    "watch = ",
    "listen = ",
    "admin = ",
    "data = ",
    "[ingress]",
    "[engine]",
    "[log]",
    "tier = ",
    "labels = ",
    "{",
    "}",
    "[",
    "]",
    "\"\"\"",
];

pub(super) fn manifests() -> Vec<Vec<u8>> {
    texts(&[
        "",
        "[app]\nname = \"hello\"\n\n[[function]]\nname = \"hello\"\nsource = \"hello.wasm\"\nroutes = [\"/*\"]\n",
        "[app]\nname = \"shop\"\n[[function]]\nname = \"images\"\nsource = \"a.wasm\"\nflavor = \"wasi-http\"\n\
         routes = [\"GET,POST *.example.org/img/*\", { host = \"a.b\", path = \"/x\", methods = [\"PUT\"] }]\n\
         isolation = { mode = \"instance\", requests_max = 100, idle_s = \"1 min\" }\n\
         [function.limits]\nmemory_bytes_max = \"64 MiB\"\ncpu_ms_max = 50\ndeadline_ms = \"30 s\"\n\
         [function.capabilities]\nkv = [\"default\"]\nconfig = { a = \"b\" }\n\
         outbound = [\"https://*.example.org:8443\", { to = \"http://127.0.0.1:80\", private = true }]\n\
         [function.capabilities.secrets]\nkey = { env = \"KEY\" }\nother = { file = \"s/k\" }\n\
         [function.build]\ncommand = \"make\"\nfolder = \"..\"\nwatch = [\"src\"]\n\
         [function.environment]\nA = \"b\"\n",
        "[app]\nname = \"plant\"\n[[function]]\nname = \"f\"\nsource = \"f.wasm\"\n\
         capabilities = { emit = [\"alerts/#\"], publish = [\"valves/+\"], state = true }\n\
         [function.trigger.message]\ntopics = [\"plant/+/pressure\", \"a/#\"]\nstart = \"earliest\"\n\
         [[function.trigger.schedule]]\nname = \"n\"\ncron = \"30 2 * * *\"\ntime_zone = \"Europe/Berlin\"\n",
        "[app]\nname = 3\nnmae = \"x\"\n[[function]]\nroutes = []\n[[function]]\nname = \"-\"\nroutes = [\"/\", \"/\"]\n",
    ])
}

/// A manifest, as a stranger's repository may hold one.
pub(super) fn manifest(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match app::read(text, Path::new("sedge.toml")) {
        Err(problems) => printable(text, &problems),
        Ok(manifest) => {
            assert!(!manifest.functions.is_empty() || !manifest.rules.is_empty());
            for function in &manifest.functions {
                assert!(!function.name.is_empty() && function.name.len() <= 63);
                let is_led_to = !manifest.rules.is_empty() || !manifest.chains.is_empty();
                let is_started = !function.trigger.is_empty();
                assert!(!function.routes.is_empty() || is_started || is_led_to);
                assert!(function.limits.memory_bytes_max > 0);
            }
        }
    }
}

pub(super) fn node_configs() -> Vec<Vec<u8>> {
    texts(&[
        "",
        "listen = \"127.0.0.1:3000\"\nadmin = \"[::1]:3001\"\ndata = \"/var/lib/sedge\"\n",
        "tier = \"device\"\n[labels]\nsite = \"shop\"\n[ingress]\nheader_timeout_ms = \"5 s\"\n[engine]\n[log]\n",
        "listen = 3\nadmin = \"here\"\nunknown = true\n",
    ])
}

/// A node's configuration.
pub(super) fn node_config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Err(problems) = node::read(text, Path::new("node.toml")) {
        printable(text, &problems);
    }
}

/// Problems must point into the text, and must not speak to a terminal.
fn printable(text: &str, problems: &Problems) {
    assert!(!problems.list.is_empty());
    for problem in &problems.list {
        assert!(problem.line >= 1 && problem.column >= 1);
        assert!(problem.span.start <= problem.span.end && problem.span.end <= text.len());
    }
    let printed = problems.to_string();
    assert!(!printed.contains(|c: char| c.is_control() && c != '\n'), "{printed:?}");
}

pub(super) fn routes() -> Vec<Vec<u8>> {
    texts(&["/*", "/about", "GET /img/*", "GET,POST *.example.org/a/*", "example.org/", "[::1]/x"])
}

/// A route; what is printed is read as the same route again.
pub(super) fn route(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(route) = routing::Route::parse(text) {
        let printed = route.to_string();
        let again = routing::Route::parse(&printed).map_err(|error| error.message);
        assert_eq!(again.as_ref(), Ok(&route), "{text:?} was printed as {printed:?}");
    }
}

pub(super) fn outbound_grants() -> Vec<Vec<u8>> {
    texts(&[
        "https://api.example.org",
        "https://*.example.org:8443",
        "http://127.0.0.1:8080",
        "http://[::1]",
        "https://0x7f.1",
        "ftp://a/b?c#d@e",
    ])
}

/// A grant; what the manifest accepts, the policy must understand, and what is
/// printed is read as the same grant again.
pub(super) fn outbound_grant(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for private in [false, true] {
        let Ok(grant) = OutboundGrant::parse(text, private) else { continue };
        let again = OutboundGrant::parse(&grant.to_string(), private).ok();
        assert_eq!(again.as_ref(), Some(&grant), "{text:?}");
        let policy = sedge_services::outbound::Policy::new(std::slice::from_ref(&grant));
        assert!(policy.is_ok(), "{text:?}: {:?}", policy.err());
    }
}
