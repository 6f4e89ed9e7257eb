//! How many requests and how many bytes the tier in memory answers, beside textbook
//! policies, on made traces; each cache holds 1 % of the bytes of all objects.
//!
//! `cargo run --release -p sedge-cache --example hit_ratio [REQUESTS]`

mod frequency;
mod recency;
mod traces;

use sedge_cache::key::Key;
use sedge_cache::memory::{Memory, MemoryOptions, OVERHEAD_BYTES};
use std::sync::Arc;
use traces::{Request, Trace};

/// A policy that is asked for an object, and takes it if it has not got it.
trait Policy {
    fn name(&self) -> &'static str;

    /// Whether the object was there.
    fn request(&mut self, request: Request) -> bool;
}

/// The tier that is shipped.
struct Shipped {
    name: &'static str,
    memory: Memory<()>,
}

impl Shipped {
    fn new(name: &'static str, bytes_max: u64, shards: usize) -> Self {
        let options = MemoryOptions { bytes_max, object_share: 2, shards: Some(shards) };
        Shipped { name, memory: Memory::new(&options) }
    }
}

impl Policy for Shipped {
    fn name(&self) -> &'static str {
        self.name
    }

    fn request(&mut self, Request { id, bytes }: Request) -> bool {
        let key = Key::of([id.to_le_bytes().as_slice()]);
        let is_hit = self.memory.get(&key).is_some();
        if !is_hit {
            // The others do not count an overhead; neither does this one here.
            let inserted = self.memory.insert(key, Arc::new(()), bytes - OVERHEAD_BYTES);
            drop(inserted);
        }
        is_hit
    }
}

fn policies(bytes_max: u64) -> Vec<Box<dyn Policy>> {
    vec![
        Box::new(recency::Lru::new(bytes_max)),
        Box::new(recency::S3Fifo::new(bytes_max)),
        Box::new(frequency::TinyLfu::new(bytes_max)),
        Box::new(Shipped::new("shipped", bytes_max, 1)),
        Box::new(Shipped::new("shipped, 8 shards", bytes_max, 8)),
    ]
}

fn main() {
    let requests = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(2_000_000);
    println!("{:<22}{:<20}{:>12}{:>12}", "trace", "policy", "objects %", "bytes %");
    for trace in traces::all(requests) {
        run(&trace);
    }
}

fn run(trace: &Trace) {
    for mut policy in policies(trace.cache_bytes()) {
        let (mut hits, mut hit_bytes, mut requests, mut bytes) = (0_u64, 0, 0_u64, 0);
        // The first tenth fills the cache.
        let cold = trace.requests.len() / 10;
        for (i, &request) in trace.requests.iter().enumerate() {
            let is_hit = policy.request(request);
            if i >= cold {
                requests += 1;
                bytes += request.bytes;
                hits += u64::from(is_hit);
                hit_bytes += if is_hit { request.bytes } else { 0 };
            }
        }
        let share = |part: u64, whole: u64| 100.0 * part as f64 / whole as f64;
        let (objects, bytes) = (share(hits, requests), share(hit_bytes, bytes));
        println!("{:<22}{:<20}{objects:>12.2}{bytes:>12.2}", trace.name, policy.name());
    }
}
