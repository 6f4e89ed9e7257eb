//! The manifest as it is written. These types are the single source of the
//! schema, of the reference page and of what the reader accepts; a missing
//! required key reads as its empty default, which the checks then leave alone,
//! because it has been reported already.

use super::Flavor;
use super::raw_chain::RawChain;
use super::raw_route::RawRule;
use super::raw_trigger::RawTrigger;
use super::raw_upstream::RawUpstream;
use super::raw_window::RawWindow;
use crate::document::quantity;
use crate::document::schema::text_map;
use crate::limits::Limits;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What one `sedge.toml` describes: an app, its functions, routes and windows; at least
/// one of these.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "sedge.toml", extend("required" = ["app"]))]
pub(super) struct RawManifest {
    /// The app as a whole.
    pub(super) app: RawApp,
    /// The functions.
    #[schemars(length(max = 16_384))]
    pub(super) function: Vec<RawFunction>,
    /// Routes with more to say than those of functions.
    #[schemars(length(max = 1_024))]
    pub(super) route: Vec<RawRule>,
    /// Services that routes pass requests on to.
    #[schemars(length(max = 256))]
    pub(super) upstream: Vec<RawUpstream>,
    /// Middlewares in a row before a target.
    #[schemars(length(max = 256))]
    pub(super) chain: Vec<RawChain>,
    /// Windows over messages of the node's log.
    #[schemars(length(max = 64))]
    pub(super) window: Vec<RawWindow>,
}

/// The app as a whole.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["name"]))]
pub(super) struct RawApp {
    /// Name of the app: lower-case letters, digits and `-`, 1 to 63 characters.
    #[schemars(length(min = 1, max = 63), example = &"shop")]
    pub(super) name: String,
}

/// One function of the app; write one `[[function]]` for each.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["name", "source"]))]
pub(super) struct RawFunction {
    /// Name, unique in the app: lower-case letters, digits and `-`, 1 to 63
    /// characters.
    #[schemars(length(min = 1, max = 63), example = &"images")]
    pub(super) name: String,
    /// The WebAssembly artifact, relative to the manifest's folder.
    #[schemars(length(min = 1, max = 4_096), example = &"hello.wasm")]
    pub(super) source: PathBuf,
    /// The platform that the function was written for; detected from the
    /// artifact if absent.
    pub(super) flavor: Option<Flavor>,
    /// Which requests the function answers; at least one route, unless a
    /// `[[route]]` or a `[[chain]]` names the function, or it has a trigger. A text is
    /// `[METHOD[,METHOD] ][host]/path[/*]`.
    #[schemars(length(max = 1_024), extend("examples" = [["/*"]]))]
    pub(super) routes: Vec<RawRoute>,
    /// What starts the function besides requests; nothing, if absent.
    pub(super) trigger: Option<RawTrigger>,
    /// Whether an instance may answer more than one request; as a table, with
    /// bounds.
    pub(super) isolation: RawIsolation,
    /// Whether an instance prepares itself once for each deployment, so that fresh instances
    /// begin with its memory; for components that export `sedge:lifecycle/initialization`.
    /// A deployment then takes a second compilation, whenever what was prepared has changed.
    pub(super) preinitialize: bool,
    /// A path that is asked for, by `GET`, before a new revision takes its
    /// routes: if the answer is not right, the old revision goes on. As a table,
    /// with more to say.
    pub(super) probe: Option<RawProbe>,
    /// How `sedge build` and `sedge dev` make the artifact.
    pub(super) build: Option<RawBuild>,
    /// What one instance may hold and one request may use.
    pub(super) limits: Limits,
    /// What the function may reach; nothing, if absent.
    pub(super) capabilities: RawCapabilities,
    /// Environment variables that the guest sees. It never sees the node's own.
    #[schemars(schema_with = "text_map")]
    pub(super) environment: BTreeMap<String, String>,
}

