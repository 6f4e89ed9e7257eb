//! Answers whose head is right and whose body is not.

use wasip2::clocks::monotonic_clock;
use wasip2::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use wasip2::io::streams::OutputStream;

/// Sends a head, with a declared length if there is one.
fn begin(outparam: ResponseOutparam, length: Option<&str>) -> Option<(OutgoingBody, OutputStream)> {
    let headers = Fields::new();
    if let Some(length) = length {
        headers.append("content-length", length.as_bytes()).ok()?;
    }
    let response = OutgoingResponse::new(headers);
    let body = response.body().ok()?;
    ResponseOutparam::set(outparam, Ok(response));
    let stream = body.write().ok()?;
    Some((body, stream))
}

/// Writes until it is stopped.
pub fn body_without_end(_: IncomingRequest, outparam: ResponseOutparam) {
    let Some((_body, stream)) = begin(outparam, None) else { return };
    while stream.blocking_write_and_flush(&[b'x'; 4096]).is_ok() {}
}

/// Writes one byte, then waits for an hour.
pub fn body_that_stalls(_: IncomingRequest, outparam: ResponseOutparam) {
    let Some((body, stream)) = begin(outparam, None) else { return };
    let _ = stream.blocking_write_and_flush(b"x");
    monotonic_clock::subscribe_duration(3_600_000_000_000).block();
    drop(stream);
    let _ = OutgoingBody::finish(body, None);
}

/// Writes a part and returns without ending the body.
pub fn body_not_finished(_: IncomingRequest, outparam: ResponseOutparam) {
    let Some((body, stream)) = begin(outparam, None) else { return };
    let _ = stream.blocking_write_and_flush(b"part");
    drop(stream);
    drop(body);
}

/// Writes a part and keeps the body open for ever: an instance that is reused holds
/// on to it.
pub fn body_left_open(_: IncomingRequest, outparam: ResponseOutparam) {
    let Some((body, stream)) = begin(outparam, None) else { return };
    let _ = stream.blocking_write_and_flush(b"part");
    core::mem::forget((body, stream));
}

/// Declares 100 bytes and ends after 4.
pub fn body_shorter_than_declared(_: IncomingRequest, outparam: ResponseOutparam) {
    let Some((body, stream)) = begin(outparam, Some("100")) else { return };
    let _ = stream.blocking_write_and_flush(b"part");
    drop(stream);
    let _ = OutgoingBody::finish(body, None);
}

/// Declares 4 bytes and writes more, which could pass for a second response.
pub fn body_longer_than_declared(_: IncomingRequest, outparam: ResponseOutparam) {
    let Some((body, stream)) = begin(outparam, Some("4")) else { return };
    let smuggled = b"partHTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nsmuggled";
    let _ = stream.blocking_write_and_flush(smuggled);
    drop(stream);
    let _ = OutgoingBody::finish(body, None);
}

/// Crashes between the head and the first byte.
pub fn trap_after_headers(_: IncomingRequest, outparam: ResponseOutparam) {
    let Some((_body, _stream)) = begin(outparam, None) else { return };
    core::arch::wasm32::unreachable()
}

/// Crashes in the middle of the body.
pub fn trap_in_body(_: IncomingRequest, outparam: ResponseOutparam) {
    let Some((_body, stream)) = begin(outparam, None) else { return };
    let _ = stream.blocking_write_and_flush(b"part");
    core::arch::wasm32::unreachable()
}
