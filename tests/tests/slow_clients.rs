//! Clients that are slow, silent or too many: each is told so, or cut, while a
//! neighbor keeps being answered.

use sedge_tests::client::{self, Connection};
use sedge_tests::neighbor::Neighbor;
use sedge_tests::{Node, Scenario, wait_for};
use std::time::{Duration, Instant};

/// How long something that must happen may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

const MANIFEST: &str = r#"
[app]
name = "app"
[[function]]
name = "probe"
source = "{guests}/probe.wasm"
routes = ["/*"]
[function.limits]
response_body_bytes_max = 2147483648
deadline_ms = 60000
cpu_ms_max = 60000
[[function]]
name = "hello"
source = "{guests}/hello.wasm"
routes = ["/hello"]
"#;

/// Times out within a second whoever is slow.
const IMPATIENT: &str = "[ingress]\nheader_timeout_ms = 600\nbody_idle_timeout_ms = 800\n\
                         keep_alive_ms = 700\n";

fn node(config: &str) -> Node {
    Scenario::new().app("app", MANIFEST).config(config).start()
}

/// How many clients the gateway found too slow.
fn timeouts(node: &Node) -> f64 {
    node.metrics().sum("sedge_failures_total", &[("kind", "client_timeout")])
}

fn active(node: &Node) -> f64 {
    node.metrics().sum("http_server_active_requests", &[])
}

/// Does something slow while a neighbor asks; the neighbor must not notice.
fn beside_a_neighbor(node: &Node, slow: impl FnOnce()) {
    let neighbor = Neighbor::start(node.listen, "/hello");
    slow();
    let report = neighbor.stop();
    assert!(report.failures.is_empty(), "the neighbor was hurt: {:?}", report.failures);
    assert!(report.answered > 0, "the neighbor was not asked");
}

/// Sends a byte every 50 ms until the other side has closed; whether it did.
fn dribble(connection: &mut Connection, bytes: &[u8]) -> bool {
    bytes.iter().any(|byte| {
        std::thread::sleep(Duration::from_millis(50));
        !connection.send([*byte])
    })
}

#[test]
fn a_head_that_dribbles_is_cut_off() {
    let node = node(IMPATIENT);
    beside_a_neighbor(&node, || {
        let slow: Vec<_> = (0..20)
            .map(|_| {
                let mut connection = Connection::open(node.listen);
                std::thread::spawn(move || {
                    // Half a minute, if nobody minds.
                    let head = format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "a".repeat(600));
                    let closed = dribble(&mut connection, head.as_bytes());
                    (closed, connection.read_answer(false).status)
                })
            })
            .collect();
        for client in slow {
            let (closed, status) = client.join().expect("a client");
            assert!(closed, "the head was taken to its end");
            // A byte on its way when the connection was closed resets it, and
            // the answer with it.
            assert!(matches!(status, 408 | 0), "{status}");
        }
    });
    assert_eq!(timeouts(&node), 20.0);
    assert_eq!(node.text("/hello"), "hello, world\n");
}

#[test]
fn a_head_that_pauses_is_told_408() {
    let node = node(IMPATIENT);
    for sent in ["GET /hello HTTP/1.1\r\nhost: a\r\n", "G"] {
        let mut connection = Connection::open(node.listen);
        connection.send(sent);
        assert_eq!(connection.read_answer(false).status, 408, "{sent:?}");
        assert!(connection.is_closed(), "{sent:?}");
    }
    // In two halves, but in time.
    let mut connection = Connection::open(node.listen);
    connection.send("GET /hello HTTP/1.1\r\nho");
    std::thread::sleep(Duration::from_millis(100));
    connection.send("st: a\r\n\r\n");
    assert_eq!(connection.read_answer(false).text(), "hello, world\n");
}

#[test]
fn a_body_that_pauses_is_told_408_and_one_that_dribbles_is_taken() {
    let node = node(IMPATIENT);
    beside_a_neighbor(&node, || {
        for framing in
            ["content-length: 10\r\n\r\nhello", "transfer-encoding: chunked\r\n\r\n5\r\nhe"]
        {
            let mut connection = Connection::open(node.listen);
            connection.send(format!("POST /count HTTP/1.1\r\nhost: a\r\n{framing}"));
            let answer = connection.read_answer(false);
            assert_eq!(answer.status, 408, "{framing}: {}\n{}", answer.text(), node.log());
            assert_eq!(answer.problem(), ("client_timeout".into(), "client".into()), "{framing}");
            assert!(connection.is_closed(), "{framing}");
        }
        // Longer than the timeout in all, but never still for so long.
        let mut connection = Connection::open(node.listen);
        connection.send("POST /count HTTP/1.1\r\nhost: a\r\ncontent-length: 25\r\n\r\n");
        let begin = Instant::now();
        assert!(!dribble(&mut connection, &[b'x'; 25]));
        assert!(begin.elapsed() > Duration::from_millis(800));
        assert_eq!(connection.read_answer(false).json()["bytes"], 25);
    });
    assert!(wait_for(PATIENCE, || active(&node) == 0.0).is_some());
    assert_eq!(timeouts(&node), 2.0);
}

