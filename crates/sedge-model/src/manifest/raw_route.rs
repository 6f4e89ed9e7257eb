//! Routes and chains as they are written.

use super::raw_policy::{RawFaults, RawRate, RawRetries};
use crate::document::quantity;
use crate::document::schema::percent;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A route with more to say than a function's own: which requests it takes, and
/// what becomes of them. Exactly one of `function`, `upstream`, `chain`,
/// `files`, `split`, `redirect` and `answer` says where they go.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["name"]))]
pub(super) struct RawRule {
    /// Name, unique among the app's routes: lower-case letters, digits and `-`, 1
    /// to 63 characters. Metrics, traces and access records show it.
    #[schemars(length(min = 1, max = 63), example = &"api")]
    pub(super) name: String,
    /// Hosts without port, `*.example.org` for every subdomain; every host, if
    /// empty.
    #[schemars(length(max = 64), inner(length(min = 1, max = 255)))]
    #[schemars(extend("examples" = [["example.org"]]))]
    pub(super) hosts: Vec<String>,
    /// Requests that fit one of these are taken; every request, if empty. A text
    /// is `[METHOD[,METHOD] ]/path`.
    #[serde(rename = "match")]
    #[schemars(length(max = 64), extend("examples" = [["/api/*"]]))]
    pub(super) matches: Vec<RawMatch>,
    /// How routes of the same host that fit the same request are told apart.
    pub(super) order: RawOrder,
    /// The function of this app that answers.
    #[schemars(length(min = 1, max = 63), example = &"images")]
    pub(super) function: Option<String>,
    /// The upstream of this app that answers.
    #[schemars(length(min = 1, max = 63), example = &"backend")]
    pub(super) upstream: Option<String>,
    /// The chain of this app that answers.
    #[schemars(length(min = 1, max = 63), example = &"guarded")]
    pub(super) chain: Option<String>,
    /// The folder whose files are served, relative to the manifest's folder; as a
    /// table, with more to say. Nodes do not serve files yet: such an app is
    /// refused when it is deployed.
    pub(super) files: Option<RawFiles>,
    /// Several ways, of which one is chosen at random for each request.
    #[schemars(length(min = 1, max = 32))]
    pub(super) split: Option<Vec<RawWay>>,
    /// A redirect.
    pub(super) redirect: Option<RawRedirect>,
    /// The same answer always.
    pub(super) answer: Option<RawAnswer>,
    /// What becomes of the request's header fields.
    pub(super) request: RawChanges,
    /// What becomes of the answer's header fields.
    pub(super) response: RawChanges,
    /// The path and the host that the target sees.
    pub(super) rewrite: RawRewrite,
    /// Who is sent a copy of requests; the answers are thrown away.
    #[schemars(length(max = 4))]
    pub(super) mirror: Vec<RawMirror>,
    /// How long a request may take, all its tries together; 504 beyond.
    #[schemars(schema_with = "quantity::ms", range(min = 1, max = 86_400_000))]
    pub(super) timeout_ms: Option<u64>,
    /// How many tries there may be beside the first; as a table, with more to say.
    pub(super) retries: Option<RawRetries>,
    /// What is broken on purpose.
    pub(super) faults: RawFaults,
    /// Requests of this route under way on this node; one more is answered 503.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(super) concurrency_max: Option<u32>,
    /// Requests in time; one more is answered 429.
    pub(super) rate: Option<RawRate>,
}

/// How routes of the same host that fit the same request are told apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawOrder {
    /// The more specific one wins.
    #[default]
    Specific,
    /// The first in the file wins, before all that are specific; no less specific
    /// host is asked.
    First,
}

/// A match as text or as a table.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum RawMatch {
    /// `[METHOD[,METHOD] ]/path`.
    Text(#[schemars(length(max = 2_048))] String),
    /// The same in parts, and more.
    Table(RawMatchTable),
}

/// What a request must be; all of it.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawMatchTable {
    /// `/about` is this path only; `/img/*` is `/img` and everything below;
    /// `/users/{id}` has a segment with a name, `{rest...}` is everything left.
    pub(super) path: Option<RawPath>,
    /// Methods in upper case; every method, if empty.
    #[schemars(length(max = 8), inner(length(max = 16)), extend("examples" = [["GET", "POST"]]))]
    pub(super) methods: Vec<String>,
    /// Header fields by name.
    #[schemars(extend("maxProperties" = 32))]
    pub(super) headers: BTreeMap<String, RawValue>,
    /// Query parameters by name, compared as sent.
    #[schemars(extend("maxProperties" = 32))]
    pub(super) queries: BTreeMap<String, RawValue>,
    /// Whether the connection is encrypted; either, if absent.
    pub(super) tls: Option<bool>,
    /// The port that the connection came by; any, if absent.
    #[schemars(range(min = 1, max = 65_535))]
    pub(super) port: Option<u16>,
}

