//! What every deployment of a node shares: the engine, the store, and the
//! counters of its own work.

use crate::caching::{self, Scopes};
use crate::client_facts::ClientFacts;
use crate::hint::WithHint;
use crate::options::StoreIn;
use crate::progress::{Event, Observer};
use crate::triggers::Outlet;
use anyhow::{Context, Result};
use sedge_cache::flow::Cache;
use sedge_engine::Engine;
use sedge_flavors::outbound::Client;
use sedge_flavors::wasi_http::WasiHttp;
use sedge_ingress::http::StablePages;
use sedge_ingress::http::files::Disk;
use sedge_model::manifest::Function;
use sedge_model::node_config::{CodecConfig, NodeConfig};
use sedge_model::routing::rule::Chain;
use sedge_services::codec::{CodecOptions, CodecPool};
use sedge_services::{Offer, Services};
use sedge_store::{Options as StoreOptions, Store, StoreError};
use std::ffi::OsString;
use std::fs::DirBuilder;
use std::io;
use std::num::NonZero;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The shared parts of a node.
pub(crate) struct Platform {
    pub(crate) engine: Arc<Engine>,
    pub(crate) wasi_http: Arc<WasiHttp>,
    pub(crate) store: Store,
    /// What caching links store.
    pub(crate) cache: Arc<Cache>,
    /// What functions share of that.
    pub(crate) scopes: Scopes,
    /// The encoders that functions may be granted.
    pub(crate) codec: Arc<CodecPool>,
    /// What is known of addresses and user agents.
    pub(crate) facts: Arc<ClientFacts>,
    /// The way of what functions say while they answer requests, of a node that listens.
    pub(crate) outlet: OnceLock<Outlet>,
    /// What reads the files that rules serve.
    pub(crate) disk: Arc<Disk>,
    pub(crate) observer: Observer,
    /// What the node differs in: mesh files are read by it.
    pub(crate) config: NodeConfig,
    /// How many artifacts are compiled at one time; at least one.
    pub(crate) compile_parallel_max: usize,
    /// Whether a new revision must answer its probes. One that nothing is
    /// routed to, as for a single call, need not.
    pub(crate) probing: bool,
    pub(crate) counters: DeploymentCounters,
    pub(crate) started: Instant,
    /// Removed after the store, which lies in it, is closed.
    _scratch: Option<TempDir>,
}

/// What was counted since the node started.
#[derive(Default)]
pub(crate) struct DeploymentCounters {
    pub(crate) deployed: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) compilations: AtomicU64,
    pub(crate) compile_ns: AtomicU64,
}

impl DeploymentCounters {
    pub(crate) fn deployed(&self) {
        self.deployed.fetch_add(1, Relaxed);
    }

    pub(crate) fn deployment_failed(&self) {
        self.failed.fetch_add(1, Relaxed);
    }

    pub(crate) fn compiled(&self, took: Duration) {
        self.compilations.fetch_add(1, Relaxed);
        self.compile_ns.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }
}

impl Platform {
    /// Opens the node's state and starts its engine.
    pub(crate) fn start(
        config: &NodeConfig,
        store: StoreIn,
        compiler: Vec<OsString>,
        observer: Observer,
        probing: bool,
    ) -> Result<Self> {
        let data = &config.data;
        make_private_folder(data).with_context(|| format!("create {}", data.display()))?;
        let scratch = match store {
            StoreIn::Data => None,
            StoreIn::Scratch => Some(tempfile::tempdir().context("create a scratch folder")?),
        };
        let state = scratch.as_ref().map_or(data.as_path(), TempDir::path);
        let store = open_store(state)?;
        let cache = caching::open(&config.cache, state)?;
        let engine = Engine::start(engine_config(config, compiler)).context("start the engine")?;
        let client = Client::new(&config.outbound.trusted_roots).map_err(|error| {
            let hint = "outbound.trusted_roots of the node's configuration names PEM files with \
                        certificates of authorities";
            WithHint::new(error, hint)
        })?;
        Ok(Platform {
            wasi_http: WasiHttp::new(engine.clone(), client),
            engine,
            store,
            cache,
            scopes: Scopes::default(),
            codec: CodecPool::new(codec_options(&config.codec)),
            facts: ClientFacts::load(data),
            outlet: OnceLock::new(),
            disk: Disk::new(config.ingress.file_reads_max as usize),
            observer,
            config: config.clone(),
            compile_parallel_max: (config.engine.compile_parallel_max as usize).max(1),
            probing,
            counters: DeploymentCounters::default(),
            started: Instant::now(),
            _scratch: scratch,
        })
    }

