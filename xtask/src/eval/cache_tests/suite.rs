//! The suite as it is run: a copy of its code, its server and its client.

use super::tally::{Tally, Test};
use crate::shell;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What of a checkout is needed; nothing else is copied.
const PARTS: [&str; 2] = ["test-engine", "tests"];

/// Prints every test that is not for browsers only.
const LIST: &str = "
import suites from './tests/index.mjs'
const all = suites.flatMap(suite => suite.tests
  .filter(test => !test.browser_only)
  .map(test => ({
    id: test.id, name: test.name, suite: suite.id,
    kind: test.kind ?? 'required', needs: test.depends_on ?? []
  })))
console.log(JSON.stringify(all))
";

/// How long the server may take to listen.
const PATIENCE: Duration = Duration::from_secs(20);

/// A copy that can be run.
pub(super) struct Suite {
    folder: PathBuf,
}

impl Suite {
    /// Copies a checkout to `folder`, beside the packages in `modules` that it needs.
    pub(super) fn prepare(checkout: &Path, modules: &Path, folder: &Path) -> Result<Self> {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder).context("making the folder of the evaluation")?;
        for part in PARTS {
            let from = checkout.join(part);
            if !from.is_dir() {
                bail!(
                    "{} is no checkout of the suite: it has no {part}\n\
                     hint: git clone https://github.com/http-tests/cache-tests",
                    checkout.display()
                );
            }
            shell::run(Command::new("cp").arg("-R").arg(&from).arg(folder))
                .context("copying the suite")?;
        }
        symlink(modules, folder.join("node_modules")).context("joining the suite's packages")?;
        Ok(Suite { folder: folder.to_owned() })
    }

    /// All tests that are not for browsers only.
    pub(super) fn tests(&self) -> Result<Vec<Test>> {
        let mut command = self.node();
        command.args(["--input-type=module", "--eval", LIST]);
        let listed = shell::output(&mut command).context("listing the suite's tests")?;
        let listed: Value = serde_json::from_str(&listed).context("reading the suite's tests")?;
        Test::all(&listed)
    }

    /// Runs the client; its results as it prints them.
    pub(super) fn run(&self, at: SocketAddr, only: Option<&str>) -> Result<String> {
        let mut command = self.node();
        command.args(["--no-warnings", "test-engine/cli.mjs"]);
        command.env("npm_config_base", format!("http://{at}"));
        // npm would say so: the client takes an id that is empty for all, and none for one.
        command.env("npm_package_config_id", "");
        command.env("npm_config_id", only.unwrap_or_default());
        shell::output(&mut command).context("running the suite's client")
    }

    fn node(&self) -> Command {
        let mut command = Command::new("node");
        command.current_dir(&self.folder).stdin(Stdio::null());
        command
    }
}

/// The suite's origin server; killed when dropped.
pub(super) struct Server {
    child: Child,
    pub(super) port: u16,
}

impl Server {
    pub(super) fn start(suite: &Suite) -> Result<Self> {
        // The suite cannot be told to take any free port.
        let free = TcpListener::bind("127.0.0.1:0").context("looking for a free port")?;
        let port = free.local_addr()?.port();
        drop(free);
        let log = fs::File::create(suite.folder.join("server.log"))
            .context("making the log of the suite's server")?;
        let child = suite
            .node()
            .arg("test-engine/server/server.mjs")
            .env("npm_config_protocol", "http")
            .env("npm_config_port", port.to_string())
            .env("npm_config_pidfile", suite.folder.join("server.pid"))
            .stdout(log.try_clone().context("sharing a log")?)
            .stderr(log)
            .spawn()
            .context("starting the suite's server")?;
        let mut server = Server { child, port };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = server.child.try_wait()?.is_some();
            if ended || Instant::now() > deadline {
                let log = suite.folder.join("server.log");
                bail!(
                    "the suite's server does not listen\n{}",
                    fs::read_to_string(log).unwrap_or_default()
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The results of other caches that the suite's checkout has, by their names.
pub(super) fn published(checkout: &Path, tests: &[Test]) -> Result<Vec<(String, Tally)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(checkout.join("results")).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        let is_browser = ["chrome", "firefox", "safari"].contains(&name);
        if is_browser || path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let text = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        let results =
            serde_json::from_slice(&text).with_context(|| format!("reading {}", path.display()))?;
        found.push((name.to_owned(), Tally::of(tests, &results)));
    }
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(found)
}
