//! Makes an instance and calls it.

use super::messages::{self, Job, Told};
use super::request::RequestBody;
use super::services::filtering::{Filtering, FilteringIndices};
use super::services::messages::{Consumer, ConsumerPre};
use super::services::receiver::{Receiver, ReceiverPre};
use super::services::schedule::{Scheduled, ScheduledPre};
use super::state::State;
use super::{Exports, Receives, World};
use sedge_engine::guard;
use sedge_model::failure::{Failure, Kind};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::task::Poll;
use tokio::sync::oneshot;
use wasmtime::Store;
use wasmtime::component::InstancePre;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::{Error, WasiBody, WasiHttpView, p2, p3};

/// What a guest answers: a response, or the error code that it chose.
pub(super) type Head = Result<http::Response<WasiBody>, String>;

/// What an instance is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Face {
    /// Requests.
    Http,
    /// Batches of messages.
    Messages,
    /// Ticks of a schedule.
    Schedule,
}

/// A component whose imports are resolved and whose exports are found, for each face that it
/// has.
pub(super) struct Template {
    engine: wasmtime::Engine,
    http: Option<HttpTemplate>,
    messages: Option<MessagesTemplate>,
    schedule: Option<ScheduledPre<State>>,
}

enum HttpTemplate {
    Http02(p2::bindings::ProxyPre<State>),
    Http03(LinkTemplate),
}

/// A component of WASI 0.3, which may be a link that filters.
struct LinkTemplate {
    pre: InstancePre<State>,
    service: p3::bindings::ServiceIndices,
    filter: Option<FilteringIndices>,
}

impl LinkTemplate {
    fn new(pre: InstancePre<State>, filters: bool) -> wasmtime::Result<Self> {
        let service = p3::bindings::ServiceIndices::new(&pre)?;
        let filter = filters.then(|| FilteringIndices::new(&pre)).transpose()?;
        Ok(LinkTemplate { pre, service, filter })
    }

    async fn instantiate(&self, store: &mut Store<State>) -> wasmtime::Result<Instance> {
        let instance = self.pre.instantiate_async(&mut *store).await?;
        let service = self.service.load(&mut *store, &instance)?;
        let filter = self.filter.as_ref().map(|filter| filter.load(&mut *store, &instance));
        Ok(Instance::Http03(service, filter.transpose()?))
    }
}

enum MessagesTemplate {
    Batches(ConsumerPre<State>),
    Messages(ReceiverPre<State>),
}

impl Template {
    pub(super) fn new(exports: Exports, pre: InstancePre<State>) -> wasmtime::Result<Self> {
        let engine = pre.engine().clone();
        let messages = match exports.messages {
            None => None,
            Some(Receives::Batches) => {
                Some(MessagesTemplate::Batches(ConsumerPre::new(pre.clone())?))
            }
            Some(Receives::Messages) => {
                Some(MessagesTemplate::Messages(ReceiverPre::new(pre.clone())?))
            }
        };
        let schedule = exports.schedule.then(|| ScheduledPre::new(pre.clone())).transpose()?;
        let http = match exports.http {
            None => None,
            Some(World::Http02) => Some(HttpTemplate::Http02(p2::bindings::ProxyPre::new(pre)?)),
            Some(World::Http03) => {
                Some(HttpTemplate::Http03(LinkTemplate::new(pre, exports.filters)?))
            }
        };
        Ok(Template { engine, http, messages, schedule })
    }

    /// The first face that it has.
    pub(super) fn face(&self) -> Face {
        match (&self.http, &self.messages) {
            (Some(_), _) => Face::Http,
            (None, Some(_)) => Face::Messages,
            (None, None) => Face::Schedule,
        }
    }

    pub(super) fn store(&self, state: State) -> Store<State> {
        guard::store(&self.engine, state)
    }

