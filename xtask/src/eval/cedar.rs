//! Cedar's own integration tests against the policies of `functions/guard`.
//!
//! The cases are given, never kept here. They run in a program of the functions' workspace,
//! because Cedar is a dependency of that function only.

use super::options::Options;
use crate::bench::{Bar, Report, table};
use crate::shell::{self, cargo};
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs all cases, prints each failure, and writes `target/results/cedar.json`.
pub(super) fn run(workspace: &Workspace, words: &[String]) -> Result<()> {
    let options = Options::read(words, &["--tests DIR"])?;
    let folder = folder(workspace, options.value("--tests"))?;
    let mut command = cargo(workspace);
    command
        .args(["run", "--quiet", "--locked", "-p", "guard", "--example", "cedar_cases", "--"])
        .arg(&folder)
        .current_dir(workspace.root.join("functions"));
    let told = shell::output(&mut command).context("running Cedar's cases")?;
    let (failures, last) = told.trim_end().rsplit_once('\n').unwrap_or(("", told.trim_end()));
    println!("{failures}");
    let counts: Value = serde_json::from_str(last).context("reading what became of the cases")?;
    let mut report = Report::of_eval("cedar");
    let mut rows = Vec::new();
    let (mut passed, mut failed, mut judged) = (0, 0, 0);
    for (kind, count) in counts.as_object().context("reading what became of the cases")? {
        let number = |name: &str| count[name].as_u64().with_context(|| format!("{kind}: {name}"));
        let (good, bad) = (number("passed")?, number("failed")?);
        rows.push(vec![kind.clone(), format!("{good} of {}", good + bad)]);
        report.row("Sedge", kind, "passed", good as f64, "cases");
        report.row("Sedge", kind, "failed", bad as f64, "cases");
        // What is valid has changed since the cases were made (by Cedar 4.10): 4.14 accepts 35
        // policies whose scope can hold for nobody. What is decided has not.
        match kind.ends_with(": validations") {
            true => judged += bad,
            false => (passed, failed) = (passed + good, failed + bad),
        }
    }
    println!("\n{}", table(&["kind", "passed"], &rows));
    report.bar(Bar::at_most("wrong decisions in Cedar's cases", 0.0, "", Some(failed as f64)));
    report.bar(Bar::at_most("other validations than Cedar 4.10's", 35.0, "", Some(judged as f64)));
    report.finish_part(workspace, false)?;
    if failed > 0 || passed == 0 {
        bail!("{failed} of {} cases failed", passed + failed);
    }
    Ok(())
}

/// Where the cases are, with the generated ones unpacked beside the others.
fn folder(workspace: &Workspace, given: Option<&str>) -> Result<PathBuf> {
    let default = || workspace.root.join("../shared/data/cedar-integration-tests");
    let folder = given.map_or_else(default, PathBuf::from);
    let folder = folder.canonicalize().unwrap_or(folder);
    if !folder.join("tests").is_dir() {
        bail!(
            "the cases are not in {}\n\
             hint: --tests DIR, a checkout of \
             https://github.com/cedar-policy/cedar-integration-tests",
            folder.display()
        );
    }
    let packed = folder.join("corpus-tests.tar.gz");
    if packed.is_file() && !folder.join("corpus-tests").is_dir() {
        unpack(&packed, &folder)?;
    }
    Ok(folder)
}

fn unpack(packed: &Path, folder: &Path) -> Result<()> {
    let mut command = Command::new("tar");
    command.arg("xzf").arg(packed).arg("-C").arg(folder);
    shell::run(&mut command).with_context(|| format!("unpacking {}", packed.display()))
}
