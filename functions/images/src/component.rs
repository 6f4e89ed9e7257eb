//! The adapter to `wasi:http` 0.2: methods, headers, bodies. Whatever can be
//! decided without a host is decided elsewhere.

mod fetch;
mod respond;
mod secrets;

use std::io::Read;

use sedge_kit::image::grammar::{GrammarError, ImageRequest};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{Headers, IncomingBody, IncomingRequest, Method, ResponseOutparam};

use crate::caching;
use crate::config::Config;
use crate::encode::node;
use crate::limits::Limits;
use crate::problem::{Origin, Problem};
use crate::service;
use crate::source::SourceUrl;

wasip2::http::proxy::export!(Component);

struct Component;

impl Guest for Component {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let is_head = matches!(request.method(), Method::Head);
        match answer(&request) {
            Ok(answer) => respond::image(out, answer, is_head),
            Err(Failed { elsewhere: Some(path), .. }) => respond::redirect(out, &path),
            Err(Failed { problem, origin, .. }) => respond::problem(out, &problem, origin, is_head),
        }
    }
}

/// Why there is no picture, and where the client is sent instead, if anywhere.
struct Failed {
    problem: Problem,
    origin: Origin,
    /// Path and query on the own origin.
    elsewhere: Option<String>,
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

fn answer(request: &IncomingRequest) -> Result<Answer, Failed> {
    let is_sent = match request.method() {
        Method::Get | Method::Head => false,
        Method::Post => true,
        _ => {
            return Err(Failed { problem: Problem::Method, origin: Origin::Body, elsewhere: None });
        }
    };
    let origin = if is_sent { Origin::Body } else { Origin::Fetched };
    let failed = |problem| Failed { problem, origin, elsewhere: None };
    let variable = |name: &str| std::env::var(name).ok();
    let mut config = Config::from_environment(variable, secrets::secret).map_err(failed)?;
    config.limits.node = node::granted(variable);
    if let Some(keys) = &config.keys {
        let target = request.path_with_query().unwrap_or_default();
        keys.verify(&target).map_err(failed)?;
    }
    let asked = parse(request).map_err(failed)?;
    let validity_s = caching::validity_s(asked.expires_s, now_s()).map_err(failed)?;
    let url = match (&asked.src, is_sent) {
        (Some(src), false) => Some(SourceUrl::resolve(src, config.origin.as_ref())),
        (None, true) => None,
        (Some(_), true) | (None, false) => Some(Err(Problem::Source)),
    };
    let url = url.transpose().map_err(failed)?;
    if let (Some(url), Some(list)) = (&url, &config.sources) {
        list.check(url).map_err(failed)?;
    }
    let is_own =
        |url: &SourceUrl| config.origin.as_ref().is_some_and(|own| own.is_same_origin(url));
    let elsewhere = url.as_ref().filter(|url| asked.redirects_on_error && is_own(url));
    let elsewhere = elsewhere.map(|url| url.path_and_query.clone());
    let source = match url {
        Some(url) => fetch::source(url, &config),
        None => sent(request, &config.limits),
    };
    source
        .and_then(|source| {
            let caching = caching::bounded(source.caching, validity_s);
            picture(request, &asked, Source { caching, ..source }, &config.limits)
        })
        .map_err(|problem| Failed { problem, origin, elsewhere })
}

fn picture(
    request: &IncomingRequest,
    asked: &ImageRequest,
    source: Source,
    limits: &Limits,
) -> Result<Answer, Problem> {
    let headers = request.headers();
    let accept = field(&headers, "accept");
    let prepared = service::prepare(asked, &accept, &source.bytes, limits)?;
    let is_known = service::is_known(&field(&headers, "if-none-match"), &prepared.etag);
    let body = if is_known && !matches!(request.method(), Method::Post) {
        None
    } else {
        Some(service::render(asked, &prepared, source.bytes)?)
    };
    let is_negotiated = service::is_negotiated(asked);
    Ok(Answer { prepared, body, is_negotiated, caching: source.caching })
}

fn parse(request: &IncomingRequest) -> Result<ImageRequest, Problem> {
    let target = request.path_with_query().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    ImageRequest::parse(path, query).map_err(|error| match error {
        GrammarError::Path => Problem::NotFound,
        other => Problem::Url(other),
    })
}

/// Seconds since 1970 (UTC).
fn now_s() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
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
