//! What a request says of itself and of its client, before anything is believed.

use crate::settings::Settings;
use crate::token::TOKEN_BYTES_MAX;
use std::net::IpAddr;

/// Header fields, in their order.
pub type Fields = Vec<(String, Vec<u8>)>;

/// A request, as far as it is judged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Asked {
    /// In capitals.
    pub method: String,
    /// Without its query.
    pub path: String,
    /// Which host was asked.
    pub host: Option<String>,
    /// The client's address, as the node knows it.
    pub address: Option<IpAddr>,
    /// `None` if it was not sent.
    pub user_agent: Option<String>,
    /// What the node tells of the connection; `None` without TLS.
    pub tls: Option<Tls>,
    /// What the node tells of the client's certificate.
    pub certificate: Option<Certificate>,
    /// The token that was sent.
    pub token: Sent,
}

/// A connection's encryption.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// `1.2` or `1.3`.
    pub version: String,
    /// By its IANA name.
    pub cipher: String,
    /// The fingerprint of the client's library.
    pub ja4: Option<String>,
}

/// A certificate of the client that the node has verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// Its SHA-256.
    pub fingerprint: String,
    /// Its SPIFFE ID, else its subject.
    pub name: String,
}

/// Whether a token was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Sent {
    /// None.
    #[default]
    None,
    /// This one.
    Token(String),
    /// More than one, or what cannot be one: which is meant is not guessed.
    Unclear,
}

impl Asked {
    /// Reads what the fields say. Only the node can set those that begin with `Sedge-` and
    /// `Client-`.
    pub fn read(method: &str, target: &str, fields: &Fields, settings: &Settings) -> Self {
        let text = |name: &str| {
            let mut all = fields.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name));
            all.next().map(|(_, value)| String::from_utf8_lossy(value).into_owned())
        };
        let path = target.split(['?', '#']).next().unwrap_or_default();
        let tls = text("sedge-tls-version").map(|version| Tls {
            version,
            cipher: text("sedge-tls-cipher").unwrap_or_default(),
            ja4: text("sedge-tls-ja4"),
        });
        let certificate = text("sedge-client-fingerprint").map(|fingerprint| {
            let name = text("sedge-client-spiffe-id").or_else(|| text("sedge-client-subject"));
            Certificate { name: name.unwrap_or_else(|| fingerprint.clone()), fingerprint }
        });
        Asked {
            method: method.to_owned(),
            path: path.to_owned(),
            host: None,
            address: None,
            user_agent: text("user-agent"),
            tls,
            certificate,
            token: sent(fields, settings.cookie.as_deref()),
        }
    }
}

