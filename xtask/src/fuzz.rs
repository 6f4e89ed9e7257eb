//! `cargo xtask fuzz`: a short run of every fuzz target on stable Rust.
//!
//! It mutates inputs of a corpus with a seeded generator. It is not guided by
//! coverage: for that, `cargo +nightly fuzz run TARGET` drives the same targets
//! with libFuzzer (fuzz/README.md).

use crate::shell::{self, cargo};
use crate::workspace::Workspace;
use anyhow::{Context, Result};

/// Runs the targets with the options given.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let mut command = cargo(workspace);
    command
        .args(["run", "--release", "--locked", "--quiet", "--bin", "short-run", "--"])
        .args(arguments)
        .current_dir(workspace.root.join("fuzz"));
    shell::run(&mut command).context("fuzzing")
}

/// Runs every target for so many seconds.
pub(crate) fn run_for(workspace: &Workspace, seconds: u64) -> Result<()> {
    run(workspace, &["--seconds".to_owned(), seconds.to_string()])
}
