//! Servers of other makers, as processes of their own.

use crate::wait_for;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A server that listens; killed when dropped.
pub(crate) struct Process {
    command: Command,
    child: Child,
    address: SocketAddr,
    /// Where it says why it does not start.
    log: PathBuf,
}

impl Process {
    /// Starts it, and waits until it listens at `address`.
    pub(crate) fn start(mut command: Command, address: SocketAddr, log: PathBuf) -> Process {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("it starts");
        let mut process = Process { command, child, address, log };
        process.wait();
        process
    }

    /// Starts it again where it was.
    pub(crate) fn restart(&mut self) {
        self.end();
        self.child = self.command.spawn().expect("it starts");
        self.wait();
    }

    /// `kill -9`, if it runs.
    pub(crate) fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn wait(&mut self) {
        let listens = wait_for(Duration::from_secs(20), || {
            TcpStream::connect(self.address).is_ok() || self.has_ended()
        });
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        assert!(listens.is_some() && !self.has_ended(), "{:?}\n{log}", self.command);
    }

    fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// Where a program lies: on `PATH`, or where Debian has its servers.
pub(crate) fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let found = folders.map(|folder| folder.join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("{name} is absent: run `cargo xtask test`"))
}
