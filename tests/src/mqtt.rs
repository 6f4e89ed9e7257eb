//! MQTT clients of other makers: the Python library paho, which `cargo xtask test` installs, and
//! `mosquitto_pub` and `mosquitto_sub`.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// The version that `cargo xtask test` installs.
const FOLDER: &str = "paho-mqtt-2.1.0";
/// The version of pysparkplug that `cargo xtask test` installs.
const SPARKPLUG_FOLDER: &str = "pysparkplug-0.6.1";
/// How long something may take that must happen.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How long nothing must happen.
const SILENCE: Duration = Duration::from_millis(300);

/// Where a library is: what the environment says, else where `cargo xtask test` puts it.
fn library(variable: &str, folder: &str) -> PathBuf {
    let kept = || {
        let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
        home.join(".cache/sedge/tools").join(folder)
    };
    let folder = std::env::var_os(variable).map_or_else(kept, PathBuf::from);
    assert!(folder.is_dir(), "{} is absent: run `cargo xtask test`", folder.display());
    folder
}

/// A client in a process of its own; killed when dropped.
pub struct Paho {
    child: Child,
    commands: ChildStdin,
    events: Receiver<Value>,
    /// What came while something else was waited for.
    unread: Vec<Value>,
}

impl Paho {
    /// A client that has done nothing yet.
    ///
    /// # Panics
    ///
    /// If this machine has no Python, or not the library.
    pub fn new() -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/mqtt_client.py");
        let mut child = Command::new("python3")
            .arg(script)
            .arg(library("SEDGE_PAHO", FOLDER))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is installed");
        let commands = child.stdin.take().expect("a pipe");
        let events = events(child.stdout.take().expect("a pipe"));
        Paho { child, commands, events, unread: Vec::new() }
    }

    /// A client of MQTT 5.0 that is let in at an address.
    pub fn connected(at: SocketAddr, id: &str, more: Value) -> Self {
        let mut client = Paho::new();
        let connected = client.connect(at, id, more);
        assert_eq!(connected["code"], 0, "{connected}");
        client
    }

    /// Connects, with these keys besides; what came of it.
    pub fn connect(&mut self, at: SocketAddr, id: &str, more: Value) -> Value {
        let mut command =
            json!({ "do": "connect", "host": at.ip().to_string(), "port": at.port(), "id": id });
        for (key, value) in more.as_object().into_iter().flatten() {
            command[key] = value.clone();
        }
        self.tell(&command);
        self.any(&["connected", "failed", "disconnected"])
    }

    /// Gives a command without waiting.
    pub fn tell(&mut self, command: &Value) {
        writeln!(self.commands, "{command}").expect("it runs");
    }

    /// Subscribes, and gives the code that the server answers with.
    pub fn subscribe(&mut self, topic: &str, qos: u8) -> u64 {
        self.subscribe_with(topic, qos, json!({}))
    }

    /// The same with these keys besides.
    pub fn subscribe_with(&mut self, topic: &str, qos: u8, more: Value) -> u64 {
        let mut command = json!({ "do": "subscribe", "topic": topic, "qos": qos });
        for (key, value) in more.as_object().into_iter().flatten() {
            command[key] = value.clone();
        }
        self.tell(&command);
        self.event("subscribed")["codes"][0].as_u64().expect("a code")
    }

    /// Publishes, and gives the code of the acknowledgment; of QoS 0, which has none, 0.
    pub fn publish(&mut self, topic: &str, payload: &str, qos: u8) -> u64 {
        self.publish_with(topic, payload, qos, json!({}))
    }

    /// The same with these keys besides.
    pub fn publish_with(&mut self, topic: &str, payload: &str, qos: u8, more: Value) -> u64 {
        let mut command =
            json!({ "do": "publish", "topic": topic, "payload": payload, "qos": qos });
        for (key, value) in more.as_object().into_iter().flatten() {
            command[key] = value.clone();
        }
        self.tell(&command);
        self.event("published")["code"].as_u64().expect("a code")
    }

    /// The next message, as topic, payload and whether it is retained.
    pub fn message(&mut self) -> (String, String, bool) {
        let message = self.event("message");
        let text = |key: &str| message[key].as_str().expect("a text").to_owned();
        (text("topic"), text("payload"), message["retain"] == true)
    }

    /// The payload of the next message.
    pub fn payload(&mut self) -> String {
        self.message().1
    }

    /// The next event of a kind; others before it are kept.
    pub fn event(&mut self, kind: &str) -> Value {
        self.any(&[kind])
    }

    fn any(&mut self, kinds: &[&str]) -> Value {
        let fits = |event: &Value| kinds.iter().any(|kind| event["event"] == *kind);
        if let Some(at) = self.unread.iter().position(fits) {
            return self.unread.remove(at);
        }
        loop {
            match self.events.recv_timeout(PATIENCE) {
                Ok(event) if fits(&event) => return event,
                Ok(event) => self.unread.push(event),
                Err(error) => panic!("no {kinds:?}: {error}; there was {:?}", self.unread),
            }
        }
    }

    /// # Panics
    ///
    /// If a message is there, or comes soon.
    pub fn silence(&mut self) {
        let is_message = |event: &Value| event["event"] == "message";
        loop {
            match self.events.recv_timeout(SILENCE) {
                Ok(event) => self.unread.push(event),
                Err(RecvTimeoutError::Timeout) => break,
                Err(error) => panic!("{error}"),
            }
        }
        let message = self.unread.iter().find(|event| is_message(event));
        assert!(message.is_none(), "{message:?}");
    }

    /// Says goodbye.
    pub fn disconnect(&mut self) {
        self.tell(&json!({ "do": "disconnect" }));
        self.event("left");
    }

    /// Closes its connection without a word.
    pub fn vanish(&mut self) {
        self.tell(&json!({ "do": "vanish" }));
        self.event("left");
    }
}

