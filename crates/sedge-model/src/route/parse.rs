//! Reads routes.

use super::{Host, Path, Route};
use crate::document::Invalid;
use http::Method;
use std::net::{Ipv4Addr, Ipv6Addr};

/// `CONNECT` is missing: it has no path to route by.
const METHODS: [Method; 8] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
    Method::TRACE,
];

impl Route {
    /// Reads `[METHOD[,METHOD] ][host]/path[/*]`.
    pub fn parse(text: &str) -> Result<Route, Invalid> {
        let text = text.trim();
        let (methods, target) = match text.rsplit_once(char::is_whitespace) {
            Some((methods, target)) => {
                (methods.split(',').map(parse_method).collect::<Result<_, _>>()?, target)
            }
            None => (Vec::new(), text),
        };
        if target.contains("://") {
            let rest = target.split_once("://").map_or(target, |(_, rest)| rest);
            return Err(Invalid::new(
                format!("the route `{text}` has a scheme"),
                format!("a route is host and path only: \"{rest}\""),
            ));
        }
        let Some(slash) = target.find('/') else {
            return Err(Invalid::new(
                format!("the route `{text}` has no path"),
                format!("to answer everything below, write \"{text}/*\""),
            ));
        };
        let (host, path) = target.split_at(slash);
        let host = match host {
            "" => None,
            // Nearly always a path whose first `/` was forgotten.
            label if is_one_label(label) => {
                return Err(Invalid::new(
                    format!("the route `{text}` begins with the host `{host}`"),
                    format!(
                        "a path begins with `/`: \"/{target}\"; a host without dots is written \
                         {{ host = \"{host}\", path = \"{path}\" }}"
                    ),
                ));
            }
            host => Some(Host::parse(host)?),
        };
        Route { host, path: Path::parse(path)?, methods: Vec::new() }.with_methods(methods)
    }

    /// Sets the methods; a method may be named once.
    pub(crate) fn with_methods(mut self, methods: Vec<Method>) -> Result<Route, Invalid> {
        for method in methods {
            if self.methods.contains(&method) {
                return Err(Invalid::new(
                    format!("the method {method} is named twice"),
                    "name each method once",
                ));
            }
            self.methods.push(method);
        }
        Ok(self)
    }
}

/// Whether a host is a single label that is not everybody's `localhost`.
fn is_one_label(host: &str) -> bool {
    !host.contains(['.', ':', '*']) && !host.eq_ignore_ascii_case("localhost")
}

/// Reads one method, which is case-sensitive (RFC 9110 §9.1).
pub(crate) fn parse_method(text: &str) -> Result<Method, Invalid> {
    let text = text.trim();
    if let Some(method) = METHODS.iter().find(|method| method.as_str() == text) {
        return Ok(method.clone());
    }
    let upper = text.to_uppercase();
    let hint = match METHODS.iter().find(|method| method.as_str() == upper) {
        Some(method) => format!("methods are written in upper case: {method}"),
        None if text.contains(char::is_whitespace) => {
            "methods are separated by commas: \"GET,POST /path\"".to_owned()
        }
        None => format!(
            "write some of {}, or none to answer every method",
            METHODS.map(|method| method.to_string()).join(", ")
        ),
    };
    Err(Invalid::new(format!("`{text}` is not a method that a route may name"), hint))
}

impl Host {
    /// Reads a host name, an IP address (IPv6 in brackets), or `*.` and a name.
    pub fn parse(text: &str) -> Result<Host, Invalid> {
        if text == "*" {
            return Err(Invalid::new(
                "the host `*` means every host",
                "leave the host out: \"/*\" answers every host",
            ));
        }
        let lower = text.to_ascii_lowercase();
        match lower.strip_prefix("*.") {
            Some(name) => {
                check_host_name(name)?;
                Ok(Host::Suffix(format!(".{name}")))
            }
            None => {
                check_host_name(&lower)?;
                Ok(Host::Exact(lower))
            }
        }
    }
}

