//! `sedge build`: runs the build commands of a manifest.

use crate::cli::{AppPaths, MeshArgs};
use crate::show;
use anyhow::{Result, bail};
use clap::Args;
use sedge_node::build::{self, Built};
use serde_json::{Value, json};
use std::process::ExitCode;

const EXAMPLES: &str = "\
Examples:
  sedge build
  sedge build -f shop -f sensors --json

The commands stand under [function.build] in the manifest; a function without
one is left alone.";

/// Run an app's build commands
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct BuildArgs {
    #[command(flatten)]
    apps: AppPaths,

    /// Print what was built as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn run(args: BuildArgs) -> Result<ExitCode> {
    let apps = super::find_apps(&args.apps.paths(), &MeshArgs::default())?;
    let runtime = super::runtime()?;
    let progress = super::progress();
    let mut all: Vec<Built> = Vec::new();
    for app in &apps {
        let (_, manifest) = app.read()?;
        if manifest.functions.iter().all(|function| function.build.is_none()) {
            progress.text(format!("{} has nothing to build\n", manifest.name));
        }
        let observer = progress.observer();
        let built = runtime.block_on(build::run_all(manifest.functions.iter(), &observer));
        progress.flush();
        all.extend(built?);
    }
    if args.json {
        show::line(format!(
            "{:#}",
            json!({ "built": all.iter().map(to_json).collect::<Vec<_>>() })
        ));
    } else {
        let rows: Vec<Vec<String>> = all
            .iter()
            .map(|built| vec![format!("  {}", built.function), show::bytes(built.bytes)])
            .collect();
        eprint!("{}", show::table(&rows));
    }
    if apps.is_empty() {
        bail!("there is no app to build");
    }
    Ok(ExitCode::SUCCESS)
}

fn to_json(built: &Built) -> Value {
    json!({ "function": built.function, "seconds": built.took.as_secs_f64(), "bytes": built.bytes })
}
