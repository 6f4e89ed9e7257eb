//! The servers that are measured.

use crate::install;
use anyhow::{Context, Result, bail};
use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take to listen.
const PATIENCE: Duration = Duration::from_secs(20);
/// Of `/proc/PID/stat`; the kernel shows times in hundredths of a second everywhere.
const TICKS_PER_S: f64 = 100.0;

/// Whose server it is, and its program.
pub(super) enum Maker {
    Sedge(PathBuf),
    Mosquitto(PathBuf),
}

/// Where what must survive is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeps {
    Memory,
    Disk,
}

impl Keeps {
    pub(super) fn name(self) -> &'static str {
        match self {
            Keeps::Memory => "in memory",
            Keeps::Disk => "on disk",
        }
    }
}

impl Maker {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Maker::Sedge(_) => "Sedge",
            Maker::Mosquitto(_) => "mosquitto",
        }
    }

    /// Writes a configuration, and gives the command.
    fn command(&self, keeps: Keeps, folder: &Path, address: SocketAddr) -> Result<Command> {
        let config = folder.join("server.conf");
        let (text, mut command) = match self {
            Maker::Sedge(program) => {
                let journal = if keeps == Keeps::Disk { "disk" } else { "memory" };
                let text = format!(
                    "[[mqtt]]\nlisten = \"{address}\"\n[broker]\nanonymous = true\njournal = \"{journal}\"\n"
                );
                let mut command = Command::new(program);
                command.args(["up", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data"]);
                command.arg(folder.join("data")).arg("--config").arg(&config);
                // An app that lies there by chance is not served.
                command.current_dir(folder);
                (text, command)
            }
            Maker::Mosquitto(program) => {
                let kept = match keeps {
                    Keeps::Memory => "persistence false\n".to_owned(),
                    Keeps::Disk => format!(
                        "persistence true\npersistence_location {}/\nautosave_on_changes true\n\
                         autosave_interval 1\n",
                        folder.display()
                    ),
                };
                let text = format!(
                    "listener {} 127.0.0.1\nallow_anonymous true\nuser root\n\
                     max_inflight_messages 1024\nmax_queued_messages 10000\n{kept}",
                    address.port()
                );
                let mut command = Command::new(program);
                command.arg("-c").arg(&config);
                (text, command)
            }
        };
        fs::write(&config, text).context("writing a server's configuration")?;
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(File::create(folder.join("server.log")).context("making a log")?);
        Ok(command)
    }
}

/// mosquitto, installed if it is not there.
pub(super) fn mosquitto() -> Result<Maker> {
    install::program("mosquitto", "mosquitto").map(Maker::Mosquitto)
}

/// A server that listens; killed when dropped.
pub(super) struct Server {
    child: Child,
    pub(super) address: SocketAddr,
}

impl Server {
    /// Starts it with nothing kept, and waits until it listens.
    pub(super) fn start(maker: &Maker, keeps: Keeps, folder: &Path) -> Result<Self> {
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).context("removing what the last server has left");
            }
            _ => {}
        }
        fs::create_dir_all(folder).context("making a server's folder")?;
        let address = TcpListener::bind("127.0.0.1:0")
            .and_then(|socket| socket.local_addr())
            .context("looking for a free port")?;
        let child = maker.command(keeps, folder, address)?.spawn();
        let child = child.with_context(|| format!("starting {}", maker.name()))?;
        let mut server = Server { child, address };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(address).is_err() {
            if server.child.try_wait()?.is_some() || Instant::now() > deadline {
                let log = fs::read_to_string(folder.join("server.log")).unwrap_or_default();
                bail!("{} does not listen\n{log}", maker.name());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    /// Seconds on the CPU so far.
    pub(super) fn cpu_s(&self) -> Result<f64> {
        let stat = self.proc("stat")?;
        // The name may have spaces in it, and stands in parentheses.
        let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let times = rest.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
        let ticks: f64 = times.sum::<Result<f64, _>>().context("reading /proc/PID/stat")?;
        Ok(ticks / TICKS_PER_S)
    }

    /// Bytes of memory in RAM.
    pub(super) fn memory_bytes(&self) -> Result<u64> {
        let status = self.proc("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        Ok(kib.context("reading /proc/PID/status")? * 1_024)
    }

    fn proc(&self, file: &str) -> Result<String> {
        let path = format!("/proc/{}/{file}", self.child.id());
        fs::read_to_string(&path).with_context(|| format!("reading {path}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
