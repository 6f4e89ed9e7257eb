//! Clients that show a certificate: who may, and who they are.

use super::files::{self, FileError};
use super::x509::{Attribute, Certificate, Name};
use ring::digest;
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use sedge_model::node_config::{ClientAuth, ClientMode};
use serde_json::{Value, json};
use std::fmt::Write;
use std::sync::Arc;

/// Verifies clients against the authorities of a PEM file (RFC 5280 §6, by
/// webpki): signature, dates, and that the certificate is for clients.
pub(super) fn verifier(
    settings: &ClientAuth,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, FileError> {
    let bad = || FileError::BadCertificate(settings.ca.clone());
    let mut roots = RootCertStore::empty();
    for authority in files::certificates(&settings.ca)? {
        roots.add(authority).map_err(|_| bad())?;
    }
    let builder =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let builder = match settings.mode {
        ClientMode::Required => builder,
        ClientMode::Optional => builder.allow_unauthenticated(),
    };
    builder.build().map_err(|_| bad())
}

/// Who a verified certificate says its holder is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    /// The distinguished name as RFC 4514 writes it; ASCII.
    pub(crate) subject: String,
    /// The subjectAltNames: `dns:`, `email:`, `uri:` or `ip:`, and the name.
    pub(crate) names: Vec<String>,
    /// SHA-256 of the certificate, in lower-case hexadecimal.
    pub(crate) fingerprint: String,
    /// Its SPIFFE ID: its only URI, if that is one.
    pub(crate) spiffe_id: Option<String>,
    /// The certificate as the field `Client-Cert` holds it (RFC 9440 §2.2).
    pub(crate) encoded: String,
}

impl Client {
    /// Reads a certificate that rustls has verified; `None` if it is beyond this
    /// parser.
    pub(crate) fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let parsed = Certificate::read(certificate)?;
        let names: Vec<String> = parsed.names.iter().map(labeled).collect();
        let mut uris = names.iter().filter_map(|name| name.strip_prefix("uri:"));
        let spiffe_id = match (uris.next(), uris.next()) {
            (Some(uri), None) if is_spiffe_id(uri) => Some(uri.to_owned()),
            _ => None,
        };
        let fingerprint = hex(digest::digest(&digest::SHA256, certificate).as_ref());
        let encoded = format!(":{}:", base64(certificate));
        let subject = distinguished_name(&parsed.subject);
        Some(Client { subject, names, fingerprint, spiffe_id, encoded })
    }

    /// The names as a list of strings (RFC 9651 §3.1), so that a name cannot
    /// pass for two. Names with characters that a string cannot have are left
    /// out.
    pub(crate) fn names_field(&self) -> String {
        let plain = |name: &&String| name.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        let quoted = self
            .names
            .iter()
            .filter(plain)
            .map(|name| format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"")));
        quoted.collect::<Vec<_>>().join(", ")
    }

    /// For the access log.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "subject": self.subject,
            "names": self.names,
            "fingerprint": self.fingerprint,
            "spiffe_id": self.spiffe_id,
        })
    }
}

fn labeled(name: &Name) -> String {
    match name {
        Name::Dns(name) => format!("dns:{name}"),
        Name::Email(name) => format!("email:{name}"),
        Name::Uri(name) => format!("uri:{name}"),
        Name::Ip(address) => format!("ip:{address}"),
    }
}

/// `spiffe://trust-domain/path` (SPIFFE-ID §2: lower-case domain, no empty, `.`
/// or `..` segments, 2,048 bytes at most).
fn is_spiffe_id(uri: &str) -> bool {
    let Some(rest) = uri.strip_prefix("spiffe://") else { return false };
    let (domain, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let in_domain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"-_.".contains(&c);
    let in_path = |c: u8| c.is_ascii_alphanumeric() || b"-_.".contains(&c);
    let segment = |one: &str| !matches!(one, "" | "." | "..") && one.bytes().all(in_path);
    uri.len() <= 2_048
        && !domain.is_empty()
        && domain.bytes().all(in_domain)
        && (path.is_empty() || path.split('/').skip(1).all(segment))
}

/// RFC 4514: the last part first, and escaped so that no value can pass for
/// two.
fn distinguished_name(name: &[Vec<Attribute>]) -> String {
    let parts = name.iter().rev().map(|part| {
        let attributes = part.iter().map(|Attribute { oid, value }| {
            let value = match value {
                Ok(text) => escaped(text),
                Err(der) => format!("#{}", hex(der)),
            };
            format!("{}={value}", short_name(oid))
        });
        attributes.collect::<Vec<_>>().join("+")
    });
    parts.collect::<Vec<_>>().join(",")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The names of RFC 4514 §3; other types are shown by number.
fn short_name(oid: &str) -> &str {
    match oid {
        "2.5.4.3" => "CN",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.9" => "STREET",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "0.9.2342.19200300.100.1.25" => "DC",
        "0.9.2342.19200300.100.1.1" => "UID",
        other => other,
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let last = text.len().saturating_sub(1);
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b',' | b'+' | b'"' | b'\\' | b'<' | b'>' | b';' | b'=' => {
                out.push('\\');
                out.push(char::from(byte));
            }
            b' ' if index == 0 || index == last => out.push_str("\\ "),
            b'#' if index == 0 => out.push_str("\\#"),
            0x20..0x7f => out.push(char::from(byte)),
            _ => drop(write!(out, "\\{byte:02X}")),
        }
    }
    out
}

/// Bytes as text (RFC 4648 §4), with its padding.
pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for part in bytes.chunks(3) {
        let bits = part.iter().fold(0u32, |bits, &byte| bits << 8 | u32::from(byte));
        let bits = bits << (8 * (3 - part.len()));
        for digit in 0..4 {
            let index = (bits >> (18 - 6 * digit)) as usize & 63;
            text.push(if digit > part.len() { '=' } else { char::from(DIGITS[index]) });
        }
    }
    text
}

#[cfg(test)]
mod tests;
