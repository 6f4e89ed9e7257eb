//! The suites, and how each is run.

use super::Outcome;
use crate::install;
use crate::node::Node;
use crate::shell;
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the suites come from, for a hint.
pub(super) const URLS: &str = "https://github.com/eclipse-paho/paho.mqtt.testing or \
                               https://github.com/LabOverWire/mqtt-lib";

/// Runs tests of paho.mqtt.testing.
const PAHO_RUNNER: &str = include_str!("paho.py");

/// A suite, or the half of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Paho,
    Conformance,
}

impl Kind {
    pub(super) const ALL: [Kind; 2] = [Kind::Paho, Kind::Conformance];

    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Paho => "paho.mqtt.testing",
            Kind::Conformance => "mqtt5-conformance",
        }
    }

    /// The repository, and the commit that is run.
    pub(super) fn source(self) -> (&'static str, &'static str) {
        match self {
            Kind::Paho => {
                ("eclipse-paho/paho.mqtt.testing", "9d7bb80bb8b9d9cfc0b52f8cb4c1916401281103")
            }
            Kind::Conformance => {
                ("LabOverWire/mqtt-lib", "fcdebe0eb6fae7fdd3829eaae99911f81fe5fa36")
            }
        }
    }

    /// What only a checkout of it has.
    pub(super) fn mark(self) -> &'static str {
        match self {
            Kind::Paho => "interoperability/client_test5.py",
            Kind::Conformance => "crates/mqtt5-conformance-cli/Cargo.toml",
        }
    }
}

/// A checkout.
pub(super) struct Suite {
    pub(super) kind: Kind,
    pub(super) folder: PathBuf,
}

/// How one test ended.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Ended {
    Passed,
    Skipped,
    Failed(String),
}

type Results = BTreeMap<String, Ended>;

impl Suite {
    /// The suite that a checkout is of.
    pub(super) fn at(folder: &Path) -> Result<Self> {
        let folder = folder.canonicalize().with_context(|| {
            format!("looking at the suite in {}\nhint: clone {URLS}", folder.display())
        })?;
        match Kind::ALL.into_iter().find(|kind| folder.join(kind.mark()).is_file()) {
            Some(kind) => Ok(Suite { kind, folder }),
            None => bail!("{} is none of the suites\nhint: clone {URLS}", folder.display()),
        }
    }

    /// Runs its tests against a node, those that fail up to `tries` times. Gives what became of
    /// them, by the version of MQTT where the suite has two.
    pub(super) fn run(
        &self,
        node: &Node,
        scratch: &Path,
        tries: usize,
    ) -> Result<Vec<(&'static str, Outcome)>> {
        match self.kind {
            Kind::Paho => {
                let script = scratch.join("paho.py");
                fs::write(&script, PAHO_RUNNER).context("writing the runner of the suite")?;
                let modules = [("paho-3.1.1", "client_test"), ("paho-5.0", "client_test5")];
                let run = |(name, module)| {
                    let once = |only: Option<&str>| self.run_paho(&script, module, node, only);
                    Ok((name, several(tries, once)?))
                };
                modules.into_iter().map(run).collect()
            }
            Kind::Conformance => {
                let program = self.build()?;
                let descriptor = scratch.join("node-under-test.toml");
                let told = describe(node).context("the node listens at fewer addresses")?;
                fs::write(&descriptor, told).context("describing the node to the suite")?;
                let once = |only: Option<&str>| run_conformance(&program, &descriptor, only);
                Ok(vec![("mqtt5-conformance", several(tries, once)?)])
            }
        }
    }

    fn run_paho(
        &self,
        script: &Path,
        module: &str,
        node: &Node,
        only: Option<&str>,
    ) -> Result<Results> {
        let port = node.mqtt.first().context("the node does not listen for MQTT")?.port();
        let python = install::program("python3", "python3")?;
        let text = shell::output(
            Command::new(python)
                .arg(script)
                .arg(module)
                .arg(port.to_string())
                .args(only)
                .env("PYTHONDONTWRITEBYTECODE", "1")
                .current_dir(self.folder.join("interoperability")),
        )
        .with_context(|| format!("running {module} of the suite"))?;
        text.lines().map(paho_line).collect()
    }

    /// Builds the suite's program, in the checkout's own target folder.
    fn build(&self) -> Result<PathBuf> {
        println!("building the suite's program (some minutes, once)");
        let target = self.folder.join("target");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        shell::run(
            Command::new(cargo)
                .args(["build", "--quiet", "-p", "mqtt5-conformance-cli"])
                .env("CARGO_TARGET_DIR", &target)
                .current_dir(&self.folder),
        )
        .context("building the suite's program")?;
        Ok(target.join("debug/mqtt5-conformance"))
    }
}

/// What the conformance suite is told of the node.
fn describe(node: &Node) -> Option<String> {
    let (tcp, websocket) = (node.mqtt.first()?, node.mqtt.get(1)?);
    Some(format!(
        "name = \"sedge\"\naddress = \"mqtt://{tcp}\"\nws_address = \"ws://{websocket}/mqtt\"\n\
         [capabilities]\ntopic_alias_maximum = 64\nserver_receive_maximum = 1024\n\
         maximum_packet_size = 1048576\n[capabilities.transports]\ntcp = true\nwebsocket = true\n"
    ))
}

