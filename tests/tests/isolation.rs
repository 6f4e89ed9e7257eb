//! Fresh instances forget; reused ones keep their memory for as long as the
//! manifest says.

use sedge_tests::client::Connection;
use sedge_tests::{Node, client};
use std::time::Duration;

const MANIFEST: &str = r#"
[app]
name = "isolation"

[[function]]
name = "fresh"
source = "{guests}/probe.wasm"
routes = ["fresh.local/*"]

[[function]]
name = "fresh-p3"
source = "{guests}/probe-p3.wasm"
routes = ["fresh-p3.local/*"]

[[function]]
name = "reused"
source = "{guests}/probe.wasm"
routes = ["reused.local/*"]
isolation = { mode = "instance", requests_max = 5, idle_s = 2 }
[function.limits]
cpu_ms_max = 300

[[function]]
name = "failing"
source = "{guests}/probe.wasm"
routes = ["failing.local/*"]
isolation = { mode = "instance", requests_max = 5, idle_s = 60 }
[function.limits]
cpu_ms_max = 300

[[function]]
name = "reused-p3"
source = "{guests}/probe-p3.wasm"
routes = ["reused-p3.local/*"]
isolation = { mode = "instance", requests_max = 5, idle_s = 2 }
[function.limits]
deadline_ms = 1000
"#;

/// Answers of `/state` on one connection, and so on one core.
fn states(node: &Node, host: &str, count: usize) -> Vec<u64> {
    let mut connection = Connection::open(node.listen);
    (0..count)
        .map(|_| {
            connection.request("GET", "/state", &[("host", host)], &[]);
            let answer = connection.read_answer(false);
            answer.text().trim().parse().unwrap_or_else(|_| panic!("{}", answer.text()))
        })
        .collect()
}

#[test]
fn instances_are_fresh_or_reused_as_the_manifest_says() {
    let mut node = Node::start(MANIFEST);
    node.allow("isolation");
    for host in ["fresh.local", "fresh-p3.local"] {
        assert_eq!(states(&node, host, 6), [1; 6], "{host}");
    }
    for host in ["reused.local", "reused-p3.local"] {
        let seen = states(&node, host, 12);
        assert!(seen.iter().any(|&state| state > 1), "{host}: no instance is reused: {seen:?}");
        assert!(seen.iter().all(|&state| state <= 5), "{host}: reused too often: {seen:?}");
        std::thread::sleep(Duration::from_millis(4500));
        assert_eq!(states(&node, host, 1), [1], "{host}: an idle instance was kept");
    }
    an_instance_that_failed_is_not_reused(&node);
    two_at_once_do_not_share(&node);
    a_body_that_is_left_open_ends(&node);
}

/// Its instance is kept, and with it the writing end.
fn a_body_that_is_left_open_ends(node: &Node) {
    let host = [("host", "reused-p3.local")];
    let answer = client::call(node.listen, "GET", "/left-open", &host, &[]);
    assert!(!answer.whole, "{answer:?}");
    assert!(node.metrics().failures("deadline") >= 1.0, "{}", node.log());
}

/// CPU time is counted per request, and a trap ends the instance.
fn an_instance_that_failed_is_not_reused(node: &Node) {
    let host = [("host", "reused.local")];
    for _ in 0..4 {
        let answer = client::call(node.listen, "GET", "/spin?ms=100", &host, &[]);
        assert_eq!(answer.status, 200, "the limit of one request was used up by others");
    }
    // Of a function that was never heavy, so that all calls until the failure begin
    // on one thread and take the same instance. (On a busy machine the first one may
    // count as heavy; then another instance answers the second.)
    let host = [("host", "failing.local")];
    let mut connection = Connection::open(node.listen);
    let mut state = || {
        connection.request("GET", "/state", &host, &[]);
        connection.read_answer(false).text()
    };
    let same = (0..100).find(|_| state() == "1\n" && state() == "2\n");
    assert!(same.is_some(), "no instance was reused");
    connection.request("GET", "/spin?ms=20000", &host, &[]);
    assert_eq!(connection.read_answer(false).status, 500);
    connection.request("GET", "/state", &host, &[]);
    assert_ne!(connection.read_answer(false).text(), "3\n", "it had failed");
}

fn two_at_once_do_not_share(node: &Node) {
    let host = [("host", "reused.local")];
    let mut slow = Connection::open(node.listen);
    slow.request("GET", "/sleep?ms=1500", &host, &[]);
    std::thread::sleep(Duration::from_millis(300));
    let quick = client::call(node.listen, "GET", "/state", &host, &[]);
    assert_eq!(quick.status, 200);
    assert_eq!(slow.read_answer(false).status, 200);
}
