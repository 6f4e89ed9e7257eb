//! Ranges of bytes: what a request asks for, and what a response holds (RFC 9110 §14).

use super::grammar::{digits, members, trim};
use http::header::HeaderValue;

/// The most ranges that one request is answered with; more are answered with the whole
/// (RFC 9110 §14.2 lets a server ignore the field).
pub(crate) const RANGES_MAX: usize = 16;

/// A stretch of bytes, both ends included, so that it is never empty.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Span {
    /// The first byte's position.
    pub first: u64,
    /// The last byte's position, not less than the first.
    pub last: u64,
}

impl Span {
    /// How many bytes it has: one at least.
    pub fn bytes(&self) -> u64 {
        (self.last - self.first).saturating_add(1)
    }
}

/// One range as a request writes it (RFC 9110 §14.1.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wanted {
    /// From a position to another one, or to the end.
    From(u64, Option<u64>),
    /// The last so many bytes.
    Suffix(u64),
}

impl Wanted {
    /// The stretch that this is of `total` bytes, or none if there is nothing of it.
    pub(crate) fn within(self, total: u64) -> Option<Span> {
        let end = total.checked_sub(1)?;
        match self {
            Wanted::From(first, last) if first <= end => {
                Some(Span { first, last: last.unwrap_or(end).min(end) })
            }
            Wanted::Suffix(bytes) if bytes > 0 => {
                Some(Span { first: total.saturating_sub(bytes), last: end })
            }
            _ => None,
        }
    }
}

/// The ranges of `bytes` that a `Range` field asks for, or none if it is to be ignored:
/// malformed, of another unit, or of too many ranges.
pub(crate) fn wanted(field: &HeaderValue) -> Option<Vec<Wanted>> {
    let field = trim(field.as_bytes());
    let unit_end = field.iter().position(|byte| *byte == b'=')?;
    if !field[..unit_end].eq_ignore_ascii_case(b"bytes") {
        return None;
    }
    let mut ranges = Vec::new();
    for member in members(&field[unit_end + 1..]) {
        if ranges.len() == RANGES_MAX {
            return None;
        }
        ranges.push(one_wanted(member)?);
    }
    (!ranges.is_empty()).then_some(ranges)
}

fn one_wanted(member: &[u8]) -> Option<Wanted> {
    let dash = member.iter().position(|byte| *byte == b'-')?;
    let (first, last) = (&member[..dash], &member[dash + 1..]);
    if first.is_empty() {
        return Some(Wanted::Suffix(digits(last)?));
    }
    let first = digits(first)?;
    if last.is_empty() {
        return Some(Wanted::From(first, None));
    }
    let last = digits(last)?;
    (first <= last).then_some(Wanted::From(first, Some(last)))
}

/// What `Content-Range` says (RFC 9110 §14.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ContentRange {
    /// Where the content lies.
    pub span: Span,
    /// How long the whole is, if that is known.
    pub total: Option<u64>,
}

impl ContentRange {
    /// Reads the field. None if it is invalid, or says that no range was satisfiable.
    pub(crate) fn parse(field: &HeaderValue) -> Option<Self> {
        let field = trim(field.as_bytes());
        let (unit, rest) = field.split_at(field.iter().position(|byte| *byte == b' ')?);
        if !unit.eq_ignore_ascii_case(b"bytes") {
            return None;
        }
        let rest = &rest[1..];
        let slash = rest.iter().position(|byte| *byte == b'/')?;
        let dash = rest[..slash].iter().position(|byte| *byte == b'-')?;
        let span = Span { first: digits(&rest[..dash])?, last: digits(&rest[dash + 1..slash])? };
        let total = match &rest[slash + 1..] {
            b"*" => None,
            total => Some(digits(total)?),
        };
        // What is too large for the type was read as its largest value, which nothing has.
        let sound = span.first <= span.last
            && span.last < u64::MAX
            && total.is_none_or(|total| span.last < total && total < u64::MAX);
        sound.then_some(ContentRange { span, total })
    }

    /// Writes the field.
    pub(crate) fn to_value(self) -> HeaderValue {
        let Span { first, last } = self.span;
        let text = match self.total {
            Some(total) => format!("bytes {first}-{last}/{total}"),
            None => format!("bytes {first}-{last}/*"),
        };
        ascii(text)
    }
}

/// A field's value of text that is known to be visible ASCII.
pub(crate) fn ascii(text: String) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests;
