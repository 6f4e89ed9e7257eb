//! Heads, bodies and trailers in both directions.

use crate::call::Call;
use serde_json::{Value, json};
use wasip2::http::types::{Fields, IncomingBody, Method};
use wasip2::io::streams::{InputStream, StreamError};

/// Bytes that one read or write moves.
const CHUNK_BYTES: usize = 64 * 1024;

/// The pattern that `/generate` sends: byte `i` of a body is `i % 251`.
fn pattern(offset: u64, buffer: &mut [u8]) {
    for (index, byte) in buffer.iter_mut().enumerate() {
        *byte = ((offset + index as u64) % 251) as u8;
    }
}

/// Calls `each` with every chunk; whether the body came whole.
pub fn read(stream: &InputStream, mut each: impl FnMut(&[u8]) -> bool) -> bool {
    loop {
        match stream.blocking_read(CHUNK_BYTES as u64) {
            Ok(chunk) if each(&chunk) => {}
            Ok(_) => return false,
            Err(StreamError::Closed) => return true,
            Err(StreamError::LastOperationFailed(_)) => return false,
        }
    }
}

/// The trailers that came after a body, as fields of our own.
fn received_trailers(body: IncomingBody) -> Option<Fields> {
    let future = IncomingBody::finish(body);
    let trailers = loop {
        match future.get() {
            Some(result) => break result.ok()?.ok()??,
            None => future.subscribe().block(),
        }
    };
    Fields::from_list(&trailers.entries()).ok()
}

/// Sends the body back as it comes, and its trailers. Answers `content-type`
/// and `trailer` as they were sent.
pub fn echo(call: Call) {
    let Some((body, stream)) = call.body() else { return };
    let headers = Fields::new();
    let received = call.request.headers();
    for name in ["content-type", "trailer"] {
        for value in received.get(name) {
            let _ = headers.append(name, &value);
        }
    }
    drop(received);
    let Some(mut writer) = call.begin_with(200, headers) else { return };
    let whole = read(&stream, |chunk| writer.write(chunk) && writer.flush());
    drop(stream);
    if whole {
        writer.finish(received_trailers(body));
    }
}

/// Reads the body in constant memory and answers its length and FNV-1a hash
/// (64 bit), and the trailers.
pub fn count(call: Call) {
    let Some((body, stream)) = call.body() else { return };
    let (mut bytes, mut hash) = (0u64, 0xcbf2_9ce4_8422_2325_u64);
    let skip_hash = call.text_of("hash") == "no";
    let whole = read(&stream, |chunk| {
        bytes += chunk.len() as u64;
        if !skip_hash {
            for &byte in chunk {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
            }
        }
        true
    });
    drop(stream);
    let trailers = received_trailers(body).map(|fields| table(&fields));
    call.json(&json!({
        "bytes": bytes, "fnv": format!("{hash:016x}"), "whole": whole, "trailers": trailers,
    }));
}

/// Sends `bytes` bytes of the pattern; with `length=1` the length is declared.
pub fn generate(call: Call) {
    let total = call.number_of("bytes", 0);
    let length = total.to_string();
    let mut fields = vec![("content-type", "application/octet-stream")];
    if call.text_of("length") == "1" {
        fields.push(("content-length", &length));
    }
    let Some(mut writer) = call.begin(200, &fields) else { return };
    let mut buffer = vec![0; CHUNK_BYTES + 251];
    pattern(0, &mut buffer);
    let mut sent = 0;
    while sent < total {
        // The pattern repeats every 251 bytes, so a shifted window continues it.
        let shift = (sent % 251) as usize;
        let size = (total - sent).min(CHUNK_BYTES as u64) as usize;
        if !writer.write(&buffer[shift..shift + size]) {
            return;
        }
        sent += size as u64;
    }
    writer.finish(None);
}

/// Sends a body in two pieces, `ms` milliseconds apart, and prints `mark` when
/// that is done, whether or not anybody has read it. With `whole`, the first piece has the
/// length of the whole body, and no second one follows.
pub fn afterwards(call: Call) {
    let (nanos, mark) = (call.number_of("ms", 0) * 1_000_000, call.text_of("mark").to_string());
    let is_whole = call.number_of("whole", 0) == 1;
    let fields: &[_] = if is_whole { &[("content-length", "6")] } else { &[] };
    let Some(mut writer) = call.begin(200, fields) else { return };
    let begun = writer.write(b"first\n") && writer.flush();
    wasip2::clocks::monotonic_clock::subscribe_duration(nanos).block();
    if begun && (is_whole || writer.write(b"second\n")) {
        writer.finish(None);
    }
    println!("afterwards {mark}");
}

/// Sends a body with trailers after it.
pub fn trailers(call: Call) {
    let Some(mut writer) = call.begin(200, &[("trailer", "x-checksum")]) else { return };
    let fields = Fields::new();
    let _ = fields.append("x-checksum", b"0123");
    if writer.write(b"body\n") {
        writer.finish(Some(fields));
    }
}

/// Answers the status `code`, with an empty body where HTTP wants none.
pub fn status(call: Call) {
    let code = call.number_of("code", 200) as u16;
    let Some(mut writer) = call.begin(code, &[("x-probe", "status")]) else { return };
    if matches!(code, 204 | 205 | 304) || writer.write(format!("{code}\n").as_bytes()) {
        writer.finish(None);
    }
}

/// Reports the request's head.
pub fn headers(call: Call) {
    let method = match call.request.method() {
        Method::Get => "GET".to_string(),
        Method::Head => "HEAD".to_string(),
        Method::Post => "POST".to_string(),
        Method::Put => "PUT".to_string(),
        Method::Delete => "DELETE".to_string(),
        Method::Connect => "CONNECT".to_string(),
        Method::Options => "OPTIONS".to_string(),
        Method::Trace => "TRACE".to_string(),
        Method::Patch => "PATCH".to_string(),
        Method::Other(other) => other,
    };
    let report = json!({
        "method": method,
        "target": call.request.path_with_query(),
        "scheme": call.request.scheme().map(|scheme| format!("{scheme:?}")),
        "authority": call.request.authority(),
        "headers": table(&call.request.headers()),
    });
    call.json(&report);
}

/// Sends `count` fields of `bytes` bytes each.
pub fn big_headers(call: Call) {
    let value = "v".repeat(call.number_of("bytes", 16) as usize);
    let headers = Fields::new();
    for index in 0..call.number_of("count", 1) {
        if headers.append(&format!("x-{index:06}"), value.as_bytes()).is_err() {
            return call.text(500, "the host refused a header field\n");
        }
    }
    let Some(mut writer) = call.begin_with(200, headers) else { return };
    if writer.write(b"headers\n") {
        writer.finish(None);
    }
}

/// Fields as JSON: each name with the list of its values.
pub fn table(fields: &Fields) -> Value {
    let mut out = serde_json::Map::new();
    for (name, value) in fields.entries() {
        let values = out.entry(name).or_insert_with(|| json!([]));
        if let Value::Array(values) = values {
            values.push(String::from_utf8_lossy(&value).into());
        }
    }
    Value::Object(out)
}
