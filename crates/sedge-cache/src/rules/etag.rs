//! Entity tags (RFC 9110 §8.8.3) and lists of them.

use super::grammar::trim;
use http::header::{ETAG, HeaderMap, HeaderName};

/// An entity tag as it is written. One without quotes is none by the RFC, but origins
/// send such; it is like itself only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct EntityTag<'a>(&'a [u8]);

impl<'a> EntityTag<'a> {
    /// The tag of a response, if it has exactly one.
    pub(crate) fn of(headers: &'a HeaderMap) -> Option<Self> {
        let mut lines = headers.get_all(ETAG).into_iter();
        let tag = trim(lines.next()?.as_bytes());
        (lines.next().is_none() && !tag.is_empty()).then_some(EntityTag(tag))
    }

    /// A tag as it stands in `If-Range`.
    pub(crate) fn from_bytes(bytes: &'a [u8]) -> Self {
        EntityTag(trim(bytes))
    }

    /// Not written as weak, and well-formed.
    pub(crate) fn is_strong(self) -> bool {
        self.0.len() >= 2 && self.0.starts_with(b"\"") && self.0.ends_with(b"\"")
    }

    fn opaque(self) -> &'a [u8] {
        self.0.strip_prefix(b"W/").unwrap_or(self.0)
    }

    /// The strong comparison (RFC 9110 §8.8.3.2).
    pub(crate) fn is_strongly(self, other: EntityTag<'_>) -> bool {
        self.is_strong() && self.0 == other.0
    }

    /// The weak comparison.
    pub(crate) fn is_weakly(self, other: EntityTag<'_>) -> bool {
        self.opaque() == other.opaque()
    }
}

/// Whether a list of tags such as `If-None-Match` has one that is weakly like `tag`, or
/// is `*`, which any tag and none is like.
pub(crate) fn any_like(headers: &HeaderMap, list: &HeaderName, tag: Option<EntityTag<'_>>) -> bool {
    headers.get_all(list).into_iter().any(|line| {
        trim(line.as_bytes()) == b"*"
            || tag.is_some_and(|tag| tags(line.as_bytes()).any(|listed| listed.is_weakly(tag)))
    })
}

/// The tags of one line. A tag can have commas and backslashes within its quotes, and
/// nothing is escaped there, so that it is not split like other lists.
fn tags(line: &[u8]) -> impl Iterator<Item = EntityTag<'_>> {
    let mut rest = line;
    std::iter::from_fn(move || {
        while let [b',' | b' ' | b'\t', after @ ..] = rest {
            rest = after;
        }
        if rest.is_empty() {
            return None;
        }
        let comma = rest.iter().position(|byte| *byte == b',').unwrap_or(rest.len());
        // Not beyond the comma: a long list without quotes is read once.
        let opening = rest[..comma].iter().position(|byte| *byte == b'"');
        let end = match opening {
            Some(opening) => {
                let closing = rest[opening + 1..].iter().position(|byte| *byte == b'"');
                closing.map_or(comma, |closing| opening + closing + 2)
            }
            None => comma,
        };
        let tag = EntityTag(trim(&rest[..end]));
        rest = &rest[end..];
        Some(tag)
    })
}

#[cfg(test)]
mod tests {
    use super::{EntityTag, any_like, tags};
    use http::header::{HeaderMap, HeaderValue, IF_NONE_MATCH};
    use proptest::prelude::*;

    fn like(list: &str, tag: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(IF_NONE_MATCH, HeaderValue::from_bytes(list.as_bytes()).unwrap());
        let tag = tag.map(|tag| EntityTag::from_bytes(tag.as_bytes()));
        any_like(&headers, &IF_NONE_MATCH, tag)
    }

    #[test]
    fn unlike() {
        for (list, tag) in [
            ("", "\"a\""),
            (",", "\"a\""),
            ("\"b\"", "\"a\""),
            ("a", "\"a\""),
            ("\"a\"", "a"),
            ("w/\"a\"", "\"a\""),
            ("\"a", "\"a\""),
            ("\"x, \"a\"", "\"a\""),
            ("\"A\"", "\"a\""),
            ("\"*\"", "\"a\""),
            ("\"a,b\"", "\"a\""),
        ] {
            assert!(!like(list, Some(tag)), "{list} {tag}");
        }
        assert!(!like("\"a\"", None));
    }

    #[test]
    fn alike() {
        for (list, tag) in [
            ("\"a\"", "\"a\""),
            ("W/\"a\"", "\"a\""),
            ("\"a\"", "W/\"a\""),
            ("W/\"a\"", "W/\"a\""),
            ("\"x\", \"a\", \"y\"", "\"a\""),
            ("\"x\",\"y\" , \"a\"", "\"a\""),
            ("*", "\"a\""),
            ("\"a,b\\\"", "\"a,b\\\""),
            ("a", "a"),
            ("x, a", "a"),
            ("\"\u{fc}\"", "\"\u{fc}\""),
            ("w/\"a\"", "w/\"a\""),
            ("W\\\"a\"", "W\\\"a\""),
            ("\"\"", "\"\""),
        ] {
            assert!(like(list, Some(tag)), "{list} {tag}");
        }
        assert!(like(" * ", None));
        // Each tag looked for in all of the rest would take minutes.
        assert!(!like(&"a,".repeat(1_000_000), Some("\"b\"")));
    }

    #[test]
    fn strong_and_weak() {
        let tag = |tag: &'static str| EntityTag::from_bytes(tag.as_bytes());
        for weak in ["W/\"a\"", "a", "\"", "w/\"a\"", "\"a"] {
            assert!(!tag(weak).is_strong(), "{weak}");
            assert!(!tag(weak).is_strongly(tag(weak)), "{weak}");
        }
        assert!(tag("\"a\"").is_strongly(tag(" \"a\" ")));
        assert!(!tag("\"a\"").is_strongly(tag("\"b\"")));
    }

    #[test]
    fn two_tags_are_none() {
        let mut headers = HeaderMap::new();
        headers.append("etag", HeaderValue::from_static("\"a\""));
        assert!(EntityTag::of(&headers).is_some());
        headers.append("etag", HeaderValue::from_static("\"b\""));
        assert!(EntityTag::of(&headers).is_none());
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_lists_end(bytes: Vec<u8>, text in "[\"a, W/*]{0,30}") {
            prop_assert!(tags(&bytes).count() <= bytes.len());
            prop_assert!(tags(text.as_bytes()).count() <= text.len());
        }
    }
}