impl Default for Paho {
    fn default() -> Self {
        Paho::new()
    }
}

impl Drop for Paho {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn mosquitto(program: &str, at: SocketAddr, words: &[&str]) -> Command {
    let mut command = Command::new(crate::process::program(program));
    command.args(["-h", &at.ip().to_string(), "-p", &at.port().to_string()]).args(words);
    command
}

/// Runs `sedge mqtt password FILE NAME` in a folder.
///
/// # Panics
///
/// If it does not write the password.
pub fn set_password(folder: &Path, file: &str, name: &str, password: &str) {
    let mut child = Command::new(crate::guests::binary())
        .args(["mqtt", "password", file, name])
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    writeln!(stdin, "{password}").expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Runs `mosquitto_pub` to its end.
///
/// # Panics
///
/// If this machine does not have it.
pub fn publish(at: SocketAddr, words: &[&str]) -> Output {
    mosquitto("mosquitto_pub", at, words).output().expect("it runs")
}

/// Runs `mosquitto_sub` to its end: give `-C` and how many messages, and `-W` seconds.
///
/// # Panics
///
/// If this machine does not have it.
pub fn receive(at: SocketAddr, words: &[&str]) -> Output {
    mosquitto("mosquitto_sub", at, words).output().expect("it runs")
}

/// Starts `mosquitto_sub`, which subscribes and then prints; what it prints is read by
/// [`Child::wait_with_output`].
///
/// # Panics
///
/// If this machine does not have it.
pub fn subscriber(at: SocketAddr, words: &[&str]) -> Child {
    let mut command = mosquitto("mosquitto_sub", at, words);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs")
}

/// An edge node of Sparkplug B in a process of its own, by pysparkplug; killed when dropped.
pub struct EdgeNode {
    child: Child,
    commands: ChildStdin,
    events: Receiver<Value>,
    /// Commands that came for it while something else was waited for.
    unread: Vec<Value>,
}

impl EdgeNode {
    /// The node `press` of the group `plant` with the device `pump`, which is not connected yet.
    ///
    /// # Panics
    ///
    /// If this machine has no Python, or not the library.
    pub fn new(server: SocketAddr) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/sparkplug_node.py");
        let mut child = Command::new("python3")
            .arg(script)
            .arg(library("SEDGE_SPARKPLUG", SPARKPLUG_FOLDER))
            .args([server.ip().to_string(), server.port().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is installed");
        let commands = child.stdin.take().expect("a pipe");
        let events = events(child.stdout.take().expect("a pipe"));
        EdgeNode { child, commands, events, unread: Vec::new() }
    }

    /// Has it do something, and waits until it has.
    pub fn tell(&mut self, command: Value) {
        writeln!(self.commands, "{command}").expect("it reads");
        loop {
            let event = self.events.recv_timeout(PATIENCE).expect("an event");
            match event["event"].as_str() {
                Some("done") => return,
                _ => self.unread.push(event),
            }
        }
    }

    /// The metrics of the next command that comes for it.
    pub fn command(&mut self) -> Value {
        if self.unread.is_empty() {
            self.unread.push(self.events.recv_timeout(PATIENCE).expect("a command"));
        }
        self.unread.remove(0)["metrics"].clone()
    }
}

impl Drop for EdgeNode {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lines of JSON, as they come.
fn events(stdout: ChildStdout) -> Receiver<Value> {
    let (sender, events) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let event = serde_json::from_str(&line).expect("JSON");
            let _ = sender.send(event);
        }
    });
    events
}
