//! Which requests a function answers.

mod parse;

use http::Method;
use std::fmt;

pub(crate) use parse::{check_host_name, parse_method};

/// One route of one function.
///
/// Written `[METHOD[,METHOD] ][host]/path[/*]`: `/img/*`, `GET /health`,
/// `GET,POST *.example.org/api/*`.
///
/// Where several routes fit a request, an exact host wins over a suffix and a
/// long suffix over a short one, then an exact path over a prefix and a long
/// prefix over a short one, then a named method over every method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// `None`: every host. In lower case, without port.
    pub host: Option<Host>,
    /// What the path must be.
    pub path: Path,
    /// Empty: every method.
    pub methods: Vec<Method>,
}

/// What the request's host must be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// This host.
    Exact(String),
    /// `*.example.org`: any number of labels before this suffix; the suffix is
    /// kept with its leading dot.
    Suffix(String),
}

/// What the request's path must be, compared byte by byte before decoding.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Path {
    /// `/about`: this path only.
    Exact(String),
    /// `/img/*`: `/img`, `/img/` and everything below. Kept without the `/*`;
    /// `/*` is the empty prefix.
    Prefix(String),
}

impl Host {
    /// Whether `host` (in lower case, without port) is meant.
    pub fn matches(&self, host: &str) -> bool {
        match self {
            Host::Exact(exact) => host == exact,
            Host::Suffix(suffix) => host.len() > suffix.len() && host.ends_with(suffix.as_str()),
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_methods(f, &self.methods)?;
        if let Some(host) = &self.host {
            write!(f, "{host}")?;
        }
        write!(f, "{}", self.path)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Exact(host) => f.write_str(host),
            Host::Suffix(suffix) => write!(f, "*{suffix}"),
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Exact(path) => f.write_str(path),
            Path::Prefix(prefix) => write!(f, "{prefix}/*"),
        }
    }
}

/// `GET,POST ` before what they are for; nothing for every method.
pub(crate) fn write_methods(f: &mut fmt::Formatter<'_>, methods: &[Method]) -> fmt::Result {
    for (index, method) in methods.iter().enumerate() {
        write!(f, "{}{method}", if index > 0 { "," } else { "" })?;
    }
    if methods.is_empty() { Ok(()) } else { f.write_str(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_host_means_subdomains_only() {
        for (host, request, expected) in [
            ("*.example.org", "example.org", false),
            ("*.example.org", ".example.org", false),
            ("*.example.org", "badexample.org", false),
            ("*.example.org", "a.example.org", true),
            ("*.example.org", "a.b.example.org", true),
            ("example.org", "a.example.org", false),
            ("EXAMPLE.org", "example.org", true),
        ] {
            let route = Route::parse(&format!("{host}/*")).expect(host);
            assert_eq!(route.host.expect("host").matches(request), expected, "{host} {request}");
        }
    }
}
