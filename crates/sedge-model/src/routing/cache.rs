//! What a caching link of a chain may store, and how it uses what it has stored.

use http::{HeaderName, StatusCode};
use std::time::Duration;

/// Fields by which frameworks, servers and storage services let clients change what they
/// are taken to have asked for, and who is taken to ask: the host, the scheme, the path,
/// the method, the address, the way that proxies have routed. No key has them.
pub const UNKEYED: [&str; 36] = [
    "forwarded",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-path",
    "x-forwarded-protocol",
    "x-forwarded-scheme",
    "x-forwarded-server",
    "x-forwarded-ssl",
    "x-forwarded-uri",
    "x-forwarded-url",
    "front-end-https",
    "x-url-scheme",
    "x-scheme",
    "x-host",
    "x-original-host",
    "x-http-host-override",
    "x-original-uri",
    "x-original-url",
    "x-rewrite-url",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "true-client-ip",
    "proxy",
    "proxy-authorization",
    "x-invoke-path",
    "x-matched-path",
    "x-now-route-matches",
    "x-middleware-prefetch",
    "x-middleware-subrequest",
    "x-amz-server-side-encryption",
    "x-amz-website-redirect-location",
];

/// A cache before what stands behind it (RFC 9111), where the RFCs leave a choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheSettings {
    /// With whom it shares what is stored: links and functions of the app with the same
    /// scope. `None`: with nobody.
    pub scope: Option<String>,
    /// Its name in `Cache-Status` (RFC 9211).
    pub name: String,
    /// Whether it says in `Cache-Status` what it did.
    pub cache_status: bool,
    /// Whether a client's `Cache-Control` and `Pragma` count (RFC 9111 §5.2.1).
    pub honor_request: bool,
    /// Fields that speak to this cache before `Cache-Control` (RFC 9213), the most
    /// specific first.
    pub targeted: Vec<HeaderName>,
    /// Freshness of what says nothing about it but when it was modified: this part of
    /// the time since then, in percent (RFC 9111 §4.2.2).
    pub heuristic_percent: u32,
    /// … and at most this.
    pub heuristic_max: Duration,
    /// How long responses with these statuses are fresh that say nothing about it.
    pub status_ttl: Vec<(StatusCode, Duration)>,
    /// The same for every other status that may be cached without saying so.
    pub default_ttl: Duration,
    /// How long every response that may be stored is fresh, whatever it says.
    pub forced_ttl: Option<Duration>,
    /// How long a stale response is served while it is validated behind, where it does
    /// not say (RFC 5861 §3).
    pub stale_while_revalidate: Duration,
    /// How long it is served when what stands behind fails, where it does not say.
    pub stale_if_error: Duration,
    /// Whether a status of 500 and above is such a failure even for responses that do
    /// not say so.
    pub stale_on_5xx: bool,
    /// Query parameters that neither count nor are passed on; one that ends in `*`
    /// stands for all that begin so.
    pub query_ignored: Vec<String>,
    /// Whether the query's parameters are sorted.
    pub query_sorted: bool,
    /// Request fields by which responses are told apart beside the target.
    pub key_headers: Vec<HeaderName>,
    /// Codings that are told apart in `Accept-Encoding`; empty: it is left as it is.
    pub codings: Vec<String>,
    /// Whether a response in the language that a request most wants serves it.
    pub select_language: bool,
    /// Request fields that are taken off requests whose response may be stored.
    pub unkeyed_headers: Vec<HeaderName>,
    /// Whether a response that sets a cookie is stored.
    pub cookies: CookieRule,
    /// Whether errors are stored, where they allow it, that are not about the target; else
    /// only those that `status_ttl` names.
    pub all_errors: bool,
    /// Whether a part that is shorter than it says is stored.
    pub short_parts: bool,
    /// Whether the rest of a stored part is asked for though nothing tells whether it is
    /// of the same content.
    pub complete_unvalidated: bool,
    /// Bytes of the largest content that is stored.
    pub object_bytes_max: u64,
    /// Responses that are kept for one target, told apart by `Vary`.
    pub variants_max: u32,
    /// How long a request waits for the head of what another fetches.
    pub wait: Duration,
    /// How long requests do not wait for one another, once a response was for one only.
    pub uncollapsed: Duration,
}

impl CacheSettings {
    /// Whether two links tell the same requests apart, and send on the same of what they do
    /// not tell apart by, so that what one stores can answer for the other.
    pub fn tells_apart_as(&self, other: &CacheSettings) -> bool {
        self.query_ignored == other.query_ignored
            && self.query_sorted == other.query_sorted
            && self.key_headers == other.key_headers
            && self.codings == other.codings
            && self.select_language == other.select_language
            && self.unkeyed_headers == other.unkeyed_headers
    }
}

/// Whether a response that sets a cookie is stored (RFC 9111 §7.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CookieRule {
    /// As any other.
    Store,
    /// If it speaks to shared caches.
    IfShared,
    /// Never.
    Refuse,
}