/// Checks a host name in lower case: labels of letters, digits, `-` and `_`, or
/// an IP address (IPv6 in brackets).
pub(crate) fn check_host_name(host: &str) -> Result<(), Invalid> {
    let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if bracketed.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok()) {
        return Ok(());
    }
    let refuse = |hint: &str| Err(Invalid::new(format!("`{host}` is not a host name"), hint));
    if !host.is_ascii() {
        return refuse("write names of other scripts in their ASCII form, which begins with xn--");
    }
    if host.contains('*') {
        return refuse("`*` may only stand for the first labels: \"*.example.org\"");
    }
    if host.parse::<Ipv6Addr>().is_ok() {
        return refuse("write IPv6 addresses in brackets: \"[::1]\"");
    }
    if host.contains(':') {
        return refuse("a host has no port here");
    }
    let label_is_bad = |label: &str| {
        let known = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-' || c == b'_';
        label.is_empty()
            || label.len() > 63
            || label.starts_with('-')
            || label.ends_with('-')
            || !label.bytes().all(known)
    };
    if host.len() > 253 || host.split('.').any(label_is_bad) {
        return refuse("a name is labels of letters, digits and `-`, joined by dots");
    }
    // `1.2.3.999` is neither an address nor a name that could ever resolve, and
    // `0x7f.1` and `1.0x0` are what some resolvers take for an address.
    let last = host.rsplit('.').next().unwrap_or(host);
    let is_hex = |digits: &str| digits.bytes().all(|c| c.is_ascii_hexdigit());
    let last_is_number =
        last.bytes().all(|c| c.is_ascii_digit()) || last.strip_prefix("0x").is_some_and(is_hex);
    if last_is_number && host.parse::<Ipv4Addr>().is_err() {
        return refuse("an IPv4 address is four numbers up to 255");
    }
    Ok(())
}

impl Path {
    /// Reads `/exact` or `/prefix/*`.
    pub fn parse(text: &str) -> Result<Path, Invalid> {
        let refuse = |what: &str, hint: &str| {
            Err(Invalid::new(format!("the path `{text}` {what}"), hint.to_owned()))
        };
        if !text.starts_with('/') {
            return refuse("does not begin with `/`", "a path begins with `/`");
        }
        let (path, is_prefix) = match text.strip_suffix("/*") {
            Some(prefix) => (prefix, true),
            None => (text, false),
        };
        if path.contains('*') {
            return refuse(
                "has `*` within",
                "`*` may only be the last segment: \"/img/*\" answers /img and everything below",
            );
        }
        if path.contains(['?', '#']) {
            return refuse(
                "has a query or a fragment",
                "routes look at the path only; the function reads the query",
            );
        }
        if path.contains("//") {
            return refuse("has an empty segment", "write one `/` between segments");
        }
        if path.split('/').any(|segment| segment == "." || segment == "..") {
            return refuse("has a dot segment", "write the path that is meant");
        }
        if !is_path(path) {
            return refuse(
                "has characters that no path may have",
                "encode them in UTF-8 and percent, for example %C3%A4",
            );
        }
        if is_prefix && path.ends_with('/') {
            return refuse("has an empty segment", "write one `/` between segments");
        }
        let path = path.to_owned();
        Ok(if is_prefix { Path::Prefix(path) } else { Path::Exact(path) })
    }
}

/// Whether every byte is a `pchar` of RFC 3986 §3.3 or `/`, and every `%` begins
/// two hexadecimal digits.
fn is_path(path: &str) -> bool {
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        let fine = match byte {
            b'%' => {
                let mut digit = || bytes.next().is_some_and(|digit| digit.is_ascii_hexdigit());
                digit() && digit()
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => true,
            _ => b"-._~!$&'()+,;=:@/".contains(&byte),
        };
        if !fine {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn refuses_what_is_not_a_route() {
        for bad in [
            "",
            "   ",
            "GET",
            "example.org",
            "*",
            "*/x",
            "a.*.org/x",
            "https://example.org/x",
            "img/*",
            "example.org:80/x",
            "::1/x",
            "exa mple.org/x",
            "-a.org/x",
            "a..org/x",
            "1.2.3.999/x",
            "müller.de/x",
            "get /x",
            "GTE /x",
            "CONNECT /x",
            "GET,GET /x",
            "GET POST /x",
            "GET, /x",
            "/a?b",
            "/a#b",
            "/a/../b",
            "/a//b",
            "//*",
            "/a*",
            "/*/b",
            "/%zz",
            "/%a",
            "/ä",
            "/a\u{0}",
        ] {
            let invalid = Route::parse(bad).expect_err(bad);
            assert!(invalid.hint.is_some(), "{bad}: {invalid}");
        }
    }

    #[test]
    fn reads_what_it_writes() {
        for (text, written) in [
            ("/", "/"),
            ("/*", "/*"),
            ("/img/*", "/img/*"),
            ("/img/", "/img/"),
            ("GET /health", "GET /health"),
            ("GET, HEAD Images.Example.org/img/*", "GET,HEAD images.example.org/img/*"),
            ("*.example.org/*", "*.example.org/*"),
            ("127.0.0.1/%C3%A4", "127.0.0.1/%C3%A4"),
            ("[::1]/x", "[::1]/x"),
            ("localhost/x", "localhost/x"),
        ] {
            assert_eq!(Route::parse(text).expect(text).to_string(), written);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_refused_or_stable(text in "[A-Z, ]{0,6}[a-z0-9.*:\\[\\]-]{0,8}/[a-z/*%.?ä]{0,8}|\\PC{0,20}") {
            if let Ok(route) = Route::parse(&text) {
                prop_assert_eq!(Route::parse(&route.to_string()), Ok(route));
            }
        }
    }
}
