//! `sedge check`: mistakes in a manifest and its artifacts, offline.

use crate::cli::{AppPaths, MeshArgs};
use crate::show;
use anyhow::{Context, Result};
use clap::Args;
use sedge_model::manifest::{Problem, Problems};
use sedge_model::mesh::Mistakes;
use sedge_model::node_config::{self, NodeConfig};
use sedge_node::check::{self, Finding, Report};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

const EXAMPLES: &str = "\
Examples:
  sedge check
  sedge check shop/sedge.toml sensors --json
  sedge check -f edge-routing.yaml --config node.toml

A path that ends with .yaml or .yml is a mesh file (Istio, Gateway API).
Exits with 1 if an app cannot be deployed as it is; notes do not count.";

/// Look for mistakes in a manifest and its artifacts, offline
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    apps: AppPaths,

    #[command(flatten)]
    mesh: MeshArgs,

    /// Configuration of the node (node.toml), by which mesh files are read
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Print what was found as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command: every app is checked, whatever the others have.
pub(crate) fn run(args: CheckArgs) -> Result<ExitCode> {
    let mut apps: Vec<Value> = Vec::new();
    let mut failed = false;
    let node = match &args.config {
        None => NodeConfig::default(),
        Some(file) => {
            let text = std::fs::read_to_string(file)
                .with_context(|| format!("read {}", file.display()))?;
            node_config::read(&text, file)?
        }
    };
    for app in super::find_apps(&args.apps.paths(), &args.mesh)? {
        match check::app(&app, &node) {
            Ok(report) => {
                for problems in &report.warnings {
                    eprint!("{problems}");
                }
                failed |= report.problems() > 0;
                eprint!("{}", text(&report));
                apps.push(to_json(&report));
            }
            Err(error) => {
                failed = true;
                show::error(&error);
                let of_manifest = error.downcast_ref::<Problems>().map(|one| one.list.clone());
                let of_mesh = error.downcast_ref::<Mistakes>();
                let of_mesh =
                    of_mesh.map(|all| all.files.iter().flat_map(|one| one.list.clone()).collect());
                let problems: Option<Vec<Problem>> = of_manifest.or(of_mesh);
                apps.push(json!({ "manifest": app.manifest, "problems": problems }));
            }
        }
    }
    if args.json {
        show::line(format!("{:#}", json!({ "apps": apps })));
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn text(report: &Report) -> String {
    let mut text = String::new();
    for function in &report.functions {
        let what = match (function.bytes, function.world) {
            (None, _) => "no artifact".to_owned(),
            (Some(bytes), None) => show::bytes(bytes),
            (Some(bytes), Some(world)) => format!("{world}, {}", show::bytes(bytes)),
        };
        let _ = writeln!(text, "{}/{}: {what}", report.app, function.name);
        for (word, finding) in function
            .problems
            .iter()
            .map(|problem| ("error", problem))
            .chain(function.notes.iter().map(|note| ("note", note)))
        {
            let _ = writeln!(text, "  {word}: {}", finding.message);
            if let Some(hint) = &finding.hint {
                let _ = writeln!(text, "  hint: {hint}");
            }
        }
    }
    if let Some((rules, upstreams)) = report.mesh {
        let _ = writeln!(text, "{} has {rules} rules and {upstreams} upstreams", report.app);
        return text;
    }
    let _ = match report.problems() {
        0 => writeln!(text, "{} can be deployed", report.app),
        1 => writeln!(text, "{} has 1 problem", report.app),
        count => writeln!(text, "{} has {count} problems", report.app),
    };
    text
}

fn to_json(report: &Report) -> Value {
    let findings = |list: &[Finding]| -> Vec<Value> {
        list.iter().map(|one| json!({ "message": one.message, "hint": one.hint })).collect()
    };
    let functions: Vec<Value> = report
        .functions
        .iter()
        .map(|function| {
            json!({
                "function": function.name,
                "source": function.source,
                "bytes": function.bytes,
                "world": function.world,
                "problems": findings(&function.problems),
                "notes": findings(&function.notes),
            })
        })
        .collect();
    json!({ "app": report.app, "manifest": report.manifest, "functions": functions })
}
