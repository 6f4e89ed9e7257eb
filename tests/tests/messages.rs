//! Functions that messages start: what they are given, in which order, what takes effect, and
//! what becomes of those that fail, with the real binary and clients of another maker.
//!
//! What functions emit lies in the node's log. A second function, `echo`, publishes it to
//! `seen/TOPIC`, where a client sees it.

#[path = "messages/durable.rs"]
mod durable;
#[path = "messages/failing.rs"]
mod failing;
#[path = "messages/handled.rs"]
mod handled;
#[path = "messages/mistakes.rs"]
mod mistakes;
#[path = "messages/ticks.rs"]
mod ticks;

use sedge_tests::mqtt::Paho;
use sedge_tests::{Node, Scenario};
use serde_json::json;

/// The configuration of a node with an MQTT front that lets everybody in.
const FRONT: &str = "[[mqtt]]\nlisten = \"127.0.0.1:0\"\n[broker]\nanonymous = true\n";

/// The functions `tally` and `echo`, with more lines for the trigger of `tally`.
fn manifest(trigger: &str) -> String {
    format!(
        r#"
        [app]
        name = "plant"
        [[function]]
        name = "tally"
        source = "{{guests}}/tally.wasm"
        limits = {{ memory_bytes_max = "16 MiB", cpu_ms_max = 200 }}
        [function.capabilities]
        emit = ["tally/#"]
        publish = ["valves/+/set"]
        state = true
        [function.trigger.message]
        topics = ["jobs/#"]
        {trigger}
        [[function]]
        name = "echo"
        source = "{{guests}}/tally.wasm"
        environment = {{ TALLY_ECHO = "seen" }}
        [function.capabilities]
        publish = ["seen/#"]
        [function.trigger.message]
        topics = ["tally/#", "dead-letters/plant/tally"]
        dead_letters = "given-up/echo"
        "#
    )
}

/// A node with these two.
fn plant(trigger: &str) -> Scenario {
    Scenario::new().config(FRONT).app("plant", &manifest(trigger))
}

/// A client that sees what is emitted below a topic, also of messages that come while it has
/// no connection.
fn watcher(node: &Node, filter: &str) -> Paho {
    let more = json!({ "clean": false, "expiry": 600 });
    let mut watcher = Paho::connected(node.mqtt[0], "watcher", more);
    assert!(watcher.subscribe(filter, 1) <= 1);
    watcher
}

/// A device that says something.
fn device(node: &Node, name: &str) -> Paho {
    Paho::connected(node.mqtt[0], name, json!({}))
}

/// What is counted of a function.
fn counted(node: &Node, function: &str, name: &str, labels: &[(&str, &str)]) -> f64 {
    let mut all = vec![("function", function)];
    all.extend_from_slice(labels);
    node.metrics().sum(name, &all)
}
