//! Caching links of chains as they are written.

use crate::document::quantity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A cache (RFC 9111) before what stands behind the link, where the RFCs leave a
/// choice. How much is stored, and where, is the node's configuration, `[cache]`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawCache {
    /// Shares what is stored with the app's links and functions that have the same scope:
    /// letters, digits, `-`, `_` and `.`, 1 to 63 characters. Absent: with nobody.
    #[schemars(length(min = 1, max = 63))]
    pub(super) scope: Option<String>,
    /// Its name in `Cache-Status` (RFC 9211).
    #[schemars(length(min = 1, max = 63))]
    pub(super) name: String,
    /// Whether it says in `Cache-Status` what it did.
    pub(super) cache_status: bool,
    /// Whether a client's `Cache-Control` and `Pragma` count.
    pub(super) honor_request: bool,
    /// Response fields that speak to this cache before `Cache-Control` (RFC 9213), the
    /// most specific first.
    #[schemars(length(max = 16), inner(length(min = 1, max = 256)))]
    pub(super) targeted: Vec<String>,
    /// Freshness of what says nothing about it but when it was modified: this part of
    /// the time since then, in percent.
    #[schemars(range(min = 0, max = 100))]
    pub(super) heuristic_percent: u32,
    /// … and at most this.
    #[schemars(schema_with = "quantity::seconds", range(min = 0, max = 31_536_000))]
    pub(super) heuristic_s_max: u64,
    /// How long responses with these statuses are fresh that say nothing about it.
    #[schemars(length(max = 64))]
    pub(super) status_ttl: Vec<RawStatusTtl>,
    /// The same for every other status that may be cached without saying so.
    #[schemars(schema_with = "quantity::seconds", range(min = 0, max = 31_536_000))]
    pub(super) default_ttl_s: u64,
    /// How long every response that may be stored is fresh, whatever it says.
    #[schemars(schema_with = "quantity::seconds", range(min = 0, max = 31_536_000))]
    pub(super) forced_ttl_s: Option<u64>,
    /// How long a stale response is served while it is validated behind, where it does
    /// not say (RFC 5861).
    #[schemars(schema_with = "quantity::seconds", range(min = 0, max = 31_536_000))]
    pub(super) stale_while_revalidate_s: u64,
    /// How long a stale response is served when what stands behind fails, where it does
    /// not say.
    #[schemars(schema_with = "quantity::seconds", range(min = 0, max = 31_536_000))]
    pub(super) stale_if_error_s: u64,
    /// Whether a status of 500 and above is such a failure even for responses that do
    /// not say so.
    pub(super) stale_on_5xx: bool,
    /// Query parameters that neither count nor are passed on; one that ends in `*`
    /// stands for all that begin so.
    #[schemars(length(max = 256), inner(length(min = 1, max = 256)))]
    pub(super) query_ignored: Vec<String>,
    /// Whether the query's parameters are sorted, for the cache and for what stands
    /// behind it.
    pub(super) query_sorted: bool,
    /// Request fields by which responses are told apart beside the target.
    #[schemars(length(max = 16), inner(length(min = 1, max = 256)))]
    pub(super) key_headers: Vec<String>,
    /// Codings that are told apart in `Accept-Encoding`, and asked for; `[]`: the field
    /// is left as it is. `dcb` and `dcz` count only with `Available-Dictionary` (RFC 9842).
    #[schemars(length(max = 16), inner(length(min = 1, max = 32)))]
    pub(super) codings: Vec<String>,
    /// Whether a response in the language that a request most wants serves it, though
    /// it was made for other wishes.
    pub(super) select_language: bool,
    /// Request fields that change what is answered and do not tell responses apart; they
    /// are taken off. The fields known for it, if absent.
    #[schemars(length(max = 64), inner(length(min = 1, max = 256)))]
    pub(super) unkeyed_headers: Option<Vec<String>>,
    /// Whether a response that sets a cookie is stored.
    pub(super) cookies: RawCookies,
    /// Whether errors are stored, where they allow it, that are not about the target (404,
    /// 410 and 414 are) but about how it was asked for, or about the server; else only
    /// those in `status_ttl`.
    pub(super) all_errors: bool,
    /// Whether a `206` that is shorter than it says is stored for what it has.
    pub(super) short_parts: bool,
    /// Whether the rest of a stored part is asked for though nothing tells whether it is of
    /// the same content; it is used only if the whole comes instead.
    pub(super) complete_unvalidated: bool,
    /// Bytes of the largest content that is stored; never more than an eighth of the
    /// node's memory for its cache.
    #[schemars(schema_with = "quantity::bytes", range(min = 0, max = 1_099_511_627_776u64))]
    pub(super) object_bytes_max: u64,
    /// Responses that are kept for one target, told apart by `Vary`.
    #[schemars(range(min = 1, max = 1_024))]
    pub(super) variants_max: u32,
    /// How long a request waits for the head of what another fetches; 504 beyond, or
    /// what is stale.
    #[schemars(schema_with = "quantity::ms", range(min = 1, max = 600_000))]
    pub(super) wait_ms: u64,
    /// How long requests do not wait for one another, once a response was for one of
    /// them only.
    #[schemars(schema_with = "quantity::seconds", range(min = 0, max = 86_400))]
    pub(super) uncollapsed_s: u64,
}

impl Default for RawCache {
    fn default() -> Self {
        let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        RawCache {
            scope: None,
            name: "Sedge".to_owned(),
            cache_status: true,
            honor_request: true,
            targeted: texts(&["cdn-cache-control"]),
            heuristic_percent: 10,
            heuristic_s_max: 86_400,
            status_ttl: Vec::new(),
            default_ttl_s: 0,
            forced_ttl_s: None,
            stale_while_revalidate_s: 0,
            stale_if_error_s: 86_400,
            stale_on_5xx: true,
            query_ignored: Vec::new(),
            query_sorted: false,
            key_headers: Vec::new(),
            codings: texts(&["br", "gzip", "zstd", "dcb", "dcz"]),
            select_language: true,
            unkeyed_headers: None,
            cookies: RawCookies::IfShared,
            all_errors: false,
            short_parts: false,
            complete_unvalidated: false,
            object_bytes_max: 1 << 30,
            variants_max: 64,
            wait_ms: 30_000,
            uncollapsed_s: 30,
        }
    }
}

/// How long responses with one status are fresh.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["status", "ttl_s"]))]
pub(super) struct RawStatusTtl {
    /// The status.
    #[schemars(range(min = 200, max = 599), example = 404)]
    pub(super) status: u16,
    /// Fresh for this time.
    #[schemars(schema_with = "quantity::seconds", range(min = 0, max = 31_536_000))]
    pub(super) ttl_s: u64,
}

/// Whether a response that sets a cookie is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RawCookies {
    /// As any other, as RFC 9111 §7.3 allows: who is served it gets the cookie.
    Store,
    /// If it speaks to shared caches: `public`, `s-maxage` or a targeted field.
    IfShared,
    /// Never.
    Refuse,
}
