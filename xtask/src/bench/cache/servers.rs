//! The caches that are measured side by side: each on the same one core, with one worker
//! or one pool of threads, kept connections on both sides, and no access log.

use super::super::subjects::{cpu_seconds, free_address, pinned};
use super::player::{self, Play};
use crate::workspace::Workspace;
use crate::{install, json};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::ffi::OsString;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Names of the caches.
pub(super) const SEDGE: &str = "sedge";
pub(super) const NGINX: &str = "nginx";
pub(super) const VARNISH: &str = "varnish";

/// A cache that can be started again and again, each time empty.
pub(super) struct Cache {
    /// The word that results use.
    pub name: &'static str,
    program: PathBuf,
    configure: Configure,
    folder: PathBuf,
}

/// What a cache is started with.
struct Settings {
    listen: SocketAddr,
    origin: SocketAddr,
    /// What it may store, bytes.
    bytes_max: u64,
}

/// Files that nginx keeps open: all that are asked for again and again, and fewer than a
/// process may have without being allowed more.
const OPEN_FILES_MAX: usize = 900;

/// Writes a program's configuration to its folder; the words that start it.
type Configure = fn(&Path, &Path, &Settings) -> Result<Vec<OsString>>;

/// A cache that runs; stopped when dropped.
pub(super) struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// Where it keeps what it stores, if it does so in files.
    pub files: PathBuf,
}

/// All caches that are here, and why the others are not.
pub(super) fn all(workspace: &Workspace) -> (Vec<Cache>, Vec<(&'static str, String)>) {
    let (mut caches, mut absent) = (Vec::new(), Vec::new());
    let sedge = Ok(workspace.dist_binary("sedge"));
    let nginx = install::program("nginx", "nginx-light");
    let varnish = install::program("varnishd", "varnish");
    for (name, program, configure) in [
        (SEDGE, sedge, configure_sedge as Configure),
        (NGINX, nginx, configure_nginx),
        (VARNISH, varnish, configure_varnish),
    ] {
        match program {
            Ok(program) => {
                let folder = super::folder(workspace).join(name);
                caches.push(Cache { name, program, configure, folder });
            }
            Err(why) => {
                let why = format!("{why:#}").lines().next().unwrap_or_default().to_owned();
                absent.push((name, why));
            }
        }
    }
    (caches, absent)
}

impl Cache {
    /// Starts it, empty, on its core, and waits until it passes on.
    pub(super) fn start(
        &self,
        workspace: &Workspace,
        origin: SocketAddr,
        bytes_max: u64,
    ) -> Result<Server> {
        if self.folder.exists() {
            fs::remove_dir_all(&self.folder).context("emptying a cache's folder")?;
        }
        fs::create_dir_all(&self.folder).context("making a cache's folder")?;
        let listen = free_address()?;
        let settings = Settings { listen, origin, bytes_max };
        let words = (self.configure)(&self.program, &self.folder, &settings)?;
        let log = self.folder.join("log");
        let written = File::create(&log).context("making a cache's log")?;
        let child = pinned(&words)
            .process_group(0)
            .stdout(written.try_clone().context("making a cache's log")?)
            .stderr(written)
            .spawn()
            .with_context(|| format!("starting {}", self.name))?;
        let mut server = Server { child, address: listen, files: self.folder.join("files") };
        server.wait(workspace, origin).with_context(|| {
            format!("{}\n{}", self.name, fs::read_to_string(&log).unwrap_or_default())
        })?;
        Ok(server)
    }
}

impl Server {
    fn wait(&mut self, workspace: &Workspace, origin: SocketAddr) -> Result<()> {
        let trace = player::write_objects(&super::folder(workspace), "first", 1, 0, 1)?;
        let first =
            Play { trace: &trace, seconds: None, connections: 1, cold: 0, origin: Some(origin) };
        let deadline = Instant::now() + Duration::from_secs(20);
        while Instant::now() < deadline && self.child.try_wait()?.is_none() {
            if first.succeeds(workspace, self.address) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        bail!("the cache passed nothing on within 20 s")
    }

    /// Where its admin pages are: of Sedge only, which says so when it listens.
    pub(super) fn admin(&self) -> Result<SocketAddr> {
        let log = self.files.with_file_name("log");
        let log = fs::read_to_string(log).context("reading a cache's log")?;
        let line = log.lines().find(|line| line.starts_with('{'));
        let greeting = line.context("looking for where a node listens")?;
        let greeting: Value = serde_json::from_str(greeting).context("reading a node's address")?;
        json::text(&greeting, "admin")?.parse().context("reading a node's admin address")
    }

    /// CPU time of its processes so far.
    pub(super) fn cpu_seconds(&self) -> f64 {
        self.processes().into_iter().map(cpu_seconds).sum()
    }

    /// Memory of its processes in bytes; what they share counts once.
    pub(super) fn memory_bytes(&self) -> f64 {
        let share = |id| fs::read_to_string(format!("/proc/{id}/smaps_rollup"));
        self.processes()
            .into_iter()
            .map(|id| proportional_bytes(&share(id).unwrap_or_default()))
            .sum()
    }

    /// It and those that it started.
    fn processes(&self) -> Vec<u32> {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let stats = ids.filter_map(|id| {
            let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
            Some((id, group(&stat)?))
        });
        stats.filter(|(_, group)| *group == self.child.id()).map(|(id, _)| id).collect()
    }

    /// Bytes of the blocks of its files.
    pub(super) fn file_bytes(&self) -> u64 {
        block_bytes(&self.files)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Asked first: who has processes below them takes those along.
        let id = self.child.id();
        let kill = |words: &[&str]| {
            let _ = Command::new("kill").args(words).stderr(Stdio::null()).status();
        };
        kill(&["-TERM", &id.to_string()]);
        let deadline = Instant::now() + Duration::from_secs(5);
        while Instant::now() < deadline && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(10));
        }
        kill(&["-KILL", "--", &format!("-{id}")]);
        let _ = self.child.kill();
        let _ = self.child.wait();
        // What it stored may be some hundred thousand files.
        let _ = fs::remove_dir_all(&self.files);
    }
}

