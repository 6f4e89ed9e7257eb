//! Every limit of `sedge-model`'s `Limits`, at the limit and past it.

use sedge_tests::client::{self, Answer, Connection, encode};
use sedge_tests::origin::Origin;
use sedge_tests::{Node, Scenario, wait_for};
use std::time::Duration;

/// A node whose probe has these limits, and may call `origin`.
fn node(limits: &str, origin: Option<&Origin>) -> Node {
    let outbound = origin.map_or(String::new(), |origin| {
        format!("outbound = [{{ to = \"{}\", private = true }}]", origin.url(""))
    });
    let manifest = format!(
        "[app]\nname = \"limits\"\n[[function]]\nname = \"probe\"\n\
         source = \"{{guests}}/probe.wasm\"\nroutes = [\"/*\"]\n\
         [function.limits]\n{limits}\n[function.capabilities]\n{outbound}\n"
    );
    Scenario::new().app("limits", &manifest).allow("limits").start()
}

fn assert_problem(node: &Node, answer: &Answer, status: u16, kind: &str, blame: &str) {
    assert_eq!(answer.status, status, "{}\n{}", answer.text(), node.log());
    assert_eq!(answer.problem(), (kind.to_string(), blame.to_string()));
    assert!(node.metrics().failures(kind) >= 1.0, "{kind} was not counted");
}

#[test]
fn memory_bytes_max() {
    let node = node("memory_bytes_max = 16777216", None);
    assert_eq!(node.get("/memory?bytes=8388608").status, 200);
    // The guest sees that its allocation fails, and says so itself.
    assert_eq!(node.get("/memory?bytes=16777216").status, 507);
    // One that does not look crashes, which is blamed on the limit.
    let answer = node.get("/log?bytes=33554432");
    assert_problem(&node, &answer, 500, "memory_limit", "guest");
}

#[test]
fn cpu_ms_max() {
    let node = node("cpu_ms_max = 400\ndeadline_ms = 60000", None);
    assert_eq!(node.get("/spin?ms=100").status, 200);
    // Waiting is free.
    assert_eq!(node.get("/sleep?ms=1200").status, 200);
    let answer = node.get("/spin?ms=20000");
    assert_problem(&node, &answer, 500, "cpu_limit", "guest");
}

#[test]
fn deadline_ms() {
    let node = node("deadline_ms = 2000", None);
    assert_eq!(node.get("/sleep?ms=10").status, 200);
    let answer = node.get("/sleep?ms=60000");
    assert_problem(&node, &answer, 504, "deadline", "guest");
}

#[test]
fn stack_bytes_max() {
    let node = node("stack_bytes_max = 65536", None);
    assert_eq!(node.get("/stack?depth=10").status, 200);
    let answer = node.get("/stack?depth=100000000");
    assert_problem(&node, &answer, 500, "stack_limit", "guest");
}

#[test]
fn resources_max() {
    let node = node("resources_max = 100", None);
    assert_eq!(node.get("/resources?count=80").status, 200);
    let answer = node.get("/resources?count=101");
    assert_problem(&node, &answer, 500, "resource_limit", "guest");
}

#[test]
fn request_body_bytes_max() {
    let node = node("request_body_bytes_max = 1000", None);
    let at = node.post("/count", &[b'x'; 1000]);
    assert_eq!(at.json()["bytes"], 1000);
    let past = node.post("/count", &[b'x'; 1001]);
    assert_problem(&node, &past, 413, "request_body_limit", "client");
    // Without a declared length it shows only while the body is read.
    for (bytes, status) in [(1000, 200), (1001, 413)] {
        let mut connection = Connection::open(node.listen);
        let body = "y".repeat(bytes);
        connection.send(format!(
            "POST /count HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n\
             {bytes:x}\r\n{body}\r\n0\r\n\r\n"
        ));
        assert_eq!(connection.read_answer(false).status, status, "{bytes} bytes in chunks");
    }
}

#[test]
fn response_body_bytes_max() {
    let node = node("response_body_bytes_max = 100000", None);
    for declared in ["", "&length=1"] {
        let at = node.get(&format!("/generate?bytes=100000{declared}"));
        assert_eq!((at.status, at.body.len(), at.whole), (200, 100_000, true));
        let past = node.get(&format!("/generate?bytes=100001{declared}"));
        assert!(!past.whole || past.status == 502, "looks complete: {} bytes", past.body.len());
    }
    let counted = || node.metrics().failures("response_body_limit") >= 2.0;
    assert!(wait_for(Duration::from_secs(5), counted).is_some());
}

