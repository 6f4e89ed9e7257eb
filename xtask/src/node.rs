//! A running `sedge up`, on free ports of loopback.

use crate::http;
use crate::json;
use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How to start a node.
pub(crate) struct Options<'a> {
    /// The `sedge` binary.
    pub binary: &'a Path,
    /// The app's `sedge.toml`; `None`: the node is there for MQTT alone.
    pub manifest: Option<&'a Path>,
    /// The folder of its state and its compiled code.
    pub data: &'a Path,
    /// The node's own configuration; `None`: the defaults.
    pub config: Option<&'a Path>,
    /// Where it takes traffic; `None`: on a free port.
    pub listen: Option<SocketAddr>,
    /// The CPU that it may use; `None`: all.
    pub core: Option<usize>,
    /// How long it may compile before it answers.
    pub patience: Duration,
}

/// A node that answers; killed when dropped.
pub(crate) struct Node {
    child: Child,
    /// Where it takes traffic.
    pub listen: SocketAddr,
    /// Where its admin pages are.
    pub admin: SocketAddr,
    /// Where it takes MQTT clients.
    pub mqtt: Vec<SocketAddr>,
    /// What it writes to standard error.
    pub log: PathBuf,
    /// From the start of the process until `/readyz` said so.
    pub ready_after: Duration,
}

impl Node {
    /// Starts a node and waits until it is ready.
    pub(crate) fn start(options: &Options) -> Result<Self> {
        let start = Instant::now();
        let log = options.data.with_extension("log");
        let mut child = spawn(options, &log)?;
        let greeting = greeting(&mut child, options.patience).map_err(|error| {
            let _ = child.kill();
            let _ = child.wait();
            error.context(format!("starting a node\n{}", tail(&log)))
        })?;
        let mut node = Node {
            child,
            listen: address(&greeting, "listen")?,
            admin: address(&greeting, "admin")?,
            mqtt: addresses(&greeting, "mqtt")?,
            log,
            ready_after: Duration::ZERO,
        };
        node.wait_ready(start + options.patience)?;
        node.ready_after = start.elapsed();
        Ok(node)
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`: no chance to write anything.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.child.kill().context("killing the node")?;
        self.child.wait().context("waiting for the killed node").map(drop)
    }

    /// SIGTERM, and waits for the drain; whether it exited with status 0.
    pub(crate) fn stop(mut self) -> Result<bool> {
        let id = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status().context("sending SIGTERM")?;
        let deadline = Instant::now() + Duration::from_secs(20);
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status.success());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!("the node did not stop within 20 s of SIGTERM")
    }

    /// `/v1/functions` of the admin listener.
    pub(crate) fn functions(&self) -> Result<serde_json::Value> {
        http::get(self.admin, "/v1/functions")?.0.json()
    }

    /// The last lines of its log.
    pub(crate) fn log_tail(&self) -> String {
        tail(&self.log)
    }

    fn wait_ready(&mut self, deadline: Instant) -> Result<()> {
        loop {
            if let Ok((response, _)) = http::get(self.admin, "/readyz")
                && response.status == 200
            {
                return Ok(());
            }
            if self.child.try_wait()?.is_some() || Instant::now() > deadline {
                bail!("the node did not become ready\n{}", self.log_tail());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(options: &Options, log: &Path) -> Result<Child> {
    fs::create_dir_all(options.data).context("making the node's data folder")?;
    let log = File::create(log).context("making the node's log")?;
    let mut words: Vec<OsString> = Vec::new();
    if let Some(core) = options.core {
        words.extend(["taskset".into(), "--cpu-list".into(), core.to_string().into()]);
    }
    words.extend([options.binary.into(), "up".into()]);
    if let Some(manifest) = options.manifest {
        words.extend(["-f".into(), manifest.into()]);
    }
    let listen = options.listen.map_or("127.0.0.1:0".to_owned(), |listen| listen.to_string());
    words.extend(["--listen".into(), listen.into()]);
    words.extend(["--admin", "127.0.0.1:0", "--json"].map(Into::into));
    words.extend(["--data".into(), options.data.into()]);
    if let Some(config) = options.config {
        words.extend(["--config".into(), config.into()]);
    }
    Command::new(&words[0])
        .args(&words[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .with_context(|| format!("starting {}", options.binary.display()))
}

/// The line of JSON that `sedge up --json` prints when it listens.
fn greeting(child: &mut Child, patience: Duration) -> Result<serde_json::Value> {
    let stdout = child.stdout.take().context("reading the node's output")?;
    let (sender, receiver) = mpsc::channel();
    // The thread goes on reading, so that the node never blocks on a full pipe.
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    let line = receiver
        .recv_timeout(patience)
        .context("the node printed no address, and either ended or took too long")?;
    serde_json::from_str(&line).with_context(|| format!("reading the node's address: {line}"))
}

fn address(greeting: &serde_json::Value, key: &str) -> Result<SocketAddr> {
    json::text(greeting, key)?.parse().with_context(|| format!("reading the node's {key} address"))
}

fn addresses(greeting: &serde_json::Value, key: &str) -> Result<Vec<SocketAddr>> {
    let read = |one: &serde_json::Value| one.as_str().and_then(|text| text.parse().ok());
    let list = json::list(greeting, key)?.iter().map(read).collect::<Option<Vec<_>>>();
    list.with_context(|| format!("reading the node's {key} addresses"))
}

fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
