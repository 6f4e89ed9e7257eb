//! What a node knows of clients besides what they send: databases of addresses, and patterns
//! of user agents. Both are files in its data folder, which `sedge geo update` and
//! `sedge agents update` put there whole; a node that runs takes new ones when it notices them.

mod files;

pub use files::{AgentReader, databases, locate, put_database, put_patterns};

use crate::watch::Stamp;
use sedge_services::agents::Agents;
use sedge_services::geo::GeoDatabases;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The folder of databases in a data folder.
pub(crate) fn geo_folder(data: &Path) -> PathBuf {
    data.join("geo")
}

/// The folder of the patterns in a data folder, and their file there.
pub(crate) fn patterns_file(data: &Path) -> PathBuf {
    data.join("agents").join("regexes.yaml")
}

/// Both, and what their files were like when they were last read.
pub(crate) struct ClientFacts {
    folder: PathBuf,
    file: PathBuf,
    geo: Arc<GeoDatabases>,
    agents: Arc<Agents>,
    seen: Mutex<Seen>,
}

#[derive(Default, PartialEq, Eq)]
struct Seen {
    databases: BTreeMap<PathBuf, Option<Stamp>>,
    patterns: Option<Stamp>,
}

impl ClientFacts {
    /// Maps the databases of a data folder; patterns are read when somebody wants them. What
    /// cannot be used is told to the node's log.
    pub(crate) fn load(data: &Path) -> Arc<Self> {
        let facts = ClientFacts {
            folder: geo_folder(data),
            file: patterns_file(data),
            geo: Arc::default(),
            agents: Arc::default(),
            seen: Mutex::default(),
        };
        facts.reload();
        Arc::new(facts)
    }

    /// The databases of addresses.
    pub(crate) fn geo(&self) -> &Arc<GeoDatabases> {
        &self.geo
    }

    /// What is known of user agents.
    pub(crate) fn agents(&self) -> &Arc<Agents> {
        &self.agents
    }

    /// Reads the patterns, if that was not done before.
    pub(crate) fn want_patterns(&self) {
        if let Err(problem) = self.agents.want(&self.file) {
            tracing::warn!(%problem, "user agents are read without patterns");
        }
    }

    /// The folders whose files are looked at.
    pub(crate) fn folders(&self) -> impl Iterator<Item = PathBuf> {
        let agents = self.file.parent().map(ToOwned::to_owned);
        std::iter::once(self.folder.clone()).chain(agents)
    }

    /// Reads what has changed since it was last read.
    pub(crate) fn compare(&self) {
        let now = self.stamps();
        let is_same = *self.seen.lock().unwrap_or_else(PoisonError::into_inner) == now;
        if !is_same {
            self.reload();
        }
    }

    /// Reads everything again.
    pub(crate) fn reload(&self) {
        // Taken before the files are read, so that no change is missed.
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = self.stamps();
        for problem in self.geo.load(&self.folder) {
            tracing::warn!(%problem, "a database of addresses is not used");
        }
        if self.agents.is_wanted()
            && let Err(problem) = self.agents.load(&self.file)
        {
            tracing::warn!(%problem, "new patterns of user agents are refused; the old ones go on");
        }
    }

    fn stamps(&self) -> Seen {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let databases = entries.map(|entry| entry.path());
        let databases = databases.map(|path| (path.clone(), Stamp::of(&path))).collect();
        Seen { databases, patterns: Stamp::of(&self.file) }
    }
}
