//! `sedge dev`: a node for whoever is writing a function.

use crate::cli::{AppPaths, MeshArgs};
use crate::commands::up::{self, NodeArgs};
use anyhow::Result;
use clap::Args;
use sedge_node::Reload;
use std::process::ExitCode;

const EXAMPLES: &str = "\
Examples:
  sedge dev
  sedge dev -f shop --listen 127.0.0.1:8080 --access-log

Does what 'sedge up' does, and runs the build command of a function when one of
its sources changes ('watch' under [function.build]). A build that fails leaves
the last good revision serving; open connections are kept.";

/// Serve apps, and rebuild them when their sources change
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DevArgs {
    #[command(flatten)]
    apps: AppPaths,

    #[command(flatten)]
    node: NodeArgs,
}

/// Runs the command.
pub(crate) fn run(args: DevArgs) -> Result<ExitCode> {
    up::serve(&args.apps, &MeshArgs::default(), &args.node, Reload::Build)
}
