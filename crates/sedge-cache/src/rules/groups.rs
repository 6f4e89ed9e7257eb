//! Names by which stored responses are purged together: cache groups (RFC 9875) and the
//! tags that CDNs have used before there were such.

use super::directives::joined;
use super::structured::{self, Bare, Malformed};
use super::target::Target;
use crate::key::Key;
use http::header::{HeaderMap, HeaderName};

/// The most names that one response may have: RFC 9875 §2 asks for 32 at least.
const TAGS_MAX: usize = 256;
/// The most bytes of one name: RFC 9875 §2 asks for 32 at least.
const TAG_BYTES_MAX: usize = 256;

/// Who can purge by a tag.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TagKind {
    /// A cache group: the origin itself, by a response (`Cache-Group-Invalidation`). The
    /// same name at two origins is two groups.
    Group,
    /// A surrogate key or cache tag: the operator. One name for all origins.
    Surrogate,
}

/// A name that a response has.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Tag {
    /// Who can purge by it.
    pub kind: TagKind,
    /// The name.
    pub name: Box<str>,
}

impl Tag {
    /// A key for the tag, at the origin of `target`.
    pub fn key(&self, target: &Target) -> Key {
        let (scheme, authority) = target.origin();
        let name = self.name.as_bytes();
        match self.kind {
            TagKind::Group => Key::of([b"group", scheme.as_bytes(), authority.as_bytes(), name]),
            TagKind::Surrogate => Key::of([b"surrogate", name]),
        }
    }
}

/// A response has more names than this cache keeps, or longer ones; without them, a purge
/// would miss it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TooManyTags;

/// The names that a response gives itself. `Cache-Groups` counts if all of it is well
/// formed (RFC 9875 §2); the others are split at spaces, or at commas.
pub(crate) fn tags(headers: &HeaderMap) -> Result<Vec<Tag>, TooManyTags> {
    let mut tags = Vec::new();
    for name in groups(headers, &HeaderName::from_static("cache-groups"))? {
        tags.push(Tag { kind: TagKind::Group, name });
    }
    let separated = [
        (HeaderName::from_static("surrogate-key"), b' '),
        (HeaderName::from_static("cache-tag"), b','),
    ];
    for (field, separator) in separated {
        let lines = headers.get_all(field).into_iter();
        let names = lines.flat_map(|line| line.as_bytes().split(move |byte| *byte == separator));
        for name in names.map(super::grammar::trim).filter(|name| !name.is_empty()) {
            bounded(tags.len(), name.len())?;
            let name = String::from_utf8_lossy(name).into();
            tags.push(Tag { kind: TagKind::Surrogate, name });
        }
    }
    Ok(tags)
}

/// The groups that a field lists, such as `Cache-Group-Invalidation`.
pub(crate) fn groups(
    headers: &HeaderMap,
    field: &HeaderName,
) -> Result<Vec<Box<str>>, TooManyTags> {
    let Some(value) = joined(headers, field) else {
        return Ok(Vec::new());
    };
    let mut names = Vec::new();
    let mut fits = Ok(());
    let read = structured::list(value.as_bytes(), |member| {
        let Bare::String(name) = member else {
            return Err(Malformed);
        };
        fits = fits.and(bounded(names.len(), name.len()));
        if fits.is_ok() {
            names.push(structured::unescaped(name));
        }
        Ok(())
    });
    match read {
        Ok(()) => fits.map(|()| names),
        Err(Malformed) => Ok(Vec::new()),
    }
}

fn bounded(before: usize, bytes: usize) -> Result<(), TooManyTags> {
    if before < TAGS_MAX && bytes <= TAG_BYTES_MAX { Ok(()) } else { Err(TooManyTags) }
}

#[cfg(test)]
mod tests {
    use super::{Tag, TagKind, TooManyTags, groups, tags};
    use crate::rules::{Policy, Target};
    use http::{HeaderMap, HeaderName, HeaderValue};

    fn of(name: &'static str, value: &str) -> Result<Vec<String>, TooManyTags> {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_str(value).unwrap());
        Ok(tags(&headers)?.into_iter().map(|tag| tag.name.into_string()).collect())
    }

    #[test]
    fn malformed_groups_are_none_and_too_many_are_an_error() {
        for bad in ["a", "\"a\" \"b\"", "\"a\", b", "\"a\"; \"b", "1"] {
            assert_eq!(of("cache-groups", bad), Ok(vec![]), "{bad}");
        }
        let long = format!("\"{}\"", "a".repeat(257));
        assert_eq!(of("cache-groups", &long), Err(TooManyTags));
        assert_eq!(of("cache-tag", &"a,".repeat(257)), Err(TooManyTags));
        assert_eq!(of("cache-tag", &"a,".repeat(256)).unwrap().len(), 256);
    }

    #[test]
    fn names() {
        let names = |names: &[&str]| Ok(names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(of("cache-groups", "\"a b\", \"c\\\"\";x=1"), names(&["a b", "c\""]));
        assert_eq!(of("surrogate-key", " a  b,c "), names(&["a", "b,c"]));
        assert_eq!(of("cache-tag", "a, b c,,"), names(&["a", "b c"]));
        let mut headers = HeaderMap::new();
        let field = HeaderName::from_static("cache-group-invalidation");
        assert_eq!(groups(&headers, &field), Ok(vec![]));
        headers.append(&field, HeaderValue::from_static("\"a\""));
        headers.append(&field, HeaderValue::from_static("\"b\""));
        assert_eq!(groups(&headers, &field), Ok(vec!["a".into(), "b".into()]));
    }

    #[test]
    fn groups_belong_to_an_origin_and_tags_to_nobody() {
        let target = |authority| Target::new("https", authority, "/", &Policy::default());
        let tag = |kind| Tag { kind, name: "x".into() };
        let (one, other) = (target("a"), target("b"));
        assert_ne!(tag(TagKind::Group).key(&one), tag(TagKind::Group).key(&other));
        assert_eq!(tag(TagKind::Surrogate).key(&one), tag(TagKind::Surrogate).key(&other));
        assert_ne!(tag(TagKind::Group).key(&one), tag(TagKind::Surrogate).key(&one));
    }
}
