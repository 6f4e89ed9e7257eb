//! Each message takes effect once, however often the node is killed. `SEDGE_MESSAGE_KILLS` says
//! how often; a few times without it.

use crate::{plant, watcher};
use sedge_tests::Node;
use sedge_tests::mqtt::{PATIENCE, Paho};
use serde_json::json;
use std::time::Instant;

/// What `append` has gathered of a device in the end.
fn gathered(node: &Node, device: &str) -> String {
    let mut watcher = watcher(node, &format!("seen/tally/{device}"));
    let mut client = Paho::connected(node.mqtt[0], device, json!({}));
    let begin = Instant::now();
    assert_eq!(client.publish("jobs/x", "append end", 1), 0);
    loop {
        let all = watcher.payload();
        if all.ends_with("end") || begin.elapsed() > PATIENCE {
            return all;
        }
    }
}

#[test]
fn numbered_messages_take_effect_once_in_order_over_kills() {
    let kills = std::env::var("SEDGE_MESSAGE_KILLS").ok().and_then(|text| text.parse().ok());
    let kills: u64 = kills.unwrap_or(4);
    let mut node = plant("").start();
    let mut sequence = 0;
    for kill in 0..=kills {
        let mut client = Paho::connected(node.mqtt[0], "pump", json!({}));
        let first = sequence;
        for _ in 0..25 {
            let user =
                json!({ "user": [["sedge-epoch", "1"], ["sedge-sequence", sequence.to_string()]] });
            assert_eq!(client.publish_with("jobs/x", &format!("append {sequence},"), 1, user), 0);
            sequence += 1;
        }
        // What was acknowledged is sent again, as by a client that has not heard of it.
        for again in first..sequence {
            let user =
                json!({ "user": [["sedge-epoch", "1"], ["sedge-sequence", again.to_string()]] });
            assert_eq!(client.publish_with("jobs/x", &format!("append {again},"), 1, user), 0);
        }
        if kill < kills {
            node.kill9();
            node.restart();
        }
    }
    let all = gathered(&node, "pump");
    let expected: String = (0..sequence).map(|one| format!("{one},")).collect();
    assert_eq!(all, expected + "end");
}
