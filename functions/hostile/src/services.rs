//! Too much of what the node offers.

use crate::answer;
use std::io::Write;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

#[allow(missing_docs)]
mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "sedge:host/services",
        generate_all,
    });
}

use bindings::sedge::cache::store as cache;
use bindings::sedge::codec::encoder as codec;
use bindings::wasi::keyvalue::store;
use bindings::wasi::logging::logging::{Level, log};

/// Writes ten megabytes of log lines to every log there is.
pub fn log_flood(_: IncomingRequest, outparam: ResponseOutparam) {
    let line = "flood ".repeat(170);
    for _ in 0..3_400 {
        println!("{line}");
        eprintln!("{line}");
        log(Level::Error, "flood", &line);
    }
    answer(outparam, "flooded\n");
}

/// Writes one line of four megabytes without a line feed, and control
/// characters that would confuse a terminal.
pub fn huge_log_line(_: IncomingRequest, outparam: ResponseOutparam) {
    let line = "\x1b[31mred".repeat(1 << 19);
    log(Level::Warn, &line, &line);
    let _ = std::io::stdout().write_all(line.as_bytes());
    answer(outparam, "flooded\n");
}

/// Writes keys until it is stopped.
pub fn kv_flood(_: IncomingRequest, outparam: ResponseOutparam) {
    let Ok(bucket) = store::open("default") else { return answer(outparam, "denied\n") };
    let mut count = 0u64;
    while bucket.set(&format!("flood-{count}"), &[b'x'; 1024]).is_ok() {
        count += 1;
    }
    answer(outparam, &format!("refused after {count}\n"));
}

/// Writes one value of 64 megabytes, and a key of one.
pub fn kv_huge_value(_: IncomingRequest, outparam: ResponseOutparam) {
    let Ok(bucket) = store::open("default") else { return answer(outparam, "denied\n") };
    let value = bucket.set("huge", &vec![b'x'; 64 << 20]);
    let key = bucket.set(&"k".repeat(1 << 20), b"x");
    answer(outparam, &format!("{} {}\n", value.is_ok(), key.is_ok()));
}

/// Stores responses, each under an address of its own, until it is stopped.
pub fn cache_flood(_: IncomingRequest, outparam: ResponseOutparam) {
    let Ok(scope) = cache::Scope::open("pages") else { return answer(outparam, "denied\n") };
    let lifetime =
        cache::Lifetime { ttl_ms: Some(60_000), stale_while_revalidate_ms: None, tags: vec![] };
    let mut count = 0u64;
    loop {
        let request = cache::Request { url: format!("http://flood/{count}"), fields: vec![] };
        let response = cache::Response { status: 200, fields: vec![], body: vec![b'x'; 64 << 10] };
        if scope.put(&request, &response, &lifetime).is_err() {
            return answer(outparam, &format!("refused after {count}\n"));
        }
        count += 1;
    }
}

/// Says of a hundred thousand addresses that it makes what is stored there, and makes
/// nothing.
pub fn cache_hold(_: IncomingRequest, outparam: ResponseOutparam) {
    let Ok(scope) = cache::Scope::open("pages") else { return answer(outparam, "denied\n") };
    let mut held = Vec::new();
    for number in 0..100_000 {
        let request = cache::Request { url: format!("http://hold/{number}"), fields: vec![] };
        match scope.get_or_begin(&request, 0) {
            Ok(found) => held.push(found),
            Err(_) => break,
        }
    }
    answer(outparam, &format!("holds {}\n", held.len()));
}

/// Begins pictures, as large as may be, and encodes none of them.
pub fn codec_hold(_: IncomingRequest, outparam: ResponseOutparam) {
    let mut held = Vec::new();
    while let Ok(picture) = codec::Picture::open(5_000, 5_000, codec::Layout::Rgba8) {
        held.push(picture);
    }
    answer(outparam, &format!("holds {}\n", held.len()));
}

/// Has noise encoded to AVIF, as slowly as may be, until it is stopped.
pub fn codec_flood(_: IncomingRequest, outparam: ResponseOutparam) {
    let noise = (0..512 * 512 * 3u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8);
    let noise: Vec<u8> = noise.collect();
    loop {
        let options = codec::Options {
            format: codec::Format::Avif,
            quality: codec::Quality::Score(95.0),
            progressive: false,
            effort: Some(9),
        };
        let Ok(picture) = codec::Picture::open(512, 512, codec::Layout::Rgb8) else { break };
        if picture.write(&noise).is_err() || codec::Picture::encode(picture, options).is_err() {
            break;
        }
    }
    answer(outparam, "refused\n");
}
