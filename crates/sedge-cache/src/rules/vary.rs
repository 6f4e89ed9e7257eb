//! Which of a target's stored responses a request selects (RFC 9111 §4.1).

use super::grammar::{list, pieces, trim, weighed, weight};
use super::policy::Policy;
use crate::key::Key;
use http::header::{
    ACCEPT_ENCODING, ACCEPT_LANGUAGE, ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_ENCODING,
    CONTENT_LANGUAGE, HeaderMap, HeaderName, HeaderValue, ORIGIN, VARY,
};

/// Which dictionary a client has (RFC 9842 §2.2).
const AVAILABLE_DICTIONARY: HeaderName = HeaderName::from_static("available-dictionary");

/// Whose page asks (Fetch Metadata, §2.3).
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The most field names that one `Vary` may have.
const NAMES_MAX: usize = 32;

/// A field that selects, and what it had to say in the request: none if it was absent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VaryField {
    /// The field's name.
    pub name: HeaderName,
    /// Its value in one spelling; see [`normalized`].
    pub value: Option<Box<[u8]>>,
}

impl VaryField {
    /// What a key is made of.
    pub(crate) fn parts(&self) -> [&[u8]; 3] {
        let presence: &[u8] = if self.value.is_some() { b"+" } else { b"-" };
        [self.name.as_str().as_bytes(), presence, self.value.as_deref().unwrap_or_default()]
    }
}

/// Why a response's `Vary` keeps it out of the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BadVary {
    /// It has a `*`, or what cannot be a field's name, which nobody can compare.
    Star,
    /// It has too many names.
    Long,
}

/// The names in `Vary`, and those that the response varies by as it shows, sorted, each
/// once.
pub(crate) fn names(headers: &HeaderMap) -> Result<Vec<HeaderName>, BadVary> {
    let mut names: Vec<HeaderName> = shown(headers).collect();
    for member in list(headers, VARY) {
        if member == b"*" {
            return Err(BadVary::Star);
        }
        names.push(HeaderName::from_bytes(member).map_err(|_| BadVary::Star)?);
        if names.len() > NAMES_MAX {
            return Err(BadVary::Long);
        }
    }
    names.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
    names.dedup();
    Ok(names)
}

/// Fields that a response was made for though its `Vary` may not say so: one in a coding
/// is for those who take it, one compressed with a dictionary for those who have that, and
/// one that lets the scripts of one origin read it is not for those of others (Fetch, "CORS
/// protocol and HTTP caches").
fn shown(headers: &HeaderMap) -> impl Iterator<Item = HeaderName> {
    let plain = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    let coded = headers.get(CONTENT_ENCODING).is_some_and(|coding| !plain(coding));
    let shared = headers.get(ACCESS_CONTROL_ALLOW_ORIGIN);
    let allowed = shared.is_some_and(|origin| origin.as_bytes() != b"*");
    let by_dictionary = list(headers, CONTENT_ENCODING).any(takes_dictionary);
    let coded = coded.then_some(ACCEPT_ENCODING).into_iter();
    coded.chain(by_dictionary.then_some(AVAILABLE_DICTIONARY)).chain(allowed.then_some(ORIGIN))
}

/// Whether a coding is one that takes a dictionary of the client's (RFC 9842 §4, §5).
fn takes_dictionary(coding: &[u8]) -> bool {
    [b"dcb", b"dcz"].iter().any(|one| coding.eq_ignore_ascii_case(*one))
}

/// What a request says in the fields of these names.
pub(crate) fn values(request: &HeaderMap, names: &[HeaderName], policy: &Policy) -> Vec<VaryField> {
    let field = |name: &HeaderName| VaryField {
        name: name.clone(),
        value: normalized(request, name, policy),
    };
    names.iter().map(field).collect()
}

/// What a request says in the fields that `fields` are of.
pub(crate) fn again(request: &HeaderMap, fields: &[VaryField], policy: &Policy) -> Vec<VaryField> {
    let field = |field: &VaryField| VaryField {
        name: field.name.clone(),
        value: normalized(request, &field.name, policy),
    };
    fields.iter().map(field).collect()
}

/// The key of the variant with these fields, of a target with the key `primary`; that key
/// itself if nothing varies.
pub(crate) fn key(primary: Key, fields: &[VaryField]) -> Key {
    if fields.is_empty() {
        return primary;
    }
    let parts = fields.iter().flat_map(VaryField::parts);
    Key::of([&b"variant"[..], &primary.0].into_iter().chain(parts))
}

/// Whether a request says in these fields what the request did that they were taken
/// from, so that it selects the response.
pub(crate) fn matches(request: &HeaderMap, fields: &[VaryField], policy: &Policy) -> bool {
    fields.iter().all(|field| normalized(request, &field.name, policy) == field.value)
}

/// The same, but a response that is in the one language which the request most wants
/// need not have been made for a request with the same wishes: whoever chooses by these
/// chooses that (RFC 9110 §12.5.4).
pub(crate) fn matches_by_language(
    request: &HeaderMap,
    fields: &[VaryField],
    language: Option<&[u8]>,
    policy: &Policy,
) -> bool {
    let Some(language) = language.filter(|_| policy.select_language) else {
        return false;
    };
    let wanted = |field: &VaryField| {
        field.name == ACCEPT_LANGUAGE
            && most_wanted(request).is_some_and(|most| most.eq_ignore_ascii_case(language))
    };
    fields
        .iter()
        .all(|field| wanted(field) || normalized(request, &field.name, policy) == field.value)
}

