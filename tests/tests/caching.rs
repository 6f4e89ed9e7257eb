//! A caching link over the wire: before a server, and with a tier on the disk. What it
//! stores and when is tested in `crates/sedge-cache/src/flow/tests.rs`.

use sedge_tests::client::{self, Answer, Connection};
use sedge_tests::origin::{Origin, numbers};
use sedge_tests::{Node, Scenario, wait_for};
use std::time::Duration;

/// The link behind the cache lets the answers of a server that says nothing be stored.
fn manifest(origin: &Origin) -> String {
    format!(
        r#"
[app]
name = "shop"

[[upstream]]
name = "back"
endpoints = ["{}"]

[[chain]]
name = "cached"
links = [
  {{ cache = {{ name = "edge" }} }},
  {{ headers = {{ response = {{ set = {{ cache-control = "max-age=600" }} }} }} }},
]
upstream = "back"

[[route]]
name = "all"
chain = "cached"
"#,
        origin.address
    )
}

fn status(answer: &Answer) -> &str {
    answer.header("cache-status").unwrap_or_default()
}

/// How often the origin was asked for a target.
fn asked(origin: &Origin, target: &str) -> usize {
    let heads = origin.heads();
    heads.iter().filter(|head| head.split(' ').nth(1) == Some(target)).count()
}

/// A request under a name that does not change with the node's port.
fn get(node: &Node, target: &str) -> Answer {
    let mut connection = Connection::open(node.listen);
    connection.request("GET", target, &[("host", "shop.example")], b"");
    connection.read_answer(false)
}

/// What the link has counted for an outcome.
fn counted(node: &Node, outcome: &str) -> f64 {
    let labels = [("app", "shop"), ("chain", "cached"), ("link", "1"), ("outcome", outcome)];
    node.metrics().sum("sedge_cache_requests_total", &labels)
}

#[test]
fn an_answer_that_breaks_off_is_not_stored_and_does_not_look_whole() {
    let origin = Origin::start();
    let node = Node::start(&manifest(&origin));
    for times in 1..=2 {
        let answer = node.get("/cut");
        assert_eq!((answer.status, answer.whole), (200, false));
        assert_eq!(asked(&origin, "/cut"), times);
    }
    assert_eq!(node.get("/garbage").status, 502);
    let reason = [("chain", "cached"), ("reason", "broken")];
    let broken = || node.metrics().sum("sedge_cache_not_stored_total", &reason) == 2.0;
    assert!(wait_for(Duration::from_secs(10), broken).is_some());
}

#[test]
fn many_who_ask_at_once_are_one_request_to_the_server() {
    let origin = Origin::start();
    let node = Node::start(&manifest(&origin));
    let listen = node.listen;
    let clients: Vec<_> =
        (0..50).map(|_| std::thread::spawn(move || client::get(listen, "/slow?1000"))).collect();
    for client in clients {
        let answer = client.join().expect("no panic");
        assert_eq!((answer.status, answer.text().as_str()), (200, "slow\n"));
    }
    assert_eq!(asked(&origin, "/slow?1000"), 1);
    let (misses, collapsed) = (counted(&node, "miss"), counted(&node, "collapsed"));
    assert_eq!(misses, 1.0);
    // On a machine that is busy, some come so late that it is stored already.
    assert_eq!(collapsed + counted(&node, "hit"), 49.0);
}

#[test]
fn a_slow_client_holds_up_nobody() {
    let origin = Origin::start();
    let node = Node::start(&manifest(&origin));
    // More than fits into the buffers of a socket, less than an object may have.
    let target = "/stream?6000000";
    let mut slow = Connection::open(node.listen);
    slow.request("GET", target, &[], b"");
    let mut head = slow.read_head();
    for _ in 0..2 {
        let answer = node.get(target);
        assert_eq!((answer.status, answer.whole, answer.body.len()), (200, true, 6_000_000));
    }
    let range = [("range", "bytes=5999990-")];
    let mut part = Connection::open(node.listen);
    part.request("GET", target, &range, b"");
    let part = part.read_answer(false);
    assert_eq!((part.status, part.text().as_str()), (206, "ssssssssss"));
    let mut bytes = 0;
    slow.read_body(&mut head, false, |chunk| bytes += chunk.len());
    assert_eq!((head.whole, bytes), (true, 6_000_000));
    assert_eq!(asked(&origin, target), 1);
}