#[test]
fn headers_max() {
    let node = node("headers_max = 20", None);
    // `host` and `connection` are two of them.
    for (count, status) in [(18, 200), (19, 431)] {
        let names: Vec<String> = (0..count).map(|index| format!("x-{index}")).collect();
        let fields: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "v")).collect();
        let answer = client::call(node.listen, "GET", "/headers", &fields, &[]);
        assert_eq!(answer.status, status, "{count}: {}", answer.text());
    }
    assert_eq!(node.get("/big-headers?count=20&bytes=1").status, 200);
    let past = node.get("/big-headers?count=21&bytes=1");
    assert_problem(&node, &past, 502, "response_header_limit", "guest");
}

#[test]
fn header_bytes_max() {
    let node = node("header_bytes_max = 2048", None);
    for (bytes, status) in [(1900, 200), (2048, 431)] {
        let value = "v".repeat(bytes);
        let answer = client::call(node.listen, "GET", "/headers", &[("x", &value)], &[]);
        assert_eq!(answer.status, status, "{bytes}: {}", answer.text());
    }
    // The name has eight bytes.
    assert_eq!(node.get("/big-headers?count=1&bytes=2040").status, 200);
    let past = node.get("/big-headers?count=1&bytes=2041");
    assert_problem(&node, &past, 502, "response_header_limit", "guest");
}

#[test]
fn outbound_requests_max() {
    let origin = Origin::start();
    let node = node("outbound_requests_max = 3", Some(&origin));
    let target = |count| format!("/fetch-many?count={count}&url={}", encode(&origin.url("/")));
    assert_eq!(node.json(&target(3)), serde_json::json!([200, 200, 200]));
    let past = node.get(&target(4));
    assert!(past.status != 200 || !past.text().contains("200,200,200,200"), "{}", past.text());
    assert_eq!(origin.heads().len(), 6, "the fourth request was sent");
    assert!(node.metrics().failures("outbound_limit") >= 1.0, "not counted");
}

#[test]
fn outbound_bytes_max() {
    let origin = Origin::start();
    let node = node("outbound_bytes_max = 100000", Some(&origin));
    let target = |bytes| format!("/fetch?url={}", encode(&origin.url(&format!("/stream?{bytes}"))));
    assert_eq!(node.json(&target(90_000))["whole"], true);
    let past = node.get(&target(200_000));
    assert!(past.status != 200 || past.json()["whole"] != true, "{}", past.status);
    assert!(node.metrics().failures("outbound_limit") >= 1.0, "not counted");
}

#[test]
fn log_bytes_max() {
    let node = node("log_bytes_max = 10000", None);
    let dropped = || {
        let metrics = node.metrics();
        let samples = metrics.samples.iter();
        let about =
            samples.filter(|sample| sample.name.contains("log") && sample.name.contains("dropped"));
        about.map(|sample| sample.value).sum::<f64>()
    };
    assert_eq!(node.get("/log?bytes=500").status, 200);
    assert_eq!(dropped(), 0.0);
    assert_eq!(node.get("/log?bytes=20000").status, 200);
    assert!(dropped() > 100_000.0, "{}", dropped());
    assert!(node.log().len() < 50_000, "{} bytes of log", node.log().len());
}

#[test]
fn concurrency_max() {
    let node = node("concurrency_max = 2", None);
    let active = || node.metrics().sum("http_server_active_requests", &[]);
    let mut waiting: Vec<Connection> = (0..2).map(|_| Connection::open(node.listen)).collect();
    for connection in &mut waiting {
        connection.request("GET", "/sleep?ms=3000", &[], &[]);
    }
    assert!(wait_for(Duration::from_secs(10), || active() == 2.0).is_some());
    let past = node.get("/status");
    assert_problem(&node, &past, 503, "overloaded", "platform");
    assert!(past.header("retry-after").is_some());
    for connection in &mut waiting {
        assert_eq!(connection.read_answer(false).status, 200);
    }
    assert_eq!(node.get("/status").status, 200);
}