/// The process group in a line of `/proc/ID/stat`. The second field is a name in brackets,
/// which may hold anything.
fn group(stat: &str) -> Option<u32> {
    stat.rsplit_once(") ")?.1.split_whitespace().nth(2)?.parse().ok()
}

/// The proportional share (`Pss`) in a `smaps_rollup`, bytes.
fn proportional_bytes(rollup: &str) -> f64 {
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or(0.0) * 1024.0
}

fn block_bytes(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let bytes = entries.map(|entry| match entry.metadata() {
        Ok(data) if data.is_dir() => block_bytes(&entry.path()),
        Ok(data) => data.blocks() * 512,
        Err(_) => 0,
    });
    bytes.sum()
}

fn write(folder: &Path, name: &str, text: &str) -> Result<PathBuf> {
    let file = folder.join(name);
    fs::write(&file, text).context("writing a cache's configuration")?;
    Ok(file)
}

/// An app that passes everything through a caching link.
pub(super) fn manifest(origin: SocketAddr) -> String {
    format!(
        "[app]\nname = \"cache\"\n\n\
         [[upstream]]\nname = \"origin\"\nendpoints = [\"{origin}\"]\n\n\
         [[chain]]\nname = \"cached\"\nlinks = [{{ cache = {{}} }}]\nupstream = \"origin\"\n\n\
         [[route]]\nname = \"all\"\nmatch = [\"/*\"]\nchain = \"cached\"\n"
    )
}

fn configure_sedge(program: &Path, folder: &Path, settings: &Settings) -> Result<Vec<OsString>> {
    let Settings { listen, origin, bytes_max } = settings;
    let manifest = manifest(*origin);
    let manifest = write(folder, "sedge.toml", &manifest)?;
    let config = format!("[cache]\nmemory_bytes_max = {bytes_max}\n");
    let config = write(folder, "node.toml", &config)?;
    let mut words: Vec<OsString> = vec![program.into(), "up".into(), "-f".into(), manifest.into()];
    words.extend(["--config".into(), config.into(), "--data".into(), folder.join("data").into()]);
    words.extend(["--listen".to_owned(), listen.to_string()].map(Into::into));
    words.extend(["--admin", "127.0.0.1:0", "--json"].map(Into::into));
    Ok(words)
}

