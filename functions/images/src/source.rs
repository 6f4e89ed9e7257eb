//! Where a source is fetched from: the URL in `src`, and where it redirects to
//! (RFC 3986, as far as http and https need it).
//!
//! Which hosts may be reached is not decided here but by the node, for every
//! hop anew.

use crate::problem::Problem;

/// Redirects that are followed.
pub const REDIRECTS_MAX: usize = 5;

/// The longest URL that is followed, in bytes.
const URL_BYTES_MAX: usize = 8 << 10;

/// An absolute http or https URL, in the parts that a request needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceUrl {
    /// https rather than http.
    pub is_https: bool,
    /// Host and port as written, without user information.
    pub authority: String,
    /// Path and query, starting with `/`, percent-encoded.
    pub path_and_query: String,
}

impl SourceUrl {
    /// Parses an absolute URL. What is not ASCII in path and query is
    /// percent-encoded, a fragment is dropped.
    ///
    /// # Errors
    /// [`Problem::SourceUrl`].
    pub fn parse(text: &str) -> Result<Self, Problem> {
        if text.len() > URL_BYTES_MAX {
            return Err(Problem::SourceUrl("it is longer than 8 kB"));
        }
        let (scheme, rest) =
            text.split_once("://").ok_or(Problem::SourceUrl("it has no scheme"))?;
        let is_https = match scheme {
            scheme if scheme.eq_ignore_ascii_case("https") => true,
            scheme if scheme.eq_ignore_ascii_case("http") => false,
            _ => return Err(Problem::SourceUrl("its scheme is another")),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        check_authority(authority)?;
        let path_and_query = normalized(without_fragment(path))?;
        Ok(Self { is_https, authority: authority.to_ascii_lowercase(), path_and_query })
    }

    /// The source that a request names: an absolute URL, or a path on `origin`.
    /// Whatever the path holds, it stays on that origin.
    ///
    /// # Errors
    /// [`Problem::SourceUrl`]; [`Problem::NoOrigin`] for a path without one.
    pub fn resolve(src: &str, origin: Option<&Self>) -> Result<Self, Problem> {
        if !src.starts_with('/') {
            return Self::parse(src);
        }
        let origin = origin.ok_or(Problem::NoOrigin)?;
        if src.len() > URL_BYTES_MAX {
            return Err(Problem::SourceUrl("it is longer than 8 kB"));
        }
        Ok(Self { path_and_query: normalized(without_fragment(src))?, ..origin.clone() })
    }

    /// Whether both are served by the same scheme, host and port.
    pub fn is_same_origin(&self, other: &Self) -> bool {
        (self.is_https, &self.authority) == (other.is_https, &other.authority)
    }

    /// The URL that `location` means, seen from here (RFC 3986 §5.2).
    ///
    /// # Errors
    /// [`Problem::Redirect`] where it is no http or https URL.
    pub fn redirect(&self, location: &str) -> Result<Self, Problem> {
        let nowhere = |_| Problem::Redirect("to what is not a URL of http or https");
        let location = without_fragment(location.trim_matches([' ', '\t']));
        let scheme = if self.is_https { "https" } else { "http" };
        if let Some(rest) = location.strip_prefix("//") {
            return Self::parse(&format!("{scheme}://{rest}")).map_err(nowhere);
        }
        if has_scheme(location) {
            return Self::parse(location).map_err(nowhere);
        }
        let (path, _) = split_query(&self.path_and_query);
        let merged = if location.is_empty() {
            self.path_and_query.clone()
        } else if location.starts_with('/') {
            location.to_owned()
        } else if location.starts_with('?') {
            format!("{path}{location}")
        } else {
            let folder = path.rfind('/').map_or("/", |slash| &path[..=slash]);
            format!("{folder}{location}")
        };
        let (path, query) = split_query(&merged);
        let path_and_query =
            percent_encode(&format!("{}{query}", without_dots(path))).map_err(nowhere)?;
        Ok(Self { is_https: self.is_https, authority: self.authority.clone(), path_and_query })
    }
}

/// Path and query as they are sent: the path starts with one slash and has no
/// dot segments, also none whose dots are percent-encoded.
fn normalized(path_and_query: &str) -> Result<String, Problem> {
    let (path, query) = split_query(path_and_query);
    let path = without_dots(&format!("/{}", path.trim_start_matches('/')));
    percent_encode(&format!("{path}{query}"))
}

fn check_authority(authority: &str) -> Result<(), Problem> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:[]%".contains(&byte);
    if authority.is_empty() || authority.starts_with(':') {
        return Err(Problem::SourceUrl("it has no host"));
    }
    if authority.contains('@') {
        return Err(Problem::SourceUrl("it holds user information"));
    }
    if !authority.bytes().all(allowed) {
        return Err(Problem::SourceUrl("its host has characters that a host has not"));
    }
    Ok(())
}

/// Whether a reference starts with a scheme (RFC 3986 §3.1).
fn has_scheme(reference: &str) -> bool {
    let Some((scheme, _)) = reference.split_once(':') else { return false };
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

fn without_fragment(text: &str) -> &str {
    text.split_once('#').map_or(text, |(before, _)| before)
}

/// The path, and the query with its `?`.
fn split_query(text: &str) -> (&str, &str) {
    text.split_at(text.find('?').unwrap_or(text.len()))
}

/// Removes `.` and `..` segments (RFC 3986 §5.2.4).
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        match segment {
            _ if plain == "." || plain == ".." => {
                if plain == ".." {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            other => kept.push(other),
        }
    }
    // Segments that were empty must not make two slashes of the first.
    format!("/{}", kept.join("/").trim_start_matches('/'))
}

/// Percent-encodes what may not stand in a URL; what is encoded stays so.
fn percent_encode(text: &str) -> Result<String, Problem> {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            0..=0x1f | 0x7f => return Err(Problem::SourceUrl("it has control characters")),
            b'!'..=b'~' if !b"\"<>\\^`{|}".contains(&byte) => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests;
