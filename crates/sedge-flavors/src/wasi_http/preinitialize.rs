//! Lets fresh instances begin with what one of them has prepared (`sedge:lifecycle`).
//!
//! The instance that prepares has the environment variables and the configuration of its
//! function, and nothing else that was granted: its memory becomes code in a file.

use super::function::{FunctionSpec, Inner, WasiHttpFunction};
use super::loading::LoadError;
use super::state::State;
use crate::outbound::{Budget, Outbound, Trace};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use sedge_engine::call::Call;
use sedge_engine::call::drive::Drive;
use sedge_engine::snapshot::{Form, ObserveError, Recorded, observe};
use sedge_engine::{CompileError, guard};
use sedge_model::failure::Failure;
use std::sync::Arc;
use std::time::{Duration, Instant};
use thiserror::Error;
use tokio::sync::oneshot;
use wasmtime::component::{Component, InstancePre};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtxBuilder};

/// CPU time and time that an initialization may take.
const CPU_MAX: Duration = Duration::from_secs(10);
const DEADLINE: Duration = Duration::from_secs(60);

/// The interface, without its patch version.
const INTERFACE: &str = "sedge:lifecycle/initialization@0.1.0";

/// What came of an initialization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preinitialized {
    /// How long it took, with all that was compiled for it.
    pub took: Duration,
    /// Memory that fresh instances begin with, and the globals; bytes.
    pub state_bytes: u64,
    /// Size of the native code that begins with it.
    pub code_bytes: u64,
    /// Whether that was compiled: it was not in the cache.
    pub is_new: bool,
}

/// Why a function cannot be initialized.
#[derive(Debug, Error)]
pub enum PreinitializeError {
    /// One of its forms cannot be compiled.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// Its code cannot be loaded.
    #[error("cannot load it: {0}")]
    Load(String),
    /// It failed as a call fails.
    #[error("its initialization failed: {0}")]
    Failed(Failure),
    /// It says that it cannot.
    #[error("its initialization says: {0}")]
    Refused(String),
    /// It holds on to what no other instance has.
    #[error(
        "its initialization leaves {0} handles of the host's open, which no other instance has"
    )]
    Handles(usize),
    /// Its state cannot be read.
    #[error(transparent)]
    Observe(#[from] ObserveError),
}

/// Bytes of a guest's own words that are passed on.
const WORDS_BYTES_MAX: usize = 4 << 10;

impl WasiHttpFunction {
    /// Lets an instance initialize itself, and lets fresh instances begin with its state from
    /// now on.
    ///
    /// # Errors
    ///
    /// [`PreinitializeError`]; nothing has changed then.
    pub async fn preinitialize(&self) -> Result<Preinitialized, PreinitializeError> {
        self.0.preinitialize().await
    }
}

impl Inner {
    pub(super) async fn preinitialize(
        self: &Arc<Self>,
    ) -> Result<Preinitialized, PreinitializeError> {
        let begin = Instant::now();
        let engine = &self.flavor.engine;
        let observable = engine.compile_as(&self.artifact, Form::Observable).await?;
        let linked = self.linked().map_err(|error| load(error.into()))?;
        let component =
            engine.load(&observable, &linked.engine).map_err(|error| load(error.into()))?;
        let pre = linked.linker.instantiate_pre(&component);
        let pre = pre.map_err(|error| load(LoadError::Imports(error)))?;
        let state = self.prepare(component, pre).await?;
        let initialized = engine.compile_as(&self.artifact, Form::Initialized(&state)).await?;
        let done = Preinitialized {
            took: begin.elapsed(),
            state_bytes: state.as_bytes().len() as u64,
            code_bytes: initialized.code_bytes,
            is_new: initialized.compiled_in.is_some(),
        };
        self.begin_with(initialized);
        Ok(done)
    }

