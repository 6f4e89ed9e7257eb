//! `cargo xtask bench hostile`: what a neighbor feels.
//!
//! One node on one core; a neighbor (`functions/hello`) is asked at a fixed
//! rate while another client asks the hostile guest again and again, one request
//! at a time and at most 50 per second: what is to be seen is what the guest does,
//! not what many requests do. The promise is a p99 no worse than 1.5 times what it
//! was a moment before, and not one failure.
//!
//! A moment before, the same client asked the same guest, as a function of its own,
//! for something harmless: a client costs the neighbor something, whatever it asks
//! for. What the neighbor sees when nobody else is there is shown beside it. Client
//! and generator are one thread, so that neither holds the other up.

use super::arguments::Arguments;
use super::report::{Bar, Report, figure, table};
use super::{SERVER_CORE, http, median, open_loop};
use crate::node::{self, Node};
use crate::shell;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::fs;
use std::process::Command;
use std::time::Duration;

/// Requests per second to the neighbor: well below what one core can do, so
/// that what is felt is the guest and not the queue.
const RATE: f64 = 1_000.0;
/// Milliseconds from one request to the hostile guest to the next, unless it takes
/// longer.
const PACE_MS: &str = "20";
/// The promise.
const RATIO_MAX: f64 = 1.5;

/// A path for which the hostile guest has no behavior: it says so, and is done. It is
/// a function of its own, so that neither has the other's record.
const HARMLESS: &str = "harmless";

/// A program that uses a core and nothing else: what the machine lets a neighbor feel
/// of any work on its core, whoever does it.
const SPINS: &str = "while :; do :; done";

/// What every round saw of one behavior.
struct Seen {
    behavior: String,
    status: String,
    harmless_ms: Vec<f64>,
    hostile_ms: Vec<f64>,
    failed: f64,
}

/// What a guest has left behind, such as pages that the kernel still writes, is not
/// measured with the next one.
const SETTLE: Duration = Duration::from_millis(500);

/// Builds, measures every behavior, prints, writes.
pub(super) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    http::prepare(workspace, arguments)?;
    let source = workspace.root.join("functions/hostile/src/table.rs");
    let source = fs::read_to_string(source).context("reading the list of hostile guests")?;
    let behaviors: Vec<String> =
        behaviors(&source).into_iter().filter(|name| arguments.wants(name)).collect();
    if behaviors.is_empty() {
        bail!("no hostile guest of this name\nhint: functions/hostile/src/table.rs lists them");
    }
    let node = start(workspace)?;
    let alone_ms = reference(workspace, arguments, &node, None)?;
    eprintln!("nobody else: {} ms", figure(alone_ms));
    let spinning_ms = reference(workspace, arguments, &node, Some(SPINS))?;
    eprintln!("a program that spins: {} ms", figure(spinning_ms));
    let mut seen: Vec<Seen> = behaviors.into_iter().map(Seen::new).collect();
    // All guests in each round: a minute in which the machine is slow, or busy with
    // something else, is a round of every guest and not all rounds of one.
    for round in 1..=arguments.rounds {
        eprintln!("round {round} of {}", arguments.rounds);
        for one in &mut seen {
            one.measure(workspace, arguments, &node)
                .with_context(|| format!("beside {}\n{}", one.behavior, node.log_tail()))?;
        }
    }
    report(alone_ms, spinning_ms, &seen).finish(workspace, arguments)
}

/// The names in the table of `functions/hostile`: `("name", module::function),`.
fn behaviors(source: &str) -> Vec<String> {
    let entries = source.lines().filter_map(|line| line.trim().strip_prefix("(\""));
    entries.filter_map(|entry| Some(entry.split_once("\",")?.0.to_owned())).collect()
}

fn start(workspace: &Workspace) -> Result<Node> {
    let folder = workspace.root.join("target/bench/hostile");
    fs::create_dir_all(&folder).context("making a bench's folder")?;
    let guests = workspace.guests();
    let hostile = guests.join("hostile.wasm");
    let manifest = format!(
        "[app]\nname = \"hostile\"\n\n\
         [[function]]\nname = \"neighbor\"\nsource = {:?}\nroutes = [\"/neighbor\"]\n\n\
         [[function]]\nname = \"harmless\"\nsource = {hostile:?}\nroutes = [\"/harmless\"]\n\n\
         [[function]]\nname = \"hostile\"\nsource = {hostile:?}\nroutes = [\"/*\"]\n\n\
         [function.capabilities]\nkv = [\"default\"]\ncache = [\"pages\"]\ncodec = true\n",
        guests.join("hello.wasm"),
    );
    fs::write(folder.join("sedge.toml"), manifest).context("writing a bench's manifest")?;
    Node::start(&node::Options {
        binary: &workspace.dist_binary("sedge"),
        manifest: Some(&folder.join("sedge.toml")),
        data: &folder.join("data"),
        config: None,
        listen: None,
        core: Some(SERVER_CORE),
        patience: Duration::from_secs(120),
    })
}

