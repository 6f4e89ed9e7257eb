//! What a route's requests must be, as it is written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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
