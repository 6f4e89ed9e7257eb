//! What one listener serves with.

use super::client;
use super::files::{self, FileError, Half, Identity};
use super::names::Names;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, ProducesTickets};
use sedge_model::node_config::{Invalid, TlsListener};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

/// The setting that names a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The listener as a whole.
    Listener,
    /// `client_ca` of the listener.
    ClientCa,
    /// `certificate` of the certificate with this index.
    Certificate(usize),
    /// `key` of the certificate with this index.
    Key(usize),
}

/// What is wrong with a file, and which setting names it.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct Problem {
    /// The setting.
    pub place: Place,
    /// What is wrong.
    pub error: FileError,
}

impl Problem {
    /// The JSON pointer of the setting, below that of its listener.
    pub fn pointer(&self) -> String {
        match self.place {
            Place::Listener => "/listen".to_owned(),
            Place::ClientCa => "/client_ca".to_owned(),
            Place::Certificate(index) => format!("/certificate/{index}/certificate"),
            Place::Key(index) => format!("/certificate/{index}/key"),
        }
    }
}

impl From<Problem> for Invalid {
    fn from(problem: Problem) -> Invalid {
        problem.error.into()
    }
}

/// Keys, certificates and rules of one listener. Connections that are open keep
/// what they began with; new ones get what was loaded last.
pub struct TlsServer {
    settings: TlsListener,
    provider: Arc<CryptoProvider>,
    /// Outlives a reload, so that clients go on resuming their sessions.
    tickets: Arc<dyn ProducesTickets>,
    current: RwLock<Arc<Loaded>>,
    reloads: AtomicU64,
    reloads_failed: AtomicU64,
}

/// What the files said.
struct Loaded {
    config: Arc<ServerConfig>,
    expiries: Vec<(PathBuf, SystemTime)>,
}

impl TlsServer {
    /// Loads everything that the settings name. Gives the warnings too: what is
    /// odd but no reason not to serve it.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the files.
    pub fn load(settings: &TlsListener) -> Result<(TlsServer, Vec<String>), Vec<Problem>> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        // Without randomness there are no tickets, and clients do without.
        let tickets = rustls::crypto::ring::Ticketer::new().unwrap_or_else(|_| Arc::new(NoTickets));
        let (loaded, warnings) = read(settings, &provider, &tickets)?;
        let server = TlsServer {
            settings: settings.clone(),
            provider,
            tickets,
            current: RwLock::new(Arc::new(loaded)),
            reloads: AtomicU64::new(0),
            reloads_failed: AtomicU64::new(0),
        };
        Ok((server, warnings))
    }

    /// Loads everything again, for the connections that come from now on. If
    /// anything is wrong, what was loaded before goes on.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the files.
    pub fn reload(&self) -> Result<Vec<String>, Vec<Problem>> {
        let read = read(&self.settings, &self.provider, &self.tickets);
        let counter = if read.is_ok() { &self.reloads } else { &self.reloads_failed };
        counter.fetch_add(1, Relaxed);
        let (loaded, warnings) = read?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
        Ok(warnings)
    }

    /// What the listener was told.
    pub fn settings(&self) -> &TlsListener {
        &self.settings
    }

    /// For a connection that begins now.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.loaded().config)
    }

    /// Each certificate's file, and when it expires.
    pub(crate) fn expiries(&self) -> Vec<(PathBuf, SystemTime)> {
        self.loaded().expiries.clone()
    }

    /// How often loading again went well, and how often not.
    pub(crate) fn reloads(&self) -> (u64, u64) {
        (self.reloads.load(Relaxed), self.reloads_failed.load(Relaxed))
    }

    fn loaded(&self) -> Arc<Loaded> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn read(
    settings: &TlsListener,
    provider: &Arc<CryptoProvider>,
    tickets: &Arc<dyn ProducesTickets>,
) -> Result<(Loaded, Vec<String>), Vec<Problem>> {
    let now = SystemTime::now();
    let mut problems = Vec::new();
    let mut identities: Vec<Identity> = Vec::new();
    for (index, pair) in settings.certificates.iter().enumerate() {
        match files::load(pair, provider, now) {
            Ok(identity) => identities.push(identity),
            Err(errors) => problems.extend(errors.into_iter().map(|(half, error)| {
                let place = match half {
                    Half::Certificate => Place::Certificate(index),
                    Half::Key => Place::Key(index),
                };
                Problem { place, error }
            })),
        }
    }
    let clients = settings.client.as_ref().map(|client| client::verifier(client, provider));
    let clients = clients.transpose().unwrap_or_else(|error| {
        problems.push(Problem { place: Place::ClientCa, error });
        None
    });
    if !problems.is_empty() {
        return Err(problems);
    }
    let warnings = identities.iter_mut().flat_map(|one| std::mem::take(&mut one.warnings));
    let warnings = warnings.collect();
    let config = config(&identities, clients, provider, tickets).map_err(|error| {
        vec![Problem { place: Place::Listener, error: FileError::Rustls(error) }]
    })?;
    let files = settings.certificates.iter().map(|pair| pair.certificate.clone());
    let expiries = files.zip(identities.iter().map(|one| one.not_after)).collect();
    Ok((Loaded { config: Arc::new(config), expiries }, warnings))
}

fn config(
    identities: &[Identity],
    clients: Option<Arc<dyn ClientCertVerifier>>,
    provider: &Arc<CryptoProvider>,
    tickets: &Arc<dyn ProducesTickets>,
) -> Result<ServerConfig, rustls::Error> {
    // TLS 1.3 and 1.2; rustls has no older one.
    let builder = ServerConfig::builder_with_provider(Arc::clone(provider));
    let builder = builder.with_safe_default_protocol_versions()?;
    let names = Arc::new(Names::new(identities));
    // A resumed session would let a client in whose certificate has expired, or
    // whose authority is trusted no more: where clients are verified, they are
    // verified every time.
    let resumes = clients.is_none();
    let builder = match clients {
        Some(clients) => builder.with_client_cert_verifier(clients),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(names);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // Tickets are kept by the clients: nothing to lock, nothing that grows. Early
    // data stays off (the default), because it can be replayed.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    if resumes {
        config.ticketer = Arc::clone(tickets);
    } else {
        config.send_tls13_tickets = 0;
    }
    Ok(config)
}

#[derive(Debug)]
struct NoTickets;

impl ProducesTickets for NoTickets {
    fn enabled(&self) -> bool {
        false
    }

    fn lifetime(&self) -> u32 {
        0
    }

    fn encrypt(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn decrypt(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }
}
