//! What a handshake tells of a client, for functions and for the access log.
//!
//! Functions read it from header fields. Whatever a client sends under these
//! names is removed first, from every request, encrypted or not.

use super::client::Client;
use super::hello::ClientHello;
use super::ja4;
use http::{HeaderMap, HeaderName, HeaderValue};
use rustls::{ProtocolVersion, ServerConnection};
use serde_json::{Value, json};

/// `1.2` or `1.3`.
const VERSION: HeaderName = HeaderName::from_static("sedge-tls-version");
/// The cipher suite by its IANA name.
const CIPHER: HeaderName = HeaderName::from_static("sedge-tls-cipher");
/// The host that the client asked for in its handshake (SNI).
const SERVER_NAME: HeaderName = HeaderName::from_static("sedge-tls-server-name");
/// The protocol that was negotiated (ALPN).
const PROTOCOL: HeaderName = HeaderName::from_static("sedge-tls-protocol");
/// The fingerprint of the client's TLS library.
const JA4: HeaderName = HeaderName::from_static("sedge-tls-ja4");
/// The certificate that the client was verified by (RFC 9440 §2.2).
const CLIENT_CERT: HeaderName = HeaderName::from_static("client-cert");
/// Its subject (RFC 4514).
const CLIENT_SUBJECT: HeaderName = HeaderName::from_static("sedge-client-subject");
/// Its alternative names, a list of strings (RFC 9651 §3.1).
const CLIENT_NAMES: HeaderName = HeaderName::from_static("sedge-client-names");
/// Its SHA-256, in hexadecimal.
const CLIENT_FINGERPRINT: HeaderName = HeaderName::from_static("sedge-client-fingerprint");
/// Its SPIFFE ID, if it has one.
const CLIENT_SPIFFE_ID: HeaderName = HeaderName::from_static("sedge-client-spiffe-id");

/// What is known of an encrypted connection.
#[derive(Debug)]
pub(crate) struct Facts {
    version: &'static str,
    cipher: String,
    server_name: Option<String>,
    protocol: Option<String>,
    ja4: Option<String>,
    /// Who the client is, if it was verified.
    client: Option<Client>,
    /// The same as fields, made once for all requests.
    fields: Vec<(HeaderName, HeaderValue)>,
}

impl Facts {
    /// Collects them after a handshake that began with this ClientHello.
    pub(crate) fn new(session: &ServerConnection, hello: Option<&ClientHello>) -> Self {
        let cipher = session.negotiated_cipher_suite();
        let cipher = cipher.and_then(|suite| suite.suite().as_str()).unwrap_or_default();
        let protocol = session.alpn_protocol();
        let mut facts = Facts {
            version: match session.protocol_version() {
                Some(ProtocolVersion::TLSv1_3) => "1.3",
                _ => "1.2",
            },
            // rustls marks suites of TLS 1.3 in a way that IANA does not.
            cipher: cipher.replacen("TLS13_", "TLS_", 1),
            server_name: session.server_name().map(str::to_owned),
            protocol: protocol.map(|name| String::from_utf8_lossy(name).into_owned()),
            ja4: hello.map(ja4::fingerprint),
            client: session.peer_certificates().and_then(|chain| Client::of(chain.first()?)),
            fields: Vec::new(),
        };
        facts.fields = facts.to_fields();
        facts
    }

    fn to_fields(&self) -> Vec<(HeaderName, HeaderValue)> {
        let client = self.client.as_ref();
        let names = client.map(Client::names_field).filter(|names| !names.is_empty());
        let texts = [
            (VERSION, Some(self.version)),
            (CIPHER, Some(self.cipher.as_str())),
            (SERVER_NAME, self.server_name.as_deref()),
            (PROTOCOL, self.protocol.as_deref()),
            (JA4, self.ja4.as_deref()),
            (CLIENT_CERT, client.map(|client| client.encoded.as_str())),
            (CLIENT_SUBJECT, client.map(|client| client.subject.as_str())),
            (CLIENT_NAMES, names.as_deref()),
            (CLIENT_FINGERPRINT, client.map(|client| client.fingerprint.as_str())),
            (CLIENT_SPIFFE_ID, client.and_then(|client| client.spiffe_id.as_deref())),
        ];
        let present = texts.into_iter().filter_map(|(name, text)| Some((name, text?)));
        present.filter_map(|(name, text)| Some((name, HeaderValue::from_str(text).ok()?))).collect()
    }

    /// For the access log.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "version": self.version,
            "cipher": self.cipher,
            "server_name": self.server_name,
            "protocol": self.protocol,
            "ja4": self.ja4,
            "client": self.client.as_ref().map(Client::to_json),
        })
    }
}

/// Takes out of a request's fields what only the node may say, and puts in what
/// it knows.
pub(crate) fn replace(fields: &mut HeaderMap, facts: Option<&Facts>) {
    if fields.keys().any(is_reserved) {
        let forged: Vec<HeaderName> =
            fields.keys().filter(|name| is_reserved(name)).cloned().collect();
        for name in forged {
            fields.remove(name);
        }
    }
    for (name, value) in facts.iter().flat_map(|facts| &facts.fields) {
        fields.insert(name.clone(), value.clone());
    }
}

/// Whether only the node may set a field. An underscore counts as a hyphen:
/// servers that hand fields on as variables cannot tell them apart.
pub(crate) fn is_reserved(name: &HeaderName) -> bool {
    let name = name.as_str().as_bytes();
    let alike = |(a, b): (&u8, &u8)| a == b || (*a == b'_' && *b == b'-');
    let begins =
        |with: &str| name.len() >= with.len() && name.iter().zip(with.as_bytes()).all(alike);
    match name.first() {
        Some(b's') => begins("sedge-tls-") || begins("sedge-client-"),
        Some(b'c') => begins("client-cert"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_client_sends_under_our_names_is_left() {
        let mut fields = HeaderMap::new();
        for name in [
            "sedge-tls-version",
            "Sedge-TLS-JA4",
            "sedge_tls_ja4",
            "sedge-tls_anything",
            "sedge-client-spiffe-id",
            "Client-Cert",
            "client_cert",
            "Client-Cert-Chain",
        ] {
            let name: HeaderName = name.parse().expect("a name");
            fields.append(name.clone(), HeaderValue::from_static("forged"));
            fields.append(name, HeaderValue::from_static("twice"));
        }
        for name in ["client", "content-type", "sedge", "sedge-app", "x-client-cert"] {
            fields.insert(HeaderName::from_static(name), HeaderValue::from_static("kept"));
        }
        replace(&mut fields, None);
        let mut left: Vec<&str> = fields.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["client", "content-type", "sedge", "sedge-app", "x-client-cert"]);
    }

    #[test]
    fn what_the_node_knows_takes_the_place_of_what_the_client_says() {
        let mut facts = Facts {
            version: "1.3",
            cipher: "TLS_AES_128_GCM_SHA256".into(),
            server_name: Some("site.test".into()),
            protocol: None,
            ja4: Some("t13".into()),
            client: None,
            fields: Vec::new(),
        };
        facts.fields = facts.to_fields();
        let mut fields = HeaderMap::new();
        fields.insert(JA4, HeaderValue::from_static("forged"));
        fields.insert(PROTOCOL, HeaderValue::from_static("forged"));
        replace(&mut fields, Some(&facts));
        assert_eq!(fields.len(), 4);
        assert_eq!(
            (&fields[JA4], &fields[SERVER_NAME]),
            (&"t13".parse().unwrap(), &"site.test".parse().unwrap())
        );
    }
}
