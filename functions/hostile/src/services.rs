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
