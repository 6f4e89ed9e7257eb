//! A running `sedge up`, in a folder of its own, on free ports of loopback.

use crate::client::{self, Answer};
use crate::code;
use crate::guests;
use crate::metrics::Metrics;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, PipeReader, PipeWriter};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a node may take to compile its functions and be ready.
const START_PATIENCE: Duration = Duration::from_secs(180);
/// How long a node may take to drain and exit.
const STOP_PATIENCE: Duration = Duration::from_secs(30);

/// What a node serves and how it is started.
pub struct Scenario {
    folder: TempDir,
    apps: Vec<PathBuf>,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    allowed: Vec<String>,
    /// A pipe for standard error, of which nobody reads.
    unread: Option<(PipeReader, PipeWriter)>,
    shares_code: bool,
}

impl Default for Scenario {
    fn default() -> Self {
        Self::new()
    }
}

impl Scenario {
    /// An empty folder and no app.
    pub fn new() -> Self {
        Scenario {
            folder: tempfile::tempdir().expect("a scratch folder"),
            apps: Vec::new(),
            arguments: Vec::new(),
            environment: Vec::new(),
            allowed: Vec::new(),
            unread: None,
            shares_code: false,
        }
    }

    /// Adds an app; `{guests}` in the manifest stands for the folder of built
    /// guests.
    pub fn app(mut self, name: &str, manifest: &str) -> Self {
        let folder = self.folder.path().join(name);
        write_manifest(&folder, manifest);
        self.apps.push(folder);
        self
    }

    /// Writes a file, its path relative to the scratch folder.
    pub fn file(self, path: &str, bytes: impl AsRef<[u8]>) -> Self {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, bytes).expect("written");
        self
    }

    /// Gives the node this configuration.
    pub fn config(self, text: &str) -> Self {
        let path = self.folder.path().join("node.toml").display().to_string();
        self.file("node.toml", text).argument("--config").argument(&path)
    }

    /// Adds an argument of `sedge up`.
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_string());
        self
    }

    /// Sets an environment variable of the node.
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_string(), value.to_string()));
        self
    }

    /// The scratch folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Expects lines of the log at WARN or ERROR that contain `text`.
    pub fn allow(mut self, text: &str) -> Self {
        self.allowed.push(text.to_string());
        self
    }

    /// Lets the node begin with what others have compiled, and them with what it has: for
    /// functions that take seconds to compile, in scenarios that do not ask how.
    pub fn share_code(mut self) -> Self {
        self.shares_code = true;
        self
    }

    /// Gives the node a log that nobody reads: a pipe that is full soon.
    pub fn unread_log(mut self) -> Self {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        self.unread = Some((reader, writer));
        self
    }

    /// Starts the node and waits until it is ready.
    ///
    /// # Panics
    ///
    /// If it does not become ready, with its log.
    pub fn start(self) -> Node {
        let log = self.folder.path().join("node.log");
        let data = self.shares_code.then(|| self.folder.path().join("data"));
        if let Some(data) = &data {
            code::lend(data).expect("code of others");
        }
        let (child, Greeting { listen, admin, tls, mqtt }) = spawn(&self, &log);
        let mut node = Node { scenario: self, child, listen, admin, tls, mqtt, log };
        node.wait_ready();
        if let Some(data) = &data {
            code::keep(data).expect("code for others");
        }
        node
    }

    /// Starts a node that is expected to give up; its exit status and log.
    ///
    /// # Panics
    ///
    /// If it goes on running.
    pub fn fail_to_start(self) -> (ExitStatus, String) {
        let log = self.folder.path().join("node.log");
        let mut child = command(&self, &log).spawn().expect("the binary starts");
        let deadline = Instant::now() + START_PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = child.try_wait().expect("its status") {
                return (status, fs::read_to_string(&log).unwrap_or_default());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = child.kill();
        let _ = child.wait();
        panic!("the node did not give up\n{}", fs::read_to_string(&log).unwrap_or_default());
    }
}

/// A node that answers. Dropping it kills the process and fails the scenario
/// if its log has an unexpected WARN or ERROR.
pub struct Node {
    scenario: Scenario,
    child: Child,
    /// Where it takes traffic.
    pub listen: SocketAddr,
    /// Where its admin pages are.
    pub admin: SocketAddr,
    /// Where it takes encrypted traffic.
    pub tls: Vec<SocketAddr>,
    /// Where it takes MQTT clients.
    pub mqtt: Vec<SocketAddr>,
    log: PathBuf,
}

