//! Playing a trace of paths through a cache, by the generator of `benches/`.

use super::super::CLIENT_CORE;
use crate::workspace::Workspace;
use crate::{json, shell};
use anyhow::{Context, Result};
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What is played.
pub(super) struct Play<'a> {
    /// The file of paths.
    pub trace: &'a Path,
    /// For so long, again and again; `None`: each path once.
    pub seconds: Option<u64>,
    /// Connections, each with one request at a time.
    pub connections: usize,
    /// Answers at the beginning whose misses are counted apart.
    pub cold: usize,
    /// The server behind the cache, in the generator; none: every answer that the cache
    /// has not got is an error, and the run fails.
    pub origin: Option<SocketAddr>,
}

/// What one run saw.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Run {
    /// Answers.
    pub answered: f64,
    /// Answers per second.
    pub per_s: f64,
    /// Latencies in milliseconds, as a closed loop sees them.
    pub p50_ms: f64,
    pub p99_ms: f64,
    /// Part of its time in which the generator had something to do, 0 to 1.
    pub generator_busy: f64,
    /// Requests that the origin got, and how many of them until the cold answers.
    pub served: f64,
    pub served_cold: f64,
}

impl Play<'_> {
    /// Plays the trace through the cache at `to`.
    pub(super) fn run(&self, workspace: &Workspace, to: SocketAddr) -> Result<Run> {
        parse(&shell::output(&mut self.command(workspace, to))?)
    }

    /// Whether it could be played: what a server that does not answer yet says of it is
    /// not shown.
    pub(super) fn succeeds(&self, workspace: &Workspace, to: SocketAddr) -> bool {
        let mut command = self.command(workspace, to);
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    }

    fn command(&self, workspace: &Workspace, to: SocketAddr) -> Command {
        let mut command = Command::new("taskset");
        command
            .args(["--cpu-list", &CLIENT_CORE.to_string()])
            .arg(workspace.dist_binary("trace-player"))
            .arg(to.to_string())
            .arg(self.trace)
            .args([self.seconds.unwrap_or(0).to_string(), self.connections.to_string()])
            .arg(self.cold.to_string());
        if let Some(origin) = self.origin {
            command.args([origin.to_string(), "by-path".to_owned()]);
        }
        command
    }
}

/// Writes a trace of `count` different objects of `bytes` each, from the number `first`.
pub(super) fn write_objects(
    folder: &Path,
    name: &str,
    bytes: usize,
    first: usize,
    count: usize,
) -> Result<PathBuf> {
    let mut text = String::new();
    for object in first..first + count {
        writeln!(text, "/{bytes}/{object}")?;
    }
    fs::create_dir_all(folder).context("making the bench's folder")?;
    let file = folder.join(name);
    fs::write(&file, text).context("writing a trace")?;
    Ok(file)
}

/// Reads the line that the generator prints.
fn parse(printed: &str) -> Result<Run> {
    let run: Value = serde_json::from_str(printed).context("reading the load generator")?;
    Ok(Run {
        answered: json::number(&run, "answered")?,
        per_s: json::number(&run, "per_s")?,
        p50_ms: json::number(&run, "p50_us")? / 1_000.0,
        p99_ms: json::number(&run, "p99_us")? / 1_000.0,
        generator_busy: json::number(&run, "busy")?,
        // Null without an origin.
        served: run["served"].as_f64().unwrap_or(0.0),
        served_cold: json::number(&run, "served_cold")?,
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
        let printed = "{\"answered\":10,\"per_s\":20.5,\"p50_us\":300,\"p99_us\":4000,\
                       \"max_us\":5000,\"busy\":0.75,\"served\":null,\"served_cold\":0}";
        let mut expected = Run {
            answered: 10.0,
            per_s: 20.5,
            p50_ms: 0.3,
            p99_ms: 4.0,
            generator_busy: 0.75,
            served: 0.0,
            served_cold: 0.0,
        };
        assert_eq!(parse(printed).expect("valid"), expected);
        let printed = printed.replace("\"served\":null", "\"served\":7");
        expected.served = 7.0;
        assert_eq!(parse(&printed).expect("valid"), expected);
    }
}
