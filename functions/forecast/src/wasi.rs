//! The way in and out: `wasi:http` 0.2.

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{
    Fields, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use wasip2::io::streams::StreamError;

use crate::exchange::{BODY_BYTES_MAX, Head, Reply, answer, begin, body_too_large};
use crate::problem::Problem;

/// A blocking write of `wasi:io` takes at most this many bytes.
const WRITE_BYTES_MAX: usize = 4096;

struct Forecast;

wasip2::http::proxy::export!(Forecast);

impl Guest for Forecast {
    fn handle(request: IncomingRequest, outparam: ResponseOutparam) {
        let method = request.method();
        let reply = reply_to(&request, &method);
        send(&reply, matches!(method, Method::Head), outparam);
    }
}

fn reply_to(request: &IncomingRequest, method: &Method) -> Reply {
    let headers = request.headers();
    let header = |name: &str| {
        let value = headers.get(name).into_iter().next()?;
        Some(String::from_utf8_lossy(&value).into_owned())
    };
    let (content_type, content_encoding, content_length) =
        (header("content-type"), header("content-encoding"), header("content-length"));
    let head = Head {
        method: match method {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            // What it is does not matter: it is not allowed.
            _ => "",
        },
        content_type: content_type.as_deref(),
        content_encoding: content_encoding.as_deref(),
        content_length: content_length.as_deref(),
    };
    match begin(&head) {
        Err(reply) => reply,
        Ok(()) => match read(request) {
            Ok(body) => answer(&body),
            Err(problem) => problem.into(),
        },
    }
}

/// The body, up to a chunk more than is allowed.
fn read(request: &IncomingRequest) -> Result<Vec<u8>, Problem> {
    let broken = || Problem::body("the body broke off");
    let body = request.consume().map_err(|()| broken())?;
    let stream = body.stream().map_err(|()| broken())?;
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(64 * 1024) {
            Ok(chunk) => bytes.extend_from_slice(&chunk),
            Err(StreamError::Closed) => return Ok(bytes),
            Err(StreamError::LastOperationFailed(_)) => return Err(broken()),
        }
        if bytes.len() > BODY_BYTES_MAX {
            return Err(body_too_large());
        }
    }
}

/// Sends the reply. Failures past this point mean that the client is gone, and there is
/// nobody to tell.
fn send(reply: &Reply, head_only: bool, outparam: ResponseOutparam) {
    let headers = Fields::new();
    let _ = headers.append("content-type", reply.content_type.as_bytes());
    // A host may hold the body that follows against the length, and that of HEAD is empty.
    if !head_only {
        let _ = headers.append("content-length", reply.body.len().to_string().as_bytes());
    }
    if let Some(allow) = reply.allow {
        let _ = headers.append("allow", allow.as_bytes());
    }
    let response = OutgoingResponse::new(headers);
    let _ = response.set_status_code(reply.status);
    let Ok(body) = response.body() else { return };
    ResponseOutparam::set(outparam, Ok(response));
    let bytes = if head_only { &[][..] } else { &reply.body[..] };
    if let Ok(stream) = body.write() {
        for chunk in bytes.chunks(WRITE_BYTES_MAX) {
            if stream.blocking_write_and_flush(chunk).is_err() {
                return;
            }
        }
        drop(stream);
        let _ = OutgoingBody::finish(body, None);
    }
}
