//! Posts to a webhook by `wasi:http` 0.2.

use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingResponse, Method, OutgoingBody, OutgoingRequest, RequestOptions,
    Scheme,
};

use super::WRITE_BYTES_MAX;
use crate::watch::call::Request;
use crate::watch::host::HostError;

/// For connecting, and for the first byte of the answer.
const TIMEOUT_NS: u64 = 5_000_000_000;

/// Posts a request. Any answer of 2xx is good. One of 4xx says that the same request will
/// never be, but for those that ask to come again (408, 425, 429).
pub(super) fn post(request: &Request<'_>) -> Result<(), HostError> {
    let again = |reason: String| HostError { reason, permanent: false };
    let what = format!("the webhook at {:?}", request.url.authority);
    let response = send(request).map_err(|reason| again(format!("{what} {reason}")))?;
    match response.status() {
        200..=299 => Ok(()),
        status => {
            let permanent = (400..500).contains(&status) && !matches!(status, 408 | 425 | 429);
            Err(HostError { reason: format!("{what} answered {status}"), permanent })
        }
    }
}

fn send(request: &Request<'_>) -> Result<IncomingResponse, String> {
    let refused = "cannot be asked so";
    let headers = Fields::new();
    for (name, value) in [
        ("content-type", request.content_type),
        ("idempotency-key", request.idempotency_key),
        ("content-length", &request.body.len().to_string()),
    ] {
        headers.append(name, value.as_bytes()).map_err(|_| refused)?;
    }
    let outgoing = OutgoingRequest::new(headers);
    let scheme = if request.url.is_https { Scheme::Https } else { Scheme::Http };
    outgoing
        .set_method(&Method::Post)
        .and_then(|()| outgoing.set_scheme(Some(&scheme)))
        .and_then(|()| outgoing.set_authority(Some(&request.url.authority)))
        .and_then(|()| outgoing.set_path_with_query(Some(&request.url.path_with_query)))
        .map_err(|()| refused)?;
    let body = outgoing.body().map_err(|()| refused)?;
    let options = RequestOptions::new();
    // A node may not offer these; its own deadline stands behind them.
    let _ = options.set_connect_timeout(Some(TIMEOUT_NS));
    let _ = options.set_first_byte_timeout(Some(TIMEOUT_NS));
    let response = outgoing_handler::handle(outgoing, Some(options)).map_err(told)?;
    let stream = body.write().map_err(|()| refused)?;
    for chunk in request.body.chunks(WRITE_BYTES_MAX) {
        // What is wrong with the connection is told by the answer that does not come.
        if stream.blocking_write_and_flush(chunk).is_err() {
            break;
        }
    }
    drop(stream);
    let _ = OutgoingBody::finish(body, None);
    loop {
        if let Some(result) = response.get() {
            return result.map_err(|()| refused.to_owned())?.map_err(told);
        }
        response.subscribe().block();
    }
}

fn told(error: ErrorCode) -> String {
    match error {
        ErrorCode::DnsTimeout
        | ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => "did not answer in time".to_owned(),
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => {
            "is not granted by the manifest".to_owned()
        }
        ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => "is unknown".to_owned(),
        ErrorCode::ConnectionRefused => "refuses connections".to_owned(),
        other => format!("cannot be reached: {other:?}"),
    }
}
