//! What a rule's policy has done, as an operator sees it: counters and access
//! records.

use sedge_tests::origin::Origin;
use sedge_tests::{Node, Scenario, client, wait_for};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

/// An address that nobody listens on.
fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound")
}

/// An app with one rule for each policy; each is named as its path.
fn manifest(origin: SocketAddr) -> String {
    let dead = nobody();
    let rule = |name: &str, upstream: &str, policy: &str| {
        format!(
            "[[route]]\nname = \"{name}\"\nmatch = [\"/{name}/*\"]\nupstream = \"{upstream}\"\n\
             rewrite = {{ prefix = \"/\" }}\n{policy}\n\n"
        )
    };
    let budget = "retries = { attempts = 5, on = [\"gateway-error\"], \
                  budget = { percent = 0, minimum_per_s = 0 } }";
    format!(
        "[app]\nname = \"app\"\n\n\
         [[upstream]]\nname = \"back\"\nendpoints = [\"{origin}\"]\n\n\
         [[upstream]]\nname = \"dead\"\nendpoints = [\"{dead}\"]\n\n"
    ) + &[
        rule("delay", "back", "faults = { delay = { time_ms = 10 } }"),
        rule("abort", "back", "faults = { abort = { status = 418 } }"),
        rule("rate", "back", "rate = { requests = 1, per_ms = 3600000, burst = 2 }"),
        rule("crowd", "back", "concurrency_max = 1"),
        rule("slow", "back", "timeout_ms = 100"),
        rule(
            "tries",
            "back",
            "retries = { attempts = 2, per_try_timeout_ms = 100, on = [\"reset\"] }",
        ),
        rule("again", "dead", "retries = { attempts = 3, elsewhere = false }"),
        rule("budget", "dead", budget),
    ]
    .concat()
}

/// The value of a family for one rule, and for one more label.
fn count(node: &Node, family: &str, route: &str, more: Option<(&str, &str)>) -> f64 {
    let mut labels = vec![("app", "app"), ("route", route)];
    labels.extend(more);
    node.metrics().sum(&format!("sedge_route_{family}"), &labels)
}

#[test]
fn each_policy_counts_what_it_has_done() {
    let origin = Origin::start();
    let node = Node::start(&manifest(origin.address));
    let statuses = |path: &str, times: usize| -> Vec<u16> {
        (0..times).map(|_| node.get(path).status).collect()
    };
    assert_eq!(statuses("/delay/", 3), [200, 200, 200]);
    assert_eq!(statuses("/abort/", 2), [418, 418]);
    assert_eq!(statuses("/rate/", 4), [200, 200, 429, 429]);
    assert_eq!(statuses("/slow/slow?2000", 1), [504]);
    assert_eq!(statuses("/tries/slow?2000", 1), [504]);
    assert_eq!(statuses("/again/", 1), [503]);
    assert_eq!(statuses("/budget/", 2), [503, 503]);
    // One that takes its time holds the other up.
    let listen = node.listen;
    let first = std::thread::spawn(move || client::get(listen, "/crowd/slow?1500").status);
    let is_there = || origin.heads().iter().any(|head| head.contains("/slow?1500"));
    assert!(wait_for(Duration::from_secs(10), is_there).is_some(), "it never came");
    assert_eq!(statuses("/crowd/", 1), [503]);
    assert_eq!(first.join().expect("no panic"), 200);

    let fault = |kind| Some(("fault", kind));
    assert_eq!(count(&node, "faults_injected_total", "delay", fault("delay")), 3.0);
    assert_eq!(count(&node, "faults_injected_total", "delay", fault("abort")), 0.0);
    assert_eq!(count(&node, "faults_injected_total", "abort", fault("abort")), 2.0);
    for (route, kind, times) in [
        ("rate", "rate_limited", 2.0),
        ("crowd", "concurrency_limit", 1.0),
        ("slow", "upstream_timeout", 1.0),
        ("tries", "upstream_try_timeout", 1.0),
        ("again", "upstream_connect", 1.0),
        ("budget", "upstream_connect", 2.0),
    ] {
        assert_eq!(count(&node, "failures_total", route, Some(("kind", kind))), times, "{route}");
        assert_eq!(count(&node, "failures_total", route, None), times, "{route}");
    }
    assert_eq!(count(&node, "failures_total", "delay", None), 0.0);
    assert_eq!(count(&node, "try_timeouts_total", "tries", None), 3.0);
    assert_eq!(count(&node, "retries_total", "tries", None), 2.0);
    assert_eq!(count(&node, "retries_total", "again", None), 3.0);
    assert_eq!(count(&node, "retries_refused_total", "again", None), 0.0);
    assert_eq!(count(&node, "retries_total", "budget", None), 0.0);
    assert_eq!(count(&node, "retries_refused_total", "budget", None), 2.0);
    histograms_are_of_each_rule(&node);
}

