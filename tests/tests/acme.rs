//! Certificates by ACME: the real binary, and Pebble as the authority.

use sedge_tests::pebble::{Manners, Pebble, free_port};
use sedge_tests::tls::{Authority, Subject, curl};
use sedge_tests::{Node, Scenario, wait_for};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

const APP: &str = "[app]\nname = \"app\"\n\n[[function]]\nname = \"hello\"\n\
                   source = \"{guests}/hello.wasm\"\nroutes = [\"/*\"]\n";

/// What differs between the scenarios.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    challenge: &'a str,
    directory: &'a str,
    /// The port of the listener with TLS.
    port: u16,
    /// More lines of its table.
    more: &'a str,
}

fn config(wanted: Wanted<'_>) -> String {
    let Wanted { challenge, directory, port, more } = wanted;
    format!(
        "[[tls]]\nlisten = \"127.0.0.1:{port}\"\n{more}\n[tls.acme]\n\
         domains = [\"shop.test\", \"www.shop.test\"]\ncontact = [\"ops@shop.test\"]\n\
         directory = \"{directory}\"\ntrusted_roots = [\"pebble-ca.pem\"]\n\
         challenge = \"{challenge}\"\nterms_agreed = true\n"
    )
}

/// A scenario with its ports, and the authority that looks there; at a port of
/// nobody for HTTP-01 unless the node is `reachable`.
fn scenario(challenge: &str, more: &str, reachable: bool) -> (Scenario, Pebble, u16) {
    let (tls_port, http_port) = (free_port(), free_port());
    let scenario = Scenario::new().app("app", APP);
    let manners = Manners { tls_port, http_port, nonces_refused: 30, proofs_reused: 0 };
    let pebble = Pebble::start(scenario.folder(), manners);
    pebble.write_root(scenario.folder(), "root.pem");
    let wanted = Wanted { challenge, directory: &pebble.directory, port: tls_port, more };
    let scenario = scenario.config(&config(wanted));
    let listen = format!("--listen=127.0.0.1:{http_port}");
    let scenario = if reachable { scenario.argument(&listen) } else { scenario };
    (scenario, pebble, tls_port)
}

