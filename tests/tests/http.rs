//! The gateway and the engine together: bodies and trailers both ways, in
//! constant memory, and clients that come, wait and go.

use sedge_tests::client::{self, Connection};
use sedge_tests::{Node, Scenario, wait_for};
use std::io::Write;
use std::process::Command;
use std::time::Duration;

const GIB: u64 = 1 << 30;
/// How much a node's memory may grow while a gibibyte passes through.
const GROWTH_BYTES_MAX: u64 = 48 << 20;

const MANIFEST: &str = r#"
[app]
name = "http"

[[function]]
name = "probe"
source = "{guests}/probe.wasm"
routes = ["/*"]
[function.limits]
cpu_ms_max = 120000
deadline_ms = 120000
request_body_bytes_max = 2147483648
response_body_bytes_max = 2147483648

[[function]]
name = "probe-p3"
source = "{guests}/probe-p3.wasm"
routes = ["p3.local/*"]
[function.limits]
cpu_ms_max = 120000
deadline_ms = 120000
request_body_bytes_max = 2147483648
response_body_bytes_max = 2147483648

[[function]]
name = "hello"
source = "{guests}/hello.wasm"
routes = ["GET /hello"]

[[function]]
name = "hello-p3"
source = "{guests}/hello-p3.wasm"
routes = ["/hello-p3"]
"#;

/// The hosts that lead to the probe for 0.2 and for 0.3.
const HOSTS: [&str; 2] = ["p2.local", "p3.local"];

#[test]
fn requests_are_answered_by_both_versions_of_wasi_http() {
    let node = Node::start(MANIFEST);
    for target in ["/hello", "/hello-p3"] {
        let answer = node.get(target);
        assert_eq!((answer.status, answer.text().as_str()), (200, "hello, world\n"), "{target}");
        assert_eq!(answer.header("content-type"), Some("text/plain"), "{target}");
    }
    head_has_no_body(&node);
    statuses_pass(&node);
    a_connection_is_kept(&node);
    curl_agrees(&node);
}

fn head_has_no_body(node: &Node) {
    for target in ["/hello", "/generate?bytes=100000"] {
        let answer = client::call(node.listen, "HEAD", target, &[], &[]);
        assert_eq!(answer.status, 200, "{target}");
        let mut connection = Connection::open(node.listen);
        connection.request("HEAD", target, &[("connection", "close")], &[]);
        connection.read_head();
        assert!(connection.is_closed(), "{target}: something followed the head");
    }
}

fn statuses_pass(node: &Node) {
    for status in [200, 201, 204, 205, 304, 400, 404, 418, 500, 503, 599] {
        let answer = node.get(&format!("/status?code={status}"));
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("x-probe"), Some("status"));
        assert!(answer.whole, "{status}");
    }
}

fn a_connection_is_kept(node: &Node) {
    let mut connection = Connection::open(node.listen);
    for _ in 0..3 {
        connection.request("GET", "/hello", &[], &[]);
        assert_eq!(connection.read_answer(false).text(), "hello, world\n");
    }
    // Two at once: the second waits in the socket until the first is answered.
    connection.request("POST", "/echo", &[], b"first");
    connection.request("POST", "/echo", &[], b"second");
    assert_eq!(connection.read_answer(false).text(), "first");
    assert_eq!(connection.read_answer(false).text(), "second");
}

