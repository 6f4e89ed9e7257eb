//! What one listener serves with.

use super::acme::{self, Acme};
use super::client;
use super::files::{self, FileError, Half, Identity};
use super::names::Names;
use crate::http::access::rfc3339;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, ProducesTickets};
use sedge_model::node_config::{Invalid, TlsListener};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
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
    /// `trusted_roots` of `acme`, with this index.
    AcmeRoot(usize),
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
            Place::AcmeRoot(index) => format!("/acme/trusted_roots/{index}"),
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
    /// How it gets a certificate by itself.
    acme: Option<Acme>,
    /// Outlives a reload, so that clients go on resuming their sessions.
    tickets: Arc<dyn ProducesTickets>,
    current: RwLock<Arc<Loaded>>,
    reloads: AtomicU64,
    reloads_failed: AtomicU64,
}

/// What the files said.
struct Loaded {
    config: Arc<ServerConfig>,
    /// In the order in which they are tried.
    shown: Vec<Shown>,
}

/// A certificate that is served, for whoever wants to know.
struct Shown {
    file: PathBuf,
    names: Vec<String>,
    not_before: SystemTime,
    not_after: SystemTime,
    /// Whether the node has got it by itself.
    acme: bool,
}

impl TlsServer {
    /// Loads everything that the settings name, for a listener that gets no
    /// certificate by itself, or to see what is wrong. Gives the warnings too:
    /// what is odd but no reason not to serve it.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the files.
    pub fn load(settings: &TlsListener) -> Result<(TlsServer, Vec<String>), Vec<Problem>> {
        TlsServer::load_with(settings, None)
    }

    /// The same with the certificate that was got by ACME, if there is one yet;
    /// [`acme::keep`] gets it. What ACME needs is kept below `data`.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the files.
    pub fn load_with(
        settings: &TlsListener,
        data: Option<&Path>,
    ) -> Result<(TlsServer, Vec<String>), Vec<Problem>> {
        let acme = settings.acme.as_ref().zip(data).map(|(acme, data)| Acme::new(acme, data));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        // Without randomness there are no tickets, and clients do without.
        let tickets = rustls::crypto::ring::Ticketer::new().unwrap_or_else(|_| Arc::new(NoTickets));
        let (loaded, warnings) = read(settings, acme.as_ref(), &provider, &tickets)?;
        let server = TlsServer {
            settings: settings.clone(),
            provider,
            acme,
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
        let read = read(&self.settings, self.acme.as_ref(), &self.provider, &self.tickets);
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
        let loaded = self.loaded();
        loaded.shown.iter().map(|one| (one.file.clone(), one.not_after)).collect()
    }

    /// Whether it has no certificate at all (yet).
    pub(crate) fn shows_nothing(&self) -> bool {
        self.loaded().shown.is_empty()
    }

    /// How it gets a certificate by itself.
    pub(crate) fn acme(&self) -> Option<&Acme> {
        self.acme.as_ref()
    }

    pub(crate) fn provider(&self) -> &Arc<CryptoProvider> {
        &self.provider
    }

    /// From when until when the certificate is valid that was got by ACME.
    pub(crate) fn got(&self) -> Option<(SystemTime, SystemTime)> {
        let loaded = self.loaded();
        let got = loaded.shown.iter().find(|one| one.acme)?;
        Some((got.not_before, got.not_after))
    }

    /// Lets ACME look now whether there is something to do.
    pub fn hurry(&self) {
        if let Some(acme) = &self.acme {
            acme.hurry();
        }
    }

    /// The listener's certificates and how they are got, for the admin pages:
    /// `{"listen", "certificates": [{"file", "names", "not_before", "not_after",
    /// "acme"}], "acme": {"directory", "domains", "challenge", "state",
    /// "next_attempt", "issued", "failures_in_a_row", "last_error"}}`.
    pub fn to_json(&self) -> Value {
        let loaded = self.loaded();
        let certificates = loaded.shown.iter().map(|one| {
            json!({
                "file": one.file,
                "names": one.names,
                "not_before": rfc3339(one.not_before),
                "not_after": rfc3339(one.not_after),
                "acme": one.acme,
            })
        });
        let certificates: Vec<Value> = certificates.collect();
        let acme = self.acme.as_ref().map(|acme| {
            let mut value = acme.status().to_json();
            value["directory"] = acme.settings.directory.as_str().into();
            value["domains"] = acme.settings.domains.clone().into();
            value["challenge"] = acme.settings.challenge.as_str().into();
            value
        });
        json!({ "listen": self.settings.listen, "certificates": certificates, "acme": acme })
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
    acme: Option<&Acme>,
    provider: &Arc<CryptoProvider>,
    tickets: &Arc<dyn ProducesTickets>,
) -> Result<(Loaded, Vec<String>), Vec<Problem>> {
    let now = SystemTime::now();
    let mut problems = Vec::new();
    let mut identities: Vec<Identity> = Vec::new();
    let mut warnings = Vec::new();
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
    let roots = settings.acme.as_ref().map_or(Ok(()), |acme| acme::roots(acme).map(drop));
    if let Err(wrong) = roots {
        let place = |(index, error)| Problem { place: Place::AcmeRoot(index), error };
        problems.extend(wrong.into_iter().map(place));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut shown: Vec<(PathBuf, bool)> =
        settings.certificates.iter().map(|pair| (pair.certificate.clone(), false)).collect();
    let got = acme.and_then(|acme| Some((acme, acme.identity(provider, now, &mut warnings)?)));
    if let Some((acme, identity)) = got {
        // Files are what is shown until there is one, and again once it is over.
        let at = if identity.not_after > now { 0 } else { identities.len() };
        identities.insert(at, identity);
        shown.insert(at, (acme.certificate(), true));
    }
    warnings.extend(identities.iter_mut().flat_map(|one| std::mem::take(&mut one.warnings)));
    let config = config(&identities, clients, provider, tickets).map_err(|error| {
        vec![Problem { place: Place::Listener, error: FileError::Rustls(error) }]
    })?;
    let shown = shown.into_iter().zip(identities).map(|((file, acme), one)| Shown {
        file,
        names: one.names,
        not_before: one.not_before,
        not_after: one.not_after,
        acme,
    });
    Ok((Loaded { config: Arc::new(config), shown: shown.collect() }, warnings))
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
