//! `sedge check`: mistakes in apps and in the configuration of a node, offline.

use crate::cli::{AppPaths, MeshArgs};
use crate::show;
use anyhow::Result;
use clap::Args;
use sedge_model::manifest::{Problem, Problems};
use sedge_model::mesh::Mistakes;
use sedge_model::node_config::NodeConfig;
use sedge_node::check::{Checked, Finding, Report};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

const EXAMPLES: &str = "\
Examples:
  sedge check
  sedge check shop/sedge.toml sensors --json
  sedge check --config node.toml                        the configuration alone
  sedge check . --config node.toml                      and an app on that node
  sedge check -f edge-routing.yaml --config node.toml

A path that ends with .yaml or .yml is a mesh file (Istio, Gateway API). Of a manifest
and of a configuration, the files that they name are looked at too: artifacts, folders,
certificates, secrets. Nothing is compiled and no node is asked.
Exits with 1 if an app cannot be deployed as it is, or if no node can start with the
configuration; notes do not count.";

/// Look for mistakes in apps and configurations, offline
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    apps: AppPaths,

    #[command(flatten)]
    mesh: MeshArgs,

    /// Configuration of the node (node.toml), which is checked too; without APP, it alone
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
    let mut config = None;
    let mut node = NodeConfig::default();
    if let Some(file) = &args.config {
        let problems = match super::node_config(file) {
            Ok(read) => {
                node = read;
                eprintln!("{} has no mistakes", file.display());
                Vec::new()
            }
            Err(error) => {
                failed = true;
                show::error(&error);
                error.downcast_ref::<Problems>().map(|one| one.list.clone()).unwrap_or_default()
            }
        };
        config = Some(json!({ "config": file, "problems": problems }));
    }
    let is_alone = args.config.is_some() && !args.apps.are_named();
    let paths = if is_alone { Vec::new() } else { args.apps.paths() };
    let mut checked = Checked::default();
    for app in super::find_apps(&paths, &args.mesh)? {
        match checked.app(&app, &node) {
            Ok(report) => {
                for problems in &report.warnings {
                    eprint!("{problems}");
                }
                failed |= report.count() > 0;
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
        let mut found = json!({ "apps": apps });
        if let Some(config) = config {
            found["config"] = config;
        }
        show::line(format!("{found:#}"));
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn text(report: &Report) -> String {
    let mut text = String::new();
    for function in &report.functions {
        let what = match (function.bytes, &function.world) {
            (None, _) => "no artifact".to_owned(),
            (Some(bytes), None) => show::bytes(bytes),
            (Some(bytes), Some(world)) => format!("{world}, {}", show::bytes(bytes)),
        };
        let _ = writeln!(text, "{}/{}: {what}", report.app, function.name);
        function.problems.iter().for_each(|one| tell(&mut text, "error", one));
        function.notes.iter().for_each(|one| tell(&mut text, "note", one));
    }
    if !report.problems.is_empty() {
        let _ = writeln!(text, "{}:", report.app);
        report.problems.iter().for_each(|one| tell(&mut text, "error", one));
    }
    if let Some((rules, upstreams)) = report.mesh {
        let _ = writeln!(text, "{} has {rules} rules and {upstreams} upstreams", report.app);
        if report.count() == 0 {
            return text;
        }
    }
    let _ = match report.count() {
        0 => writeln!(text, "{} can be deployed", report.app),
        1 => writeln!(text, "{} has 1 problem", report.app),
        count => writeln!(text, "{} has {count} problems", report.app),
    };
    text
}

fn tell(text: &mut String, word: &str, finding: &Finding) {
    let _ = writeln!(text, "  {word}: {}", finding.message);
    if let Some(hint) = &finding.hint {
        let _ = writeln!(text, "  hint: {hint}");
    }
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
    json!({
        "app": report.app,
        "manifest": report.manifest,
        "functions": functions,
        "problems": findings(&report.problems),
    })
}
