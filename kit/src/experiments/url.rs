//! URLs: which of them an experiment is for, where it leads to, and which variation a URL
//! asks for.
//!
//! Source: GrowthBook's "Build Your Own SDK", version 0.7, sections `getQueryStringOverride`
//! and "URL targeting and redirects". A URL is taken apart as the URL standard does it, as far
//! as targets need it: the host in lower case, without the default port; no dots are resolved
//! and nothing is encoded anew.

use super::pattern::Pattern;
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// A longer URL is no target, and asks for nothing.
pub const URL_BYTES_MAX: usize = 8 * 1024;

/// The host of a URL that has none, as in `/pricing`.
const NO_HOST: &str = "_";

/// A URL in its parts. The path begins with a slash; query and fragment have no mark before.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Url {
    scheme: String,
    host: String,
    path: String,
    query: String,
    fragment: String,
}

impl Url {
    /// Takes a URL apart; `host` is that of one that has none.
    fn parse(text: &str, host: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() > URL_BYTES_MAX {
            return None;
        }
        let (scheme, rest) = split_scheme(text);
        let (authority, rest) = match rest.strip_prefix("//") {
            Some(rest) => rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len())),
            None => (host, rest),
        };
        let host = authority.rsplit('@').next().unwrap_or_default().to_ascii_lowercase();
        let port = if scheme.eq_ignore_ascii_case("http") { ":80" } else { ":443" };
        let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        Some(Url {
            scheme: scheme.to_ascii_lowercase(),
            host: host.strip_suffix(port).unwrap_or(&host).into(),
            path: if path.starts_with('/') { path.into() } else { format!("/{path}") },
            query: query.into(),
            fragment: fragment.into(),
        })
    }

    /// Takes apart the URL at which a visitor is.
    pub(super) fn of_visitor(text: &str) -> Option<Self> {
        Url::parse(text, NO_HOST)
    }

    /// What follows the host.
    fn tail(&self) -> String {
        let mut tail = self.path.clone();
        for (mark, part) in [('?', &self.query), ('#', &self.fragment)] {
            if !part.is_empty() {
                tail.push(mark);
                tail.push_str(part);
            }
        }
        tail
    }
}

/// The scheme before `//`, and the rest with it.
fn split_scheme(text: &str) -> (&str, &str) {
    let is_scheme = |text: &str| {
        text.starts_with(|first: char| first.is_ascii_alphabetic())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    };
    match text.split_once(':') {
        Some((scheme, rest)) if is_scheme(scheme) && rest.starts_with("//") => (scheme, rest),
        _ => ("https", text),
    }
}

/// URLs that an experiment is for, or not for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Target {
    shape: Shape,
    is_included: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Shape {
    /// Parts with `*` for anything. The query has what must be there, in any order.
    Simple(Box<Url>),
    Pattern(Pattern),
    Nothing,
}

impl Target {
    /// URLs whose parts are these; a host or a fragment that is not named may be any.
    pub(super) fn simple(pattern: &str, is_included: bool) -> Self {
        // "example.com/a" has a host; "/a.html" has none.
        let head = pattern.split([':', '/', '?']).next().unwrap_or_default();
        let url = match head.contains('.') && !pattern[head.len()..].starts_with("://") {
            true => Url::parse(&format!("https://{pattern}"), "*"),
            false => Url::parse(pattern, "*"),
        };
        let shape = url.map_or(Shape::Nothing, |url| Shape::Simple(Box::new(url)));
        Target { shape, is_included }
    }

    /// URLs in which a pattern is found, with or without what is before their path.
    pub(super) fn pattern(pattern: Pattern, is_included: bool) -> Self {
        Target { shape: Shape::Pattern(pattern), is_included }
    }

    fn matches(&self, url: &Url) -> bool {
        match &self.shape {
            Shape::Simple(expected) => is_like(expected, url),
            Shape::Pattern(pattern) => {
                let tail = url.tail();
                let whole = format!("{}://{}{tail}", url.scheme, url.host);
                pattern.is_found(&whole) || pattern.is_found(&tail)
            }
            Shape::Nothing => false,
        }
    }
}

