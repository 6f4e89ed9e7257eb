//! What each command does, one module for each, in the order of the overview.

pub(crate) mod new;

pub(crate) mod check;

pub(crate) mod build;

pub(crate) mod call;

pub(crate) mod up;

pub(crate) mod dev;

pub(crate) mod kv;

pub(crate) mod cache;

pub(crate) mod streams;

pub(crate) mod experiments;

pub(crate) mod mqtt;

pub(crate) mod geo;

pub(crate) mod agents;

pub(crate) mod bench;

use crate::cli::{Cli, Command, MeshArgs};
use crate::huge_pages;
use crate::progress::Progress;
use anyhow::{Context, Result};
use sedge_model::node_config::{self, NodeConfig};
use sedge_node::app::AppSource;
use sedge_node::config;
use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tracing_subscriber::fmt::MakeWriter;

/// Runs a command to its end.
pub(crate) fn run(cli: Cli) -> Result<ExitCode> {
    match cli.command {
        Command::New(args) => new::run(args),
        Command::Check(args) => check::run(args),
        Command::Build(args) => build::run(args),
        Command::Call(args) => call::run(args),
        Command::Up(args) => up::run(args),
        Command::Dev(args) => dev::run(args),
        Command::Kv(args) => kv::run(args),
        Command::Cache(args) => cache::run(args),
        Command::Streams(args) => streams::run(args),
        Command::Experiments(args) => experiments::run(args),
        Command::Mqtt(args) => mqtt::run(args),
        Command::Geo(args) => geo::run(args),
        Command::Agents(args) => agents::run(args),
        Command::Bench(args) => bench::run(args),
        Command::CompileWorker { arguments } => {
            // A compiler fills much memory once; it may have what its parent
            // went without.
            huge_pages::allow(true);
            Ok(sedge_node::compile_worker(arguments.into_iter()))
        }
    }
}

/// A runtime on this thread. The node's own threads carry the traffic; what
/// runs here waits for files, signals and answers.
fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the runtime")
}

/// This program, as the worker that compiles.
fn compiler() -> Result<Vec<OsString>> {
    let program = std::env::current_exe().context("find this program")?;
    Ok(vec![program.into(), "compile-worker".into()])
}

/// The apps at these paths. Mesh files are one app together, in the place of the
/// first of them.
fn find_apps(paths: &[PathBuf], mesh: &MeshArgs) -> Result<Vec<AppSource>> {
    let is_mesh_file = |path: &&PathBuf| AppSource::is_mesh_file(path);
    let files: Vec<PathBuf> = paths.iter().filter(is_mesh_file).cloned().collect();
    let mut seen = HashSet::new();
    let mut apps = Vec::with_capacity(paths.len());
    for path in paths {
        let app = match AppSource::is_mesh_file(path) {
            true => AppSource::mesh(&files, mesh.name.as_deref(), mesh.lenient)?,
            false => AppSource::find(path)?,
        };
        if seen.insert(app.clone()) {
            apps.push(app);
        }
    }
    Ok(apps)
}

/// Reads the configuration of a node, and looks at the files that it names.
fn node_config(file: &Path) -> Result<NodeConfig> {
    let text = std::fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    Ok(node_config::read_and_look(&text, file, config::look)?)
}

/// Which node a command asks, and how it prints what that answers.
#[derive(clap::Args)]
struct AskedNode {
    /// Admin pages of a node, instead of a folder
    #[arg(long, value_name = "ADDRESS", global = true)]
    admin: Option<std::net::SocketAddr>,

    /// Print JSON
    #[arg(long, global = true)]
    json: bool,

    /// Folder of the node's state
    #[arg(long, value_name = "DIR", default_value = ".sedge", global = true)]
    data: std::path::PathBuf,
}

/// Reads `name: value` as curl does.
fn header_field(text: &str) -> Result<(http::HeaderName, http::HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("write it as 'name: value'")?;
    let name = name.trim().parse().map_err(|_| format!("{name:?} is not the name of a field"))?;
    let value =
        value.trim().parse().map_err(|_| format!("{value:?} is not the value of a field"))?;
    Ok((name, value))
}

/// The bytes of a body argument: the text itself, the content of `@FILE`, or
/// standard input for `@-`.
fn body(argument: Option<&str>) -> Result<bytes::Bytes> {
    let Some(argument) = argument else { return Ok(bytes::Bytes::new()) };
    let Some(path) = argument.strip_prefix('@') else {
        return Ok(bytes::Bytes::copy_from_slice(argument.as_bytes()));
    };
    if path == "-" {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut std::io::stdin().lock(), &mut bytes)
            .context("read the body from standard input")?;
        return Ok(bytes.into());
    }
    Ok(std::fs::read(path).with_context(|| format!("read the body from {path}"))?.into())
}

/// What is worth a warning. A body that an upstream cuts off is the business of
/// the function that reads it, which is told.
const LOGGED: &str = "warn,sedge=info,wasmtime_wasi_http=error";

/// Sends the records of a node to `writer`: what is worth a warning, or what
/// `SEDGE_LOG` asks for.
fn start_log<W>(json: bool, writer: W)
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let filter = tracing_subscriber::EnvFilter::try_from_env("SEDGE_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(LOGGED));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    // A second start is refused, and the first one stays.
    let _ = if json { log.json().try_init() } else { log.try_init() };
}

/// Tells of builds and deployments on standard error.
fn progress() -> Progress {
    Progress::start()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_fields_are_read_as_curl_reads_them() {
        for bad in ["", "name", ": value", "na me: value", "name: a\nb"] {
            assert!(header_field(bad).is_err(), "{bad:?}");
        }
        let (name, value) = header_field("Accept:  image/webp ").expect("a field");
        assert_eq!((name.as_str(), value.as_bytes()), ("accept", b"image/webp".as_slice()));
        assert!(header_field("x:").expect("an empty value").1.is_empty());
    }

    #[test]
    fn a_body_is_text_or_a_file() {
        assert!(body(None).expect("nothing").is_empty());
        assert_eq!(&body(Some("a@b")).expect("text")[..], b"a@b");
        assert!(body(Some("@/no/such/file")).is_err());
    }
}
