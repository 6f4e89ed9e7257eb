//! The engine of a node: where code is mapped and instances are pooled.

use crate::call::background::Background;
use crate::call::lane::Lane;
use crate::code_cache::{CodeCache, CodeCacheError};
use crate::compile::{Artifact, CompileError, Compiler};
use crate::config::{EngineConfig, has_swap, pagemap_scan_is_safe, runtime_settings};
use crate::snapshot::Form;
use crate::ticker::Ticking;
use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};
use std::time::Duration;
use thiserror::Error;

/// Distinct stack limits that the functions of a node may have. Each has a
/// pool of instances of its own, which reserves address space.
const STACK_LIMITS_MAX: usize = 8;

/// Why an engine cannot be made or used.
#[derive(Debug, Error)]
pub enum EngineError {
    /// wasmtime refused the settings, usually for want of address space.
    #[error("cannot reserve the pools of instances: {0}")]
    Settings(String),
    /// The code cache cannot be opened.
    #[error(transparent)]
    Cache(#[from] CodeCacheError),
    /// A thread cannot be started.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
    /// The timer that bounds what guests compute cannot be had.
    #[error("cannot create a timer (`ulimit -i` bounds them)")]
    Timer(#[source] std::io::Error),
    /// Too many different stack limits on one node.
    #[error("the functions of a node may have at most {STACK_LIMITS_MAX} different stack limits")]
    TooManyStackLimits,
}

/// Which of a node's wasmtime engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HostKey {
    /// With the component-model async features (WASI 0.3).
    pub concurrency: bool,
    /// Stack of a guest, bytes.
    pub stack_bytes: u32,
}

/// Compiles, maps and pools for all functions of a node.
pub struct Engine {
    config: EngineConfig,
    compiler: Compiler,
    cache: CodeCache,
    background: Background,
    hosts: Arc<RwLock<Hosts>>,
}

/// The wasmtime engines in use.
struct Hosts {
    engines: HashMap<HostKey, wasmtime::Engine>,
    /// Those, and the ones that were replaced, whose last calls still need ticks. They
    /// are replaced once in the life of a node at most.
    ticking: Vec<Ticking>,
    /// Whether dirty pages are found by scanning (see [`crate::config`]).
    pagemap_scan: bool,
    /// Grows when the engines were replaced; what was loaded before belongs to
    /// engines that are on their way out.
    generation: Arc<AtomicU64>,
}

fn read(hosts: &RwLock<Hosts>) -> RwLockReadGuard<'_, Hosts> {
    hosts.read().unwrap_or_else(PoisonError::into_inner)
}

fn write(hosts: &RwLock<Hosts>) -> RwLockWriteGuard<'_, Hosts> {
    hosts.write().unwrap_or_else(PoisonError::into_inner)
}

impl Engine {
    /// Opens the cache and starts what works in the background.
    ///
    /// # Errors
    ///
    /// [`EngineError`], when the folder or the address space cannot be had.
    pub fn start(config: EngineConfig) -> Result<Arc<Self>, EngineError> {
        let settings = |concurrency| {
            wasmtime::Engine::new(&crate::config::compiled_settings(concurrency))
                .map_err(|error| EngineError::Settings(format!("{error:#}")))
        };
        let cache = CodeCache::open(&config.cache_dir, [&settings(false)?, &settings(true)?])?;
        let background =
            Background::start(config.background_threads).map_err(EngineError::Thread)?;
        let hosts = Arc::new(RwLock::new(Hosts {
            engines: HashMap::new(),
            ticking: Vec::new(),
            pagemap_scan: pagemap_scan_is_safe(),
            generation: Arc::new(AtomicU64::new(0)),
        }));
        background.handle().spawn(watch_swap(Arc::downgrade(&hosts)));
        let compiler = Compiler::new(config.compile_parallel);
        Ok(Arc::new(Engine { config, compiler, cache, background, hosts }))
    }

    /// Makes sure that the native code of an artifact is in the cache.
    ///
    /// # Errors
    ///
    /// [`CompileError`], when the file is no component or cannot be compiled
    /// within the limits.
    pub async fn compile(&self, source: &Path) -> Result<Artifact, CompileError> {
        self.compiler.compile(&self.config, &self.cache, source, Form::Plain).await
    }

