//! Who may speak to the admin pages.
//!
//! They have no password: whoever reaches the listener is trusted, and by
//! default that is this machine. A browser on this machine also runs pages of
//! strangers, though, and must not be turned against the node, neither by a
//! host name that is made to point here (DNS rebinding) nor by a form that is
//! posted here from another site.

use http::HeaderMap;
use http::header::{HOST, ORIGIN};
use http::uri::Authority;
use std::net::IpAddr;

/// Whether a request may pass; `Err` says why not.
pub(crate) fn check(
    headers: &HeaderMap,
    authority: Option<&Authority>,
) -> Result<(), &'static str> {
    let host = match (authority, headers.get(HOST)) {
        (Some(authority), _) => Some(authority.clone()),
        (None, Some(value)) => value.to_str().ok().and_then(|text| text.parse().ok()),
        (None, None) => None,
    };
    let Some(host) = host else { return Err("the request names no host") };
    if !is_address(host.host()) {
        return Err("the admin pages answer only to 'localhost' and to IP addresses");
    }
    if let Some(site) = headers.get("sec-fetch-site")
        && site != "same-origin"
        && site != "none"
    {
        return Err("the admin pages do not answer to other sites");
    }
    match headers.get(ORIGIN) {
        None => Ok(()),
        Some(origin) => {
            let own = origin.to_str().ok().and_then(|text| text.split_once("://"));
            match own {
                Some((_, origin_host)) if origin_host == host.as_str() => Ok(()),
                _ => Err("the admin pages do not answer to other sites"),
            }
        }
    }
}

/// An address cannot be re-bound, a name can; `localhost` is resolved by the
/// client itself (RFC 6761 §6.3).
fn is_address(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(pairs: &[(&'static str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().expect("a header value"));
        }
        check(&headers, None).is_ok()
    }

    #[test]
    fn names_and_strangers_are_refused() {
        assert!(!allowed(&[]));
        assert!(!allowed(&[("host", "evil.example")]));
        assert!(!allowed(&[("host", "localhost.evil.example:3001")]));
        assert!(!allowed(&[("host", "127.0.0.1.evil.example")]));
        assert!(!allowed(&[("host", "not a host")]));
        assert!(!allowed(&[("host", "127.0.0.1:3001"), ("origin", "https://evil.example")]));
        assert!(!allowed(&[("host", "127.0.0.1:3001"), ("origin", "null")]));
        assert!(!allowed(&[("host", "127.0.0.1:3001"), ("sec-fetch-site", "cross-site")]));
    }

    #[test]
    fn this_machine_and_addresses_are_served() {
        assert!(allowed(&[("host", "127.0.0.1:3001")]));
        assert!(allowed(&[("host", "LOCALHOST")]));
        assert!(allowed(&[("host", "[::1]:3001")]));
        assert!(allowed(&[("host", "192.168.1.7:3001")]));
        assert!(allowed(&[("host", "localhost:3001"), ("origin", "http://localhost:3001")]));
        assert!(allowed(&[("host", "localhost:3001"), ("sec-fetch-site", "same-origin")]));
    }
}