/// A path as text or as a table.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum RawPath {
    /// `/about`, `/img/*`, `/users/{id}`.
    Text(#[schemars(length(min = 1, max = 2_048))] String),
    /// With more to say.
    Table(RawPathTable),
}

/// What the path must be: exactly one of `is`, `begins` and `pattern`.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawPathTable {
    /// As the text alone.
    #[schemars(length(min = 1, max = 2_048), example = &"/img/*")]
    pub(super) is: Option<String>,
    /// Bytes that it begins with: `/a` takes `/ab` too.
    #[schemars(length(min = 1, max = 2_048), example = &"/v1")]
    pub(super) begins: Option<String>,
    /// A regular expression that the whole path must fit.
    #[schemars(length(min = 1, max = 1_024), example = &"/img/[0-9]+")]
    pub(super) pattern: Option<String>,
    /// Whether letters may be of either case.
    pub(super) any_case: bool,
}

/// A value as text, whether it is there, or a table.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum RawValue {
    /// This value.
    Text(#[schemars(length(max = 4_096))] String),
    /// `true`: it is there, with any value; `false`: it is not there.
    Present(bool),
    /// With more to say.
    Table(RawValueTable),
}

/// What a value must be: exactly one of `is`, `begins` and `pattern`.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawValueTable {
    /// This value.
    #[schemars(length(max = 4_096), example = &"beta")]
    pub(super) is: Option<String>,
    /// It begins so.
    #[schemars(length(max = 4_096), example = &"Bearer ")]
    pub(super) begins: Option<String>,
    /// A regular expression that the whole value must fit.
    #[schemars(length(min = 1, max = 1_024), example = &"v[12]")]
    pub(super) pattern: Option<String>,
    /// Whether it must be there and must not be so.
    pub(super) not: bool,
}

/// What becomes of header fields: `remove`, then `set`, then `add`.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawChanges {
    /// Fields that are taken away.
    #[schemars(length(max = 64), inner(length(min = 1, max = 256)))]
    pub(super) remove: Vec<String>,
    /// Values that take the place of all that are there.
    #[schemars(schema_with = "fields")]
    pub(super) set: BTreeMap<String, String>,
    /// Values beside those that are there.
    #[schemars(schema_with = "fields")]
    pub(super) add: BTreeMap<String, String>,
}

/// Header fields by name.
fn fields(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "maxProperties": 64,
        "additionalProperties": { "type": "string", "maxLength": 8192 },
    })
}

/// The path and the host that the target sees: at most one of `path`, `prefix`
/// and `pattern`.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawRewrite {
    /// The whole path; `{name}` is what the match's segment of this name was.
    #[schemars(length(min = 1, max = 2_048), example = &"/files/{id}")]
    pub(super) path: Option<String>,
    /// In the place of what the prefix of the match took.
    #[schemars(length(min = 1, max = 2_048), example = &"/v2")]
    pub(super) prefix: Option<String>,
    /// A regular expression; every place that fits is replaced.
    #[schemars(length(min = 1, max = 1_024), example = &"^/v[0-9]+/")]
    pub(super) pattern: Option<String>,
    /// What the pattern's places become; `\1` is its first group.
    #[schemars(length(max = 2_048), example = &"/")]
    pub(super) with: Option<String>,
    /// The `Host`, with a port if need be.
    #[schemars(length(min = 1, max = 255), example = &"backend.internal")]
    pub(super) host: Option<String>,
}

/// One of several ways: exactly one of `function`, `upstream`, `chain` and
/// `files`.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["weight"]))]
pub(super) struct RawWay {
    /// Its share is this over the sum of all.
    #[schemars(range(min = 0, max = 1_000_000), example = 90)]
    pub(super) weight: u32,
    /// A function of this app.
    #[schemars(length(min = 1, max = 63), example = &"images")]
    pub(super) function: Option<String>,
    /// An upstream of this app.
    #[schemars(length(min = 1, max = 63), example = &"backend")]
    pub(super) upstream: Option<String>,
    /// A chain of this app.
    #[schemars(length(min = 1, max = 63), example = &"guarded")]
    pub(super) chain: Option<String>,
    /// A folder of files.
    pub(super) files: Option<RawFiles>,
    /// What becomes of the request's header fields, after the route's own changes.
    pub(super) request: RawChanges,
    /// What becomes of the answer's header fields, before the route's own changes.
    pub(super) response: RawChanges,
}

