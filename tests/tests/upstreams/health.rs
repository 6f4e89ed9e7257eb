//! Endpoints that are asked whether they are well.

use super::manifest;
use sedge_tests::client;
use sedge_tests::nginx::Nginx;
use sedge_tests::{Node, Scenario, wait_for};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);
const HEALTH: &str = "health = { path = \"/healthz\", interval_ms = 50, timeout_ms = 500, \
                      healthy_after = 2, unhealthy_after = 2 }";

/// nginx that is ill as long as there is a file `ill` in its folder.
fn nginx(folder: &Path, name: &str) -> Nginx {
    let folder = folder.join(name);
    let server = format!(
        "    location = /healthz {{ if (-f {}/ill) {{ return 500; }} return 204; }}\n    \
         location / {{ return 200 \"{name}\\n\"; }}",
        folder.display()
    );
    Nginx::start(&folder, "", &server)
}

fn up(node: &Node) -> f64 {
    node.metrics().sum("sedge_upstream_endpoint_up", &[("upstream", "back")])
}

/// The endpoints as the admin page shows them.
fn endpoints(node: &Node) -> Vec<Value> {
    let page = client::get(node.admin, "/v1/upstreams").json();
    page["upstreams"][0]["endpoints"].as_array().expect("a list").clone()
}

#[test]
fn an_ill_endpoint_gets_no_request_until_it_is_well_again() {
    let scenario = Scenario::new().allow("endpoint is not well");
    let servers = [nginx(scenario.folder(), "one"), nginx(scenario.folder(), "two")];
    let ill = scenario.folder().join("one/ill");
    let addresses = [servers[0].address, servers[1].address];
    let node = scenario.app("app", &manifest(&addresses, HEALTH, "")).start();
    wait_for(PATIENCE, || endpoints(&node).iter().all(|one| one["last_check"].is_object()))
        .expect("all are asked");
    assert_eq!(up(&node), 2.0);
    fs::write(&ill, "").expect("written");
    wait_for(PATIENCE, || up(&node) == 1.0).expect("it is left out");
    node.wait_log("endpoint is not well", PATIENCE);
    for _ in 0..20 {
        assert_eq!(node.text("/"), "two\n");
    }
    let shown = endpoints(&node);
    assert_eq!((&shown[0]["up"], &shown[1]["up"]), (&Value::Bool(false), &Value::Bool(true)));
    assert_eq!(shown[0]["last_check"]["error"], "the status is 500");
    // The other one goes too: then there is nobody.
    fs::write(node.folder().join("two/ill"), "").expect("written");
    wait_for(PATIENCE, || up(&node) == 0.0).expect("it is left out");
    let problem = node.get("/").problem();
    assert_eq!(problem, ("upstream_unhealthy".to_owned(), "upstream".to_owned()));
    fs::remove_file(&ill).expect("removed");
    wait_for(PATIENCE, || up(&node) == 1.0).expect("it is well again");
    node.wait_log("endpoint is well again", PATIENCE);
    assert_eq!(node.text("/"), "one\n");
}

#[test]
fn a_server_that_was_killed_costs_no_request_once_it_is_known() {
    let scenario = Scenario::new().allow("endpoint is not well");
    let mut servers = [nginx(scenario.folder(), "one"), nginx(scenario.folder(), "two")];
    let addresses = [servers[0].address, servers[1].address];
    let node = scenario.app("app", &manifest(&addresses, HEALTH, "")).start();
    wait_for(PATIENCE, || endpoints(&node).iter().all(|one| one["last_check"].is_object()))
        .expect("all are asked");
    servers[1].kill();
    wait_for(PATIENCE, || up(&node) == 1.0).expect("it is left out");
    for _ in 0..50 {
        assert_eq!(node.text("/"), "one\n");
    }
    let known = endpoints(&node)[1]["up"].clone();
    // A deployment that changes the upstream forgets nothing.
    let revisions = || node.metrics().sum("sedge_deployments_total", &[]);
    let before = revisions();
    let text = manifest(&addresses, &format!("{HEALTH}\npool = {{ requests_max = 99 }}"), "");
    node.rewrite("app", &text);
    wait_for(PATIENCE, || revisions() > before).expect("it is deployed again");
    assert_eq!((known, up(&node)), (Value::Bool(false), 1.0));
    assert_eq!(node.text("/"), "one\n");
    servers[1].restart();
    wait_for(PATIENCE, || up(&node) == 2.0).expect("it is well again");
    wait_for(PATIENCE, || node.text("/") == "two\n").expect("it is used again");
}
