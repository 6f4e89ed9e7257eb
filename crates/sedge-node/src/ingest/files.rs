//! The file of passwords: loaded before anything is taken, and again when it changes. What is
//! wrong then leaves the old ones in force.

use super::{IngestEndpoint, IngestFigures};
use crate::board::Reserved;
use crate::mqtt::{Gate, all_wrong, passwords};
use crate::streams::StreamsHandle;
use crate::watch::Stamp;
use anyhow::Result;
use sedge_ingress::mqtt::auth::PasswordFile;
use sedge_model::node_config::{IngestConfig, Invalid, NodeConfig};
use std::path::PathBuf;
use std::sync::Arc;

/// What is wrong with the file, by the JSON pointer of the setting that names it.
pub(crate) fn look(config: &NodeConfig) -> Vec<(String, Invalid)> {
    let wrong = config.ingest.as_ref().and_then(|ingest| read(ingest).err());
    let wrong = wrong.into_iter().flatten();
    wrong.map(|invalid| ("/ingest/passwords".to_owned(), invalid)).collect()
}

fn read(config: &IngestConfig) -> Result<Option<PasswordFile>, Vec<Invalid>> {
    passwords(config.passwords.as_deref(), config.password_checks_max)
}

/// The endpoint of a running node, and the file that it is told of.
pub(crate) struct IngestFiles {
    endpoint: Arc<IngestEndpoint>,
    seen: Option<Stamp>,
}

impl IngestFiles {
    /// Makes the endpoint; `None` if the configuration has none.
    ///
    /// # Errors
    /// Everything that is wrong with the file.
    pub(crate) fn load(config: &NodeConfig, streams: &Arc<StreamsHandle>) -> Result<Option<Self>> {
        let Some(ingest) = &config.ingest else { return Ok(None) };
        // Taken before the file is read, so that no change is missed.
        let seen = stamp(ingest);
        let gate = Gate::new(read(ingest).map_err(all_wrong)?, ingest.anonymous);
        let endpoint = IngestEndpoint::new(ingest, gate, Arc::clone(streams));
        Ok(Some(IngestFiles { endpoint, seen }))
    }

    /// The path at which readings arrive, and what answers there.
    pub(crate) fn reserved(&self) -> Reserved {
        (self.endpoint.config.path.clone(), self.endpoint.target())
    }

    /// What is counted.
    pub(crate) fn figures(&self) -> Arc<IngestFigures> {
        Arc::clone(&self.endpoint.figures)
    }

    /// The folder of the file.
    pub(crate) fn folder(&self) -> Option<PathBuf> {
        let path = self.endpoint.config.passwords.as_deref()?;
        path.parent().map(ToOwned::to_owned)
    }

    /// Loads the file again if it has changed since it was last read.
    pub(crate) fn compare(&mut self) {
        if stamp(&self.endpoint.config) != self.seen {
            self.reload();
        }
    }

    /// Loads the file again.
    pub(crate) fn reload(&mut self) {
        self.seen = stamp(&self.endpoint.config);
        match read(&self.endpoint.config) {
            Ok(None) => {}
            Ok(Some(passwords)) => {
                self.endpoint.gate.set_passwords(passwords);
                self.endpoint.known.forget();
                tracing::info!("passwords of devices were loaded again");
            }
            Err(wrong) => {
                for one in wrong {
                    let problem = &one.message;
                    tracing::warn!(%problem, "new passwords of devices are refused; the old ones go on");
                }
            }
        }
    }
}

fn stamp(config: &IngestConfig) -> Option<Stamp> {
    config.passwords.as_ref().and_then(|path| Stamp::of(path))
}
