//! The head of an answer.

use super::rule::changes;
use super::tls::facts;
use super::upgrade::Switched;
use http::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderName,
    HeaderValue, RETRY_AFTER, TE, TRANSFER_ENCODING, UPGRADE,
};
use http::{Method, Response, StatusCode, Version};
use http_body::Body as _;
use sedge_model::failure::{Failure, Kind};
use sedge_model::handler::{self, Body};
use sedge_model::trace::TraceContext;
use serde_json::json;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// Turns a failure into the answer that a client may see: a problem document
/// (RFC 9457), with `Retry-After` where trying again can help, and `Allow` where
/// other methods do.
pub(crate) fn problem(failure: &Failure, trace: TraceContext) -> Response<Body> {
    let kind = failure.kind;
    let document = json!({
        "type": "about:blank",
        "title": kind.public(),
        "status": kind.status(),
        "kind": kind.label(),
        "blame": kind.blame().as_str(),
        "trace_id": format!("{:032x}", trace.trace_id),
    });
    let mut response = Response::new(handler::full(document.to_string()));
    *response.status_mut() =
        StatusCode::from_u16(kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(seconds) = failure.retry_after_s {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if !failure.allow.is_empty() {
        let names: Vec<&str> = failure.allow.iter().map(Method::as_str).collect();
        if let Ok(value) = HeaderValue::from_str(&names.join(", ")) {
            headers.insert(ALLOW, value);
        }
    }
    if let Some(changes) = &failure.changes {
        changes::apply(changes, headers);
    }
    response
}

/// Makes a handler's answer fit to be sent:
///
/// - A status below 200 is not an answer, but 101 with the connection that it is
///   about.
/// - Fields about the connection are the gateway's (RFC 9110 §7.6.1).
/// - An answer to HEAD, and 204 and 304, have no body; of a body that was given
///   for HEAD the length is kept (RFC 9110 §9.3.2).
/// - A `Content-Length` must be one number and agree with a body whose length
///   is known.
///
/// Gives the declared length of the body that is left to send.
pub(crate) fn fit(response: &mut Response<Body>, method: &Method) -> Result<Option<u64>, Failure> {
    // Each hop says its own version, and not that of who answered behind it (RFC 9110
    // §2.5).
    *response.version_mut() = Version::HTTP_11;
    let status = response.status();
    if let Some(Switched { protocol, .. }) = response.extensions().get()
        && status == StatusCode::SWITCHING_PROTOCOLS
    {
        let protocol = protocol.clone();
        strip_connection_fields(response.headers_mut());
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
        response.headers_mut().insert(UPGRADE, protocol);
        return Ok(None);
    }
    if status.is_informational() {
        return Err(invalid("handler answered with an informational status"));
    }
    strip_connection_fields(response.headers_mut());
    let declared = declared_length(response.headers())?;
    let known = response.body().size_hint().exact();
    if method == Method::HEAD || matches!(status.as_u16(), 204 | 304) {
        if let (Some(bytes), None, true) = (known, declared, method == Method::HEAD)
            && bytes > 0
        {
            response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(bytes));
        }
        *response.body_mut() = handler::empty();
        return Ok(None);
    }
    match (declared, known) {
        (Some(declared), Some(known)) if declared != known => {
            Err(invalid("handler's Content-Length differs from its body"))
        }
        _ => Ok(declared),
    }
}

fn invalid(detail: &'static str) -> Failure {
    Failure::new(Kind::InvalidResponse, detail)
}

fn declared_length(headers: &HeaderMap) -> Result<Option<u64>, Failure> {
    let mut values = headers.get_all(CONTENT_LENGTH).iter();
    let Some(first) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(invalid("handler sent more than one Content-Length"));
    }
    let digits = first.as_bytes();
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok());
    match number {
        Some(length) if is_number => Ok(Some(length)),
        _ => Err(invalid("handler's Content-Length is not a number")),
    }
}

fn is_about_connection(name: &HeaderName) -> bool {
    const NAMES: [HeaderName; 6] =
        [CONNECTION, TRANSFER_ENCODING, UPGRADE, TE, KEEP_ALIVE, PROXY_CONNECTION];
    NAMES.contains(name)
}

pub(crate) fn strip_connection_fields(headers: &mut HeaderMap) {
    if !headers.keys().any(is_about_connection) {
        return;
    }
    let nominated = nominated(headers);
    let named: Vec<HeaderName> =
        headers.keys().filter(|name| is_about_connection(name)).cloned().collect();
    for name in named.iter().chain(&nominated) {
        headers.remove(name);
    }
}

/// Removes only what `Connection` names besides, as soon as a request has come in:
/// whoever decides by a field, or stores something under it, must see what the server
/// behind is going to see.
pub(crate) fn strip_nominated(headers: &mut HeaderMap) {
    if !headers.contains_key(CONNECTION) {
        return;
    }
    for name in nominated(headers).iter().filter(|name| !is_about_connection(name)) {
        headers.remove(name);
    }
}

/// Fields that `Connection` nominates (RFC 9110 §7.6.1), but never one that is for the
/// request's end, or that only this node may set: a client would take out who it is.
fn nominated(headers: &HeaderMap) -> Vec<HeaderName> {
    headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .filter(|name| *name != CONTENT_LENGTH && *name != HOST && !facts::is_reserved(name))
        .collect()
}

#[cfg(test)]
mod tests;
