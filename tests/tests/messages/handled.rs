//! What is handled, and what takes effect.

use crate::{FRONT, counted, device, manifest, plant, watcher};
use sedge_tests::mqtt::{PATIENCE, Paho};
use sedge_tests::{Scenario, wait_for};
use serde_json::json;
use std::collections::BTreeSet;

#[test]
fn each_device_is_counted_in_its_order_and_state_outlives_node_and_revision() {
    let mut node = plant("").start();
    let mut watcher = watcher(&node, "seen/tally/#");
    let mut seen = BTreeSet::new();
    for (round, how) in ["stop", "kill", "rewrite", "none"].into_iter().enumerate() {
        for name in ["one", "two"] {
            let mut client = device(&node, name);
            for number in 1..=3 {
                assert_eq!(client.publish("jobs/x", "count", 1), 0);
                let expected = (round * 3 + number).to_string();
                let topic = format!("seen/tally/{name}");
                // What was published before a kill may be published again: QoS 1.
                let mut said = Vec::new();
                while said.last() != Some(&(topic.clone(), expected.clone(), false)) {
                    said.push(watcher.message());
                }
                let new: Vec<_> = said.into_iter().filter(|one| !seen.contains(one)).collect();
                assert_eq!(new.len(), 1, "{how}: {new:?}");
                seen.extend(new);
            }
        }
        match how {
            "stop" => {
                node.terminate();
                assert!(node.wait_exit().success());
                node.restart();
                watcher = crate::watcher(&node, "seen/tally/#");
            }
            "kill" => {
                node.kill9();
                node.restart();
                watcher = crate::watcher(&node, "seen/tally/#");
            }
            "rewrite" => {
                node.rewrite("plant", &manifest("batch_messages_max = 1"));
                let revision = |node: &sedge_tests::Node| node.log().matches("revision 2").count();
                assert!(wait_for(PATIENCE, || revision(&node) > 0).is_some(), "{}", node.log());
            }
            _ => {}
        }
    }
}

#[test]
fn a_state_that_is_granted_later_is_there() {
    let without = manifest("").replace("state = true", "");
    let node = Scenario::new().config(FRONT).app("plant", &without).allow("given up").start();
    let mut watcher = watcher(&node, "seen/#");
    let mut one = device(&node, "one");
    assert_eq!(one.publish("jobs/x", "count", 1), 0);
    assert!(watcher.payload().contains("capabilities.state = true"));
    node.rewrite("plant", &manifest(""));
    assert!(wait_for(PATIENCE, || node.log().contains("revision 2")).is_some(), "{}", node.log());
    assert_eq!(one.publish("jobs/x", "count", 1), 0);
    assert_eq!(watcher.message().1, "1");
}

#[test]
fn what_is_published_comes_when_all_is_well_or_at_once() {
    let node = plant("retries_max = 0").allow("given up").start();
    let mut valve = Paho::connected(node.mqtt[0], "valve", json!({}));
    valve.subscribe("valves/+/set", 1);
    let mut one = device(&node, "one");
    for (word, times) in [("say", 5), ("shout", 5)] {
        for number in 0..times {
            assert_eq!(one.publish("jobs/one", &format!("{word} valves/{number}/set"), 1), 0);
            let topic = format!("valves/{number}/set");
            assert_eq!(valve.message(), (topic, "ON".to_owned(), false));
        }
    }
    assert_eq!(one.publish("jobs/one", "say elsewhere", 1), 0);
    let dead = || counted(&node, "tally", "sedge_trigger_messages_total", &[("outcome", "dead")]);
    assert!(wait_for(PATIENCE, || dead() == 1.0).is_some());
    valve.silence();
}

#[test]
fn calls_that_meet_at_one_key_are_run_again_and_none_is_counted_twice() {
    let node = plant("concurrency_max = 8\nbatch_messages_max = 2").start();
    let mut watcher = watcher(&node, "seen/tally/all");
    let mut devices: Vec<Paho> = (0..6).map(|one| device(&node, &format!("d{one}"))).collect();
    const EACH: usize = 30;
    for _ in 0..EACH {
        for client in &mut devices {
            let command = json!({ "do": "publish", "topic": "jobs/a", "payload": "all", "qos": 1 });
            client.tell(&command);
        }
    }
    let counts: BTreeSet<u64> =
        (0..6 * EACH).map(|_| watcher.payload().parse().expect("a count")).collect();
    let expected: BTreeSet<u64> = (1..=6 * EACH as u64).collect();
    assert_eq!(counts, expected);
    watcher.silence();
}

#[test]
fn a_node_without_triggers_has_no_log_and_one_without_a_front_says_so() {
    let plain = r#"
        [app]
        name = "plain"
        [[function]]
        name = "hello"
        source = "{guests}/hello.wasm"
        routes = ["/*"]
    "#;
    let node = Scenario::new().config(FRONT).app("plain", plain).start();
    let streams = node.folder().join("data/streams");
    let found = walk(node.folder());
    assert!(!found.iter().any(|path| path.contains("streams")), "{streams:?}: {found:?}");
}

/// All paths below a folder.
fn walk(folder: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .flat_map(|path| {
            let below = if path.is_dir() { walk(&path) } else { Vec::new() };
            std::iter::once(path.display().to_string()).chain(below)
        })
        .collect()
}