    /// Makes an instance to be called by this face.
    pub(super) async fn instantiate(
        &self,
        face: Face,
        store: &mut Store<State>,
    ) -> wasmtime::Result<Instance> {
        match (face, self) {
            (Face::Http, Template { http: Some(HttpTemplate::Http02(pre)), .. }) => {
                Ok(Instance::Http02(pre.instantiate_async(store).await?))
            }
            (Face::Http, Template { http: Some(HttpTemplate::Http03(link)), .. }) => {
                link.instantiate(store).await
            }
            (Face::Messages, Template { messages: Some(MessagesTemplate::Batches(pre)), .. }) => {
                Ok(Instance::Batches(pre.instantiate_async(store).await?))
            }
            (Face::Messages, Template { messages: Some(MessagesTemplate::Messages(pre)), .. }) => {
                Ok(Instance::Messages(pre.instantiate_async(store).await?))
            }
            (Face::Schedule, Template { schedule: Some(pre), .. }) => {
                Ok(Instance::Schedule(pre.instantiate_async(store).await?))
            }
            (face, _) => Err(not_exported(face)),
        }
    }
}

/// Deployment refuses what would lead here.
fn not_exported(face: Face) -> wasmtime::Error {
    let what = match face {
        Face::Http => "wasi:http",
        Face::Messages => "sedge:stream/handler or wasi:messaging/incoming-handler",
        Face::Schedule => "sedge:stream/schedule",
    };
    Failure::new(Kind::BadArtifact, format!("the function does not export {what}")).into()
}

/// An instance of a guest, ready to be called.
pub(super) enum Instance {
    Http02(p2::bindings::Proxy),
    Http03(p3::bindings::Service, Option<Filtering>),
    Batches(Consumer),
    Messages(Receiver),
    Schedule(Scheduled),
}

impl Instance {
    /// Lets the guest answer `request`. Its head goes to `head` as soon as the
    /// guest has it; the future ends when the guest has nothing left to do.
    pub(super) async fn call(
        &self,
        store: &mut Store<State>,
        request: http::Request<RequestBody>,
        tls: bool,
        head: oneshot::Sender<Head>,
    ) -> wasmtime::Result<()> {
        match self {
            Instance::Http02(proxy) => call_02(proxy, store, request, tls, head).await,
            Instance::Http03(service, _) => call_03(service, store, request, tls, head).await,
            _ => Err(not_exported(Face::Http)),
        }
    }

    /// What the guest is asked as a link that filters.
    pub(super) fn filter(&self) -> wasmtime::Result<&Filtering> {
        match self {
            Instance::Http03(_, Some(filter)) => Ok(filter),
            _ => Err(not_exported(Face::Http)),
        }
    }

    /// Lets the guest do what no request has started.
    pub(super) async fn run(&self, store: &mut Store<State>, job: Job) -> wasmtime::Result<Told> {
        match (self, job) {
            (Instance::Batches(consumer), Job::Batch(batch)) => {
                Ok(Told::Outcome(messages::handle(consumer, store, &batch).await?))
            }
            (Instance::Messages(receiver), Job::Batch(batch)) => {
                Ok(Told::Outcome(messages::receive(receiver, store, &batch).await?))
            }
            (Instance::Schedule(scheduled), Job::Tick(tick)) => {
                Ok(Told::Ticked(messages::tick(scheduled, store, tick).await?))
            }
            (_, Job::Batch(_)) => Err(not_exported(Face::Messages)),
            (_, Job::Tick(_)) => Err(not_exported(Face::Schedule)),
        }
    }
}

async fn call_02(
    proxy: &p2::bindings::Proxy,
    store: &mut Store<State>,
    request: http::Request<RequestBody>,
    tls: bool,
    head: oneshot::Sender<Head>,
) -> wasmtime::Result<()> {
    let scheme = if tls { Scheme::Https } else { Scheme::Http };
    let mut view = store.data_mut().http();
    let request = view.new_incoming_request(scheme, request)?;
    let outparam = view.new_response_outparam_from_callback(|response| {
        // The client may be gone.
        let _ = head.send(response.map_err(|code| format!("{code:?}")));
    })?;
    proxy.wasi_http_incoming_handler().call_handle(&mut *store, request, outparam).await
}