    /// What an instance has become by its initialization.
    async fn prepare(
        self: &Arc<Self>,
        component: Component,
        pre: InstancePre<State>,
    ) -> Result<Recorded, PreinitializeError> {
        let call = Call::new(CPU_MAX);
        let (sender, mut receiver) = oneshot::channel();
        let work = {
            let (inner, call) = (self.clone(), call.clone());
            let state = self.bare_state(call.clone());
            Box::pin(async move {
                let mut store = guard::store(pre.engine(), state);
                // The state is read in one go, however large the memory is.
                store.set_hostcall_fuel(usize::MAX);
                let outcome = match initialize(&component, &pre, &mut store).await {
                    Ok(outcome) => outcome,
                    // Before the store is dropped: see `sedge_engine::call::drive::Work`.
                    Err(error) => return call.fail(inner.classify(&error, &mut store)),
                };
                // Who waits is there.
                let _ = sender.send(outcome);
            })
        };
        let mut drive = Drive::new(call, work, self.lane.clone(), DEADLINE);
        let driven = std::future::poll_fn(|context| drive.poll(context)).await;
        driven.map_err(PreinitializeError::Failed)?;
        receiver.try_recv().unwrap_or(Err(PreinitializeError::Observe(ObserveError::NotObservable)))
    }

    /// The state of an instance that reaches nothing but what its function says of itself.
    fn bare_state(&self, call: Arc<Call>) -> State {
        let spec = Arc::new(FunctionSpec {
            app: self.spec.app.clone(),
            name: self.spec.name.clone(),
            limits: self.spec.limits.clone(),
            isolation: self.spec.isolation,
            preinitialize: true,
            services: self.spec.services.of_itself(),
            metrics: self.spec.metrics.clone(),
        });
        let outbound = Outbound::new(
            self.flavor.client.clone(),
            spec.services.outbound.clone(),
            spec.metrics.clone(),
            Trace::none(),
            Budget::of(&spec.limits),
        );
        State::over(still(self.flavor.engine.seed(&self.artifact)), &spec, call, outbound)
    }
}

/// Clocks and chance that are the same each time, so that the same settings become the same
/// memory, even where that is only what a stack has left behind, and its code is found in the
/// cache.
fn still(seed: [u8; 32]) -> WasiCtxBuilder {
    let mut random = StdRng::from_seed(seed);
    let mut bytes = [0; 16];
    random.fill_bytes(&mut bytes);
    let mut wasi = WasiCtxBuilder::new();
    wasi.insecure_random_seed(u128::from_le_bytes(bytes))
        .insecure_random(StdRng::from_rng(&mut random))
        .secure_random(random)
        .wall_clock(Stopped)
        .monotonic_clock(Stopped);
    wasi
}

/// A clock that stands at the beginning: of 1970, or of itself.
struct Stopped;

impl HostWallClock for Stopped {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

impl HostMonotonicClock for Stopped {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        0
    }
}

fn load(error: LoadError) -> PreinitializeError {
    PreinitializeError::Load(error.to_string())
}

/// What the instance has become; the outer error is that of a call.
async fn initialize(
    component: &Component,
    pre: &InstancePre<State>,
    store: &mut wasmtime::Store<State>,
) -> wasmtime::Result<Result<Recorded, PreinitializeError>> {
    let instance = pre.instantiate_async(&mut *store).await?;
    let exported = component.get_export(None, INTERFACE);
    let function = exported.and_then(|(_, of)| component.get_export(Some(&of), "initialize"));
    let (_, function) = function.ok_or_else(|| {
        wasmtime::Error::msg(format!("it does not export `{INTERFACE}` with `initialize`"))
    })?;
    let function = instance.get_typed_func::<(), (Result<(), String>,)>(&mut *store, function)?;
    if let (Err(mut words),) = function.call_async(&mut *store, ()).await? {
        words.truncate(words.floor_char_boundary(WORDS_BYTES_MAX));
        return Ok(Err(PreinitializeError::Refused(words)));
    }
    let handles = store.data_mut().table.iter_mut().count();
    if handles > 0 {
        return Ok(Err(PreinitializeError::Handles(handles)));
    }
    Ok(observe(store, component, instance).await.map_err(Into::into))
}
