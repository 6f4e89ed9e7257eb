//! `cargo xtask bench primitives`: each primitive of `kit/src/primitives.rs` beside the plain
//! loop that does the same, in WebAssembly (in Node.js) and on this machine. The two are
//! measured in turn, in rounds of a process each; medians.

use super::arguments::Arguments;
use super::report::{Bar, Report, figure, table};
use super::{SERVER_CORE, median};
use crate::workspace::Workspace;
use crate::{build, install, json, shell};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

/// What is worked on: fits into a second-level cache.
const BYTES: &str = "65536";

/// Bars: who, what, and how many times as fast as the plain loop it is at least.
const BARS: [(&str, &str, f64); 8] = [
    (WASM, "crc32", 2.0),
    (WASM, "sum", 3.0),
    (WASM, "filter", 4.0),
    (WASM, "keep above", 1.5),
    (WASM, "maximum", 2.0),
    (WASM, "clamp", 2.0),
    (WASM, "reverse text", 1.2),
    (NATIVE, "crc32", 2.0),
];

const WASM: &str = "wasm in node";
const NATIVE: &str = "native";

/// Nanoseconds of a call: of the primitive and of the plain loop, one of each round.
type Times = BTreeMap<(&'static str, String), (Vec<f64>, Vec<f64>)>;

/// Builds, measures, prints, writes.
pub(super) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let node = install::node()?;
    install::wasm_targets()?;
    let module = built(workspace, &["--target", build::CORE, "--lib"])?;
    let program = built(workspace, &["--example", "measure"])?;
    let script = workspace.root.join("functions/portable/bench/primitives.js");
    let milliseconds = (arguments.seconds * 50).to_string();
    let subjects: [(&'static str, Vec<OsString>); 2] =
        [(WASM, vec![node.into(), script.into(), module.into()]), (NATIVE, vec![program.into()])];
    let mut times = Times::new();
    for round in 1..=arguments.rounds {
        eprintln!("round {round} of {}", arguments.rounds);
        for (subject, words) in &subjects {
            let mut command = super::subjects::pinned(words);
            let said = shell::output(command.args([BYTES, &milliseconds]))?;
            read(subject, &said, &mut times)?;
        }
    }
    eprintln!("measured on core {SERVER_CORE}");
    finish(workspace, arguments, &times)
}

/// Builds the module or the program with the plain loops, and says where it lies.
fn built(workspace: &Workspace, what: &[&str]) -> Result<PathBuf> {
    let mut command = shell::cargo(workspace);
    command
        .current_dir(workspace.root.join("functions"))
        .args(["build", "--release", "--locked", "-p", "primitives-core"])
        .args(["--features", "naive", "--message-format=json-render-diagnostics"])
        .args(what);
    let messages = shell::output(&mut command).context("building the primitives")?;
    let mut last = None;
    for message in messages.lines() {
        let message: Value = serde_json::from_str(message).context("reading cargo's messages")?;
        let name = message["target"]["name"].as_str().unwrap_or_default();
        if message["reason"] == "compiler-artifact"
            && (name == "measure" || name == "primitives_core")
        {
            let files = json::list(&message, "filenames")?;
            let is_program = |file: &&str| file.ends_with(".wasm") || file.ends_with("/measure");
            let file = files.iter().filter_map(Value::as_str).find(is_program);
            last = file.map(PathBuf::from).or(last);
        }
    }
    last.context("finding what was built of the primitives")
}

/// Reads lines of name, nanoseconds of the primitive, nanoseconds of the plain loop.
fn read(subject: &'static str, said: &str, times: &mut Times) -> Result<()> {
    for line in said.lines() {
        let columns: Vec<&str> = line.split('\t').collect();
        let [name, fast, plain] = columns[..] else { bail!("reading `{line}` of {subject}") };
        let of_case = times.entry((subject, name.to_owned())).or_default();
        of_case.0.push(fast.parse().with_context(|| format!("reading `{line}`"))?);
        of_case.1.push(plain.parse().with_context(|| format!("reading `{line}`"))?);
    }
    Ok(())
}

fn finish(workspace: &Workspace, arguments: &Arguments, times: &Times) -> Result<()> {
    let mut report = Report::new("primitives");
    let bytes: f64 = BYTES.parse().context("reading a length")?;
    let mut rows = Vec::new();
    for ((subject, name), (fast, plain)) in times {
        // Of each round by itself, so that what slows a whole round down does not count.
        let ratios: Vec<f64> = plain.iter().zip(fast).map(|(plain, fast)| plain / fast).collect();
        let [fast, plain] = [fast, plain].map(|of| bytes * 1e3 / median(of));
        let ratio = median(&ratios);
        report.row(subject, name, "primitive", fast, "MB/s");
        report.row(subject, name, "plain loop", plain, "MB/s");
        report.row(subject, name, "ratio", ratio, "");
        rows.push(vec![format!("{name}, {subject}"), figure(plain), figure(fast), figure(ratio)]);
    }
    println!(
        "\n{}",
        table(&["64 KiB, one core", "plain loop MB/s", "primitive MB/s", "ratio"], &rows)
    );
    for (subject, name, want) in BARS {
        let of_case = times.get(&(subject, name.to_owned()));
        let ratio = of_case.map(|(fast, plain)| {
            median(&plain.iter().zip(fast).map(|(plain, fast)| plain / fast).collect::<Vec<f64>>())
        });
        report.bar(Bar::at_least(
            &format!("{name} against the plain loop, {subject}"),
            want,
            "×",
            ratio,
        ));
    }
    report.finish(workspace, arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_measurement_is_an_error() {
        for said in ["crc32", "crc32\t1", "crc32\t1\tmany", "crc32\t1\t2\t3"] {
            assert!(read(WASM, said, &mut Times::new()).is_err(), "{said}");
        }
    }

    #[test]
    fn rounds_are_kept_apart() {
        let mut times = Times::new();
        for said in ["sum\t1\t4\nclamp\t2\t3\n", "sum\t2\t6\n"] {
            read(WASM, said, &mut times).expect("measured");
        }
        let of_sum = &times[&(WASM, "sum".to_owned())];
        assert_eq!(*of_sum, (vec![1.0, 2.0], vec![4.0, 6.0]));
    }
}