/// Whether a URL is one of these: none that is left out, and, if any are named, one of them.
pub(super) fn is_targeted(url: Option<&Url>, targets: &[Target]) -> bool {
    let Some(url) = url else { return false };
    let (included, left_out): (Vec<&Target>, Vec<&Target>) =
        targets.iter().partition(|target| target.is_included);
    let is_any = |targets: &[&Target]| targets.iter().any(|target| target.matches(url));
    !targets.is_empty() && !is_any(&left_out) && (included.is_empty() || is_any(&included))
}

fn is_like(expected: &Url, url: &Url) -> bool {
    let has_parameter = |(name, value): (Cow<'_, str>, Cow<'_, str>)| {
        let found = parameters(&url.query).find(|(other, _)| *other == name);
        is_glob(&value, found.as_ref().map_or("", |(_, value)| value))
    };
    is_glob(&expected.host, &url.host)
        && is_path_like(&expected.path, &url.path)
        && (expected.fragment.is_empty() || is_glob(&expected.fragment, &url.fragment))
        && parameters(&expected.query).all(has_parameter)
}

/// Slashes at both ends may be there or not.
fn is_path_like(expected: &str, path: &str) -> bool {
    let expected = expected.strip_prefix('/').unwrap_or(expected);
    let expected = expected.strip_suffix('/').unwrap_or(expected);
    let start = path.strip_prefix('/').unwrap_or(path);
    [path, start].into_iter().any(|path| {
        is_glob(expected, path)
            || path.strip_suffix('/').is_some_and(|path| is_glob(expected, path))
    })
}

/// Whether a text is a pattern in which `*` stands for anything; case does not matter. The
/// time is at most the product of both lengths.
fn is_glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut seen) = (0, 0);
    // Where to go on if what follows the last star does not match here.
    let mut star: Option<(usize, usize)> = None;
    while seen < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at + 1, seen));
                at += 1;
            }
            Some(byte) if byte.eq_ignore_ascii_case(&text[seen]) => {
                at += 1;
                seen += 1;
            }
            _ => match &mut star {
                Some((after, from)) => {
                    *from += 1;
                    (at, seen) = (*after, *from);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

/// The parameters of a query, decoded as forms are (URL standard, section 5.1).
fn parameters(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    pairs(query).map(|(name, value)| (decoded(name), decoded(value)))
}

fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    let parts = query.split('&').filter(|part| !part.is_empty());
    parts.map(|part| part.split_once('=').unwrap_or((part, "")))
}

fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = |at: usize| after.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        let (byte, length) = match (first, hex(0), hex(1)) {
            (b'%', Some(high), Some(low)) => ((high * 16 + low) as u8, 3),
            (b'+', ..) => (b' ', 1),
            _ => (*first, 1),
        };
        bytes.push(byte);
        rest = &rest[length..];
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

/// The variation, below `count`, that a URL asks for by a parameter of an experiment's key.
pub fn query_override(key: &str, url: &str, count: usize) -> Option<usize> {
    if url.len() > URL_BYTES_MAX {
        return None;
    }
    let (_, query) = url.split_once('?')?;
    let query = query.split('#').next().unwrap_or_default();
    let (_, value) = parameters(query).find(|(name, _)| name == key)?;
    let is_whole = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    value.parse().ok().filter(|index| is_whole && *index < count)
}

/// A URL with those parameters of another one that it does not have itself.
pub(super) fn with_query_of(url: &str, other: &Url) -> String {
    let (head, fragment) = match url.split_once('#') {
        Some((head, fragment)) => (head, Some(fragment)),
        None => (url, None),
    };
    let own = head.split_once('?').map_or("", |(_, query)| query);
    let mut merged = String::from(head);
    let mut mark = match head.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some(_) => "&",
    };
    for (name, value) in pairs(&other.query) {
        if parameters(own).any(|(own, _)| own == decoded(name)) {
            continue;
        }
        merged.push_str(mark);
        merged.push_str(name);
        merged.push('=');
        merged.push_str(value);
        mark = "&";
    }
    if let Some(fragment) = fragment {
        merged.push('#');
        merged.push_str(fragment);
    }
    merged
}

#[cfg(test)]
mod tests;
