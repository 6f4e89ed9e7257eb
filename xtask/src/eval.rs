//! `cargo xtask eval`: how Sedge compares with others in what it does, not in how fast.

mod agents;
mod cache_tests;
mod cedar;
mod envoy;
mod forecast;
mod growthbook;
mod mmdb;
mod mqtt;
mod nab;
mod options;
mod pictures;
mod site;
mod windows;

use crate::workspace::Workspace;
use anyhow::{Result, bail};

type Evaluation = fn(&Workspace, &[String]) -> Result<()>;

/// All of them, by their names.
const EVALUATIONS: &[(&str, Evaluation)] = &[
    ("agents", agents::run),
    ("cache-tests", cache_tests::run),
    ("cedar", cedar::run),
    ("envoy", envoy::run),
    ("forecast", forecast::run),
    ("growthbook", growthbook::run),
    ("mmdb", mmdb::run),
    ("mqtt", mqtt::run),
    ("nab", nab::run),
    ("pictures", pictures::run),
    ("site", site::run),
    ("windows", windows::run),
];

/// Runs the evaluation that the first argument names.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let names: Vec<_> = EVALUATIONS.iter().map(|(name, _)| format!("`{name}`")).collect();
    let names = names.join(", ");
    let Some((name, rest)) = arguments.split_first() else {
        bail!("which evaluation?\nhint: one of {names}, as in `cargo xtask eval envoy`");
    };
    match EVALUATIONS.iter().find(|(known, _)| known == name) {
        Some((_, run)) => run(workspace, rest),
        None => bail!("there is no evaluation `{name}`\nhint: {names}"),
    }
}
