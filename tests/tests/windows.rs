//! Windows of an app, with the real binary: bad declarations and bad events, what is told of
//! good ones, and that each result is told once, however often the node is killed.

#[path = "windows/durable.rs"]
mod durable;
#[path = "windows/oracle.rs"]
mod oracle;
#[path = "windows/refused.rs"]
mod refused;
#[path = "windows/told.rs"]
mod told;

use sedge_tests::mqtt::PATIENCE;
use sedge_tests::{Node, Scenario, client, wait_for};
use serde_json::Value;

/// A node that takes readings by HTTP and by MQTT from everybody, and an app of windows.
fn plant(windows: &str) -> Scenario {
    let config = "[ingest]\nanonymous = true\n[[mqtt]]\nlisten = \"127.0.0.1:0\"\n[broker]\n\
                  anonymous = true\n";
    Scenario::new().config(config).app("plant", &manifest(windows))
}

fn manifest(windows: &str) -> String {
    format!("app.name = \"plant\"\n{windows}\n")
}

/// The mean and the number of what devices say on `in/#`, of ten seconds, with more keys. The
/// node is ready before its windows have begun.
fn tumbling(more: &str) -> String {
    format!(
        r#"
        [[window]]
        name = "w"
        start = "earliest"
        from = ["in/#"]
        key = ["device"]
        tumble = {{ size_ms = "10 s" }}
        aggregates = [{{ compute = "avg", field = "v", name = "mean" }}, {{ compute = "count" }}]
        {more}
        "#
    )
}

/// A way through the records of the log, from page to page.
#[derive(Default)]
struct Log {
    next: u64,
}

impl Log {
    /// What came since it was asked before.
    fn more(&mut self, node: &Node) -> Vec<Value> {
        let mut all = Vec::new();
        loop {
            let page = client::get(node.admin, &format!("/v1/streams/records?from={}", self.next));
            assert_eq!(page.status, 200, "{}", page.text());
            let page = page.json();
            let items = page["items"].as_array().expect("a list");
            assert!(items.iter().all(|item| item["topic"].is_string()), "nothing is gone");
            all.extend(items.iter().cloned());
            let next = page["next"].as_u64().expect("a position");
            if next == self.next || next >= page["end"].as_u64().expect("a position") {
                self.next = next;
                return all;
            }
            self.next = next;
        }
    }
}

/// The payload of a record, as JSON.
fn payload(record: &Value) -> Value {
    let text = record["payload"].as_str().expect("text");
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// What was said on a topic, once there are so many; never more.
fn said(node: &Node, topic: &str, count: usize) -> Vec<Value> {
    let read = || {
        let all = Log::default().more(node);
        all.iter().filter(|one| one["topic"] == topic).map(payload).collect::<Vec<_>>()
    };
    wait_for(PATIENCE, || read().len() >= count)
        .unwrap_or_else(|| panic!("{topic} has not {count}: {:?}\n{}", read(), node.log()));
    let all = read();
    assert_eq!(all.len(), count, "{all:?}");
    all
}

/// What is counted of events.
fn events(node: &Node, outcome: &str) -> f64 {
    node.metrics().sum("sedge_window_events_total", &[("outcome", outcome)])
}
