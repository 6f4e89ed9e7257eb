//! Chains from a manifest: links before a function, over the wire. What each kind
//! of link does is tested in `crates/sedge-node/src/chains/tests.rs`.

use sedge_tests::client::{self, Answer, Connection};
use sedge_tests::{Node, Scenario, wait_for};
use std::time::Duration;

const MANIFEST: &str = r#"
[app]
name = "chains"

[[function]]
name = "links"
source = "{guests}/links.wasm"

[[function]]
name = "pass"
source = "{guests}/pass.wasm"
isolation = "instance"

[[function]]
name = "probe"
source = "{guests}/probe.wasm"

[[chain]]
name = "closed"
links = ["pass", "links", "pass"]
function = "probe"

[[chain]]
name = "open"
links = [{ function = "links", fail = "open" }]
function = "probe"

[[route]]
name = "closed"
hosts = ["closed.local"]
chain = "closed"

[[route]]
name = "open"
hosts = ["open.local"]
chain = "open"
"#;

/// A request with a body to `/echo` of the probe, and what a link shall do.
fn send(node: &Node, host: &str, words: &str, body: &str) -> (u16, String) {
    let mut connection = Connection::open(node.listen);
    let fields = [("host", host), ("x-link", words)];
    connection.request("POST", "/echo", &fields, body.as_bytes());
    let answer = connection.read_answer(false);
    (answer.status, answer.text())
}

#[test]
fn a_chain_of_the_manifest_answers_its_route() {
    let node = Scenario::new().app("app", MANIFEST).allow("links").start();
    for host in ["closed.local", "open.local"] {
        assert_eq!(send(&node, host, "pass", "body"), (200, "body".to_owned()), "{host}");
        assert_eq!(send(&node, host, "upper", "body"), (200, "BODY".to_owned()), "{host}");
        assert_eq!(send(&node, host, "answer", "body"), (200, "the link\n".to_owned()), "{host}");
    }
    assert_eq!(send(&node, "closed.local", "trap", "body").0, 500);
    assert_eq!(send(&node, "open.local", "trap", "body"), (200, "body".to_owned()));
    assert_eq!(send(&node, "open.local", "trap-read", "body").0, 500, "half read");
}

#[test]
fn a_middleware_is_refused_where_nothing_stands_behind_it() {
    let manifest = "[app]\nname = \"alone\"\n\n[[function]]\nname = \"pass\"\n\
                    source = \"{guests}/pass.wasm\"\nroutes = [\"/*\"]\n";
    let (status, log) = Scenario::new().app("app", manifest).fail_to_start();
    assert!(!status.success());
    assert!(log.contains("pass is a middleware, and nothing stands behind it"), "{log}");
    assert!(log.contains("name it as a link of a chain"), "{log}");
}

const BUILT_IN: &str = r#"
[app]
name = "mixed"

[[function]]
name = "links"
source = "{guests}/links.wasm"

[[function]]
name = "probe"
source = "{guests}/probe.wasm"

[[chain]]
name = "fields"
links = [
  { headers = { request = { set = { x-link = "response" } }, response = { set = { x-outer = "1" }, remove = ["x-inner"] } } },
  "links",
  { headers = { request = { add = { x-b = "2" } }, response = { set = { x-inner = "1", x-link-response = "replaced" } } } },
]
function = "probe"

[[chain]]
name = "rate"
links = [
  "links",
  { rate = { requests = 2, per_ms = "1 h", key = { header = "x-user" } } },
]
function = "probe"

[[chain]]
name = "timeout"
links = [{ timeout_ms = 200 }, { function = "links", fail = "open" }]
function = "probe"

[[chain]]
name = "concurrency"
links = [{ concurrency_max = 1 }, "links"]
function = "probe"

[[route]]
name = "fields"
hosts = ["fields.local"]
chain = "fields"

[[route]]
name = "rate"
hosts = ["rate.local"]
chain = "rate"

[[route]]
name = "rate-too"
hosts = ["rate-too.local"]
chain = "rate"

[[route]]
name = "timeout"
hosts = ["timeout.local"]
chain = "timeout"

[[route]]
name = "concurrency"
hosts = ["concurrency.local"]
chain = "concurrency"
"#;

fn ask(node: &Node, host: &str, fields: &[(&str, &str)]) -> Answer {
    let fields: Vec<_> = [("host", host)].into_iter().chain(fields.iter().copied()).collect();
    client::call(node.listen, "POST", "/echo", &fields, b"body")
}

