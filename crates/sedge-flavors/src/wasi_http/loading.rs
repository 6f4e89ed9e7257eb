//! Brings a function's code into memory: from the code cache, or compiled again where that cannot
//! be trusted.

use super::function::Inner;
use super::instance::Template;
use super::{LinkError, Linked};
use sedge_engine::Artifact;
use sedge_engine::code_cache::CodeCacheError;
use sedge_engine::engine::HostKey;
use sedge_model::failure::{Failure, Kind};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Code in memory, its imports resolved.
pub(super) struct Loaded {
    pub(super) template: Template,
    pub(super) generation: u64,
}

impl Inner {
    /// The code, if it is in memory.
    pub(super) fn in_memory(&self) -> Option<Arc<Loaded>> {
        let generation = self.flavor.generation();
        self.loaded.load_full().filter(|loaded| loaded.generation == generation)
    }

    /// The code, from memory or from the cache.
    pub(super) async fn loaded(self: &Arc<Self>) -> Result<Arc<Loaded>, Failure> {
        if let Some(loaded) = self.in_memory() {
            return Ok(loaded);
        }
        let _loading = self.loading.lock().await;
        if let Some(loaded) = self.in_memory() {
            return Ok(loaded);
        }
        let loaded = match self.load() {
            Err(LoadError::Cache(
                error @ (CodeCacheError::NotAuthentic(_) | CodeCacheError::Missing(_)),
            )) => {
                // Not to be trusted, or gone: compiled again from the artifact, if that
                // is still the one that was deployed.
                tracing::warn!(function = %self.spec.name, %error, "compiling again");
                self.compile_again().await?;
                self.load()
            }
            other => other,
        };
        let loaded = Arc::new(loaded.map_err(|error| {
            Failure::new(Kind::BadArtifact, format!("cannot load `{}`: {error}", self.spec.name))
        })?);
        self.spec.metrics.code_loads.fetch_add(1, Relaxed);
        self.loaded.store(Some(loaded.clone()));
        Ok(loaded)
    }

    /// The engine and the host functions for it.
    pub(super) fn linked(&self) -> Result<Linked, LinkError> {
        self.flavor.linked(HostKey {
            concurrency: self.artifact.inspection.concurrency(),
            stack_bytes: self.spec.limits.stack_bytes_max,
        })
    }

    /// Lets fresh instances be of this form from now on.
    pub(super) fn begin_with(&self, initialized: Artifact) {
        self.initialized.store(Some(Arc::new(initialized)));
        self.loaded.store(None);
    }

    fn load(&self) -> Result<Loaded, LoadError> {
        let linked = self.linked()?;
        let initialized = self.initialized.load();
        let artifact = initialized.as_deref().unwrap_or(&self.artifact);
        let component = self.flavor.engine.load(artifact, &linked.engine)?;
        let template = linked
            .linker
            .instantiate_pre(&component)
            .and_then(|pre| Template::new(self.exports, pre))
            .map_err(LoadError::Imports)?;
        Ok(Loaded { template, generation: linked.generation })
    }

    async fn compile_again(self: &Arc<Self>) -> Result<(), Failure> {
        let bad = |detail| Failure::new(Kind::BadArtifact, detail);
        if self.initialized.load().is_some() {
            let again = self.preinitialize().await;
            return again.map(drop).map_err(|error| bad(error.to_string()));
        }
        let artifact = self.flavor.engine.compile(&self.artifact.path).await;
        let artifact = artifact.map_err(|error| bad(error.to_string()))?;
        if artifact.digest != self.artifact.digest {
            return Err(bad(format!("{} has changed", self.artifact.path.display())));
        }
        Ok(())
    }
}

/// Why code cannot be brought into memory.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    #[error(transparent)]
    Cache(#[from] CodeCacheError),
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error("{0:#}")]
    Imports(wasmtime::Error),
}