/// The language of a response's content, in lower case, if it is in one only.
pub(crate) fn language(headers: &HeaderMap) -> Option<Box<[u8]>> {
    let mut languages = list(headers, CONTENT_LANGUAGE);
    match (languages.next(), languages.next()) {
        (Some(one), None) => Some(one.to_ascii_lowercase().into()),
        _ => None,
    }
}

/// The one language that a request prefers to all others, if there is one.
fn most_wanted(request: &HeaderMap) -> Option<&[u8]> {
    let mut best: Option<(&[u8], u16)> = None;
    let mut alone = false;
    for (language, weight) in list(request, ACCEPT_LANGUAGE).map(weighed) {
        match best {
            Some((_, most)) if weight < most => {}
            Some((_, most)) if weight == most => alone = false,
            _ => (best, alone) = (Some((language, weight)), true),
        }
    }
    let (language, weight) = best.filter(|_| alone)?;
    (weight > 0 && language != b"*").then_some(language)
}

/// A request's field in one of the spellings that mean the same (RFC 9111 §4.1): lines
/// joined, no spaces around commas. Of `Accept-Encoding` only the policy's codings are
/// left; of `Accept-Language` the order and the case are gone, if it is as it should be.
/// Empty members stay, because not every field is a list, and not every reader skips them.
pub(crate) fn normalized(
    request: &HeaderMap,
    name: &HeaderName,
    policy: &Policy,
) -> Option<Box<[u8]>> {
    if !request.contains_key(name) {
        return None;
    }
    if *name == ACCEPT_ENCODING && !policy.codings.is_empty() {
        return Some(codings(request, policy).into());
    }
    let all = || request.get_all(name).into_iter().flat_map(|line| pieces(line.as_bytes()));
    let is_language = *name == ACCEPT_LANGUAGE;
    if is_language && all().all(is_plain_language) {
        return Some(languages(request).into());
    }
    // What no field can have sets other languages apart from those above.
    let mut value = if is_language { vec![0] } else { Vec::new() };
    for (at, piece) in all().enumerate() {
        if at > 0 {
            value.push(b',');
        }
        value.extend_from_slice(piece);
    }
    Some(value.into())
}

/// Whether it is a language range and at most a weight, which all readers take for the
/// same (RFC 9110 §12.5.4). Of anything else they may make what they like.
fn is_plain_language(member: &[u8]) -> bool {
    let mut pieces = member.split(|byte| *byte == b';').map(trim);
    let range = pieces.next().unwrap_or_default();
    let is_range = |byte: &u8| byte.is_ascii_alphanumeric() || b"-*".contains(byte);
    let is_weight = |piece: &[u8]| match piece {
        [b'q' | b'Q', b'=', value @ ..] => weight(value).is_some(),
        _ => false,
    };
    let weighed = pieces.next().is_none_or(is_weight);
    !range.is_empty() && range.iter().all(is_range) && weighed && pieces.next().is_none()
}

/// The policy's codings that a request accepts, in the policy's order: what is sent to
/// the origin, and what selects. Only the first 32 codings of a policy are looked at. Those
/// that take a dictionary count only where the client names one, and are not in `*`; nor for
/// a page of another site, which could read from sizes what it may not read (RFC 9842 §9.3).
pub(crate) fn codings(request: &HeaderMap, policy: &Policy) -> Vec<u8> {
    let known = &policy.codings[..policy.codings.len().min(32)];
    let (mut wanted, mut refused, mut others) = (0u32, 0u32, false);
    for (coding, weight) in list(request, ACCEPT_ENCODING).map(weighed) {
        match known.iter().position(|known| known.as_bytes().eq_ignore_ascii_case(coding)) {
            Some(at) if weight > 0 => wanted |= 1 << at,
            Some(at) => refused |= 1 << at,
            None => others |= coding == b"*" && weight > 0,
        }
    }
    let mut value = Vec::with_capacity(32);
    let is_own =
        request.get(SEC_FETCH_SITE).is_none_or(|site| site == "same-origin" || site == "none");
    let has_dictionary = is_own && request.contains_key(AVAILABLE_DICTIONARY);
    for (at, coding) in known.iter().enumerate() {
        let is_named = wanted >> at & 1 == 1;
        let named = match takes_dictionary(coding.as_bytes()) {
            true => is_named && has_dictionary,
            false => is_named || others,
        };
        // Of a coding that is wanted and refused, the more restrictive counts.
        if !named || refused >> at & 1 == 1 {
            continue;
        }
        if !value.is_empty() {
            value.extend_from_slice(b", ");
        }
        value.extend_from_slice(coding.as_bytes());
    }
    value
}

/// Languages in lower case, the most wanted first, those equally wanted by name.
fn languages(request: &HeaderMap) -> Vec<u8> {
    let mut wanted: Vec<(u16, Vec<u8>)> = list(request, ACCEPT_LANGUAGE)
        .map(weighed)
        .map(|(language, weight)| (1000 - weight, trim(language).to_ascii_lowercase()))
        .collect();
    wanted.sort_unstable();
    wanted.dedup();
    let mut value = Vec::new();
    for (unwanted, language) in wanted {
        value.extend_from_slice(&language);
        value.extend_from_slice(format!(";{unwanted},").as_bytes());
    }
    value
}

#[cfg(test)]
mod tests;
