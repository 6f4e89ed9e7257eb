//! WebSocket clients and servers of another vendor: the Python library
//! `websockets`, which `cargo xtask test` installs.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

/// The version that `cargo xtask test` installs.
const FOLDER: &str = "websockets-17.4";

/// Where the library is: `$SEDGE_WEBSOCKETS`, else where `cargo xtask test` puts it.
fn library() -> PathBuf {
    let kept = || {
        let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
        home.join(".cache/sedge/tools").join(FOLDER)
    };
    let folder = std::env::var_os("SEDGE_WEBSOCKETS").map_or_else(kept, PathBuf::from);
    assert!(folder.is_dir(), "{} is absent: run `cargo xtask test`", folder.display());
    folder
}

fn command(arguments: &[&str], ca: Option<&Path>) -> Command {
    let mut command = Command::new("python3");
    command.args(["-c", include_str!("websocket_ends.py")]).args(arguments);
    command.env("PYTHONPATH", library()).stdin(Stdio::piped()).stdout(Stdio::piped());
    if let Some(ca) = ca {
        command.env("CA", ca);
    }
    command
}

/// A server that echoes messages; it ends when this is dropped.
pub struct EchoServer {
    /// Where it listens.
    pub address: SocketAddr,
    process: Process,
}

impl EchoServer {
    /// Starts it.
    ///
    /// # Panics
    ///
    /// If there is no Python, or the library is not installed.
    pub fn start() -> Self {
        let mut process = Process::start(command(&["server"], None));
        let port = process.line().parse().expect("a port");
        EchoServer { address: SocketAddr::from(([127, 0, 0, 1], port)), process }
    }

    /// Ends it at once, without a word to its clients.
    pub fn kill(&mut self) {
        let _ = self.process.child.kill();
    }
}

/// A client at work; killed when dropped.
pub struct Process {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Process {
    fn start(mut command: Command) -> Self {
        let mut child = command.spawn().expect("python3 starts");
        let out = BufReader::new(child.stdout.take().expect("a pipe"));
        Process { child, out }
    }

    /// The next line that it prints; empty when it has ended.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        let _ = self.out.read_line(&mut line);
        line.trim().to_owned()
    }

    /// Waits for its end, which it bounds itself.
    ///
    /// # Panics
    ///
    /// If it found something wrong; it has said what on standard error.
    pub fn succeed(mut self) {
        let mut rest = String::new();
        let _ = self.out.read_to_string(&mut rest);
        let status = self.child.wait().expect("its status");
        assert!(status.success(), "the client failed: {rest}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(mut input) = self.child.stdin.take() {
            let _ = input.flush();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a client: `talk URL`, `many URL COUNT`, `refused URL STATUS` or `stay
/// URL`; `ca` is the authority that it trusts.
pub fn client(arguments: &[&str], ca: Option<&Path>) -> Process {
    Process::start(command(arguments, ca))
}
