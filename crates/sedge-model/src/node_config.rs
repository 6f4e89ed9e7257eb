//! The configuration of one node, `node.toml`: what may differ between nodes.

mod acme;
mod otlp;
mod outbound;
mod services;
mod tls;

pub use crate::document::{Invalid, Problems};
pub use acme::{AcmeChallenge, AcmeConfig};
pub use otlp::{HeaderSource, OtlpConfig};
pub use outbound::OutboundConfig;
pub use services::{MeshConfig, ServiceEndpoint};
pub use tls::{CertificateFiles, ClientAuth, ClientMode, TlsListener};

use crate::document::{self, Draft, Other, child, quantity};
use crate::handler::Forwarding;
use crate::manifest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// What one node does differently from another; every key has a default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeConfig {
    /// Where requests arrive.
    pub listen: SocketAddr,
    /// Where the admin pages are; apart from traffic.
    pub admin: SocketAddr,
    /// Folder of the node's durable state and caches.
    pub data: PathBuf,
    /// Threads that serve requests; `None`: one per core.
    pub threads: Option<u32>,
    /// The node's place between sensor and cloud.
    pub tier: Tier,
    /// What else is known of the node's place.
    pub labels: BTreeMap<String, String>,
    /// Where requests arrive encrypted, beside `listen`.
    pub tls: Vec<TlsListener>,
    /// Bounds of the listeners.
    pub ingress: IngressConfig,
    /// Bounds of the engine.
    pub engine: EngineConfig,
    /// Requests that functions send out.
    pub outbound: OutboundConfig,
    /// The services that mesh files (Istio, Gateway API) name: `name` or
    /// `name:port`, with at least one endpoint each.
    pub services: BTreeMap<String, Vec<ServiceEndpoint>>,
    /// How those files are read.
    pub mesh: MeshConfig,
    /// What is logged.
    pub log: LogConfig,
    /// Where traces are sent; `None`: nothing is recorded.
    pub otlp: Option<OtlpConfig>,
}

impl Default for NodeConfig {
    fn default() -> Self {
        NodeConfig {
            listen: SocketAddr::from(([127, 0, 0, 1], 3000)),
            admin: SocketAddr::from(([127, 0, 0, 1], 3001)),
            data: PathBuf::from(".sedge"),
            threads: None,
            tier: Tier::default(),
            labels: BTreeMap::new(),
            tls: Vec::new(),
            ingress: IngressConfig::default(),
            engine: EngineConfig::default(),
            outbound: OutboundConfig::default(),
            services: BTreeMap::new(),
            mesh: MeshConfig::default(),
            log: LogConfig::default(),
            otlp: None,
        }
    }
}

/// A node's place between sensor and cloud.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// On the thing itself, or its gateway.
    Device,
    /// In the building.
    #[default]
    Local,
    /// In a rack of the region.
    Regional,
    /// In a data center.
    Cloud,
}

/// Bounds of the listeners. What exceeds them is refused with an error of its
/// own, never queued without end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct IngressConfig {
    /// Time from a request's first byte to the end of its header section.
    #[schemars(schema_with = "quantity::ms", range(min = 1, max = 600_000))]
    pub header_timeout_ms: u64,
    /// Time without one byte of a body arriving or leaving.
    #[schemars(schema_with = "quantity::ms", range(min = 1, max = 3_600_000))]
    pub body_idle_timeout_ms: u64,
    /// Time that a connection may wait for its next request.
    #[schemars(schema_with = "quantity::ms", range(min = 1, max = 3_600_000))]
    pub keep_alive_ms: u64,
    /// Time that a TLS handshake may take.
    #[schemars(schema_with = "quantity::ms", range(min = 1, max = 600_000))]
    pub handshake_timeout_ms: u64,
    /// TLS handshakes under way; one more is closed.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub handshakes_max: u32,
    /// Open connections; one more is told 503 and closed.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub connections_max: u32,
    /// Requests in flight on the node; one more is shed with 503 and
    /// `Retry-After`.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub requests_in_flight_max: u32,
    /// Requests that one HTTP/2 connection may have in flight.
    #[schemars(range(min = 1, max = 10_000))]
    pub h2_streams_max: u32,
    /// Frames that ask for nothing (pings, settings, windows, priorities, empty ones)
    /// that a client of HTTP/2 may send more than answers and time pay for: a frame of
    /// an answer pays for four, a second for a tenth. Past it the connection ends.
    #[schemars(range(min = 10, max = 1_000_000))]
    pub h2_control_frames_max: u32,
    /// Streams that a client of HTTP/2 may reset, or make this node reset, more often
    /// than answers come to their end; a second pays for a tenth. Past it the
    /// connection ends.
    #[schemars(range(min = 10, max = 1_000_000))]
    pub h2_resets_max: u32,
    /// Files that are looked up or read from disk at one time; more wait.
    #[schemars(range(min = 1, max = 512))]
    pub file_reads_max: u32,
    /// Time that requests in flight have to finish when the node stops.
    #[schemars(schema_with = "quantity::ms", range(min = 0, max = 3_600_000))]
    pub drain_ms: u64,
    /// Length of a request's target.
    #[schemars(schema_with = "quantity::bytes", range(min = 64, max = 65_534))]
    pub uri_bytes_max: u32,
    /// Header fields of a request.
    #[schemars(range(min = 8, max = 4_096))]
    pub headers_max: u32,
    /// Names and values of a request's header fields together.
    #[schemars(schema_with = "quantity::bytes", range(min = 1_024, max = 1_048_576))]
    pub header_bytes_max: u32,
    /// Proxies before this node that add themselves to `X-Forwarded-For`, and are
    /// believed: the address that so many of them back stands there is the client's.
    /// With 0, what a client sends of `X-Forwarded-…` and `Forwarded` is thrown away.
    #[schemars(range(min = 0, max = 16))]
    pub trusted_hops: u8,
    /// What upstreams are told of the client and of this node.
    #[schemars(length(max = 3))]
    pub forward: Vec<ForwardField>,
}

