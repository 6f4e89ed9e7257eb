//! The engine of a node: where code is mapped and instances are pooled.

use crate::call::background::Background;
use crate::call::lane::Lane;
use crate::call::pulse::PULSE;
use crate::code_cache::{CodeCache, CodeCacheError};
use crate::compile::{Artifact, CompileError, Compiler};
use crate::config::{EngineConfig, TICK, has_swap, pagemap_scan_is_safe, runtime_settings};
use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};
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
    stop: Arc<AtomicBool>,
}

/// The wasmtime engines in use.
struct Hosts {
    engines: HashMap<HostKey, wasmtime::Engine>,
    /// Engines that were replaced; their last calls still need ticks.
    retired: Vec<wasmtime::EngineWeak>,
    /// Whether dirty pages are found by scanning (see [`crate::config`]).
    pagemap_scan: bool,
    /// Grows when the engines were replaced; what was loaded before belongs to
    /// engines that are on their way out.
    generation: Arc<AtomicU64>,
}

impl Hosts {
    fn tick(&self) {
        let retired: Vec<_> =
            self.retired.iter().filter_map(wasmtime::EngineWeak::upgrade).collect();
        self.engines.values().chain(&retired).for_each(wasmtime::Engine::increment_epoch);
    }
}

fn read(hosts: &RwLock<Hosts>) -> RwLockReadGuard<'_, Hosts> {
    hosts.read().unwrap_or_else(PoisonError::into_inner)
}

fn write(hosts: &RwLock<Hosts>) -> RwLockWriteGuard<'_, Hosts> {
    hosts.write().unwrap_or_else(PoisonError::into_inner)
}

impl Engine {
    /// Opens the cache, reserves a pool, and starts the ticker.
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
            retired: Vec::new(),
            pagemap_scan: pagemap_scan_is_safe(),
            generation: Arc::new(AtomicU64::new(0)),
        }));
        let stop = Arc::new(AtomicBool::new(false));
        start_ticker(hosts.clone(), stop.clone()).map_err(EngineError::Thread)?;
        let compiler = Compiler::new(config.compile_parallel);
        Ok(Arc::new(Engine { config, compiler, cache, background, hosts, stop }))
    }

    /// Makes sure that the native code of an artifact is in the cache.
    ///
    /// # Errors
    ///
    /// [`CompileError`], when the file is no component or cannot be compiled
    /// within the limits.
    pub async fn compile(&self, source: &Path) -> Result<Artifact, CompileError> {
        self.compiler.compile(&self.config, &self.cache, source).await
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
        let loaded = self.cache.load(&artifact.digest, concurrency, engine);
        if let Err(CodeCacheError::NotAuthentic(_)) = &loaded {
            self.cache.remove(&artifact.digest, concurrency);
        }
        loaded
    }

    /// A lane for the calls of one function, which moves to the background those
    /// that use much CPU time.
    pub fn lane(&self) -> Lane {
        Lane::new(self.background.handle())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
    }
}

/// Starts the thread that advances the epochs while guests run, and that looks
/// whether swap was switched on under a running node.
fn start_ticker(hosts: Arc<RwLock<Hosts>>, stop: Arc<AtomicBool>) -> std::io::Result<()> {
    const SWAP_CHECK: Duration = Duration::from_secs(10);
    /// Quiet ticks after which the ticker rests.
    const QUIET_TICKS_MAX: u32 = 20;

    let work = move || {
        let mut quiet_ticks = 0u32;
        let mut swap_checked = Instant::now();
        while !stop.load(Relaxed) {
            if quiet_ticks < QUIET_TICKS_MAX {
                std::thread::sleep(TICK);
            } else {
                PULSE.rest();
            }
            quiet_ticks = if PULSE.take() { 0 } else { quiet_ticks.saturating_add(1) };
            read(&hosts).tick();
            if swap_checked.elapsed() >= SWAP_CHECK {
                swap_checked = Instant::now();
                if read(&hosts).pagemap_scan && has_swap() {
                    leave_pagemap_scan(&mut write(&hosts));
                }
            }
        }
    };
    std::thread::Builder::new().name("sedge-ticker".to_owned()).spawn(work)?;
    Ok(())
}

/// Forgets the engines that scan page maps; the next caller gets others.
fn leave_pagemap_scan(hosts: &mut Hosts) {
    tracing::warn!(
        "swap was switched on: instances are reset without PAGEMAP_SCAN from now on, which is slower"
    );
    hosts.pagemap_scan = false;
    let replaced = hosts.engines.drain().map(|(_, engine)| engine.weak());
    hosts.retired.extend(replaced);
    hosts.generation.fetch_add(1, Relaxed);
}
