//! How many requests of a trace a cache answers with room for 1 % of all objects.
//!
//! A miss is what the origin was asked for: the same for all caches, whatever they say of
//! themselves. Beside them stand two policies that are played in memory, with as many
//! bytes for bodies alone. The real ones store heads and pay for their bookkeeping, so the
//! policy that is to be reached is also played as if each object took what Sedge counts
//! for it: that compares what is kept, and not what a head takes.

use super::super::CLIENT_CORE;
use super::super::arguments::Arguments;
use super::super::median;
use super::super::report::{Report, table};
use super::super::subjects::free_address;
use super::folder;
use super::player::{Play, write_objects};
use super::servers::{Cache, SEDGE};
use crate::workspace::Workspace;
use crate::{http, json, shell};
use anyhow::{Context, Result};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

const OBJECTS: usize = 100_000;
const REQUESTS: usize = 500_000;
/// The first requests fill the cache, and do not count.
const COLD: usize = REQUESTS / 10;
/// Few, so that the order of requests hardly changes.
const CONNECTIONS: usize = 4;
/// More rounds tell no more: the trace is the same.
const ROUNDS_MAX: usize = 3;
const CASE: &str = "zipf 0.9 over 100,000 objects, room for 1 %";

/// The trace, and what the books say of it.
#[derive(Debug, PartialEq)]
struct Reference {
    /// 1 % of the bytes of all objects.
    bytes_max: f64,
    /// Hit ratios in percent.
    lru: f64,
    w_tiny_lfu: f64,
    /// … for objects that take what Sedge counts for them.
    w_tiny_lfu_beyond: f64,
}

/// By how many points of percent Sedge's hit ratio is above that of W-TinyLFU for objects
/// that take as much.
pub(super) fn measure(
    workspace: &Workspace,
    arguments: &Arguments,
    caches: &[Cache],
    report: &mut Report,
) -> Result<Option<f64>> {
    let trace = folder(workspace).join("zipf");
    let beyond = match caches.iter().find(|cache| cache.name == SEDGE) {
        Some(sedge) => beyond_body(workspace, sedge)?,
        None => 0,
    };
    let reference = Reference::make(workspace, &trace, beyond)?;
    let mut all: Vec<Measured> = caches.iter().map(|_| Measured::default()).collect();
    let rounds = arguments.rounds.min(ROUNDS_MAX);
    for round in 1..=rounds {
        eprintln!("round {round} of {rounds}: hit ratio");
        for (cache, measured) in caches.iter().zip(&mut all) {
            let origin = free_address()?;
            let server = cache.start(workspace, origin, reference.bytes_max as u64)?;
            let play = Play {
                trace: &trace,
                seconds: None,
                connections: CONNECTIONS,
                cold: COLD,
                origin: Some(origin),
            };
            let run = play
                .run(workspace, server.address)
                .with_context(|| format!("playing the trace through {}", cache.name))?;
            measured.ratios.push(percent_hit(run.answered, run.served - run.served_cold));
            measured.held.push(server.file_bytes() as f64 / reference.bytes_max);
        }
    }
    let mut rows = Vec::new();
    for (cache, measured) in caches.iter().zip(&all) {
        let (ratio, held) = (median(&measured.ratios), median(&measured.held));
        report.row(cache.name, CASE, "hit ratio", ratio, "%");
        let mut row = vec![cache.name.to_owned(), format!("{ratio:.2}"), "–".to_owned()];
        if held > 0.0 {
            report.row(cache.name, CASE, "files at the end, of what it may store", held, "×");
            row[2] = format!("{held:.1}×");
        }
        rows.push(row);
    }
    let counted = format!("W-TinyLFU, simulated, {beyond} B more for each object");
    for (name, ratio) in [
        ("LRU, simulated", reference.lru),
        ("W-TinyLFU, simulated", reference.w_tiny_lfu),
        (&*counted, reference.w_tiny_lfu_beyond),
    ] {
        report.row(name, CASE, "hit ratio", ratio, "%");
        rows.push(vec![name.to_owned(), format!("{ratio:.2}"), "–".to_owned()]);
    }
    println!("\n{}", table(&[CASE, "hits %", "files, of what it may"], &rows));
    let sedge = caches.iter().zip(&all).find(|(cache, _)| cache.name == SEDGE);
    Ok(sedge.map(|(_, measured)| median(&measured.ratios) - reference.w_tiny_lfu_beyond))
}

