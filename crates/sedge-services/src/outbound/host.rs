//! The host of a URL, in one spelling.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use thiserror::Error;

/// A host in its only spelling: a lower-case name without trailing dot, or an
/// address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// A name that must be resolved.
    Name(String),
    /// An address, to be connected as it is.
    Address(IpAddr),
}

/// Why a text is not a host.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum HostError {
    /// It is empty or has an empty label.
    #[error("it has an empty part")]
    Empty,
    /// It is longer than DNS allows (RFC 1035 §2.3.4).
    #[error("it is longer than a host name can be")]
    TooLong,
    /// It has a character that no host name has. Names of other scripts must
    /// come in their ASCII form (`xn--…`).
    #[error("it has a character other than letters, digits, `-`, `_` and `.`")]
    BadCharacter,
    /// A number that some resolvers take for an IPv4 address: octal,
    /// hexadecimal, or with fewer than four parts.
    #[error("it is a number that is not an IPv4 address of four decimal parts")]
    AmbiguousAddress,
    /// Brackets around something else than an IPv6 address, or such an address
    /// with a zone.
    #[error("it is not an IPv6 address")]
    BadIpv6,
}

impl Host {
    /// Reads a host as it stands in a URL or a `Host` field: without port, IPv6
    /// addresses in brackets. IPv6 addresses without brackets are taken too,
    /// since no name has a colon.
    ///
    /// Refuses every text that the C library's `inet_aton` would take for an
    /// address but that is not written as four decimal parts (`127.1`,
    /// `0x7f.0.0.1`, `017700000001`): as a name it would slip past the checks
    /// of addresses.
    ///
    /// # Errors
    /// [`HostError`].
    pub fn parse(text: &str) -> Result<Self, HostError> {
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner.strip_suffix(']').ok_or(HostError::BadIpv6)?;
            return ipv6(inner);
        }
        if text.contains(':') {
            return ipv6(text);
        }
        let text = text.strip_suffix('.').unwrap_or(text);
        if text.len() > 253 {
            return Err(HostError::TooLong);
        }
        for label in text.split('.') {
            if label.is_empty() {
                return Err(HostError::Empty);
            }
            if label.len() > 63 {
                return Err(HostError::TooLong);
            }
            if !label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
                return Err(HostError::BadCharacter);
            }
        }
        let name = text.to_ascii_lowercase();
        if ends_in_number(&name) {
            // The standard library takes four decimal parts and nothing else.
            let address = name.parse::<Ipv4Addr>().map_err(|_| HostError::AmbiguousAddress)?;
            return Ok(Host::Address(address.into()));
        }
        Ok(Host::Name(name))
    }
}

/// Whether the last label is a number in a base that address parsers know. No
/// top-level domain is one (RFC 3696 §2).
fn ends_in_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    let is_decimal = last.bytes().all(|b| b.is_ascii_digit());
    let is_hex = last.strip_prefix("0x").is_some_and(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
    is_decimal || is_hex
}

fn ipv6(text: &str) -> Result<Host, HostError> {
    let address = text.parse::<Ipv6Addr>().map_err(|_| HostError::BadIpv6)?;
    Ok(Host::Address(address.into()))
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Name(name) => f.write_str(name),
            Host::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn refuses_every_other_spelling_of_an_address() {
        use HostError::*;
        let long_label = "a".repeat(64);
        let long_name = ["a".repeat(63).as_str(); 4].join(".");
        for (text, error) in [
            ("", Empty),
            (".", Empty),
            ("..", Empty),
            ("a..b", Empty),
            (".a", Empty),
            ("a..", Empty),
            (&long_label, TooLong),
            (&long_name, TooLong),
            ("127.1", AmbiguousAddress),
            ("127.0.1", AmbiguousAddress),
            ("2130706433", AmbiguousAddress),
            ("0x7f.1", AmbiguousAddress),
            ("0x7f000001", AmbiguousAddress),
            ("0X7F.0.0.1", AmbiguousAddress),
            ("127.0.0.0x1", AmbiguousAddress),
            ("0177.0.0.1", AmbiguousAddress),
            ("017700000001", AmbiguousAddress),
            ("127.0.0.01", AmbiguousAddress),
            ("0", AmbiguousAddress),
            ("0x", AmbiguousAddress),
            ("256.1.1.1", AmbiguousAddress),
            ("1.2.3.4.5", AmbiguousAddress),
            ("example.123", AmbiguousAddress),
            ("127。0。0。1", BadCharacter),
            ("１２７.0.0.1", BadCharacter),
            ("exämple.org", BadCharacter),
            ("127.0.0.1 ", BadCharacter),
            (" localhost", BadCharacter),
            ("127%2e0.0.1", BadCharacter),
            ("user@example.org", BadCharacter),
            ("a/b", BadCharacter),
            ("a\0b", BadCharacter),
            ("[::1", BadIpv6),
            ("[]", BadIpv6),
            ("[127.0.0.1]", BadIpv6),
            ("[fe80::1%25eth0]", BadIpv6),
            ("fe80::1%eth0", BadIpv6),
            ("[::1]:80", BadIpv6),
            ("example.org:80", BadIpv6),
        ] {
            assert_eq!(Host::parse(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn spells_a_host_in_one_way() {
        for (text, host) in [
            ("Example.ORG.", "example.org"),
            ("a_b.example", "a_b.example"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("127.0.0.1", "127.0.0.1"),
            ("127.0.0.1.", "127.0.0.1"),
            ("1.2.3.4.example", "1.2.3.4.example"),
            ("0x7f.example", "0x7f.example"),
            ("0xg", "0xg"),
            ("[::1]", "[::1]"),
            ("0:0::1", "[::1]"),
            ("[::FFFF:127.0.0.1]", "[::ffff:127.0.0.1]"),
        ] {
            assert_eq!(Host::parse(text).expect(text).to_string(), host, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_name_never_parses_as_an_address_elsewhere(text in "[0-9a-fxX.:]{0,16}") {
            if let Ok(Host::Name(name)) = Host::parse(&text) {
                prop_assert!(name.parse::<IpAddr>().is_err());
                prop_assert!(!ends_in_number(&name));
            }
        }

        #[test]
        fn parsing_is_idempotent(text in "\\PC{0,40}") {
            if let Ok(host) = Host::parse(&text) {
                prop_assert_eq!(Host::parse(&host.to_string()), Ok(host));
            }
        }
    }
}
