//! The servers that are measured side by side, each on the same one core with
//! the same answer.

use super::SERVER_CORE;
use super::arguments::Arguments;
use crate::install;
use crate::node::{self, Node};
use crate::shell::{self, on_path};
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server that can be started, measured and stopped again and again.
pub(super) struct Subject {
    /// The word that results use.
    pub name: &'static str,
    /// How it is started, or why it is not here.
    pub start: Result<Start, String>,
}

/// How a server is started.
pub(super) enum Start {
    /// A node with the app in this folder.
    Sedge { binary: PathBuf, folder: PathBuf },
    /// A program that prints its address.
    Prints(PathBuf),
    /// A program that listens where it is told: `{address}`, `{port}`.
    Told(Vec<OsString>, Vec<(&'static str, String)>),
    /// A program whose configuration says where it listens.
    At(Vec<OsString>, SocketAddr),
}

/// A server that runs; stopped when dropped.
pub(super) enum Server {
    Sedge(Box<Node>),
    Program(Child, SocketAddr),
}

/// Names of the subjects that bars are about.
pub(super) const BASELINE: &str = "hyper, no wasm";
pub(super) const FRESH: &str = "sedge fresh";
pub(super) const REUSED: &str = "sedge reused";
pub(super) const WASMTIME: &str = "wasmtime serve";

/// All subjects; those that are missing say why.
pub(super) fn all(workspace: &Workspace, arguments: &Arguments) -> Result<Vec<Subject>> {
    let folder = workspace.root.join("target/bench");
    fs::create_dir_all(&folder).context("making target/bench")?;
    let hello = workspace.guests().join("hello.wasm");
    let sedge = |isolation: &str| sedge(workspace, &folder, &hello, isolation);
    Ok(vec![
        Subject { name: BASELINE, start: Ok(Start::Prints(workspace.dist_binary("hyper-hello"))) },
        Subject { name: FRESH, start: Ok(sedge("request")?) },
        Subject { name: REUSED, start: Ok(sedge("instance")?) },
        Subject { name: WASMTIME, start: wasmtime(workspace, arguments, &hello) },
        Subject { name: "workerd", start: workerd(workspace, &folder) },
        Subject { name: "deno", start: deno(workspace, &folder) },
    ])
}

fn sedge(workspace: &Workspace, bench: &Path, hello: &Path, isolation: &str) -> Result<Start> {
    let folder = bench.join(isolation);
    fs::create_dir_all(&folder).context("making a bench's folder")?;
    let manifest = format!(
        "[app]\nname = \"bench\"\n\n[[function]]\nname = \"hello\"\nsource = {hello:?}\n\
         routes = [\"/*\"]\nisolation = {isolation:?}\n"
    );
    fs::write(folder.join("sedge.toml"), manifest).context("writing a bench's manifest")?;
    Ok(Start::Sedge { binary: workspace.dist_binary("sedge"), folder })
}

/// `$WASMTIME`, the one on `PATH`, or the one that `--with-wasmtime` built.
fn wasmtime(workspace: &Workspace, arguments: &Arguments, hello: &Path) -> Result<Start, String> {
    let tools = workspace.cache("tools");
    let built = tools.join("bin/wasmtime");
    if arguments.with_wasmtime && !built.is_file() {
        println!("building wasmtime-cli 48 (up to half an hour on two cores, once)");
        let _ = shell::run(
            shell::cargo(workspace)
                .args(["install", "--locked", "wasmtime-cli", "--version", "48.0.8", "--root"])
                .arg(&tools),
        );
    }
    let named = std::env::var_os("WASMTIME").map(PathBuf::from);
    let program = named.or_else(|| on_path("wasmtime")).or(Some(built).filter(|p| p.is_file()));
    let program = program.ok_or("not on PATH, nor in $WASMTIME; --with-wasmtime builds it")?;
    let words = [program.into(), "serve".into(), "--addr={address}".into(), hello.into()];
    Ok(Start::Told(words.into(), Vec::new()))
}

const HELLO_JS: &str = "export default { fetch() { return new Response('hello, world\\n', \
                        { headers: { 'content-type': 'text/plain' } }); } };\n";

fn workerd(workspace: &Workspace, bench: &Path) -> Result<Start, String> {
    let program = install::npm_program(workspace, "workerd", "@cloudflare", "bin/workerd")?;
    let folder = bench.join("workerd");
    let config = "using Workerd = import \"/workerd/workerd.capnp\";\n\
        const config :Workerd.Config = (\n\
        \x20 services = [(name = \"main\", worker = .hello)],\n\
        \x20 sockets = [(name = \"http\", http = (), service = \"main\")],\n);\n\
        const hello :Workerd.Worker = (\n\
        \x20 modules = [(name = \"hello.js\", esModule = embed \"hello.js\")],\n\
        \x20 compatibilityDate = \"2026-01-01\",\n);\n";
    let written = fs::create_dir_all(&folder)
        .and_then(|()| fs::write(folder.join("hello.js"), HELLO_JS))
        .and_then(|()| fs::write(folder.join("config.capnp"), config));
    written.map_err(|error| format!("its configuration cannot be written: {error}"))?;
    let words = [
        program.into(),
        "serve".into(),
        folder.join("config.capnp").into(),
        "--socket-addr=http={address}".into(),
    ];
    Ok(Start::Told(words.into(), Vec::new()))
}

fn deno(workspace: &Workspace, bench: &Path) -> Result<Start, String> {
    let program = install::npm_program(workspace, "deno", "@deno", "deno")?;
    let folder = bench.join("deno");
    let written =
        fs::create_dir_all(&folder).and_then(|()| fs::write(folder.join("hello.js"), HELLO_JS));
    written.map_err(|error| format!("its script cannot be written: {error}"))?;
    let words = [
        program.into(),
        "serve".into(),
        "--no-config".into(),
        "--host=127.0.0.1".into(),
        "--port={port}".into(),
        folder.join("hello.js").into(),
    ];
    let cache = folder.join("cache").display().to_string();
    Ok(Start::Told(words.into(), vec![("DENO_DIR", cache), ("DENO_NO_UPDATE_CHECK", "1".into())]))
}

impl Start {
    /// Starts the server on its core and waits until it answers.
    pub(super) fn start(&self) -> Result<Server> {
        match self {
            Start::Sedge { binary, folder } => {
                let options = node::Options {
                    binary,
                    manifest: Some(&folder.join("sedge.toml")),
                    data: &folder.join("data"),
                    config: None,
                    listen: None,
                    core: Some(SERVER_CORE),
                    patience: Duration::from_secs(60),
                };
                Node::start(&options).map(Box::new).map(Server::Sedge)
            }
            Start::Prints(program) => {
                let mut child = pinned(&[program.into()]).stdout(Stdio::piped()).spawn()?;
                let stdout = child.stdout.take().context("reading the server's address")?;
                let mut line = String::new();
                BufReader::new(stdout).read_line(&mut line)?;
                let address = line.trim().parse().context("reading the server's address")?;
                Ok(Server::Program(child, address))
            }
            Start::Told(words, environment) => {
                let address = free_address()?;
                let words: Vec<OsString> = words.iter().map(|word| told(word, address)).collect();
                let mut command = pinned(&words);
                command.envs(environment.iter().map(|(name, value)| (name, value)));
                Server::program(command, address)
            }
            Start::At(words, address) => Server::program(pinned(words), *address),
        }
    }
}

fn told(word: &OsString, address: SocketAddr) -> OsString {
    match word.to_str() {
        Some(text) => text
            .replace("{address}", &address.to_string())
            .replace("{port}", &address.port().to_string())
            .into(),
        None => word.clone(),
    }
}

/// A command on the server's core.
pub(super) fn pinned(words: &[OsString]) -> Command {
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", &SERVER_CORE.to_string()]).args(words).stdin(Stdio::null());
    command
}

/// A port that was free a moment ago, for servers that cannot choose one.
pub(super) fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").context("looking for a free port")?;
    listener.local_addr().context("looking for a free port")
}

impl Server {
    /// Starts a program and waits until it answers, with whatever status.
    fn program(mut command: Command, address: SocketAddr) -> Result<Self> {
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let server = Server::Program(child, address);
        server.wait()?;
        Ok(server)
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        match self {
            Server::Sedge(node) => node.listen,
            Server::Program(_, address) => *address,
        }
    }

    fn id(&self) -> u32 {
        match self {
            Server::Sedge(node) => node.id(),
            Server::Program(child, _) => child.id(),
        }
    }

    /// Resident memory in MB (10⁶ bytes), shared pages included.
    pub(super) fn rss_mb(&self) -> f64 {
        rss_bytes(self.id()) / 1e6
    }

    /// CPU time of all its threads so far. A child that `taskset` became keeps
    /// its process id.
    pub(super) fn cpu_seconds(&self) -> f64 {
        cpu_seconds(self.id())
    }

    fn wait(&self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(20);
        while Instant::now() < deadline {
            if crate::http::get(self.address(), "/").is_ok() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!("the server did not answer within 20 s")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Server::Program(child, _) = self {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// CPU time of all threads of a process so far; 0 if it is gone.
pub(super) fn cpu_seconds(id: u32) -> f64 {
    let threads = fs::read_dir(format!("/proc/{id}/task"));
    let nanoseconds = threads.into_iter().flatten().flatten().filter_map(|thread| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<f64>().ok()
    });
    nanoseconds.sum::<f64>() / 1e9
}

/// Resident memory of a process in bytes; 0 if it is gone.
pub(super) fn rss_bytes(id: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or(0.0) * 1024.0
}