/// Runs all tests, and then those that have failed, one by one.
fn several(tries: usize, once: impl Fn(Option<&str>) -> Result<Results>) -> Result<Outcome> {
    let mut results = once(None)?;
    if results.is_empty() {
        bail!("the suite has told of no test");
    }
    for again in 2..=tries {
        let is_failed = |(_, ended): &(&String, &Ended)| matches!(ended, Ended::Failed(_));
        let failed: Vec<String> =
            results.iter().filter(is_failed).map(|(test, _)| test.clone()).collect();
        for test in failed {
            let ended = once(Some(&test))?.remove(&test);
            if ended == Some(Ended::Passed) {
                println!("  passes at try {again}: {}", short(&test));
                results.insert(test, Ended::Passed);
            }
        }
    }
    let mut outcome = Outcome::default();
    for (test, ended) in results {
        match ended {
            Ended::Passed => outcome.passed += 1,
            Ended::Skipped => outcome.skipped += 1,
            Ended::Failed(why) => drop(outcome.failed.insert(short(&test).to_owned(), why)),
        }
    }
    Ok(outcome)
}

/// The name of a test without the statements that it is about.
fn short(test: &str) -> &str {
    test.split_once(" [").map_or(test, |(name, _)| name)
}

/// Reads a line of the runner of paho.mqtt.testing.
fn paho_line(line: &str) -> Result<(String, Ended)> {
    let told: serde_json::Value =
        serde_json::from_str(line).with_context(|| format!("reading the suite's line {line}"))?;
    let text = |key: &str| told[key].as_str().unwrap_or_default().to_owned();
    let ended = match told["ended"].as_str() {
        Some("passed") => Ended::Passed,
        Some("skipped") => Ended::Skipped,
        _ => Ended::Failed(text("detail")),
    };
    Ok((text("test"), ended))
}

fn run_conformance(program: &Path, descriptor: &Path, only: Option<&str>) -> Result<Results> {
    let mut command = Command::new(program);
    command.arg("--sut").arg(descriptor).args(["--format", "pretty"]);
    if let Some(test) = only {
        command.args(["--exact", test]);
    }
    // It ends with an error if a test fails.
    let output = command.output().with_context(|| format!("starting {}", program.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut results: Results = text.lines().filter_map(conformance_line).collect();
    for (test, why) in details(&text) {
        if let Some(ended @ Ended::Failed(_)) = results.get_mut(test) {
            *ended = Ended::Failed(why.to_owned());
        }
    }
    Ok(results)
}

/// Reads `test NAME … ok`, as the suite prints it.
fn conformance_line(line: &str) -> Option<(String, Ended)> {
    let (test, ended) = line.strip_prefix("test ")?.rsplit_once("... ")?;
    let ended = match ended.trim() {
        "ok" => Ended::Passed,
        "ignored" => Ended::Skipped,
        "FAILED" => Ended::Failed(String::new()),
        _ => return None,
    };
    Some((test.trim().to_owned(), ended))
}

/// What is printed of failed tests, behind their names.
fn details(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split("\n---- ").skip(1).filter_map(|part| {
        let (test, why) = part.split_once(" ----\n")?;
        Some((test, why.split("\n\n").next().unwrap_or(why)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    const PRINTED: &str = "\nrunning 4 tests\n\
        test a::first [MQTT-1.2-3]       ... ok\n\
        test a::second [MQTT-1.2-4]      ... FAILED\n\
        test a::third [missing: hooks]   ... ignored\n\
        test result: FAILED. 1 passed; 1 failed\n\
        failures:\n\n---- a::second [MQTT-1.2-4] ----\nleft: 1\nright: 2\n\n\nfailures:\n    a::second\n";

    #[test]
    fn what_suites_print_is_read() {
        let mut results: Results = PRINTED.lines().filter_map(conformance_line).collect();
        assert_eq!(results.len(), 3);
        assert_eq!(results.remove("a::third [missing: hooks]"), Some(Ended::Skipped));
        let told: Vec<_> = details(PRINTED).collect();
        assert_eq!(told, [("a::second [MQTT-1.2-4]", "left: 1\nright: 2")]);
        let line = r#"{"test": "test_x", "ended": "failed", "detail": "no"}"#;
        let expected = ("test_x".to_owned(), Ended::Failed("no".to_owned()));
        assert_eq!(paho_line(line).expect("a line"), expected);
        assert!(paho_line("oops").is_err());
    }

    #[test]
    fn what_fails_is_run_again_and_nothing_else() {
        let turns = Cell::new(0);
        let outcome = several(3, |only| {
            turns.set(turns.get() + 1);
            let failed = || Ended::Failed("no".to_owned());
            Ok(match (only, turns.get()) {
                (None, _) => Results::from([
                    ("always [A]".to_owned(), failed()),
                    ("fine".to_owned(), Ended::Passed),
                    ("once [B]".to_owned(), failed()),
                ]),
                (Some("once [B]"), _) => Results::from([("once [B]".to_owned(), Ended::Passed)]),
                (Some(test), _) => Results::from([(test.to_owned(), failed())]),
            })
        })
        .expect("an outcome");
        let failed = BTreeMap::from([("always".to_owned(), "no".to_owned())]);
        assert_eq!(outcome, Outcome { passed: 2, skipped: 0, failed });
        assert_eq!(turns.get(), 4, "all, two again, one again");
        assert!(several(1, |_| Ok(Results::new())).is_err());
    }
}