fn curl_agrees(node: &Node) {
    let url = format!("http://{}/echo", node.listen);
    for options in [&["--http1.1"][..], &["--http2-prior-knowledge"], &["--http1.0"]] {
        let output = Command::new("curl")
            .args(["--silent", "--show-error", "--max-time", "30", "--data-binary", "from curl"])
            .args(options)
            .arg(&url)
            .output();
        let Ok(output) = output else {
            eprintln!("absent: curl, so no second client was tried");
            return;
        };
        assert!(output.status.success(), "{options:?}: {output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "from curl", "{options:?}");
    }
}

#[test]
fn what_no_route_answers_is_told() {
    let manifest = "[app]\nname = \"app\"\n[[function]]\nname = \"hello\"\n\
                    source = \"{guests}/hello.wasm\"\nroutes = [\"GET /hello\"]\n";
    let node = Node::start(manifest);
    let answer = client::call(node.listen, "DELETE", "/hello", &[], &[]);
    assert_eq!(answer.status, 405);
    assert_eq!(answer.problem(), ("method_not_allowed".into(), "client".into()));
    assert!(answer.header("allow").is_some_and(|allow| allow.contains("GET")), "{answer:?}");
    let answer = node.get("/absent");
    assert_eq!((answer.status, answer.problem().0.as_str()), (404, "no_route"));
    assert_eq!(client::call(node.listen, "HEAD", "/hello", &[], &[]).status, 200);
}

#[test]
fn malformed_requests_are_refused_and_counted() {
    let node = Node::start(MANIFEST);
    // (request, status, whether the connection must be closed: where it is
    // unclear at which byte the next request would begin)
    let cases = [
        ("GET / HTTP/1.1\r\n\r\n", 400, false),
        ("GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", 400, false),
        ("GET / HTTP/9.9\r\nhost: a\r\n\r\n", 400, true),
        ("GET /\0 HTTP/1.1\r\nhost: a\r\n\r\n", 400, true),
        ("GET / HTTP/1.1\r\nhost : a\r\n\r\n", 400, true),
        ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n", 400, true),
        (
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
            400,
            true,
        ),
        // The length is ignored, as RFC 9112 §6.1 allows; the probe's 404.
        (
            "POST /absent HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\
             content-length: 3\r\n\r\n0\r\n\r\n",
            404,
            true,
        ),
    ];
    for (request, status, closed) in cases {
        let mut connection = Connection::open(node.listen);
        connection.send(request);
        let answer = connection.read_answer(false);
        assert_eq!(answer.status, status, "{request:?}");
        assert!(!closed || connection.is_closed(), "{request:?}: the connection was kept");
    }
    assert_eq!(node.text("/hello"), "hello, world\n");
}

#[test]
fn bodies_and_trailers_pass_in_both_directions() {
    let node = Node::start(MANIFEST);
    for host in HOSTS {
        let mut connection = Connection::open(node.listen);
        connection.send(format!(
            "POST /echo HTTP/1.1\r\nhost: {host}\r\nte: trailers\r\ntrailer: x-sum\r\n\
             transfer-encoding: chunked\r\n\r\n"
        ));
        connection.send("5\r\nfirst\r\n");
        let mut answer = connection.read_head();
        assert_eq!(answer.status, 200, "{host}: the head did not come before the body's end");
        connection.send("7\r\n second\r\n0\r\nx-sum: 42\r\n\r\n");
        let mut body = Vec::new();
        connection.read_body(&mut answer, false, |chunk| body.extend_from_slice(chunk));
        assert_eq!(String::from_utf8_lossy(&body), "first second", "{host}");
        assert!(answer.whole, "{host}");
        assert_eq!(answer.trailers, [("x-sum".to_string(), "42".to_string())], "{host}");
    }
    let mut connection = Connection::open(node.listen);
    connection.request("GET", "/trailers", &[("te", "trailers")], &[]);
    let answer = connection.read_answer(false);
    assert_eq!(answer.trailers, [("x-checksum".to_string(), "0123".to_string())]);
    expectations_are_met(&node);
}

fn expectations_are_met(node: &Node) {
    let head =
        "POST /count HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n";
    let mut connection = Connection::open(node.listen);
    connection.send(head);
    assert_eq!(connection.read_head().status, 100);
    connection.send("body");
    assert_eq!(connection.read_answer(false).json()["bytes"], 4);
    // A function that does not read the body does not ask for it either.
    let mut connection = Connection::open(node.listen);
    connection.send(head.replace("/count", "/early"));
    assert_eq!(connection.read_head().status, 200);
}

#[test]
fn a_gibibyte_comes_down_in_constant_memory() {
    let node = Node::start(MANIFEST);
    for host in HOSTS {
        warm(&node, host);
        let before = node.memory_bytes_peak();
        let mut connection = Connection::open(node.listen);
        let target = format!("/generate?bytes={GIB}");
        connection.request("GET", &target, &[("host", host)], &[]);
        let mut answer = connection.read_head();
        let mut received = 0;
        connection.read_body(&mut answer, false, |chunk| received += chunk.len() as u64);
        assert_eq!((received, answer.whole), (GIB, true), "{host}\n{}", node.log());
        assert_constant(&node, host, before);
    }
}

#[test]
fn a_gibibyte_goes_up_in_constant_memory() {
    let node = Node::start(MANIFEST);
    for host in HOSTS {
        warm(&node, host);
        let before = node.memory_bytes_peak();
        let mut connection = Connection::open(node.listen);
        let head = format!(
            "POST /count?hash=no HTTP/1.1\r\nhost: {host}\r\ncontent-length: {GIB}\r\n\r\n"
        );
        connection.send(head);
        let chunk = vec![b'u'; 1 << 20];
        let sent = (0..1024).all(|_| connection.send(&chunk));
        let answer = connection.read_answer(false);
        assert!(sent, "{host}: the upload was cut: {answer:?}");
        assert!(answer.text().contains(&GIB.to_string()), "{host}: {}", answer.text());
        assert_constant(&node, host, before);
    }
}

#[test]
fn a_body_passes_both_ways_at_once_in_constant_memory() {
    const BYTES: usize = 256 << 20;
    let node = Node::start(MANIFEST);
    for host in HOSTS {
        warm(&node, host);
        let before = node.memory_bytes_peak();
        let mut connection = Connection::open(node.listen);
        connection.send(format!(
            "POST /echo HTTP/1.1\r\nhost: {host}\r\ncontent-length: {BYTES}\r\n\r\n"
        ));
        let mut sender = connection.sender();
        let upload = std::thread::spawn(move || {
            let chunk = vec![b'e'; 1 << 20];
            (0..BYTES >> 20).all(|_| sender.write_all(&chunk).is_ok())
        });
        let mut answer = connection.read_head();
        let mut received = 0;
        connection.read_body(&mut answer, false, |chunk| received += chunk.len());
        assert!(upload.join().expect("the upload's thread"), "{host}");
        assert_eq!((received, answer.whole), (BYTES, true), "{host}\n{}", node.log());
        assert_constant(&node, host, before);
    }
}

/// Loads code and makes buffers grow to what they are always.
fn warm(node: &Node, host: &str) {
    for target in ["/generate?bytes=8000000", "/count?hash=no", "/echo"] {
        let body = vec![b'w'; 8 << 20];
        let method = if target.starts_with("/generate") { "GET" } else { "POST" };
        let body = if method == "GET" { &[][..] } else { &body };
        let answer = client::call(node.listen, method, target, &[("host", host)], body);
        assert_eq!(answer.status, 200, "{host}{target}\n{}", node.log());
    }
}

fn assert_constant(node: &Node, host: &str, before: u64) {
    let growth = node.memory_bytes_peak().saturating_sub(before);
    println!("{host}: peak memory grew by {} KiB", growth / 1024);
    assert!(growth < GROWTH_BYTES_MAX, "{host}: peak memory grew by {growth} bytes");
}

#[test]
fn a_client_that_goes_away_takes_its_call_along() {
    let node = Node::start(MANIFEST);
    let active = || node.metrics().sum("http_server_active_requests", &[]);
    for host in HOSTS {
        for target in ["/sleep?ms=60000", "/generate?bytes=2000000000"] {
            let mut connection = Connection::open(node.listen);
            connection.request("GET", target, &[("host", host)], &[]);
            let begun = wait_for(Duration::from_secs(10), || active() == 1.0);
            assert!(begun.is_some(), "{host}{target} did not begin");
            drop(connection);
            let ended = wait_for(Duration::from_secs(10), || active() == 0.0);
            assert!(ended.is_some(), "{host}{target} goes on\n{}", node.log());
        }
    }
    let mut connection = Connection::open(node.listen);
    connection.send("POST /count HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nsome");
    assert!(wait_for(Duration::from_secs(10), || active() == 1.0).is_some());
    drop(connection);
    assert!(wait_for(Duration::from_secs(10), || active() == 0.0).is_some(), "{}", node.log());
}

#[test]
fn a_guest_finishes_after_its_answer() {
    // What guests print is logged at INFO.
    let scenario = Scenario::new().app("http", MANIFEST).environment("SEDGE_LOG", "info");
    let node = scenario.start();
    for host in HOSTS {
        let target = format!("/afterwards?ms=300&mark=head-{host}");
        let answer = client::call(node.listen, "HEAD", &target, &[("host", host)], &[]);
        assert_eq!((answer.status, answer.text().as_str()), (200, ""), "{host}");
        node.wait_log(&format!("afterwards head-{host}"), Duration::from_secs(10));
        // One that writes without end finds that nobody reads.
        let target = "/generate?bytes=2000000000";
        client::call(node.listen, "HEAD", target, &[("host", host)], &[]);
        let active = || node.metrics().sum("sedge_function_active", &[]);
        let ended = wait_for(Duration::from_secs(10), || active() == 0.0);
        assert!(ended.is_some(), "{host} goes on\n{}", node.log());
        // So does one whose answer was sent whole by its length: nobody asks for more of it.
        let target = format!("/afterwards?ms=300&whole=1&mark=whole-{host}");
        let answer = client::call(node.listen, "GET", &target, &[("host", host)], &[]);
        assert_eq!((answer.status, answer.text().as_str()), (200, "first\n"), "{host}");
        node.wait_log(&format!("afterwards whole-{host}"), Duration::from_secs(10));
        // A client that takes the body and goes away takes the guest along.
        let mut connection = Connection::open(node.listen);
        let target = format!("/afterwards?ms=2000&mark=get-{host}");
        connection.request("GET", &target, &[("host", host)], &[]);
        assert_eq!(connection.read_head().status, 200, "{host}");
        drop(connection);
    }
    std::thread::sleep(Duration::from_millis(2_500));
    assert!(!node.log().contains("afterwards get-"), "{}", node.log());
}

#[test]
fn a_node_that_stops_finishes_what_it_began() {
    let mut node = Node::start(MANIFEST);
    let mut connection = Connection::open(node.listen);
    connection.request("GET", "/sleep?ms=1500", &[], &[]);
    let active = || node.metrics().sum("http_server_active_requests", &[]);
    assert!(wait_for(Duration::from_secs(10), || active() == 1.0).is_some());
    node.terminate();
    let answer = connection.read_answer(false);
    assert_eq!((answer.status, answer.text().as_str()), (200, "slept\n"));
    assert!(node.wait_exit().success(), "{}", node.log());
}
