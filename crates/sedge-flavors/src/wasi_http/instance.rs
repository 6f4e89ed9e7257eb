//! Makes an instance and calls it.

use super::World;
use super::request::RequestBody;
use super::state::State;
use sedge_engine::guard;
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

/// A component whose imports are resolved and whose exports are found.
pub(super) enum Template {
    Http02(p2::bindings::ProxyPre<State>),
    Http03(p3::bindings::ServicePre<State>),
}

impl Template {
    pub(super) fn new(world: World, pre: InstancePre<State>) -> wasmtime::Result<Self> {
        Ok(match world {
            World::Http02 => Template::Http02(p2::bindings::ProxyPre::new(pre)?),
            World::Http03 => Template::Http03(p3::bindings::ServicePre::new(pre)?),
        })
    }

    pub(super) fn store(&self, state: State) -> Store<State> {
        guard::store(self.engine(), state)
    }

    fn engine(&self) -> &wasmtime::Engine {
        match self {
            Template::Http02(pre) => pre.engine(),
            Template::Http03(pre) => pre.engine(),
        }
    }

    pub(super) async fn instantiate(&self, store: &mut Store<State>) -> wasmtime::Result<Instance> {
        Ok(match self {
            Template::Http02(pre) => Instance::Http02(pre.instantiate_async(store).await?),
            Template::Http03(pre) => Instance::Http03(pre.instantiate_async(store).await?),
        })
    }
}

/// An instance of a guest, ready to be called.
pub(super) enum Instance {
    Http02(p2::bindings::Proxy),
    Http03(p3::bindings::Service),
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
            Instance::Http03(service) => call_03(service, store, request, tls, head).await,
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
