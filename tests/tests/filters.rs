//! Links that filter (`sedge:link/filter`), over the wire: what they may do, and what becomes of
//! those that do it badly. `functions/filters` does what the field `x-filter` asks of it.

use sedge_tests::client::{self, Answer, Connection};
use sedge_tests::{Node, Scenario, wait_for};
use serde_json::Value;
use std::time::Duration;

/// Whether instances are fresh or reused, and whether the link lets requests pass if it fails.
const HOSTS: [(&str, &str, &str); 3] = [
    ("fresh.local", "request", "closed"),
    ("reused.local", "instance", "closed"),
    ("open.local", "instance", "open"),
];

/// A node with a chain for each of them, the same filter twice in it.
fn start() -> Node {
    let mut manifest = "[app]\nname = \"filters\"\n\n[[function]]\nname = \"probe\"\n\
                        source = \"{guests}/probe.wasm\"\n"
        .to_owned();
    for (host, isolation, fail) in HOSTS {
        let name = host.split('.').next().expect("a name");
        manifest += &format!(
            r#"
[[function]]
name = "{name}"
source = "{{guests}}/filters.wasm"
isolation = "{isolation}"
[function.limits]
cpu_ms_max = 200
memory_bytes_max = "32 MiB"
request_body_bytes_max = 1000
response_body_bytes_max = 100000
[function.capabilities]
client = true

[[chain]]
name = "{name}"
links = [{{ function = "{name}", fail = "{fail}" }}]
function = "probe"

[[route]]
name = "{name}"
hosts = ["{host}"]
chain = "{name}"
"#
        );
    }
    Scenario::new().app("app", &manifest).allow("filters").start()
}

fn ask(node: &Node, host: &str, word: &str, method: &str, target: &str, body: &[u8]) -> Answer {
    let fields = [("host", host), ("x-filter", word), ("x-gone", "1")];
    client::call(node.listen, method, target, &fields, body)
}

fn echo(node: &Node, host: &str, word: &str) -> Answer {
    ask(node, host, word, "POST", "/echo", b"body")
}

/// A counter of one of the functions.
fn counted(node: &Node, host: &str, name: &str) -> f64 {
    let function = host.split('.').next().expect("a name");
    node.metrics().sum(name, &[("faas_name", function)])
}

#[test]
fn what_a_filter_says_badly_fails_the_call_and_nothing_else() {
    let node = start();
    let words = [
        "bad-name",
        "bad-value",
        "bad-host",
        "bad-length",
        "bad-hop",
        "bad-removal",
        "bad-target",
        "many",
        "large",
        "huge",
        "status-101",
        "status-0",
        "trap",
        "loop",
        "memory",
    ];
    for word in words {
        for host in ["fresh.local", "reused.local"] {
            let answer = echo(&node, host, word);
            assert!(answer.status >= 500, "{host} {word}: {}", answer.status);
            assert_eq!(answer.header("x-b"), None, "{host} {word}");
        }
        // It passes as it came, since nobody behind has seen it.
        let before = counted(&node, "open.local", "sedge_function_passed_open_total");
        let answer = echo(&node, "open.local", word);
        assert_eq!((answer.status, answer.text().as_str()), (200, "body"), "{word}");
        let after = counted(&node, "open.local", "sedge_function_passed_open_total");
        assert_eq!(after - before, 1.0, "{word}");
    }
    for (host, ..) in HOSTS {
        assert_eq!(echo(&node, host, "").text(), "body", "{host}");
        assert_eq!(counted(&node, host, "sedge_function_active"), 0.0, "{host}");
    }
    assert!(node.log().contains("is no name of a field"), "{}", node.log());
}

#[test]
fn what_is_said_badly_of_an_answer_fails_it_also_where_requests_pass() {
    let node = start();
    for word in ["bad-length", "bad-value", "large", "trap", "loop", "memory"] {
        for (host, ..) in HOSTS {
            let answer = echo(&node, host, &format!("response {word}"));
            assert!(answer.status >= 500, "{host} {word}: {}", answer.status);
            assert_ne!(answer.text(), "body", "{host} {word}");
        }
    }
    assert_eq!(counted(&node, "open.local", "sedge_function_passed_open_total"), 0.0);
    for (host, ..) in HOSTS {
        assert_eq!(echo(&node, host, "response").text(), "body", "{host}");
    }
}

