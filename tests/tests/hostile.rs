//! Every hostile guest leaves a clear error for the client, a counter, the node
//! up, and a neighbor that goes on answering. How much slower the neighbor gets
//! is measured by `cargo xtask bench hostile`, not asserted here.

use sedge_tests::client::{self, Answer};
use sedge_tests::neighbor::Neighbor;
use sedge_tests::origin::Origin;
use sedge_tests::{Node, Scenario, artifacts, guests, wait_for};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

/// Small limits, so that each one is reached within a second or two.
const APPS: [(&str, &str); 2] = [
    (
        "neighbor",
        r#"
        [app]
        name = "neighbor"
        [[function]]
        name = "hello"
        source = "{guests}/hello.wasm"
        routes = ["/hello"]
        "#,
    ),
    (
        "hostile",
        r#"
        [app]
        name = "hostile"
        [[function]]
        name = "hostile"
        source = "{guests}/hostile.wasm"
        routes = ["/*"]
        [function.limits]
        memory_bytes_max = 67108864
        cpu_ms_max = 300
        deadline_ms = 1500
        response_body_bytes_max = 4194304
        outbound_requests_max = 64
        log_bytes_max = 16384
        [function.capabilities]
        kv = ["default"]
        cache = ["pages"]
        codec = true
        [[function]]
        name = "reused"
        source = "{guests}/hostile.wasm"
        routes = ["reused.local/*"]
        isolation = "instance"
        [function.limits]
        deadline_ms = 1500
        "#,
    ),
];

/// An app of one artifact that is bad in some way.
const BAD: &str = r#"
[app]
name = "bad"
[[function]]
name = "bad"
source = "bad.wasm"
routes = ["/bad"]
[function.limits]
cpu_ms_max = 300
deadline_ms = 10000
"#;

/// The node of all tests that run at this moment: it is started by the first
/// and ends with the last.
fn node() -> Arc<Node> {
    static SHARED: Mutex<Weak<Node>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let scenario = APPS.iter().fold(Scenario::new(), |all, (name, text)| all.app(name, text));
        // What the guest logs, and how the node reports its failures.
        let node = Arc::new(scenario.allow("hostile").start());
        *shared = Arc::downgrade(&node);
        node
    })
}

/// Sends one request to a behavior while a neighbor is asked; the node must be
/// up afterwards and the neighbor must not have missed an answer.
fn attack(target: &str) -> (Arc<Node>, Answer) {
    let node = node();
    let neighbor = Neighbor::start(node.listen, "/hello");
    let answer = node.get(target);
    // Long enough that a neighbor has been asked, also by a quick behavior.
    std::thread::sleep(Duration::from_millis(50));
    let report = neighbor.stop();
    assert!(report.failures.is_empty(), "{target} hurt its neighbor: {:?}", report.failures);
    assert!(report.answered > 0, "{target}: the neighbor was not asked");
    println!("{target}: p99 of the neighbor {:?}", report.quantile(0.99));
    assert_eq!(client::get(node.admin, "/healthz").status, 200, "{target}");
    (node, answer)
}

/// The behavior must be answered with this status, kind and blame, and counted.
fn refused(name: &str, status: u16, kind: &str, blame: &str) {
    let before = node();
    let counted = before.metrics().failures(kind);
    let (node, answer) = attack(&format!("/{name}"));
    assert_eq!(answer.status, status, "{name}: {}\n{}", answer.text(), node.log());
    assert_eq!(answer.problem(), (kind.to_string(), blame.to_string()), "{name}");
    assert!(node.metrics().failures(kind) > counted, "{name}: {kind} was not counted");
}

/// The behavior has begun its answer, so the only honest error left is to break
/// the body off; it must not look complete.
fn broken_off(name: &str, kind: &str) {
    let before = node();
    let counted = before.metrics().failures(kind);
    let (node, answer) = attack(&format!("/{name}"));
    assert!(!answer.whole || answer.status >= 500, "{name} looks complete: {answer:?}");
    let grew = wait_for(Duration::from_secs(5), || node.metrics().failures(kind) > counted);
    assert!(grew.is_some(), "{name}: {kind} was not counted\n{}", node.log());
}

/// The behavior is answered, because what it did is harmless.
fn harmless(target: &str) -> (Arc<Node>, String) {
    let (node, answer) = attack(target);
    assert_eq!(answer.status, 200, "{target}: {}\n{}", answer.text(), node.log());
    assert!(answer.whole, "{target}");
    (node, answer.text())
}