/// What upstreams are told of the client and of this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardField {
    /// `X-Forwarded-For`, `-Proto`, and `-Host` where the host is rewritten.
    XForwarded,
    /// `Forwarded` (RFC 7239).
    Forwarded,
    /// `Via` (RFC 9110 §7.6.3).
    Via,
}

impl IngressConfig {
    /// How requests are passed on in the name of their clients.
    pub fn forwarding(&self) -> Forwarding {
        let has = |field| self.forward.contains(&field);
        Forwarding {
            trusted_hops: self.trusted_hops,
            x_forwarded: has(ForwardField::XForwarded),
            forwarded: has(ForwardField::Forwarded),
            via: has(ForwardField::Via),
        }
    }
}

impl Default for IngressConfig {
    fn default() -> Self {
        IngressConfig {
            header_timeout_ms: 10_000,
            body_idle_timeout_ms: 30_000,
            keep_alive_ms: 75_000,
            handshake_timeout_ms: 10_000,
            handshakes_max: 1_024,
            connections_max: 10_000,
            requests_in_flight_max: 4_096,
            h2_streams_max: 128,
            h2_control_frames_max: 1_000,
            h2_resets_max: 200,
            file_reads_max: 32,
            drain_ms: 30_000,
            uri_bytes_max: 8_192,
            headers_max: 100,
            header_bytes_max: 32_768,
            trusted_hops: 0,
            forward: vec![ForwardField::XForwarded, ForwardField::Via],
        }
    }
}

/// Bounds of the engine on this node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EngineConfig {
    /// Instances that exist at one time, all functions together.
    #[schemars(range(min = 1, max = 100_000))]
    pub instances_max: u32,
    /// Address space of the process that compiles one artifact.
    #[schemars(schema_with = "quantity::bytes", range(min = 67_108_864, max = 68_719_476_736u64))]
    pub compile_memory_bytes_max: u64,
    /// Time to compile one artifact, on the wall and on the CPU.
    #[schemars(schema_with = "quantity::seconds", range(min = 1, max = 3_600))]
    pub compile_s_max: u32,
    /// Artifacts that are compiled at one time.
    #[schemars(range(min = 1, max = 256))]
    pub compile_parallel_max: u32,
    /// Size of an artifact.
    #[schemars(schema_with = "quantity::bytes", range(min = 1_024, max = 1_073_741_824))]
    pub artifact_bytes_max: u64,
    /// Idle time after which a function's compiled code leaves memory; it stays
    /// on disk.
    #[schemars(schema_with = "quantity::seconds", range(min = 1, max = 86_400))]
    pub code_idle_s: u32,
    /// Threads for requests that use much CPU time, so that they do not delay
    /// the short ones; one per core if absent.
    #[schemars(range(min = 1, max = 1_024))]
    pub background_threads: Option<u32>,
}

impl Default for EngineConfig {
    fn default() -> Self {
        EngineConfig {
            instances_max: 1_000,
            compile_memory_bytes_max: 4 << 30,
            compile_s_max: 120,
            compile_parallel_max: 1,
            artifact_bytes_max: 64 << 20,
            code_idle_s: 300,
            background_threads: None,
        }
    }
}

