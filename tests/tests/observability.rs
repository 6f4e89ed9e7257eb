//! What an operator sees: health, metrics, functions, traces, access records.

use sedge_tests::client::{self, encode};
use sedge_tests::origin::Origin;
use sedge_tests::{Node, Scenario, wait_for};
use std::time::Duration;

const MANIFEST: &str = r#"
[app]
name = "seen"
[[function]]
name = "probe"
source = "{guests}/probe.wasm"
routes = ["/*"]
[function.limits]
cpu_ms_max = 200
"#;

#[test]
fn the_admin_listener_tells_how_the_node_is() {
    let mut node = Node::start(MANIFEST);
    node.allow("seen");
    for _ in 0..10 {
        node.text("/headers");
    }
    assert_eq!(node.get("/spin?ms=20000").status, 500);
    for path in ["/healthz", "/readyz"] {
        assert_eq!(client::get(node.admin, path).status, 200, "{path}");
        assert_ne!(
            node.get(path).text(),
            client::get(node.admin, path).text(),
            "on traffic: {path}"
        );
    }
    assert_eq!(client::get(node.admin, "/absent").status, 404);
    metrics_are_prometheus_text(&node);
    functions_are_listed(&node);
}

fn metrics_are_prometheus_text(node: &Node) {
    let metrics = node.metrics();
    for sample in &metrics.samples {
        let base = ["_bucket", "_sum", "_count"]
            .iter()
            .filter_map(|suffix| sample.name.strip_suffix(suffix))
            .find(|base| metrics.types.get(*base).is_some_and(|kind| kind == "histogram"));
        let name = base.unwrap_or(&sample.name);
        assert!(metrics.types.contains_key(name), "{} has no type", sample.name);
        assert!(sample.value.is_finite() && sample.value >= 0.0, "{sample:?}");
    }
    assert!(metrics.sum("http_server_request_duration_seconds_count", &[]) >= 11.0);
    assert!(metrics.failures("cpu_limit") >= 1.0);
    let of_function = |sample: &&sedge_tests::metrics::Sample| {
        sample.labels.values().any(|value| value == "probe")
    };
    assert!(metrics.samples.iter().any(|sample| of_function(&sample)), "nothing per function");
}

fn functions_are_listed(node: &Node) {
    let answer = client::get(node.admin, "/v1/functions");
    assert_eq!(answer.status, 200);
    let text = answer.json().to_string();
    for word in ["\"probe\"", "\"seen\"", "cpu_limit", "revision", "cold", "p99", "memory"] {
        assert!(text.contains(word), "{word} is not in {text}");
    }
}

#[test]
fn traces_pass_through_functions() {
    let origin = Origin::start();
    let manifest = format!(
        "{MANIFEST}[function.capabilities]\n\
         outbound = [{{ to = \"{}\", private = true }}]\n",
        origin.url("")
    );
    let node = Scenario::new().app("seen", &manifest).allow("seen").start();
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let parent = format!("00-{trace}-00f067aa0ba902b7-01");
    let fields = [("traceparent", parent.as_str())];
    let report = client::call(node.listen, "GET", "/headers", &fields, &[]).json();
    let inside = report["headers"]["traceparent"][0].as_str().unwrap_or_default().to_string();
    assert!(inside.contains(trace) && inside != parent, "inside: {inside}");
    let target = format!("/trace?url={}", encode(&origin.url("/")));
    client::call(node.listen, "GET", &target, &fields, &[]);
    let head = origin.heads().join("");
    assert!(head.contains(trace), "the trace is not passed on:\n{head}");
    // What is malformed is replaced, not passed on.
    let fields = [("traceparent", "00-zz-zz-01")];
    let report = client::call(node.listen, "GET", "/headers", &fields, &[]).json();
    let inside = report["headers"]["traceparent"][0].as_str().unwrap_or_default().to_string();
    assert!(inside.len() == 55 && !inside.contains("zz"), "{inside}");
    // The trace of a failure is told to the client.
    let problem =
        client::call(node.listen, "GET", "/spin?ms=20000", &[("traceparent", &parent)], &[]);
    assert_eq!(problem.json()["trace_id"], trace);
}

