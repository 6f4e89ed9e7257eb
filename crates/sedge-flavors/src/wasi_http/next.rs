//! What stands behind a middleware: the import `wasi:http/handler` of WASI 0.3,
//! joined in memory with the next handler of a chain.
//!
//! No handler is polled within a guest's poll: wasmtime runs no store within
//! another's event loop, and the time would be charged to the wrong function.
//! What a guest asks of the next handler lies on a [`desk`]; whoever drives the
//! guest takes it from there and drives both side by side, on one thread and
//! within one task ([`flow`]). The next handler's answer passes through a
//! [`body`] that is polled outside only.

pub(super) mod body;
pub(super) mod desk;
pub(super) mod flow;

use super::request::check_fields;
use super::state::State;
use body::NextBody;
use desk::Desk;
use http::header::{CONTENT_LENGTH, HOST};
use http::uri::{Authority, PathAndQuery};
use http_body::Body as _;
use http_body_util::BodyExt;
use sedge_model::failure::{Failure, Kind};
use sedge_model::handler::{self, Context, Request};
use sedge_model::trace::{TraceContext, random};
use std::sync::Arc;
use wasmtime::component::{Accessor, Linker, Resource};
use wasmtime_wasi_http::p3::bindings::http::types::ErrorCode;
use wasmtime_wasi_http::{Error, WasiHttpView, p3};

/// How often a guest may call the next handler for one request. Once is the
/// rule; a second time is for a link that tries again.
pub(super) const CALLS_MAX: u32 = 2;

/// The way from one call of a middleware to what stands behind it.
pub(super) struct Next {
    desk: Arc<Desk>,
    context: Context,
    calls_left: u32,
}

impl Next {
    /// `context` is that of the middleware's own call.
    pub(super) fn new(desk: Arc<Desk>, context: Context) -> Self {
        Next { desk, context, calls_left: CALLS_MAX }
    }
}

type Answered = Result<Resource<p3::Response>, ErrorCode>;

/// Defines the import.
pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.instance("wasi:http/handler@0.3.0")?.func_wrap_concurrent(
        "handle",
        |store: &Accessor<State>, (request,): (Resource<p3::Request>,)| {
            Box::pin(async move { Ok((handle(store, request).await?,)) })
        },
    )
}

async fn handle(
    store: &Accessor<State>,
    request: Resource<p3::Request>,
) -> wasmtime::Result<Answered> {
    let asked = store.with(|mut access| {
        let mut request = access.data_mut().table.delete(request)?;
        // wasmtime makes no request without authority or path of it; handlers
        // know requests without a host, and those for the root.
        let has_host = request.authority.is_some();
        request.authority.get_or_insert(Authority::from_static("localhost"));
        request.path_with_query.get_or_insert(PathAndQuery::from_static("/"));
        // Whether the body was taken whole shows in what becomes of it.
        let sent = std::future::ready(Ok(()));
        let request = match request.into_http(&mut access, sent) {
            Ok((request, _options)) => request,
            Err(error) => return Ok(Err(error.downcast()?)),
        };
        Ok::<_, wasmtime::Error>(ask(access.data_mut(), request, has_host))
    })?;
    let answer = match asked {
        Ok(answer) => answer,
        Err(code) => return Ok(Err(code)),
    };
    match answer.await {
        Ok(Ok(response)) => store.with(|mut access| {
            let state = access.data_mut();
            let (response, _sent) = p3::Response::from_http(state.http().hooks, response);
            Ok(Ok(state.table.push(response)?))
        }),
        Ok(Err(failure)) => Ok(Err(code(&failure))),
        // Nobody drives this guest any more.
        Err(_) => Ok(Err(ErrorCode::ConnectionTerminated)),
    }
}

/// Puts a request on the desk, if the guest may.
fn ask(
    state: &mut State,
    request: http::Request<wasmtime_wasi_http::WasiBody>,
    has_host: bool,
) -> Result<desk::Reply, ErrorCode> {
    let Some(next) = &mut state.next else {
        let text = "nothing stands behind this function: it is no link of a chain";
        return Err(ErrorCode::InternalError(Some(text.to_owned())));
    };
    let metrics = &state.spec.metrics;
    if next.calls_left == 0 {
        metrics.fail(Kind::NextLimit);
        return Err(ErrorCode::ConnectionLimitReached);
    }
    let limits = &state.spec.limits;
    if let Err(failure) = check_fields(request.headers(), limits, Kind::RequestHeaderLimit) {
        return Err(code(&failure));
    }
    next.calls_left -= 1;
    let context = Context { trace: span(&next.context, &request), ..next.context.clone() };
    Ok(next.desk.ask(in_origin_form(request, has_host), context))
}

/// The span of the next handler: below the one that the guest says it works in,
/// if that is of the same trace, else below the guest's own.
/// What is recorded begins its own span there.
pub(super) fn span<B>(context: &Context, request: &http::Request<B>) -> TraceContext {
    let own = context.trace;
    let named = request.headers().get("traceparent").and_then(|value| value.to_str().ok());
    let named = named.and_then(TraceContext::parse).filter(|named| named.trace_id == own.trace_id);
    let parent = named.unwrap_or(own);
    if context.spans.is_on() { parent } else { parent.child(random::nonzero()) }
}

/// The request as handlers know it: the target in origin form (RFC 9112 §3.2.1),
/// the authority in `Host`.
fn in_origin_form(request: http::Request<wasmtime_wasi_http::WasiBody>, has_host: bool) -> Request {
    let (mut head, body) = request.into_parts();
    if head.uri.authority().is_some() {
        let target = head.uri.path_and_query().cloned();
        head.uri = target.map_or_else(|| http::Uri::from_static("/"), http::Uri::from);
    }
    if !has_host {
        head.headers.remove(HOST);
    }
    let broke = |error: Error| match error {
        Error::HttpRequestBodySize(_) => {
            Failure::new(Kind::BrokenRequest, "the link's body is not as long as it said")
        }
        error => Failure::new(Kind::BrokenRequest, format!("the link's body broke: {error:?}")),
    };
    // Else every link would add a layer to a body that has nothing.
    let body = match body.is_end_stream() && !head.headers.contains_key(CONTENT_LENGTH) {
        true => handler::empty(),
        false => body.map_err(broke).boxed_unsync(),
    };
    Request::from_parts(head, body)
}

/// What a guest is told of a failure behind it: what a client would be told.
fn code(failure: &Failure) -> ErrorCode {
    match failure.kind {
        Kind::RequestBodyLimit => ErrorCode::HttpRequestBodySize(None),
        Kind::RequestHeaderLimit => ErrorCode::HttpRequestHeaderSectionSize(None),
        Kind::Deadline | Kind::UpstreamTimeout => ErrorCode::HttpResponseTimeout,
        Kind::UpstreamUnreachable => ErrorCode::ConnectionRefused,
        Kind::Overloaded | Kind::Draining => ErrorCode::ConnectionLimitReached,
        Kind::ClientTimeout => ErrorCode::ConnectionReadTimeout,
        Kind::ClientGone => ErrorCode::ConnectionTerminated,
        kind => ErrorCode::InternalError(Some(kind.public().to_owned())),
    }
}

/// The response of the next handler as a guest may hold it.
pub(super) type NextResponse = http::Response<NextBody>;
