//! A deployed function: what a route leads to.

use super::failures::Failures;
use super::idle::{Home, IdleInstance, IdleInstances};
use super::instance::{Face, Head};
use super::loading::Loaded;
use super::next::Next;
use super::next::desk::Desk;
use super::next::flow::{Flow, Waits};
use super::state::State;
use super::{Exports, WasiHttp, World, request, response};
use crate::outbound::{Budget, Outbound, Trace};
use arc_swap::ArcSwapOption;
use sedge_engine::call::Call;
use sedge_engine::call::drive::Drive;
use sedge_engine::call::lane::Lane;
use sedge_engine::{Artifact, trap};
use sedge_model::failure::{Failure, Kind};
use sedge_model::handler::{Answer, Context, Handler, Request, Response};
use sedge_model::limits::Limits;
use sedge_model::manifest::Isolation;
use sedge_model::metrics::FunctionMetrics;
use sedge_model::trace::SpanKind;
use sedge_services::Services;
use sedge_services::streams::Transaction;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, oneshot};
use wasmtime::Store;

/// What a function is besides its artifact.
pub struct FunctionSpec {
    /// The app that it belongs to.
    pub app: String,
    /// Its name, unique in the app.
    pub name: String,
    /// What bounds it.
    pub limits: Limits,
    /// Whether its instances are reused.
    pub isolation: Isolation,
    /// Whether its fresh instances begin with what one of them has prepared.
    pub preinitialize: bool,
    /// What it was granted.
    pub services: Services,
    /// Where its numbers are counted, over all revisions.
    pub metrics: Arc<FunctionMetrics>,
}

/// Why an artifact cannot become a function.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// It exports no handler that this node knows.
    #[error(
        "{0} exports none of `wasi:http/incoming-handler@0.2`, `wasi:http/handler@0.3`, \
         `sedge:stream/handler@0.1`, `wasi:messaging/incoming-handler@0.2.0-draft` and \
         `sedge:stream/schedule@0.1`"
    )]
    UnknownWorld(std::path::PathBuf),
}

/// A function on a node. Cheap to clone; its code is in memory only while it
/// is used.
#[derive(Clone)]
pub struct WasiHttpFunction(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) flavor: Arc<WasiHttp>,
    pub(super) artifact: Artifact,
    /// The form of it that begins with what an instance has prepared.
    pub(super) initialized: ArcSwapOption<Artifact>,
    pub(super) exports: Exports,
    pub(super) spec: Arc<FunctionSpec>,
    pub(super) loaded: ArcSwapOption<Loaded>,
    /// Held by whoever loads the code, so that it is loaded once.
    pub(super) loading: Mutex<()>,
    idle: IdleInstances,
    /// Those that handle messages, if it does.
    idle_of_messages: Option<Box<IdleInstances>>,
    pub(super) lane: Arc<Lane>,
    /// Milliseconds between `born` and the start of the last request.
    last_used_ms: AtomicU64,
    born: Instant,
}

/// What a call runs, and where its instance waits before and after it.
pub(super) struct Place {
    pub(super) loaded: Arc<Loaded>,
    pub(super) home: Home,
    /// An instance that has worked for the same request before, and for no other.
    pub(super) held: Option<IdleInstance>,
}

impl WasiHttp {
    /// Makes a function of an artifact. Nothing is loaded until the first
    /// request, or [`WasiHttpFunction::warm`].
    ///
    /// # Errors
    ///
    /// [`DeployError`], when the artifact is for another world.
    pub fn deploy(
        self: &Arc<Self>,
        artifact: Artifact,
        spec: FunctionSpec,
    ) -> Result<WasiHttpFunction, DeployError> {
        let Some(exports) = Exports::of(&artifact.inspection) else {
            return Err(DeployError::UnknownWorld(artifact.path));
        };
        Ok(WasiHttpFunction(Arc::new(Inner {
            flavor: self.clone(),
            artifact,
            initialized: ArcSwapOption::empty(),
            exports,
            spec: Arc::new(spec),
            loaded: ArcSwapOption::empty(),
            loading: Mutex::new(()),
            idle: IdleInstances::default(),
            idle_of_messages: exports.messages.map(|_| Box::default()),
            lane: Arc::new(self.engine.lane()),
            last_used_ms: AtomicU64::new(0),
            born: Instant::now(),
        })))
    }
}

impl WasiHttpFunction {
    /// Whether it is a middleware, and so can only be a link of a chain.
    pub fn is_middleware(&self) -> bool {
        World::is_middleware(&self.0.artifact.inspection)
    }

    /// What is counted for it.
    pub(super) fn metrics(&self) -> &FunctionMetrics {
        &self.0.spec.metrics
    }

