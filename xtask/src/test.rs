//! `cargo xtask test`: every test there is, and one last line that says how
//! many passed.

mod portable;
mod tally;

use crate::shell::{self, Stages, cargo, on_path};
use crate::workspace::Workspace;
use crate::{build, install, tidy};
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use tally::Tally;

/// What one runner reported.
struct Report {
    runner: &'static str,
    tally: Tally,
}

/// Builds everything, runs every test, prints a summary and the verdict.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let stages = Stages::start();
    stages.begin("build the node");
    let node = build::node(workspace)?;
    stages.begin("build the functions");
    let guests = build::guests(workspace)?;
    let mut reports = Vec::new();
    stages.begin("host tests and scenarios against the node");
    reports.push(host(workspace, &node, &guests)?);
    stages.begin("the functions' own tests, natively");
    reports.push(functions(workspace)?);
    stages.begin("JavaScript hosts");
    reports.extend(javascript(workspace, &guests)?);
    reports.extend(portable::run(workspace, &guests)?);
    verdict(&stages, &reports)
}

/// Builds the core modules, and runs their checks in JavaScript hosts.
pub(crate) fn run_portable(workspace: &Workspace) -> Result<()> {
    let stages = Stages::start();
    stages.begin("build the core modules");
    let guests = build::core_modules(workspace)?;
    stages.begin("JavaScript hosts");
    verdict(&stages, &portable::run(workspace, &guests)?)
}

/// Unit and property tests of all host crates, and the black-box scenarios.
fn host(workspace: &Workspace, node: &Path, guests: &Path) -> Result<Report> {
    // The authority that scenarios get certificates from.
    install::program("pebble", "pebble")?;
    // The servers that stand behind the node.
    install::program("nginx", "nginx-light")?;
    install::program("apache2", "apache2-bin")?;
    // The proxy that scenarios compare the node with.
    let envoy = install::envoy(workspace)?;
    let websockets = install::websockets(workspace)?;
    // The clients of the MQTT front.
    install::program("mosquitto_pub", "mosquitto-clients")?;
    let paho = install::paho(workspace)?;
    let sparkplug = install::sparkplug(workspace)?;
    // The SDKs that ask for feature flags.
    let (ofrep_npm, ofrep_python) = install::ofrep(workspace)?;
    let mut command = cargo(workspace);
    command
        .args(["test", "--release", "--locked", "--workspace", "--no-fail-fast"])
        .env("SEDGE_BIN", node)
        .env("SEDGE_GUESTS", guests)
        .env("SEDGE_ENVOY", envoy)
        .env("SEDGE_WEBSOCKETS", websockets)
        .env("SEDGE_PAHO", paho)
        .env("SEDGE_SPARKPLUG", sparkplug)
        .env("SEDGE_OFREP_NPM", ofrep_npm)
        .env("SEDGE_OFREP_PYTHON", ofrep_python);
    cargo_tests("host", &mut command)
}

/// The guest packages that have tests, built for this machine. Without
/// optimization: the resizer alone, with its code for every kind of pixel and
/// processor, would take minutes to optimize, and overflows are checked.
fn functions(workspace: &Workspace) -> Result<Report> {
    let mut packages = BTreeSet::new();
    for file in tidy::tracked_files(workspace)? {
        let mut parts = file.split('/');
        if parts.next() == Some("functions")
            && let Some(package) = parts.next()
            && file.ends_with(".rs")
            && std::fs::read_to_string(workspace.root.join(&file))?.contains("#[test]")
        {
            packages.insert(package.to_owned());
        }
    }
    if packages.is_empty() {
        bail!("no package in functions/ has a test");
    }
    let mut sum = Tally::default();
    for group in groups(workspace, packages)? {
        let mut command = cargo(workspace);
        command
            .args(["test", "--locked", "--no-fail-fast"])
            .current_dir(workspace.root.join("functions"));
        for package in &group {
            command.args(["-p", package]);
        }
        sum.add(&cargo_tests("functions", &mut command)?.tally);
    }
    Ok(Report { runner: "functions", tally: sum })
}

/// What is tested in one run of cargo: all together, but for those that are built apart
/// (`build::guests`).
fn groups(workspace: &Workspace, packages: BTreeSet<String>) -> Result<Vec<Vec<String>>> {
    let (mut together, mut groups) = (Vec::new(), Vec::new());
    for package in packages {
        let manifest = workspace.root.join("functions").join(&package).join("Cargo.toml");
        let manifest = std::fs::read_to_string(&manifest)
            .with_context(|| format!("reading {}", manifest.display()))?;
        match manifest.lines().any(|line| line.trim() == "apart = true") {
            true => groups.push(vec![package]),
            false => together.push(package),
        }
    }
    groups.insert(0, together);
    groups.retain(|group| !group.is_empty());
    Ok(groups)
}

fn cargo_tests(runner: &'static str, command: &mut Command) -> Result<Report> {
    let mut tally = Tally::default();
    let status = shell::run_seeing(command, |line| tally.see_cargo(line))?;
    // A test program that does not compile or crashes prints no result line.
    if !status.success() && tally.failed == 0 {
        tally.fail(format!("{runner}: cargo test ended with {status}"));
    }
    Ok(Report { runner, tally })
}

/// `functions/NAME/test.mjs` loads the module NAME as a JavaScript host would,
/// from the path in `NAME_WASM`; `None` if this machine has no node.
fn javascript(workspace: &Workspace, guests: &Path) -> Result<Option<Report>> {
    let files: Vec<String> = tidy::tracked_files(workspace)?
        .into_iter()
        .filter(|file| file.starts_with("functions/") && file.ends_with("/test.mjs"))
        .collect();
    if files.is_empty() {
        return Ok(None);
    }
    if on_path("node").is_none() {
        println!("absent: node, so {} JavaScript tests were not run", files.len());
        return Ok(None);
    }
    let mut tally = Tally::default();
    let mut command = Command::new("node");
    command.args(["--test", "--test-reporter=tap"]).args(&files).current_dir(&workspace.root);
    for file in &files {
        let name = file.split('/').nth(1).unwrap_or_default();
        let variable = format!("{}_WASM", name.to_uppercase().replace('-', "_"));
        command.env(variable, guests.join(format!("{name}.wasm")));
    }
    let status = shell::run_seeing(&mut command, |line| tally.see_tap(line))
        .context("running the JavaScript tests")?;
    if !status.success() && tally.failed == 0 {
        tally.fail(format!("node --test ended with {status}"));
    }
    Ok(Some(Report { runner: "javascript", tally }))
}

fn verdict(stages: &Stages, reports: &[Report]) -> Result<()> {
    stages.begin("summary");
    let mut sum = Tally::default();
    for Report { runner, tally } in reports {
        println!("{runner:12} {:5} passed {:3} failed", tally.passed, tally.failed);
        sum.add(tally);
    }
    for failure in &sum.failures {
        println!("failed: {failure}");
    }
    println!("{} passed, {} failed", sum.passed, sum.failed);
    if sum.failed > 0 {
        bail!("{} tests failed", sum.failed);
    }
    Ok(())
}
