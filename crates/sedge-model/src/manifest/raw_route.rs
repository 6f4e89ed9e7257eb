//! Routes as they are written.

use super::raw_cors::RawCors;
use super::raw_files::RawFiles;
use super::raw_match::RawMatch;
use super::raw_policy::{RawFaults, RawRate, RawRetries};
use crate::document::quantity;
use crate::document::schema::percent;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A route with more to say than a function's own: which requests it takes, and
/// what becomes of them. Exactly one of `function`, `upstream`, `chain`,
/// `files`, `split`, `redirect` and `answer` says where they go.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend("required" = ["name"], "additionalProperties" = false))]
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
    #[serde(flatten)]
    pub(super) to: RawTargets,
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
    /// Protocols that a connection may be switched to, where an upstream is asked;
    /// none, if empty. Requests for others are answered as if they had not asked.
    #[schemars(length(max = 8), inner(length(min = 1, max = 63)))]
    #[schemars(extend("default" = ["websocket"]))]
    pub(super) upgrades: Option<Vec<String>>,
    /// Which pages of other origins a browser lets read the answers (CORS).
    pub(super) cors: Option<RawCors>,
    /// How long a request may take, all its tries together, or until a connection
    /// is switched to another protocol; 504 beyond.
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

/// Where requests may go; for a route and for each way of a split. Its keys stand
/// among theirs, which serde allows only where none of the three refuses unknown
/// keys: the walk along the schema has done so before.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct RawTargets {
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
    /// table, with more to say.
    pub(super) files: Option<RawFiles>,
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
#[serde(default)]
#[schemars(extend("required" = ["weight"], "additionalProperties" = false))]
pub(super) struct RawWay {
    /// Its share is this over the sum of all.
    #[schemars(range(min = 0, max = 1_000_000), example = 90)]
    pub(super) weight: u32,
    #[serde(flatten)]
    pub(super) to: RawTargets,
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
