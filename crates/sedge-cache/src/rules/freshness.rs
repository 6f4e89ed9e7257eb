//! How old a response is and for how long it is fresh (RFC 9111 §4.2).

use super::date;
use super::directives::{ResponseDirectives, age_s};
use super::policy::Policy;
use http::StatusCode;
use http::header::{DATE, EXPIRES, HeaderMap, HeaderName, LAST_MODIFIED};

/// When a response was asked for and when its head had come, in milliseconds since the
/// Unix epoch, by this machine's clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Times {
    /// When the request was sent.
    pub request_ms: u64,
    /// When the response's head had been received.
    pub response_ms: u64,
}

/// Where a lifetime comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LifetimeSource {
    /// The response says it.
    Explicit,
    /// Reckoned from `Last-Modified`.
    Heuristic,
    /// The policy's, in place of what the response does not say, or says.
    Policy,
    /// Nobody says: never fresh, but it may be validated.
    None,
}

/// The date in the first line of a field.
pub(crate) fn date_field(headers: &HeaderMap, name: HeaderName, now_s: u64) -> Option<u64> {
    date::parse(super::grammar::trim(headers.get(name)?.as_bytes()), now_s)
}

/// How old a response was when it came, in milliseconds (RFC 9111 §4.2.3).
///
/// `Date` has whole seconds, so the clock is compared with it in whole seconds; otherwise
/// what was made 300 ms ago would look up to 1.3 s old.
pub(crate) fn initial_age_ms(headers: &HeaderMap, times: Times) -> u64 {
    let now_s = times.response_ms / 1000;
    let date_s = date_field(headers, DATE, now_s).unwrap_or(now_s);
    let apparent_ms = now_s.saturating_sub(date_s).saturating_mul(1000);
    let delay_ms = times.response_ms.saturating_sub(times.request_ms);
    let told_ms = age_s(headers).unwrap_or(0) * 1000;
    apparent_ms.max(told_ms.saturating_add(delay_ms))
}

/// For how many milliseconds after it was made a response is fresh (RFC 9111 §4.2.1),
/// and who says so.
pub(crate) fn lifetime(
    status: StatusCode,
    headers: &HeaderMap,
    directives: &ResponseDirectives,
    times: Times,
    policy: &Policy,
) -> (u64, LifetimeSource) {
    if let Some(forced_ms) = policy.forced_ttl_ms {
        return (forced_ms, LifetimeSource::Policy);
    }
    let now_s = times.response_ms / 1000;
    let date_s = date_field(headers, DATE, now_s).unwrap_or(now_s);
    if let Some(seconds) = directives.lifetime_s() {
        return (seconds * 1000, LifetimeSource::Explicit);
    }
    if !directives.targeted && headers.contains_key(EXPIRES) {
        let expires_s = expires(headers, now_s);
        return (expires_s.saturating_sub(date_s).saturating_mul(1000), LifetimeSource::Explicit);
    }
    if let Some((_, ttl_ms)) = policy.status_ttl_ms.iter().find(|(of, _)| *of == status) {
        return (*ttl_ms, LifetimeSource::Policy);
    }
    if !directives.public && !is_heuristically_cacheable(status) {
        return (0, LifetimeSource::None);
    }
    if policy.heuristic_percent > 0
        && let Some(modified_s) = date_field(headers, LAST_MODIFIED, now_s)
    {
        let unchanged_ms = date_s.saturating_sub(modified_s).saturating_mul(1000);
        let lifetime_ms = (unchanged_ms / 100).saturating_mul(policy.heuristic_percent);
        return (lifetime_ms.min(policy.heuristic_max_ms), LifetimeSource::Heuristic);
    }
    match policy.default_ttl_ms {
        0 => (0, LifetimeSource::None),
        ttl_ms => (ttl_ms, LifetimeSource::Policy),
    }
}

/// The earliest of the dates in `Expires`; one that is no date is long past (RFC 9111
/// §5.3).
fn expires(headers: &HeaderMap, now_s: u64) -> u64 {
    headers
        .get_all(EXPIRES)
        .into_iter()
        .map(|line| date::parse(super::grammar::trim(line.as_bytes()), now_s).unwrap_or(0))
        .min()
        .unwrap_or(0)
}

/// RFC 9110 §15.1.
pub(crate) fn is_heuristically_cacheable(status: StatusCode) -> bool {
    matches!(status.as_u16(), 200 | 203 | 204 | 206 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501)
}

/// Whether this cache knows what a status asks of caches: all that RFC 9110 defines.
pub(crate) fn is_understood(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        200..=206 | 300..=305 | 307 | 308 | 400..=417 | 421 | 422 | 426 | 500..=505
    )
}
