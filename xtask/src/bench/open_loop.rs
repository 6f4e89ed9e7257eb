//! The open-loop generator of `benches/`: a fixed rate, and latencies that
//! count from the moment a request was due.

use super::CLIENT_CORE;
use super::proxies::Behind;
use crate::workspace::Workspace;
use crate::{json, shell};
use anyhow::{Context, Result};
use serde_json::Value;
use std::net::SocketAddr;
use std::process::Command;

/// What one run saw.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// Errors, broken connections, and answers that did not come within 5 s.
    pub failed: f64,
    /// Requests that a pause of the generator kept from being measured.
    pub disturbed: f64,
    /// Latencies in milliseconds.
    pub p50_ms: f64,
    pub p99_ms: f64,
}

/// The command that sends `rate` requests per second for `seconds`, on a core
/// of its own.
pub(super) fn command(
    workspace: &Workspace,
    to: SocketAddr,
    path: &str,
    rate: f64,
    seconds: u64,
) -> Command {
    let mut command = Command::new("taskset");
    command
        .args(["--cpu-list", &CLIENT_CORE.to_string()])
        .arg(workspace.dist_binary("open-loop"))
        .args([&to.to_string(), path, &rate.to_string(), &seconds.to_string(), "16"]);
    command
}

/// Runs the generator to its end.
pub(super) fn run(
    workspace: &Workspace,
    to: SocketAddr,
    path: &str,
    rate: f64,
    seconds: u64,
) -> Result<Run> {
    parse(&shell::output(&mut command(workspace, to, path, rate, seconds))?)
}

/// The same of a proxy, with the server behind it in the generator.
pub(super) fn run_proxied(
    workspace: &Workspace,
    to: SocketAddr,
    behind: &Behind,
    rate: f64,
    seconds: u64,
) -> Result<Run> {
    let mut command = command(workspace, to, "/", rate, seconds);
    let printed = shell::output(command.args(behind.arguments()))?;
    behind.check(&printed)?;
    parse(&printed)
}

/// Reads the line that the generator prints.
pub(super) fn parse(printed: &str) -> Result<Run> {
    let run: Value = serde_json::from_str(printed).context("reading the load generator")?;
    Ok(Run {
        failed: json::number(&run, "failed")?,
        disturbed: json::number(&run, "disturbed")?,
        p50_ms: json::number(&run, "p50_us")? / 1_000.0,
        p99_ms: json::number(&run, "p99_us")? / 1_000.0,
    })
}