#[test]
fn a_filter_passes_answers_and_defers() {
    let node = start();
    for (host, ..) in HOSTS {
        let answer = echo(&node, host, "");
        assert_eq!((answer.status, answer.text().as_str()), (200, "body"), "{host}");
        assert_eq!(answer.header("x-handled"), None, "{host}: without the handler");
        let answer = echo(&node, host, "answer");
        assert_eq!((answer.status, answer.text().as_str()), (418, "the filter\n"), "{host}");
        assert_eq!(answer.headers.iter().filter(|(name, _)| name == "x-a").count(), 2, "{host}");
        assert_eq!(answer.header("content-length"), Some("11"), "{host}");
        let head = ask(&node, host, "answer", "HEAD", "/", b"");
        assert_eq!((head.status, head.text().as_str()), (418, ""), "{host}");
        let seen = echo(&node, host, "response tell");
        assert_eq!(seen.text(), "body", "{host}");
        assert!(seen.header("x-seen").is_some_and(|seen| seen.starts_with("200 ")), "{host}");
        let gone = ask(&node, host, "response remove", "GET", "/headers", b"");
        assert_eq!((gone.status, gone.header("content-type")), (200, None), "{host}");
        let (decided, all) = ("sedge_function_filtered_total", "faas_invocations_total");
        assert_eq!((counted(&node, host, decided), counted(&node, host, all)), (5.0, 5.0));
        let deferred = echo(&node, host, "defer");
        assert_eq!((deferred.status, deferred.text().as_str()), (200, "body"), "{host}");
        // The instance that has deferred is the one that handles: none begins for that. Each
        // thread has instances of its own to reuse.
        let calls: u32 = deferred.header("x-handled").expect("calls").parse().expect("a number");
        assert!(if host == "fresh.local" { calls == 1 } else { calls >= 1 }, "{host}: {calls}");
        assert_eq!((counted(&node, host, decided), counted(&node, host, all)), (5.0, 6.0));
        let instances = counted(&node, host, "faas_coldstarts_total");
        let is_right = if host == "fresh.local" { instances == 6.0 } else { instances < 6.0 };
        assert!(is_right, "{host}: {instances}");
    }
    assert_eq!(echo(&node, "fresh.local", "defer-trap").status, 500);
}

#[test]
fn a_filter_sees_a_request_and_changes_it() {
    let node = start();
    for (host, ..) in HOSTS {
        let told = ask(&node, host, "tell", "GET", "/a?b=c", b"").text();
        let (first, rest) = told.split_once('\n').expect("lines");
        assert_eq!(first, format!("GET false Some({host:?}) /a?b=c Some(\"127.0.0.1\")"));
        let names: Vec<&str> = rest.lines().filter_map(|line| line.split(':').next()).collect();
        assert!(names.contains(&"x-gone") && names.contains(&"traceparent"), "{told}");
        for hidden in ["host", "connection"] {
            assert!(!names.contains(&hidden), "{hidden}: {told}");
        }
        let report: Value = ask(&node, host, "request", "GET", "/headers", b"").json();
        let headers = &report["headers"];
        assert_eq!(headers["x-added"][0], "by the filter", "{report}");
        assert_eq!((&headers["x-gone"], &report["authority"]), (&Value::Null, &Value::from(host)));
        let elsewhere: Value = ask(&node, host, "elsewhere", "GET", "/echo", b"").json();
        assert_eq!(elsewhere["target"], "/headers?x=1", "{elsewhere}");
        assert_eq!(elsewhere["authority"], "elsewhere.test", "{elsewhere}");
    }
}

#[test]
fn bodies_pass_untouched_within_the_limits_of_the_link() {
    let node = start();
    let answer = ask(&node, "reused.local", "", "POST", "/echo", &[b'x'; 1_000]);
    assert_eq!((answer.status, answer.body.len()), (200, 1_000));
    let answer = ask(&node, "reused.local", "", "POST", "/echo", &[b'x'; 1_001]);
    assert_eq!((answer.status, answer.problem().0.as_str()), (413, "request_body_limit"));
    // One that does not say its length.
    let mut connection = Connection::open(node.listen);
    connection
        .send("POST /count HTTP/1.1\r\nhost: reused.local\r\ntransfer-encoding: chunked\r\n\r\n");
    let chunk = [b"200\r\n".as_slice(), &[b'x'; 0x200], b"\r\n"].concat();
    connection.send([chunk.as_slice(), &chunk, b"0\r\n\r\n"].concat());
    let answer = connection.read_answer(false);
    assert_eq!((answer.status, answer.problem().0.as_str()), (413, "request_body_limit"));
    // An answer at the limit, and one beyond it.
    let at = ask(&node, "reused.local", "", "GET", "/generate?bytes=100000", b"");
    assert_eq!((at.status, at.body.len()), (200, 100_000));
    let mut connection = Connection::open(node.listen);
    connection.request("GET", "/generate?bytes=5000000", &[("host", "reused.local")], b"");
    let told = connection.read_to_end();
    assert!(told.len() < 200_000, "{} bytes", told.len());
    let counted = || node.metrics().failures("response_body_limit") >= 1.0;
    assert!(wait_for(Duration::from_secs(5), counted).is_some());
}

#[test]
fn a_filter_hears_of_failures_behind_it() {
    let node = start();
    let answer = ask(&node, "reused.local", "response tell", "GET", "/stack?depth=100000000", b"");
    assert!(answer.status >= 500, "{}", answer.status);
    assert_eq!(answer.header("x-seen"), None, "it is not the filter's answer");
    node.wait_log("seen 500 true soon", Duration::from_secs(5));
    // It does not count as the filter's own failure, and the instance is as good as before.
    assert_eq!(echo(&node, "reused.local", "").text(), "body");
    assert_eq!(counted(&node, "reused.local", "sedge_function_active"), 0.0);
}
