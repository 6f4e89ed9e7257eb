//! Whether a stored response may answer a request (RFC 9111 §4, RFC 5861).

use super::ask::{Ask, MethodClass};
use super::cache_status::Fwd;
use super::parts::{Completion, Held, completion, held};
use super::policy::Policy;
use super::stored::StoredHead;
use http::StatusCode;

/// What to do with a stored response that a request selects.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reuse {
    /// Answer from it.
    Fresh,
    /// Answer from it although it is stale.
    Stale(Stale),
    /// Ask the origin whether it still holds, and answer then.
    Validate(Because),
    /// Ask the origin for what is missing of it.
    Complete(Completion),
    /// It does not have what is wanted: go to the origin as if nothing were stored.
    Forward(Because),
    /// The client wants nobody to be asked: answer `504` (RFC 9111 §5.2.1.7).
    GatewayTimeout,
}

/// Why a stale response is served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stale {
    /// It is being validated behind: whoever serves it has to see to that.
    WhileRevalidate,
    /// The client takes stale ones.
    MaxStale,
}

/// Why a stored response does not do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Because {
    /// It is stale.
    Stale,
    /// It says that it is to be validated each time.
    NoCache,
    /// The request's directives are not met.
    Request,
    /// It has not all the bytes.
    Partial,
}

impl Because {
    /// Whether a fresh response would do: then the answer to one validation serves all
    /// who wait for it.
    pub fn is_expired(self) -> bool {
        self == Because::Stale
    }

    /// What `Cache-Status` says of it.
    pub fn fwd(self) -> Fwd {
        match self {
            Because::Stale | Because::NoCache => Fwd::Stale,
            Because::Request => Fwd::Request,
            Because::Partial => Fwd::Partial,
        }
    }
}

/// A decision, and what `Age` and `Cache-Status` say of the response.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// What to do.
    pub reuse: Reuse,
    /// How old it is, in milliseconds.
    pub age_ms: u64,
    /// For how many seconds it is still fresh; negative if it is stale.
    pub ttl_s: i64,
}

/// What to do with a stored response that `ask` selects. `body_len` is how many bytes of
/// content are stored, or none if they are still arriving.
pub fn reuse(
    ask: &Ask<'_>,
    stored: &StoredHead,
    body_len: Option<u64>,
    now_ms: u64,
    policy: &Policy,
) -> Verdict {
    let age_ms = stored.age_ms(now_ms);
    let ttl_ms = stored.ttl_ms(now_ms);
    let mut reuse = missing(ask, stored, body_len, policy)
        .unwrap_or_else(|| by_time(ask, stored, age_ms, ttl_ms, policy));
    if ask.only_if_cached() && !matches!(reuse, Reuse::Fresh | Reuse::Stale(_)) {
        reuse = Reuse::GatewayTimeout;
    }
    Verdict { reuse, age_ms, ttl_s: ttl_ms.div_euclid(1000) }
}

/// What to do if parts are stored, and they are not those that are wanted. It does not
/// matter then whether they are fresh: with `If-Range`, what is asked for to complete them
/// validates them as well.
fn missing(
    ask: &Ask<'_>,
    stored: &StoredHead,
    body_len: Option<u64>,
    policy: &Policy,
) -> Option<Reuse> {
    stored.part.as_ref()?;
    if ask.method == MethodClass::Head {
        return Some(Reuse::Forward(Because::Partial));
    }
    match held(ask, stored, body_len) {
        Held::Whole | Held::Pieces(..) | Held::Unsatisfiable(_) => None,
        Held::Gap(gap) => completion(stored, gap, body_len, policy)
            .map(Reuse::Complete)
            .or(Some(Reuse::Forward(Because::Partial))),
        Held::Missing => Some(Reuse::Forward(Because::Partial)),
    }
}

fn by_time(ask: &Ask<'_>, stored: &StoredHead, age_ms: u64, ttl_ms: i64, policy: &Policy) -> Reuse {
    let directives = &stored.directives;
    if directives.no_cache {
        return Reuse::Validate(Because::NoCache);
    }
    let request = &ask.directives;
    // An age of zero is not greater than zero; but who says `max-age=0` means it.
    let too_old = |max_age: u64| max_age == 0 || age_ms > max_age.saturating_mul(1000);
    if request.no_cache || request.max_age.is_some_and(too_old) {
        return Reuse::Validate(Because::Request);
    }
    let fresh_for = |min_fresh: u64| ttl_ms >= signed(min_fresh.saturating_mul(1000));
    if ttl_ms > 0 {
        return match request.min_fresh {
            Some(min_fresh) if !fresh_for(min_fresh) => Reuse::Validate(Because::Request),
            _ => Reuse::Fresh,
        };
    }
    if request.min_fresh.is_some() {
        return Reuse::Validate(Because::Stale);
    }
    let stale_ms = ttl_ms.unsigned_abs();
    let allowed_s = directives.stale_while_revalidate;
    if !directives.forbids_stale(allowed_s) {
        let window_ms = allowed_s.map_or(policy.stale_while_revalidate_ms, |window| window * 1000);
        if stale_ms < window_ms {
            return Reuse::Stale(Stale::WhileRevalidate);
        }
    }
    let takes_stale = |max_stale: u64| stale_ms <= max_stale.saturating_mul(1000);
    if request.max_stale.is_some_and(takes_stale) && !directives.forbids_stale(None) {
        return Reuse::Stale(Stale::MaxStale);
    }
    Reuse::Validate(Because::Stale)
}

fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

/// How the origin has failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failed {
    /// It could not be reached, or broke off before the head of its response.
    Disconnected,
    /// It answered with this status, which is a failure from 500 on (RFC 9111 §4.3.3).
    Status(StatusCode),
}

/// Whether a stored response may be served instead of a failure (RFC 9111 §4.2.4, RFC
/// 5861 §4).
pub fn on_error(
    ask: &Ask<'_>,
    stored: &StoredHead,
    failed: Failed,
    now_ms: u64,
    policy: &Policy,
) -> bool {
    let directives = &stored.directives;
    let request = &ask.directives;
    let said_s = directives.stale_if_error.or(request.stale_if_error);
    if let Failed::Status(status) = failed {
        let counts = status.as_u16() >= 500 && (said_s.is_some() || policy.stale_on_5xx);
        if !counts {
            return false;
        }
    }
    // A stored failure is not better than a new one.
    if stored.status.is_server_error() || request.no_cache {
        return false;
    }
    if directives.forbids_stale(directives.stale_if_error) {
        return false;
    }
    let ttl_ms = stored.ttl_ms(now_ms);
    if ttl_ms > 0 {
        return true;
    }
    let window_ms = said_s.map_or(policy.stale_if_error_ms, |window| window * 1000);
    ttl_ms.unsigned_abs() < window_ms
}

#[cfg(test)]
mod tests;
