//! What `Cache-Control` says, in requests and in responses, and what fields that are
//! meant for this cache say instead of it (RFC 9213).
//!
//! Where a response says a thing twice or contradicts itself, the more restrictive
//! counts (RFC 9111 §4.2.1): the shortest lifetime, and zero for one that is no number.

use super::grammar::{SECONDS_MAX, digits, list, quoted_len, seconds};
use super::structured::{self, Bare, Malformed};
use http::header::{CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue};

/// The directives of a response that govern this cache (RFC 9111 §5.2.2, RFC 5861, RFC
/// 8246). Times are in seconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ResponseDirectives {
    /// Not to be stored.
    pub no_store: bool,
    /// Not to be reused without validation.
    pub no_cache: bool,
    /// Not for a shared cache.
    pub private: bool,
    /// Storable where it otherwise would not be.
    pub public: bool,
    /// Never served stale.
    pub must_revalidate: bool,
    /// Never served stale by a shared cache.
    pub proxy_revalidate: bool,
    /// Stored only by who understands the status, who then ignores `no-store`.
    pub must_understand: bool,
    /// Content is not to be transformed.
    pub no_transform: bool,
    /// Does not change while fresh.
    pub immutable: bool,
    /// How long the response is fresh.
    pub max_age: Option<u64>,
    /// The same for shared caches only.
    pub s_maxage: Option<u64>,
    /// How long it may be served stale while it is validated behind.
    pub stale_while_revalidate: Option<u64>,
    /// How long it may be served stale when the origin fails.
    pub stale_if_error: Option<u64>,
    /// They come from a targeted field, so that `Cache-Control` and `Expires` do not
    /// count.
    pub targeted: bool,
}

impl ResponseDirectives {
    /// Whether `Cache-Control` itself says how long the response is fresh.
    pub(crate) fn lifetime_s(&self) -> Option<u64> {
        self.s_maxage.or(self.max_age)
    }

    /// Whether a stale response must never be served, whatever the time since (RFC 9111
    /// §4.2.4). `s-maxage` implies `proxy-revalidate`; but an origin that writes it and,
    /// beside it, how long the response may be stale has said which it means.
    pub(crate) fn forbids_stale(&self, allowed_s: Option<u64>) -> bool {
        self.no_cache
            || self.must_revalidate
            || self.proxy_revalidate
            || (self.s_maxage.is_some() && allowed_s.is_none())
    }
}

/// What a response says, and which of its fields may not be kept: those that
/// `no-cache="…"` and `private="…"` name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ResponseControl {
    pub(crate) directives: ResponseDirectives,
    pub(crate) withheld: Vec<HeaderName>,
}

impl ResponseControl {
    /// The first of the `targeted` fields that is there and well-formed, else
    /// `Cache-Control` (RFC 9213 §2.2).
    pub(crate) fn read(headers: &HeaderMap, targeted: &[HeaderName]) -> Self {
        targeted
            .iter()
            .find_map(|name| Self::read_targeted(headers, name))
            .unwrap_or_else(|| Self::read_cache_control(headers))
    }

    fn read_cache_control(headers: &HeaderMap) -> Self {
        let mut control = Self::default();
        for member in list(headers, CACHE_CONTROL) {
            let (name, value) = directive(member);
            control.directive(name, value);
        }
        control
    }

    fn directive(&mut self, name: &[u8], value: Option<&[u8]>) {
        let is = |directive: &str| name.eq_ignore_ascii_case(directive.as_bytes());
        let qualified = (is("no-cache") || is("private")) && self.withhold(value);
        let directives = &mut self.directives;
        let lifetime = || value.and_then(seconds).unwrap_or(0);
        if is("max-age") {
            shorten(&mut directives.max_age, lifetime());
        } else if is("s-maxage") {
            shorten(&mut directives.s_maxage, lifetime());
        } else if is("stale-while-revalidate") {
            shorten(&mut directives.stale_while_revalidate, lifetime());
        } else if is("stale-if-error") {
            shorten(&mut directives.stale_if_error, lifetime());
        } else if is("no-cache") {
            directives.no_cache |= !qualified;
        } else if is("private") {
            directives.private |= !qualified;
        } else if let Some(flag) = flag(directives, name) {
            *flag = true;
        }
    }

    /// Takes note of the fields that `value` lists; false if it lists none, or anything
    /// that is no field's name: then the directive is about the whole response.
    fn withhold(&mut self, value: Option<&[u8]>) -> bool {
        let Some(value) = value else { return false };
        let before = self.withheld.len();
        for name in super::grammar::members(value) {
            match HeaderName::from_bytes(name) {
                Ok(name) => self.withheld.push(name),
                Err(_) => return false,
            }
        }
        self.withheld.len() > before
    }

    fn read_targeted(headers: &HeaderMap, name: &HeaderName) -> Option<Self> {
        let value = joined(headers, name)?;
        let mut control = Self::default();
        control.directives.targeted = true;
        let mut any = false;
        structured::dictionary(value.as_bytes(), |key, value| {
            any = true;
            control.member(key, value)
        })
        .ok()?;
        any.then_some(control)
    }