/// What is logged, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// Whether every request leaves a record.
    pub access: bool,
    /// The form of all records.
    pub format: LogFormat,
}

/// The form of log records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// What one node does differently from another; every key has a default, and
/// options of the command line win over this file.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "node.toml")]
struct RawNodeConfig {
    /// Address and port where requests arrive; port 0 takes a free one.
    #[schemars(length(max = 64))]
    listen: String,
    /// Address and port of the admin pages, apart from traffic.
    #[schemars(length(max = 64))]
    admin: String,
    /// Folder of the node's durable state and caches, relative to this file.
    #[schemars(length(min = 1, max = 4_096))]
    data: PathBuf,
    /// Threads that serve requests; one per core if absent.
    #[schemars(range(min = 1, max = 1_024))]
    threads: Option<u32>,
    /// The node's place between sensor and cloud.
    tier: Tier,
    /// What else is known of the node's place, for example site = "berlin".
    #[schemars(schema_with = "document::schema::text_map")]
    labels: BTreeMap<String, String>,
    /// Where requests arrive encrypted, beside `listen`.
    #[schemars(length(max = 64))]
    tls: Vec<tls::RawTls>,
    /// Bounds of the listeners.
    ingress: IngressConfig,
    /// Bounds of the engine.
    engine: EngineConfig,
    /// Requests that functions send out.
    outbound: OutboundConfig,
    /// The services that mesh files (Istio, Gateway API) name: `name`, or
    /// `name:port` for one port of it.
    #[schemars(extend("maxProperties" = 4_096))]
    services: BTreeMap<String, services::RawService>,
    /// How mesh files are read.
    mesh: MeshConfig,
    /// What is logged.
    log: LogConfig,
    /// Where traces are sent; without it nothing is recorded.
    otlp: Option<otlp::RawOtlp>,
}

impl Default for RawNodeConfig {
    fn default() -> Self {
        let node = NodeConfig::default();
        RawNodeConfig {
            listen: node.listen.to_string(),
            admin: node.admin.to_string(),
            data: node.data,
            threads: node.threads,
            tier: node.tier,
            labels: node.labels,
            tls: Vec::new(),
            ingress: node.ingress,
            engine: node.engine,
            outbound: node.outbound,
            services: BTreeMap::new(),
            mesh: node.mesh,
            log: node.log,
            otlp: None,
        }
    }
}

/// Reads a node's configuration. `file` is named in messages, and paths are
/// resolved against its folder; nothing is read from disk. Fails with *all*
/// mistakes that the text has.
pub fn read(text: &str, file: &Path) -> Result<NodeConfig, Problems> {
    read_and_look(text, file, |_| Vec::new())
}

/// Like [`read`]; what `look` finds wrong with the files that the text names
/// is reported along with its other mistakes, each by the JSON pointer of the
/// value that is to blame (`/tls/0/certificate/1/key`).
pub fn read_and_look(
    text: &str,
    file: &Path,
    look: impl FnOnce(&NodeConfig) -> Vec<(String, Invalid)>,
) -> Result<NodeConfig, Problems> {
    let app = Other {
        schema: manifest::schema(),
        hint: "this looks like the manifest of an app: name it after `sedge up`, without --config",
    };
    let (raw, mut draft) = document::decode::<RawNodeConfig>(schema(), Some(&app), text, file)?;
    let default = NodeConfig::default();
    let listen = address(&mut draft, "/listen", &raw.listen).unwrap_or(default.listen);
    let admin = address(&mut draft, "/admin", &raw.admin).unwrap_or(default.admin);
    if listen == admin && listen.port() != 0 {
        let at = if draft.has("/admin") { "/admin" } else { "/listen" };
        let message = format!("`listen` and `admin` are both {listen}");
        draft.reject(at, Invalid::new(message, "give the admin pages a port of their own"));
    }
    for name in raw.labels.keys() {
        let known = |c: u8| c.is_ascii_alphanumeric() || b"-_.".contains(&c);
        if name.is_empty() || name.len() > 63 || !name.bytes().all(known) {
            let message = format!("`{}` is not the name of a label", name.escape_debug());
            let hint = "write letters, digits, `-`, `_` and `.`, 1 to 63 characters";
            draft.reject_key(&child("/labels", name), Invalid::new(message, hint));
        }
    }
    let folder = file.parent().unwrap_or(Path::new(""));
    let taken = [("listen", listen), ("admin", admin)];
    let tls = tls::resolve(&mut draft, raw.tls, folder, &taken);
    let services = services::resolve(&mut draft, raw.services);
    services::check(&mut draft, &raw.mesh);
    let config = NodeConfig {
        listen,
        admin,
        data: folder.join(raw.data),
        threads: raw.threads,
        tier: raw.tier,
        labels: raw.labels,
        tls,
        ingress: raw.ingress,
        engine: raw.engine,
        outbound: raw.outbound.in_folder(folder),
        services,
        mesh: raw.mesh,
        log: raw.log,
        otlp: raw.otlp.and_then(|raw| otlp::resolve(&mut draft, raw, folder)),
    };
    for (pointer, invalid) in look(&config) {
        draft.reject(&pointer, invalid);
    }
    draft.finish(text, file)?;
    Ok(config)
}

