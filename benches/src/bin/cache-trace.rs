//! `cache-trace FILE OBJECTS REQUESTS COLD PERCENT BEYOND`: writes a trace for `trace-player`, and
//! prints one line of JSON: the bytes of a cache with that part of all objects, and the
//! hits of two reference policies with so many, after the first `COLD` requests. The second
//! is played twice: for bodies alone, and as if each object took `BEYOND` bytes more.

use anyhow::{Context, Result, bail};
use sedge_benches::reference::{lru, w_tiny_lfu};
use sedge_benches::trace::Trace;
use std::path::Path;

/// Of Zipf's law.
const EXPONENT: f64 = 0.9;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, objects, requests, cold, percent, beyond] = arguments.as_slice() else {
        bail!("usage: cache-trace FILE OBJECTS REQUESTS COLD PERCENT BEYOND");
    };
    let objects = objects.parse().context("reading how many objects there are")?;
    let requests = requests.parse().context("reading how many requests there are")?;
    let cold = cold.parse().context("reading how many requests are cold")?;
    let percent: u64 = percent.parse().context("reading the part of all bytes")?;
    let beyond: u32 = beyond.parse().context("reading what an object takes beyond its body")?;
    let trace = Trace::zipf(objects, requests, EXPONENT);
    trace.write(Path::new(file))?;
    let bytes_max = trace.bytes_total().saturating_mul(percent) / 100;
    println!(
        "{}",
        serde_json::json!({
            "bytes_max": bytes_max,
            "lru": lru(&trace, bytes_max, cold),
            "w_tiny_lfu": w_tiny_lfu(&trace, bytes_max, cold),
            "w_tiny_lfu_beyond": w_tiny_lfu(&trace.enlarged(beyond), bytes_max, cold),
        })
    );
    Ok(())
}
