//! Chains as they are written.

use super::raw_cache::RawCache;
use super::raw_files::RawFiles;
use super::raw_policy::RawRate;
use super::raw_route::RawChanges;
use crate::document::quantity;
use crate::routing::rule::EarlyHints;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Links in a row before a target: exactly one of `function`, `upstream`
/// and `files`.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["name", "links"]))]
pub(super) struct RawChain {
    /// Name, unique among the app's chains.
    #[schemars(length(min = 1, max = 63), example = &"guarded")]
    pub(super) name: String,
    /// From the client inwards: functions that are middlewares by their names, and
    /// links as tables.
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
    Table(Box<RawLinkTable>),
}

/// One link of a chain: exactly one of `function`, `headers`, `cache`, `early_hints`,
/// `rate`, `concurrency_max` and `timeout_ms`.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawLinkTable {
    /// A function of this app that is a middleware.
    #[schemars(length(min = 1, max = 63), example = &"guard")]
    pub(super) function: Option<String>,
    /// What a failure of the function means; `closed`, if absent.
    pub(super) fail: Option<RawFail>,
    /// What becomes of header fields.
    pub(super) headers: Option<RawLinkHeaders>,
    /// A cache before what stands behind this link; `{}` for one with its defaults.
    pub(super) cache: Option<RawCache>,
    /// Hints before answers (RFC 8297); `{}` for them with their defaults.
    pub(super) early_hints: Option<RawEarlyHints>,
    /// Requests in time; one more is answered 429.
    pub(super) rate: Option<RawRate>,
    /// Requests that are behind this link at one time; one more is answered 503.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(super) concurrency_max: Option<u32>,
    /// How long what stands behind this link may take, to the answer's last byte;
    /// 504 beyond.
    #[schemars(schema_with = "quantity::ms", range(min = 1, max = 86_400_000))]
    pub(super) timeout_ms: Option<u64>,
}

/// What becomes of header fields on both ways.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawLinkHeaders {
    /// Of the request's, on its way in.
    pub(super) request: RawChanges,
    /// Of the answer's, on its way out.
    pub(super) response: RawChanges,
}

/// What is said to clients before their answers (RFC 8297), by links before which nobody
/// has refused the request.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawEarlyHints {
    /// Whether clients of HTTP/1.1 are told, too. Browsers heed hints over HTTP/2 only, and
    /// some other clients take a first answer with 103 for the only one.
    pub(super) http1: bool,
    /// Whether the fields `Link` of a page with `rel=preload`, `modulepreload` or
    /// `preconnect` are remembered, and told to the next who goes to it and must wait. Only
    /// those of answers that are the same for everybody.
    pub(super) learn: bool,
    /// Whether what servers behind the link say before their answers (102 to 199) is
    /// passed on.
    pub(super) pass_on: bool,
    /// Pages that are remembered, with 3 kB each at most.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(super) pages_max: u32,
    /// How long a page's hints are believed that was not asked for again.
    #[schemars(schema_with = "quantity::seconds", range(min = 1, max = 31_536_000))]
    pub(super) age_s_max: u64,
}

impl Default for RawEarlyHints {
    fn default() -> Self {
        let EarlyHints { http1, learn, pass_on, pages_max, age_max } = EarlyHints::default();
        RawEarlyHints { http1, learn, pass_on, pages_max, age_s_max: age_max.as_secs() }
    }
}

/// What a failure of a link means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawFail {
    /// The request passes on as if the link were not there.
    Open,
    /// The request fails.
    Closed,
}
