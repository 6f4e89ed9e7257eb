//! Reads outbound grants.

use super::OutboundGrant;
use crate::document::Invalid;
use crate::route::check_host_name;
use std::fmt;
use std::net::IpAddr;

impl OutboundGrant {
    /// Reads `http[s]://host[:port]`. A grant of an address that is private,
    /// loopback or link-local by its spelling needs `private`, and a wildcard
    /// may not have it.
    pub fn parse(text: &str, private: bool) -> Result<OutboundGrant, Invalid> {
        let refuse = |what: &str, hint: String| {
            Err(Invalid::new(format!("the outbound grant `{text}` {what}"), hint))
        };
        let (scheme, authority) = match text.split_once("://") {
            Some((scheme @ ("http" | "https"), authority)) => (scheme, authority),
            Some(_) => {
                return refuse("has another scheme", "write http:// or https://".to_owned());
            }
            None => return refuse("has no scheme", format!("write \"https://{text}\"")),
        };
        if let Some((host, _)) = authority.split_once(['/', '?', '#']) {
            return refuse("has a path", format!("grants are whole hosts: \"{scheme}://{host}\""));
        }
        if authority.contains('@') {
            return refuse("has a user", "credentials belong into secrets".to_owned());
        }
        let (host, port) = split_port(authority);
        let port = match port.map(str::parse::<u16>) {
            None => None,
            Some(Ok(port)) if port > 0 => Some(port),
            Some(_) => {
                return refuse("has no valid port", "write a port from 1 to 65535".to_owned());
            }
        };
        let lower = host.to_ascii_lowercase();
        if lower == "*" {
            return refuse("means every host", "name the hosts, or \"*.\" and a domain".to_owned());
        }
        let suffix = lower.strip_prefix("*.");
        check_host_name(suffix.unwrap_or(&lower))?;
        let is_domain = |suffix: &str| {
            suffix.contains('.') && !suffix.starts_with('[') && suffix.parse::<IpAddr>().is_err()
        };
        if suffix.is_some_and(|suffix| !is_domain(suffix)) {
            return refuse(
                "covers more than one owner's names",
                "write \"*.\" and a name of at least two parts".to_owned(),
            );
        }
        let host = lower.trim_start_matches('[').trim_end_matches(']').to_owned();
        if private && host.starts_with("*.") {
            return refuse(
                "is private and has a wildcard",
                "a private host is granted by its whole name".to_owned(),
            );
        }
        if !private && is_private(&host) {
            return refuse(
                "is an address of the node's own network",
                format!("if this is meant, write {{ to = \"{text}\", private = true }}"),
            );
        }
        Ok(OutboundGrant { scheme: scheme.to_owned(), host, port, private })
    }
}

/// Splits at the last colon that is not inside brackets.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

/// Whether a host is private by its spelling. The resolved address is checked
/// again when the connection is made; this only finds the mistake early.
fn is_private(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(v4)) => {
            v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_unspecified()
        }
        Ok(IpAddr::V6(v6)) => {
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
        }
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

impl fmt::Display for OutboundGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bracketed = self.host.contains(':');
        let (open, close) = if bracketed { ("[", "]") } else { ("", "") };
        write!(f, "{}://{open}{}{close}", self.scheme, self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn refuses_what_is_not_a_grant() {
        for (text, private) in [
            ("", false),
            ("api.example.org", false),
            ("ftp://a.org", false),
            ("HTTPS://a.org", false),
            ("https://", false),
            ("https://*", false),
            ("https://a.*", false),
            ("https://*.org", false),
            ("https://0x7f000001", false),
            ("https://a.0x", false),
            ("https://*.127.0.0.1", false),
            ("https://*.[::ffff:127.0.0.1]", false),
            ("https://a.org/", false),
            ("https://a.org/x", false),
            ("https://a.org?x", false),
            ("https://u@a.org", false),
            ("https://a.org:", false),
            ("https://a.org:0", false),
            ("https://a.org:65536", false),
            ("https://::1", true),
            ("https://[::1", true),
            ("https://*.a.org", true),
            ("http://127.0.0.1:80", false),
            ("http://10.0.0.1", false),
            ("http://169.254.169.254", false),
            ("http://[fe80::1]", false),
            ("http://localhost", false),
        ] {
            let invalid = OutboundGrant::parse(text, private).expect_err(text);
            assert!(invalid.hint.is_some(), "{text}: {invalid}");
        }
    }

    #[test]
    fn reads_what_it_writes() {
        for (text, private) in [
            ("https://api.example.org", false),
            ("https://*.example.org:8443", false),
            ("http://127.0.0.1:8080", true),
            ("http://[::1]:8080", true),
            ("http://[2001:db8::1]", false),
        ] {
            let grant = OutboundGrant::parse(text, private).expect(text);
            assert_eq!(grant.to_string(), text);
            assert_eq!(grant.private, private);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_refused_or_stable(text in "https?://[a-z0-9.*:@/\\[\\]-]{0,12}|\\PC{0,20}") {
            if let Ok(grant) = OutboundGrant::parse(&text, true) {
                prop_assert_eq!(OutboundGrant::parse(&grant.to_string(), true), Ok(grant));
            }
        }
    }
}
