//! The question that a new revision must answer before it takes its routes.

use crate::document::Invalid;

/// One `GET` that a function must answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Path, and query if there is one, in origin form.
    pub target: String,
    /// The `Host` that the function sees.
    pub host: String,
    /// The statuses that are right; empty: each from 200 to 299.
    pub statuses: Vec<u16>,
}

/// The `Host` of a probe that names none.
pub(super) const HOST: &str = "localhost";

impl Probe {
    /// Whether an answer with this status is right.
    pub fn accepts(&self, status: u16) -> bool {
        match &self.statuses[..] {
            [] => (200..300).contains(&status),
            statuses => statuses.contains(&status),
        }
    }
}

/// A path with an optional query, as it stands in a request (RFC 9112 §3.2.1).
pub(super) fn target(text: &str) -> Result<String, Invalid> {
    let is_sent_as_it_is = |c: u8| c.is_ascii_graphic() && !b"#\"<>\\^`{|}".contains(&c);
    if text.starts_with('/') && text.bytes().all(is_sent_as_it_is) {
        return Ok(text.to_owned());
    }
    let message = format!("`{}` is not a path", text.escape_debug());
    Err(Invalid::new(message, "write a path as it is sent, for example \"/healthz?deep=1\""))
}

/// A host name or an address, with an optional port.
pub(super) fn host(text: &str) -> Result<String, Invalid> {
    let is_authority = http::uri::Authority::try_from(text).is_ok();
    if is_authority && !text.contains('@') {
        return Ok(text.to_owned());
    }
    let message = format!("`{}` is not a host", text.escape_debug());
    Err(Invalid::new(
        message,
        "write a name as a client would send it, for example \"example.org\"",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_what_a_request_may_have() {
        for bad in ["", "healthz", "http://a/", "/a b", "/a\n", "/a#b", "/ä", "*", "/\u{7f}"] {
            assert!(target(bad).is_err(), "{bad:?}");
        }
        for good in ["/", "/healthz", "/a/b%20c?d=e&f=[g]"] {
            assert_eq!(target(good).as_deref(), Ok(good));
        }
    }

    #[test]
    fn hosts_are_what_a_request_may_have() {
        for bad in ["", "a b", "user@example.org", "a/b", "a\r\nb"] {
            assert!(host(bad).is_err(), "{bad:?}");
        }
        for good in ["example.org", "example.org:8080", "127.0.0.1", "[::1]:80"] {
            assert_eq!(host(good).as_deref(), Ok(good));
        }
    }

    #[test]
    fn every_success_is_right_unless_statuses_are_named() {
        let probe = |statuses: &[u16]| Probe {
            target: "/".to_owned(),
            host: HOST.to_owned(),
            statuses: statuses.to_vec(),
        };
        for (statuses, status, right) in [
            (&[][..], 199, false),
            (&[], 200, true),
            (&[], 299, true),
            (&[], 300, false),
            (&[404], 200, false),
            (&[200, 404], 404, true),
        ] {
            assert_eq!(probe(statuses).accepts(status), right, "{statuses:?} {status}");
        }
    }
}
