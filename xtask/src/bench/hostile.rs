//! `cargo xtask bench hostile`: what a neighbor feels.
//!
//! One node on one core; a neighbor (`functions/hello`) is asked at a fixed
//! rate, first alone, then while the hostile guest is asked again and again,
//! one request at a time and at most 50 per second: what is to be seen is what
//! the guest does, not what many requests do. The promise is a p99 no worse than
//! 1.5 times what it was a moment before, and not one failure.

use super::arguments::Arguments;
use super::report::{Bar, Report, figure, table};
use super::{CLIENT_CORE, SERVER_CORE, http, median, open_loop};
use crate::http::{Request, send};
use crate::node::{self, Node};
use crate::shell;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Requests per second to the neighbor: well below what one core can do, so
/// that what is felt is the guest and not the queue.
const RATE: f64 = 1_000.0;
/// From one request to the hostile guest to the next, unless it takes longer.
const PACE: Duration = Duration::from_millis(20);
/// The promise.
const RATIO_MAX: f64 = 1.5;

/// What was seen of one behavior.
struct Seen {
    behavior: String,
    status: String,
    before_ms: f64,
    beside_ms: f64,
    failed: f64,
}

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
    // The attacker is a client, too: it stays off the server's core.
    let process = std::process::id().to_string();
    let words = ["--cpu-list", "--pid", &CLIENT_CORE.to_string(), &process];
    shell::output(Command::new("taskset").args(words))?;
    let mut seen = Vec::new();
    for behavior in behaviors {
        let one = measure(workspace, arguments, &node, behavior.clone())
            .with_context(|| format!("beside {behavior}\n{}", node.log_tail()))?;
        eprintln!("{behavior}: {} → {} ms", figure(one.before_ms), figure(one.beside_ms));
        seen.push(one);
    }
    report(&seen).finish(workspace, arguments)
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
    let manifest = format!(
        "[app]\nname = \"hostile\"\n\n\
         [[function]]\nname = \"neighbor\"\nsource = {:?}\nroutes = [\"/neighbor\"]\n\n\
         [[function]]\nname = \"hostile\"\nsource = {:?}\nroutes = [\"/*\"]\n\n\
         [function.capabilities]\nkv = [\"default\"]\n",
        guests.join("hello.wasm"),
        guests.join("hostile.wasm")
    );
    fs::write(folder.join("sedge.toml"), manifest).context("writing a bench's manifest")?;
    Node::start(&node::Options {
        binary: &workspace.dist_binary("sedge"),
        manifest: &folder.join("sedge.toml"),
        data: &folder.join("data"),
        core: Some(SERVER_CORE),
        patience: Duration::from_secs(120),
    })
}

fn measure(
    workspace: &Workspace,
    arguments: &Arguments,
    node: &Node,
    behavior: String,
) -> Result<Seen> {
    let (mut before, mut beside, mut failed) = (Vec::new(), Vec::new(), 0.0);
    let mut status = String::new();
    for _ in 0..arguments.rounds {
        let alone = open_loop::run(workspace, node.listen, "/neighbor", RATE, arguments.seconds)?;
        let child =
            open_loop::command(workspace, node.listen, "/neighbor", RATE, arguments.seconds)
                .stdout(Stdio::piped())
                .spawn()
                .context("starting the load generator")?;
        status = attack(node, &behavior, Duration::from_secs(arguments.seconds));
        let output = child.wait_with_output().context("waiting for the load generator")?;
        let run = open_loop::parse(&String::from_utf8_lossy(&output.stdout))?;
        before.push(alone.p99_ms);
        beside.push(run.p99_ms);
        failed += alone.failed + run.failed;
    }
    let (before_ms, beside_ms) = (median(&before), median(&beside));
    Ok(Seen { behavior, status, before_ms, beside_ms, failed })
}

/// Asks the hostile guest again and again; what the client saw first.
fn attack(node: &Node, behavior: &str, duration: Duration) -> String {
    let end = Instant::now() + duration;
    let path = format!("/{behavior}");
    let mut first = None;
    while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    {
        let start = Instant::now();
        let request = Request { method: "GET", path: &path, headers: &[], body: &[] };
        let seen = match send(node.listen, &request, left) {
            Ok((response, _)) => response.status.to_string(),
            Err(_) if Instant::now() >= end => "left waiting".to_owned(),
            Err(_) => "broken off".to_owned(),
        };
        first.get_or_insert(seen);
        std::thread::sleep(PACE.saturating_sub(start.elapsed()));
    }
    first.unwrap_or_default()
}

fn report(seen: &[Seen]) -> Report {
    let mut report = Report::new("hostile");
    let mut rows = Vec::new();
    for one in seen {
        let ratio = one.beside_ms / one.before_ms;
        rows.push(vec![
            one.behavior.clone(),
            one.status.clone(),
            figure(one.before_ms),
            figure(one.beside_ms),
            format!("{ratio:.2}"),
            figure(one.failed),
        ]);
        report.row("neighbor", &one.behavior, "p99 before", one.before_ms, "ms");
        report.row("neighbor", &one.behavior, "p99 beside", one.beside_ms, "ms");
        report.row("neighbor", &one.behavior, "failed", one.failed, "");
    }
    let heading = ["hostile guest", "answer", "p99 before ms", "beside ms", "ratio", "failed"];
    println!("\n{}", table(&heading, &rows));
    let worst = seen.iter().map(|one| one.beside_ms / one.before_ms).fold(0.0, f64::max);
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