/// What Sedge counts for an object beyond its body, bytes.
fn beyond_body(workspace: &Workspace, sedge: &Cache) -> Result<u32> {
    const BODY_BYTES: usize = 1_000;
    const SAMPLE: usize = 1_000;
    let origin = free_address()?;
    let server = sedge.start(workspace, origin, 64 << 20)?;
    let trace = write_objects(&folder(workspace), "beyond", BODY_BYTES, 0, SAMPLE)?;
    Play { trace: &trace, seconds: None, connections: CONNECTIONS, cold: 0, origin: Some(origin) }
        .run(workspace, server.address)?;
    let admin = server.admin()?;
    let bytes = http::metric(admin, "sedge_cache_memory_bytes")?;
    let objects = http::metric(admin, "sedge_cache_memory_objects")?;
    Ok((bytes / objects - BODY_BYTES as f64).round().max(0.0) as u32)
}

/// What the rounds saw of one cache.
#[derive(Default)]
struct Measured {
    /// Percent of hits.
    ratios: Vec<f64>,
    /// Bytes of its files at the end, of those that it may have: who removes them now and
    /// then has more, and hits more.
    held: Vec<f64>,
}

/// Percent of the answers that count.
fn percent_hit(answered: f64, missed: f64) -> f64 {
    let counted = answered - COLD as f64;
    100.0 * (counted - missed) / counted
}

impl Reference {
    fn make(workspace: &Workspace, trace: &PathBuf, beyond: u32) -> Result<Self> {
        fs::create_dir_all(folder(workspace)).context("making the bench's folder")?;
        let mut command = Command::new("taskset");
        command.args(["--cpu-list", &CLIENT_CORE.to_string()]);
        command.arg(workspace.dist_binary("cache-trace")).arg(trace);
        command
            .args([OBJECTS, REQUESTS, COLD, 1, beyond as usize].map(|number| number.to_string()));
        Self::parse(&shell::output(&mut command)?)
    }

    fn parse(printed: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(printed).context("reading the made trace")?;
        let percent =
            |key| anyhow::Ok(100.0 * json::number(&value, key)? / (REQUESTS - COLD) as f64);
        Ok(Reference {
            bytes_max: json::number(&value, "bytes_max")?,
            lru: percent("lru")?,
            w_tiny_lfu: percent("w_tiny_lfu")?,
            w_tiny_lfu_beyond: percent("w_tiny_lfu_beyond")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_is_read_or_an_error() {
        for bad in [
            "",
            "{}",
            "{\"bytes_max\":1,\"lru\":2}",
            "{\"bytes_max\":1,\"lru\":2,\"w_tiny_lfu\":\"many\"}",
            "{\"bytes_max\":1,\"lru\":2,\"w_tiny_lfu\":3}",
        ] {
            assert!(Reference::parse(bad).is_err(), "{bad}");
        }
        let read = Reference::parse(
            "{\"bytes_max\":8000,\"lru\":45000,\"w_tiny_lfu\":225000,\"w_tiny_lfu_beyond\":180000}",
        );
        let expected =
            Reference { bytes_max: 8_000.0, lru: 10.0, w_tiny_lfu: 50.0, w_tiny_lfu_beyond: 40.0 };
        assert_eq!(read.expect("valid"), expected);
    }

    #[test]
    fn only_what_is_not_cold_counts() {
        assert_eq!(percent_hit(REQUESTS as f64, 0.0), 100.0);
        assert_eq!(percent_hit(REQUESTS as f64, (REQUESTS - COLD) as f64), 0.0);
        assert_eq!(percent_hit(REQUESTS as f64, (REQUESTS - COLD) as f64 / 4.0), 75.0);
    }
}