/// Who is sent a copy: exactly one of `function`, `upstream` and `chain`.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawMirror {
    /// A function of this app.
    #[schemars(length(min = 1, max = 63), example = &"images")]
    pub(super) function: Option<String>,
    /// An upstream of this app.
    #[schemars(length(min = 1, max = 63), example = &"backend")]
    pub(super) upstream: Option<String>,
    /// A chain of this app.
    #[schemars(length(min = 1, max = 63), example = &"guarded")]
    pub(super) chain: Option<String>,
    /// The share of requests that are copied; all, if absent.
    #[schemars(schema_with = "percent")]
    pub(super) percent: Option<f64>,
}

/// A folder as text or as a table.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum RawFiles {
    /// The folder.
    Text(#[schemars(length(min = 1, max = 4_096), example = &"public")] PathBuf),
    /// With more to say.
    Table(RawFilesTable),
}

/// Files that are served as they are.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["folder"]))]
pub(super) struct RawFilesTable {
    /// The folder, relative to the manifest's.
    #[schemars(length(min = 1, max = 4_096), example = &"public")]
    pub(super) folder: PathBuf,
    /// The file that is served for a folder; none, if empty.
    #[schemars(length(max = 255))]
    pub(super) index: String,
    /// The file that is served for what is not there, with status 200.
    #[schemars(length(min = 1, max = 1_024), example = &"index.html")]
    pub(super) fallback: Option<String>,
    /// `Cache-Control` of the answers.
    #[schemars(length(min = 1, max = 256), example = &"max-age=3600")]
    pub(super) cache_control: Option<String>,
}

impl Default for RawFilesTable {
    fn default() -> Self {
        RawFilesTable {
            folder: PathBuf::new(),
            index: "index.html".to_owned(),
            fallback: None,
            cache_control: None,
        }
    }
}

/// A redirect; what is absent stays as it was. At most one of `path` and
/// `prefix`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawRedirect {
    /// 301, 302, 303, 307 or 308.
    #[schemars(range(min = 301, max = 308))]
    pub(super) status: u16,
    /// `http` or `https`.
    pub(super) scheme: Option<RawScheme>,
    /// The host, without port.
    #[schemars(length(min = 1, max = 255), example = &"www.example.org")]
    pub(super) host: Option<String>,
    /// The port.
    #[schemars(range(min = 1, max = 65_535))]
    pub(super) port: Option<u16>,
    /// The whole path; `{name}` is what the match's segment of this name was.
    #[schemars(length(min = 1, max = 2_048), example = &"/new")]
    pub(super) path: Option<String>,
    /// In the place of what the prefix of the match took.
    #[schemars(length(min = 1, max = 2_048), example = &"/new")]
    pub(super) prefix: Option<String>,
}

impl Default for RawRedirect {
    fn default() -> Self {
        RawRedirect { status: 302, scheme: None, host: None, port: None, path: None, prefix: None }
    }
}

/// A scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawScheme {
    /// In the clear.
    Http,
    /// Encrypted.
    Https,
}

/// An answer without anybody behind it.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["status"]))]
pub(super) struct RawAnswer {
    /// Its status.
    #[schemars(range(min = 200, max = 599), example = 503)]
    pub(super) status: u16,
    /// Fields of its head. A body without `content-type` is plain text.
    #[schemars(schema_with = "fields")]
    pub(super) headers: BTreeMap<String, String>,
    /// Its content.
    #[schemars(length(max = 65_536))]
    pub(super) body: String,
}

/// Middlewares in a row before a target: exactly one of `function`, `upstream`
/// and `files`.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["name", "links"]))]
pub(super) struct RawChain {
    /// Name, unique among the app's chains.
    #[schemars(length(min = 1, max = 63), example = &"guarded")]
    pub(super) name: String,
    /// Functions that are middlewares, from the client inwards; as tables, with
    /// more to say.
    #[schemars(length(min = 1, max = 16), extend("examples" = [["guard"]]))]
    pub(super) links: Vec<RawLink>,
    /// The function at its end.
    #[schemars(length(min = 1, max = 63), example = &"images")]
    pub(super) function: Option<String>,
    /// The upstream at its end.
    #[schemars(length(min = 1, max = 63), example = &"backend")]
    pub(super) upstream: Option<String>,
    /// The folder of files at its end.
    pub(super) files: Option<RawFiles>,
}

/// A link as text or as a table.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum RawLink {
    /// The function.
    Text(#[schemars(length(min = 1, max = 63))] String),
    /// With more to say.
    Table(RawLinkTable),
}

/// One link of a chain.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["function"]))]
pub(super) struct RawLinkTable {
    /// A function of this app that is a middleware.
    #[schemars(length(min = 1, max = 63), example = &"guard")]
    pub(super) function: String,
    /// What a failure of the link means.
    pub(super) fail: RawFail,
}

/// What a failure of a link means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawFail {
    /// The request passes on as if the link were not there.
    Open,
    /// The request fails.
    #[default]
    Closed,
}