/// An artifact that cannot be started is refused with a reason: while it is
/// compiled and tried, a neighbor under load misses no answer, and the good
/// artifact in whose place it came goes on.
fn never_starts(name: &str, bytes: &[u8], reasons: &[&str]) {
    let mut node = node_with_bad_app(&guests::bytes("hello"));
    assert_eq!(node.text("/bad"), "hello, world\n");
    let (replaced, neighbor) =
        (Neighbor::start(node.listen, "/bad"), Neighbor::start(node.listen, "/hello"));
    let before = node.log().len();
    node.replace("bad/bad.wasm", bytes);
    let refused = || node.log()[before..].contains("bad revision 1 goes on");
    let refused = wait_for(Duration::from_secs(120), refused);
    assert!(refused.is_some(), "{name} was not refused:\n{}", node.log());
    for (who, load) in [("the good artifact", replaced), ("the neighbor", neighbor)] {
        let report = load.stop();
        assert!(report.failures.is_empty(), "{name} hurt {who}: {:?}", report.failures);
        assert!(report.answered > 0, "{name}: {who} was not asked");
        println!("{name}: p99 of {who} {:?}", report.quantile(0.99));
    }
    let log = node.log();
    let told = reasons.iter().any(|reason| log[before..].contains(reason));
    assert!(told, "{name}: no reason of {reasons:?} in the log:\n{}", &log[before..]);
    assert_eq!(node.text("/bad"), "hello, world\n");
    assert!(node.is_up());
    // There from the start, it keeps nobody else from being served.
    drop(node);
    let mut node = node_with_bad_app(bytes);
    assert_eq!(node.text("/hello"), "hello, world\n");
    assert_ne!(node.get("/bad").status, 200, "{name} was answered");
    assert!(node.is_up());
}

/// A node with a neighbor and an app of this artifact.
fn node_with_bad_app(bytes: &[u8]) -> Node {
    Scenario::new()
        .app("neighbor", APPS[0].1)
        .file("bad/bad.wasm", bytes)
        .app("bad", BAD)
        .allow("bad")
        .start()
}

/// A text module that fails while it answers, or before.
fn module(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions/hostile/wat");
    wat::parse_file(folder.join(format!("{name}.wat"))).expect("a text module")
}

/// A text module that starts well and fails when it is called.
fn fails_when_called(name: &str, kind: &str) {
    let mut node = node_with_bad_app(&module(name));
    let neighbor = Neighbor::start(node.listen, "/hello");
    let answer = node.get("/bad");
    // Long enough that the neighbor has been asked.
    std::thread::sleep(Duration::from_millis(50));
    let report = neighbor.stop();
    assert!(report.failures.is_empty(), "{name} hurt its neighbor: {:?}", report.failures);
    assert_eq!(answer.status, 500, "{name}: {}\n{}", answer.text(), node.log());
    assert_eq!(answer.problem(), (kind.to_string(), "guest".to_string()), "{name}");
    assert!(node.metrics().failures(kind) >= 1.0, "{name}");
    assert!(node.is_up());
}

#[test]
fn endless_loop() {
    refused("endless-loop", 500, "cpu_limit", "guest");
}

#[test]
fn host_call_loop() {
    refused("host-call-loop", 500, "cpu_limit", "guest");
}

#[test]
fn loop_after_response() {
    // The answer may arrive whole before the loop is cut off; the loop must be
    // cut off, and counted, in any case.
    let before = node();
    let counted = before.metrics().failures("cpu_limit");
    let (node, answer) = attack("/loop-after-response");
    assert!(answer.status == 200 || answer.status == 500, "{answer:?}");
    let in_flight = || node.metrics().failures("cpu_limit") > counted;
    let functions = || client::get(node.admin, "/v1/functions").text();
    let stopped = wait_for(Duration::from_secs(5), in_flight);
    assert!(stopped.is_some(), "not counted: {}\n{}", functions(), node.log());
}

#[test]
fn deep_recursion() {
    refused("deep-recursion", 500, "stack_limit", "guest");
}

#[test]
fn memory_bomb() {
    refused("memory-bomb", 500, "memory_limit", "guest");
}

#[test]
fn trap() {
    refused("trap", 500, "trap", "guest");
}