fn histograms_are_of_each_rule(node: &Node) {
    let name = "request_duration_seconds";
    for (route, requests) in [("delay", 3.0), ("abort", 2.0), ("rate", 4.0), ("slow", 1.0)] {
        assert_eq!(count(node, &format!("{name}_count"), route, None), requests, "{route}");
        let all = count(node, &format!("{name}_bucket"), route, Some(("le", "+Inf")));
        assert_eq!(all, requests, "{route}");
    }
    // What took 10 ms and more is in no bucket below, and in one above.
    assert_eq!(count(node, &format!("{name}_bucket"), "delay", Some(("le", "0.005"))), 0.0);
    assert_eq!(count(node, &format!("{name}_bucket"), "delay", Some(("le", "10"))), 3.0);
    assert!(count(node, &format!("{name}_sum"), "delay", None) >= 0.03);
    let kinds = node.metrics().types;
    assert_eq!(kinds["sedge_route_request_duration_seconds"], "histogram");
}

/// Status, route, upstream, tries, fault, blame, kind of failure.
type Told = (
    u64,
    Option<&'static str>,
    Option<&'static str>,
    u64,
    Option<&'static str>,
    Option<&'static str>,
    Option<&'static str>,
);

/// What the records of these paths tell.
const RECORDS: &[(&str, Told)] = &[
    ("/delay/", (200, Some("app/delay"), Some("back"), 1, Some("delay"), None, None)),
    ("/abort/", (418, Some("app/abort"), None, 0, Some("abort"), None, None)),
    (
        "/slow/slow",
        (504, Some("app/slow"), Some("back"), 1, None, Some("upstream"), Some("upstream_timeout")),
    ),
    (
        "/tries/slow",
        (
            504,
            Some("app/tries"),
            Some("back"),
            3,
            None,
            Some("upstream"),
            Some("upstream_try_timeout"),
        ),
    ),
    (
        "/again/",
        (503, Some("app/again"), Some("dead"), 4, None, Some("upstream"), Some("upstream_connect")),
    ),
    ("/none", (404, None, None, 0, None, Some("client"), Some("no_route"))),
];

#[test]
fn each_access_record_tells_what_was_done() {
    let origin = Origin::start();
    let argument = "--access-log";
    let app = manifest(origin.address);
    let node = Scenario::new().app("app", &app).argument(argument).start();
    let paths =
        ["/delay/", "/abort/", "/rate/", "/slow/slow?2000", "/tries/slow?2000", "/again/", "/none"];
    for path in paths {
        node.get(path);
    }
    node.wait_log("\"url.path\":\"/none\"", Duration::from_secs(10));
    let log = node.log();
    let back = origin.address.to_string();
    let records: Vec<serde_json::Value> =
        log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    for (path, expected) in RECORDS {
        let record = records.iter().find(|record| record["url.path"] == *path);
        let record = record.unwrap_or_else(|| panic!("no record of {path} in {log}"));
        let text = |name: &str| record[name].as_str();
        let told = (
            record["http.response.status_code"].as_u64().unwrap_or(0),
            text("route"),
            text("upstream"),
            record["tries"].as_u64().unwrap_or(u64::MAX),
            text("fault"),
            text("blame"),
            text("error.type"),
        );
        assert_eq!(told, *expected, "{path}");
        let revision = record["route"].is_string().then_some(1);
        assert_eq!(record["revision"].as_u64(), revision, "{path}");
        if told.2 == Some("back") {
            assert_eq!((text("endpoint"), text("target")), (Some(&*back), Some("back")), "{path}");
        }
    }
    names_are_those_of_the_conventions(&records[0]);
}

fn names_are_those_of_the_conventions(record: &serde_json::Value) {
    for (name, kind) in [
        ("time", "a string"),
        ("client.address", "a string"),
        ("client.port", "a number"),
        ("http.request.method", "a string"),
        ("url.scheme", "a string"),
        ("url.path", "a string"),
        ("server.address", "a string"),
        ("network.protocol.version", "a string"),
        ("http.response.status_code", "a number"),
        ("http.request.body.size", "a number"),
        ("http.response.body.size", "a number"),
        ("http.server.request.duration", "a number"),
        ("trace_id", "a string"),
        ("span_id", "a string"),
    ] {
        let found = match &record[name] {
            serde_json::Value::String(_) => "a string",
            serde_json::Value::Number(_) => "a number",
            _ => "something else",
        };
        assert_eq!(found, kind, "{name} in {record}");
    }
}
