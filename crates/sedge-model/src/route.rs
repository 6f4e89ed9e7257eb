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

impl Route {
    /// Whether a request with this method is answered. A route that names `GET`
    /// answers `HEAD` too (RFC 9110 §9.1 demands both of a server).
    pub fn allows(&self, method: &Method) -> bool {
        self.methods.is_empty()
            || self.methods.contains(method)
            || (method == Method::HEAD && self.methods.contains(&Method::GET))
    }

    /// What both routes claim of the same host and path; `None` if they can stand
    /// side by side. A route that names a method wins over one that takes every
    /// method, so these two do not collide.
    pub fn conflict(&self, other: &Route) -> Option<String> {
        if self.host != other.host || self.path != other.path {
            return None;
        }
        if self.methods.is_empty() && other.methods.is_empty() {
            return Some("every method".to_owned());
        }
        self.methods.iter().find(|method| other.methods.contains(method)).map(Method::to_string)
    }
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

impl Path {
    /// Whether `path` (as received, without query) is meant.
    pub fn matches(&self, path: &str) -> bool {
        match self {
            Path::Exact(exact) => path == exact,
            Path::Prefix(prefix) => path
                .strip_prefix(prefix.as_str())
                .is_some_and(|rest| rest.is_empty() || prefix.is_empty() || rest.starts_with('/')),
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, method) in self.methods.iter().enumerate() {
            write!(f, "{}{method}", if index > 0 { "," } else { "" })?;
        }
        if !self.methods.is_empty() {
            f.write_str(" ")?;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn get_implies_head_and_nothing_else() {
        for (route, method, expected) in [
            ("POST /", Method::HEAD, false),
            ("HEAD /", Method::GET, false),
            ("GET /", Method::OPTIONS, false),
            ("GET /", Method::HEAD, true),
            ("/", Method::DELETE, true),
        ] {
            let parsed = Route::parse(route).expect(route);
            assert_eq!(parsed.allows(&method), expected, "{route} {method}");
        }
    }

    #[test]
    fn paths_match_whole_segments_only() {
        for (path, request, expected) in [
            ("/img/*", "/images", false),
            ("/img/*", "/im", false),
            ("/img/*", "/img", true),
            ("/img/*", "/img/", true),
            ("/img/*", "/img/a/b", true),
            ("/img/*", "/IMG/a", false),
            ("/*", "/", true),
            ("/*", "/x", true),
            ("/*", "*", true),
            ("/about", "/about/", false),
            ("/about", "/about", true),
        ] {
            let route: Route = Route::parse(path).expect(path);
            assert_eq!(route.path.matches(request), expected, "{path} {request}");
        }
    }

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

    #[test]
    fn routes_conflict_when_one_request_fits_both() {
        for (left, right, expected) in [
            ("/a", "/b", None),
            ("/a", "/a/*", None),
            ("GET /a", "POST /a", None),
            ("x.org/a", "/a", None),
            ("GET /a", "/a", None),
            ("GET /a", "HEAD /a", None),
            ("/a", "/a", Some("every method")),
            ("PUT,GET /a", "GET,POST /a", Some("GET")),
        ] {
            let (a, b) = (Route::parse(left).expect(left), Route::parse(right).expect(right));
            assert_eq!(a.conflict(&b).as_deref(), expected, "{left} {right}");
            assert_eq!(b.conflict(&a).as_deref(), expected, "{right} {left}");
        }
    }
}