#[test]
fn headers_without_end() {
    refused("headers-without-end", 502, "response_header_limit", "guest");
}

#[test]
fn huge_header() {
    let (_, answer) = attack("/huge-header");
    // The host may refuse the field (the guest then crashes) or the head.
    let (kind, blame) = answer.problem();
    assert!(kind == "response_header_limit" || kind == "trap", "{kind}");
    assert_eq!(blame, "guest");
}

#[test]
fn forbidden_headers() {
    let (_, taken) = harmless("/forbidden-headers");
    assert_eq!(taken, "[]\n", "fields of the connection, or line breaks, were taken");
}

#[test]
fn conflicting_lengths() {
    let (_, answer) = attack("/conflicting-lengths");
    let lengths = answer.headers.iter().filter(|(name, _)| name == "content-length").count();
    assert_eq!(lengths, 1, "{answer:?}");
    assert!(answer.status == 502 || (answer.whole && answer.text() == "abc"), "{answer:?}");
}

#[test]
fn invalid_status() {
    let (_, taken) = harmless("/invalid-status");
    assert_eq!(taken, "0\n");
}

#[test]
fn error_response() {
    let (_, answer) = attack("/error-response");
    assert_eq!((answer.status, answer.problem().1.as_str()), (502, "guest"));
    assert!(!answer.text().contains("the inside"), "the guest's words reach the client");
}

#[test]
fn no_response() {
    refused("no-response", 502, "no_response", "guest");
}

#[test]
fn never_responds() {
    refused("never-responds", 504, "deadline", "guest");
}

#[test]
fn double_set() {
    let (_, answer) = attack("/double-set");
    assert!(!answer.text().contains("second"), "{answer:?}");
}

#[test]
fn body_without_end() {
    broken_off("body-without-end", "response_body_limit");
}

#[test]
fn body_that_stalls() {
    broken_off("body-that-stalls", "deadline");
}

#[test]
fn body_not_finished() {
    let (_, answer) = attack("/body-not-finished");
    assert!(!answer.whole || answer.status >= 500, "looks complete: {answer:?}");
}

#[test]
fn body_left_open() {
    // A fresh instance goes, and with it the writing end: that is the body's end. The
    // node is held to the end: a counter of another one would begin at zero.
    let (node, body) = harmless("/body-left-open");
    assert_eq!(body, "part");
    // An instance that is reused lives on with the writing end.
    let counted = node.metrics().failures("deadline");
    let host = [("host", "reused.local")];
    for _ in 0..3 {
        let answer = client::call(node.listen, "GET", "/body-left-open", &host, &[]);
        assert!(!answer.whole, "{answer:?}");
    }
    // The client may see the end a moment before it is counted.
    let is_counted = || node.metrics().failures("deadline") >= counted + 3.0;
    assert!(wait_for(Duration::from_secs(5), is_counted).is_some(), "{}", node.log());
}

#[test]
fn body_shorter_than_declared() {
    let (_, answer) = attack("/body-shorter-than-declared");
    assert!(!answer.whole || answer.status >= 500, "looks complete: {answer:?}");
}

#[test]
fn body_longer_than_declared() {
    let (node, answer) = attack("/body-longer-than-declared");
    assert!(!answer.text().contains("smuggled"), "{answer:?}");
    // On a connection that is kept, no second response may appear.
    let mut connection = client::Connection::open(node.listen);
    connection.request("GET", "/body-longer-than-declared", &[], &[]);
    connection.read_answer(false);
    connection.request("GET", "/hello", &[], &[]);
    let next = connection.read_answer(false);
    assert!(next.status == 0 || next.text() == "hello, world\n", "{next:?}");
}

#[test]
fn trap_after_headers() {
    broken_off("trap-after-headers", "trap");
}

#[test]
fn trap_in_body() {
    broken_off("trap-in-body", "trap");
}

