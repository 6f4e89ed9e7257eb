//! What of a request goes to the origin.

use super::etag::EntityTag;
use super::parts::Completion;
use super::policy::Policy;
use super::stored::StoredHead;
use super::vary;
use http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap,
    HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED, RANGE,
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
    let unkeyed: Vec<HeaderName> =
        headers.keys().filter(|name| is_unkeyed(name, policy)).cloned().collect();
    for name in &unkeyed {
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

/// What describes content that the request does not have: servers that look at it
/// nevertheless answer otherwise, and no key has it.
const OF_CONTENT: [HeaderName; 4] =
    [CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_TYPE];

/// Whether a field may not go along with a request whose response may be stored.
fn is_unkeyed(name: &HeaderName, policy: &Policy) -> bool {
    let is_taken_off = OF_CONTENT.contains(name) || is_believed(name, policy);
    is_taken_off && !policy.key_fields.contains(name)
}

/// Whether it is a field of [`Policy::unkeyed_removed`], in any spelling.
fn is_believed(name: &HeaderName, policy: &Policy) -> bool {
    let alike = |byte: u8| if byte == b'_' { b'-' } else { byte };
    policy.unkeyed_removed.iter().any(|listed| {
        let (listed, name) = (listed.as_str().bytes(), name.as_str().bytes());
        listed.map(alike).eq(name.map(alike))
    })
}

/// Whether a request has such a field, so that its response may be of its making.
pub(crate) fn has_unkeyed(headers: &HeaderMap, policy: &Policy) -> bool {
    headers.keys().any(|name| is_believed(name, policy) && !policy.key_fields.contains(name))
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
