//! Functions that speak `wasi:http`: 0.2 (`incoming-handler`) and 0.3
//! (`handler`).
//!
//! In the order in which a request travels:
//!
//! 1. [`function`] checks limits and finds the code, which [`loading`] brings into memory, or an
//!    idle instance.
//! 2. [`request`] bounds what the guest reads.
//! 3. [`instance`] makes an instance and calls it; [`state`] is what its host
//!    functions work on, [`services`] those that are not WASI's own.
//! 4. [`response`] takes the head and streams the body.
//! 5. [`next`] is what stands behind a function that is a [`link`] of a chain.
//!    One that exports a [`filter`] is asked by values first.
//! 6. [`messages`] calls what is started by a message or the clock instead.
//! 7. [`preinitialize`] lets fresh instances begin with what one has prepared.
//! 8. [`idle`] keeps the instance, if the manifest says so; [`failures`] counts
//!    and logs what went wrong.

mod exports;
mod failures;
mod filter;
mod function;
mod idle;
mod instance;
mod link;
mod loading;
mod logs;
mod messages;
mod next;
mod preinitialize;
mod request;
mod response;
mod services;
mod state;

pub use exports::{Exports, Receives};
pub use function::{DeployError, FunctionSpec, WasiHttpFunction};
pub use link::Link;
pub use messages::Below;
pub use preinitialize::{PreinitializeError, Preinitialized};

use crate::outbound::Client;
use sedge_engine::Engine;
use sedge_engine::engine::{EngineError, HostKey};
use sedge_engine::inspect::Inspection;
use state::State;
use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use wasmtime::component::Linker;

/// The version of `wasi:http` that a component exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    /// `wasi:http/incoming-handler@0.2.x`.
    Http02,
    /// `wasi:http/handler@0.3.x`.
    Http03,
}

impl World {
    /// The world of a component, if it is one that this flavor runs.
    pub fn of(inspection: &Inspection) -> Option<World> {
        let exports = |prefix: &str| inspection.exports.iter().any(|name| name.starts_with(prefix));
        if exports("wasi:http/incoming-handler@0.2.") {
            Some(World::Http02)
        } else if exports("wasi:http/handler@0.3.") {
            Some(World::Http03)
        } else {
            None
        }
    }

    /// Whether a component is of the world `wasi:http/middleware`: it imports the
    /// handler that it exports, and so can only be a link of a chain.
    pub fn is_middleware(inspection: &Inspection) -> bool {
        let imported = |name: &String| name.starts_with("wasi:http/handler@0.3.");
        World::of(inspection) == Some(World::Http03) && inspection.imports.iter().any(imported)
    }

    /// As in a manifest's reference: `wasi:http 0.2`.
    pub fn as_str(self) -> &'static str {
        match self {
            World::Http02 => "wasi:http 0.2",
            World::Http03 => "wasi:http 0.3",
        }
    }
}

/// What all functions of this flavor share on a node.
pub struct WasiHttp {
    engine: Arc<Engine>,
    client: Client,
    generation: Arc<AtomicU64>,
    linkers: Mutex<HashMap<HostKey, Linked>>,
}

/// The host functions, defined for one of the wasmtime engines.
#[derive(Clone)]
struct Linked {
    generation: u64,
    engine: wasmtime::Engine,
    linker: Arc<Linker<State>>,
}

impl WasiHttp {
    /// The flavor on `engine`; outbound requests go through `client`.
    pub fn new(engine: Arc<Engine>, client: Client) -> Arc<Self> {
        let generation = engine.generation();
        Arc::new(WasiHttp { engine, client, generation, linkers: Mutex::default() })
    }

    /// The number that changes when loaded code should be loaded again.
    fn generation(&self) -> u64 {
        self.generation.load(Relaxed)
    }

    /// The linker for one kind of function; defined once.
    fn linked(&self, key: HostKey) -> Result<Linked, LinkError> {
        let generation = self.generation();
        let mut linkers = self.linkers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(linked) = linkers.get(&key)
            && linked.generation == generation
        {
            return Ok(linked.clone());
        }
        let engine = self.engine.host(key)?;
        let linker = Arc::new(define(&engine, key.concurrency).map_err(LinkError::Define)?);
        let linked = Linked { generation, engine, linker };
        linkers.insert(key, linked.clone());
        Ok(linked)
    }
}

/// Why host functions cannot be offered.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// No engine of this kind.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Two host functions of the same name: a defect.
    #[error("cannot define the host functions: {0:#}")]
    Define(wasmtime::Error),
}

/// Defines everything that a guest may import. What it reaches through them is
/// decided by its [`State`]: no folder is open, and no socket may be.
fn define(engine: &wasmtime::Engine, concurrency: bool) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    if concurrency {
        wasmtime_wasi::p3::add_to_linker(&mut linker)?;
        wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
        next::add_to_linker(&mut linker)?;
    }
    services::add_to_linker(&mut linker)?;
    Ok(linker)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_world_is_read_from_the_exports() {
        let inspection = |export: &str| Inspection {
            imports: vec!["wasi:http/types@0.2.9".to_owned()],
            exports: vec![export.to_owned()],
        };
        for (export, world) in [
            ("wasi:cli/run@0.2.9", None),
            ("wasi:http/types@0.2.9", None),
            ("wasi:http/incoming-handler@0.2.0", Some(World::Http02)),
            ("wasi:http/handler@0.3.0", Some(World::Http03)),
        ] {
            assert_eq!(World::of(&inspection(export)), world, "{export}");
        }
    }

    #[test]
    fn a_middleware_imports_the_handler_that_it_exports() {
        let inspection = |imports: &[&str], export: &str| Inspection {
            imports: imports.iter().map(ToString::to_string).collect(),
            exports: vec![export.to_owned()],
        };
        for (imports, export, expected) in [
            (&["wasi:http/types@0.3.2"][..], "wasi:http/handler@0.3.2", false),
            (&["wasi:http/client@0.3.2"], "wasi:http/handler@0.3.2", false),
            (&["wasi:http/handler@0.3.2"], "wasi:cli/run@0.3.2", false),
            (&["wasi:http/handler@0.3.2"], "wasi:http/incoming-handler@0.2.0", false),
            (
                &["wasi:http/types@0.3.0", "wasi:http/handler@0.3.0"],
                "wasi:http/handler@0.3.0",
                true,
            ),
        ] {
            assert_eq!(World::is_middleware(&inspection(imports, export)), expected, "{imports:?}");
        }
    }

    #[test]
    fn both_linkers_define() {
        for concurrency in [false, true] {
            let mut config = wasmtime::Config::new();
            config.concurrency_support(concurrency);
            let engine = wasmtime::Engine::new(&config).expect("settings");
            define(&engine, concurrency).expect("no name twice");
        }
    }
}
