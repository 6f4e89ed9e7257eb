//! The conformance cases of GrowthBook's SDKs against the evaluator in `kit`.
//!
//! The cases are given, never kept here: a file that other vendors' libraries have to pass,
//! too. Each group of them goes through the public functions of `sedge_kit::experiments`.

mod groups;

use super::options::Options;
use crate::bench::{Bar, Report, table};
use crate::json;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use groups::{GROUPS, Verdict};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// Which version of the specification the cases must be of.
const SPEC_VERSION: &str = "0.7.";

/// What became of a group's cases.
struct Outcome {
    group: &'static str,
    passed: usize,
    failed: Vec<Verdict>,
}

/// Runs all groups, prints each failure, and writes `target/results/growthbook.json`.
pub(super) fn run(workspace: &Workspace, words: &[String]) -> Result<()> {
    let options = Options::read(words, &["--cases FILE"])?;
    let cases = read(&path(workspace, options.value("--cases"))?)?;
    let outcomes = outcomes(&cases)?;
    let mut report = Report::of_eval("growthbook");
    let mut rows = Vec::new();
    let (mut passed, mut failed) = (0, 0);
    for outcome in &outcomes {
        let total = outcome.passed + outcome.failed.len();
        rows.push(vec![outcome.group.to_owned(), format!("{} of {total}", outcome.passed)]);
        report.row("Sedge", outcome.group, "passed", outcome.passed as f64, "cases");
        report.row("Sedge", outcome.group, "failed", outcome.failed.len() as f64, "cases");
        passed += outcome.passed;
        failed += outcome.failed.len();
        for Verdict { name, expected, got } in &outcome.failed {
            println!("{}: {name}\n  expected {expected}\n  got      {got}", outcome.group);
        }
    }
    rows.push(vec!["all".to_owned(), format!("{passed} of {}", passed + failed)]);
    println!("\n{}", table(&["group", "passed"], &rows));
    report.bar(Bar::at_most("failures of GrowthBook's cases", 0.0, "", Some(failed as f64)));
    report.finish_part(workspace, false)?;
    if failed > 0 {
        bail!("{failed} of {} cases failed", passed + failed);
    }
    Ok(())
}

/// Where the cases are.
fn path(workspace: &Workspace, given: Option<&str>) -> Result<PathBuf> {
    let default = || workspace.root.join("../shared/data/growthbook/cases.json");
    let path = given.map_or_else(default, PathBuf::from);
    if !path.is_file() {
        bail!(
            "the cases are not in {}\n\
             hint: --cases FILE, packages/sdk-js/test/cases.json of \
             https://github.com/growthbook/growthbook",
            path.display()
        );
    }
    Ok(path)
}

fn read(path: &Path) -> Result<Value> {
    let text = fs::read_to_string(path).context("reading the cases")?;
    let cases: Value = serde_json::from_str(&text).context("reading the cases")?;
    let version = cases["specVersion"].as_str().unwrap_or("none");
    println!("{} of specification {version}", path.display());
    if !version.starts_with(SPEC_VERSION) {
        bail!("the cases are of specification {version}, not {SPEC_VERSION}x");
    }
    Ok(cases)
}

/// What became of all cases. A group that is missing, or that nobody here knows, is an error.
fn outcomes(cases: &Value) -> Result<Vec<Outcome>> {
    let groups = cases.as_object().context("reading the cases: they are not an object")?;
    let is_known = |name: &str| GROUPS.iter().any(|(known, _)| *known == name);
    if let Some(name) = groups.keys().find(|name| *name != "specVersion" && !is_known(name)) {
        bail!("there is a group of cases `{name}`, which is not known here");
    }
    let mut outcomes = Vec::new();
    for (group, judge) in GROUPS {
        let cases = json::list(cases, group)?;
        let mut outcome = Outcome { group, passed: 0, failed: Vec::new() };
        for case in cases {
            let case = case.as_array().with_context(|| format!("a case of `{group}`: no list"))?;
            let told = || format!("a case of `{group}`: {}", Value::from(case.clone()));
            let verdict = judge(case).with_context(told)?;
            match groups::is_same(&verdict.expected, &verdict.got) {
                true => outcome.passed += 1,
                false => outcome.failed.push(verdict),
            }
        }
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

#[cfg(test)]
mod tests;