/// Whether a client that trusts the authority gets an answer from a host.
fn ask(node: &Node, host: &str, port: u16) -> Result<String, String> {
    let connect = format!("{host}:{port}:127.0.0.1");
    let url = format!("https://{host}:{port}/");
    let output = curl(node.folder(), &["--cacert", "root.pem", "--resolve", &connect, &url]);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

fn certificates(node: &Node) -> Value {
    let answer = sedge_tests::client::get(node.admin, "/v1/certificates");
    assert_eq!(answer.status, 200, "{answer:?}");
    serde_json::from_str::<Value>(&answer.text()).expect("JSON")["listeners"][0].clone()
}

fn issued(node: &Node) -> f64 {
    node.metrics().sum("sedge_acme_certificates_issued_total", &[])
}

fn wait_issued(node: &Node) {
    let got = wait_for(PATIENCE, || issued(node) >= 1.0);
    let log = fs::read_to_string(node.folder().join("pebble.log")).unwrap_or_default();
    assert!(got.is_some(), "{:#}\n{log}", certificates(node));
}

#[test]
fn an_authority_that_is_not_there_is_told_and_tried_again_when_asked() {
    let port = free_port();
    let scenario = Scenario::new().app("app", APP);
    Authority::new(scenario.folder(), "pebble-ca");
    let directory = format!("https://localhost:{}/dir", free_port());
    let wanted = Wanted { challenge: "http-01", directory: &directory, port, more: "" };
    let scenario = scenario.config(&config(wanted));
    let mut node = scenario.allow("no certificate was got by ACME").start();
    node.wait_log("cannot connect to localhost", PATIENCE);
    node.wait_log("handshakes fail until there is one", PATIENCE);
    let failed =
        |node: &Node| node.metrics().sum("sedge_acme_failures_total", &[("reason", "connect")]);
    assert_eq!(failed(&node), 1.0);
    assert!(ask(&node, "shop.test", port).is_err());
    let refused = [("reason", "no_certificate")];
    let counted = || node.metrics().sum("sedge_tls_handshake_failures_total", &refused) == 1.0;
    assert!(wait_for(PATIENCE, counted).is_some());
    let seen = certificates(&node);
    assert_eq!(seen["acme"]["state"], "failing", "{seen:#}");
    assert_eq!(seen["acme"]["last_error"]["reason"], "connect", "{seen:#}");
    assert!(node.metrics().sum("sedge_acme_last_failure_seconds", &[]) > 1e9);
    node.hang_up();
    assert!(wait_for(PATIENCE, || failed(&node) == 2.0).is_some(), "{}", node.log());
    // Whoever is started again waits as long as before.
    node.kill9();
    node.restart();
    assert_eq!(certificates(&node)["acme"]["failures_in_a_row"], 2);
    assert_eq!(failed(&node), 0.0);
}

#[test]
fn a_host_that_is_not_proved_gets_no_certificate_and_files_serve_on() {
    let more = "[[tls.certificate]]\ncertificate = \"site.pem\"\nkey = \"site-key.pem\"\n";
    let (scenario, _pebble, port) = scenario("http-01", more, false);
    let own = Authority::new(scenario.folder(), "own");
    let hosts = Subject { name: "shop", hosts: &["shop.test"], ..Subject::default() };
    own.issue("site", hosts);
    let node = scenario.allow("no certificate was got by ACME").start();
    node.wait_log("what was there before goes on", PATIENCE);
    let seen = certificates(&node);
    assert_eq!(seen["acme"]["last_error"]["reason"], "challenge", "{seen:#}");
    let detail = seen["acme"]["last_error"]["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("shop.test is not proved"), "{detail}");
    let connect = format!("shop.test:{port}:127.0.0.1");
    let url = format!("https://shop.test:{port}/");
    let output = curl(node.folder(), &["--cacert", "own.pem", "--resolve", &connect, &url]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Gets a certificate, and keeps it over a restart and broken state.
fn comes_to_a_certificate(challenge: &str) {
    let (scenario, pebble, port) = scenario(challenge, "", true);
    let mut node = scenario.start();
    wait_issued(&node);
    for host in ["shop.test", "www.shop.test"] {
        let answer = wait_for(PATIENCE, || ask(&node, host, port).ok());
        assert!(answer.is_some_and(|text| text.contains("hello")), "{}", node.log());
    }
    assert!(ask(&node, "other.test", port).is_err(), "not its certificate");
    let metrics = node.metrics();
    assert!(metrics.sum("sedge_acme_challenges_answered_total", &[]) >= 2.0);
    assert!(metrics.sum("sedge_acme_not_after_seconds", &[("domain", "shop.test")]) > 1.7e9);
    let seen = certificates(&node);
    assert_eq!(seen["certificates"][0]["acme"], true, "{seen:#}");
    // Nobody gets an answer once the order is over.
    let lost = node.get("/.well-known/acme-challenge/evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ");
    assert!(lost.text().contains("hello"), "the function's: {lost:?}");
    for entry in fs::read_dir(node.folder().join("data/acme")).expect("the state") {
        let entry = entry.expect("an entry");
        let mode = entry.metadata().expect("there").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?}", entry.path());
    }

    let orders = pebble.orders(node.folder());
    assert!(node.stop().success());
    node.restart();
    assert!(ask(&node, "shop.test", port).is_ok(), "at once");
    assert_eq!((issued(&node), pebble.orders(node.folder())), (0.0, orders), "no new order");
}

#[test]
fn tls_alpn_01_comes_to_a_certificate() {
    comes_to_a_certificate("tls-alpn-01");
}

#[test]
fn http_01_comes_to_a_certificate() {
    comes_to_a_certificate("http-01");
}

#[test]
fn the_guide_s_example_is_valid() {
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/guides/tls.md");
    let guide = fs::read_to_string(guide).expect("the guide");
    let tables = guide.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let text = tables.into_iter().find(|toml| toml.contains("[tls.acme]")).expect("an example");
    let file = std::path::Path::new("node.toml");
    let node = sedge_model::node_config::read(text, file).expect("valid");
    let acme = node.tls[0].acme.as_ref().expect("acme");
    assert_eq!(acme.domains, ["shop.example", "www.shop.example"]);
}
