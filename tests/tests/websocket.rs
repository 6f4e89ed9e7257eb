//! WebSockets through the real binary, with clients and a server of another vendor.

use sedge_tests::tls::{Authority, Subject};
use sedge_tests::websockets::{EchoServer, client};
use sedge_tests::{Node, Scenario, wait_for};
use std::net::SocketAddr;
use std::time::Duration;

fn manifest(server: SocketAddr, route: &str) -> String {
    format!(
        "[app]\nname = \"app\"\n\n\
         [[upstream]]\nname = \"back\"\nendpoints = [\"{server}\"]\n\n\
         [[route]]\nname = \"chat\"\nmatch = [\"/chat\"]\nupstream = \"back\"\n{route}\n\n\
         [[route]]\nname = \"other\"\nmatch = [\"/other\"]\nanswer = {{ status = 200 }}\n"
    )
}

fn url(node: &Node, path: &str) -> String {
    format!("ws://{}{path}", node.listen)
}

#[test]
fn where_nothing_may_be_upgraded_clients_are_told() {
    let server = EchoServer::start();
    let node = Node::start(&manifest(server.address, "upgrades = []"));
    // The server's own answer to a request that asks for nothing, and a fixed one.
    client(&["refused", &url(&node, "/chat"), "426"], None).succeed();
    client(&["refused", &url(&node, "/other"), "200"], None).succeed();
    client(&["refused", &url(&node, "/absent"), "404"], None).succeed();
    assert_eq!(node.metrics().sum("sedge_http_server_upgrades_total", &[]), 0.0);
}

#[test]
fn clients_and_servers_of_another_vendor_understand_each_other() {
    let server = EchoServer::start();
    let argument = "--access-log";
    let text = manifest(server.address, "timeout_ms = 2000\nretries = 1");
    let node = Scenario::new().app("app", &text).argument(argument).start();
    client(&["talk", &url(&node, "/chat")], None).succeed();
    client(&["many", &url(&node, "/chat"), "300"], None).succeed();
    let metrics = || node.metrics();
    let none = || metrics().sum("sedge_http_server_active_upgrades", &[]) == 0.0;
    assert!(wait_for(Duration::from_secs(10), none).is_some(), "some are still open");
    let labels = [("app", "app"), ("upstream", "back")];
    assert_eq!(metrics().sum("sedge_upstream_upgrades_total", &labels), 302.0);
    assert_eq!(metrics().sum("sedge_upstream_active_upgrades", &labels), 0.0);
    assert_eq!(metrics().sum("sedge_upstream_active_requests", &labels), 0.0);
    assert_eq!(metrics().sum("sedge_failures_total", &[]), 0.0, "{}", node.log());
    let log = node.log();
    let records = log.lines().filter_map(|line| serde_json::from_str(line).ok());
    let records: Vec<serde_json::Value> = records.collect();
    let long = records.iter().find(|one| one["http.request.body.size"].as_u64() > Some(20_000_000));
    let long = long.unwrap_or_else(|| panic!("no record of the large message in {log}"));
    assert_eq!((&long["upgrade"], &long["route"]), (&"websocket".into(), &"app/chat".into()));
    assert_eq!(long["http.response.status_code"], 101);
    assert!(long["http.response.body.size"].as_u64() > Some(20_000_000), "{long}");
}

#[test]
fn encrypted_clients_are_served_alike() {
    let server = EchoServer::start();
    let scenario = Scenario::new();
    let ca = Authority::new(scenario.folder(), "ca");
    ca.issue("site", Subject { name: "site", hosts: &["localhost"], ..Subject::default() });
    let trusted = scenario.folder().join("ca.pem");
    let config = "[[tls]]\nlisten = \"127.0.0.1:0\"\n\
                  [[tls.certificate]]\ncertificate = \"site.pem\"\nkey = \"site-key.pem\"\n";
    let node = scenario.config(config).app("app", &manifest(server.address, "")).start();
    let url = format!("wss://localhost:{}/chat", node.tls[0].port());
    client(&["talk", &url], Some(&trusted)).succeed();
}

#[test]
fn a_server_that_dies_and_a_node_that_stops_end_what_is_open() {
    let mut server = EchoServer::start();
    let mut node = Node::start(&manifest(server.address, ""));
    let mut staying = client(&["stay", &url(&node, "/chat")], None);
    assert_eq!(staying.line(), "open");
    let status = node.stop();
    assert!(status.success(), "{status}: {}", node.log());
    assert_eq!(staying.line(), "closed");
    staying.succeed();

    let node = Node::start(&manifest(server.address, ""));
    let mut staying = client(&["stay", &url(&node, "/chat")], None);
    assert_eq!(staying.line(), "open");
    server.kill();
    assert_eq!(staying.line(), "closed");
    staying.succeed();
}
