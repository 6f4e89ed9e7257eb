//! The configuration of one node, `node.toml`: what may differ between nodes.

mod acme;
mod cache;
mod codec;
mod engine;
mod ingest;
mod ingress;
mod log;
mod mqtt;
mod otlp;
mod outbound;
mod services;
mod streams;
#[cfg(test)]
mod tests;
mod tls;

pub use crate::document::{Invalid, Problems};
pub use acme::{AcmeChallenge, AcmeConfig};
pub use cache::CacheConfig;
pub use codec::CodecConfig;
pub use engine::EngineConfig;
pub use ingest::IngestConfig;
pub use ingress::{ForwardField, IngressConfig};
pub use log::{LogConfig, LogFormat};
pub use mqtt::{BrokerConfig, JournalIn, MqttListener};
pub use otlp::{HeaderSource, OtlpConfig};
pub use outbound::OutboundConfig;
pub use services::{MeshConfig, ServiceEndpoint};
pub use streams::{SparkplugConfig, StreamsConfig, StreamsSync, WhenStreamsFull};
pub use tls::{CertificateFiles, ClientAuth, ClientMode, TlsListener};

use crate::document::{self, Draft, Other, child};
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
    /// Where MQTT clients arrive.
    pub mqtt: Vec<MqttListener>,
    /// What these clients share.
    pub broker: BrokerConfig,
    /// The log of messages.
    pub streams: StreamsConfig,
    /// Where devices send readings by HTTP; `None`: nowhere.
    pub ingest: Option<IngestConfig>,
    /// Bounds of the listeners.
    pub ingress: IngressConfig,
    /// Bounds of the engine.
    pub engine: EngineConfig,
    /// What caching links may store.
    pub cache: CacheConfig,
    /// Bounds of the encoders of images.
    pub codec: CodecConfig,
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
            mqtt: Vec::new(),
            broker: BrokerConfig::default(),
            streams: StreamsConfig::default(),
            ingest: None,
            ingress: IngressConfig::default(),
            engine: EngineConfig::default(),
            cache: CacheConfig::default(),
            codec: CodecConfig::default(),
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
    /// Where MQTT clients arrive.
    #[schemars(length(max = 64))]
    mqtt: Vec<mqtt::RawMqtt>,
    /// What MQTT clients share: who they are, what they may do, what is kept.
    broker: BrokerConfig,
    /// The log of messages, and which MQTT messages it keeps.
    streams: StreamsConfig,
    /// Where devices send readings by HTTP.
    ingest: Option<IngestConfig>,
    /// Bounds of the listeners.
    ingress: IngressConfig,
    /// Bounds of the engine.
    engine: EngineConfig,
    /// What caching links may store.
    cache: CacheConfig,
    /// Bounds of the encoders of images.
    codec: CodecConfig,
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
            mqtt: Vec::new(),
            broker: node.broker,
            streams: node.streams,
            ingest: None,
            ingress: node.ingress,
            engine: node.engine,
            cache: node.cache,
            codec: node.codec,
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
    let mut taken: Vec<(String, SocketAddr)> =
        taken.map(|(key, address)| (key.to_owned(), address)).into();
    let keys =
        tls.iter().enumerate().map(|(index, one)| (format!("tls[{index}].listen"), one.listen));
    taken.extend(keys);
    let mqtt = mqtt::resolve(&mut draft, raw.mqtt, folder, taken);
    let broker = mqtt::resolve_broker(&mut draft, raw.broker, &mqtt, folder);
    let streams = streams::resolve(&mut draft, raw.streams, !mqtt.is_empty());
    let asks_for_certificates = tls.iter().any(|listener| listener.client.is_some());
    let ingest =
        raw.ingest.map(|raw| ingest::resolve(&mut draft, raw, folder, asks_for_certificates));
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
        mqtt,
        broker,
        streams,
        ingest,
        ingress: raw.ingress,
        engine: raw.engine,
        cache: raw.cache,
        codec: raw.codec,
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