#[test]
fn thousand_leaked_resources() {
    // Within the default limit; a hundred requests show that nothing is kept.
    for _ in 0..100 {
        let answer = node().get("/thousand-leaked-resources");
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    harmless("/thousand-leaked-resources");
}

#[test]
fn million_leaked_resources() {
    refused("million-leaked-resources", 500, "resource_limit", "guest");
}

#[test]
fn million_timers() {
    refused("million-timers", 500, "resource_limit", "guest");
}

#[test]
fn poll_nothing() {
    refused("poll-nothing", 500, "trap", "guest");
}

#[test]
fn random_flood() {
    let (_, answer) = attack("/random-flood");
    assert_eq!((answer.status, answer.problem().1.as_str()), (500, "guest"), "{answer:?}");
}

#[test]
fn forged_handle() {
    refused("forged-handle", 500, "trap", "guest");
}

#[test]
fn log_flood() {
    let (node, text) = harmless("/log-flood");
    assert_eq!(text, "flooded\n");
    let dropped: f64 = node
        .metrics()
        .samples
        .iter()
        .filter(|sample| sample.name.contains("log") && sample.name.contains("dropped"))
        .map(|sample| sample.value)
        .sum();
    assert!(dropped > 9e6, "{dropped} bytes of log were counted as dropped");
    assert!(node.log().len() < 4 << 20, "the log grew to {} bytes", node.log().len());
}

#[test]
fn huge_log_line() {
    let (node, _) = harmless("/huge-log-line");
    assert!(!node.log().contains('\x1b'), "a guest's control characters reached the log");
}

#[test]
fn kv_flood() {
    let (_, answer) = attack("/kv-flood");
    let ended = answer.status == 200 || answer.problem().1 == "guest";
    assert!(ended, "{}: {}", answer.status, answer.text());
}

#[test]
fn kv_huge_value() {
    let (_, answer) = attack("/kv-huge-value");
    match answer.status {
        200 => assert_eq!(answer.text(), "false false\n"),
        _ => assert_eq!(answer.problem().1, "guest"),
    }
}

#[test]
fn cache_flood() {
    let (node, answer) = attack("/cache-flood");
    let ended = answer.status == 200 || answer.problem().1 == "guest";
    assert!(ended, "{}: {}", answer.status, answer.text());
    let bytes = node.metrics().sum("sedge_cache_memory_bytes", &[]);
    assert!(bytes <= (64 << 20) as f64, "{bytes} bytes are stored");
}

#[test]
fn cache_hold() {
    let (node, answer) = attack("/cache-hold");
    assert_eq!(answer.problem().1, "guest", "{}: {}", answer.status, answer.text());
    // With its request, all that it held is given up.
    let none = || node.metrics().sum("sedge_cache_fetches", &[]) == 0.0;
    assert!(wait_for(Duration::from_secs(10), none).is_some());
}

/// Whether the encoders hold no pixels, and are at nothing.
fn encoders_rest(node: &Node) -> bool {
    let metrics = node.metrics();
    let names = ["sedge_codec_held_bytes", "sedge_codec_waiting", "sedge_codec_running"];
    names.iter().all(|name| metrics.sum(name, &[]) == 0.0)
}

#[test]
fn codec_hold() {
    let (node, answer) = attack("/codec-hold");
    // Half of 256 MiB has room for one of 100 MB, and another hostile guest may have it.
    assert!(["holds 1\n", "holds 0\n"].contains(&&*answer.text()), "{}", answer.text());
    assert!(node.metrics().sum("sedge_codec_memory_full_total", &[]) > 0.0);
    assert!(wait_for(Duration::from_secs(60), || encoders_rest(&node)).is_some());
}

#[test]
fn codec_flood() {
    // Beside all the others it may come to its deadline before its first picture.
    for _ in 0..10 {
        let (node, answer) = attack("/codec-flood");
        let ended = answer.status == 200 || answer.problem().1 == "guest";
        assert!(ended, "{}: {}", answer.status, answer.text());
        // What is begun for a guest that is gone is finished, and nothing else.
        assert!(wait_for(Duration::from_secs(60), || encoders_rest(&node)).is_some());
        if node.metrics().sum("sedge_codec_pictures_total", &[]) > 0.0 {
            return;
        }
    }
    panic!("no picture came to the encoders");
}

/// No line of the report says that anything was reached.
fn nothing_reached(target: &str, origin: &Origin) {
    let (node, answer) = attack(target);
    match answer.status {
        200 => {
            let text = answer.text();
            assert!(!text.contains("reached"), "{text}");
            assert!(text.contains("refused"), "{text}");
        }
        _ => assert_eq!(answer.problem().1, "guest", "{}", answer.text()),
    }
    assert!(origin.heads().is_empty(), "{target}: {:?}", origin.heads());
    assert!(node.metrics().failures("outbound_denied") > 0.0, "{target} was not counted");
}

#[test]
fn outbound_metadata() {
    nothing_reached("/outbound-metadata", &Origin::start());
}

#[test]
fn outbound_loopback_name() {
    let origin = Origin::start();
    nothing_reached(&format!("/outbound-loopback-name?{}", origin.address.port()), &origin);
}

#[test]
fn outbound_disguised_loopback() {
    let origin = Origin::start();
    nothing_reached(&format!("/outbound-disguised-loopback?{}", origin.address.port()), &origin);
}

#[test]
fn outbound_flood() {
    let origin = Origin::start();
    let told = |node: &Node| node.log().matches("outbound request denied").count();
    let before = told(&node());
    let (node, answer) = attack(&format!("/outbound-flood?{}", origin.address.port()));
    let ended = answer.status == 200 || answer.problem().1 == "guest";
    assert!(ended, "{}: {}", answer.status, answer.text());
    assert!(origin.heads().is_empty());
    // Its hundreds of denials are one record; other tests of this node have theirs.
    let told = told(&node) - before;
    assert!((1..20).contains(&told), "{told} records of denials");
}

#[test]
fn table_bomb() {
    fails_when_called("table-bomb", "memory_limit");
}

#[test]
fn memory_grow_bomb() {
    fails_when_called("memory-grow-bomb", "memory_limit");
}

#[test]
fn start_loop() {
    never_starts("start-loop", &module("start-loop"), &["CPU time", "cpu_limit"]);
}

#[test]
fn start_trap() {
    never_starts("start-trap", &module("start-trap"), &["trap", "unreachable"]);
}

#[test]
fn huge_table() {
    never_starts("huge-table", &module("huge-table"), &["memory", "table"]);
}

#[test]
fn huge_memory() {
    never_starts("huge-memory", &module("huge-memory"), &["memory"]);
}

#[test]
fn many_memories() {
    never_starts("many-memories", &module("many-memories"), &["memor"]);
}

#[test]
fn many_instances() {
    never_starts("many-instances", &module("many-instances"), &["memor", "instance"]);
}

#[test]
fn hundred_megabyte_module() {
    let bytes = artifacts::huge_component(100 << 20);
    assert!(bytes.len() > 100 << 20);
    never_starts("100 MB module", &bytes, &["large", "memory", "time", "bytes", "handler"]);
}

#[test]
fn malformed_modules() {
    let hello = guests::bytes("hello");
    let hello = hello.as_slice();
    let half = &hello[..hello.len() / 2];
    let cases: [(&str, &[u8]); 6] = [
        ("empty", b""),
        ("text", b"this is not WebAssembly"),
        ("magic only", b"\0asm"),
        ("core module", b"\0asm\x01\0\0\0"),
        ("truncated", half),
        ("endless length", b"\0asm\x0d\0\x01\0\x01\xff\xff\xff\xff\x0f"),
    ];
    for (name, bytes) in cases {
        never_starts(
            name,
            bytes,
            &["compile function bad", "start function bad", "deploy function"],
        );
    }
}

/// Bytes that were flipped at random may still make a component that starts;
/// what counts is that the node and its neighbor live.
#[test]
fn fuzzed_modules() {
    let hello = guests::bytes("hello");
    let mut scenario = Scenario::new().app("neighbor", APPS[0].1).allow("fuzz");
    for seed in 0..24 {
        let name = format!("fuzz{seed}");
        let manifest = format!(
            "[app]\nname = \"{name}\"\n[[function]]\nname = \"fuzz\"\nsource = \"fuzz.wasm\"\n\
             routes = [\"/{name}\"]\n[function.limits]\ncpu_ms_max = 300\ndeadline_ms = 1500\n"
        );
        scenario = scenario
            .file(&format!("{name}/fuzz.wasm"), artifacts::fuzzed(&hello, seed))
            .app(&name, &manifest);
    }
    let mut node = scenario.start();
    for seed in 0..24 {
        node.get(&format!("/fuzz{seed}"));
    }
    assert_eq!(node.text("/hello"), "hello, world\n");
    assert!(node.is_up());
}

macro_rules! assert_test_exists {
    ($name:ident $text:literal) => {
        #[expect(unused_imports, reason = "does not compile if there is no such test")]
        use self::$name as _;
    };
}

sedge_tests::for_each_hostile_guest!(assert_test_exists);
