//! What an operator decides, where the RFCs leave it open.

use http::StatusCode;
use http::header::{HeaderName, SET_COOKIE};
use sedge_model::routing::cache::UNKEYED;

/// How a cache is to behave. [`Policy::default`] is safe before an origin that was not
/// written with a shared cache in mind.
#[derive(Clone, Debug)]
pub struct Policy {
    /// This cache's name in `Cache-Status` (RFC 9211).
    pub name: Box<str>,
    /// Whether responses get a `Cache-Status` of this cache.
    pub cache_status: bool,
    /// Whether a client's `Cache-Control` and `Pragma` count (RFC 9111 §5.2.1). Where
    /// they do not, a client can neither force requests to the origin nor ask for stale
    /// responses.
    pub honor_request: bool,
    /// Fields that speak to this cache (RFC 9213), the most specific first.
    pub targeted: Vec<HeaderName>,
    /// Freshness of what says nothing about it but has a `Last-Modified`: this part, in
    /// percent, of the time since then (RFC 9111 §4.2.2).
    pub heuristic_percent: u64,
    /// … and at most this, in milliseconds.
    pub heuristic_max_ms: u64,
    /// Statuses, each with the milliseconds for which a response that says nothing about
    /// its freshness is fresh: how long errors are kept.
    pub status_ttl_ms: Vec<(StatusCode, u64)>,
    /// The same for every heuristically cacheable status (RFC 9110 §15.1) that neither
    /// the heuristic nor [`status_ttl_ms`](Self::status_ttl_ms) decides.
    pub default_ttl_ms: u64,
    /// A lifetime instead of whatever a storable response says about it.
    pub forced_ttl_ms: Option<u64>,
    /// How long a stale response may be served while it is validated behind, where the
    /// response does not say (RFC 5861 §3), in milliseconds.
    pub stale_while_revalidate_ms: u64,
    /// How long it may be served when the origin fails, where it does not say (RFC 9111
    /// §4.2.4), in milliseconds.
    pub stale_if_error_ms: u64,
    /// Whether an answer with a status of 500 and above is a failure even for responses
    /// that do not say `stale-if-error` (RFC 9111 §4.3.3 lets a cache choose).
    pub stale_on_5xx: bool,
    /// Names of query parameters that neither count in the key nor go to the origin; one
    /// that ends in `*` stands for all that begin so.
    pub query_ignored: Vec<Box<str>>,
    /// Whether the query's parameters are sorted, in the key and for the origin.
    pub query_sorted: bool,
    /// Request fields that are part of every key.
    pub key_fields: Vec<HeaderName>,
    /// Codings that are told apart in `Accept-Encoding`; the request to the origin names
    /// no others, so that none can come back under a key that leaves it out. Empty: the
    /// field is left as it is.
    pub codings: Vec<Box<str>>,
    /// Whether a response in the language that a request most wants serves it, though
    /// the response was made for other wishes (an extension of RFC 9111 §4.1).
    pub select_language: bool,
    /// Request fields that change what origins answer although no key has them. They are
    /// taken off requests whose response may be stored, so that nobody can have a
    /// response of his making stored for everybody. A `_` in a request's field counts as
    /// a `-`, because gateways make one of both (RFC 3875 §4.1.18).
    pub unkeyed_removed: Vec<HeaderName>,
    /// Whether errors are stored that are not about the target (404, 410 and 414 are), but
    /// about how it was asked for, which no key has, or about the origin: where they say
    /// so, as RFC 9111 has it. Otherwise only those in
    /// [`status_ttl_ms`](Self::status_ttl_ms) are.
    pub all_errors: bool,
    /// Whether a response that sets a cookie is stored.
    pub set_cookie: SetCookie,
    /// Whether a `206` whose content is shorter than its `Content-Range` says is stored.
    pub short_parts: ShortParts,
    /// Whether the rest of a stored part is asked for though no strong validator says
    /// whether it is of the same representation: it can be used only if the origin sends
    /// the whole instead.
    pub complete_unvalidated: bool,
    /// The largest content that is stored, in bytes.
    pub object_bytes_max: u64,
    /// The most variants kept for one target.
    pub variants_max: usize,
}

/// Whether a response with `Set-Cookie` is stored.
///
/// RFC 9111 §7.3 lets a cache do so; whoever gets it from the store then also gets the
/// cookie, which may be somebody's session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SetCookie {
    /// As if the field were any other: RFC 9111 to the letter.
    Store,
    /// If the response speaks to shared caches: `public`, `s-maxage` or a targeted field.
    /// A framework's `max-age` is easily written with browsers in mind.
    IfShared,
    /// Never.
    Refuse,
}

/// What becomes of a `206` with fewer bytes than its `Content-Range` promises.
///
/// Its sender contradicts himself, and RFC 9110 does not say who is right.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ShortParts {
    /// It is not stored.
    Refuse,
    /// It is stored and serves the bytes that it has, counted from its first position,
    /// or from its end for a range that counts from there. It is never combined.
    Serve,
}

const HOUR_MS: u64 = 3_600_000;

impl Default for Policy {
    fn default() -> Self {
        let names = |names: &[&'static str]| {
            names.iter().map(|name| HeaderName::from_static(name)).collect()
        };
        Policy {
            name: "Sedge".into(),
            cache_status: true,
            honor_request: true,
            targeted: names(&["cdn-cache-control"]),
            heuristic_percent: 10,
            heuristic_max_ms: 24 * HOUR_MS,
            status_ttl_ms: Vec::new(),
            default_ttl_ms: 0,
            forced_ttl_ms: None,
            stale_while_revalidate_ms: 0,
            stale_if_error_ms: 24 * HOUR_MS,
            stale_on_5xx: true,
            query_ignored: Vec::new(),
            query_sorted: false,
            key_fields: Vec::new(),
            codings: ["br", "gzip", "zstd", "dcb", "dcz"].map(Into::into).to_vec(),
            select_language: true,
            unkeyed_removed: names(&UNKEYED),
            all_errors: false,
            set_cookie: SetCookie::IfShared,
            short_parts: ShortParts::Refuse,
            complete_unvalidated: false,
            object_bytes_max: 1 << 30,
            variants_max: 64,
        }
    }
}

impl Policy {
    /// Whether an error that is not about the target may be stored.
    pub(crate) fn keeps_error(&self, status: StatusCode) -> bool {
        self.all_errors || self.status_ttl_ms.iter().any(|(of, _)| *of == status)
    }

    /// Whether a response with these fields may be stored as far as cookies go.
    pub(crate) fn allows_cookies(
        &self,
        headers: &http::HeaderMap,
        directives: &super::ResponseDirectives,
    ) -> bool {
        let shared = directives.public || directives.s_maxage.is_some() || directives.targeted;
        match self.set_cookie {
            SetCookie::Store => true,
            SetCookie::IfShared => shared || !headers.contains_key(SET_COOKIE),
            SetCookie::Refuse => !headers.contains_key(SET_COOKIE),
        }
    }
}