#[test]
fn an_answer_that_nobody_reads_is_cut_off() {
    let node = node(IMPATIENT);
    beside_a_neighbor(&node, || {
        let mut connection = Connection::open(node.listen);
        connection.request("GET", "/generate?bytes=1000000000", &[], &[]);
        assert!(wait_for(PATIENCE, || timeouts(&node) == 1.0).is_some(), "{}", node.log());
        let mut answer = connection.read_head();
        let mut received = 0;
        connection.read_body(&mut answer, false, |chunk| received += chunk.len());
        assert!(!answer.whole && received < 1_000_000_000, "{received}");
    });
    assert!(wait_for(PATIENCE, || active(&node) == 0.0).is_some());
}

#[test]
fn idle_connections_are_closed_and_busy_ones_kept() {
    let node = node(IMPATIENT);
    let mut silent = Connection::open(node.listen);
    assert!(silent.is_closed(), "a silent connection is kept");
    let mut kept = Connection::open(node.listen);
    // Longer than the timeout in all, but never idle for so long.
    for _ in 0..12 {
        kept.request("GET", "/hello", &[], &[]);
        assert_eq!(kept.read_answer(false).text(), "hello, world\n");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(kept.is_closed(), "an idle connection is kept");
    // A function that thinks is not an idle client.
    assert_eq!(node.text("/sleep?ms=1500"), "slept\n");
}

#[test]
fn requests_past_the_limit_are_shed_and_the_node_recovers() {
    let node = node("threads = 1\n[ingress]\nrequests_in_flight_max = 4\n");
    let mut busy: Vec<Connection> = (0..4).map(|_| Connection::open(node.listen)).collect();
    for connection in &mut busy {
        connection.request("GET", "/sleep?ms=3000", &[], &[]);
    }
    assert!(wait_for(PATIENCE, || active(&node) == 4.0).is_some());
    for _ in 0..50 {
        let shed = node.get("/hello");
        assert_eq!(shed.status, 503, "{}", shed.text());
        assert_eq!(shed.problem(), ("overloaded".into(), "platform".into()));
        let seconds = shed.header("retry-after").and_then(|value| value.parse::<u32>().ok());
        assert!(seconds.is_some_and(|seconds| seconds > 0), "{shed:?}");
    }
    assert!(node.metrics().failures("overloaded") >= 50.0);
    // The admin pages are apart.
    assert_eq!(client::get(node.admin, "/healthz").status, 200);
    for connection in &mut busy {
        assert_eq!(connection.read_answer(false).text(), "slept\n");
    }
    assert_eq!(node.text("/hello"), "hello, world\n");
}

#[test]
fn connections_past_the_limit_are_refused_and_the_node_recovers() {
    let node = node("threads = 1\n[ingress]\nconnections_max = 8\n");
    let mut held: Vec<Connection> = (0..8).map(|_| Connection::open(node.listen)).collect();
    for connection in &mut held {
        connection.request("GET", "/hello", &[], &[]);
        assert_eq!(connection.read_answer(false).status, 200);
    }
    for _ in 0..20 {
        let mut refused = Connection::open(node.listen);
        let answer = refused.read_answer(false);
        assert_eq!(answer.status, 503, "{answer:?}");
        assert!(answer.header("retry-after").is_some(), "{answer:?}");
        assert!(refused.is_closed());
    }
    // Those that are in go on.
    held[0].request("GET", "/hello", &[], &[]);
    assert_eq!(held[0].read_answer(false).status, 200);
    drop(held);
    let recovered = wait_for(PATIENCE, || node.get("/hello").status == 200);
    assert!(recovered.is_some(), "{}", node.log());
}

/// A download of which the client has read the beginning only; far more than
/// sockets hold is still to come.
fn slow_download(node: &Node) -> (Connection, client::Answer) {
    let mut connection = Connection::open(node.listen);
    connection.request("GET", "/generate?bytes=100000000", &[], &[]);
    let answer = connection.read_head();
    assert_eq!(answer.status, 200);
    (connection, answer)
}

#[test]
fn a_drain_waits_for_a_slow_download() {
    let mut node = node("[ingress]\ndrain_ms = 60000\n");
    let (mut connection, mut answer) = slow_download(&node);
    node.terminate();
    let draining = || client::get(node.admin, "/readyz").status == 503;
    assert!(wait_for(PATIENCE, draining).is_some(), "{}", node.log());
    // Slowly: the node must wait for its client.
    let (mut received, mut pauses) = (0, 0);
    connection.read_body(&mut answer, false, |chunk| {
        received += chunk.len();
        if received / 10_000_000 > pauses {
            pauses += 1;
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    assert_eq!((received, answer.whole), (100_000_000, true), "{}", node.log());
    assert!(node.wait_exit().success(), "{}", node.log());
    assert!(std::net::TcpStream::connect(node.listen).is_err(), "somebody still listens");
}

#[test]
fn a_drain_ends_at_its_limit() {
    let mut node = node("[ingress]\ndrain_ms = 500\n");
    let (mut connection, mut answer) = slow_download(&node);
    assert!(node.stop().success(), "{}", node.log());
    assert!(node.log().contains("cut off"), "{}", node.log());
    let mut received = 0;
    connection.read_body(&mut answer, false, |chunk| received += chunk.len());
    assert!(!answer.whole && received < 100_000_000, "a body that was cut looks whole");
}
