//! What a function gets of the node: what its manifest grants, and no more.

use sedge_tests::client::{self, encode};
use sedge_tests::origin::Origin;
use sedge_tests::{Node, Scenario};
use serde_json::json;
use std::time::Duration;

/// A node with two apps that are granted different things.
fn node(origin: &Origin) -> Node {
    let granted = format!(
        r#"
        [app]
        name = "granted"
        [[function]]
        name = "probe"
        source = "{{guests}}/probe.wasm"
        routes = ["/*"]
        [function.environment]
        GREETING = "hello"
        [function.capabilities]
        kv = ["default", "second"]
        outbound = [{{ to = "http://127.0.0.1:{port}", private = true }}]
        [function.capabilities.config]
        color = "green"
        size = "large"
        [function.capabilities.secrets.token]
        env = "SCENARIO_TOKEN"
        [function.capabilities.secrets.key]
        file = "key.txt"
        "#,
        port = origin.address.port()
    );
    let bare = r#"
        [app]
        name = "bare"
        [[function]]
        name = "probe"
        source = "{guests}/probe.wasm"
        routes = ["bare.local/*"]
        [function.capabilities]
        kv = ["default"]
        "#;
    Scenario::new()
        .file("granted/key.txt", "from a file\n")
        .app("granted", &granted)
        .app("bare", bare)
        .environment("SCENARIO_TOKEN", "from the environment")
        .environment("NODE_ONLY", "not for guests")
        .allow("probe")
        .start()
}

/// A GET to the app without grants.
fn bare(node: &Node, target: &str) -> client::Answer {
    client::call(node.listen, "GET", target, &[("host", "bare.local")], &[])
}

#[test]
fn functions_get_what_their_manifest_grants() {
    let origin = Origin::start();
    let node = node(&origin);
    environment_is_the_manifests(&node);
    config_and_secrets_are_read(&node);
    clocks_and_random_work(&node);
    logs_carry_the_function(&node);
    key_values_are_set_and_read(&node);
    key_values_are_swapped_and_batched(&node);
    key_values_expire(&node);
    namespaces_belong_to_an_app(&node);
}

fn environment_is_the_manifests(node: &Node) {
    assert_eq!(node.json("/env"), json!({ "GREETING": "hello" }));
    assert_eq!(bare(node, "/env").json(), json!({}));
    let arguments = node.json("/args");
    assert!(arguments.as_array().is_some_and(|all| all.len() <= 1), "{arguments}");
}

fn config_and_secrets_are_read(node: &Node) {
    assert_eq!(node.json("/config?key=color"), json!("green"));
    assert_eq!(node.json("/config?key=absent"), json!(null));
    assert_eq!(node.json("/config"), json!({ "color": "green", "size": "large" }));
    assert_eq!(bare(node, "/config").json(), json!({}));
    assert_eq!(node.json("/secret?name=token"), json!("from the environment"));
    assert_eq!(node.json("/secret?name=key"), json!("from a file"));
    assert_eq!(node.json("/secret?name=absent"), json!(null));
    assert_eq!(bare(node, "/secret?name=token").json(), json!(null));
    let admin = ["/v1/functions", "/metrics"].map(|path| client::get(node.admin, path).text());
    for page in admin.iter().chain([&node.log()]) {
        assert!(!page.contains("from the environment"), "a secret is shown");
        assert!(!page.contains("from a file"), "a secret is shown");
    }
}

fn clocks_and_random_work(node: &Node) {
    let clock = node.json("/clock");
    assert!(clock["unix_s"].as_u64().is_some_and(|s| s > 1_700_000_000), "{clock}");
    assert_eq!(clock["monotonic"], true);
    let (first, second) = (node.json("/random"), node.json("/random"));
    let draws = [&first[0], &first[1], &second[0], &second[1]];
    for (index, draw) in draws.iter().enumerate() {
        assert!(!draws[..index].contains(draw), "{draws:?}");
    }
}

fn logs_carry_the_function(node: &Node) {
    node.text("/log?message=needle%0Aforged%20WARN");
    node.wait_log("needle", Duration::from_secs(5));
    let log = node.log();
    assert!(log.lines().filter(|line| line.contains("needle")).count() >= 4, "{log}");
    assert!(!log.lines().any(|line| line.starts_with("forged")), "a guest forged a record");
    let named = |line: &&str| line.contains("needle") && line.contains("granted");
    assert!(log.lines().any(|line| named(&line)), "no record names its app:\n{log}");
}

fn key_values_are_set_and_read(node: &Node) {
    assert_eq!(node.json("/kv/get?key=a"), json!(null));
    assert_eq!(node.json("/kv/exists?key=a"), json!(false));
    node.text("/kv/set?key=a&value=one");
    node.text("/kv/set?key=b&value=");
    assert_eq!(node.json("/kv/get?key=a"), json!("one"));
    assert_eq!(node.json("/kv/get?key=b"), json!(""));
    assert_eq!(node.json("/kv/exists?key=b"), json!(true));
    assert_eq!(node.json("/kv/get?key=a&ns=second"), json!(null));
    node.text("/kv/delete?key=b");
    node.text("/kv/delete?key=never-there");
    assert_eq!(node.json("/kv/exists?key=b"), json!(false));
    node.text("/kv/flood?count=2500&ns=second");
    let list = node.json("/kv/list?ns=second");
    assert_eq!(list["keys"].as_array().map(Vec::len), Some(2500));
    assert!(list["pages"].as_u64().is_some_and(|pages| pages > 1), "one page for all: {list}");
}