    /// Answers one request; what the function asks of the next handler of its
    /// chain is for `next`.
    pub(super) async fn answer(
        &self,
        request: Request,
        mut context: Context,
        next: Option<&Arc<dyn Handler>>,
    ) -> Result<Response, Failed> {
        let inner = &self.0;
        // To the head of the answer; what the guest calls hangs below it.
        let mut span = context.spans.begin(context.trace, SpanKind::Internal, "function");
        if span.is_on() {
            span.set("faas.name", format!("{}/{}", inner.spec.app, inner.spec.name));
            context.trace = span.trace();
        }
        let metrics = &inner.spec.metrics;
        let begin = Instant::now();
        metrics.requests.fetch_add(1, Relaxed);
        inner.used(begin);
        let failures = Failures::new(&inner.spec, context.trace);
        let answer = inner.answer(request, context, failures.clone(), next).await;
        metrics.duration.record(begin.elapsed());
        match &answer {
            Ok(response) => span.answered(response.status()),
            Err(failed) => {
                span.fail(&failed.failure);
                if !failed.behind {
                    failures.record(&failed.failure);
                }
            }
        }
        answer
    }

    /// What it can be called for.
    pub fn exports(&self) -> Exports {
        self.0.exports
    }

    /// The version of `wasi:http` that it speaks, if it does.
    pub fn world(&self) -> Option<World> {
        self.0.exports.http
    }

    /// Whether its code is in memory.
    pub fn is_loaded(&self) -> bool {
        self.0.loaded.load().is_some()
    }

    /// Loads the code and makes one instance, which is thrown away: what would
    /// fail at the first request fails here. The time it took.
    ///
    /// # Errors
    ///
    /// The [`Failure`] that a request would have met.
    pub async fn warm(&self) -> Result<Duration, Failure> {
        let begin = Instant::now();
        let loaded = self.0.loaded().await?;
        let inner = self.0.clone();
        let call = Call::new(inner.spec.limits.cpu());
        let trace = Trace::none();
        let state = inner.state(call.clone(), trace);
        let work = {
            let call = call.clone();
            Box::pin(async move {
                let mut store = loaded.template.store(state);
                if let Err(error) =
                    loaded.template.instantiate(loaded.template.face(), &mut store).await
                {
                    call.fail(inner.classify(&error, &mut store));
                }
            })
        };
        let mut drive = self.0.drive(call, work);
        std::future::poll_fn(|context| drive.poll(context)).await?;
        Ok(begin.elapsed())
    }

    /// Gives back the memory of a function that was not used for `idle`: its
    /// instances, and its code. Whether there was anything to give back.
    pub fn evict_if_idle(&self, idle: Duration) -> bool {
        let inner = &self.0;
        if let Isolation::Instance { idle_max, .. } = inner.spec.isolation {
            inner.drop_idle_instances(idle_max);
        }
        let last_used = Duration::from_millis(inner.last_used_ms.load(Relaxed));
        let used_since = inner.born.elapsed().saturating_sub(last_used);
        if used_since < idle || inner.spec.metrics.active.load(Relaxed) > 0 {
            return false;
        }
        inner.drop_idle_instances(Duration::ZERO);
        inner.loaded.swap(None).is_some()
    }
}

impl Handler for WasiHttpFunction {
    fn call(&self, request: Request, context: Context) -> Answer<'_> {
        Box::pin(async move {
            self.answer(request, context, None).await.map_err(|failed| failed.failure)
        })
    }
}

/// A request that a function did not answer.
pub(super) struct Failed {
    pub(super) failure: Failure,
    /// Whether it is the next handler's failure, which was counted there.
    pub(super) behind: bool,
    /// Whether the next handler was called.
    pub(super) asked: bool,
}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Self {
        Failed { failure, behind: false, asked: false }
    }
}

/// A guest that answered with an error code: the next handler's, if it failed.
fn refused(code: &str, flow: &Flow) -> Failed {
    if let Some(failure) = flow.failure_behind() {
        return Failed { failure, behind: true, asked: true };
    }
    let detail = format!("the guest answered with the error {code}");
    let failure = Failure::new(Kind::InvalidResponse, detail);
    Failed { failure, behind: false, asked: flow.has_asked() }
}

/// What a guest is called with.
struct Asking {
    request: http::Request<request::RequestBody>,
    client: IpAddr,
    tls: bool,
    trace: Trace,
    next: Option<Next>,
}

/// A request that was put to a guest.
pub(super) struct Begun {
    flow: Flow,
    head: oneshot::Receiver<Head>,
    /// Whether the client will be sent a body.
    is_wanted: bool,
}

