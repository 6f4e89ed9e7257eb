//! Answers whose head is wrong, endless or absent.

use crate::answer;
use wasip2::clocks::monotonic_clock;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

fn send(headers: Fields, outparam: ResponseOutparam) {
    let response = OutgoingResponse::new(headers);
    let Ok(body) = response.body() else { return };
    ResponseOutparam::set(outparam, Ok(response));
    let _ = OutgoingBody::finish(body, None);
}

/// Adds header fields until the host refuses, then sends what there is.
pub fn headers_without_end(_: IncomingRequest, outparam: ResponseOutparam) {
    let headers = Fields::new();
    let mut count = 0u64;
    while headers.append(&format!("x-{count}"), &[b'v'; 1024]).is_ok() {
        count += 1;
    }
    send(headers, outparam);
}

/// Sends one header field of a megabyte, if the host takes it.
pub fn huge_header(_: IncomingRequest, outparam: ResponseOutparam) {
    let headers = Fields::new();
    match headers.append("x-huge", &vec![b'v'; 1 << 20]) {
        Ok(()) => send(headers, outparam),
        Err(_) => core::arch::wasm32::unreachable(),
    }
}

/// Tries the fields that belong to the connection and not to a function, and
/// line breaks that would end the head; answers how many were taken.
pub fn forbidden_headers(_: IncomingRequest, outparam: ResponseOutparam) {
    let headers = Fields::new();
    let tried: &[(&str, &[u8])] = &[
        ("connection", b"close"),
        ("keep-alive", b"timeout=1"),
        ("proxy-connection", b"close"),
        ("transfer-encoding", b"chunked"),
        ("upgrade", b"h2c"),
        ("x-break", b"one\r\nx-injected: two"),
        ("x-nul", b"\0"),
        ("x space", b"value"),
        ("", b"value"),
    ];
    let taken: Vec<&str> = tried
        .iter()
        .filter(|(name, value)| headers.append(name, value).is_ok())
        .map(|(name, _)| *name)
        .collect();
    answer(outparam, &format!("{taken:?}\n"));
}

/// Declares two lengths.
pub fn conflicting_lengths(_: IncomingRequest, outparam: ResponseOutparam) {
    let headers = Fields::new();
    let _ = headers.append("content-length", b"3");
    let _ = headers.append("content-length", b"5");
    let response = OutgoingResponse::new(headers);
    let Ok(body) = response.body() else { return };
    ResponseOutparam::set(outparam, Ok(response));
    let Ok(stream) = body.write() else { return };
    let _ = stream.blocking_write_and_flush(b"abc");
    drop(stream);
    let _ = OutgoingBody::finish(body, None);
}

/// Tries status codes that HTTP does not have; answers how many were taken.
pub fn invalid_status(_: IncomingRequest, outparam: ResponseOutparam) {
    let response = OutgoingResponse::new(Fields::new());
    let tried = [0, 1, 99, 1000, u16::MAX];
    let taken = tried.iter().filter(|&&status| response.set_status_code(status).is_ok()).count();
    answer(outparam, &format!("{taken}\n"));
}

/// Answers an error instead of a response.
pub fn error_response(_: IncomingRequest, outparam: ResponseOutparam) {
    let code = ErrorCode::InternalError(Some("the inside of the function".into()));
    ResponseOutparam::set(outparam, Err(code));
}

/// Returns without an answer.
pub fn no_response(_: IncomingRequest, _: ResponseOutparam) {}

/// Waits for an hour before it answers.
pub fn never_responds(_: IncomingRequest, outparam: ResponseOutparam) {
    monotonic_clock::subscribe_duration(3_600_000_000_000).block();
    answer(outparam, "too late\n");
}

/// Answers twice.
pub fn double_set(_: IncomingRequest, outparam: ResponseOutparam) {
    let handle = outparam.handle();
    answer(outparam, "first\n");
    // SAFETY: the handle is spent, so the host must refuse it; the bindings
    // only pass the number on.
    let again = unsafe { ResponseOutparam::from_handle(handle) };
    answer(again, "second\n");
}
