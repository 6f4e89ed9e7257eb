//! The same Istio files and the same traffic through Sedge and Envoy.
//!
//! The comparison itself is `tests/src/envoy.rs`, of which `cargo xtask test` runs a
//! few cases; here it runs at length.

use crate::bench::{Bar, Report};
use crate::shell::{self, cargo};
use crate::workspace::Workspace;
use crate::{build, install};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fs;
use std::process::Command;

/// Random cases beside those that are written by hand.
const CASES: u64 = 500;

/// What the evaluation may be told.
#[derive(Debug, PartialEq, Eq)]
struct Arguments {
    cases: u64,
    seed: u64,
    only: Option<String>,
}

impl Arguments {
    fn parse(words: &[String]) -> Result<Self> {
        let mut arguments = Arguments { cases: CASES, seed: 1, only: None };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let value = words.next().with_context(|| format!("reading `{word}`: it needs a value"));
            let number = |value: &String| {
                value.parse::<u64>().with_context(|| format!("reading `{word} {value}`"))
            };
            match word.as_str() {
                "--cases" => arguments.cases = number(value?)?,
                "--seed" => arguments.seed = number(value?)?,
                "--only" => arguments.only = Some(value?.clone()),
                unknown => {
                    bail!("there is no option `{unknown}`\nhint: --cases N, --seed S, --only NAME")
                }
            }
        }
        Ok(arguments)
    }
}

/// Builds what is needed, runs the cases, and writes `target/results/envoy.json`.
pub(super) fn run(workspace: &Workspace, words: &[String]) -> Result<()> {
    let arguments = Arguments::parse(words)?;
    let envoy = install::envoy(workspace)?;
    let node = build::node(workspace)?;
    let bin = ["build", "--release", "--locked", "-p", "sedge-tests", "--bin", "envoy-eval"];
    shell::run(cargo(workspace).args(bin)).context("building the comparison")?;
    let folder = workspace.target.join("eval");
    fs::create_dir_all(&folder).context("making the folder of the evaluation")?;
    let figures = folder.join("envoy.json");
    let _ = fs::remove_file(&figures);
    let mut command = Command::new(workspace.release_binary("envoy-eval"));
    command.args(["--cases", &arguments.cases.to_string(), "--seed", &arguments.seed.to_string()]);
    command.arg("--figures").arg(&figures);
    if let Some(only) = &arguments.only {
        command.args(["--only", only]);
    }
    command.env("SEDGE_BIN", node).env("SEDGE_ENVOY", envoy);
    let status = command.status().context("running the comparison")?;
    let text = fs::read_to_string(&figures)
        .with_context(|| format!("reading the comparison's figures (it ended with {status})"))?;
    let figures: Value = serde_json::from_str(&text).context("reading the comparison's figures")?;
    report(workspace, &figures, arguments.only.is_some())?;
    match figures["differ"].as_u64() {
        Some(0) => Ok(()),
        differ => bail!("{} cases differ", differ.unwrap_or(u64::MAX)),
    }
}

fn report(workspace: &Workspace, figures: &Value, is_part: bool) -> Result<()> {
    let mut report = Report::of_eval("envoy");
    for (metric, unit) in [("cases", "cases"), ("requests", "requests"), ("differ", "cases")] {
        let value = figures[metric].as_f64().unwrap_or(f64::NAN);
        report.row("sedge", "beside envoy", metric, value, unit);
    }
    for (name, count) in figures["documented"].as_object().into_iter().flatten() {
        let count = count.as_f64().unwrap_or(f64::NAN);
        report.row("sedge", name, "cases with this documented difference", count, "cases");
    }
    let (differ, cases) = (figures["differ"].as_f64(), figures["cases"].as_f64());
    let bar = "cases that differ from Envoy where the docs do not say so";
    report.bar(Bar::at_most(bar, 0.0, "", differ));
    report.bar(Bar::at_least("configurations compared with Envoy", 500.0, "", cases));
    report.finish_part(workspace, is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Result<Arguments> {
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        Arguments::parse(&words)
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for bad in ["--fast", "--cases", "--cases many", "envoy", "--seed -1"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn has_defaults_and_takes_options() {
        let all = Arguments { cases: CASES, seed: 1, only: None };
        assert_eq!(parse("").expect("valid"), all);
        let some = parse("--cases 20 --seed 7 --only cors").expect("valid");
        assert_eq!(some, Arguments { cases: 20, seed: 7, only: Some("cors".to_owned()) });
    }
}
