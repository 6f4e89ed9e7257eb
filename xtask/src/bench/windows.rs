//! `cargo xtask bench windows`: events a second through the window operator of the kit, beside a
//! plain map of sums, in one thread on one core, with 10,000 keys. Each round measures all of
//! them in one process; medians.

use super::arguments::Arguments;
use super::report::{Bar, Report, figure, table, thousands};
use super::{SERVER_CORE, median};
use crate::shell;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::ffi::OsString;

/// Events for each second that a round may take.
const EVENTS_PER_SECOND: u64 = 1_000_000;
/// What the promise is about.
const PROMISED: &str = "tumbling mean";
const PLAIN: &str = "plain map, tumbling mean";

/// Nanoseconds of an event, one of each round, and bytes of a key.
type Times = BTreeMap<String, (Vec<f64>, f64)>;

/// Builds, measures, prints, writes.
pub(super) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let mut build = shell::cargo(workspace);
    build.args(["build", "--release", "-p", "sedge-kit", "--example", "windows"]);
    if !arguments.no_build {
        shell::run(&mut build).context("building the example")?;
    }
    let program = workspace.target.join("release/examples/windows");
    let events = (arguments.seconds * EVENTS_PER_SECOND).to_string();
    let words: [OsString; 2] = [program.into(), events.into()];
    let mut times = Times::new();
    for round in 1..=arguments.rounds {
        eprintln!("round {round} of {}", arguments.rounds);
        let said = shell::output(&mut super::subjects::pinned(&words))?;
        read(&said, &mut times)?;
    }
    eprintln!("measured on core {SERVER_CORE}");
    finish(workspace, arguments, &times)
}

/// Reads lines of name, nanoseconds, results, bytes.
fn read(said: &str, times: &mut Times) -> Result<()> {
    for line in said.lines() {
        let columns: Vec<&str> = line.split('\t').collect();
        let [name, ns, _, bytes] = columns[..] else { bail!("reading `{line}`") };
        let number = |text: &str| -> Result<f64> {
            text.parse().with_context(|| format!("reading `{line}`"))
        };
        let of_name = times.entry(name.to_owned()).or_default();
        of_name.0.push(number(ns)?);
        of_name.1 = number(bytes)?;
    }
    Ok(())
}

fn finish(workspace: &Workspace, arguments: &Arguments, times: &Times) -> Result<()> {
    let mut report = Report::new("windows");
    let rate = |name: &str| times.get(name).map(|(ns, _)| 1e9 / median(ns));
    let mut rows = Vec::new();
    for (name, (ns, bytes)) in times {
        let per_second = 1e9 / median(ns);
        report.row(name, "10,000 keys", "throughput", per_second, "events/s");
        report.row(name, "10,000 keys", "room", *bytes, "bytes per key");
        let cells =
            [name.clone(), thousands(per_second as i64), figure(median(ns)), figure(*bytes)];
        rows.push(cells.to_vec());
    }
    println!("\n{}", table(&["one core", "events/s", "ns", "bytes per key"], &rows));
    let promise = "events a second of a keyed tumbling mean, 10,000 keys, one core";
    report.bar(Bar::at_least(promise, 1e6, "", rate(PROMISED)));
    if let Some((ours, plain)) = rate(PROMISED).zip(rate(PLAIN)) {
        println!("the plain map takes {} times as many", figure(plain / ours));
    }
    report.finish(workspace, arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_read_and_what_is_none_is_an_error() {
        let mut times = Times::new();
        read("a\t2.5\t9\t100\nb\t1\t0\t0\n", &mut times).unwrap();
        read("a\t3.5\t9\t101\n", &mut times).unwrap();
        assert_eq!(times["a"], (vec![2.5, 3.5], 101.0));
        for bad in ["a", "a\t1\t2", "a\tmany\t1\t2", "a\t1\t2\t3\t4"] {
            assert!(read(bad, &mut times).is_err(), "{bad}");
        }
    }
}