/// As its documentation says of `sendfile`, `open_file_cache`, `keepalive` and
/// `use_temp_path`; the files lie in the page cache. `tcp_nopush`, which it recommends as
/// well, is off: over loopback, answers of 100 kB wait 40 ms with it. What goes beyond
/// `max_size` is removed by a process of its own, now and then.
fn configure_nginx(program: &Path, folder: &Path, settings: &Settings) -> Result<Vec<OsString>> {
    let Settings { listen, origin, bytes_max } = settings;
    let at = folder.display();
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("  {name}_temp_path {at}/{name};\n"))
        .concat();
    let config = format!(
        r#"daemon off;
user root;
worker_processes 1;
pid {at}/pid;
error_log stderr crit;
events {{ worker_connections 512; }}
http {{
{temporary}  access_log off;
  sendfile on;
  tcp_nodelay on;
  keepalive_timeout 1h;
  keepalive_requests 1000000000;
  open_file_cache max={OPEN_FILES_MAX} inactive=1h;
  open_file_cache_valid 1h;
  proxy_cache_path {at}/files levels=1:2 keys_zone=all:100m max_size={bytes_max}
    inactive=1h use_temp_path=off manager_files=100000 manager_threshold=10s manager_sleep=1ms;
  upstream origin {{ server {origin}; keepalive 64; keepalive_requests 1000000000; }}
  server {{
    listen {listen};
    location / {{
      proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_cache all;
    }}
  }}
}}
"#
    );
    let config = write(folder, "nginx.conf", &config)?;
    let prefix: OsString = folder.into();
    Ok(vec![
        program.into(),
        "-e".into(),
        "stderr".into(),
        "-p".into(),
        prefix,
        "-c".into(),
        config.into(),
    ])
}

/// What Varnish would write to its log of a request that it answers from its cache, all of
/// which is left out.
const VARNISH_UNLOGGED: &str = "vsl_mask=-Begin,-End,-Link,-Timestamp,-ReqStart,-ReqMethod,\
    -ReqURL,-ReqProtocol,-ReqHeader,-ReqUnset,-ReqAcct,-RespProtocol,-RespStatus,-RespReason,\
    -RespHeader,-RespUnset,-VCL_call,-VCL_return,-VCL_use,-Hit,-Filters";

/// In memory; one pool of threads, as there is one core. An object may push out as many
/// others as it needs.
fn configure_varnish(program: &Path, folder: &Path, settings: &Settings) -> Result<Vec<OsString>> {
    let Settings { listen, origin, bytes_max } = settings;
    let (host, port) = (origin.ip(), origin.port());
    let vcl = format!("vcl 4.1;\nbackend origin {{ .host = \"{host}\"; .port = \"{port}\"; }}\n");
    let vcl = write(folder, "all.vcl", &vcl)?;
    let mut words: Vec<OsString> = vec![program.into(), "-F".into(), "-j".into(), "none".into()];
    words.extend(["-n".into(), folder.join("work").into(), "-f".into(), vcl.into()]);
    let (listen, storage) = (listen.to_string(), format!("malloc,{bytes_max}b"));
    words.extend(["-a", &listen, "-s", &storage, "-T", "none"].map(Into::into));
    let parameters =
        ["thread_pools=1", "thread_pool_min=100", "nuke_limit=1000000", VARNISH_UNLOGGED];
    for parameter in parameters {
        words.extend(["-p", parameter].map(Into::into));
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_of_processes_is_read_whatever_their_names() {
        for bad in ["", "1", "1 (name) S", "1 (name) S 2 x"] {
            assert_eq!(group(bad), None, "{bad}");
        }
        assert_eq!(group("12 (a) S 1 9) ) R 3 44 44 0 -1"), Some(44));
        assert_eq!(proportional_bytes("no such process"), 0.0);
        assert_eq!(proportional_bytes("Rss: 900 kB\nPss:      12 kB\nPss_Dirty: 1 kB\n"), 12_288.0);
    }

    #[test]
    fn a_folder_that_is_not_there_has_no_files() {
        assert_eq!(block_bytes(Path::new("/nowhere/at/all")), 0);
    }
}
