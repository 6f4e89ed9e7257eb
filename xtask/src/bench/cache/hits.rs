//! How many requests a cache answers from what it has stored, on one core.
//!
//! First every object is fetched; then the origin is gone, so that a request which the
//! cache has to pass on fails, and the run with it.

use super::super::arguments::Arguments;
use super::super::median;
use super::super::report::{Report, figure, table};
use super::super::subjects::free_address;
use super::folder;
use super::player::{Play, write_objects};
use super::servers::{Cache, Server};
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::path::PathBuf;

/// Name, bytes of a body, and objects that are asked for in turn.
pub(super) const CASES: [(&str, usize, usize); 2] =
    [("1 kB", 1_000, 500), ("100 kB", 100_000, 100)];

/// Connections, each with one request at a time.
const CONNECTIONS: usize = 16;
/// Room for all objects, bytes.
const BYTES_MAX: u64 = 256 << 20;

/// Answers per second of one cache in one case.
#[derive(Debug)]
pub(super) struct Figures {
    pub name: &'static str,
    pub case: &'static str,
    pub per_s: f64,
}

/// What the rounds saw of one cache in one case.
struct Measured<'a> {
    cache: &'a Cache,
    case: &'static str,
    bytes: usize,
    trace: PathBuf,
    objects: usize,
    per_s: Vec<f64>,
    cpu_us: Vec<f64>,
    p50_ms: Vec<f64>,
    p99_ms: Vec<f64>,
    generator_busy: Vec<f64>,
}

/// Measures all caches in turn, round after round.
pub(super) fn measure(
    workspace: &Workspace,
    arguments: &Arguments,
    caches: &[Cache],
    report: &mut Report,
) -> Result<Vec<Figures>> {
    let mut all = Vec::new();
    for (case, bytes, objects) in CASES {
        let trace = write_objects(&folder(workspace), &format!("hits-{bytes}"), bytes, 0, objects)?;
        all.extend(caches.iter().map(|cache| {
            let [per_s, cpu_us, p50_ms, p99_ms, generator_busy] = Default::default();
            let trace = trace.clone();
            Measured {
                cache,
                case,
                bytes,
                trace,
                objects,
                per_s,
                cpu_us,
                p50_ms,
                p99_ms,
                generator_busy,
            }
        }));
    }
    for round in 1..=arguments.rounds {
        eprintln!("round {round} of {}: hits", arguments.rounds);
        for one in &mut all {
            one.run(workspace, arguments.seconds)
                .with_context(|| format!("measuring {}, {}", one.cache.name, one.case))?;
        }
    }
    print(&all, report);
    Ok(all
        .iter()
        .map(|one| Figures { name: one.cache.name, case: one.case, per_s: median(&one.per_s) })
        .collect())
}

impl Measured<'_> {
    fn run(&mut self, workspace: &Workspace, seconds: u64) -> Result<()> {
        let origin = free_address()?;
        let server = self.cache.start(workspace, origin, BYTES_MAX)?;
        let fill = Play {
            trace: &self.trace,
            seconds: None,
            connections: CONNECTIONS,
            cold: 0,
            origin: Some(origin),
        };
        let filled = fill.run(workspace, server.address)?;
        if filled.served != self.objects as f64 {
            bail!("the origin was asked {} times for {} objects", filled.served, self.objects);
        }
        let hits = |seconds| Play { seconds: Some(seconds), origin: None, ..fill };
        hits(1).run(workspace, server.address).context("some objects were not stored")?;
        let before = server.cpu_seconds();
        let run = hits(seconds).run(workspace, server.address)?;
        self.note(&server, before, run);
        Ok(())
    }

    fn note(&mut self, server: &Server, cpu_before: f64, run: super::player::Run) {
        self.cpu_us.push((server.cpu_seconds() - cpu_before) * 1e6 / run.answered);
        self.per_s.push(run.per_s);
        self.p50_ms.push(run.p50_ms);
        self.p99_ms.push(run.p99_ms);
        self.generator_busy.push(run.generator_busy * 100.0);
    }
}

fn print(all: &[Measured<'_>], report: &mut Report) {
    let mut rows = Vec::new();
    for one in all {
        let mut row = vec![one.cache.name.to_owned(), one.case.to_owned()];
        let per_s = median(&one.per_s);
        let (case, megabytes) =
            (format!("hits of {}, one core", one.case), per_s * one.bytes as f64 / 1e6);
        for (metric, value, unit) in [
            ("requests", per_s, "1/s"),
            ("content", megabytes, "MB/s"),
            ("cpu", median(&one.cpu_us), "µs"),
            ("p50", median(&one.p50_ms), "ms"),
            ("p99", median(&one.p99_ms), "ms"),
            ("generator busy", median(&one.generator_busy), "%"),
        ] {
            report.row(one.cache.name, &case, metric, value, unit);
            row.push(figure(value));
        }
        rows.push(row);
    }
    let heading = [
        "hits, one core",
        "body",
        "req/s",
        "MB/s",
        "CPU µs",
        "p50 ms",
        "p99 ms",
        "generator busy %",
    ];
    println!("\n{}", table(&heading, &rows));
}
