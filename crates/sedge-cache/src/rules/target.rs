//! What a request is for, in one spelling, and the key that this gives.
//!
//! The spelling is changed only where RFC 3986 §6.2.2 calls the two equivalent: letters'
//! case in scheme, host and percent-encoding, the default port, and the encoding of
//! characters that need none. Dots in paths stay, for origins differ in what they make
//! of them. The origin must be sent the same spelling ([`Target::path_and_query`]):
//! otherwise what it makes of one would be stored for the other.

use super::policy::Policy;
use super::vary;
use crate::key::Key;
use http::header::HeaderMap;

/// What a request is for: an effective request URI without a fragment (RFC 9110 §7.1).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    scheme: Box<str>,
    /// The authority, and at once the path and query.
    url: Box<str>,
    authority_bytes: usize,
}

impl Target {
    /// `path_and_query` as it stands in the request; one without a path gets `/`.
    pub fn new(scheme: &str, authority: &str, path_and_query: &str, policy: &Policy) -> Self {
        let scheme = scheme.to_ascii_lowercase();
        let mut authority = authority.to_ascii_lowercase();
        let default_port = match &*scheme {
            "http" => ":80",
            "https" => ":443",
            _ => "",
        };
        let bare = authority.strip_suffix(default_port).unwrap_or(&authority);
        authority.truncate(bare.len());
        Target {
            scheme: scheme.into(),
            authority_bytes: authority.len(),
            url: (authority + &one_spelling(path_and_query, policy)).into(),
        }
    }

    /// Authority, path and query, such as `example.org/a?b`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What to send to the origin: what the key is made of, no more and no less.
    pub fn path_and_query(&self) -> &str {
        &self.url[self.authority_bytes..]
    }

    /// The scheme and the authority, which are what an origin is (RFC 9110 §4.3.1).
    pub fn origin(&self) -> (&str, &str) {
        (&self.scheme, &self.url[..self.authority_bytes])
    }

    /// The primary key: of the target, and of the fields that the policy adds.
    pub fn key(&self, request: &HeaderMap, policy: &Policy) -> Key {
        let (scheme, authority) = self.origin();
        let target = [scheme, authority, self.path_and_query()].map(str::as_bytes);
        if policy.key_fields.is_empty() {
            return Key::of(target);
        }
        let fields = vary::values(request, &policy.key_fields, policy);
        Key::of(target.into_iter().chain(fields.iter().flat_map(vary::VaryField::parts)))
    }

    /// The target that `reference` (RFC 3986 §5.2) is to this one, if it has the same
    /// origin.
    pub fn same_origin(&self, reference: &str, policy: &Policy) -> Option<Target> {
        let reference = reference.split('#').next().unwrap_or_default();
        let scheme_len = reference.find(|character: char| !is_scheme_char(character));
        let (scheme, rest) = match scheme_len {
            Some(len) if len > 0 && reference[len..].starts_with(':') => {
                (&reference[..len], &reference[len + 1..])
            }
            _ => (&*self.scheme, reference),
        };
        let Some(hierarchy) = rest.strip_prefix("//") else {
            // `https:path` has a scheme and no authority: not an address of the web.
            let is_relative = rest.len() == reference.len();
            return is_relative.then(|| self.at(&self.joined(rest), policy));
        };
        let path = hierarchy.find(['/', '?']).unwrap_or(hierarchy.len());
        let (authority, path) = hierarchy.split_at(path);
        let other = Target::new(scheme, authority, &without_dots(path), policy);
        (other.origin() == self.origin()).then_some(other)
    }

    fn at(&self, path_and_query: &str, policy: &Policy) -> Target {
        let (scheme, authority) = self.origin();
        Target::new(scheme, authority, path_and_query, policy)
    }

    /// A reference without scheme and authority, joined to this target's path.
    fn joined(&self, reference: &str) -> String {
        let path = self.path_and_query().split('?').next().unwrap_or_default();
        if reference.is_empty() {
            self.path_and_query().to_owned()
        } else if reference.starts_with('?') {
            format!("{path}{reference}")
        } else if reference.starts_with('/') {
            without_dots(reference)
        } else {
            let folder = path.rfind('/').map_or(0, |slash| slash + 1);
            without_dots(&format!("{}{reference}", &path[..folder]))
        }
    }
}

fn is_scheme_char(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '+' | '-' | '.')
}

/// A path with its dot segments taken out (RFC 3986 §5.2.4).
fn without_dots(path_and_query: &str) -> String {
    let (path, query) = match path_and_query.find('?') {
        Some(mark) => path_and_query.split_at(mark),
        None => (path_and_query, ""),
    };
    let mut segments: Vec<&str> = Vec::new();
    let mut rest = path.strip_prefix('/').unwrap_or(path).split('/').peekable();
    while let Some(segment) = rest.next() {
        let is_last = rest.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    segments.pop();
                }
                if is_last {
                    segments.push("");
                }
            }
            _ => segments.push(segment),
        }
    }
    format!("/{}{query}", segments.join("/"))
}

/// One spelling of a path and a query.
fn one_spelling(path_and_query: &str, policy: &Policy) -> String {
    let (path, query) = match path_and_query.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (path_and_query, None),
    };
    let mut out = String::with_capacity(path_and_query.len() + 1);
    if !path.starts_with(['/', '*']) {
        out.push('/');
    }
    percent_encoded(path, &mut out);
    let Some(query) = query else { return out };
    let mut spelled = String::with_capacity(query.len());
    percent_encoded(query, &mut spelled);
    if policy.query_ignored.is_empty() && !policy.query_sorted {
        out.push('?');
        out.push_str(&spelled);
        return out;
    }
    let name = |parameter: &&str| parameter.split('=').next().unwrap_or_default().to_owned();
    let mut parameters: Vec<&str> = spelled.split('&').collect();
    parameters.retain(|parameter| !is_ignored(&name(parameter), policy));
    if policy.query_sorted {
        // Stable, because the order of values that have one name can mean something.
        parameters.sort_by_key(name);
    }
    if !parameters.is_empty() {
        out.push('?');
        out.push_str(&parameters.join("&"));
    }
    out
}

fn is_ignored(name: &str, policy: &Policy) -> bool {
    policy.query_ignored.iter().any(|ignored| match ignored.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => **ignored == *name,
    })
}

/// Percent-encoding in capitals, and gone where the character needs none. An ASCII
/// letter never becomes more than ASCII, and what is not ASCII stays as it is.
fn percent_encoded(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some(percent) = rest.find('%') {
        out.push_str(&rest[..percent]);
        let value = rest
            .get(percent + 1..percent + 3)
            .filter(|hex| hex.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        let Some(value) = value else {
            out.push('%');
            rest = &rest[percent + 1..];
            continue;
        };
        if value.is_ascii_alphanumeric() || matches!(value, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(value));
        } else {
            out.push('%');
            out.push_str(&rest[percent + 1..percent + 3].to_ascii_uppercase());
        }
        rest = &rest[percent + 3..];
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests;
