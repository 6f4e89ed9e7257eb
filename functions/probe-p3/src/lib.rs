//! The probe for `wasi:http` 0.3: what differs from 0.2 is the shape of bodies
//! and calls, so those are what it exercises.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use wasip3::exports::http::handler::Guest;
use wasip3::http::client;
use wasip3::http::types::{ErrorCode, Fields, Request, Response, Scheme};
use wasip3::wit_bindgen::{StreamReader, StreamResult};
use wasip3::{wit_future, wit_stream};

/// Bytes that one read or write moves.
const CHUNK_BYTES: usize = 64 * 1024;

/// Requests that this instance has answered.
static ANSWERED: AtomicU64 = AtomicU64::new(0);

struct Probe;

wasip3::http::service::export!(Probe);

impl Guest for Probe {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let target = request.get_path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        match path {
            "/echo" => Ok(echo(request)),
            "/count" => Ok(text(200, count(request).await)),
            "/generate" => Ok(generate(number(query, "bytes"))),
            "/early" => Ok(text(200, "early\n".into())),
            "/state" => {
                let answered = ANSWERED.fetch_add(1, Relaxed) + 1;
                Ok(text(200, format!("{answered}\n")))
            }
            "/sleep" => {
                let nanos = number(query, "ms") * 1_000_000;
                wasip3::clocks::monotonic_clock::wait_for(nanos).await;
                Ok(text(200, "slept\n".into()))
            }
            "/fetch" => match fetch(value(query, "url")).await {
                Ok(answer) => Ok(answer),
                Err(error) => Ok(text(200, format!("{error:?}\n"))),
            },
            "/endless-loop" => loop {
                std::hint::black_box(());
            },
            "/never" => {
                wasip3::clocks::monotonic_clock::wait_for(u64::MAX).await;
                Err(ErrorCode::InternalError(None))
            }
            "/error" => Err(ErrorCode::InternalError(Some("on purpose".into()))),
            "/panic" => panic!("on purpose"),
            _ => Ok(text(404, "the probe has no such path\n".into())),
        }
    }
}

/// A parameter of the query; empty if it is absent.
fn value<'a>(query: &'a str, name: &str) -> &'a str {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == name)
        .map_or("", |(_, value)| value)
}

/// A number of the query; zero if it is absent or no number.
fn number(query: &str, name: &str) -> u64 {
    value(query, name).parse().unwrap_or(0)
}

fn text(status: u16, text: String) -> Response {
    let headers = Fields::new();
    let _ = headers.append("content-type", b"text/plain; charset=utf-8");
    let (mut body, contents) = wit_stream::new();
    let (_, trailers) = wit_future::new(|| Ok(None));
    let (response, _sent) = Response::new(headers, Some(contents), trailers);
    let _ = response.set_status_code(status);
    wasip3::spawn_local(async move {
        let _rest = body.write_all(text.into_bytes()).await;
    });
    response
}

/// The request's body and trailers become the response's, without a copy
/// through the guest.
fn echo(request: Request) -> Response {
    let headers = Fields::new();
    let received = request.get_headers();
    for name in ["content-type", "trailer"] {
        for value in received.get(name) {
            let _ = headers.append(name, &value);
        }
    }
    let (_, consumed) = wit_future::new(|| Ok(()));
    let (body, trailers) = Request::consume_body(request, consumed);
    let (response, _sent) = Response::new(headers, Some(body), trailers);
    response
}

/// Length of the body, read through the guest in constant memory.
async fn count(request: Request) -> String {
    let (_, consumed) = wit_future::new(|| Ok(()));
    let (mut body, trailers) = Request::consume_body(request, consumed);
    let bytes = drain(&mut body).await;
    drop(body);
    let trailers = match trailers.await {
        Ok(Some(fields)) => fields.copy_all().len().to_string(),
        Ok(None) => "none".into(),
        Err(error) => format!("{error:?}"),
    };
    format!("{bytes} bytes, {trailers} trailers\n")
}

async fn drain(body: &mut StreamReader<u8>) -> u64 {
    let mut bytes = 0;
    let mut buffer = Vec::with_capacity(CHUNK_BYTES);
    loop {
        let (status, mut filled) = body.read(buffer).await;
        bytes += filled.len() as u64;
        filled.clear();
        buffer = filled;
        if !matches!(status, StreamResult::Complete(_)) {
            return bytes;
        }
    }
}

/// Sends `total` zero bytes.
fn generate(total: u64) -> Response {
    let (mut body, contents) = wit_stream::new();
    let (_, trailers) = wit_future::new(|| Ok(None));
    let (response, _sent) = Response::new(Fields::new(), Some(contents), trailers);
    wasip3::spawn_local(async move {
        let mut left = total;
        while left > 0 {
            let size = left.min(CHUNK_BYTES as u64);
            if !body.write_all(vec![0; size as usize]).await.is_empty() {
                return;
            }
            left -= size;
        }
    });
    response
}

/// Fetches `url` and passes the answer on as it comes.
async fn fetch(url: &str) -> Result<Response, ErrorCode> {
    let (scheme, rest) = url.split_once("://").ok_or(ErrorCode::HttpRequestUriInvalid)?;
    let split = rest.find('/').unwrap_or(rest.len());
    let (authority, target) = rest.split_at(split);
    let (_, trailers) = wit_future::new(|| Ok(None));
    let (request, _sent) = Request::new(Fields::new(), None, trailers, None);
    let scheme = if scheme == "https" { Scheme::Https } else { Scheme::Http };
    let invalid = |()| ErrorCode::HttpRequestUriInvalid;
    request.set_scheme(Some(&scheme)).map_err(invalid)?;
    request.set_authority(Some(authority)).map_err(invalid)?;
    let target = if target.is_empty() { "/" } else { target };
    request.set_path_with_query(Some(target)).map_err(invalid)?;
    client::send(request).await
}