/// One request in flight, until its guest has ended.
pub(super) struct Flight(Arc<FunctionMetrics>);

impl Flight {
    pub(super) fn begin(
        metrics: &Arc<FunctionMetrics>,
        concurrency_max: u32,
    ) -> Result<Self, Failure> {
        let active = metrics.active.fetch_add(1, Relaxed);
        let flight = Flight(metrics.clone());
        if active >= u64::from(concurrency_max) {
            let detail = format!("{active} requests of this function are in flight");
            return Err(Failure::new(Kind::Overloaded, detail));
        }
        Ok(flight)
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, Relaxed);
    }
}

impl Inner {
    /// Boxes what is rare, because the future of a call is moved and touched as a
    /// whole, once for each link of a chain.
    async fn answer(
        self: &Arc<Self>,
        request: Request,
        context: Context,
        failures: Failures,
        next: Option<&Arc<dyn Handler>>,
    ) -> Result<Response, Failed> {
        let flight = Flight::begin(&self.spec.metrics, self.spec.limits.concurrency_max)?;
        request::check(&request, &self.spec.limits)?;
        let loaded = match self.in_memory() {
            Some(loaded) => loaded,
            None => Box::pin(self.loaded()).await?,
        };
        if let Some(next) = next.filter(|_| self.exports.filters) {
            let asked = (request, context);
            return Box::pin(self.filter(loaded, asked, next, flight, failures)).await;
        }
        let place = Place { loaded, home: Home::here(), held: None };
        let begun = self.begin(place, request, context, next, flight);
        self.answered(begun, failures).await
    }

    /// Puts a request to a guest, which has not begun to work on it.
    pub(super) fn begin(
        self: &Arc<Self>,
        place: Place,
        request: Request,
        context: Context,
        next: Option<&Arc<dyn Handler>>,
        flight: Flight,
    ) -> Begun {
        let limits = &self.spec.limits;
        let call = Call::new(limits.cpu());
        // Looking for what is at hand must not wake who stands behind for nothing.
        let is_wanted = next.is_none() || request.method() != http::Method::HEAD;
        let trace = Trace::of(&context, request.headers());
        let upload = next.and_then(|_| Waits::of(request.body()));
        let request = request::prepare(request, &context.trace, limits, &call, upload.clone());
        let (sender, head) = oneshot::channel();
        let (client, tls) = (context.client, context.tls);
        let desk = next.map(|next| (Arc::new(Desk::default()), next.clone()));
        let door = desk.as_ref().map(|(desk, _)| Next::new(desk.clone(), context));
        let asking = Asking { request, client, tls, trace, next: door };
        let work = self.clone().work(place, call.clone(), asking, sender, flight);
        let drive = self.drive(call, Box::pin(work));
        let flow = match desk {
            None => Flow::alone(drive),
            Some((desk, next)) => Flow::before(drive, desk, next, upload),
        };
        Begun { flow, head, is_wanted }
    }

    /// Lets a guest work until it has answered.
    pub(super) async fn answered(
        &self,
        begun: Begun,
        failures: Failures,
    ) -> Result<Response, Failed> {
        let Begun { mut flow, head, is_wanted } = begun;
        let head = response::head(&mut flow, head).await;
        let asked = flow.has_asked();
        let failed = |failure| Failed { failure, behind: false, asked };
        match head {
            Ok(Ok(head)) => {
                response::stream(head, flow, &self.spec.limits, failures, is_wanted).map_err(failed)
            }
            Ok(Err(code)) => Err(refused(&code, &flow)),
            Err(failure) => Err(failed(failure)),
        }
    }

    /// Everything that a guest does for one request.
    async fn work(
        self: Arc<Self>,
        mut place: Place,
        call: Arc<Call>,
        asking: Asking,
        head: oneshot::Sender<Head>,
        _flight: Flight,
    ) {
        let Asking { request, client, tls, trace, next } = asking;
        let mut idle = match self.instance(Face::Http, &mut place, &call, trace).await {
            Ok(idle) => idle,
            Err(failure) => return call.fail(failure),
        };
        self.enter(&mut idle, client);
        idle.store.data_mut().next = next;
        let called = idle.instance.call(&mut idle.store, request, tls, head).await;
        let said = self.leave(&call, &mut idle);
        match called {
            // Before the store is dropped: see `sedge_engine::call::drive::Work`.
            Err(error) => call.fail(self.classify(&error, &mut idle.store)),
            Ok(()) => {
                said.into_iter().for_each(|said| self.spec.services.output.end(said));
                self.keep(Face::Http, place.home, idle);
            }
        }
    }