/// What a built-in link of a chain has counted.
fn counted(node: &Node, chain: &str, outcome: &str) -> f64 {
    let labels = [("chain", chain), ("outcome", outcome)];
    node.metrics().sum("sedge_chain_link_requests_total", &labels)
}

#[test]
fn built_in_links_stand_where_they_are_written() {
    let node = Scenario::new().app("app", BUILT_IN).allow("links").start();
    // The first sets what the function is told to do, and the last has changed the
    // answer before the function adds to it.
    let answer = ask(&node, "fields.local", &[]);
    assert_eq!((answer.status, answer.text().as_str()), (200, "body"));
    let all: Vec<&str> = answer
        .headers
        .iter()
        .filter(|(name, _)| name == "x-link-response")
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!(all, ["replaced", "by the link"]);
    assert_eq!((answer.header("x-outer"), answer.header("x-inner")), (Some("1"), None));
    assert_eq!(counted(&node, "fields", "passed"), 2.0);
}

#[test]
fn a_rate_counts_what_reaches_it_for_all_routes() {
    let mut node = Scenario::new().app("app", BUILT_IN).allow("links").start();
    let ask_as = |node: &Node, host: &str, user: &str, word: &str| {
        ask(node, host, &[("x-user", user), ("x-link", word)])
    };
    // What the function before it answers takes no token.
    for _ in 0..5 {
        assert_eq!(ask_as(&node, "rate.local", "a", "answer").text(), "the link\n");
    }
    assert_eq!(ask_as(&node, "rate.local", "a", "pass").status, 200);
    assert_eq!(ask_as(&node, "rate-too.local", "a", "pass").status, 200);
    let refused = ask_as(&node, "rate.local", "a", "pass");
    assert_eq!(refused.status, 429, "{}", refused.text());
    assert_eq!(ask_as(&node, "rate.local", "b", "pass").status, 200);
    assert_eq!((counted(&node, "rate", "passed"), counted(&node, "rate", "refused")), (3.0, 1.0));
    // What was counted outlives a deployment that leaves the link as it was.
    let revision = |node: &Node| node.metrics().sum("sedge_revision", &[]);
    let before = revision(&node);
    node.rewrite("app", &BUILT_IN.replace("timeout_ms = 200", "timeout_ms = 300"));
    let done = wait_for(Duration::from_secs(60), || revision(&node) > before);
    assert!(done.is_some(), "{}", node.log());
    assert_eq!(ask_as(&node, "rate.local", "a", "pass").status, 429);
    assert_eq!(counted(&node, "rate", "refused"), 2.0);
    assert!(node.is_up());
}

#[test]
fn a_timeout_bounds_what_stands_behind_it() {
    let node = Scenario::new().app("app", BUILT_IN).allow("links").start();
    assert_eq!(ask(&node, "timeout.local", &[]).status, 200);
    let late = ask(&node, "timeout.local", &[("x-link", "never")]);
    assert_eq!((late.status, late.problem().0.as_str()), (504, "upstream_timeout"));
    assert_eq!(counted(&node, "timeout", "timed_out"), 1.0);
    assert_eq!(counted(&node, "timeout", "passed"), 1.0);
}

#[test]
fn one_more_than_may_be_behind_a_link_is_refused() {
    let node = Scenario::new().app("app", BUILT_IN).allow("links").start();
    let mut stuck = Connection::open(node.listen);
    stuck.send("POST /echo HTTP/1.1\r\nhost: concurrency.local\r\ncontent-length: 4\r\n\r\nbo");
    // Else one of those below may come first, and this one be refused.
    let is_there = || node.metrics().sum("http_server_active_requests", &[]) >= 1.0;
    assert!(wait_for(Duration::from_secs(20), is_there).is_some(), "it never came");
    let refused =
        wait_for(Duration::from_secs(20), || ask(&node, "concurrency.local", &[]).status == 503);
    assert!(refused.is_some(), "one is behind the link");
    stuck.send("dy");
    assert_eq!(stuck.read_answer(false).text(), "body");
    let passed =
        wait_for(Duration::from_secs(20), || ask(&node, "concurrency.local", &[]).status == 200);
    assert!(passed.is_some(), "it has left");
    assert!(counted(&node, "concurrency", "refused") >= 1.0);
}
