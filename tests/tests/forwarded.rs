//! Who the client is: to rate limits, to access records, and to the server behind.

use sedge_tests::origin::Origin;
use sedge_tests::{Node, Scenario, client};
use std::time::Duration;

fn start(origin: &Origin, config: &str) -> Node {
    let manifest = format!(
        "[app]\nname = \"app\"\n\n\
         [[upstream]]\nname = \"back\"\nendpoints = [\"{}\"]\n\n\
         [[route]]\nname = \"rated\"\nmatch = [\"/rated\"]\nupstream = \"back\"\n\
         rate = {{ requests = 1, per_ms = 3600000, burst = 2, key = \"client\" }}\n\n\
         [[route]]\nname = \"other\"\nmatch = [\"/*\"]\nupstream = \"back\"\n\
         rewrite = {{ host = \"inner.test\" }}\n",
        origin.address
    );
    let scenario = Scenario::new().config(config).app("app", &manifest);
    scenario.argument("--access-log").start()
}

/// The status, for a client that says that it is somebody else.
fn ask(node: &Node, path: &str, said: &str) -> u16 {
    let fields = [
        ("host", "outer.test"),
        ("x-forwarded-for", said),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "said.test"),
        ("forwarded", "for=203.0.113.9"),
    ];
    client::call(node.listen, "GET", path, &fields, b"").status
}

fn record(node: &Node) -> serde_json::Value {
    node.wait_log("\"url.path\":\"/seen\"", Duration::from_secs(10));
    let log = node.log();
    let line = log.lines().find(|line| line.contains("\"url.path\":\"/seen\"")).expect("it is");
    serde_json::from_str(line).expect("JSON")
}

#[test]
fn a_client_is_not_believed() {
    let origin = Origin::start();
    let node = start(&origin, "");
    let statuses =
        ["203.0.113.1", "203.0.113.2", "203.0.113.3"].map(|said| ask(&node, "/rated", said));
    assert_eq!(statuses, [200, 200, 429], "one client has one bucket, whatever it says");
    assert_eq!(ask(&node, "/seen", "203.0.113.4"), 200);
    let head = origin.heads().pop().expect("it came");
    for field in [
        "host: inner.test",
        "x-forwarded-for: 127.0.0.1",
        "x-forwarded-proto: http",
        "x-forwarded-host: outer.test",
        "via: 1.1 sedge",
    ] {
        assert!(head.contains(&format!("\r\n{field}\r\n")), "{field} in {head}");
    }
    assert!(!head.contains("203.0.113") && !head.contains("\r\nforwarded:"), "{head}");
    let record = record(&node);
    assert_eq!(record["client.address"], "127.0.0.1", "{record}");
    assert!(record["client.port"].is_number(), "{record}");
}

#[test]
fn a_proxy_before_the_node_is_believed_as_far_as_the_operator_says() {
    let origin = Origin::start();
    let config = "[ingress]\ntrusted_hops = 1\nforward = [\"x-forwarded\", \"forwarded\"]\n";
    let node = start(&origin, config);
    let said = ["203.0.113.1", "x, 203.0.113.1", "203.0.113.1", "203.0.113.2"];
    let statuses = said.map(|said| ask(&node, "/rated", said));
    assert_eq!(statuses, [200, 200, 429, 200], "each client has a bucket of its own");
    assert_eq!(ask(&node, "/seen", "203.0.113.3, 203.0.113.4"), 200);
    let head = origin.heads().pop().expect("it came");
    for field in [
        "x-forwarded-for: 203.0.113.3, 203.0.113.4, 127.0.0.1",
        "x-forwarded-proto: https",
        "x-forwarded-host: said.test",
        "forwarded: for=203.0.113.9, for=127.0.0.1;proto=http;host=\"said.test\"",
    ] {
        assert!(head.contains(&format!("\r\n{field}\r\n")), "{field} in {head}");
    }
    assert!(!head.contains("\r\nvia:"), "{head}");
    let record = record(&node);
    assert_eq!(record["client.address"], "203.0.113.4", "{record}");
    assert_eq!(record["network.peer.address"], "127.0.0.1", "{record}");
    assert!(record["client.port"].is_null(), "{record}");
}