    /// Resolves what a function is granted; `chains` are its app's.
    pub(crate) fn grant(
        &self,
        app: &str,
        function: &Function,
        chains: &[Chain],
    ) -> Result<Services> {
        let what = || format!("deploy app {app}");
        let granted = &function.capabilities;
        let output =
            self.outlet.get().map(|outlet| outlet.of(app, &function.name, &granted.topics));
        if granted.client {
            self.facts.want_patterns();
        }
        let offer = Offer {
            store: &self.store,
            cache: self.scopes.grant(&self.cache, app, function, chains),
            output: output.transpose().with_context(what)?.unwrap_or_default(),
            encoders: &self.codec,
            geo: self.facts.geo(),
            agents: self.facts.agents(),
        };
        Services::grant(offer, app, function).with_context(what)
    }

    /// Where the gateway finds bodies that it can send without a copy.
    pub(crate) fn stable_pages(&self) -> Option<Arc<StablePages>> {
        let pages = self.cache.pages()?;
        Some(Arc::new(StablePages::new(pages.addresses(), Arc::clone(pages) as _)))
    }

    pub(crate) fn tell(&self, event: &Event<'_>) {
        (self.observer)(event);
    }
}

/// Makes a folder that only the node's user may look into: it holds what
/// functions have stored. One that is there already keeps the rights that its
/// owner gave it.
fn make_private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// The file of the key-value store in a data folder.
pub(crate) fn store_path(data: &Path) -> PathBuf {
    data.join("kv.redb")
}

/// Opens the key-value store of a data folder; only one process can.
pub(crate) fn open_store(data: &Path) -> Result<Store> {
    let options =
        StoreOptions { on_thread_start: sedge_engine::priority::prompt, ..StoreOptions::default() };
    Store::open_with(store_path(data), options).map_err(|error: StoreError| match error.hint() {
        Some(hint) => WithHint::new(error, hint),
        None => error.into(),
    })
}

fn engine_config(config: &NodeConfig, compiler: Vec<OsString>) -> sedge_engine::EngineConfig {
    let wanted = &config.engine;
    let defaults = sedge_engine::EngineConfig::default();
    sedge_engine::EngineConfig {
        cache_dir: config.data.join("code"),
        compiler,
        source_bytes_max: wanted.artifact_bytes_max,
        compile_memory_bytes_max: wanted.compile_memory_bytes_max,
        compile_s_max: wanted.compile_s_max.into(),
        compile_parallel: wanted.compile_parallel_max as usize,
        instances_max: wanted.instances_max,
        background_threads: wanted
            .background_threads
            .map_or(defaults.background_threads, |threads| threads as usize),
    }
}

fn codec_options(config: &CodecConfig) -> CodecOptions {
    let cores = || thread::available_parallelism().map_or(1, NonZero::get);
    CodecOptions {
        threads: config.threads.map_or_else(cores, |threads| threads as usize),
        queue_max: config.queue_max as usize,
        memory_bytes_max: config.memory_bytes_max,
        pixels_max: config.pixels_max,
        avif_pixels_max: config.avif_pixels_max,
        deadline: Duration::from_millis(config.deadline_ms),
        on_thread_start: sedge_engine::priority::lower,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_new_data_folder_is_private_and_an_old_one_keeps_its_rights() {
        let scratch = tempfile::tempdir().expect("a folder");
        let rights = |path: &Path| {
            let data = std::fs::metadata(path).expect("is there");
            data.permissions().mode() & 0o777
        };
        let new = scratch.path().join("state/node");
        make_private_folder(&new).expect("is made");
        assert_eq!(rights(&new), 0o700);

        let shared = std::fs::Permissions::from_mode(0o750);
        std::fs::set_permissions(&new, shared).expect("is ours");
        make_private_folder(&new).expect("is there");
        assert_eq!(rights(&new), 0o750);
    }
}
