//! What is known afterwards.

use crate::world::{World, get, until};
use sedge_ingress::http::AccessLog;
use serde_json::Value;
use std::time::Duration;

#[test]
fn every_request_leaves_one_record() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("access.log");
    let world = World::logged(|_| {}, AccessLog::file(&path).expect("a file"));
    world.send("nonsense\r\n\r\n");
    world.send(get("/a/../b"));
    world.send(get("/hello?secret=1").replace("test", "shop.example.org:80"));
    world.send(get("/midway"));
    world.send(
        "POST /count HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
    );
    let mut client = world.connect();
    client.write(get("/forever"));
    until("it is in flight", || world.gateway.metrics().requests_active() == 1);
    drop(client);
    until("it is cancelled", || world.cancelled() == 1);
    assert_eq!(world.gateway.shutdown(Duration::from_secs(10)), 0);

    let text = std::fs::read_to_string(&path).expect("the log");
    let records: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let mut short: Vec<String> = records.iter().map(short).collect();
    // Two threads write; their order is not told by the order of the answers.
    short.sort();
    assert_eq!(
        short,
        [
            "200 in 0 out 5: GET shop.example.org /hello test/paths - -",
            "200 in 0 out 5: GET test /midway test/paths guest trap",
            "200 in 5 out 1: POST h /count test/paths - -",
            "400 in 0 out 0: -   - client bad_request",
            "400 in 0 out 154: GET test /a/../b - client bad_request",
            "499 in 0 out 0: GET test /forever test/paths client client_gone",
        ]
    );
    for record in &records {
        assert_eq!(record["trace_id"].as_str().map(str::len), Some(32));
        assert!(record["time"].as_str().is_some_and(|time| time.ends_with('Z')));
        assert_eq!(record["client.address"], "127.0.0.1");
        assert!(record["client.port"].as_u64().is_some_and(|port| port > 0));
        assert!(record["http.server.request.duration"].as_f64().is_some());
    }
}

fn short(record: &Value) -> String {
    let names =
        ["http.request.method", "server.address", "url.path", "route", "blame", "error.type"]
            .map(|name| record[name].as_str().unwrap_or("-"))
            .join(" ");
    let (bytes_in, bytes_out) =
        (&record["http.request.body.size"], &record["http.response.body.size"]);
    format!("{} in {bytes_in} out {bytes_out}: {names}", record["http.response.status_code"])
}

#[test]
fn requests_and_bytes_are_counted() {
    let world = World::new(|_| {});
    world.send(get("/hello"));
    world.send(get("/trap"));
    let metrics = world.gateway.metrics();
    until("both have ended", || metrics.requests() == 2);
    let mut text = String::new();
    metrics.render_prometheus(&mut text);
    for line in [
        "http_server_request_duration_seconds_count 2",
        "http_server_active_requests 0",
        "sedge_http_server_requests_total{http_response_status_class=\"2xx\"} 1",
        "sedge_http_server_requests_total{http_response_status_class=\"5xx\"} 1",
        "sedge_failures_total{kind=\"trap\",blame=\"guest\"} 1",
        "sedge_http_server_connections_total{outcome=\"accepted\"} 2",
    ] {
        assert!(text.lines().any(|other| other == line), "{line} in\n{text}");
    }
}
