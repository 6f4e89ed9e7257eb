//! Which certificate a client is shown.

use super::files::Identity;
use rustls::SignatureScheme;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::collections::HashMap;
use std::sync::Arc;

/// Certificates by the names that they are for.
///
/// A name is looked for as it is, then as `*.` and what follows its first dot:
/// a wildcard stands for one whole label (RFC 9525 §6.3). Of several
/// certificates for one name, the first is taken whose key the client can
/// verify, so that an RSA certificate may stand behind one with ECDSA.
#[derive(Debug)]
pub struct Names {
    by_name: HashMap<String, Vec<Arc<CertifiedKey>>>,
    /// In the order of the configuration.
    all: Vec<Arc<CertifiedKey>>,
}

impl Names {
    /// Takes certificates in order; the first are for whoever names no host, or
    /// an unknown one.
    pub fn new(identities: &[Identity]) -> Self {
        let mut by_name: HashMap<String, Vec<Arc<CertifiedKey>>> = HashMap::new();
        for identity in identities {
            for name in &identity.names {
                by_name.entry(name.clone()).or_default().push(Arc::clone(&identity.key));
            }
        }
        Names { by_name, all: identities.iter().map(|one| Arc::clone(&one.key)).collect() }
    }

    /// The certificate for a name, whose signatures the client can verify.
    pub fn find(
        &self,
        name: Option<&str>,
        schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        let own = name.and_then(|name| self.named(name));
        let fits = |key: &&Arc<CertifiedKey>| key.key.choose_scheme(schemes).is_some();
        let found = own.and_then(|keys| keys.iter().find(fits));
        found.or_else(|| self.all.iter().find(fits)).cloned()
    }

    fn named(&self, name: &str) -> Option<&Vec<Arc<CertifiedKey>>> {
        let name = name.to_ascii_lowercase();
        if let Some(keys) = self.by_name.get(&name) {
            return Some(keys);
        }
        let (_, parent) = name.split_once('.')?;
        self.by_name.get(&format!("*.{parent}"))
    }
}

impl ResolvesServerCert for Names {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.find(hello.server_name(), hello.signature_schemes())
    }
}

#[cfg(test)]
mod tests {
    use super::super::files::{self, tests::Folder};
    use super::*;
    use rustls::SignatureScheme::{ECDSA_NISTP256_SHA256, ED25519};
    use std::time::SystemTime;

    fn identity(folder: &Folder, name: &str, hosts: &[&str], ed25519: bool) -> Identity {
        let algorithm = if ed25519 { &rcgen::PKCS_ED25519 } else { &rcgen::PKCS_ECDSA_P256_SHA256 };
        let pair = folder.pair(name, hosts, algorithm);
        let provider = rustls::crypto::ring::default_provider();
        files::load(&pair, &provider, SystemTime::now()).expect("a good pair")
    }

    #[test]
    fn names_are_found_exactly_then_by_wildcard_then_by_default() {
        let folder = Folder::new();
        let identities = [
            identity(&folder, "default", &["default.test"], false),
            identity(&folder, "exact", &["a.site.test", "Upper.TEST"], false),
            identity(&folder, "wild", &["*.site.test", "site.test"], false),
        ];
        let names = Names::new(&identities);
        for (name, expected) in [
            (None, 0),
            (Some(""), 0),
            (Some("."), 0),
            (Some("unknown"), 0),
            (Some("*.test"), 0),
            (Some("b.a.site.test"), 0),
            (Some("a.site.test"), 1),
            (Some("A.Site.Test"), 1),
            (Some("upper.test"), 1),
            (Some("b.site.test"), 2),
            (Some("site.test"), 2),
        ] {
            let found = names.find(name, &[ECDSA_NISTP256_SHA256]).expect("a certificate");
            assert!(Arc::ptr_eq(&found, &identities[expected].key), "{name:?}");
        }
        assert!(names.find(None, &[ED25519]).is_none());
    }

    #[test]
    fn a_client_gets_a_key_that_it_can_verify() {
        let folder = Folder::new();
        let identities = [
            identity(&folder, "new", &["site.test"], true),
            identity(&folder, "old", &["site.test"], false),
        ];
        let names = Names::new(&identities);
        for (schemes, expected) in [
            (&[ECDSA_NISTP256_SHA256][..], 1),
            (&[ED25519], 0),
            (&[ECDSA_NISTP256_SHA256, ED25519], 0),
        ] {
            let found = names.find(Some("site.test"), schemes).expect("a certificate");
            assert!(Arc::ptr_eq(&found, &identities[expected].key), "{schemes:?}");
        }
    }
}