    /// A key that comes twice has its last value, unlike in `Cache-Control`.
    fn member(&mut self, key: &[u8], value: Bare<'_>) -> Result<(), Malformed> {
        let directives = &mut self.directives;
        match key {
            b"max-age" => directives.max_age = Some(lifetime(value)?),
            b"s-maxage" => directives.s_maxage = Some(lifetime(value)?),
            b"stale-while-revalidate" => {
                directives.stale_while_revalidate = Some(lifetime(value)?);
            }
            b"stale-if-error" => directives.stale_if_error = Some(lifetime(value)?),
            b"no-cache" => self.directives.no_cache = self.about_all(value)?,
            b"private" => self.directives.private = self.about_all(value)?,
            _ => {
                if let Some(flag) = flag(directives, key) {
                    match value {
                        Bare::Boolean(set) => *flag = set,
                        _ => return Err(Malformed),
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether `no-cache` or `private` with this value is about the whole response.
    fn about_all(&mut self, value: Bare<'_>) -> Result<bool, Malformed> {
        match value {
            Bare::Boolean(set) => Ok(set),
            Bare::String(names) | Bare::Token(names) => Ok(!self.withhold(Some(names))),
            _ => Err(Malformed),
        }
    }
}

fn lifetime(value: Bare<'_>) -> Result<u64, Malformed> {
    match value {
        // A negative lifetime is none.
        Bare::Integer(seconds) => Ok(u64::try_from(seconds).unwrap_or(0).min(SECONDS_MAX)),
        _ => Err(Malformed),
    }
}

fn shorten(lifetime: &mut Option<u64>, to: u64) {
    *lifetime = Some(lifetime.map_or(to, |before| before.min(to)));
}

fn flag<'a>(directives: &'a mut ResponseDirectives, name: &[u8]) -> Option<&'a mut bool> {
    let is = |directive: &str| name.eq_ignore_ascii_case(directive.as_bytes());
    Some(if is("no-store") {
        &mut directives.no_store
    } else if is("public") {
        &mut directives.public
    } else if is("must-revalidate") {
        &mut directives.must_revalidate
    } else if is("proxy-revalidate") {
        &mut directives.proxy_revalidate
    } else if is("must-understand") {
        &mut directives.must_understand
    } else if is("no-transform") {
        &mut directives.no_transform
    } else if is("immutable") {
        &mut directives.immutable
    } else {
        return None;
    })
}

/// All lines of a field as one value (RFC 9110 §5.3), or none if it is absent.
pub(crate) fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<HeaderValue> {
    let mut lines = headers.get_all(name).into_iter();
    let first = lines.next()?;
    let Some(second) = lines.next() else {
        return Some(first.clone());
    };
    let mut all = first.as_bytes().to_vec();
    for line in std::iter::once(second).chain(lines) {
        all.extend_from_slice(b", ");
        all.extend_from_slice(line.as_bytes());
    }
    // Values and commas make a value; were it otherwise, the field would be as absent.
    HeaderValue::from_bytes(&all).ok()
}

/// The directives of a request (RFC 9111 §5.2.1, RFC 5861 §4), in seconds. One that
/// cannot be read says nothing: unlike a response's, it protects nobody.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RequestDirectives {
    /// A stored response is to be validated before it is used.
    pub no_cache: bool,
    /// Nothing of this is to be stored.
    pub no_store: bool,
    /// Nobody else is to be asked.
    pub only_if_cached: bool,
    /// The greatest age of a response.
    pub max_age: Option<u64>,
    /// How long it is still to be fresh.
    pub min_fresh: Option<u64>,
    /// How long it may have been stale; all times if the number is [`u64::MAX`].
    pub max_stale: Option<u64>,
    /// How long it may have been stale if the origin fails.
    pub stale_if_error: Option<u64>,
}

impl RequestDirectives {
    /// Adds what one line says.
    pub(crate) fn read(&mut self, line: &[u8]) {
        for member in super::grammar::members(line) {
            let (name, value) = directive(member);
            let is = |directive: &str| name.eq_ignore_ascii_case(directive.as_bytes());
            let number = value.and_then(seconds);
            if is("no-cache") {
                self.no_cache = true;
            } else if is("no-store") {
                self.no_store = true;
            } else if is("only-if-cached") {
                self.only_if_cached = true;
            } else if is("max-age") {
                self.max_age = number.or(self.max_age);
            } else if is("min-fresh") {
                self.min_fresh = number.or(self.min_fresh);
            } else if is("max-stale") {
                let all = value.is_none().then_some(u64::MAX);
                self.max_stale = number.or(all).or(self.max_stale);
            } else if is("stale-if-error") {
                self.stale_if_error = number.or(self.stale_if_error);
            }
        }
    }
}

/// A directive's name and argument, without the quotes of the latter: both forms count
/// (RFC 9111 §5.2). With a space before the `=` or after it, the argument is one that no
/// number looks like, so that `max-age =60` is a lifetime of zero.
fn directive(member: &[u8]) -> (&[u8], Option<&[u8]>) {
    let Some(equals) = member.iter().position(|byte| *byte == b'=') else {
        return (member, None);
    };
    let (name, value) = (&member[..equals], &member[equals + 1..]);
    if let Some(name) = name.strip_suffix(b" ").or(name.strip_suffix(b"\t")) {
        return (name.trim_ascii_end(), Some(b""));
    }
    if value.first() == Some(&b'"') && quoted_len(value) == Some(value.len()) {
        return (name, Some(&value[1..value.len() - 1]));
    }
    (name, Some(value))
}

/// The seconds in `Age`: its first member, if that is a number (RFC 9111 §5.1).
pub(crate) fn age_s(headers: &HeaderMap) -> Option<u64> {
    let line = headers.get(http::header::AGE)?.as_bytes();
    let first = line.split(|byte| *byte == b',').next()?;
    digits(super::grammar::trim(first)).map(|age| age.min(SECONDS_MAX))
}

#[cfg(test)]
mod tests;
