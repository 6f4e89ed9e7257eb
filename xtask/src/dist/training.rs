//! A build that counts, and what it is asked for meanwhile: functions with fresh and
//! with reused instances, of both versions of `wasi:http`, alone and in chains, the
//! key-value store, files, an upstream, and what is stored of one; and hyper without WebAssembly, so that
//! what the node is measured against had the same chance.

use super::{Toolchain, compile};
use crate::node::{Node, Options};
use crate::workspace::Workspace;
use crate::{http, install, shell};
use anyhow::{Context, Result, bail};
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What is asked for, each as often as it goes.
const PATHS: [&str; 8] = [
    "/fresh",
    "/reused",
    "/early",
    "/chain/fresh",
    "/chain/reused",
    "/kv/get?key=none",
    "/files/page.html",
    "/upstream",
];
/// Sizes of stored answers in bytes, and how many of each are asked for.
const STORED: [(usize, usize); 3] = [(100, 20_000), (1_000, 500), (100_000, 50)];
/// Seconds for each of them.
const SECONDS: &str = "3";
/// Connections, each with one request at a time.
const CONNECTIONS: &str = "16";
/// Bytes of the upstream's answers.
const UPSTREAM_BYTES: &str = "1000";

/// The counts of an earlier training by this compiler, if there are any.
pub(super) fn kept(workspace: &Workspace, toolchain: &Toolchain) -> Result<Option<PathBuf>> {
    let Ok(entries) = fs::read_dir(folder(workspace)) else { return Ok(None) };
    let prefix = format!("{}-", toolchain.release);
    let mut found: Vec<PathBuf> = Vec::new();
    for entry in entries {
        let path = entry.context("looking for earlier counts")?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        if name.is_some_and(|name| name.starts_with(&prefix) && name.ends_with(".profdata")) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found.pop())
}

/// Trains, and returns the file of counts. Its name is new, because cargo builds anew
/// when a flag has changed, and not when a file has that a flag names.
pub(super) fn run(workspace: &Workspace, toolchain: &Toolchain) -> Result<PathBuf> {
    install::llvm_tools(&toolchain.programs)?;
    println!("building what counts its branches: up to ten minutes on two cores, once");
    let folder = folder(workspace);
    let raw = folder.join("raw");
    let _ = fs::remove_dir_all(&raw);
    fs::create_dir_all(&raw).context("making the folder of the counts")?;
    let flags = [format!("-Cprofile-generate={}", raw.display())];
    compile(workspace, toolchain, &flags, &folder).context("building what is trained")?;
    println!("asking it for {} kinds of answers, {SECONDS} s each", PATHS.len() + STORED.len());
    ask_node(workspace, &folder)?;
    ask_baseline(&folder)?;
    let now = std::time::UNIX_EPOCH.elapsed().context("reading the clock")?.as_secs();
    let counts = folder.join(format!("{}-{now}.profdata", toolchain.release));
    let raws = fs::read_dir(&raw).context("looking for counts")?;
    let raws: Vec<PathBuf> = raws.flatten().map(|entry| entry.path()).collect();
    if raws.is_empty() {
        bail!("the programs that were trained left no counts in {}", raw.display());
    }
    shell::run(
        Command::new(toolchain.programs.join("llvm-profdata"))
            .args(["merge", "--output"])
            .arg(&counts)
            .args(raws),
    )
    .context("joining the counts")?;
    for old in others(&folder, &counts)? {
        let _ = fs::remove_file(old);
    }
    let _ = fs::remove_dir_all(&raw);
    Ok(counts)
}

fn others(folder: &Path, counts: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).context("looking for earlier counts")?;
    let paths = entries.flatten().map(|entry| entry.path());
    let is_other = |path: &PathBuf| {
        path != counts && path.extension().is_some_and(|extension| extension == "profdata")
    };
    Ok(paths.filter(is_other).collect())
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target.join("training")
}

/// Asks a node for everything, then ends it as an operator does: it writes its counts
/// on its way out.
fn ask_node(workspace: &Workspace, folder: &Path) -> Result<()> {
    // A port that was free a moment ago: the generator will listen there.
    let upstream = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let upstream = upstream.context("looking for a free port")?.to_string();
    let manifest = write_app(workspace, &folder.join("app"), &upstream)?;
    let node = Node::start(&Options {
        binary: &folder.join("sedge"),
        manifest: Some(&manifest),
        data: &folder.join("app/data"),
        config: None,
        listen: None,
        core: None,
        patience: Duration::from_secs(300),
    })?;
    for path in PATHS {
        let mut load = Command::new(folder.join("closed-loop"));
        load.args([&node.listen.to_string(), path, SECONDS, CONNECTIONS]);
        if path == "/upstream" {
            load.args([&upstream, UPSTREAM_BYTES]);
        } else {
            let (answer, _) = http::get(node.listen, path)?;
            if answer.status != 200 {
                bail!("{path} answered {} {}\n{}", answer.status, answer.text(), node.log_tail());
            }
        }
        shell::output(&mut load).with_context(|| format!("asking for {path}"))?;
    }
    ask_cache(&node, folder, &upstream)?;
    if !node.stop()? {
        bail!("the node that was trained did not end as it should");
    }
    Ok(())
}