fn key_values_are_swapped_and_batched(node: &Node) {
    for expected in 1..=3 {
        assert_eq!(node.json("/kv/increment?key=count"), json!(expected));
    }
    assert_eq!(node.json("/kv/increment?key=count&delta=-5"), json!(-2));
    assert_eq!(node.get("/kv/increment?key=a").status, 500, "text was incremented");
    let absent = node.json("/kv/cas?key=swap&value=one");
    assert_eq!(absent, json!({ "current": null, "swapped": true }));
    let lost = node.json("/kv/cas?key=swap&value=two&meanwhile=other");
    assert_eq!(lost, json!({ "current": "one", "swapped": false, "now": "other" }));
    assert_eq!(node.json("/kv/get?key=swap"), json!("other"));
    let batch = node.json("/kv/batch?count=4");
    let expected =
        json!({ "batch-0000": null, "batch-0001": "1", "batch-0002": null, "batch-0003": "3" });
    assert_eq!(batch, expected);
}

fn key_values_expire(node: &Node) {
    node.text("/kv/expire?key=short&value=v&ttl_ms=600");
    assert_eq!(node.json("/kv/get?key=short"), json!("v"));
    std::thread::sleep(Duration::from_millis(700));
    assert_eq!(node.json("/kv/get?key=short"), json!(null));
    assert_eq!(node.json("/kv/exists?key=short"), json!(false));
}

fn namespaces_belong_to_an_app(node: &Node) {
    assert_eq!(node.get("/kv/get?ns=third&key=a").status, 403);
    assert_eq!(bare(node, "/kv/get?ns=second&key=a").status, 403);
    assert_eq!(bare(node, "/kv/get?key=a").json(), json!(null));
    bare(node, "/kv/set?key=a&value=mine");
    assert_eq!(node.json("/kv/get?key=a"), json!("one"));
    let odd = encode("../granted/default");
    assert_ne!(bare(node, &format!("/kv/get?ns={odd}&key=a")).status, 200);
}

#[test]
fn outbound_requests_go_where_they_may() {
    let origin = Origin::start();
    let node = node(&origin);
    let fetch = |url: &str| node.json(&format!("/fetch?url={}", encode(url)));
    let answer = fetch(&origin.url("/hello"));
    assert_eq!((answer["status"].as_u64(), answer["body"].as_str()), (Some(200), Some("origin\n")));
    let posted = format!("/fetch?method=POST&body=sent&url={}", encode(&origin.url("/echo")));
    assert_eq!(node.json(&posted)["body"], "sent");
    let streamed =
        node.get(&format!("/fetch-stream?url={}", encode(&origin.url("/stream?300000"))));
    assert_eq!((streamed.status, streamed.body.len()), (200, 300_000));
    broken_origins_are_errors(&origin, &fetch);
    elsewhere_is_denied(&node, &origin, &fetch);
}

fn broken_origins_are_errors(origin: &Origin, fetch: &dyn Fn(&str) -> serde_json::Value) {
    assert!(fetch(&origin.url("/garbage"))["error"].is_string());
    assert_ne!(fetch(&origin.url("/cut"))["whole"], true, "a body that was cut looks whole");
}

fn elsewhere_is_denied(node: &Node, origin: &Origin, fetch: &dyn Fn(&str) -> serde_json::Value) {
    let port = origin.address.port();
    let before = origin.heads().len();
    for url in [
        format!("http://localhost:{port}/"),
        format!("http://localhost.:{port}/"),
        format!("http://127.0.0.2:{port}/"),
        format!("http://[::1]:{port}/"),
        format!("https://127.0.0.1:{port}/"),
        format!("http://127.0.0.1:{}/", port ^ 1),
        "http://169.254.169.254/latest/meta-data/".to_string(),
        "http://10.0.0.1/".to_string(),
        "http://example.org/".to_string(),
        "ftp://127.0.0.1/".to_string(),
        "not a url".to_string(),
    ] {
        let answer = fetch(&url);
        assert!(answer["error"].is_string(), "{url}: {answer}");
    }
    let target = format!("/fetch?url={}", encode(&origin.url("/")));
    assert!(bare(node, &target).json()["error"].is_string(), "an app without grants called out");
    assert_eq!(origin.heads().len(), before, "a request was sent that may not be");
    assert!(node.metrics().failures("outbound_denied") >= 1.0, "denials are not counted");
    redirects_are_checked_again(origin, fetch);
}

/// Whether the node follows redirects or hands them to the function, nothing
/// that is not granted may be reached through one.
fn redirects_are_checked_again(origin: &Origin, fetch: &dyn Fn(&str) -> serde_json::Value) {
    let elsewhere = Origin::start();
    let answer = fetch(&origin.url(&format!("/redirect?{}", elsewhere.url("/"))));
    assert!(answer["error"].is_string() || answer["status"] == 302, "{answer}");
    assert!(elsewhere.heads().is_empty(), "a redirect led where no grant does");
}

#[test]
fn a_secret_that_is_missing_stops_the_deployment() {
    let manifest = r#"
        [app]
        name = "app"
        [[function]]
        name = "probe"
        source = "{guests}/probe.wasm"
        routes = ["/*"]
        [function.capabilities.secrets.token]
        env = "NOT_SET_ANYWHERE"
        "#;
    let (status, log) = Scenario::new().app("app", manifest).fail_to_start();
    assert!(!status.success());
    assert!(log.contains("NOT_SET_ANYWHERE"), "{log}");
}
