//! How the authority sees that the hosts are ours.

use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};

/// What an authority that validates offers by ALPN, and nothing else (RFC 8737
/// §6.2).
pub(crate) const PROTOCOL: &[u8] = b"acme-tls/1";

/// A token has 128 bits at least (RFC 8555 §8.1), and none that is sensible has
/// more characters than this.
const TOKEN_BYTES_MAX: usize = 256;

/// What is answered while an order is under way.
#[derive(Default)]
pub(crate) struct Challenges {
    /// Key authorizations by token (RFC 8555 §8.3).
    http: RwLock<HashMap<String, String>>,
    /// Certificates by host (RFC 8737 §3).
    tls: RwLock<HashMap<String, Arc<CertifiedKey>>>,
    /// Times that an authority was answered.
    pub(crate) answered: AtomicU64,
}

impl fmt::Debug for Challenges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Challenges")
    }
}

/// Whether a token is one: Base64 for URLs (RFC 8555 §8.1), so that it is one
/// segment of a path.
pub(super) fn is_token(token: &str) -> bool {
    let known = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
    (16..=TOKEN_BYTES_MAX).contains(&token.len()) && token.bytes().all(known)
}

impl Challenges {
    pub(super) fn expect_http(&self, token: &str, authorization: &str) {
        let mut http = self.http.write().unwrap_or_else(PoisonError::into_inner);
        http.insert(token.to_owned(), authorization.to_owned());
    }

    /// Makes the certificate that proves a host: self-signed, with the digest of
    /// the key authorization in it (RFC 8737 §3).
    pub(super) fn expect_tls(
        &self,
        domain: &str,
        digest: &[u8; 32],
        provider: &CryptoProvider,
    ) -> Result<(), rcgen::Error> {
        let mut params = CertificateParams::new(vec![domain.to_owned()])?;
        params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        let der = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        // Not `from_der`: it reads the certificate, and does not know the critical
        // extension that this is all about.
        let key = provider.key_provider.load_private_key(der);
        let key = key.map_err(|_| rcgen::Error::RemoteKeyError)?;
        let key = CertifiedKey::new(vec![certificate.der().clone()], key);
        let mut tls = self.tls.write().unwrap_or_else(PoisonError::into_inner);
        tls.insert(domain.to_owned(), Arc::new(key));
        Ok(())
    }

    /// Forgets everything: the order is over.
    pub(super) fn clear(&self) {
        self.http.write().unwrap_or_else(PoisonError::into_inner).clear();
        self.tls.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The key authorization for a token, while it is expected.
    pub(crate) fn http(&self, token: &str) -> Option<String> {
        let http = self.http.read().unwrap_or_else(PoisonError::into_inner);
        let found = http.get(token).cloned();
        if found.is_some() {
            self.answered.fetch_add(1, Relaxed);
        }
        found
    }

    /// What a handshake that validates is served with; `None` if none is
    /// expected.
    pub(crate) fn tls(self: &Arc<Self>, provider: &Arc<CryptoProvider>) -> Option<ServerConfig> {
        if self.tls.read().unwrap_or_else(PoisonError::into_inner).is_empty() {
            return None;
        }
        let builder = ServerConfig::builder_with_provider(Arc::clone(provider));
        let builder = builder.with_safe_default_protocol_versions().ok()?.with_no_client_auth();
        let mut config =
            builder.with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Some(config)
    }
}

impl ResolvesServerCert for Challenges {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let domain = hello.server_name()?.to_ascii_lowercase();
        let tls = self.tls.read().unwrap_or_else(PoisonError::into_inner);
        let found = tls.get(&domain).cloned();
        if found.is_some() {
            self.answered.fetch_add(1, Relaxed);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_a_token_is_one() {
        for bad in ["", "short", "../../../../etc/passwd", "aaaaaaaaaaaaaaaa/b", "aaaaaaaaaaaaaaaé"]
        {
            assert!(!is_token(bad), "{bad}");
        }
        assert!(!is_token(&"a".repeat(257)));
        assert!(is_token("evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"));
    }

    #[test]
    fn what_is_not_expected_is_not_answered() {
        let challenges = Arc::new(Challenges::default());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        assert!(challenges.http("token").is_none() && challenges.tls(&provider).is_none());
        challenges.expect_http("token", "token.thumbprint");
        challenges.expect_tls("a.test", &[7; 32], &provider).expect("a certificate");
        assert_eq!(challenges.http("token").as_deref(), Some("token.thumbprint"));
        assert!(challenges.http("other").is_none());
        let config = challenges.tls(&provider).expect("expected");
        assert_eq!(config.alpn_protocols, [PROTOCOL]);
        challenges.clear();
        assert!(challenges.http("token").is_none() && challenges.tls(&provider).is_none());
    }
}