/// Asks for many answers once, and for some again and again.
fn ask_cache(node: &Node, folder: &Path, upstream: &str) -> Result<()> {
    for (bytes, count) in STORED {
        let paths: String = (0..count).map(|object| format!("/{bytes}/{object}\n")).collect();
        let trace = folder.join("trace");
        fs::write(&trace, paths).context("writing what a cache is asked for")?;
        for seconds in ["0", SECONDS] {
            let mut load = Command::new(folder.join("trace-player"));
            load.arg(node.listen.to_string()).arg(&trace);
            load.args([seconds, CONNECTIONS, "0", upstream, "by-path"]);
            shell::output(&mut load).context("asking for what is stored")?;
        }
    }
    Ok(())
}

fn write_app(workspace: &Workspace, folder: &Path, upstream: &str) -> Result<PathBuf> {
    let guest = |name: &str| workspace.guests().join(format!("{name}.wasm"));
    let mut text = "[app]\nname = \"training\"\n".to_owned();
    for (name, guest_name, isolation, routes) in [
        ("fresh", "hello", "request", "[\"/fresh\"]"),
        ("reused", "hello", "instance", "[\"/reused\"]"),
        ("p3", "probe-p3", "request", "[\"/early\"]"),
        ("kv", "probe", "instance", "[\"/kv/*\"]"),
        ("pass-fresh", "pass", "request", "[]"),
        ("pass-reused", "pass", "instance", "[]"),
    ] {
        text += &format!(
            "\n[[function]]\nname = {name:?}\nsource = {:?}\nisolation = {isolation:?}\n\
             routes = {routes}\n",
            guest(guest_name)
        );
        if name == "kv" {
            text += "[function.capabilities]\nkv = [\"default\"]\n";
        }
    }
    for isolation in ["fresh", "reused"] {
        let link = format!("pass-{isolation}");
        text += &format!(
            "\n[[chain]]\nname = {isolation:?}\nlinks = [{link:?}, {link:?}]\nfunction = \"reused\"\n\
             \n[[route]]\nname = {isolation:?}\nmatch = [\"/chain/{isolation}\"]\nchain = {isolation:?}\n"
        );
    }
    text +=
        "\n[[route]]\nname = \"files\"\nmatch = [\"/files/*\"]\nfiles = { folder = \"pages\" }\n";
    text += &format!(
        "\n[[upstream]]\nname = \"upstream\"\nendpoints = [{upstream:?}]\n\
         \n[[route]]\nname = \"upstream\"\nmatch = [\"/upstream\"]\nupstream = \"upstream\"\n\
         \n[[chain]]\nname = \"cached\"\nlinks = [{{ cache = {{}} }}]\nupstream = \"upstream\"\n\
         \n[[route]]\nname = \"cached\"\nmatch = [\"/100/*\", \"/1000/*\", \"/100000/*\"]\n\
         chain = \"cached\"\n"
    );
    let pages = folder.join("pages/files");
    fs::create_dir_all(&pages).context("making the training's app")?;
    fs::write(pages.join("page.html"), vec![b'x'; 4_000]).context("writing the training's page")?;
    let manifest = folder.join("sedge.toml");
    fs::write(&manifest, text).context("writing the training's manifest")?;
    Ok(manifest)
}

/// Asks the baseline for the one thing that it answers.
fn ask_baseline(folder: &Path) -> Result<()> {
    let mut child = Command::new(folder.join("hyper-hello"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("starting the baseline")?;
    let asked = ask_child(&mut child, folder);
    let ended = end(&mut child);
    asked.and(ended)
}

fn ask_child(child: &mut Child, folder: &Path) -> Result<()> {
    let stdout = child.stdout.take().context("reading the baseline's address")?;
    let mut address = String::new();
    BufReader::new(stdout).read_line(&mut address).context("reading the baseline's address")?;
    let mut load = Command::new(folder.join("closed-loop"));
    load.args([address.trim(), "/", SECONDS, CONNECTIONS]);
    shell::output(&mut load).context("asking the baseline").map(drop)
}

/// SIGTERM, and waits.
fn end(child: &mut Child) -> Result<()> {
    let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    told.context("sending SIGTERM to the baseline")?;
    let deadline = Instant::now() + Duration::from_secs(10);
    while Instant::now() < deadline {
        if child.try_wait()?.is_some() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = child.kill();
    let _ = child.wait();
    bail!("the baseline did not end within 10 s of SIGTERM")
}
