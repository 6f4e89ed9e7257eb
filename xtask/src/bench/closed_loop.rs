//! As many requests as go, over 16 connections or one: by the generator of `benches/`,
//! or by wrk.

mod wrk;

use super::CLIENT_CORE;
use super::proxies::Behind;
use crate::workspace::Workspace;
use crate::{json, shell};
use anyhow::{Context, Result};
use serde_json::Value;
use std::net::SocketAddr;
use std::process::Command;

/// Connections, each with one request at a time.
const CONNECTIONS: usize = 16;

/// What one run saw.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Run {
    /// Answers.
    pub answered: f64,
    /// Answers per second.
    pub requests_per_s: f64,
    /// Latencies in milliseconds, as a closed loop sees them.
    pub p50_ms: f64,
    pub p99_ms: f64,
}

/// How a result names the load.
pub(super) fn case(wrk: bool) -> &'static str {
    if wrk { "wrk -t1 -c16, one core" } else { "closed loop of 16, one core" }
}

/// Asks for `/` as often as the server answers, from a core of its own.
pub(super) fn run(workspace: &Workspace, wrk: bool, to: SocketAddr, seconds: u64) -> Result<Run> {
    if wrk {
        return wrk::run(to, seconds);
    }
    parse(&shell::output(&mut command(workspace, to, "/", seconds, CONNECTIONS))?)
}

/// Asks for `path` over one connection: no request waits for another, and the
/// server's core never falls asleep between two.
pub(super) fn run_alone(
    workspace: &Workspace,
    to: SocketAddr,
    path: &str,
    seconds: u64,
) -> Result<Run> {
    run_alone_with(workspace, to, path, &[], seconds)
}

/// The same with more fields in each request, as `name: value`.
pub(super) fn run_alone_with(
    workspace: &Workspace,
    to: SocketAddr,
    path: &str,
    fields: &[String],
    seconds: u64,
) -> Result<Run> {
    let mut command = command(workspace, to, path, seconds, 1);
    command.arg("--").args(fields);
    parse(&shell::output(&mut command)?)
}

/// Asks a proxy for `/` as often as it answers, with the server behind it in the generator.
pub(super) fn run_proxied(
    workspace: &Workspace,
    to: SocketAddr,
    behind: &Behind,
    seconds: u64,
) -> Result<Run> {
    let mut command = command(workspace, to, "/", seconds, CONNECTIONS);
    let printed = shell::output(command.args(behind.arguments()))?;
    behind.check(&printed)?;
    parse(&printed)
}

fn command(
    workspace: &Workspace,
    to: SocketAddr,
    path: &str,
    seconds: u64,
    connections: usize,
) -> Command {
    let mut command = Command::new("taskset");
    command
        .args(["--cpu-list", &CLIENT_CORE.to_string()])
        .arg(workspace.dist_binary("closed-loop"))
        .args([&to.to_string(), path, &seconds.to_string(), &connections.to_string()]);
    command
}

/// Reads the line that the generator prints.
fn parse(printed: &str) -> Result<Run> {
    let run: Value = serde_json::from_str(printed).context("reading the load generator")?;
    Ok(Run {
        answered: json::number(&run, "answered")?,
        requests_per_s: json::number(&run, "per_s")?,
        p50_ms: json::number(&run, "p50_us")? / 1_000.0,
        p99_ms: json::number(&run, "p99_us")? / 1_000.0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_generator_prints() {
        for bad in ["", "{}", "{\"answered\": 1, \"per_s\": \"many\"}"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        let printed =
            "{\"answered\":10,\"per_s\":20.5,\"p50_us\":300,\"p99_us\":4000,\"max_us\":5000}";
        let expected = Run { answered: 10.0, requests_per_s: 20.5, p50_ms: 0.3, p99_ms: 4.0 };
        assert_eq!(parse(printed).expect("valid"), expected);
    }
}
