//! What a route says to browsers, as it is written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which pages of other origins a browser lets read the answers (CORS). Preflights
/// of the origins that are named are answered by the route itself.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["origins"]))]
pub(super) struct RawCors {
    /// Origins as browsers send them, `https://*.example.org` for every subdomain,
    /// or `*` for all.
    #[schemars(length(min = 1, max = 64), inner(length(min = 1, max = 255)))]
    #[schemars(extend("examples" = [["https://www.example.org"]]))]
    pub(super) origins: Vec<String>,
    /// Methods that pages may use besides GET, HEAD and POST; `*` for all.
    #[schemars(length(max = 16), inner(length(min = 1, max = 16)))]
    #[schemars(extend("examples" = [["PUT", "DELETE"]]))]
    pub(super) methods: Vec<String>,
    /// Header fields that pages may send besides those of every form; `*` for all.
    #[schemars(length(max = 64), inner(length(min = 1, max = 256)))]
    #[schemars(extend("examples" = [["content-type"]]))]
    pub(super) headers: Vec<String>,
    /// Header fields of answers that pages may read besides those of every page.
    #[schemars(length(max = 64), inner(length(min = 1, max = 256)))]
    pub(super) expose: Vec<String>,
    /// How many seconds a browser may keep what a preflight said; it decides, if
    /// absent.
    #[schemars(range(min = 0, max = 86_400), example = 600)]
    pub(super) max_age_s: Option<u64>,
    /// Whether pages may send cookies, certificates and passwords. Not beside the
    /// origin `*`: every page could then act for whoever looks at it.
    pub(super) credentials: bool,
}
