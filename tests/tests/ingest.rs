//! Messages that are kept: readings by HTTP with curl, and what MQTT clients publish.

#[path = "ingest/capture.rs"]
mod capture;
#[path = "ingest/refused.rs"]
mod refused;
#[path = "ingest/stored.rs"]
mod stored;

use sedge_tests::{Node, Scenario, client, guests};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

/// A node that takes readings from everybody, with more lines of configuration.
fn open(more: &str) -> Scenario {
    Scenario::new().config(&format!("[ingest]\nanonymous = true\n{more}\n"))
}

/// An answer: status, head and body.
struct Told {
    status: u16,
    head: String,
    body: String,
}

impl Told {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{}", self.body))
    }
}

/// Sends by curl to a URL; a body goes by standard input.
fn send_to(url: &str, words: &[&str], body: &[u8]) -> Told {
    use std::io::Write;
    use std::process::Stdio;
    let mut child = Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "30", "--include"])
        .args(["--header", "expect:", "--data-binary", "@-"])
        .args(words)
        .arg(url)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("curl is installed");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(body).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{url}: {errors}");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Told { status, head: head.to_lowercase(), body: body.to_owned() }
}

/// Sends readings of a device.
fn send(node: &Node, device: &str, media_type: &str, words: &[&str], body: &[u8]) -> Told {
    let field = format!("content-type: {media_type}");
    let words = [&["--header", &field][..], words].concat();
    send_to(&format!("http://{}/v1/ingest/{device}", node.listen), &words, body)
}

/// Runs `sedge` on a node's folder.
fn sedge(folder: &Path, words: &[&str]) -> Output {
    let data = folder.join("data");
    Command::new(guests::binary())
        .args(words)
        .args(["--data", data.to_str().expect("a name")])
        .output()
        .expect("it runs")
}

/// What the log has, from its admin page; `query` as `&topic=…`.
fn records(node: &Node, query: &str) -> Vec<Value> {
    let (mut all, mut from) = (Vec::new(), 0);
    loop {
        let page = client::get(node.admin, &format!("/v1/streams/records?from={from}{query}"));
        assert_eq!(page.status, 200, "{}", page.text());
        let page = page.json();
        all.extend(page["items"].as_array().expect("a list").iter().cloned());
        let next = page["next"].as_u64().expect("a position");
        if next >= page["end"].as_u64().expect("a position") || next == from {
            return all;
        }
        from = next;
    }
}

/// The shell blocks of the guide run as they stand, but for the ports.
#[test]
fn the_guide_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/guides/ingest.md");
    let guide = std::fs::read_to_string(guide).expect("the guide");
    let blocks = guide.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let blocks: Vec<&str> = blocks.collect();
    assert_eq!(blocks.len(), 3);
    let port = sedge_tests::pebble::free_port().to_string();
    // The node's other address is that of everybody.
    let up = format!("sedge up --listen 127.0.0.1:{port} --admin 127.0.0.1:0");
    let script = blocks.join("\n").replace("3000", &port).replace("sedge up", &up);
    let binary = guests::binary();
    let path = format!(
        "{}:{}",
        binary.parent().expect("a folder").display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let output = Command::new("timeout")
        .args(["60", "bash", "-c", &format!("set -e\ntrap 'kill $!' EXIT\n{script}")])
        .current_dir(folder.path())
        .env("PATH", path)
        .output()
        .expect("bash runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}\n{errors}");
    let text = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], r#"{"stored":2,"duplicates":0}"#, "{text}");
    assert_eq!(lines[1], r#"{"stored":0,"duplicates":2}"#, "{text}");
    assert!(lines[2].contains("ingest/pump-7/pressure"), "{text}");
    assert!(lines[3].contains("ingest/pump-7/temp"), "{text}");
}
