//! Which sources may be fetched, where the configuration says so: patterns of
//! scheme, host and path. The node's own grants stand behind them.

use crate::problem::Problem;
use crate::source::SourceUrl;

/// A list of this many patterns is a mistake.
const PATTERNS_MAX: usize = 100;

/// Sources that may be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowList {
    patterns: Vec<Pattern>,
}

/// `[scheme://]host[:port][/path]`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    /// `None` for both.
    is_https: Option<bool>,
    /// Host and port, in lower case; without the port where it is the default.
    authority: String,
    /// The pattern is for the hosts below `authority`, whose first label is any.
    is_below: bool,
    /// What a path starts with: whole segments. `/` for all.
    path: String,
}

impl AllowList {
    /// Reads patterns separated by white space or commas. One that starts with
    /// `/` is for paths on `origin`. `None` where one is malformed, or there are
    /// none or more than 100.
    pub fn parse(text: &str, origin: Option<&SourceUrl>) -> Option<Self> {
        let parts = text.split([' ', '\t', '\r', '\n', ',']).filter(|part| !part.is_empty());
        let patterns: Option<Vec<_>> = parts.map(|part| Pattern::parse(part, origin)).collect();
        let patterns = patterns.filter(|found| (1..=PATTERNS_MAX).contains(&found.len()))?;
        Some(Self { patterns })
    }

    /// Checks a source, and each place that it redirects to.
    ///
    /// # Errors
    /// [`Problem::NotListed`].
    pub fn check(&self, url: &SourceUrl) -> Result<(), Problem> {
        let is_listed = self.patterns.iter().any(|pattern| pattern.matches(url));
        if is_listed { Ok(()) } else { Err(Problem::NotListed) }
    }
}

impl Pattern {
    fn parse(text: &str, origin: Option<&SourceUrl>) -> Option<Self> {
        if text.contains(['?', '#', '@', '\\']) {
            return None;
        }
        if text.starts_with('/') {
            let url = SourceUrl::resolve(text, origin).ok()?;
            return Some(Self::of(&url, Some(url.is_https), false));
        }
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (Some(scheme), rest),
            None => (None, text),
        };
        let (is_below, rest) = match rest.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let url = SourceUrl::parse(&format!("{}://{rest}", scheme.unwrap_or("https"))).ok()?;
        Some(Self::of(&url, scheme.map(|_| url.is_https), is_below))
    }

    fn of(url: &SourceUrl, is_https: Option<bool>, is_below: bool) -> Self {
        let authority = without_default_port(url).to_owned();
        let path = url.path_and_query.trim_end_matches('/').to_owned() + "/";
        Self { is_https, authority, is_below, path }
    }

    fn matches(&self, url: &SourceUrl) -> bool {
        let authority = without_default_port(url);
        let is_there = if self.is_below {
            let label = authority.strip_suffix(&self.authority);
            label.and_then(|label| label.strip_suffix('.')).is_some_and(|label| !label.is_empty())
        } else {
            authority == self.authority
        };
        let path = url.path_and_query.split('?').next().unwrap_or("");
        self.is_https.is_none_or(|is_https| is_https == url.is_https)
            && is_there
            && (self.path == "/" || self.holds(path))
    }

    /// Whether a path lies below this one. A slash or backslash in disguise
    /// could lead out of it again at a server that unveils it.
    fn holds(&self, path: &str) -> bool {
        let lower = path.to_ascii_lowercase();
        let is_veiled = lower.contains("%2f") || lower.contains("%5c");
        !is_veiled && format!("{path}/").starts_with(&self.path)
    }
}

fn without_default_port(url: &SourceUrl) -> &str {
    let port = if url.is_https { ":443" } else { ":80" };
    url.authority.strip_suffix(port).unwrap_or(&url.authority)
}

#[cfg(test)]
mod tests;