#[test]
fn a_refused_deployment_is_visible() {
    let mut node = Scenario::new().app("seen", MANIFEST).allow("seen").start();
    node.rewrite("seen", &MANIFEST.replace("routes", "roots"));
    node.wait_log("roots", Duration::from_secs(30));
    let functions = || client::get(node.admin, "/v1/functions").text();
    let told = wait_for(Duration::from_secs(10), || functions().contains("roots"));
    assert!(told.is_some(), "{}", functions());
    assert!(node.is_up());
}

#[test]
fn the_access_log_is_opened_anew_when_it_was_moved_away() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, kept) = (folder.path().join("access.log"), folder.path().join("access.log.1"));
    let argument = format!("--access-log={}", path.display());
    let node = Scenario::new().app("seen", MANIFEST).argument(&argument).start();
    let has = |file: &std::path::Path, path: &str| {
        let path = format!("\"url.path\":\"{path}\"");
        std::fs::read_to_string(file).is_ok_and(|text| text.contains(&path))
    };
    let wait = |file: &std::path::Path, path: &str| {
        let found = wait_for(Duration::from_secs(10), || has(file, path));
        assert!(found.is_some(), "{path} is not in {}", file.display());
    };
    node.text("/headers");
    wait(&path, "/headers");
    std::fs::rename(&path, &kept).expect("moved");
    // Nobody has told the node: it writes on where it did.
    node.text("/env");
    wait(&kept, "/env");
    assert!(!path.exists());

    node.hang_up();
    assert!(wait_for(Duration::from_secs(10), || path.exists()).is_some(), "{}", node.log());
    node.text("/args");
    wait(&path, "/args");
    assert!(!has(&kept, "/args") && !has(&path, "/headers"));

    // Where it cannot be opened, nothing is lost either.
    std::fs::rename(&path, folder.path().join("access.log.2")).expect("moved");
    std::fs::create_dir(&path).expect("a folder in its place");
    let mut node = node;
    node.allow("cannot reopen the access log");
    node.hang_up();
    node.wait_log("cannot reopen the access log", Duration::from_secs(10));
    node.text("/clock");
    wait(&folder.path().join("access.log.2"), "/clock");
}

#[test]
fn the_access_log_tells_who_is_to_blame() {
    let node = Scenario::new().app("seen", MANIFEST).argument("--access-log").allow("seen").start();
    node.text("/headers?secret=in-the-query");
    node.get("/spin?ms=20000");
    node.wait_log("\"url.path\":\"/spin\"", Duration::from_secs(10));
    let log = node.log();
    let records: Vec<serde_json::Value> =
        log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let of = |path: &str| {
        let record = records.iter().find(|record| record["url.path"] == path);
        record.unwrap_or_else(|| panic!("no record of {path}:\n{log}"))
    };
    let (good, bad) = (of("/headers"), of("/spin"));
    let status = |record: &serde_json::Value| record["http.response.status_code"].as_u64();
    assert_eq!((status(good), &good["blame"]), (Some(200), &serde_json::Value::Null));
    assert_eq!((status(bad), bad["blame"].as_str()), (Some(500), Some("guest")));
    assert_eq!(bad["error.type"], "cpu_limit");
    assert_eq!((good["revision"].as_u64(), good["tries"].as_u64()), (Some(1), Some(0)));
    assert!(bad["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{bad}");
    assert!(!log.contains("in-the-query"), "a query, which may hold secrets, is in the log");
}

#[test]
fn a_log_that_nobody_reads_holds_no_request_up() {
    let manifest = MANIFEST.replace("cpu_ms_max = 200", "log_bytes_max = \"1 MiB\"");
    let node = Scenario::new().app("seen", &manifest).unread_log().start();
    // Eight times what a pipe and the queue hold.
    for _ in 0..16 {
        let answer = node.get("/log?bytes=1000000");
        assert_eq!((answer.status, answer.text()), (200, "logged\n".to_owned()));
    }
    assert_eq!(node.get("/headers").status, 200);
    let dropped = node.metrics().sum("sedge_log_dropped_records_total", &[]);
    assert!(dropped >= 8.0, "{dropped} records were dropped");
}
