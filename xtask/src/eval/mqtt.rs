//! Public suites for MQTT servers against a node: paho.mqtt.testing (3.1.1 and 5.0) and
//! mqtt5-conformance. What fails must be explained in [`explained`], and what is explained there
//! must fail.

mod explained;
mod suites;

use super::options::Options;
use crate::bench::{Bar, Report, table};
use crate::node::{self, Node};
use crate::shell::Stages;
use crate::workspace::Workspace;
use crate::{build, install};
use anyhow::{Context, Result, bail};
use explained::EXPLAINED;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;
use suites::Suite;

/// How often a test is run that fails. The conformance suite's client misses an answer that
/// comes before it has begun to wait for it; against a server that answers at once, its tests
/// fail at random.
const TRIES: usize = 4;

/// The node: everybody is let in, and a client of MQTT 5.0 is told a shorter keep alive, as one
/// of the suites wants to see.
const CONFIG: &str = "[[mqtt]]\nlisten = \"127.0.0.1:0\"\n\n[[mqtt]]\nlisten = \"127.0.0.1:0\"\n\
                      websocket = \"/mqtt\"\n\n[broker]\nanonymous = true\nkeep_alive_s_max = 60\n";

/// What became of a suite's tests.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    passed: usize,
    /// Those that the suite itself leaves out of a server like this one.
    skipped: usize,
    /// Names, and what the suite says.
    failed: BTreeMap<String, String>,
}

/// Runs the suites, prints each failure with its explanation, and writes
/// `target/results/mqtt.json` if both were there.
pub(super) fn run(workspace: &Workspace, words: &[String]) -> Result<()> {
    let options = Options::read(words, &["--suite DIR[,DIR]", "--no-build"])?;
    let stages = Stages::start();
    let (found, absent) = find(workspace, options.value("--suite"))?;
    if found.is_empty() {
        bail!("neither suite is here\nhint: clone {}, and say --suite DIR", suites::URLS);
    }
    let binary = match options.has("--no-build") {
        true => workspace.release_binary("sedge"),
        false => build::node(workspace)?,
    };
    let folder = workspace.target.join("eval/mqtt");
    let mut outcomes: Vec<(&str, Outcome)> = Vec::new();
    for suite in &found {
        stages.begin(&format!("{} in {}", suite.kind.name(), suite.folder.display()));
        // Each suite begins with nothing kept.
        let node = start_node(&binary, &folder)?;
        outcomes.extend(suite.run(&node, &folder, TRIES)?);
        if !node.stop()? {
            bail!("the node did not end well after the suite");
        }
    }
    report(workspace, &outcomes, absent)
}

/// The suites that are here, and how many are not.
fn find(workspace: &Workspace, given: Option<&str>) -> Result<(Vec<Suite>, usize)> {
    let mut found = Vec::new();
    for folder in given.into_iter().flat_map(|folders| folders.split(',')) {
        found.push(Suite::at(Path::new(folder))?);
    }
    let mut absent = 0;
    for kind in suites::Kind::ALL {
        if found.iter().any(|suite| suite.kind == kind) {
            continue;
        }
        let (repository, commit) = kind.source();
        let fetched = install::from_github(workspace, repository, commit, kind.mark());
        match fetched.and_then(|folder| Suite::at(&folder)) {
            Ok(suite) => found.push(suite),
            Err(error) => {
                absent += 1;
                println!("absent: {}: {error:#}", kind.name());
            }
        }
    }
    Ok((found, absent))
}

fn start_node(binary: &Path, folder: &Path) -> Result<Node> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).context("removing what an earlier run has left");
        }
        _ => {}
    }
    fs::create_dir_all(folder).context("making the folder of the node")?;
    let config = folder.join("node.toml");
    fs::write(&config, CONFIG).context("writing the node's configuration")?;
    Node::start(&node::Options {
        binary,
        manifest: None,
        data: &folder.join("data"),
        config: Some(&config),
        listen: None,
        core: None,
        patience: Duration::from_secs(60),
    })
}

fn report(workspace: &Workspace, outcomes: &[(&str, Outcome)], absent: usize) -> Result<()> {
    let mut report = Report::of_eval("mqtt");
    let (mut rows, mut unexplained, mut needless) = (Vec::new(), 0, 0);
    for (suite, outcome) in outcomes {
        let cells = [outcome.passed, outcome.failed.len(), outcome.skipped];
        rows.push([(*suite).to_owned()].into_iter().chain(cells.map(|n| n.to_string())).collect());
        report.row("Sedge", suite, "passed", outcome.passed as f64, "tests");
        report.row("Sedge", suite, "failed", outcome.failed.len() as f64, "tests");
        let judged = judge(suite, outcome);
        println!("\n{suite}: {} failed", outcome.failed.len());
        for (test, why) in &judged.failures {
            println!("  {test}\n      {}", why.unwrap_or("NOT EXPLAINED"));
            if why.is_none() {
                println!("      {}", outcome.failed[test].replace('\n', "\n      "));
            }
        }
        for test in &judged.needless {
            println!("  explained, and passes: {test}");
        }
        unexplained += judged.failures.iter().filter(|(_, why)| why.is_none()).count();
        needless += judged.needless.len();
    }
    println!("\n{}", table(&["suite", "passed", "failed", "left out by it"], &rows));
    let bar = |name: &str, got: usize| Bar::at_most(name, 0.0, "", Some(got as f64));
    report.bar(bar("failures of public MQTT suites that are not explained", unexplained));
    report.bar(bar("explanations of failures that there are no more", needless));
    if absent > 0 {
        println!("{absent} of the suites is absent: this is a part");
    }
    report.finish_part(workspace, absent > 0)?;
    if unexplained + needless > 0 {
        bail!("{unexplained} failures are not explained, and {needless} explanations not needed");
    }
    Ok(())
}

/// What a suite's outcome means beside the table.
struct Judged {
    /// Each failure, with its explanation.
    failures: Vec<(String, Option<&'static str>)>,
    /// Tests that are explained, and do not fail.
    needless: Vec<&'static str>,
}

fn judge(suite: &str, outcome: &Outcome) -> Judged {
    let explained = || EXPLAINED.iter().filter(|one| one.suite == suite);
    let why = |test: &str| explained().find(|one| one.test == test).map(|one| one.why);
    let failures = outcome.failed.keys().map(|test| (test.clone(), why(test)));
    let needless = explained().filter(|one| !outcome.failed.contains_key(one.test));
    Judged { failures: failures.collect(), needless: needless.map(|one| one.test).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_no_suite_is_refused() {
        assert!(Suite::at(Path::new("/nonexistent")).is_err());
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert!(Suite::at(here).is_err());
    }

    #[test]
    fn failures_without_explanation_and_explanations_without_failure_are_seen() {
        let known = &EXPLAINED[0];
        let mut outcome = Outcome::default();
        outcome.failed.insert("test_of_nobody".to_owned(), "it said no".to_owned());
        let judged = judge(known.suite, &outcome);
        assert_eq!(judged.failures, [("test_of_nobody".to_owned(), None)]);
        assert!(judged.needless.contains(&known.test));
        outcome.failed = BTreeMap::from([(known.test.to_owned(), String::new())]);
        let judged = judge(known.suite, &outcome);
        assert_eq!(judged.failures, [(known.test.to_owned(), Some(known.why))]);
        assert!(!judged.needless.contains(&known.test));
    }
}
