//! What a request that changed something makes invalid (RFC 9111 §4.4, RFC 9875 §3).

use super::ask::MethodClass;
use super::groups;
use super::policy::Policy;
use super::target::Target;
use http::header::{CONTENT_LOCATION, HeaderMap, HeaderName, LOCATION};
use http::{Method, StatusCode};

/// What is invalid after a response: stored responses to these targets, all variants of
/// them, and those that have one of these groups at the same origin. Whoever removes a
/// stored response for its target should remove those that share a group with it too
/// (RFC 9875 §2.2); but not those that share one with these.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Invalidated {
    /// The request's target first, if any.
    pub targets: Vec<Target>,
    /// Names of cache groups.
    pub groups: Vec<Box<str>>,
}

/// What the response to a request with `method` makes invalid: nothing, unless the method
/// is unsafe, or unknown, and the status tells of no error.
pub fn invalidated(
    method: &Method,
    target: &Target,
    status: StatusCode,
    headers: &HeaderMap,
    policy: &Policy,
) -> Invalidated {
    let succeeded = status.is_success() || status.is_redirection();
    if !MethodClass::of(method).invalidates() || !succeeded {
        return Invalidated::default();
    }
    let mut targets = vec![target.clone()];
    for name in [LOCATION, CONTENT_LOCATION] {
        let located = headers
            .get(name)
            .and_then(|location| location.to_str().ok())
            .and_then(|location| target.same_origin(location, policy));
        targets.extend(located.filter(|located| !targets.contains(located)));
    }
    let field = HeaderName::from_static("cache-group-invalidation");
    // More groups than a response can have: those beyond are of no response here.
    let groups = groups::groups(headers, &field).unwrap_or_default();
    Invalidated { targets, groups }
}

#[cfg(test)]
mod tests;
