//! Sends cases through Sedge and Envoy, prints what differs, and writes how it went
//! to a file. `cargo xtask eval envoy` runs it.

use sedge_tests::envoy::case::{Case, Placed, SERVERS};
use sedge_tests::envoy::compare::{self, Outcome};
use sedge_tests::envoy::upstream::{self, Servers};
use sedge_tests::envoy::{fixed, generate};
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

#[derive(Default)]
struct Options {
    cases: u64,
    seed: u64,
    only: Option<String>,
    figures: Option<String>,
}

fn main() -> ExitCode {
    match options(std::env::args().skip(1)).and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn options(mut words: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options { cases: 20, seed: 1, ..Options::default() };
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("`{word}` needs a value"))?;
        let number = || value.parse().map_err(|_| format!("`{word} {value}`: not a number"));
        match word.as_str() {
            "--cases" => options.cases = number()?,
            "--seed" => options.seed = number()?,
            "--only" => options.only = Some(value),
            "--figures" => options.figures = Some(value),
            _ => return Err(format!("there is no option `{word}`")),
        }
    }
    Ok(options)
}

fn run(options: Options) -> Result<(), String> {
    let mut cases = fixed::all();
    cases.extend(generate::cases(options.seed, options.cases));
    if let Some(only) = &options.only {
        cases.retain(|case| case.name.contains(only.as_str()));
    }
    let servers = Servers::start(&SERVERS);
    let done = AtomicUsize::new(0);
    let tell = |outcome: &Outcome| {
        let case = &cases[outcome.case];
        if !outcome.differences.is_empty() {
            println!("{}", described(case, outcome));
        }
        let done = done.fetch_add(1, Relaxed) + 1;
        if done.is_multiple_of(100) {
            println!("{done} of {} cases", cases.len());
        }
    };
    let outcomes = compare::run(&cases, &servers, &tell)?;
    let requests: usize = outcomes.iter().map(|outcome| outcome.requests).sum();
    let differ = outcomes.iter().filter(|outcome| !outcome.differences.is_empty()).count();
    let mut documented: BTreeMap<&str, usize> = BTreeMap::new();
    for excuse in outcomes.iter().flat_map(|outcome| &outcome.excused) {
        *documented.entry(excuse.name()).or_default() += 1;
    }
    println!("{} cases, {requests} requests to each, {differ} differ", outcomes.len());
    println!("documented differences, by cases: {documented:?}");
    let figures = serde_json::json!({ "cases": outcomes.len(), "requests": requests,
                                      "differ": differ, "documented": documented });
    if let Some(file) = options.figures {
        std::fs::write(&file, format!("{figures:#}\n"))
            .map_err(|error| format!("{file}: {error}"))?;
    }
    Ok(())
}

/// A case that differs, with what is needed to see it again.
fn described(case: &Case, outcome: &Outcome) -> String {
    let mut text = format!("--- {}\n{}", case.name, Placed { case, index: 0 }.manifest());
    for one in &outcome.differences {
        let probe = &case.probes[one.probe];
        let script = upstream::script(&probe.script);
        text.push_str(&format!(
            "{} {} {:?} script {script:?}, {} times\n  {}\n    sedge {}\n    envoy {}\n",
            probe.method, probe.target, probe.headers, probe.times, one.field, one.sedge, one.envoy
        ));
    }
    text
}
