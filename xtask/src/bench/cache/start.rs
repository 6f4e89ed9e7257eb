//! How long a node takes to start with a million objects on its disk: it has died by
//! `kill -9`, so that all it knows of them is what it reads from their files.

use super::super::arguments::Arguments;
use super::super::report::{Report, figure};
use super::super::subjects::free_address;
use super::super::{SERVER_CORE, median};
use super::folder;
use super::player::{Play, write_objects};
use crate::http;
use crate::node::{self, Node};
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const OBJECTS: usize = 1_000_000;
/// What does not fit into memory is written to the disk, if it was asked for before.
const MEMORY_BYTES: u64 = 16 << 20;
const DISK_BYTES: u64 = 4 << 30;
const BODY_BYTES: usize = 100;
/// Objects that are asked for one after the other, and then again: fewer than memory
/// holds, so that they are hits from the second time on.
const BATCH: usize = 2_000;
/// How often each is asked for. Twice is what makes it worth writing; frequencies are
/// halved now and then, and may be while it is in memory.
const TIMES: usize = 4;
const CONNECTIONS: usize = 16;
/// Objects beyond those that are to be on the disk: memory keeps some for itself.
const MORE: usize = OBJECTS / 4;

/// Fills a node's disk, kills the node and starts it again, several times; the median
/// from its start until it is ready, in seconds.
pub(super) fn measure(
    workspace: &Workspace,
    arguments: &Arguments,
    report: &mut Report,
) -> Result<f64> {
    let place = Place::new(workspace)?;
    eprintln!("storing {OBJECTS} objects on a disk");
    let node = place.start(workspace)?;
    let mut first = 0;
    while on_disk(&node)? < OBJECTS as f64 {
        if first >= OBJECTS + MORE {
            bail!("after {first} objects only {} are on the disk", on_disk(&node)?);
        }
        place.fill(workspace, node.listen, first)?;
        first += BATCH;
    }
    node.kill()?;
    let (mut seconds, mut objects) = (Vec::new(), 0.0);
    for _ in 0..arguments.rounds {
        let node = place.start(workspace)?;
        seconds.push(node.ready_after.as_secs_f64());
        objects = on_disk(&node)?;
        // What it has found is served: nobody else is there to answer.
        place.ask_again(workspace, node.listen)?;
        node.kill()?;
    }
    if objects < OBJECTS as f64 * 0.99 {
        bail!("of {OBJECTS} objects only {objects} were found on the disk");
    }
    let seconds = median(&seconds);
    println!(
        "\na node with {objects} objects on its disk, killed: ready {} s after its start",
        figure(seconds)
    );
    report.row("sedge", "1,000,000 objects on disk", "start", seconds, "s");
    fs::remove_dir_all(place.data).context("emptying a bench's folder")?;
    Ok(seconds)
}

/// Where a node keeps what it stores, and what it is told.
struct Place {
    manifest: PathBuf,
    config: PathBuf,
    data: PathBuf,
    origin: SocketAddr,
    /// Always the same: what is stored is stored for the host that was asked.
    listen: SocketAddr,
}

impl Place {
    fn new(workspace: &Workspace) -> Result<Self> {
        let at = folder(workspace).join("start");
        if at.exists() {
            fs::remove_dir_all(&at).context("emptying a bench's folder")?;
        }
        fs::create_dir_all(&at).context("making a bench's folder")?;
        let (origin, listen) = (free_address()?, free_address()?);
        let [manifest, config, data] =
            ["sedge.toml", "node.toml", "data"].map(|name| at.join(name));
        fs::write(&manifest, super::servers::manifest(origin)).context("writing a manifest")?;
        let text =
            format!("[cache]\nmemory_bytes_max = {MEMORY_BYTES}\ndisk_bytes_max = {DISK_BYTES}\n");
        fs::write(&config, text).context("writing a node's configuration")?;
        Ok(Place { manifest, config, data, origin, listen })
    }

    fn start(&self, workspace: &Workspace) -> Result<Node> {
        Node::start(&node::Options {
            binary: &workspace.dist_binary("sedge"),
            manifest: Some(&self.manifest),
            data: &self.data,
            config: Some(&self.config),
            listen: Some(self.listen),
            core: Some(SERVER_CORE),
            patience: Duration::from_secs(60),
        })
    }

    fn fill(&self, workspace: &Workspace, to: SocketAddr, first: usize) -> Result<()> {
        let trace = self.trace(workspace, first)?;
        let once = fs::read_to_string(&trace).context("reading a trace")?;
        fs::write(&trace, once.repeat(TIMES)).context("writing a trace")?;
        self.play(&trace, CONNECTIONS).run(workspace, to).map(drop)
    }

    /// Whether most of what was asked for is answered without an origin. Not all of it
    /// needs to be: what the queue before the disk had no room for was not written.
    fn ask_again(&self, workspace: &Workspace, to: SocketAddr) -> Result<()> {
        let trace = self.trace(workspace, OBJECTS / 2)?;
        let run = self.play(&trace, 1).run(workspace, to)?;
        if run.served > BATCH as f64 * 0.5 {
            bail!("{} of {BATCH} stored objects were fetched again", run.served);
        }
        Ok(())
    }

    fn play<'a>(&self, trace: &'a Path, connections: usize) -> Play<'a> {
        Play { trace, seconds: None, connections, cold: 0, origin: Some(self.origin) }
    }

    fn trace(&self, workspace: &Workspace, first: usize) -> Result<PathBuf> {
        write_objects(&folder(workspace).join("start"), "trace", BODY_BYTES, first, BATCH)
    }
}

/// Objects on the disk, as the node's metrics say, once they do not change any more.
fn on_disk(node: &Node) -> Result<f64> {
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut before = -1.0;
    loop {
        let now = http::metric(node.admin, "sedge_cache_disk_objects")?;
        if now == before || Instant::now() > deadline {
            return Ok(now);
        }
        before = now;
        std::thread::sleep(Duration::from_millis(10));
    }
}
