//! Certificates of the listeners with TLS: loaded before the node starts, and
//! again when their files change; or got by ACME, by a task for each listener.

use crate::hint::WithHint;
use crate::watch::Stamp;
use anyhow::{Result, anyhow};
use sedge_ingress::http::tls::TlsServer;
use sedge_ingress::http::tls::acme::{self, Accounts};
use sedge_model::node_config::{Invalid, NodeConfig, TlsListener};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::task::JoinHandle;

/// What is wrong with the files of listeners, by the JSON pointer of the setting
/// that names them.
pub(crate) fn look(config: &NodeConfig) -> Vec<(String, Invalid)> {
    let problems = config.tls.iter().enumerate().flat_map(|(index, settings)| {
        look_at(settings)
            .into_iter()
            .map(move |(at, invalid)| (format!("/tls/{index}{at}"), invalid))
    });
    problems.collect()
}

/// The same of one listener, by the pointer below its own.
pub(crate) fn look_at(settings: &TlsListener) -> Vec<(String, Invalid)> {
    let found = TlsServer::load(settings).err().unwrap_or_default();
    found.into_iter().map(|problem| (problem.pointer(), Invalid::from(problem))).collect()
}

type Stamps = BTreeMap<PathBuf, Option<Stamp>>;

/// The servers of a node, and what their files looked like when they were read.
#[derive(Default)]
pub(crate) struct Certificates {
    servers: Vec<(Arc<TlsServer>, Stamps)>,
}

impl Certificates {
    /// Loads those of some listeners, and says what is odd about them.
    ///
    /// # Errors
    ///
    /// If one of the files is wrong: everything that is wrong.
    pub(crate) fn load(listeners: &[&TlsListener], data: &Path) -> Result<Self> {
        let mut servers = Vec::new();
        let mut wrong = Vec::new();
        for settings in listeners {
            let seen = stamps(settings.files());
            match TlsServer::load_with(settings, Some(data)) {
                Ok((server, warnings)) => {
                    warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
                    servers.push((Arc::new(server), seen));
                }
                Err(problems) => wrong.extend(problems.into_iter().map(Invalid::from)),
            }
        }
        if wrong.is_empty() {
            return Ok(Certificates { servers });
        }
        let messages: Vec<&str> = wrong.iter().map(|one| one.message.as_str()).collect();
        let error = anyhow!("{}", messages.join("; "));
        Err(match wrong.iter().find_map(|one| one.hint.as_deref()) {
            Some(hint) => WithHint::new(error, hint),
            None => error,
        })
    }

    /// The servers, for the gateway.
    pub(crate) fn servers(&self) -> Vec<Arc<TlsServer>> {
        self.servers.iter().map(|(server, _)| Arc::clone(server)).collect()
    }

    /// Begins to get certificates by ACME; the listeners must be open, because
    /// the authority looks there.
    pub(crate) fn get(servers: &[Arc<TlsServer>]) -> Acme {
        let accounts = Accounts::default();
        let wanted = servers.iter().filter(|server| server.settings().acme.is_some());
        let task = |server| tokio::spawn(acme::keep(Arc::clone(server), accounts.clone()));
        Acme(wanted.map(task).collect())
    }

    /// The folders of all files.
    pub(crate) fn folders(&self) -> BTreeSet<PathBuf> {
        let files = self.servers.iter().flat_map(|(server, _)| server.settings().files());
        files.filter_map(Path::parent).map(Path::to_owned).collect()
    }

    /// Loads again what has changed since it was last read.
    pub(crate) fn compare(&mut self) {
        for (server, seen) in &mut self.servers {
            let now = stamps(server.settings().files());
            if now != *seen {
                *seen = now;
                reload(server);
            }
        }
    }

    /// Loads everything again.
    pub(crate) fn reload(&mut self) {
        for (server, seen) in &mut self.servers {
            *seen = stamps(server.settings().files());
            reload(server);
            server.hurry();
        }
    }
}

/// The tasks that get certificates by ACME; they end when this is dropped.
pub(crate) struct Acme(Vec<JoinHandle<()>>);

impl Drop for Acme {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

/// Taken before the files are read, so that no change is missed.
fn stamps<'a>(files: impl Iterator<Item = &'a Path>) -> Stamps {
    files.map(|file| (file.to_owned(), Stamp::of(file))).collect()
}

fn reload(server: &TlsServer) {
    let listen = server.settings().listen;
    match server.reload() {
        Ok(warnings) => {
            tracing::info!(%listen, "certificates were loaded again");
            warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        }
        Err(problems) => {
            for problem in problems {
                tracing::warn!(%listen, %problem, "new certificates are refused; the old ones go on");
            }
        }
    }
}
