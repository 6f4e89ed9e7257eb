//! The same Istio files and the same traffic through Sedge and Envoy.
//!
//! The comparison itself is `tests/src/envoy.rs`, of which `cargo xtask test` runs a
//! few cases; here it runs at length.

use super::options::Options;
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

/// Builds what is needed, runs the cases, and writes `target/results/envoy.json`.
pub(super) fn run(workspace: &Workspace, words: &[String]) -> Result<()> {
    let options = Options::read(words, &["--cases N", "--seed S", "--only NAME"])?;
    let cases = options.number("--cases", CASES, 0..=1_000_000)?;
    let seed = options.number("--seed", 1, 0..=u64::MAX)?;
    let only = options.value("--only");
    let envoy = install::envoy(workspace)?;
    let node = build::node(workspace)?;
    let bin = ["build", "--release", "--locked", "-p", "sedge-tests", "--bin", "envoy-eval"];
    shell::run(cargo(workspace).args(bin)).context("building the comparison")?;
    let folder = workspace.target.join("eval");
    fs::create_dir_all(&folder).context("making the folder of the evaluation")?;
    let figures = folder.join("envoy.json");
    let _ = fs::remove_file(&figures);
    let mut command = Command::new(workspace.release_binary("envoy-eval"));
    command.args(["--cases", &cases.to_string(), "--seed", &seed.to_string()]);
    command.arg("--figures").arg(&figures);
    if let Some(only) = only {
        command.args(["--only", only]);
    }
    command.env("SEDGE_BIN", node).env("SEDGE_ENVOY", envoy);
    let status = command.status().context("running the comparison")?;
    let text = fs::read_to_string(&figures)
        .with_context(|| format!("reading the comparison's figures (it ended with {status})"))?;
    let figures: Value = serde_json::from_str(&text).context("reading the comparison's figures")?;
    report(workspace, &figures, only.is_some())?;
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
