//! `cargo xtask ci`: what a change must pass. `.ci/run` runs the tests first
//! and the rest by `--after-test`.

use crate::shell::{self, Stages, cargo};
use crate::workspace::Workspace;
use crate::{fuzz, install, test, tidy};
use anyhow::{Result, bail};

/// How long each parser is fuzzed.
const FUZZ_SECONDS: u64 = 2;

/// One check: its name, and what it does.
type Check = (&'static str, fn(&Workspace) -> Result<()>);

/// In the order in which they are quick to fail.
const CHECKS: &[Check] = &[
    ("tidy", tidy::run),
    ("format", format),
    ("clippy, host", clippy_host),
    ("nothing panics on input", clippy_panics),
    ("clippy, functions", clippy_functions),
    ("licenses, bans and sources", deny),
    ("advisories", advisories),
    ("fuzz", |workspace| fuzz::run_for(workspace, FUZZ_SECONDS)),
];

/// Runs every check, even after one failed, and names those that did.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    match arguments {
        [] => test::run(workspace)?,
        [only] if only == "--after-test" => {}
        _ => bail!("`ci` takes no options but `--after-test`"),
    }
    let stages = Stages::start();
    let mut failed = Vec::new();
    for (name, check) in CHECKS {
        stages.begin(name);
        if let Err(error) = check(workspace) {
            eprintln!("failed: {name}: {error:#}");
            failed.push(*name);
        }
    }
    if !failed.is_empty() {
        bail!("these checks failed: {}", failed.join(", "));
    }
    println!("\nall checks passed in {}", shell::minutes(stages.elapsed()));
    Ok(())
}

fn format(workspace: &Workspace) -> Result<()> {
    for folder in ["", "functions", "fuzz"] {
        shell::run(
            cargo(workspace)
                .args(["fmt", "--all", "--check"])
                .current_dir(workspace.root.join(folder)),
        )?;
    }
    Ok(())
}

/// `--release`, so that what the tests have compiled is not compiled again.
fn clippy_host(workspace: &Workspace) -> Result<()> {
    shell::run(cargo(workspace).args([
        "clippy",
        "--release",
        "--locked",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))
}

/// What meets network, disk or guests may not unwrap; tests and tools may.
fn clippy_panics(workspace: &Workspace) -> Result<()> {
    let mut command = cargo(workspace);
    command.args(["clippy", "--release", "--locked", "--workspace"]);
    for tool in ["sedge-tests", "sedge-benches", "xtask"] {
        command.args(["--exclude", tool]);
    }
    command.args(["--", "-D", "clippy::unwrap_used", "-D", "clippy::expect_used"]);
    shell::run(command.args(["-D", "clippy::panic"]))
}

fn clippy_functions(workspace: &Workspace) -> Result<()> {
    install::wasm_targets()?;
    shell::run(
        cargo(workspace)
            .args(["clippy", "--release", "--locked", "--workspace"])
            .args(["--target", "wasm32-wasip2", "--", "-D", "warnings"])
            .current_dir(workspace.root.join("functions")),
    )
}

fn deny(workspace: &Workspace) -> Result<()> {
    let deny = install::cargo_deny(workspace)?;
    for manifest in ["Cargo.toml", "functions/Cargo.toml", "fuzz/Cargo.toml"] {
        let mut command = std::process::Command::new(&deny);
        command
            .args(["--manifest-path", manifest, "--log-level=warn", "--locked", "--config"])
            .arg(workspace.root.join("deny.toml"))
            .args(["check", "--hide-inclusion-graph", "licenses", "bans", "sources"])
            .current_dir(&workspace.root);
        shell::run(&mut command)?;
    }
    Ok(())
}

/// Known vulnerabilities. Their database is a git repository on the network:
/// where it cannot be reached, that is said and is no failure of the change.
fn advisories(workspace: &Workspace) -> Result<()> {
    let deny = install::cargo_deny(workspace)?;
    let mut fetch = std::process::Command::new(&deny);
    fetch.args(["fetch", "db"]).current_dir(&workspace.root).stderr(std::process::Stdio::null());
    if shell::run(&mut fetch).is_err() {
        println!("not checked: the advisory database cannot be reached from this machine");
        return Ok(());
    }
    let mut check = std::process::Command::new(&deny);
    check.args(["check", "--disable-fetch", "advisories"]).current_dir(&workspace.root);
    shell::run(&mut check)
}
