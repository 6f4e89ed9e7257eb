//! `sedge up`: a node that serves apps until it is told to stop.

use crate::cli::{AppPaths, MeshArgs};
use crate::huge_pages;
use crate::node_log::NodeLog;
use crate::progress::{Progress, records};
use crate::show;
use anyhow::{Context, Result};
use clap::Args;
use sedge_model::node_config::{CertificateFiles, LogFormat, NodeConfig, TlsListener};
use sedge_model::routing::claim::Claim;
use sedge_node::{AccessLogTo, Node, NodeOptions, Reload, Running};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

const EXAMPLES: &str = "\
Examples:
  sedge up                                   the app of this folder
  sedge up -f shop -f sensors --listen 0.0.0.0:80
  sedge up -f edge-routing.yaml --config node.toml
  sedge up --listen 127.0.0.1:0 --json       print the addresses on stdout
  sedge up --tls-cert site.pem --tls-key site-key.pem --tls-listen 0.0.0.0:443

A path that ends with .yaml or .yml is a mesh file (Istio, Gateway API).
Manifests and artifacts are watched: a change becomes a new revision, which is
compiled, started and probed before it takes the routes. Certificates are loaded
again when their files change. SIGHUP looks at all files now, and opens the file
of the access log anew.
SIGTERM and Ctrl-C answer the requests in flight first; a second one does not.";

/// Routes that are listed at the start.
const ROUTES_SHOWN: usize = 20;

/// Serve apps, and reload them when their files change
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct UpArgs {
    #[command(flatten)]
    apps: AppPaths,

    #[command(flatten)]
    mesh: MeshArgs,

    #[command(flatten)]
    node: NodeArgs,

    /// Do not watch files; reload on SIGHUP only
    #[arg(long)]
    no_watch: bool,
}

/// Options of the node itself; they win over its configuration file.
#[derive(Args)]
pub(crate) struct NodeArgs {
    /// Where requests arrive; port 0 takes a free one [default: 127.0.0.1:3000]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,

    /// Where requests arrive encrypted; needs a certificate [default: 127.0.0.1:3443]
    #[arg(long, value_name = "ADDRESS", requires = "tls_cert")]
    tls_listen: Option<SocketAddr>,

    /// Also listen with TLS, and show clients this certificate (PEM, its chain included)
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// The private key of the certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// Where the admin pages are [default: 127.0.0.1:3001]
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<SocketAddr>,

    /// Folder of the node's state: key-value store and compiled code [default: .sedge]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// Configuration of the node (node.toml)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Threads that serve requests [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_024))]
    threads: Option<u32>,

    /// Write a record of every request as a line of JSON, to FILE or stderr
    #[arg(long, value_name = "FILE", require_equals = true, num_args = 0..=1)]
    access_log: Option<Option<PathBuf>>,

    /// When ready, print the addresses and the process id as one line of JSON
    #[arg(long)]
    json: bool,
}

impl NodeArgs {
    fn config(&self) -> Result<NodeConfig> {
        let mut config = match &self.config {
            None => NodeConfig::default(),
            Some(file) => super::node_config(file)?,
        };
        config.listen = self.listen.unwrap_or(config.listen);
        config.admin = self.admin.unwrap_or(config.admin);
        config.data = self.data.clone().unwrap_or(config.data);
        config.threads = self.threads.or(config.threads);
        if let (Some(certificate), Some(key)) = (&self.tls_cert, &self.tls_key) {
            let files =
                CertificateFiles { certificate: certificate.clone(), key: key.clone(), name: None };
            config.tls.push(TlsListener {
                listen: self.tls_listen.unwrap_or(([127, 0, 0, 1], 3443).into()),
                certificates: vec![files],
                client: None,
                acme: None,
            });
        }
        Ok(config)
    }

    fn access_log(&self, config: &NodeConfig) -> AccessLogTo {
        match &self.access_log {
            Some(Some(file)) => AccessLogTo::File(file.clone()),
            Some(None) => AccessLogTo::Stderr,
            None if config.log.access => AccessLogTo::Stderr,
            None => AccessLogTo::Nowhere,
        }
    }
}

/// Runs the command.
pub(crate) fn run(args: UpArgs) -> Result<ExitCode> {
    let reload = if args.no_watch { Reload::Asked } else { Reload::Watch };
    serve(&args.apps, &args.mesh, &args.node, reload)
}

