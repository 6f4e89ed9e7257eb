//! Chains as they are written.

use super::raw_files::RawFiles;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