    /// Lets an instance work for a request of `client`.
    pub(super) fn enter(&self, idle: &mut IdleInstance, client: IpAddr) {
        let state = idle.store.data_mut();
        state.client = Some(client);
        state.transaction = self.spec.services.output.begin();
    }

    /// Ends that, and counts it. What the guest brings about, if it has not failed.
    pub(super) fn leave(&self, call: &Call, idle: &mut IdleInstance) -> Option<Transaction> {
        let state = idle.store.data_mut();
        (state.next, state.client) = (None, None);
        let said = state.transaction.take();
        self.account(call, idle);
        said
    }

    /// Counts what a call has used.
    pub(super) fn account(&self, call: &Call, idle: &IdleInstance) {
        let metrics = &self.spec.metrics;
        metrics.cpu_ns.fetch_add(call.cpu_spent_so_far().as_nanos() as u64, Relaxed);
        metrics.memory_bytes_peak.fetch_max(idle.store.data().memory_bytes_peak(), Relaxed);
    }

    /// Notes that it is used now.
    pub(super) fn used(&self, now: Instant) {
        let age = now.saturating_duration_since(self.born);
        self.last_used_ms.store(age.as_millis() as u64, Relaxed);
    }

    fn drop_idle_instances(&self, idle_max: Duration) {
        self.idle.drop_older_than(idle_max);
        self.idle_of_messages.iter().for_each(|idle| idle.drop_older_than(idle_max));
    }

    /// Where instances of a face wait. Ticks are too rare to keep one for them.
    fn idle(&self, face: Face) -> Option<&IdleInstances> {
        match face {
            Face::Http => Some(&self.idle),
            Face::Messages => self.idle_of_messages.as_deref(),
            Face::Schedule => None,
        }
    }

    /// An instance for one request: the one that is held for it, or an idle one if the manifest allows it and
    /// there is one, else a fresh one.
    pub(super) async fn instance(
        &self,
        face: Face,
        Place { loaded, home, held }: &mut Place,
        call: &Arc<Call>,
        trace: Trace,
    ) -> Result<IdleInstance, Failure> {
        let idle = || match self.spec.isolation {
            Isolation::Instance { idle_max, .. } => {
                self.idle(face)?.take(*home, loaded.generation, idle_max)
            }
            Isolation::Request => None,
        };
        if let Some(mut idle) = held.take().or_else(idle) {
            idle.store.data_mut().renew(call.clone(), trace);
            idle.store.set_epoch_deadline(1);
            return Ok(idle);
        }
        let begin = Instant::now();
        let mut span = trace.begin(SpanKind::Internal, "instantiate");
        let mut store = loaded.template.store(self.state(call.clone(), trace));
        match loaded.template.instantiate(face, &mut store).await {
            Err(error) => {
                let failure = self.classify(&error, &mut store);
                span.fail(&failure);
                Err(failure)
            }
            Ok(instance) => {
                self.spec.metrics.instances.fetch_add(1, Relaxed);
                self.spec.metrics.cold_start.record(begin.elapsed());
                Ok(IdleInstance {
                    store,
                    instance,
                    requests: 0,
                    generation: loaded.generation,
                    since: begin,
                })
            }
        }
    }

    /// Keeps an instance that may answer another request, or drops it.
    pub(super) fn keep(&self, face: Face, home: Home, mut idle: IdleInstance) {
        if let Isolation::Instance { requests_max, .. } = self.spec.isolation
            && let Some(shelves) = self.idle(face)
        {
            idle.requests += 1;
            if idle.requests < requests_max {
                idle.since = Instant::now();
                shelves.put(home, idle);
            }
        }
    }

    fn state(&self, call: Arc<Call>, trace: Trace) -> State {
        let outbound = Outbound::new(
            self.flavor.client.clone(),
            self.spec.services.outbound.clone(),
            self.spec.metrics.clone(),
            trace,
            Budget::of(&self.spec.limits),
        );
        State::new(&self.spec, call, outbound)
    }

    pub(super) fn drive(&self, call: Arc<Call>, work: sedge_engine::call::drive::Work) -> Drive {
        Drive::new(call, work, self.lane.clone(), self.spec.limits.deadline())
    }

    pub(super) fn classify(&self, error: &wasmtime::Error, store: &mut Store<State>) -> Failure {
        use sedge_engine::guard::Guarded;
        if error.downcast_ref::<wasmtime_wasi_http::FieldMapError>().is_some() {
            let detail = "the guest built header fields beyond the limit";
            return Failure::new(Kind::ResponseHeaderLimit, detail);
        }
        trap::classify(error, store.data_mut().guard())
    }
}