/// The token of `Authorization: Bearer` (RFC 6750, section 2.1), else that of the cookie.
/// Other schemes are not ours.
fn sent(fields: &Fields, cookie: Option<&str>) -> Sent {
    let named = |name: &'static str| {
        fields
            .iter()
            .filter(move |(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    };
    let mut bearers = named("authorization").filter_map(|value| {
        let (scheme, rest) = value.split_at_checked(6)?;
        let is_ours =
            scheme.eq_ignore_ascii_case(b"bearer") && rest.first().is_none_or(|it| *it == b' ');
        is_ours.then_some(rest)
    });
    match (bearers.next(), bearers.next()) {
        (Some(_), Some(_)) => return Sent::Unclear,
        (Some(token), None) => return of_bytes(token),
        (None, _) => {}
    }
    let Some(cookie) = cookie else { return Sent::None };
    let pairs = named("cookie").flat_map(|value| value.split(|byte| *byte == b';'));
    let mut values = pairs.filter_map(|pair| {
        let pair = pair.trim_ascii();
        pair.strip_prefix(cookie.as_bytes())?.strip_prefix(b"=")
    });
    match (values.next(), values.next()) {
        (None, _) => Sent::None,
        (Some(token), None) => of_bytes(token),
        // A neighbor's host can set a cookie of the same name for this one, too.
        (Some(_), Some(_)) => Sent::Unclear,
    }
}

fn of_bytes(token: &[u8]) -> Sent {
    let token = token.trim_ascii();
    if token.len() > TOKEN_BYTES_MAX + 1 {
        return Sent::Unclear;
    }
    String::from_utf8(token.to_vec()).map_or(Sent::Unclear, Sent::Token)
}

/// Whether a field is one that only the guard may set for those behind it. Underscores are
/// as hyphens, because some servers make the same of both.
pub fn is_ours(name: &str) -> bool {
    let start = b"sedge-guard-";
    let folded =
        name.bytes().map(|byte| if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() });
    name.len() >= start.len() && folded.take(start.len()).eq(start.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        pairs.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect()
    }

    fn token(pairs: &[(&str, &str)]) -> Sent {
        sent(&fields(pairs), Some("id"))
    }

    #[test]
    fn which_of_two_tokens_is_meant_is_not_guessed() {
        let is = |token: &str| Sent::Token(token.into());
        assert_eq!(
            token(&[("authorization", "Bearer a"), ("Authorization", "bearer b")]),
            Sent::Unclear
        );
        assert_eq!(token(&[("cookie", "id=a; id=b")]), Sent::Unclear);
        assert_eq!(token(&[("cookie", "id=a"), ("cookie", "x=1; id=b")]), Sent::Unclear);
        assert_eq!(
            token(&[("authorization", &format!("Bearer {}", "a".repeat(20_000)))]),
            Sent::Unclear
        );
        assert_eq!(
            sent(&vec![("authorization".into(), b"Bearer \xff".to_vec())], None),
            Sent::Unclear
        );
        assert_eq!(token(&[("authorization", "BEARER  a "), ("cookie", "id=b")]), is("a"));
        assert_eq!(token(&[("authorization", "Basic a"), ("cookie", "xid=b; id=c")]), is("c"));
        assert_eq!(token(&[("authorization", "Bearerx a")]), Sent::None);
        for empty in ["Bearer", "Bearer "] {
            assert_eq!(token(&[("authorization", empty)]), is(""), "and no good one");
        }
        assert_eq!(sent(&fields(&[("cookie", "id=a")]), None), Sent::None);
    }

    #[test]
    fn fields_of_ours_are_known_however_they_are_written() {
        for name in ["sedge-guard-risk", "Sedge_Guard_Subject", "SEDGE-GUARD_x", "sedge-guard-"] {
            assert!(is_ours(name), "{name}");
        }
        for name in ["sedge-guard", "sedge-tls-version", "x-sedge-guard-risk", ""] {
            assert!(!is_ours(name), "{name}");
        }
    }

    #[test]
    fn what_the_node_says_is_read() {
        let settings = Settings::default();
        let plain = Asked::read("GET", "/a?b=/c", &fields(&[]), &settings);
        assert_eq!((&*plain.path, plain.tls, plain.certificate), ("/a", None, None));
        let all = fields(&[
            ("sedge-tls-version", "1.3"),
            ("sedge-tls-cipher", "TLS_AES_128_GCM_SHA256"),
            ("sedge-client-fingerprint", "ab"),
            ("sedge-client-subject", "CN=till 1"),
            ("sedge-client-spiffe-id", "spiffe://shop.test/till/1"),
        ]);
        let asked = Asked::read("GET", "/", &all, &settings);
        assert_eq!(asked.tls.expect("TLS").version, "1.3");
        assert_eq!(asked.certificate.expect("one").name, "spiffe://shop.test/till/1");
    }

    proptest! {
        #[test]
        fn nothing_panics(name: String, value: Vec<u8>, target: String) {
            let fields = vec![(name.clone(), value.clone()), ("authorization".into(), value.clone()),
                              ("cookie".into(), value)];
            let settings = Settings { cookie: Some("id".into()), ..Settings::default() };
            let _ = (is_ours(&name), Asked::read("GET", &target, &fields, &settings));
        }
    }
}
