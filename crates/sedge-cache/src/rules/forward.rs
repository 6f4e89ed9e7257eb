//! What of a request goes to the origin.

use super::etag::EntityTag;
use super::parts::Completion;
use super::policy::Policy;
use super::stored::StoredHead;
use super::vary;
use http::header::{
    ACCEPT_ENCODING, HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
    LAST_MODIFIED, RANGE,
};

/// Why the origin is asked.
#[derive(Clone, Copy, Debug)]
pub enum Fetch<'a> {
    /// The request goes past the store: nothing is changed.
    Pass,
    /// Nothing stored serves it. The client's conditions stay here, because a `304` could
    /// not be stored; its `Range` goes.
    Miss,
    /// Variants are stored, none of which it selects: the origin may name one of them by
    /// its tag (RFC 9111 §4.3.1).
    Variants(&'a [HeaderValue]),
    /// The stored response is to be validated.
    Validate(&'a StoredHead),
    /// Something is missing of the stored response.
    Complete(&'a Completion),
}

/// Makes a copy of the client's fields those of the request to the origin.
///
/// What may be stored must not depend on what no key has: see
/// [`Policy::unkeyed_removed`] and [`Policy::codings`].
pub fn prepare(headers: &mut HeaderMap, fetch: Fetch<'_>, policy: &Policy) {
    if matches!(fetch, Fetch::Pass) {
        return;
    }
    for name in policy.unkeyed_removed.iter().filter(|name| !policy.key_fields.contains(name)) {
        headers.remove(name);
    }
    if !policy.codings.is_empty() && headers.contains_key(ACCEPT_ENCODING) {
        // The codings are a policy's, which need not be tokens; what is no value is left out.
        match HeaderValue::try_from(vary::codings(headers, policy)) {
            Ok(codings) => drop(headers.insert(ACCEPT_ENCODING, codings)),
            Err(_) => drop(headers.remove(ACCEPT_ENCODING)),
        }
    }
    headers.remove(IF_NONE_MATCH);
    headers.remove(IF_MODIFIED_SINCE);
    match fetch {
        Fetch::Pass | Fetch::Miss => {}
        Fetch::Variants(etags) => any_of(headers, etags),
        Fetch::Validate(stored) => validate(headers, stored),
        Fetch::Complete(completion) => {
            headers.insert(RANGE, completion.range.clone());
            headers.remove(IF_RANGE);
            if let Some(validator) = &completion.if_range {
                headers.insert(IF_RANGE, validator.clone());
            }
        }
    }
}

/// RFC 9111 §4.3.1: the tag, and the date as it came. A whole response is validated as a
/// whole; the client's range is cut from what is then stored.
fn validate(headers: &mut HeaderMap, stored: &StoredHead) {
    if EntityTag::of(&stored.headers).is_some()
        && let Some(etag) = stored.etag()
    {
        headers.insert(IF_NONE_MATCH, etag.clone());
    }
    if let Some(modified) = stored.headers.get(LAST_MODIFIED) {
        headers.insert(IF_MODIFIED_SINCE, modified.clone());
    }
    if stored.part.is_none() {
        headers.remove(RANGE);
        headers.remove(IF_RANGE);
    }
}

fn any_of(headers: &mut HeaderMap, etags: &[HeaderValue]) {
    let mut list = Vec::new();
    for etag in etags {
        if !list.is_empty() {
            list.extend_from_slice(b", ");
        }
        list.extend_from_slice(etag.as_bytes());
    }
    if !list.is_empty()
        && let Ok(list) = HeaderValue::from_bytes(&list)
    {
        headers.insert(IF_NONE_MATCH, list);
    }
}

#[cfg(test)]
mod tests;
