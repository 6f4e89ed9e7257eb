//! Certificates by ACME: the real binary, and Pebble as the authority.

use sedge_tests::client::Connection;
use sedge_tests::handshake::Client;
use sedge_tests::pebble::{Manners, Pebble, free_port};
use sedge_tests::tls::{Authority, Subject, curl};
use sedge_tests::{Node, Scenario, wait_for};
use serde_json::Value;
use std::collections::HashSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

const YEAR_S: u32 = 365 * 86_400;

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
    scenario_for(challenge, more, reachable, YEAR_S)
}

/// The same with certificates that live so long.
fn scenario_for(
    challenge: &str,
    more: &str,
    reachable: bool,
    validity_s: u32,
) -> (Scenario, Pebble, u16) {
    let (tls_port, http_port) = (free_port(), free_port());
    let scenario = Scenario::new().app("app", APP);
    // An order that fails is tried again after a minute, for which some do not live.
    let nonces_refused = if validity_s == YEAR_S { 5 } else { 0 };
    let manners = Manners { tls_port, http_port, nonces_refused, proofs_reused: 0, validity_s };
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

/// Certificates that live for half a minute, so that they are renewed while clients
/// come in.
#[test]
fn renewals_under_load_fail_no_handshake() {
    let (scenario, _pebble, port) = scenario_for("tls-alpn-01", "", true, 30);
    let node = scenario.start();
    wait_issued(&node);
    let client = Client::new(node.folder(), "root", None);
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let served = || client.get(address, "shop.test", "/").is_ok();
    assert!(wait_for(PATIENCE, served).is_some(), "{}", node.log());
    let stop = AtomicBool::new(false);
    // For each client: how many handshakes, what went wrong, which certificates.
    let load = |host: &'static str| {
        let (mut count, mut failures, mut seen) = (0, Vec::new(), HashSet::new());
        while !stop.load(SeqCst) && failures.len() < 10 {
            match client.get(address, host, "/") {
                Ok(shown) if shown.answer.contains("200 OK") => {
                    count += 1;
                    seen.insert(shown.certificate);
                }
                Ok(shown) => failures.push(shown.answer),
                Err(failure) => failures.push(failure),
            }
        }
        (count, failures, seen)
    };
    let (one, two) = std::thread::scope(|scope| {
        let one = scope.spawn(|| load("shop.test"));
        let two = scope.spawn(|| load("www.shop.test"));
        let renewed = wait_for(PATIENCE * 3, || issued(&node) >= 3.0);
        stop.store(true, SeqCst);
        assert!(renewed.is_some(), "{:#}", certificates(&node));
        (one.join().expect("no panic"), two.join().expect("no panic"))
    });
    assert_eq!((one.1, two.1), (Vec::<String>::new(), Vec::<String>::new()));
    assert!(one.2.len() >= 2 && two.2.len() >= 2, "{} and {}", one.2.len(), two.2.len());
    println!("{} handshakes during 2 renewals, none failed", one.0 + two.0);
}

/// Stands where the authority looks: before it passes its request on, it tries the live
/// token in ways that must not be answered.
fn nosy_proxy(http_port: u16, node: Arc<OnceLock<SocketAddr>>) -> Arc<Mutex<Vec<String>>> {
    let listener = TcpListener::bind(("127.0.0.1", http_port)).expect("it was free");
    let told = Arc::<Mutex<Vec<String>>>::default();
    let leaks = Arc::clone(&told);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let Some(node) = wait_for(PATIENCE, || node.get().copied()) else { return };
            let mut head = String::new();
            let mut reader = BufReader::new(stream.try_clone().expect("a handle"));
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap_or(0) > 0 {}
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            let send = |bytes: String| {
                let mut connection = Connection::open(node);
                connection.send(bytes);
                connection.read_answer(false)
            };
            // What a key authorization begins with (RFC 8555 §8.1).
            let token = path.rsplit('/').next().unwrap_or_default().to_owned();
            let end = "Connection: close\r\n\r\n";
            for (what, bytes) in [
                ("another host", format!("GET {path} HTTP/1.1\r\nHost: evil.test\r\n{end}")),
                ("no host", format!("GET {path} HTTP/1.1\r\n{end}")),
                ("no host, HTTP/1.0", format!("GET {path} HTTP/1.0\r\n\r\n")),
                ("two", format!("GET {path} HTTP/1.1\r\nHost: shop.test\r\nHost: a\r\n{end}")),
                ("a user", format!("GET {path} HTTP/1.1\r\nHost: a@shop.test\r\n{end}")),
                ("a POST", format!("POST {path} HTTP/1.1\r\nHost: shop.test\r\n{end}")),
            ] {
                let answer = send(bytes);
                let leaked = answer.text().starts_with(&format!("{token}."));
                let line = format!("{what}: {} leaked: {leaked}", answer.status);
                leaks.lock().expect("no panic").push(line);
            }
            let host = head.lines().find(|line| line.to_ascii_lowercase().starts_with("host:"));
            let host = host.unwrap_or_default().split(':').nth(1).unwrap_or_default().trim();
            let answer = send(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{end}"));
            let text = answer.text();
            let length = text.len();
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}"
            );
        }
    });
    told
}

#[test]
fn a_live_token_is_shown_for_its_host_and_to_valid_requests_only() {
    let (tls_port, http_port) = (free_port(), free_port());
    let scenario = Scenario::new().app("app", APP);
    let manners =
        Manners { tls_port, http_port, nonces_refused: 0, proofs_reused: 0, validity_s: YEAR_S };
    let address = Arc::<OnceLock<SocketAddr>>::default();
    let told = nosy_proxy(http_port, Arc::clone(&address));
    let pebble = Pebble::start(scenario.folder(), manners);
    let wanted =
        Wanted { challenge: "http-01", directory: &pebble.directory, port: tls_port, more: "" };
    let node = scenario.config(&config(wanted)).start();
    address.set(node.listen).expect("once");
    wait_issued(&node);
    let told = told.lock().expect("no panic").clone();
    assert!(told.len() >= 12, "both hosts were looked at: {told:?}");
    for line in told {
        assert!(line.ends_with("leaked: false"), "{line}");
        // What is valid is for the function, which cannot do without a host.
        let is_valid = ["another host: 200", "a POST: 200", "no host, HTTP/1.0: 500"]
            .iter()
            .any(|valid| line.starts_with(valid));
        assert!(is_valid || line.contains(": 400 "), "{line}");
    }
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
