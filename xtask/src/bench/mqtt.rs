//! `cargo xtask bench mqtt`: QoS 1 messages for each second of a core's work, and memory for
//! 10,000 connections, beside mosquitto.
//!
//! Each has 16 publishers with 64 messages of 200 bytes unacknowledged at a time; *passed on*
//! has a subscriber with QoS 1 for each. Both servers are measured in memory alone, as mosquitto
//! is by default, and with all on the disk. There, Sedge acknowledges what is synced; mosquitto
//! writes its whole state a second after a change, and never waits for it: it has nothing nearer
//! to that. What is counted is CPU time of the server, so that it does not matter whose the
//! cores were meanwhile.

pub(super) mod load;
mod servers;

use super::arguments::Arguments;
use super::median;
use super::report::{Bar, Report, figure, table, thousands};
use crate::build;
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use load::Load;
use servers::{Keeps, Maker, Server};
use std::time::Duration;

/// Connections at rest.
const CONNECTIONS: usize = 10_000;
/// What the project has promised itself of a connection's memory.
const CONNECTION_BYTES_WANTED: f64 = 16_384.0;

/// Builds, measures, prints, writes.
pub(super) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let node = match arguments.no_build {
        true => workspace.release_binary("sedge"),
        false => build::node(workspace)?,
    };
    let mut report = Report::new("mqtt");
    let mut makers = vec![Maker::Sedge(node)];
    match servers::mosquitto() {
        Ok(maker) => makers.push(maker),
        Err(why) => {
            println!("mosquitto: absent ({why:#})");
            report.absent("mosquitto", &format!("{why:#}"));
        }
    }
    let folder = workspace.target.join("bench/mqtt");
    let bench = Bench { arguments, makers, folder };
    if arguments.wants("messages") {
        bench.messages(&mut report)?;
    }
    if arguments.wants("connections") {
        bench.connections(&mut report)?;
    }
    report.finish(workspace, arguments)
}

struct Bench<'a> {
    arguments: &'a Arguments,
    makers: Vec<Maker>,
    folder: std::path::PathBuf,
}

impl Bench<'_> {
    fn messages(&self, report: &mut Report) -> Result<()> {
        let mut rows = Vec::new();
        let mut ratios = Vec::new();
        for keeps in [Keeps::Memory, Keeps::Disk] {
            for passed_on in [false, true] {
                let mut of_makers = Vec::new();
                for maker in &self.makers {
                    let case = format!(
                        "{}, {}",
                        keeps.name(),
                        if passed_on { "passed on" } else { "taken" }
                    );
                    let (per_core, per_s) = self.throughput(maker, keeps, passed_on)?;
                    report.row(
                        maker.name(),
                        &case,
                        "messages per core and second",
                        per_core,
                        "1/s",
                    );
                    report.row(maker.name(), &case, "messages per second", per_s, "1/s");
                    let cells = [per_core, per_s].map(|value| thousands(value.round() as i64));
                    rows.push([vec![maker.name().to_owned(), case], cells.into()].concat());
                    of_makers.push(per_core);
                }
                if let [ours, theirs] = of_makers[..] {
                    ratios.push((keeps, passed_on, ours / theirs));
                }
            }
        }
        println!("{}", table(&["", "case", "messages/s and core", "messages/s"], &rows));
        for (keeps, passed_on, ratio) in ratios {
            let what = if passed_on { "passed on" } else { "taken" };
            let name =
                format!("messages of QoS 1 per core beside mosquitto, {}, {what}", keeps.name());
            report.bar(Bar::at_least(&name, 1.0, "", Some(ratio)));
        }
        Ok(())
    }

    /// Messages for each second of CPU time, and for each second; medians of all rounds.
    fn throughput(&self, maker: &Maker, keeps: Keeps, passed_on: bool) -> Result<(f64, f64)> {
        let (mut per_core, mut per_s) = (Vec::new(), Vec::new());
        for _ in 0..self.arguments.rounds {
            let server = Server::start(maker, keeps, &self.folder)?;
            let load = Load::start(server.address, passed_on)
                .with_context(|| format!("loading {}", maker.name()))?;
            // The first second fills queues and caches.
            std::thread::sleep(Duration::from_secs(1));
            let before = (load.count(), server.cpu_s()?);
            std::thread::sleep(Duration::from_secs(self.arguments.seconds));
            let after = (load.count(), server.cpu_s()?);
            load.stop()?;
            let (messages, cpu_s) = ((after.0 - before.0) as f64, after.1 - before.1);
            per_core.push(messages / cpu_s.max(0.01));
            per_s.push(messages / self.arguments.seconds as f64);
        }
        Ok((median(&per_core), median(&per_s)))
    }

    fn connections(&self, report: &mut Report) -> Result<()> {
        let mut rows = Vec::new();
        let mut of_ours = None;
        for maker in &self.makers {
            let server = Server::start(maker, Keeps::Memory, &self.folder)?;
            let before = server.memory_bytes()?;
            let held = load::connect_many(server.address, CONNECTIONS)
                .with_context(|| format!("connecting to {}", maker.name()))?;
            let after = server.memory_bytes()?;
            drop(held);
            let each = after.saturating_sub(before) as f64 / CONNECTIONS as f64;
            report.row(maker.name(), "10,000 connections", "memory of each", each, "bytes");
            report.row(maker.name(), "10,000 connections", "memory", after as f64, "bytes");
            rows.push(vec![
                maker.name().to_owned(),
                figure(each / 1e3),
                figure(after as f64 / 1e6),
            ]);
            of_ours = of_ours.or(Some(each));
        }
        println!("{}", table(&["10,000 connections", "kB each", "MB in all"], &rows));
        let name = "bytes of memory for an MQTT connection at rest";
        report.bar(Bar::at_most(name, CONNECTION_BYTES_WANTED, "", of_ours));
        Ok(())
    }
}