/// The JSON Schema (draft 2020-12) of `node.toml`, for editors; generated from
/// the types that the reader fills.
pub fn schema_json() -> String {
    format!("{:#}\n", schema())
}

/// The reference page of `node.toml`, generated from the same types.
pub fn reference_markdown() -> String {
    document::page::print(schema(), include_str!("node_config/intro.md"), EXAMPLE)
}

/// Derived once; reading is then only a walk.
pub(crate) fn schema() -> &'static Value {
    static SCHEMA: OnceLock<Value> = OnceLock::new();
    SCHEMA.get_or_init(document::schema::of::<RawNodeConfig>)
}

/// A configuration that uses every key.
const EXAMPLE: &str = include_str!("node_config/example.toml");

fn address(draft: &mut Draft, at: &str, text: &str) -> Option<SocketAddr> {
    let parsed = text.parse();
    if parsed.is_err() {
        let hint = "write an IP address and a port, for example \"127.0.0.1:3000\", or \
                    \"0.0.0.0:80\" for every interface";
        draft.reject(at, Invalid::new(format!("`{text}` is not an address"), hint));
    }
    parsed.ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn all_mistakes_are_reported_at_once() {
        let text = "listen = \"localhost\"\nadmin = \"127.0.0.1:80\"\ntier = \"edge\"\nthreads = 0\n\
                    timeout = 3\n[labels]\n\"a b\" = \"c\"\n[ingress]\ndrain_ms = \"2 h\"\n";
        let problems = read(text, Path::new("node.toml")).expect_err("wrong");
        expect![[r#"
            error: `localhost` is not an address
             --> node.toml:1:10
              |
            1 | listen = "localhost"
              |          ^^^^^^^^^^^
              = hint: write an IP address and a port, for example "127.0.0.1:3000", or "0.0.0.0:80" for every interface

            error: `edge` is not a value of `tier`
             --> node.toml:3:8
              |
            3 | tier = "edge"
              |        ^^^^^^
              = hint: write one of device, local, regional, cloud

            error: `threads` is 0, which is too small
             --> node.toml:4:11
              |
            4 | threads = 0
              |           ^
              = hint: it must be between 1 and 1024

            error: unknown key `timeout`
             --> node.toml:5:1
              |
            5 | timeout = 3
              | ^^^^^^^
              = hint: known here: `listen`, `admin`, `data`, `threads`, `tier`, `labels`, `tls`, `ingress`, `engine`, `outbound`, `services`, `mesh`, `log` and `otlp`

            error: `a b` is not the name of a label
             --> node.toml:7:1
              |
            7 | "a b" = "c"
              | ^^^^^
              = hint: write letters, digits, `-`, `_` and `.`, 1 to 63 characters

            error: `drain_ms` is 2 h, which is too large
             --> node.toml:9:12
              |
            9 | drain_ms = "2 h"
              |            ^^^^^
              = hint: it must be between 0 and 1 h
        "#]].assert_eq(&problems.to_string());
    }

    #[test]
    fn the_manifest_of_an_app_is_told_from_a_slip() {
        let hints = |text: &str| -> Vec<Option<String>> {
            let problems = read(text, Path::new("node.toml")).expect_err("wrong");
            problems.list.into_iter().map(|problem| problem.hint).collect()
        };
        let app = "[app]\nname = \"shop\"\n\n[[function]]\nname = \"f\"\n";
        let [Some(hint)] = &hints(app)[..] else { panic!("one problem with a hint") };
        assert!(hint.contains("sedge up"), "{hint}");
        // A configuration with a slip is still one.
        for text in [format!("threads = 2\n{app}"), "liste = \"x\"\n".to_owned()] {
            let hints = hints(&text);
            assert!(!hints.iter().flatten().any(|hint| hint.contains("sedge up")), "{hints:?}");
        }
    }

    #[test]
    fn generated_files_are_fresh() {
        document::check_generated("node.md", &reference_markdown());
        document::check_generated("node.schema.json", &schema_json());
    }

    #[test]
    fn the_example_is_valid_and_uses_every_key() {
        read(EXAMPLE, Path::new("node.toml")).expect("valid");
        assert_eq!(document::page::keys_missing_in(EXAMPLE, schema()), Vec::<String>::new());
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let text = "data = \"d\"\n[outbound]\ntrusted_roots = [\"ca.pem\", \"/etc/ca.pem\"]\n";
        let node = read(text, Path::new("/etc/sedge/node.toml")).expect("valid");
        assert_eq!(node.data, Path::new("/etc/sedge/d"));
        let roots = ["/etc/sedge/ca.pem", "/etc/ca.pem"].map(PathBuf::from);
        assert_eq!(node.outbound.trusted_roots, roots);
    }

    #[test]
    fn traffic_and_admin_need_ports_of_their_own() {
        for (text, fine) in [
            ("listen = \"127.0.0.1:3001\"", false),
            ("listen = \"127.0.0.1:80\"\nadmin = \"127.0.0.1:80\"", false),
            ("listen = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"", true),
            ("listen = \"[::]:80\"", true),
        ] {
            assert_eq!(read(text, Path::new("node.toml")).is_ok(), fine, "{text}");
        }
    }

    #[test]
    fn listeners_with_tls_are_checked_too() {
        let pair = "[[tls.certificate]]\ncertificate = \"a\"\nkey = \"b\"\n";
        let one =
            |listen: &str, more: &str| format!("[[tls]]\nlisten = \"{listen}\"\n{more}{pair}");
        let twice = one("127.0.0.1:443", "") + &one("127.0.0.1:443", "");
        for (text, expected) in [
            (one("443", ""), Some("`443` is not an address")),
            (one("127.0.0.1:3000", ""), Some("`listen` listens on 127.0.0.1:3000 already")),
            (one("127.0.0.1:3001", ""), Some("`admin` listens on")),
            (twice, Some("`tls[0].listen` listens on")),
            ("[[tls]]\nlisten = \"127.0.0.1:443\"".to_owned(), Some("shows no certificate")),
            (one("127.0.0.1:0", "client_auth = \"optional\"\n"), Some("needs `client_ca`")),
            (one("127.0.0.1:0", "client_ca = \"c\"\nclient_auth = \"maybe\"\n"), Some("maybe")),
            (one("127.0.0.1:0", "") + &one("127.0.0.1:0", ""), None),
            (one("127.0.0.1:0", "client_ca = \"c\"\n"), None),
        ] {
            let read = read(&text, Path::new("node.toml"));
            let message = read.err().map(|problems| problems.list[0].message.clone());
            let fits = match (&message, expected) {
                (None, None) => true,
                (Some(message), Some(expected)) => message.contains(expected),
                _ => false,
            };
            assert!(fits, "{text}: {message:?}");
        }
    }

    #[test]
    fn what_is_found_in_files_is_told_with_the_rest() {
        let text = "threads = 0\n[[tls]]\nlisten = \"127.0.0.1:0\"\n[[tls.certificate]]\n\
                    certificate = \"a\"\nkey = \"b\"\n";
        let look = |node: &NodeConfig| {
            assert_eq!(node.tls[0].certificates[0].key, Path::new("/etc/b"));
            vec![("/tls/0/certificate/0/key".to_owned(), Invalid::new("no key", "write one"))]
        };
        let problems = read_and_look(text, Path::new("/etc/node.toml"), look).expect_err("wrong");
        let lines: Vec<usize> = problems.list.iter().map(|problem| problem.line).collect();
        assert_eq!(lines, [1, 6]);
    }

    #[test]
    fn an_empty_file_is_the_default_in_its_folder() {
        let node = read("", Path::new("/etc/sedge/node.toml")).expect("empty");
        let data = PathBuf::from("/etc/sedge/.sedge");
        assert_eq!(node, NodeConfig { data, ..NodeConfig::default() });
    }

    #[test]
    fn every_default_is_within_its_bounds_and_everything_is_bounded() {
        let default = serde_json::to_value(RawNodeConfig::default()).expect("defaults are JSON");
        let mut text = String::new();
        for section in ["ingress", "engine", "outbound", "log"] {
            text += &format!("[{section}]\n");
            for (key, value) in default[section].as_object().expect("a table") {
                if !value.is_null() {
                    text += &format!("{key} = {value}\n");
                }
            }
        }
        assert!(read(&text, Path::new("node.toml")).is_ok(), "{text}");
        assert_eq!(document::schema::unbounded(schema()), Vec::<String>::new());
    }
}
