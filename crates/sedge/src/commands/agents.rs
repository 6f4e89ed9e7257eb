//! `sedge agents`: patterns of user agents, with or without a running node.

use crate::npm::{self, RegistryArgs};
use crate::show;
use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use sedge_node::client_facts;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;

const EXAMPLES: &str = "\
Examples:
  sedge agents update uap-core                 a package of npm
  sedge agents update regexes.yaml             a file
  sedge agents read 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0'

Functions that are granted `client = true` ask what a user agent says (sedge:client). What
kind of device it is needs no patterns; names and versions of browsers, systems and devices
come from those of uap-core, the file agents/regexes.yaml in the folder of the node's state.
They take about 27 MB of memory once such a function is deployed. A running node notices new
ones.";

/// Update and ask the patterns of user agents
#[derive(Args)]
#[command(after_help = EXAMPLES, disable_help_subcommand = true)]
pub(crate) struct AgentsArgs {
    #[command(subcommand)]
    command: AgentsCommand,

    /// Folder of the node's state
    #[arg(long, value_name = "DIR", default_value = ".sedge", global = true)]
    data: PathBuf,

    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum AgentsCommand {
    /// Take patterns from a file or from a package of npm
    Update {
        /// A file, or the name of a package
        source: String,

        #[command(flatten)]
        registry: RegistryArgs,
    },
    /// Tell what a user agent says
    Read {
        /// The value of a field User-Agent; - reads one of each line of standard input
        text: String,
    },
}

/// Runs the command.
pub(crate) fn run(args: AgentsArgs) -> Result<ExitCode> {
    match &args.command {
        AgentsCommand::Update { source, registry } => {
            let fetched = npm::file_or_package(source, registry, "yaml")?;
            let file = fetched.files.first().context("the package has no patterns")?;
            let [browsers, systems, devices] = client_facts::put_patterns(file, &args.data)?;
            if args.json {
                show::line(json!({ "browsers": browsers, "systems": systems, "devices": devices }));
            } else {
                show::line(format!(
                    "{browsers} patterns of browsers, {systems} of systems, {devices} of devices"
                ));
            }
        }
        AgentsCommand::Read { text } if text == "-" => {
            let reader = client_facts::AgentReader::open(&args.data)?;
            for line in std::io::stdin().lines() {
                let line = line.context("read standard input")?;
                show::line(reader.read(&line)?);
            }
        }
        AgentsCommand::Read { text } => {
            print(&client_facts::AgentReader::open(&args.data)?.read(text)?, args.json);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print(facts: &Value, json: bool) {
    if json {
        return show::line(format!("{facts:#}"));
    }
    let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
    let version = |name: &str| {
        let part = |part: &str| text(&facts[name][part]);
        let numbers: Vec<_> = ["major", "minor", "patch"].into_iter().filter_map(part).collect();
        let family = part("family").unwrap_or_default();
        format!("{family} {}", numbers.join(".")).trim_end().to_owned()
    };
    let device = &facts["device"];
    let device: Vec<_> =
        ["family", "brand", "model"].into_iter().filter_map(|part| text(&device[part])).collect();
    let rows = [
        vec!["kind".to_owned(), text(&facts["kind"]).unwrap_or_default()],
        vec!["browser".to_owned(), version("browser")],
        vec!["system".to_owned(), version("system")],
        vec!["device".to_owned(), device.join(", ")],
    ];
    show::data(show::table(&rows).as_bytes());
}
