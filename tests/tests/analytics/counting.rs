//! Users whose truth is known, over kills.

use crate::{ask, open, summary};
use sedge_tests::Node;
use serde_json::Value;

/// Requests of users of two kinds; how many there were.
fn visit(node: &Node, users: std::ops::Range<u32>) -> u64 {
    let mut count = 0;
    for user in users {
        for visit in 0..4 {
            let target = match (user + visit) % 4 {
                0 => "/status?code=503",
                1 => "/status?code=404",
                2 => "/generate?bytes=1000",
                _ => "/generate?bytes=2000",
            };
            ask(node, target, &format!("user-{user}@example.org"));
            count += 1;
        }
    }
    count
}

fn number(told: &Value, path: &str) -> u64 {
    told.pointer(path).and_then(Value::as_u64).unwrap_or(u64::MAX)
}

#[test]
fn each_request_and_user_is_counted_over_kills_and_stops() {
    let mut node = open("").start();
    let mut sent = 0;
    for round in 0..4 {
        sent += visit(&node, round * 10..round * 10 + 10);
        // What was said is in the log some time after the answer.
        let told = summary(&node, "?range=24h", |told| told["requests"] == sent);
        assert_eq!(number(&told, "/users"), u64::from(round * 10 + 10), "{told:#}");
        match round {
            0 | 2 => {
                node.kill9();
                node.restart();
            }
            _ => {
                assert!(node.stop().success());
                node.restart();
            }
        }
    }
    let told = summary(&node, "?range=24h&route=states", |told| told["requests"] == sent / 2);
    assert_eq!(number(&told, "/classes/5xx"), sent / 4, "{told:#}");
    assert_eq!(number(&told, "/classes/4xx"), sent / 4, "{told:#}");
    assert_eq!(number(&told, "/routes/bodies/requests"), sent / 2, "{told:#}");
    assert_eq!(number(&told, "/refused/malformed"), 0);
    assert_eq!(number(&told, "/sessions/open"), 40);
    // Each user made all four requests, so that nobody had another session.
    assert!(told["latency_ms"]["p99"].as_f64().is_some_and(|ms| ms > 0.0), "{told:#}");
}

/// With a fresh instance for each request and each batch, nothing is remembered but what is kept.
#[test]
fn fresh_instances_count_the_same() {
    let manifest = crate::manifest("ANALYTICS_OPEN = \"true\"", "");
    let node = Node::start_sharing(&manifest.replace("isolation = \"instance\"", ""));
    let sent = visit(&node, 0..15);
    let told = summary(&node, "", |told| told["requests"] == sent);
    assert_eq!((number(&told, "/users"), number(&told, "/sessions/open")), (15, 15), "{told:#}");
}
