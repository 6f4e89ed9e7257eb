//! Real servers to stand behind a node: nginx, Apache and hyper. Each keeps a
//! ledger of the requests that it has seen, so that a scenario can tell whether
//! they are those that the node has passed on.

mod apache;
mod hyper;
mod nginx;

use crate::process::Process;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A request as a server saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its method and its target, as they stood in the request line.
    pub asked: String,
    /// What the server answered.
    pub status: u16,
    /// The body without its framing, if the server says.
    pub body: Option<String>,
}

impl Seen {
    /// Whether it came to its end: a server that is left in the middle of a
    /// request, or finds it malformed, records it with one of these.
    pub fn is_whole(&self) -> bool {
        !matches!(self.status, 0 | 400 | 408 | 499 | 500)
    }
}

/// A server on loopback, which answers every request with 200 and the field
/// `x-asked`: the method and the target that it read. Dropping it ends it.
pub struct Backend {
    /// What it is.
    pub name: &'static str,
    /// Where it listens.
    pub address: SocketAddr,
    kind: Kind,
}

enum Kind {
    /// A server of its own, how its log is read, and its files.
    Process(Box<Process>, fn(&str) -> Option<Seen>, TempDir),
    Task(hyper::Server),
}

impl Backend {
    /// nginx, which passes requests on to a second server of its own, so that it
    /// reads their bodies.
    ///
    /// # Panics
    ///
    /// If this machine has no nginx, or it does not start.
    pub fn nginx() -> Backend {
        nginx::start()
    }

    /// Apache, with a script that reads the bodies.
    ///
    /// # Panics
    ///
    /// If this machine has no Apache, or it does not start.
    pub fn apache() -> Backend {
        apache::start()
    }

    /// hyper, in a thread of this process.
    ///
    /// # Panics
    ///
    /// If loopback has no free port.
    pub fn hyper() -> Backend {
        hyper::start()
    }

    /// `kill -9`, if it is a process of its own: its connections are reset, and nobody
    /// listens.
    pub fn kill9(&mut self) {
        if let Kind::Process(process, ..) = &mut self.kind {
            process.end();
        }
    }

    /// Starts it again where it was, with the ledger that it has.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn restart(&mut self) {
        if let Kind::Process(process, _, folder) = &mut self.kind {
            // What a server that was killed could not take away.
            let _ = fs::remove_file(folder.path().join("inner.sock"));
            process.restart();
        }
    }

    /// What it has seen so far, in the order in which it was done with it.
    ///
    /// # Panics
    ///
    /// If its log is not what it was told to write.
    pub fn seen(&self) -> Vec<Seen> {
        match &self.kind {
            Kind::Task(server) => server.seen(),
            Kind::Process(_, read, folder) => {
                let log = fs::read(folder.path().join("seen.log")).unwrap_or_default();
                let log = String::from_utf8_lossy(&log);
                // The last line may be half written.
                let lines = log.split_inclusive('\n').filter(|line| line.ends_with('\n'));
                let seen = lines.map(|line| read(line.trim_end()).ok_or(line));
                seen.collect::<Result<_, _>>().unwrap_or_else(|line| panic!("{line}"))
            }
        }
    }
}

/// A scratch folder that a server may enter after it has given up the rights of
/// the user who has started it.
fn folder() -> TempDir {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a scratch folder");
    let open = fs::Permissions::from_mode(0o755);
    fs::set_permissions(folder.path(), open).expect("its owner");
    folder
}

/// Method and target of a request line.
fn asked(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').take(2).collect();
    words.join(" ")
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).expect("written");
    path
}
