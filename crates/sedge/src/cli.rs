//! What a person types: the commands in the order in which a function lives.

use crate::commands::{
    agents, bench, build, cache, call, check, dev, experiments, geo, kv, mqtt, new, streams, up,
};
use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// clap lists subcommands in one block; the blocks here follow what a person
/// wants to do. A test keeps this text complete.
const OVERVIEW: &str = "\
{about}

{usage-heading} {usage}

Write a function:
  new          Start a project from a template
  check        Look for mistakes in apps and configurations, offline
  build        Run an app's build commands
  call         Send one request into a function, without a server

Run a node:
  up           Serve apps, and reload them when their files change
  dev          Serve apps, and rebuild them when their sources change
  kv           Read and write what functions have stored
  cache        Show, purge and warm what caching links have stored
  streams      Show and read the log of messages
  experiments  Show what experiments have shown
  mqtt         Write the passwords of MQTT clients
  geo          Update and ask the databases of addresses
  agents       Update and ask the patterns of user agents
  bench        Measure requests per second and latency

Options:
{options}{after-help}";

const EXAMPLES: &str = "\
Examples:
  sedge new hello && cd hello     a function in Rust
  sedge dev                       build it, serve it, rebuild on every change
  sedge call /                    one request, without a server
  sedge up -f shop -f sensors     two apps on one node

Use 'sedge <COMMAND> --help' for the options of a command.
Set SEDGE_LOG=debug to see what the node does.";

/// Run WebAssembly functions on your own edge node.
#[derive(Parser)]
#[command(
    name = "sedge",
    version,
    styles = STYLES,
    help_template = OVERVIEW,
    after_help = EXAMPLES,
    disable_help_subcommand = true,
    max_term_width = 100,
    infer_subcommands = false
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands, in the order of the overview.
#[derive(Subcommand)]
pub(crate) enum Command {
    New(new::NewArgs),
    Check(check::CheckArgs),
    Build(build::BuildArgs),
    Call(call::CallArgs),
    Up(up::UpArgs),
    Dev(dev::DevArgs),
    Kv(kv::KvArgs),
    Cache(cache::CacheArgs),
    Streams(streams::StreamsArgs),
    Experiments(experiments::ExperimentsArgs),
    Mqtt(mqtt::MqttArgs),
    Geo(geo::GeoArgs),
    Agents(agents::AgentsArgs),
    Bench(bench::BenchArgs),
    /// Compile one artifact; started by the node, never by hand.
    #[command(hide = true)]
    CompileWorker {
        /// Whatever the engine passes to its worker.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

/// Which apps a command is about.
#[derive(Args)]
pub(crate) struct AppPaths {
    /// Manifests, or folders with a sedge.toml [default: .]
    #[arg(value_name = "APP")]
    apps: Vec<PathBuf>,

    /// The same as APP; may be given several times
    #[arg(short, long = "file", value_name = "APP")]
    files: Vec<PathBuf>,
}

impl AppPaths {
    /// Whether any path is given.
    pub(crate) fn are_named(&self) -> bool {
        !self.files.is_empty() || !self.apps.is_empty()
    }

    /// The paths given, or the current folder.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        let paths: Vec<PathBuf> = self.files.iter().chain(&self.apps).cloned().collect();
        if paths.is_empty() { vec![Path::new(".").to_owned()] } else { paths }
    }
}

/// How files of a mesh are read.
#[derive(Args, Default)]
pub(crate) struct MeshArgs {
    /// Name of the app that mesh files are together [default: the first's]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,

    /// Warn of fields of mesh files that are not supported, and go on
    #[arg(long)]
    pub(crate) lenient: bool,
}

/// Where a node keeps its state.
#[derive(Args)]
pub(crate) struct DataFolder {
    /// Folder of the node's state: key-value store and compiled code
    #[arg(long, value_name = "DIR", default_value = ".sedge")]
    pub(crate) data: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_declaration_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_overview_names_every_command_with_its_own_words() {
        for command in Cli::command().get_subcommands().filter(|command| !command.is_hide_set()) {
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            let line = format!("  {:<11}  {about}\n", command.get_name());
            assert!(OVERVIEW.contains(&line), "missing in the overview: {line}");
        }
    }
}
