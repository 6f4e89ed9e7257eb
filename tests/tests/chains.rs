//! Chains from a manifest: links before a function, over the wire. What each kind
//! of link does is tested in `crates/sedge-node/src/chains/tests.rs`.

use sedge_tests::client::Connection;
use sedge_tests::{Node, Scenario};

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