    /// The same artifact in another form; its code is in the cache.
    ///
    /// # Errors
    ///
    /// [`CompileError`], also when the file is not what it was.
    pub async fn compile_as(
        &self,
        artifact: &Artifact,
        form: Form<'_>,
    ) -> Result<Artifact, CompileError> {
        let path = &artifact.path;
        let compiled = self.compiler.compile(&self.config, &self.cache, path, form).await?;
        match compiled.digest == artifact.digest {
            true => Ok(compiled),
            false => Err(CompileError::Changed(path.clone())),
        }
    }

    /// A seed for what a function draws at random while it initializes itself: the same whenever
    /// this node initializes this artifact, so that the same state comes of the same settings and
    /// its code is found in the cache, and known to nobody else.
    pub fn seed(&self, artifact: &Artifact) -> [u8; 32] {
        self.cache.seed(&artifact.digest)
    }

    /// The wasmtime engine for functions of one kind; made when first asked
    /// for.
    ///
    /// # Errors
    ///
    /// [`EngineError`], when there is no address space for another pool.
    pub fn host(&self, key: HostKey) -> Result<wasmtime::Engine, EngineError> {
        if let Some(engine) = read(&self.hosts).engines.get(&key) {
            return Ok(engine.clone());
        }
        let mut hosts = write(&self.hosts);
        if let Some(engine) = hosts.engines.get(&key) {
            return Ok(engine.clone());
        }
        let same_kind = |other: &&HostKey| other.concurrency == key.concurrency;
        if hosts.engines.keys().filter(same_kind).count() >= STACK_LIMITS_MAX {
            return Err(EngineError::TooManyStackLimits);
        }
        let settings = runtime_settings(
            key.concurrency,
            key.stack_bytes as usize,
            self.config.instances_max,
            hosts.pagemap_scan,
        );
        let engine = wasmtime::Engine::new(&settings)
            .map_err(|error| EngineError::Settings(format!("{error:#}")))?;
        hosts.ticking.push(Ticking::new(engine.clone()).map_err(EngineError::Timer)?);
        hosts.engines.insert(key, engine.clone());
        Ok(engine)
    }

    /// Grows whenever [`Engine::host`] begins to answer with other engines.
    /// What was loaded under an earlier generation should be loaded again.
    pub fn generation(&self) -> Arc<AtomicU64> {
        read(&self.hosts).generation.clone()
    }

    /// Maps an artifact's code into memory.
    ///
    /// # Errors
    ///
    /// [`CodeCacheError`], when the code is gone, or not authentic: then it is
    /// removed from the cache, and compiling it again helps.
    pub fn load(
        &self,
        artifact: &Artifact,
        engine: &wasmtime::Engine,
    ) -> Result<wasmtime::component::Component, CodeCacheError> {
        let concurrency = artifact.inspection.concurrency();
        let loaded = self.cache.load(&artifact.code, concurrency, engine);
        if let Err(CodeCacheError::NotAuthentic(_)) = &loaded {
            self.cache.remove(&artifact.code, concurrency);
        }
        loaded
    }

    /// A lane for the calls of one function, which moves to the background those
    /// that use much CPU time.
    pub fn lane(&self) -> Lane {
        Lane::new(self.background.handle())
    }
}

/// Looks whether swap was switched on under a running node.
async fn watch_swap(hosts: Weak<RwLock<Hosts>>) {
    const INTERVAL: Duration = Duration::from_secs(10);
    while let Some(hosts) = hosts.upgrade() {
        if !read(&hosts).pagemap_scan {
            return;
        }
        if has_swap() {
            leave_pagemap_scan(&mut write(&hosts));
        }
        drop(hosts);
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Forgets the engines that scan page maps; the next caller gets others.
fn leave_pagemap_scan(hosts: &mut Hosts) {
    tracing::warn!(
        "swap was switched on: instances are reset without PAGEMAP_SCAN from now on, which is slower"
    );
    hosts.pagemap_scan = false;
    hosts.engines.clear();
    hosts.generation.fetch_add(1, Relaxed);
}
