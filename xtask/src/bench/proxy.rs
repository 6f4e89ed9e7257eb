//! `cargo xtask bench proxy`: what a proxy costs on one core, beside others.
//!
//! Connections are kept on both sides, answers have 1 kB. The server behind the
//! proxies is in the generator (`benches/src/origin.rs`), because there are only
//! two cores: one for the proxy, one for the rest.

use super::arguments::Arguments;
use super::proxies::{self, Behind, ENVOY, NGINX, SEDGE};
use super::report::{Bar, Report, figure, table};
use super::subjects::{Start, Subject, free_address};
use super::{closed_loop, http, median, open_loop};
use crate::workspace::Workspace;
use anyhow::{Context, Result};

/// Bytes of each answer's body.
const BODY_BYTES: usize = 1_000;
/// Of the slowest proxy's highest load, what all are asked at to compare latencies.
const SHARE: f64 = 0.5;

/// One proxy, with what each round saw of it.
struct Measured {
    name: &'static str,
    start: Start,
    per_s: Vec<f64>,
    p99_full_ms: Vec<f64>,
    cpu_us: Vec<f64>,
    rss_mb: Vec<f64>,
    p50_ms: Vec<f64>,
    p99_ms: Vec<f64>,
}

/// Builds, measures, prints, writes.
pub(super) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    http::prepare(workspace, arguments)?;
    let behind = Behind { origin: free_address()?, body_bytes: BODY_BYTES };
    let mut report = Report::new("proxy");
    let (mut all, mut absent) = (Vec::new(), Vec::new());
    for Subject { name, start } in proxies::all(workspace, behind.origin)? {
        match start {
            Ok(start) if arguments.wants(name) => all.push(Measured::new(name, start)),
            Ok(_) => {}
            Err(why) => absent.push((name, why)),
        }
    }
    for round in 1..=arguments.rounds {
        eprintln!("round {round} of {}: as many requests as go", arguments.rounds);
        for one in &mut all {
            one.fill(workspace, arguments, &behind)
                .with_context(|| format!("measuring {}", one.name))?;
        }
    }
    let slowest = all.iter().map(|one| median(&one.per_s)).fold(f64::INFINITY, f64::min);
    let rate = (slowest * SHARE).round();
    for round in 1..=arguments.rounds {
        eprintln!("round {round} of {}: {rate} requests per second", arguments.rounds);
        for one in &mut all {
            one.pace(workspace, arguments, &behind, rate)
                .with_context(|| format!("measuring {}", one.name))?;
        }
    }
    print(&all, &absent, rate, &mut report);
    for (name, why) in &absent {
        report.absent(name, why);
    }
    for bar in bars(|name| {
        let one = all.iter().find(|one| one.name == name)?;
        Some((median(&one.per_s), median(&one.p99_ms)))
    }) {
        report.bar(bar);
    }
    report.finish(workspace, arguments)
}

impl Measured {
    fn new(name: &'static str, start: Start) -> Self {
        let [per_s, p99_full_ms, cpu_us, rss_mb, p50_ms, p99_ms] = Default::default();
        Measured { name, start, per_s, p99_full_ms, cpu_us, rss_mb, p50_ms, p99_ms }
    }

    /// As many requests as go, after a second to warm up.
    fn fill(
        &mut self,
        workspace: &Workspace,
        arguments: &Arguments,
        behind: &Behind,
    ) -> Result<()> {
        let server = self.start.start()?;
        closed_loop::run_proxied(workspace, server.address(), behind, 1)?;
        let before = server.cpu_seconds();
        let run = closed_loop::run_proxied(workspace, server.address(), behind, arguments.seconds)?;
        self.cpu_us.push((server.cpu_seconds() - before) * 1e6 / run.answered);
        self.per_s.push(run.requests_per_s);
        self.p99_full_ms.push(run.p99_ms);
        self.rss_mb.push(server.rss_mb());
        Ok(())
    }

    /// A fixed rate, the same for all.
    fn pace(
        &mut self,
        workspace: &Workspace,
        arguments: &Arguments,
        behind: &Behind,
        rate: f64,
    ) -> Result<()> {
        let server = self.start.start()?;
        closed_loop::run_proxied(workspace, server.address(), behind, 1)?;
        let run =
            open_loop::run_proxied(workspace, server.address(), behind, rate, arguments.seconds)?;
        self.p50_ms.push(run.p50_ms);
        self.p99_ms.push(run.p99_ms);
        Ok(())
    }
}

fn print(all: &[Measured], absent: &[(&str, String)], rate: f64, report: &mut Report) {
    let mut rows = Vec::new();
    for one in all {
        let mut row = vec![one.name.to_owned()];
        for (metric, values, unit) in [
            ("requests", &one.per_s, "1/s"),
            ("p99 at full load", &one.p99_full_ms, "ms"),
            ("cpu", &one.cpu_us, "µs"),
            ("rss", &one.rss_mb, "MB"),
            ("p50", &one.p50_ms, "ms"),
            ("p99", &one.p99_ms, "ms"),
        ] {
            report.row(one.name, "one core, 1 kB", metric, median(values), unit);
            row.push(figure(median(values)));
        }
        rows.push(row);
    }
    let paced = format!("at {}/s: p50 ms", figure(rate));
    let heading = ["proxy, one core", "req/s", "p99 ms", "CPU µs", "RSS MB", &paced, "p99 ms"];
    println!("\n{}", table(&heading, &rows));
    for (name, why) in absent {
        println!("{name}: absent ({why})");
    }
}

/// The promises; `of` gives requests per second and the p99 at the same rate.
fn bars(of: impl Fn(&str) -> Option<(f64, f64)>) -> Vec<Bar> {
    let per_s = |name| Some(of(name)?.0);
    let p99 = |name| Some(of(name)?.1);
    let ratio = |one: Option<f64>, other: Option<f64>| Some(one? / other?);
    vec![
        Bar::at_least("requests, of Envoy's", 2.0, "×", ratio(per_s(SEDGE), per_s(ENVOY))),
        Bar::at_most("p99 at the same rate, of nginx's", 1.5, "×", ratio(p99(SEDGE), p99(NGINX))),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_about_an_absent_proxy_is_missed_but_named() {
        let bars = bars(|name| (name == SEDGE).then_some((1.0, 1.0)));
        assert_eq!(bars.len(), 2);
        assert!(bars.iter().all(|bar| !bar.holds && bar.got == "not measured"));
    }

    #[test]
    fn requests_are_compared_with_envoy_and_latency_with_nginx() {
        let bars = bars(|name| match name {
            SEDGE => Some((201.0, 1.6)),
            ENVOY => Some((100.0, 9.0)),
            NGINX => Some((300.0, 1.0)),
            _ => None,
        });
        assert_eq!(bars.iter().map(|bar| bar.holds).collect::<Vec<_>>(), [true, false]);
    }
}
