//! `cargo xtask eval`: how Sedge compares with others in what it does, not in how fast.

mod cache_tests;
mod cedar;
mod envoy;
mod growthbook;
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
            "which evaluation?\nhint: `cargo xtask eval envoy`, `cargo xtask eval cache-tests`, \
             `cargo xtask eval cedar`, \
             `cargo xtask eval growthbook`, `cargo xtask eval mqtt`, `cargo xtask eval nab`, `cargo xtask eval pictures`, \
             `cargo xtask eval site`"
        );
    };
    match name.as_str() {
        "envoy" => envoy::run(workspace, rest),
        "cache-tests" => cache_tests::run(workspace, rest),
        "cedar" => cedar::run(workspace, rest),
        "growthbook" => growthbook::run(workspace, rest),
        "mqtt" => mqtt::run(workspace, rest),
        "nab" => nab::run(workspace, rest),
        "pictures" => pictures::run(workspace, rest),
        "site" => site::run(workspace, rest),
        unknown => bail!(
            "there is no evaluation `{unknown}`\n\
             hint: `envoy`, `cache-tests`, `cedar`, `growthbook`, `mqtt`, `nab`, `pictures`, `site`"
        ),
    }
}
