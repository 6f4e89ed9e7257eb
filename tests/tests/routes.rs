//! Routes with more to say than a function's own: matches, ways, redirects, fixed
//! answers, header changes and rewrites, against the real binary.

use sedge_tests::origin::Origin;
use sedge_tests::{Node, Scenario, client, wait_for};
use std::net::SocketAddr;
use std::time::Duration;

const APP: &str = r#"[app]
name = "edge"

[[route]]
name = "old"
match = ["/old/*"]
redirect = { status = 308, prefix = "/new" }

[[route]]
name = "closed"
match = ["GET /admin/*"]
answer = { status = 403, body = "not here\n" }
response = { set = { x-route = "closed" } }

[[route]]
name = "beta"
match = [{ path = "/hello", headers = { x-beta = true }, queries = { v = "2" } }]
answer = { status = 200, body = "beta\n" }

[[route]]
name = "hello"
match = ["/hello"]
answer = { status = 200, body = "plain\n" }

[[route]]
name = "first"
hosts = ["ordered.test"]
match = ["/*"]
order = "first"
answer = { status = 200, body = "ordered\n" }
"#;

/// The answer to a `GET` with these fields.
fn get(address: SocketAddr, target: &str, fields: &[(&str, &str)]) -> client::Answer {
    client::call(address, "GET", target, fields, b"")
}

#[test]
fn an_app_needs_no_function() {
    let node = Node::start(APP);
    let moved = node.get("/old/a/b?c=d");
    assert_eq!(moved.status, 308);
    let to = moved.header("location").unwrap_or_default();
    assert!(to.ends_with("/new/a/b?c=d"), "{to}");
    let closed = node.get("/admin/x");
    assert_eq!((closed.status, closed.text()), (403, "not here\n".to_owned()));
    assert_eq!(closed.header("x-route"), Some("closed"));
    assert_eq!(closed.header("content-type"), Some("text/plain; charset=utf-8"));
}

#[test]
fn what_fits_nothing_or_only_another_method_is_told() {
    let node = Node::start(APP);
    let lost = node.get("/nowhere");
    assert_eq!((lost.status, lost.problem().0.as_str()), (404, "no_route"));
    let other = node.post("/admin/x", b"");
    assert_eq!((other.status, other.header("allow")), (405, Some("GET, HEAD")));
}

#[test]
fn headers_queries_and_hosts_tell_routes_apart() {
    let node = Node::start(APP);
    let address = node.listen;
    for (target, fields, body) in [
        ("/hello", &[][..], "plain\n"),
        ("/hello?v=2", &[], "plain\n"),
        ("/hello?v=3", &[("x-beta", "1")], "plain\n"),
        ("/hello?v=2", &[("x-beta", "1")], "beta\n"),
        ("/hello", &[("host", "ordered.test")], "ordered\n"),
    ] {
        assert_eq!(get(address, target, fields).text(), body, "{target} {fields:?}");
    }
}

#[test]
fn a_changed_route_is_served_without_a_restart_and_a_bad_one_is_not() {
    let mut node = Node::start(APP);
    node.allow("no upstream is named");
    node.allow("app");
    let name = "app";
    let changed = APP.replace("plain\\n", "changed\\n");
    node.rewrite(name, &changed);
    let served = wait_for(Duration::from_secs(30), || node.text("/hello") == "changed\n");
    assert!(served.is_some(), "{}", node.log());
    let bad = changed.replace("answer = { status = 200, body = \"beta\\n\" }", "upstream = \"x\"");
    node.rewrite(name, &bad);
    node.wait_log("no upstream is named `x`", Duration::from_secs(30));
    assert_eq!(node.text("/hello"), "changed\n");
}

#[test]
fn what_routes_answer_is_counted_and_recorded() {
    let node = Scenario::new().app("app", APP).argument("--access-log").start();
    node.get("/old/a");
    node.get("/hello");
    node.get("/hello");
    node.wait_log("\"route\":\"edge/hello\"", Duration::from_secs(10));
    let log = node.log();
    let line = log.lines().find(|line| line.contains("\"edge/old\"")).expect("a record");
    let record: serde_json::Value = serde_json::from_str(line).expect("JSON");
    assert_eq!(record["http.response.status_code"], 308, "{record}");
    assert_eq!((&record["revision"], &record["tries"]), (&1.into(), &0.into()), "{record}");
    assert_eq!(record["blame"], serde_json::Value::Null);
    let page = client::get(node.admin, "/v1/routes").json();
    let of = |name: &str| -> serde_json::Value {
        let list = page["routes"].as_array().expect("a list");
        list.iter().find(|one| one["route"] == name).expect("the route").clone()
    };
    assert_eq!((&of("hello")["requests"], &of("old")["responses"]["3xx"]), (&2.into(), &1.into()));
    assert_eq!(of("closed")["matches"][0], "GET /admin/*");
    let text = client::get(node.admin, "/metrics").text();
    let line = "sedge_route_request_duration_seconds_count{app=\"edge\",route=\"hello\"} 2\n";
    assert!(text.contains(line), "{text}");
}

#[test]
fn two_apps_cannot_have_the_same_route() {
    let twin = APP.replace("\"edge\"", "\"twin\"");
    let node = Scenario::new().app("app", APP).app("other", &twin).allow("claims").start();
    node.wait_log("which route old of app edge has", Duration::from_secs(30));
    assert_eq!(node.text("/hello"), "plain\n");
}

#[test]
fn requests_are_passed_on_by_weight_changed_and_recorded() {
    let origin = Origin::start();
    let address = origin.address.to_string();
    let app = format!(
        "[app]\nname = \"edge\"\n[[upstream]]\nname = \"backend\"\nendpoints = [\"{address}\"]\n\
         [[route]]\nname = \"api\"\nmatch = [\"/api/*\"]\nrewrite = {{ prefix = \"/\" }}\n\
         request = {{ set = {{ x-edge = \"yes\" }}, remove = [\"x-secret\"] }}\n\
         response = {{ set = {{ x-served-by = \"edge\" }} }}\n\
         split = [{{ weight = 1, upstream = \"backend\" }}]\n"
    );
    let node = Scenario::new().app("app", &app).argument("--access-log").start();
    let answer = get(node.listen, "/api/ok?a=b", &[("x-secret", "1")]);
    assert_eq!(answer.header("x-served-by"), Some("edge"), "{}", answer.text());
    let heads = origin.heads();
    let head = heads.last().expect("the origin was called").to_ascii_lowercase();
    assert!(head.starts_with("get /ok?a=b http/1.1"), "{head}");
    assert!(head.contains("x-edge: yes") && !head.contains("x-secret"), "{head}");
    node.wait_log("\"url.path\":\"/api/ok\"", Duration::from_secs(10));
    let log = node.log();
    let line = log.lines().find(|line| line.contains("\"/api/ok\"")).expect("a record");
    let record: serde_json::Value = serde_json::from_str(line).expect("JSON");
    assert_eq!(record["route"], "edge/api");
    assert_eq!((&record["revision"], &record["tries"]), (&1.into(), &1.into()), "{record}");
    assert_eq!((&record["upstream"], &record["endpoint"]), (&"backend".into(), &address.into()));
}