/// Serves until a signal says to stop.
pub(crate) fn serve(
    apps: &AppPaths,
    mesh: &MeshArgs,
    args: &NodeArgs,
    reload: Reload,
) -> Result<ExitCode> {
    huge_pages::allow(false);
    let config = args.config()?;
    let for_programs = config.log.format == LogFormat::Json;
    let log = NodeLog::stderr().context("start the log")?;
    let _flushed = log.flush_at_end();
    super::start_log(for_programs, log.clone());
    // A node may be there for devices alone: then no app is needed where none is named.
    let takes_messages = !config.mqtt.is_empty() || config.ingest.is_some();
    let is_for_devices = takes_messages && !apps.are_named() && !Path::new("sedge.toml").exists();
    let paths = if is_for_devices { Vec::new() } else { apps.paths() };
    let apps = super::find_apps(&paths, mesh)?;
    let drain = Duration::from_millis(config.ingress.drain_ms);
    let progress = super::progress();
    let mut options = NodeOptions::new(config, super::compiler()?);
    options.access_log = args.access_log(&options.config);
    options.log_records_dropped = log.dropped();
    options.reload = reload;
    options.observer = if for_programs { records() } else { progress.observer() };
    super::runtime()?.block_on(async {
        let mut signals = Signals::new()?;
        let node = tokio::select! {
            node = Node::start(options, apps) => node,
            () = signals.stop() => {
                progress.flush();
                return Ok(ExitCode::SUCCESS);
            }
        };
        progress.flush();
        let node = node?;
        // What failed was told as it happened. A node that serves nothing is
        // of no use, unless somebody is about to mend the app's source.
        let serving = is_for_devices || node.apps().iter().any(|app| app.current.is_some());
        if !serving && reload != Reload::Build {
            node.stop(Duration::ZERO).await;
            return Ok(ExitCode::FAILURE);
        }
        announce(&node, &progress, for_programs, args.json);
        run_until_stopped(node, signals, &progress, &log, drain).await
    })
}

/// Says where the node is: to a person or to the log, and to whoever started
/// it.
fn announce(node: &Node, progress: &Progress, for_programs: bool, json: bool) {
    let (Some(listen), Some(admin)) = (node.listen(), node.admin()) else { return };
    if for_programs {
        tracing::info!(%listen, %admin, tls = ?node.tls(), mqtt = ?node.mqtt(), "listening");
    } else {
        progress.text(routes(node));
        let tls: String = node.tls().iter().map(|one| format!(", https://{one}")).collect();
        let mqtt: String = node.mqtt().iter().map(|one| format!(", MQTT on {one}")).collect();
        progress.text(format!(
            "\nlistening on http://{listen}{tls}{mqtt}, admin pages on http://{admin}\n"
        ));
        progress.started();
        progress.flush();
    }
    if json {
        let (tls, mqtt) = (node.tls().to_vec(), node.mqtt().to_vec());
        let running = Running { listen, admin, tls, mqtt, pid: std::process::id() };
        show::line(running.to_json());
    }
}

fn routes(node: &Node) -> String {
    let mut rows = Vec::new();
    for revision in node.apps().iter().filter_map(|app| app.current.as_ref()) {
        for function in &revision.functions {
            let name = format!("{}/{}", revision.app, function.declared.name);
            let routes = function.declared.routes.iter();
            rows.extend(routes.map(|route| vec![format!("  {route}"), name.clone()]));
        }
        for rule in &revision.rules {
            let name = format!("{}/{}", revision.app, rule.declared.name);
            let claims = Claim::of_rule(&rule.declared).into_iter();
            rows.extend(claims.map(|(_, claim)| vec![format!("  {claim}"), name.clone()]));
        }
    }
    let hidden = rows.len().saturating_sub(ROUTES_SHOWN);
    rows.truncate(ROUTES_SHOWN);
    let mut text = show::table(&rows);
    if hidden > 0 {
        text += &format!("  … and {hidden} more routes\n");
    }
    text
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> Result<Self> {
        let on = |kind| signal(kind).context("wait for signals");
        Ok(Signals {
            terminate: on(SignalKind::terminate())?,
            interrupt: on(SignalKind::interrupt())?,
            hangup: on(SignalKind::hangup())?,
        })
    }

    async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

async fn run_until_stopped(
    node: Node,
    mut signals: Signals,
    progress: &Progress,
    log: &NodeLog,
    drain: Duration,
) -> Result<ExitCode> {
    loop {
        tokio::select! {
            _ = signals.hangup.recv() => {
                node.reopen_access_log();
                node.reload().await?;
            }
            _ = signals.terminate.recv() => break,
            _ = signals.interrupt.recv() => break,
        }
    }
    progress.text(format!(
        "stopping: requests in flight have {}; a second signal stops at once\n",
        show::duration(drain)
    ));
    let cut = tokio::select! {
        cut = node.stop(drain) => cut,
        () = signals.stop() => {
            progress.text("stopped at once\n");
            progress.flush();
            log.flush(Duration::from_millis(100));
            // Threads that still serve would be waited for.
            std::process::exit(1);
        }
    };
    if cut > 0 {
        progress.text(format!("{cut} connections were cut off\n"));
    }
    progress.flush();
    Ok(ExitCode::SUCCESS)
}