impl Node {
    /// A node with one app.
    pub fn start(manifest: &str) -> Self {
        Scenario::new().app("app", manifest).start()
    }

    /// The same, with code of others: see [`Scenario::share_code`].
    pub fn start_sharing(manifest: &str) -> Self {
        Scenario::new().share_code().app("app", manifest).start()
    }

    /// A GET to a function.
    pub fn get(&self, target: &str) -> Answer {
        client::get(self.listen, target)
    }

    /// A POST to a function.
    pub fn post(&self, target: &str, body: &[u8]) -> Answer {
        client::post(self.listen, target, body)
    }

    /// A GET whose answer must be 200, as text.
    pub fn text(&self, target: &str) -> String {
        let answer = self.get(target);
        assert_eq!(answer.status, 200, "{target}: {}\n{}", answer.text(), self.log());
        answer.text()
    }

    /// A GET whose answer must be 200, as JSON.
    pub fn json(&self, target: &str) -> serde_json::Value {
        serde_json::from_str(&self.text(target)).expect("JSON")
    }

    /// Everything the node counts now.
    pub fn metrics(&self) -> Metrics {
        Metrics::scrape(self.admin)
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What the node wrote to standard error so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until the log contains `text`.
    ///
    /// # Panics
    ///
    /// If it does not within `patience`.
    pub fn wait_log(&self, text: &str, patience: Duration) {
        wait_for(patience, || self.log().contains(text))
            .unwrap_or_else(|| panic!("`{text}` is not in the log:\n{}", self.log()));
    }

    /// The scratch folder.
    pub fn folder(&self) -> &Path {
        self.scenario.folder.path()
    }

    /// Expects lines of the log at WARN or ERROR that contain `text`.
    pub fn allow(&mut self, text: &str) {
        self.scenario.allowed.push(text.to_string());
    }

    /// Replaces the manifest of an app while the node runs.
    pub fn rewrite(&self, app: &str, manifest: &str) {
        write_manifest(&self.folder().join(app), manifest);
    }

    /// Peak resident memory of the node's process in bytes (`VmHWM`).
    pub fn memory_bytes_peak(&self) -> u64 {
        self.status_kib("VmHWM:") * 1024
    }

    /// Resident memory of the node's process in bytes (`VmRSS`).
    pub fn memory_bytes(&self) -> u64 {
        self.status_kib("VmRSS:") * 1024
    }

    fn status_kib(&self, key: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).expect("alive");
        let line = status.lines().find_map(|line| line.strip_prefix(key)).expect("a line");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// Whether the process runs and its admin listener says so.
    pub fn is_up(&mut self) -> bool {
        let alive = self.child.try_wait().is_ok_and(|status| status.is_none());
        alive && client::get(self.admin, "/healthz").status == 200
    }

    /// `kill -9`.
    pub fn kill9(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
    }

    /// Starts again on the same folder after the process has ended.
    pub fn restart(&mut self) {
        let (child, greeting) = spawn(&self.scenario, &self.log);
        (self.child, self.listen, self.admin) = (child, greeting.listen, greeting.admin);
        (self.tls, self.mqtt) = (greeting.tls, greeting.mqtt);
        self.wait_ready();
    }

    /// SIGTERM, and waits until it has drained.
    ///
    /// # Panics
    ///
    /// If it takes too long.
    pub fn stop(&mut self) -> ExitStatus {
        self.terminate();
        self.wait_exit()
    }

    /// Waits until the process has ended.
    ///
    /// # Panics
    ///
    /// If it takes too long.
    pub fn wait_exit(&mut self) -> ExitStatus {
        wait_for(STOP_PATIENCE, || self.child.try_wait().expect("its status"))
            .unwrap_or_else(|| panic!("the node did not stop\n{}", self.log()))
    }

    /// SIGTERM, without waiting.
    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    /// SIGHUP: look at all files now.
    pub fn hang_up(&self) {
        self.signal("-HUP");
    }

    fn signal(&self, name: &str) {
        let id = self.id().to_string();
        let status = Command::new("kill").args([name, &id]).status().expect("kill");
        assert!(status.success());
    }

    /// Replaces a file, its path relative to the scratch folder, in one step, so
    /// that the node never reads half of it.
    pub fn replace(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.folder().join(path);
        let draft = path.with_extension("draft");
        fs::write(&draft, bytes).expect("written");
        fs::rename(draft, path).expect("replaced");
    }

    fn wait_ready(&mut self) {
        let deadline = Instant::now() + START_PATIENCE;
        loop {
            let answer = client::get(self.admin, "/readyz");
            if answer.status == 200 {
                return;
            }
            if self.child.try_wait().expect("its status").is_some() || Instant::now() > deadline {
                panic!("the node did not become ready: {answer:?}");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Lines at WARN or ERROR that the scenario did not expect.
    fn complaints(&self) -> Vec<String> {
        let serious = |line: &&str| {
            line.contains("WARN") || line.contains("ERROR") || line.contains("panicked at")
        };
        let expected = |line: &str| self.scenario.allowed.iter().any(|text| line.contains(text));
        let log = self.log();
        log.lines().filter(serious).filter(|line| !expected(line)).map(str::to_string).collect()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the node's log\n{}", self.log());
            return;
        }
        let complaints = self.complaints();
        assert!(complaints.is_empty(), "unexpected in the log:\n{}", complaints.join("\n"));
    }
}

/// Calls `check` until it gives something, or `patience` is over.
pub fn wait_for<T: Truth>(patience: Duration, mut check: impl FnMut() -> T) -> Option<T::Value> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(value) = check().value() {
            return Some(value);
        }
        if Instant::now() > deadline {
            return None;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What [`wait_for`] waits for: `true`, or something.
pub trait Truth {
    /// What it gives.
    type Value;
    /// The value, if it has come.
    fn value(self) -> Option<Self::Value>;
}

impl Truth for bool {
    type Value = ();
    fn value(self) -> Option<()> {
        self.then_some(())
    }
}

impl<T> Truth for Option<T> {
    type Value = T;
    fn value(self) -> Option<T> {
        self
    }
}

fn write_manifest(folder: &Path, manifest: &str) {
    fs::create_dir_all(folder).expect("made");
    let guests = guests::folder().display().to_string();
    // Replaced in one step, so that the node never reads half of it.
    let draft = folder.join(".sedge.toml.draft");
    fs::write(&draft, manifest.replace("{guests}", &guests)).expect("written");
    fs::rename(draft, folder.join("sedge.toml")).expect("replaced");
}

fn command(scenario: &Scenario, log: &Path) -> Command {
    let log: Stdio = match &scenario.unread {
        Some((_, writer)) => writer.try_clone().expect("a pipe").into(),
        None => File::options().create(true).append(true).open(log).expect("a log").into(),
    };
    let mut command = Command::new(guests::binary());
    // A scenario that others must find says where it is itself.
    let told = scenario.arguments.iter().any(|one| one.starts_with("--listen="));
    let listen = (!told).then_some("--listen=127.0.0.1:0");
    command.arg("up");
    for app in &scenario.apps {
        command.arg("-f").arg(app);
    }
    command
        .args(listen)
        .args(["--admin", "127.0.0.1:0", "--json", "--data"])
        .arg(scenario.folder.path().join("data"))
        .args(&scenario.arguments)
        .envs(scenario.environment.iter().map(|(name, value)| (name, value)))
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log);
    command
}

/// Where a node says that it is.
struct Greeting {
    listen: SocketAddr,
    admin: SocketAddr,
    tls: Vec<SocketAddr>,
    mqtt: Vec<SocketAddr>,
}

/// Starts the process and reads the line of JSON that names its addresses.
fn spawn(scenario: &Scenario, log: &Path) -> (Child, Greeting) {
    let mut child = command(scenario, log).spawn().expect("the binary starts");
    let stdout = child.stdout.take().expect("a pipe");
    let (sender, receiver) = mpsc::channel();
    // The thread goes on reading, so that the node never blocks on a full pipe.
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    let greeting = receiver.recv_timeout(START_PATIENCE).ok();
    let greeting = greeting.and_then(|line| serde_json::from_str(&line).ok());
    let address = |key: &str| {
        let greeting: &serde_json::Value = greeting.as_ref()?;
        greeting[key].as_str()?.parse().ok()
    };
    match (address("listen"), address("admin")) {
        (Some(listen), Some(admin)) => {
            let addresses = |key: &str| {
                let list = greeting.as_ref().and_then(|greeting| greeting[key].as_array());
                let list = list.into_iter().flatten();
                list.filter_map(|one| one.as_str()?.parse().ok()).collect()
            };
            let (tls, mqtt) = (addresses("tls"), addresses("mqtt"));
            (child, Greeting { listen, admin, tls, mqtt })
        }
        _ => {
            let _ = child.kill();
            let _ = child.wait();
            panic!("no addresses\n{}", fs::read_to_string(log).unwrap_or_default());
        }
    }
}
