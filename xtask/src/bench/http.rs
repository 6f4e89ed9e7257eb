//! `cargo xtask bench http`: the table of figures.

use super::arguments::Arguments;
use super::many;
use super::report::{Bar, Report};
use super::subjects::{BASELINE, FRESH, REUSED, WASMTIME};
use super::throughput::{self, Figures};
use crate::dist::{self, Training};
use crate::install;
use crate::workspace::Workspace;
use anyhow::Result;

/// Builds, measures, prints, writes.
pub(super) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    prepare(workspace, arguments)?;
    let mut report = Report::new("http");
    let mut figures = Vec::new();
    let mut p99_at_half = None;
    if arguments.wants("throughput") {
        figures = throughput::measure(workspace, arguments, &mut report)?;
        for one in &figures {
            if one.name == FRESH || one.name == REUSED {
                let p99 = throughput::at_half_load(workspace, arguments, &mut report, one)?;
                // The promise is about the default kind of isolation.
                p99_at_half = if one.name == FRESH { Some(p99) } else { p99_at_half };
            }
        }
    }
    let many = match arguments.wants("many") {
        true => Some(many::measure(workspace, arguments, &mut report)?),
        false => None,
    };
    for bar in bars(&figures, p99_at_half, many.as_ref()) {
        report.bar(bar);
    }
    report.finish(workspace, arguments)
}

/// What both benches need.
pub(super) fn prepare(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    if !arguments.no_build {
        dist::build(workspace, Training::Kept)?;
    }
    install::program("taskset", "util-linux")?;
    if arguments.wrk {
        install::program("wrk", "wrk")?;
    }
    Ok(())
}

/// The promises, in the order.
fn bars(figures: &[Figures], p99_at_half: Option<f64>, many: Option<&many::Figures>) -> Vec<Bar> {
    let rate =
        |name: &str| figures.iter().find(|one| one.name == name).map(|one| one.requests_per_s);
    let ratio = |name: &str, of: &str| Some(rate(name)? / rate(of)?);
    vec![
        Bar::at_least("fresh instance, of hyper without wasm", 0.25, "", ratio(FRESH, BASELINE)),
        Bar::at_least("reused instance, of hyper without wasm", 0.45, "", ratio(REUSED, BASELINE)),
        Bar::at_least("fresh instance, of wasmtime serve", 3.0, "×", ratio(FRESH, WASMTIME)),
        Bar::below("p99 at half of the highest load", 1.0, " ms", p99_at_half),
        Bar::below("first request, compiled on disk", 2.0, " ms", many.map(|many| many.first_ms)),
        Bar::below("node at rest", 30.0, " MB", many.map(|many| many.rest_mb)),
        Bar::below("each further idle function", 100.0, " kB", many.map(|many| many.idle_kb)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_without_its_figures_is_missed_but_named() {
        let bars = bars(&[], None, None);
        assert_eq!(bars.len(), 7);
        assert!(bars.iter().all(|bar| !bar.holds && bar.got == "not measured"));
    }

    #[test]
    fn ratios_are_of_requests_per_second() {
        let one = |name, requests_per_s| Figures {
            name,
            requests_per_s,
            p50_ms: 0.0,
            p99_ms: 0.0,
            cpu_us: 0.0,
            rss_mb: 0.0,
        };
        let figures = [one(BASELINE, 100.0), one(FRESH, 26.0), one(REUSED, 44.0)];
        let holds: Vec<bool> =
            bars(&figures, Some(0.9), None).iter().map(|bar| bar.holds).collect();
        assert_eq!(holds, [true, false, false, true, false, false, false]);
    }
}
