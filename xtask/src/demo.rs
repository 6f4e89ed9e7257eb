//! `cargo xtask demo`: a tour of a node on real input.
//!
//! Every step prints its requests, their answers and their times, and checks
//! them; the tour goes on after a step that failed, and exits non-zero. In
//! order: [`steps`] are the five stops, [`tour`] is the node they share and how
//! requests are shown.

mod steps;
mod tour;

use crate::bench::table;
use crate::shell::{self, Stages};
use crate::workspace::Workspace;
use crate::{build, http};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};
use tour::Tour;

/// A stop of the tour: its title, and what is done there. It returns the line
/// that the table at the end shows.
type Step = (&'static str, fn(&mut Tour) -> Result<String>);

const STEPS: &[Step] = &[
    ("a photograph is resized", steps::photograph),
    ("temperatures are scored for anomalies", steps::temperatures),
    ("a counter survives kill -9", steps::counter),
    ("an endless loop is cut off beside its neighbor", steps::endless_loop),
    ("cold start and memory per function", steps::functions),
];

/// How a step ended.
struct Outcome {
    title: &'static str,
    result: Result<String>,
    time: Duration,
}

/// Builds, starts a node in a scratch folder, and walks through the steps.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let stages = Stages::start();
    stages.begin("build the node");
    let binary = build::node(workspace)?;
    stages.begin("build the functions");
    build::guests(workspace)?;
    stages.begin("start a node");
    let scratch = workspace.root.join("target/demo");
    // What an earlier tour left would make this one count from there.
    let _ = fs::remove_dir_all(&scratch);
    fs::create_dir_all(&scratch).context("making the scratch folder")?;
    write_manifest(workspace, &scratch.join("sedge.toml"))?;
    let mut tour = Tour::start(workspace, binary, scratch)?;
    let mut outcomes = Vec::new();
    for (title, step) in STEPS {
        stages.begin(title);
        let start = Instant::now();
        let result = step(&mut tour);
        if let Err(error) = &result {
            println!("  failed: {error:#}");
        }
        outcomes.push(Outcome { title, result, time: start.elapsed() });
    }
    stages.begin("what was seen");
    print_outcomes(&outcomes);
    tour.stop()?;
    print_next(workspace, stages.elapsed());
    let failed = outcomes.iter().filter(|outcome| outcome.result.is_err()).count();
    if failed > 0 {
        bail!("{failed} of {} steps failed", outcomes.len());
    }
    Ok(())
}

/// The app of the tour: every function that it visits, with its own limits and
/// grants.
fn write_manifest(workspace: &Workspace, file: &Path) -> Result<()> {
    let source = |name: &str| workspace.guests().join(format!("{name}.wasm"));
    let manifest = format!(
        r#"# Written by `cargo xtask demo`.
[app]
name = "demo"

[[function]]
name = "images"
source = {images:?}
routes = ["/img/*"]

[function.limits]
memory_bytes_max = "256 MiB"
cpu_ms_max = "10 s"

[[function]]
name = "sensors"
source = {sensors:?}
routes = ["/sensors/*"]

[[function]]
name = "counter"
source = {counter:?}
routes = ["/count/*"]

[function.capabilities]
kv = ["default"]

[[function]]
name = "neighbor"
source = {hello:?}
routes = ["/hello"]

[[function]]
name = "hostile"
source = {hostile:?}
routes = ["/endless-loop"]

[function.limits]
cpu_ms_max = "200 ms"
"#,
        images = source("images"),
        sensors = source("sensors"),
        counter = source("counter"),
        hello = source("hello"),
        hostile = source("hostile"),
    );
    fs::write(file, manifest).context("writing the tour's manifest")
}

fn print_outcomes(outcomes: &[Outcome]) {
    let rows: Vec<Vec<String>> = outcomes
        .iter()
        .map(|outcome| {
            let (verdict, seen) = match &outcome.result {
                Ok(seen) => ("ok", seen.clone()),
                Err(error) => ("FAILED", error.to_string()),
            };
            let time = format!("{:.2} s", outcome.time.as_secs_f64());
            vec![outcome.title.to_owned(), verdict.to_owned(), time, seen]
        })
        .collect();
    println!("{}", table(&["step", "", "time", "seen"], &rows));
}

fn print_next(workspace: &Workspace, elapsed: Duration) {
    let binary = workspace.release_binary("sedge").display().to_string();
    let home = std::env::var("HOME").unwrap_or_default();
    let binary = match binary.strip_prefix(&home) {
        Some(below) if !home.is_empty() => format!("~{below}"),
        _ => binary,
    };
    println!(
        "\nThe tour took {}. Its picture and its app are in target/demo. Next:\n\n\
         \x20   alias sedge={binary}\n\
         \x20   sedge up -f target/demo                  the node of this tour, to play with\n\
         \x20   curl localhost:3000/count/me             a counter that survives anything\n\
         \x20   curl localhost:3001/v1/functions         what the node knows of its functions\n\
         \x20   sedge new my-function                    a function of your own\n",
        shell::minutes(elapsed)
    );
}

/// Only answers that succeeded count.
fn expect_status(response: &http::Response, status: u16) -> Result<()> {
    if response.status != status {
        bail!("the answer was {} instead of {status}: {}", response.status, response.text());
    }
    Ok(())
}
