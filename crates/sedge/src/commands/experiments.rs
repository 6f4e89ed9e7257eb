//! `sedge experiments`: what experiments have shown, as the function `experiments` writes it
//! to its namespace of kv.

mod table;

use super::AskedNode;
use super::kv::{Where, value_target};
use crate::show;
use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use clap::{Args, Subcommand};
use http::Method;
use sedge_node::hint::WithHint;
use serde_json::Value;
use std::process::ExitCode;

const REPORT_EXAMPLES: &str = "\
Examples:
  sedge experiments report
  sedge experiments report checkout --json
  sedge experiments report --namespace shop/flags

The function `experiments` writes reports to the namespace that its setting
EXPERIMENTS_STORE names. An interval holds the true difference with 95 %
probability however often it is looked at.";

/// The namespace that is looked into where none is named.
const NAMESPACE: &str = "/experiments";
/// What the key of a report begins with.
const PREFIX: &str = "report/";

/// Show what experiments have shown
#[derive(Args)]
#[command(disable_help_subcommand = true)]
pub(crate) struct ExperimentsArgs {
    #[command(subcommand)]
    command: ExperimentsCommand,

    #[command(flatten)]
    asked: AskedNode,
}

#[derive(Subcommand)]
enum ExperimentsCommand {
    /// Print the reports of experiments
    #[command(after_help = REPORT_EXAMPLES)]
    Report {
        /// The key of an experiment [default: all]
        name: Option<String>,

        /// Where reports lie [default: every APP/experiments]
        #[arg(long, value_name = "APP/NAMESPACE")]
        namespace: Option<String>,
    },
}

/// Runs the command.
pub(crate) fn run(args: ExperimentsArgs) -> Result<ExitCode> {
    let ExperimentsCommand::Report { name, namespace } = &args.command;
    super::runtime()?.block_on(async {
        let store = Where::find(&args.asked)?;
        let namespaces = match namespace {
            Some(namespace) => vec![namespace.clone()],
            None => namespaces(&store).await?,
        };
        let reports = reports(&store, &namespaces, name.as_deref()).await?;
        if args.asked.json {
            show::line(format!("{:#}", serde_json::json!({ "reports": reports })));
        } else {
            let tables: Vec<String> = reports.iter().map(table::of).collect();
            show::data(tables.join("\n").as_bytes());
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// The namespaces that are called as those of experiments are by default.
async fn namespaces(store: &Where) -> Result<Vec<String>> {
    let answer = store.ask_json("/v1/kv").await?;
    let all = answer["namespaces"].as_array().into_iter().flatten();
    let names = all.filter_map(|usage| usage["namespace"].as_str());
    let found: Vec<String> =
        names.filter(|name| name.ends_with(NAMESPACE)).map(ToOwned::to_owned).collect();
    if found.is_empty() {
        let error = anyhow!("there is no namespace APP{NAMESPACE}");
        return Err(WithHint::new(error, "name where reports lie with --namespace"));
    }
    Ok(found)
}

/// All reports, or those of one experiment.
async fn reports(store: &Where, namespaces: &[String], name: Option<&str>) -> Result<Vec<Value>> {
    let mut reports = Vec::new();
    for namespace in namespaces {
        let mut keys = Vec::new();
        let is_meant = |key: &str| {
            key.strip_prefix(PREFIX).is_some_and(|own| name.is_none_or(|name| name == own))
        };
        store
            .each_key(namespace, |key| {
                if is_meant(key) {
                    keys.push(key.to_owned());
                }
            })
            .await?;
        for key in keys {
            let value =
                store.ask(Method::GET, &value_target(namespace, &key), Bytes::new()).await?;
            let report = serde_json::from_slice(&value)
                .with_context(|| format!("read {key} of {namespace}"))?;
            reports.push(report);
        }
    }
    if reports.is_empty() {
        let of = name.map_or_else(String::new, |name| format!(" of an experiment {name:?}"));
        let error = anyhow!("there is no report{of} in {}", namespaces.join(", "));
        let hint = "one is written when the first visitors of an experiment were counted";
        return Err(WithHint::new(error, hint));
    }
    Ok(reports)
}
