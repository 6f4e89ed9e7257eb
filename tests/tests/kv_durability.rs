//! Nothing that was acknowledged is lost, however the node ends.

use sedge_tests::{Node, client};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::SeqCst};
use std::time::Duration;

const MANIFEST: &str = r#"
[app]
name = "counter"
[[function]]
name = "probe"
source = "{guests}/probe.wasm"
routes = ["/*"]
[function.capabilities]
kv = ["default"]
"#;

#[test]
fn what_was_acknowledged_survives_kill_nine() {
    let mut node = Node::start(MANIFEST);
    let mut floor = 0;
    for round in 0..3 {
        let acknowledged = Arc::new(AtomicI64::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (0..4)
            .map(|_| {
                let (address, seen, stop) = (node.listen, acknowledged.clone(), stop.clone());
                std::thread::spawn(move || increment(address, &seen, &stop))
            })
            .collect();
        std::thread::sleep(Duration::from_millis(600));
        node.kill9();
        stop.store(true, SeqCst);
        for writer in writers {
            writer.join().expect("a writer");
        }
        let acknowledged = acknowledged.load(SeqCst);
        assert!(acknowledged > floor, "round {round}: nothing was written");
        node.restart();
        let kept = node.json("/kv/increment?key=count&delta=0").as_i64().expect("a number");
        assert!(kept >= acknowledged, "round {round}: {acknowledged} acknowledged, {kept} kept");
        // At most the four that were under way may be there unacknowledged.
        assert!(kept <= acknowledged + 4, "round {round}: {acknowledged} became {kept}");
        floor = kept;
    }
}

/// Increments until the node is gone, and remembers the highest answer.
fn increment(address: std::net::SocketAddr, seen: &AtomicI64, stop: &AtomicBool) {
    let mut connection = client::Connection::open(address);
    while !stop.load(SeqCst) {
        connection.request("GET", "/kv/increment?key=count", &[], &[]);
        let answer = connection.read_answer(false);
        if answer.status != 200 || !answer.whole {
            return;
        }
        if let Ok(value) = answer.text().trim().parse() {
            seen.fetch_max(value, SeqCst);
        }
    }
}

#[test]
fn what_was_set_survives_a_clean_stop() {
    let mut node = Node::start(MANIFEST);
    node.text("/kv/set?key=a&value=kept");
    assert!(node.stop().success());
    node.restart();
    assert_eq!(node.json("/kv/get?key=a"), "kept");
}