/// The p99 that the neighbor has while nobody asks for anything else, beside another
/// program on its core if there is one.
fn reference(
    workspace: &Workspace,
    arguments: &Arguments,
    node: &Node,
    program: Option<&str>,
) -> Result<f64> {
    let mut p99 = Vec::new();
    for _ in 0..arguments.rounds {
        let beside = program.map(|program| {
            let core = SERVER_CORE.to_string();
            let words = ["-n", "19", "taskset", "--cpu-list", &core, "sh", "-c", program];
            Command::new("nice").args(words).spawn().context("starting a program beside")
        });
        let mut beside = beside.transpose()?;
        let run = open_loop::run(workspace, node.listen, "/neighbor", RATE, arguments.seconds);
        if let Some(program) = &mut beside {
            program.kill().and_then(|()| program.wait()).context("ending the program beside")?;
        }
        p99.push(run?.p99_ms);
    }
    Ok(median(&p99))
}

impl Seen {
    fn new(behavior: String) -> Self {
        let (harmless_ms, hostile_ms) = (Vec::new(), Vec::new());
        Seen { behavior, status: String::new(), harmless_ms, hostile_ms, failed: 0.0 }
    }

    fn measure(&mut self, workspace: &Workspace, arguments: &Arguments, node: &Node) -> Result<()> {
        let (harmless, _) = beside_of(workspace, arguments, node, HARMLESS)?;
        let (hostile, status) = beside_of(workspace, arguments, node, &self.behavior)?;
        self.harmless_ms.push(harmless.p99_ms);
        self.hostile_ms.push(hostile.p99_ms);
        self.failed += harmless.failed + hostile.failed;
        self.status = status;
        std::thread::sleep(SETTLE);
        Ok(())
    }

    fn ratio(&self) -> f64 {
        median(&self.hostile_ms) / median(&self.harmless_ms)
    }
}

/// What the neighbor sees while the guest is asked for this, and what is answered.
fn beside_of(
    workspace: &Workspace,
    arguments: &Arguments,
    node: &Node,
    behavior: &str,
) -> Result<(open_loop::Run, String)> {
    let mut command =
        open_loop::command(workspace, node.listen, "/neighbor", RATE, arguments.seconds);
    let printed = shell::output(command.args([&format!("/{behavior}"), PACE_MS]))?;
    let told: serde_json::Value =
        serde_json::from_str(&printed).context("reading the generator")?;
    let status = told["status"].as_u64().map_or("none".to_owned(), |status| status.to_string());
    Ok((open_loop::parse(&printed)?, status))
}

fn report(alone_ms: f64, spinning_ms: f64, seen: &[Seen]) -> Report {
    let mut report = Report::new("hostile");
    report.row("neighbor", "nobody else", "p99", alone_ms, "ms");
    report.row("neighbor", "a program that spins", "p99", spinning_ms, "ms");
    let mut rows = Vec::new();
    for one in seen {
        let (harmless_ms, hostile_ms) = (median(&one.harmless_ms), median(&one.hostile_ms));
        rows.push(vec![
            one.behavior.clone(),
            one.status.clone(),
            figure(harmless_ms),
            figure(hostile_ms),
            format!("{:.2}", one.ratio()),
            figure(one.failed),
        ]);
        report.row("neighbor", &one.behavior, "p99 beside a harmless one", harmless_ms, "ms");
        report.row("neighbor", &one.behavior, "p99 beside", hostile_ms, "ms");
        report.row("neighbor", &one.behavior, "failed", one.failed, "");
    }
    let heading = ["hostile guest", "answer", "p99 ms: harmless", "hostile", "ratio", "failed"];
    println!("\np99 of the neighbor: {} ms alone", figure(alone_ms));
    println!("{} ms beside a program that spins on its core at nice 19", figure(spinning_ms));
    println!("\n{}", table(&heading, &rows));
    let worst = seen.iter().map(Seen::ratio).fold(0.0, f64::max);
    let failed: f64 = seen.iter().map(|one| one.failed).sum();
    report.bar(Bar::at_most("p99 of a neighbor, worst guest", RATIO_MAX, "×", Some(worst)));
    report.bar(Bar::at_most("failed requests of neighbors", 0.0, "", Some(failed)));
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behaviors_are_read_from_the_table_and_from_nothing_else() {
        let source = "\
//! (\"not-this\", nor this)
pub const BEHAVIORS: &[(&str, Behavior)] = &[
    (\"endless-loop\", compute::endless_loop),
    (\"trap\", compute::trap),
];
";
        assert_eq!(behaviors(source), ["endless-loop", "trap"]);
        assert_eq!(behaviors(""), Vec::<String>::new());
    }
}
