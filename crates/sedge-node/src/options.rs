//! How a node is started.

use crate::progress::Observer;
use sedge_model::node_config::NodeConfig;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// Everything that a node is told from outside besides its apps.
pub struct NodeOptions {
    /// What its configuration file and the command line say.
    pub config: NodeConfig,
    /// Where access records go.
    pub access_log: AccessLogTo,
    /// Counts the records of the node's log that nobody read in time; shown
    /// among the metrics.
    pub log_records_dropped: Arc<AtomicU64>,
    /// When files are looked at again.
    pub reload: Reload,
    /// Whether it listens; a node that does not answers only
    /// [`crate::Node::call`].
    pub listen: bool,
    /// Where the key-value store is.
    pub store: StoreIn,
    /// Program and arguments that run [`crate::compile_worker`].
    pub compiler: Vec<OsString>,
    /// Who is told of builds and deployments.
    pub observer: Observer,
}

impl NodeOptions {
    /// A node that listens as configured, reloads on change, writes no access
    /// log and tells nobody.
    pub fn new(config: NodeConfig, compiler: Vec<OsString>) -> Self {
        NodeOptions {
            config,
            access_log: AccessLogTo::Nowhere,
            log_records_dropped: Arc::default(),
            reload: Reload::Watch,
            listen: true,
            store: StoreIn::Data,
            compiler,
            observer: Arc::new(|_| {}),
        }
    }
}

/// Where access records go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessLogTo {
    /// No records.
    Nowhere,
    /// Standard error.
    Stderr,
    /// Appended to a file.
    File(PathBuf),
}

/// When the files of an app are looked at again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// Only when asked, by signal or command.
    Asked,
    /// When manifests or artifacts change.
    Watch,
    /// The same, and build commands run when sources change.
    Build,
}

/// Where the key-value store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreIn {
    /// In the data folder, which one process can hold.
    Data,
    /// In a folder of its own that is removed at the end.
    Scratch,
}
