//! A newcomer's way: new, check, build, call, up, kv, bench, dev.
//!
//! The project is built for real, so this takes some seconds, needs the target
//! wasm32-wasip2, and fetches what the template depends on.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take, compiling included.
const PATIENCE: Duration = Duration::from_secs(300);

fn sedge(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().expect("the program runs")
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sedge"));
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    command
}

/// Standard output of a command that must succeed.
fn told(folder: &Path, arguments: &[&str]) -> String {
    let output = sedge(folder, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).expect("text")
}

fn json(folder: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&told(folder, arguments)).expect("JSON")
}

/// A node that is killed when the test ends, however it ends.
struct Running {
    child: Child,
    listen: String,
    admin: String,
}

impl Running {
    fn start(folder: &Path, verb: &str) -> Self {
        let free = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--json"];
        let log = std::fs::File::create(folder.join("node.log")).expect("a log");
        let mut child = command(folder, &[&[verb][..], &free[..]].concat())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the program runs");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let log = || std::fs::read_to_string(folder.join("node.log")).unwrap_or_default();
        let addresses: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{}", log()));
        let address = |key: &str| addresses[key].as_str().expect("an address").to_owned();
        assert_eq!(addresses["pid"], child.id());
        Running { listen: address("listen"), admin: address("admin"), child }
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().expect("kill runs");
        assert!(sent.success());
    }

    fn stop(mut self) {
        self.signal("-TERM");
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait().expect("a status") {
                assert!(status.success(), "{status}");
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the node does not stop");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The answer to one request, head and body.
fn ask(address: &str, method: &str, path: &str, host: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("connects");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    let request = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_project_from_nothing_to_a_node() {
    let root = tempfile::tempdir().expect("a folder");
    assert_eq!(told(root.path(), &["new", "hello-there"]), "");
    let folder = root.path().join("hello-there");

    let early = sedge(&folder, &["check"]);
    assert_eq!(early.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&early.stderr).contains("hint: sedge build"));

    let built = json(&folder, &["build", "--json"]);
    assert!(built["built"][0]["bytes"].as_u64().expect("a size") > 1_000, "{built}");
    let checked = json(&folder, &["check", "--json"]);
    assert_eq!(checked["apps"][0]["functions"][0]["world"], "wasi:http 0.2", "{checked}");
    assert_eq!(checked["apps"][0]["functions"][0]["problems"], serde_json::json!([]));

    assert_eq!(told(&folder, &["call", "/Ada"]), "hello, Ada\n");
    let answer = json(&folder, &["call", "hello-there/a/b", "--json"]);
    assert_eq!((&answer["status"], &answer["body"]), (&404.into(), &"nothing here\n".into()));

    serves(&folder);
    // The node is gone, the store is not.
    assert_eq!(told(&folder, &["kv", "get", "hello-there/default", "a b"]), "kept");
    rebuilds(&folder);
}

fn greets(node: &Running) {
    let answer = ask(&node.listen, "GET", "/Ada", "localhost");
    // With a length or in chunks: that depends on who is faster.
    assert!(answer.contains("\nhello, Ada\n"), "{answer}");
}

/// What works while a node runs.
fn serves(folder: &Path) {
    let node = Running::start(folder, "up");
    greets(&node);
    let bench = json(folder, &["bench", "/", "-t", "0.2", "-c", "2", "--json"]);
    assert!(bench["requests"].as_u64().expect("a count") > 0, "{bench}");
    assert_eq!(bench["statuses"].as_object().map(|statuses| statuses.len()), Some(1), "{bench}");

    assert_eq!(told(folder, &["kv", "set", "hello-there/default", "a b", "kept"]), "");
    assert_eq!(told(folder, &["kv", "list", "hello-there/default"]), "a b\n");
    assert!(told(folder, &["kv", "namespaces"]).starts_with("hello-there/default"));
    let missing = sedge(folder, &["kv", "get", "hello-there/default", "none"]);
    assert_eq!(missing.status.code(), Some(1));

    // A function without grants can be called beside the node.
    assert_eq!(told(folder, &["call", "/Bob"]), "hello, Bob\n");

    let admin = |method: &str, path: &str, host: &str| ask(&node.admin, method, path, host);
    assert!(admin("GET", "/readyz", "evil.example").starts_with("HTTP/1.1 403"));
    assert!(admin("GET", "/nothing", "localhost").contains("/v1/functions"));
    assert!(admin("POST", "/healthz", "localhost").starts_with("HTTP/1.1 405"));
    assert!(admin("POST", "/v1/apps/hello-there/rollback", "localhost").contains("409"));

    let manifest = folder.join("sedge.toml");
    let text = std::fs::read_to_string(&manifest).expect("a manifest");
    std::fs::write(&manifest, text.replace("\"/*\"", "\"/moved/*\"")).expect("written");
    let moved = || ask(&node.listen, "GET", "/Ada", "localhost").starts_with("HTTP/1.1 404");
    wait_until("the route is moved", moved);
    assert!(admin("POST", "/v1/apps/hello-there/rollback", "localhost").contains("200 OK"));
    greets(&node);
    std::fs::write(&manifest, text).expect("written");
    node.signal("-HUP");
    node.stop();
}

/// `sedge dev` builds what has changed, and survives what does not compile.
fn rebuilds(folder: &Path) {
    let node = Running::start(folder, "dev");
    let source = folder.join("src/lib.rs");
    let text = std::fs::read_to_string(&source).expect("a source");
    let log = || std::fs::read_to_string(folder.join("node.log")).expect("a log");
    std::fs::write(&source, format!("{text}\nnot Rust")).expect("written");
    wait_until("the failure is told", || log().contains("the command failed"));
    greets(&node);
    std::fs::write(&source, text.replace("hello, {who}", "ciao, {who}")).expect("written");
    let changed = || ask(&node.listen, "GET", "/Ada", "localhost").contains("\nciao, Ada\n");
    wait_until("the change is served", changed);
    node.stop();
}