/// A route as text or as a table.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum RawRoute {
    /// `[METHOD[,METHOD] ][host]/path[/*]`.
    Text(#[schemars(length(max = 2_048))] String),
    /// The same in parts.
    Table(RawRouteTable),
}

/// A route in parts.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["path"]))]
pub(super) struct RawRouteTable {
    /// A host name in any case, without port; `*.example.org` is every
    /// subdomain. Every host, if absent.
    #[schemars(length(max = 255), example = &"images.example.org")]
    pub(super) host: Option<String>,
    /// `/about` is this path only; `/img/*` is `/img` and everything below.
    #[schemars(length(max = 2_048), example = &"/img/*")]
    pub(super) path: String,
    /// Methods in upper case; every method, if empty. `GET` answers `HEAD` too.
    #[schemars(length(max = 8), inner(length(max = 16)), extend("examples" = [["GET", "POST"]]))]
    pub(super) methods: Vec<String>,
}

/// A path, or a table.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum RawProbe {
    /// Right is every status from 200 to 299.
    Text(#[schemars(length(min = 1, max = 2_048), example = &"/healthz")] String),
    /// With more to say.
    Table(RawProbeTable),
}

/// What is asked before a new revision takes its routes. The answer must come,
/// to the last byte of its body, within the function's limits.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["path"]))]
pub(super) struct RawProbeTable {
    /// Path and query.
    #[schemars(length(min = 1, max = 2_048), example = &"/healthz")]
    pub(super) path: String,
    /// The host that the function sees; `localhost`, if absent.
    #[schemars(length(min = 1, max = 255), example = &"images.example.org")]
    pub(super) host: Option<String>,
    /// The statuses that are right; every one from 200 to 299, if empty.
    #[schemars(length(max = 16), inner(range(min = 200, max = 599)))]
    #[schemars(extend("examples" = [[200, 204]]))]
    pub(super) status: Vec<u16>,
}

/// `"request"`, `"instance"`, or a table.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum RawIsolation {
    /// With defaults.
    Mode(Mode),
    /// With bounds of the reuse.
    Table(RawIsolationTable),
}

impl Default for RawIsolation {
    fn default() -> Self {
        RawIsolation::Mode(Mode::Request)
    }
}

/// Whether an instance may answer more than one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Mode {
    /// A fresh instance for every request.
    #[default]
    Request,
    /// An instance is reused, one request at a time.
    Instance,
}

/// How long an instance is reused.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["mode"]))]
pub(super) struct RawIsolationTable {
    /// Whether an instance may answer more than one request.
    #[schemars(example = Mode::Instance)]
    pub(super) mode: Mode,
    /// Requests after which the instance is thrown away.
    #[schemars(range(min = 1, max = 1_000_000_000), extend("default" = 1_000))]
    pub(super) requests_max: Option<u32>,
    /// Idle time after which the instance is thrown away.
    #[schemars(schema_with = "quantity::seconds", range(min = 1, max = 86_400))]
    #[schemars(extend("default" = 60))]
    pub(super) idle_s: Option<u32>,
}

/// A shell command that makes the artifact.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["command"]))]
pub(super) struct RawBuild {
    /// Run by `sh -c` in `folder`.
    #[schemars(length(min = 1, max = 4_096))]
    #[schemars(example = &"cargo build --release --target wasm32-wasip2")]
    pub(super) command: String,
    /// Where the command runs, relative to the manifest's folder.
    #[schemars(length(min = 1, max = 4_096))]
    pub(super) folder: PathBuf,
    /// Files and folders, relative to `folder`, whose changes make `sedge dev`
    /// build again.
    #[schemars(length(max = 256), inner(length(min = 1, max = 4_096)))]
    pub(super) watch: Vec<PathBuf>,
}

impl Default for RawBuild {
    fn default() -> Self {
        RawBuild { command: String::new(), folder: ".".into(), watch: vec!["src".into()] }
    }
}

