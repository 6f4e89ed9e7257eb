//! Which pages of other origins a browser lets read a rule's answers.

use super::rule::{Pattern, ValueMatch};
use crate::document::Invalid;
use http::HeaderValue;
use std::time::Duration;

/// What a rule says to browsers (Fetch §3.3, "CORS protocol").
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cors {
    /// What `Origin` must be, one of these; the exact origin `*` is every one.
    pub origins: Vec<ValueMatch>,
    /// `Access-Control-Allow-Methods` of answers to preflights.
    pub allow_methods: Option<Allowed>,
    /// `Access-Control-Allow-Headers` of answers to preflights.
    pub allow_headers: Option<Allowed>,
    /// `Access-Control-Expose-Headers` of answers.
    pub expose_headers: Option<HeaderValue>,
    /// How long a browser may keep what a preflight said; `None`: it decides.
    pub max_age: Option<Duration>,
    /// Whether pages may send cookies and the like.
    pub credentials: bool,
    /// What becomes of preflights of other origins.
    pub others: OtherPreflights,
}

/// What a preflight is told to be allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// This list, as it is written.
    These(HeaderValue),
    /// Whatever it asks for: with credentials, `*` means nothing to browsers.
    Asked,
}

/// What becomes of a preflight whose origin is none of those that are allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OtherPreflights {
    /// It goes where every request of the rule goes.
    #[default]
    Forwarded,
    /// It is answered 200 without `Access-Control-Allow-Origin`, which is a
    /// refusal.
    Answered,
}

/// Reads an origin as it is written in files of Sedge and of the Gateway API: `*`,
/// `https://example.org:8443`, or with `*.` before the host for every subdomain.
///
/// # Errors
///
/// When no browser sends such an origin (RFC 6454 §6.2).
pub fn origin(text: &str) -> Result<ValueMatch, Invalid> {
    if text == "*" {
        return Ok(ValueMatch::Exact(text.to_owned()));
    }
    let wrong = |hint: &str| Err(Invalid::new(format!("`{text}` is not an origin"), hint));
    let Some((scheme, rest)) = text.split_once("://") else {
        return wrong("an origin has a scheme: \"https://example.org\"");
    };
    let (below, host) = match rest.strip_prefix("*.") {
        Some(host) => (true, host),
        None => (false, rest),
    };
    let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-._:[]".contains(c);
    let is_scheme = scheme.chars().all(|c| c.is_ascii_lowercase() || "+-.".contains(c));
    if host.is_empty() || scheme.is_empty() || !is_scheme || !host.chars().all(known) {
        return wrong(
            "an origin is a scheme, a host in lower case and a port, without a path: \
             \"https://example.org\", \"https://*.example.org:8443\"",
        );
    }
    if !below {
        return Ok(ValueMatch::Exact(text.to_owned()));
    }
    let pattern = format!("{}://[a-z0-9._-]+\\.{}", regex::escape(scheme), regex::escape(host));
    Pattern::whole(&pattern).map(ValueMatch::Pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_browser_sends_is_refused() {
        for bad in [
            "",
            "example.org",
            "https://",
            "https://example.org/",
            "https://Example.org",
            "https://*",
            "https://a.*.org",
            "://a",
            "https://a b",
            "null",
            "HTTPS://a",
            "https://a/*",
            "**",
        ] {
            let invalid = origin(bad).expect_err(bad);
            assert!(invalid.hint.is_some(), "{bad}");
        }
    }

    #[test]
    fn subdomains_are_below_and_not_beside() {
        let ValueMatch::Pattern(pattern) = origin("https://*.a.org:8443").expect("right") else {
            panic!("a pattern");
        };
        for (value, fits) in [
            ("https://x.a.org:8443", true),
            ("https://x.y.a.org:8443", true),
            ("https://a.org:8443", false),
            ("https://x.a.org", false),
            ("http://x.a.org:8443", false),
            ("https://evil.test/x.a.org:8443", false),
            ("https://xaa.org:8443", false),
            ("https://x.aXorg:8443", false),
        ] {
            assert_eq!(pattern.regex.is_match(value), fits, "{value}");
        }
        assert_eq!(origin("http://[::1]:80"), Ok(ValueMatch::Exact("http://[::1]:80".into())));
    }
}
