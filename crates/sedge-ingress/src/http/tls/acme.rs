//! A certificate that a listener gets by itself (ACME, RFC 8555), in the order
//! in which it is got.
//!
//! 1. [`schedule`]: when to ask for it.
//! 2. [`store`]: what is kept in the data folder.
//! 3. [`client`]: requests to the authority, with a bound for everything that it
//!    may send; the protocol itself is `instant-acme`'s.
//! 4. [`issue`]: one order, from the account to the certificate.
//! 5. [`challenges`]: how the authority sees that the hosts are ours.
//! 6. [`failure`]: why an attempt failed.
//! 7. [`keep`]: the task that does all this again and again.

mod challenges;
mod client;
mod failure;
mod issue;
mod keep;
mod schedule;
mod status;
mod store;

pub(crate) use challenges::{Challenges, PROTOCOL};
pub(crate) use failure::Reason;
pub use keep::{Accounts, keep};
pub(crate) use status::Status;

use super::files::{self, FileError, Identity};
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use sedge_model::node_config::{AcmeConfig, CertificateFiles};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;
use store::Store;
use tokio::sync::Notify;

/// What a listener needs to get its certificate.
pub(crate) struct Acme {
    pub(crate) settings: AcmeConfig,
    pub(crate) challenges: Arc<Challenges>,
    store: Store,
    status: Mutex<Status>,
    /// Wakes the task, because somebody wants it to look now.
    hurry: Notify,
}

impl Acme {
    /// Keeps its files below `data`.
    pub(crate) fn new(settings: &AcmeConfig, data: &Path) -> Self {
        let store = Store::new(settings, data);
        let status = Mutex::new(store.status(SystemTime::now()));
        Acme {
            settings: settings.clone(),
            challenges: Arc::default(),
            store,
            status,
            hurry: Notify::new(),
        }
    }

    /// The certificate that was got before; `None` if there is none. What is
    /// there but broken is told in `warnings` and will be got anew.
    pub(crate) fn identity(
        &self,
        provider: &CryptoProvider,
        now: SystemTime,
        warnings: &mut Vec<String>,
    ) -> Option<Identity> {
        let file = self.store.certificate();
        if !file.exists() {
            return None;
        }
        match load(file, provider, now) {
            Ok(identity) if self.is_complete(&identity) => Some(identity),
            Ok(_) => {
                warnings.push(format!("the certificate {} is for other hosts", file.display()));
                None
            }
            Err(errors) => {
                warnings.extend(errors.iter().map(|error| format!("{error}; it is got anew")));
                None
            }
        }
    }

    /// Whether a certificate is for all hosts that are wanted.
    fn is_complete(&self, identity: &Identity) -> bool {
        self.settings.domains.iter().all(|domain| identity.names.contains(domain))
    }

    /// The file that the certificate and its key are in.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.store.certificate().to_owned()
    }

    pub(crate) fn status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the task look now. Its own patience after failures is over with
    /// that, what the authority has asked for is not.
    pub(crate) fn hurry(&self) {
        self.status().forgive();
        self.hurry.notify_one();
    }
}

/// Both halves from one file.
fn load(
    file: &Path,
    provider: &CryptoProvider,
    now: SystemTime,
) -> Result<Identity, Vec<FileError>> {
    let files = CertificateFiles { certificate: file.to_owned(), key: file.to_owned(), name: None };
    let loaded = files::load(&files, provider, now);
    loaded.map_err(|errors| errors.into_iter().map(|(_, error)| error).collect())
}

/// The authorities that are trusted for the connection to the directory.
///
/// # Errors
///
/// With the index of the file that is wrong.
pub(crate) fn roots(settings: &AcmeConfig) -> Result<RootCertStore, Vec<(usize, FileError)>> {
    let mut roots = RootCertStore::empty();
    if settings.trusted_roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        return Ok(roots);
    }
    let mut wrong = Vec::new();
    for (index, path) in settings.trusted_roots.iter().enumerate() {
        match files::certificates(path) {
            Err(error) => wrong.push((index, error)),
            Ok(authorities) => {
                let refused = authorities.into_iter().any(|one| roots.add(one).is_err());
                if refused {
                    wrong.push((index, FileError::BadCertificate(path.clone())));
                }
            }
        }
    }
    if wrong.is_empty() { Ok(roots) } else { Err(wrong) }
}
