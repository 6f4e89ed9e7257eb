//! The adapter to `wasi:http` 0.2: methods, headers, bodies. Whatever can be
//! decided without a host is decided elsewhere.

mod fetch;
mod respond;

use std::io::Read;

use sedge_kit::image::grammar::{GrammarError, ImageRequest};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{Headers, IncomingBody, IncomingRequest, Method, ResponseOutparam};

use crate::encode::node;
use crate::limits::Limits;
use crate::problem::{Origin, Problem};
use crate::service;

wasip2::http::proxy::export!(Component);

struct Component;

impl Guest for Component {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let is_head = matches!(request.method(), Method::Head);
        match answer(&request) {
            Ok(answer) => respond::image(out, answer, is_head),
            Err((problem, origin)) => respond::problem(out, &problem, origin, is_head),
        }
    }
}

/// A picture, or word that the client has it.
pub(crate) struct Answer {
    prepared: service::Prepared,
    /// `None` where `If-None-Match` named it.
    body: Option<Vec<u8>>,
    /// Whether `Accept` had a say.
    is_negotiated: bool,
    /// `Cache-Control`, `Expires` and `Last-Modified` of the source, or
    /// `no-store` for an image that was sent.
    caching: Vec<(String, Vec<u8>)>,
}

/// A source and what its server said about caching.
pub(crate) struct Source {
    bytes: Vec<u8>,
    caching: Vec<(String, Vec<u8>)>,
}

fn answer(request: &IncomingRequest) -> Result<Answer, (Problem, Origin)> {
    let variable = |name: &str| std::env::var(name).ok();
    let limits = Limits { node: node::granted(variable), ..Limits::from_environment(variable) };
    let is_sent = match request.method() {
        Method::Get | Method::Head => false,
        Method::Post => true,
        _ => return Err((Problem::Method, Origin::Body)),
    };
    let origin = if is_sent { Origin::Body } else { Origin::Fetched };
    let told = |problem| (problem, origin);
    let asked = parse(request).map_err(told)?;
    let source = match (&asked.src, is_sent) {
        (Some(src), false) => fetch::source(src, &limits),
        (None, true) => sent(request, &limits),
        (Some(_), true) | (None, false) => Err(Problem::Source),
    };
    let source = source.map_err(told)?;
    let headers = request.headers();
    let accept = field(&headers, "accept");
    let prepared = service::prepare(&asked, &accept, &source.bytes, &limits).map_err(told)?;
    let is_known = service::is_known(&field(&headers, "if-none-match"), &prepared.etag);
    let body = if is_known && !is_sent {
        None
    } else {
        Some(service::render(&asked, &prepared, source.bytes).map_err(told)?)
    };
    Ok(Answer { prepared, body, is_negotiated: asked.format.is_none(), caching: source.caching })
}

fn parse(request: &IncomingRequest) -> Result<ImageRequest, Problem> {
    let target = request.path_with_query().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    ImageRequest::parse(path, query).map_err(|error| match error {
        GrammarError::Path => Problem::NotFound,
        other => Problem::Url(other),
    })
}

/// The lines of a field, joined (RFC 9110 §5.3); what is not UTF-8 is left out.
fn field(headers: &Headers, name: &str) -> String {
    let lines = headers.get(name).into_iter().filter_map(|line| String::from_utf8(line).ok());
    lines.collect::<Vec<_>>().join(",")
}

fn sent(request: &IncomingRequest, limits: &Limits) -> Result<Source, Problem> {
    let announced = announced_bytes(&request.headers());
    let body = request.consume().map_err(|()| Problem::BodyBroken)?;
    let bytes = read(body, announced, limits, || Problem::BodyBroken)?;
    Ok(Source { bytes, caching: vec![("cache-control".into(), b"no-store".to_vec())] })
}

/// `Content-Length`, where it is one number.
fn announced_bytes(headers: &Headers) -> Option<u64> {
    field(headers, "content-length").trim().parse().ok()
}

/// Reads a body up to the limit of a source.
fn read(
    body: IncomingBody,
    announced: Option<u64>,
    limits: &Limits,
    broken: impl Fn() -> Problem,
) -> Result<Vec<u8>, Problem> {
    let limit = limits.source_bytes_max;
    if announced.is_some_and(|announced| announced > limit) {
        return Err(Problem::SourceBytes(limit));
    }
    let mut bytes = Vec::new();
    let expected = announced.and_then(|announced| usize::try_from(announced).ok());
    bytes.try_reserve_exact(expected.unwrap_or(0)).map_err(|_| Problem::OutOfMemory)?;
    let stream = body.stream().map_err(|()| broken())?;
    // One byte more than the limit tells a source at the limit from one past it.
    stream.take(limit + 1).read_to_end(&mut bytes).map_err(|_| broken())?;
    if bytes.len() as u64 > limit {
        return Err(Problem::SourceBytes(limit));
    }
    if announced.is_some_and(|announced| announced != bytes.len() as u64) {
        return Err(broken());
    }
    Ok(bytes)
}