async fn call_03(
    service: &p3::bindings::Service,
    store: &mut Store<State>,
    request: http::Request<RequestBody>,
    tls: bool,
    head: oneshot::Sender<Head>,
) -> wasmtime::Result<()> {
    let request = absolute(request, tls)?;
    let (request, sent) = p3::Request::from_http(store.data_mut().http().hooks, request);
    // Boxed, because its type would keep the store borrowed.
    let sent: Pin<Box<dyn Future<Output = Result<(), Error>> + Send>> = Box::pin(sent);
    let rounds = Rounds::default();
    let running = pin!(store.run_concurrent(async |accessor| -> wasmtime::Result<()> {
        // Boxed, because wasmtime's futures hold what is awaited here several times
        // over, and all of a call is moved and touched once for each link of a chain.
        let answer = match Box::pin(service.handle(accessor, request)).await? {
            Ok(response) => Ok(accessor.with(|store| response.into_http(store, sent))?),
            Err(code) => Err(format!("{code:?}")),
        };
        let _ = head.send(answer);
        // The guest goes on to write its body, and may do work after it.
        poll_fn(|context| accessor.poll_no_interesting_tasks(context)).await;
        rounds.finish().await;
        Ok(())
    }));
    rounds.drive(running).await?
}

/// Polls of a store's event loop, counted, so that it ends only when it has run dry.
///
/// The loop asks whether its closure has ended before it looks at what else is ready.
/// What the host has still to do when the guest's last task ends (the end of a body,
/// its trailers) would stay behind in the store: in an instance that is kept, whoever
/// reads that body would wait until the instance is called again.
#[derive(Default)]
struct Rounds {
    count: AtomicU32,
    again: AtomicBool,
}

impl Rounds {
    /// Polls the loop, and once more if [`Rounds::finish`] waits for it to run dry.
    async fn drive<T>(&self, mut running: Pin<&mut impl Future<Output = T>>) -> T {
        poll_fn(|context| {
            loop {
                self.count.fetch_add(1, Relaxed);
                match running.as_mut().poll(context) {
                    Poll::Pending if self.again.swap(false, Relaxed) => {}
                    polled => return polled,
                }
            }
        })
        .await
    }

    /// Within the loop: ends in the round after this one. A round ends when nothing is
    /// left that is ready.
    async fn finish(&self) {
        let last = self.count.load(Relaxed);
        self.again.store(true, Relaxed);
        poll_fn(|_| match self.count.load(Relaxed) == last {
            true => Poll::Pending,
            false => Poll::Ready(()),
        })
        .await;
    }
}

/// WASI 0.3 takes scheme and authority from the target; HTTP/1.1 sends them as
/// `Host`.
fn absolute(
    mut request: http::Request<RequestBody>,
    tls: bool,
) -> wasmtime::Result<http::Request<RequestBody>> {
    let mut parts = request.uri().clone().into_parts();
    if parts.authority.is_none()
        && let Some(host) = request.headers().get(http::header::HOST)
    {
        parts.authority = Some(http::uri::Authority::try_from(host.as_bytes())?);
    }
    if parts.authority.is_some() {
        let scheme = if tls { http::uri::Scheme::HTTPS } else { http::uri::Scheme::HTTP };
        parts.scheme = Some(scheme);
        parts.path_and_query.get_or_insert(http::uri::PathAndQuery::from_static("/"));
        *request.uri_mut() = http::Uri::from_parts(parts)?;
    }
    Ok(request)
}

/// What a broken body means to whoever reads the log.
pub(super) fn describe(error: &Error) -> String {
    format!("{error:?}")
}