/// Large bodies are lent to sockets: what lies there unread must stay what it was.
#[test]
fn what_is_on_its_way_to_a_client_survives_its_purge_and_what_takes_its_place() {
    let origin = Origin::start();
    let node = Node::start(&manifest(&origin));
    let json = [("content-type", "application/json")];
    // One piece of a body, several, and a part that begins anywhere.
    for (count, range) in [(100_000, None), (900_000, None), (200_000, Some("bytes=50001-"))] {
        let target = format!("/numbers?{count}");
        assert!(get(&node, &target).body == numbers(count));
        let mut fields = vec![("host", "shop.example")];
        fields.extend(range.map(|range| ("range", range)));
        let before = counted(&node, "hit");
        let mut slow: Vec<_> = (0..4)
            .map(|_| {
                let mut connection = Connection::open(node.listen);
                connection.request("GET", &target, &fields, b"");
                connection
            })
            .collect();
        let served = || counted(&node, "hit") == before + 4.0;
        assert!(wait_for(Duration::from_secs(10), served).is_some(), "{}", node.log());
        let purged =
            client::call(node.admin, "POST", "/v1/cache/purge", &json, br#"{"all": true}"#);
        assert_eq!(purged.status, 200, "{}", purged.text());
        for other in 1..=20 {
            let other = count + other;
            assert!(get(&node, &format!("/numbers?{other}")).body == numbers(other));
        }
        for connection in &mut slow {
            let answer = connection.read_answer(false);
            let from = if range.is_some() { 50_001 } else { 0 };
            assert!(answer.whole && answer.body == numbers(count)[from..], "{count}");
        }
    }
}

#[test]
fn a_hit_says_so_until_a_change_makes_it_invalid() {
    let origin = Origin::start();
    let node = Node::start(&manifest(&origin));
    let first = node.get("/page?a=1");
    assert!(status(&first).starts_with("edge; fwd=uri-miss; fwd-status=200"), "{first:?}");
    let hit = node.get("/page?a=1");
    assert!(status(&hit).starts_with("edge; hit; ttl="), "{hit:?}");
    assert!(hit.header("age").is_some());
    assert_eq!(hit.text(), "origin\n");
    let mut head = Connection::open(node.listen);
    head.request("HEAD", "/page?a=1", &[], b"");
    assert!(status(&head.read_answer(true)).contains("hit"));
    assert_eq!(asked(&origin, "/page?a=1"), 1);

    assert_eq!(node.post("/page?a=1", b"change").status, 200);
    assert!(status(&node.get("/page?a=1")).contains("fwd=uri-miss"));
    assert_eq!(asked(&origin, "/page?a=1"), 3);
    let outcomes = ["hit", "miss", "passed"].map(|outcome| counted(&node, outcome));
    assert_eq!(outcomes, [2.0, 2.0, 1.0]);
    let metrics = node.metrics();
    assert_eq!(metrics.sum("sedge_cache_memory_objects", &[]), 1.0);
    assert_eq!(metrics.sum("sedge_cache_served_bytes_total", &[("link", "1")]), 7.0);
}

#[test]
fn what_was_asked_for_often_outlives_the_node_on_its_disk() {
    let origin = Origin::start();
    let config = "[cache]\nmemory_bytes_max = \"1 MiB\"\ndisk_bytes_max = \"64 MiB\"\n";
    let mut node = Scenario::new().config(config).app("app", &manifest(&origin)).start();
    let targets: Vec<String> = (0..20).map(|at| format!("/stream?{}", 100_000 + at)).collect();
    for target in targets.iter().chain(&targets).chain(&targets) {
        let answer = get(&node, target);
        assert_eq!((answer.status, answer.whole), (200, true));
    }
    let on_disk = || node.metrics().sum("sedge_cache_disk_objects", &[]) > 5.0;
    assert!(wait_for(Duration::from_secs(10), on_disk).is_some(), "{}", node.log());
    assert!(node.stop().success());
    node.restart();
    let before = origin.heads().len();
    for (at, target) in targets.iter().enumerate() {
        assert_eq!(get(&node, target).body.len(), 100_000 + at);
    }
    let fetched = origin.heads().len() - before;
    assert!(fetched < 15, "{fetched} of 20 were fetched again");
    assert!(node.metrics().sum("sedge_cache_disk_hits_total", &[]) > 5.0);
}
