//! `cargo xtask eval`: how Sedge compares with others in what it does, not in how fast.

mod agents;
mod cache_tests;
mod envoy;
mod growthbook;
mod mmdb;
mod mqtt;
mod nab;
mod options;
mod pictures;
mod site;

use crate::workspace::Workspace;
use anyhow::{Result, bail};

/// Runs the evaluation that the first argument names.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let Some((name, rest)) = arguments.split_first() else {
        bail!(
            "which evaluation?\nhint: `cargo xtask eval agents`, `cargo xtask eval envoy`, `cargo xtask eval cache-tests`, \
             `cargo xtask eval growthbook`, `cargo xtask eval mmdb`, `cargo xtask eval mqtt`, `cargo xtask eval nab`, `cargo xtask eval pictures`, \
             `cargo xtask eval site`"
        );
    };
    match name.as_str() {
        "agents" => agents::run(workspace, rest),
        "envoy" => envoy::run(workspace, rest),
        "cache-tests" => cache_tests::run(workspace, rest),
        "growthbook" => growthbook::run(workspace, rest),
        "mmdb" => mmdb::run(workspace, rest),
        "mqtt" => mqtt::run(workspace, rest),
        "nab" => nab::run(workspace, rest),
        "pictures" => pictures::run(workspace, rest),
        "site" => site::run(workspace, rest),
        unknown => bail!(
            "there is no evaluation `{unknown}`\n\
             hint: `agents`, `envoy`, `cache-tests`, `growthbook`, `mmdb`, `mqtt`, `nab`, `pictures`, `site`"
        ),
    }
}