/// What the function may reach. Nothing is granted that is not written here.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawCapabilities {
    /// Key-value namespaces that the function may open: letters, digits, `-`,
    /// `_` and `.`, 1 to 63 characters. Guests of other platforms usually open
    /// `default`.
    #[schemars(length(max = 64), inner(length(max = 63)), extend("examples" = [["default"]]))]
    pub(super) kv: Vec<String>,
    /// Scopes of the cache that the function may open, such as the `scope` of a caching
    /// link: letters, digits, `-`, `_` and `.`, 1 to 63 characters.
    #[schemars(length(max = 64), inner(length(max = 63)), extend("examples" = [["images"]]))]
    pub(super) cache: Vec<String>,
    /// Whether the node's encoders (`sedge:codec`) encode the function's pictures to JPEG,
    /// WebP and AVIF, on threads of their own.
    pub(super) codec: bool,
    /// Topics of the node's log that the function may emit messages to, as filters of MQTT
    /// (`+` is one level, `#` all that are left).
    #[schemars(length(max = 64), inner(length(max = 1_024)), extend("examples" = [["alerts/#"]]))]
    pub(super) emit: Vec<String>,
    /// Topics that the function may publish to, for clients of the node's MQTT front, as
    /// filters.
    #[schemars(length(max = 64), inner(length(max = 1_024)))]
    #[schemars(extend("examples" = [["actuators/#"]]))]
    pub(super) publish: Vec<String>,
    /// Whether the function keeps state by keys that takes effect together with the progress
    /// of its trigger. It needs one.
    pub(super) state: bool,
    /// Hosts that the function may call: `https://api.example.org`,
    /// `https://*.example.org:8443`.
    #[schemars(length(max = 256), extend("examples" = [["https://api.example.org"]]))]
    pub(super) outbound: Vec<RawOutbound>,
    /// Whether the function may look up in the node's databases where an address is
    /// (`sedge:geo`).
    pub(super) geo: bool,
    /// Whether the function is told the client's address, and what its user agent says
    /// (`sedge:client`).
    pub(super) client: bool,
    /// What `wasi:config/store` answers: texts, or files of text.
    #[schemars(extend("maxProperties" = 256))]
    pub(super) config: BTreeMap<String, RawConfig>,
    /// Secrets by the name under which the function asks for them.
    #[schemars(extend("maxProperties" = 64))]
    pub(super) secrets: BTreeMap<String, RawSecret>,
}

/// A value of a configuration.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum RawConfig {
    /// The value.
    Text(#[schemars(length(max = 32_768))] String),
    /// Where it lies.
    File(RawConfigFile),
}

/// A file with a value of a configuration.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["file"]))]
pub(super) struct RawConfigFile {
    /// A file of UTF-8 text, 4 MiB at most, relative to the manifest's folder. When it changes,
    /// the function is deployed again.
    #[schemars(length(max = 4_096), example = &"features.json")]
    pub(super) file: PathBuf,
}

/// An outbound grant as text or as a table.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum RawOutbound {
    /// `http[s]://host[:port]`.
    Text(#[schemars(length(max = 512))] String),
    /// With more to say.
    Table(RawOutboundTable),
}

/// An outbound grant with more to say.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["to"]))]
pub(super) struct RawOutboundTable {
    /// `http[s]://host[:port]`.
    #[schemars(length(max = 512), example = &"http://127.0.0.1:8080")]
    pub(super) to: String,
    /// Whether the host may resolve to a private, loopback or link-local
    /// address. Such a host must be named in full.
    pub(super) private: bool,
}

/// Where a secret comes from when the function is deployed: exactly one of the
/// keys.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawSecret {
    /// An environment variable of the node.
    #[schemars(length(max = 255), example = &"API_KEY")]
    pub(super) env: Option<String>,
    /// A file, relative to the manifest's folder; a trailing line feed is not
    /// part of the secret.
    #[schemars(length(min = 1, max = 4_096), example = &"secrets/api-key")]
    pub(super) file: Option<PathBuf>,
}
