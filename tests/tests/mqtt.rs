//! MQTT clients of other makers, against a node.

#[path = "mqtt/admit.rs"]
mod admit;
#[path = "mqtt/deliver.rs"]
mod deliver;
#[path = "mqtt/doorman.rs"]
mod doorman;
#[path = "mqtt/durable.rs"]
mod durable;
#[path = "mqtt/malformed.rs"]
mod malformed;
#[path = "mqtt/sparkplug.rs"]
mod sparkplug;

use sedge_tests::mqtt::Paho;
use sedge_tests::{Node, Scenario};
use serde_json::json;

/// A node for MQTT alone, which lets everybody in, with more lines of `[broker]`.
fn open(more: &str) -> Scenario {
    Scenario::new().config(&format!(
        "[[mqtt]]\nlisten = \"127.0.0.1:0\"\n[[mqtt]]\nlisten = \"127.0.0.1:0\"\n\
         websocket = \"/mqtt\"\n[broker]\nanonymous = true\n{more}\n"
    ))
}

/// A client whose session outlives its connections.
fn lasting(node: &Node, id: &str) -> Paho {
    let mut client = Paho::new();
    let connected = client.connect(node.mqtt[0], id, json!({ "clean": false, "expiry": 600 }));
    assert_eq!(connected["code"], 0, "{connected}");
    client
}

/// The shell blocks of the guide run as they stand, but for the ports.
#[test]
fn the_guide_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/guides/mqtt.md");
    let guide = std::fs::read_to_string(guide).expect("the guide");
    let blocks = guide.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let blocks: Vec<&str> = blocks.collect();
    assert_eq!(blocks.len(), 2);
    let port = sedge_tests::pebble::free_port().to_string();
    let script = blocks.join("\n").replace("1883", &port);
    // The node's other addresses are those of everybody.
    let up = "sedge up --listen 127.0.0.1:0 --admin 127.0.0.1:0";
    let script = script.replace("sedge up", up);
    let binary = sedge_tests::guests::binary();
    let path = format!(
        "{}:{}",
        binary.parent().expect("a folder").display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let output = std::process::Command::new("timeout")
        .args(["60", "bash", "-c", &format!("set -e\ntrap 'kill $!' EXIT\n{script}")])
        .current_dir(folder.path())
        .env("PATH", path)
        .output()
        .expect("bash runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}\n{errors}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "21.5\n", "{errors}");
}
