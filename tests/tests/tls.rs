//! HTTPS against the real binary, by curl and openssl.

use sedge_tests::tls::{Authority, Subject, curl};
use sedge_tests::{Node, Scenario, wait_for};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

const APP: &str = "[app]\nname = \"app\"\n\n[[function]]\nname = \"probe\"\n\
                   source = \"{guests}/probe.wasm\"\nroutes = [\"/*\"]\n";

const SITE: Subject<'static> = Subject {
    name: "site",
    hosts: &["site.test", "*.site.test"],
    uri: None,
    client: false,
    expired: false,
};

const ONE: &str = "[[tls]]\nlisten = \"127.0.0.1:0\"\n\n[[tls.certificate]]\n\
                   certificate = \"site.pem\"\nkey = \"site-key.pem\"\n";

/// A scenario with `node.toml` and a certificate for `site.test`.
fn scenario(config: &str) -> (Scenario, Authority) {
    let scenario = Scenario::new().app("app", APP).file("node.toml", config);
    let authority = Authority::new(scenario.folder(), "root");
    authority.issue("site", SITE);
    let path = scenario.folder().join("node.toml").display().to_string();
    (scenario.argument("--config").argument(&path), authority)
}

/// What curl gets from `https://HOST/PATH` on the listener `index`, and what it
/// complains of.
fn ask(node: &Node, index: usize, host: &str, path: &str, more: &[&str]) -> Result<String, String> {
    let port = node.tls[index].port();
    let connect = format!("{host}:{port}:127.0.0.1");
    let url = format!("https://{host}:{port}{path}");
    let mut arguments = vec!["--cacert", "root.pem", "--resolve", &connect, &url];
    arguments.extend_from_slice(more);
    let output = curl(node.folder(), &arguments);
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The first value of a field that the probe has seen.
fn field<'j>(seen: &'j serde_json::Value, name: &str) -> Option<&'j str> {
    seen["headers"][name][0].as_str()
}

#[test]
fn every_mistake_is_told_before_the_start() {
    let config = "listen = \"127.0.0.1:0\"\n\
                  [[tls]]\nlisten = \"localhost\"\n\
                  [[tls.certificate]]\ncertificate = \"absent.pem\"\nkey = \"site-key.pem\"\n\
                  [[tls.certificate]]\ncertificate = \"site.pem\"\nkey = \"other-key.pem\"\n\
                  [[tls.certificate]]\ncertificate = \"site-key.pem\"\nkey = \"site.pem\"\n\
                  [[tls]]\ncertficate = []\n";
    let (scenario, authority) = scenario(config);
    authority.issue("other", SITE);
    let (status, log) = scenario.fail_to_start();
    assert!(!status.success());
    for (message, line) in [
        ("`localhost` is not an address", 3),
        ("absent.pem: No such file", 5),
        ("does not match the certificate", 9),
        ("holds no certificate", 11),
        ("holds no private key", 12),
        ("unknown key `certficate`", 14),
        ("missing key `listen`", 13),
    ] {
        let at = log.find(message).unwrap_or_else(|| panic!("no `{message}` in\n{log}"));
        let place = format!("node.toml:{line}:");
        assert!(
            log[at..].lines().nth(1).is_some_and(|next| next.contains(&place)),
            "{message}: {log}"
        );
    }
    assert!(log.matches("hint: ").count() >= 5, "{log}");
}

#[test]
fn what_is_odd_is_a_warning() {
    let (scenario, _authority) = scenario(ONE);
    let key = scenario.folder().join("site-key.pem");
    fs::set_permissions(key, fs::Permissions::from_mode(0o644)).expect("an owner");
    let node = scenario.allow("can be read by every user").start();
    node.wait_log("can be read by every user", PATIENCE);
    assert!(ask(&node, 0, "site.test", "/env", &[]).is_ok());
}

#[test]
fn both_protocols_reach_functions_which_know_of_it() {
    let (scenario, _authority) = scenario(ONE);
    let node = scenario.start();
    assert!(ask(&node, 0, "other.test", "/headers", &[]).is_err(), "not its certificate");
    for (flag, protocol) in [("--http1.1", "http/1.1"), ("--http2", "h2")] {
        let more = [flag, "-H", "sedge-tls-version: 9", "-H", "Sedge_TLS_JA4: forged"];
        let seen = json(&ask(&node, 0, "a.site.test", "/headers", &more).expect("an answer"));
        assert!(seen["scheme"].as_str().is_some_and(|scheme| scheme.contains("Https")), "{seen}");
        assert_eq!(field(&seen, "sedge-tls-version"), Some("1.3"), "{seen}");
        assert_eq!(field(&seen, "sedge-tls-server-name"), Some("a.site.test"));
        assert_eq!(field(&seen, "sedge-tls-protocol"), Some(protocol));
        assert!(field(&seen, "sedge-tls-ja4").is_some_and(|ja4| ja4.starts_with("t13d")), "{seen}");
        assert!(!seen.to_string().contains("forged"), "{seen}");
    }
    let plain = node.json("/headers");
    assert!(plain["scheme"].as_str().is_some_and(|scheme| scheme.contains("Http")), "{plain}");
    assert_eq!(field(&plain, "sedge-tls-version"), None);
    let metrics = node.metrics();
    // curl compares the name after the handshake, so that one has succeeded too.
    assert_eq!(metrics.sum("sedge_tls_handshakes_total", &[]), 3.0);
    assert_eq!(metrics.sum("sedge_tls_handshakes", &[]), 0.0);
    assert!(metrics.sum("sedge_tls_certificate_not_after_seconds", &[]) > 1.7e9);
}

/// Whether `openssl s_client` comes to a handshake with these options.
fn s_client(node: &Node, options: &[&str]) -> bool {
    let output = Command::new("openssl")
        .args(["s_client", "-connect", &node.tls[0].to_string(), "-servername", "site.test"])
        .args(["-CAfile", "root.pem", "-verify_return_error", "-brief"])
        .args(options)
        .current_dir(node.folder())
        .stdin(Stdio::null())
        .output()
        .expect("openssl is installed");
    String::from_utf8_lossy(&output.stderr).contains("CONNECTION ESTABLISHED")
}

#[test]
fn old_versions_and_foreign_suites_are_refused() {
    let (scenario, _authority) = scenario(ONE);
    let node = scenario.start();
    let weakest = "DEFAULT@SECLEVEL=0";
    for (options, fine) in [
        (&["-tls1", "-cipher", weakest][..], false),
        (&["-tls1_1", "-cipher", weakest], false),
        (&["-tls1_2", "-cipher", "AES128-SHA"], false),
        (&["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"], false),
        (&["-tls1_3", "-ciphersuites", "TLS_AES_128_CCM_SHA256"], false),
        (&["-tls1_2"], true),
        (&["-tls1_3"], true),
        (&["-alpn", "h2"], true),
        (&["-alpn", "spdy/3"], false),
    ] {
        assert_eq!(s_client(&node, options), fine, "{options:?}");
    }
    let failed = |reason| {
        let labels = [("reason", reason)];
        node.metrics().sum("sedge_tls_handshake_failures_total", &labels)
    };
    assert_eq!((failed("version"), failed("cipher"), failed("protocol")), (2.0, 3.0, 1.0));
}

#[test]
fn plain_http_is_told_to_use_https() {
    let (scenario, _authority) = scenario(ONE);
    let node = scenario.start();
    let answer = sedge_tests::client::get(node.tls[0], "/env");
    assert!(answer.status == 400 && answer.text().contains("https://"), "{answer:?}");
}

#[test]
fn the_command_line_is_enough() {
    let scenario = Scenario::new().app("app", APP);
    Authority::new(scenario.folder(), "root").issue("site", SITE);
    let path = |name: &str| scenario.folder().join(name).display().to_string();
    let (certificate, key) = (path("site.pem"), path("site-key.pem"));
    let node = scenario
        .argument("--tls-listen=127.0.0.1:0")
        .argument(&format!("--tls-cert={certificate}"))
        .argument(&format!("--tls-key={key}"))
        .start();
    assert!(ask(&node, 0, "site.test", "/env", &[]).is_ok());
}

/// Makes requests on new connections until told to stop.
struct Load {
    stop: Arc<AtomicBool>,
    threads: Vec<std::thread::JoinHandle<Vec<String>>>,
    answered: Arc<AtomicU32>,
}

impl Load {
    fn start(node: &Node) -> Self {
        let (stop, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicU32>::default());
        let (port, folder) = (node.tls[0].port(), node.folder().to_owned());
        let threads = ["--http1.1", "--http2"].map(|flag| {
            let (stop, answered, folder) = (stop.clone(), answered.clone(), folder.clone());
            std::thread::spawn(move || {
                let mut failures = Vec::new();
                while !stop.load(SeqCst) {
                    match once(&folder, port, flag) {
                        Ok(()) => drop(answered.fetch_add(1, SeqCst)),
                        Err(failure) => failures.push(failure),
                    }
                }
                failures
            })
        });
        Load { stop, threads: threads.into(), answered }
    }

    fn stop(self) -> u32 {
        self.stop.store(true, SeqCst);
        let failures: Vec<String> =
            self.threads.into_iter().flat_map(|one| one.join().expect("no panic")).collect();
        assert_eq!(failures, Vec::<String>::new());
        self.answered.load(SeqCst)
    }
}

fn once(folder: &Path, port: u16, flag: &str) -> Result<(), String> {
    let (connect, url) =
        (format!("site.test:{port}:127.0.0.1"), format!("https://site.test:{port}/env"));
    let arguments = ["--cacert", "root.pem", "--resolve", &connect, "--fail", flag, &url];
    let output = curl(folder, &arguments);
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(()) } else { Err(complaint) }
}

fn reloads(node: &Node, outcome: &str) -> f64 {
    node.metrics().sum("sedge_tls_reloads_total", &[("outcome", outcome)])
}

#[test]
fn rotation_by_files_fails_no_request_and_a_broken_file_changes_nothing() {
    let (scenario, authority) = scenario(ONE);
    // Between the renames of key and certificate the two may be seen apart.
    let node = scenario.allow("new certificates are refused").start();
    let load = Load::start(&node);
    for round in 1..=10 {
        let before = reloads(&node, "loaded");
        authority.issue("site", SITE);
        let loaded = wait_for(PATIENCE, || reloads(&node, "loaded") > before);
        assert!(loaded.is_some(), "round {round}\n{}", node.log());
    }
    let before = reloads(&node, "refused");
    fs::write(node.folder().join("site.pem"), "broken").expect("written");
    assert!(wait_for(PATIENCE, || reloads(&node, "refused") > before).is_some(), "{}", node.log());
    node.wait_log("site.pem holds no certificate", PATIENCE);
    assert!(ask(&node, 0, "site.test", "/env", &[]).is_ok());
    println!("{} requests on as many connections during 10 rotations", load.stop());
}

#[test]
fn without_a_watch_a_signal_loads_certificates_again() {
    let (scenario, authority) = scenario(ONE);
    let node = scenario.argument("--no-watch").start();
    authority.issue("site", Subject { hosts: &["new.test"], ..SITE });
    assert!(ask(&node, 0, "new.test", "/env", &[]).is_err());
    node.hang_up();
    let served = wait_for(PATIENCE, || ask(&node, 0, "new.test", "/env", &[]).is_ok());
    assert!(served.is_some(), "{}", node.log());
}

const MUTUAL: &str = "[[tls]]\nlisten = \"127.0.0.1:0\"\nclient_ca = \"clients.pem\"\n\
                      [[tls.certificate]]\ncertificate = \"site.pem\"\nkey = \"site-key.pem\"\n\
                      [[tls]]\nlisten = \"127.0.0.1:0\"\nclient_ca = \"clients.pem\"\n\
                      client_auth = \"optional\"\n\
                      [[tls.certificate]]\ncertificate = \"site.pem\"\nkey = \"site-key.pem\"\n";

const TILL: Subject<'static> = Subject {
    name: "till, O=1",
    hosts: &["till.test"],
    uri: Some("spiffe://shop.test/till"),
    client: true,
    expired: false,
};

#[test]
fn clients_are_known_by_their_certificates() {
    let scenario = Scenario::new().app("app", APP).file("node.toml", MUTUAL);
    Authority::new(scenario.folder(), "root").issue("site", SITE);
    Authority::new(scenario.folder(), "clients").issue("till", TILL);
    Authority::new(scenario.folder(), "strangers").issue("stranger", TILL);
    let path = |name: &str| scenario.folder().join(name).display().to_string();
    let (config, log) = (path("node.toml"), path("access.log"));
    let scenario = scenario.argument("--config").argument(&config);
    let mut node = scenario.argument(&format!("--access-log={log}")).start();
    let stranger = ["--cert", "stranger.pem", "--key", "stranger-key.pem"];
    let till = ["--cert", "till.pem", "--key", "till-key.pem", "-H", "client-cert: :forged:"];
    assert!(ask(&node, 0, "site.test", "/headers", &[]).is_err(), "required");
    assert!(ask(&node, 0, "site.test", "/headers", &stranger).is_err(), "not trusted");
    assert!(ask(&node, 1, "site.test", "/headers", &stranger).is_err(), "not trusted");
    let forged = ["-H", "Sedge-Client-Subject: CN=till"];
    let nobody = json(&ask(&node, 1, "site.test", "/headers", &forged).expect("optional"));
    assert_eq!(field(&nobody, "sedge-client-subject"), None, "{nobody}");
    let refused = wait_for(PATIENCE, || {
        let labels = [("reason", "client_certificate")];
        node.metrics().sum("sedge_tls_handshake_failures_total", &labels) == 3.0
    });
    assert!(refused.is_some());
    for index in [0, 1] {
        let seen = json(&ask(&node, index, "site.test", "/headers", &till).expect("trusted"));
        assert_eq!(field(&seen, "sedge-client-subject"), Some("CN=till\\, O\\=1"), "{seen}");
        assert_eq!(field(&seen, "sedge-client-spiffe-id"), Some("spiffe://shop.test/till"));
        let certificate = field(&seen, "client-cert").expect("RFC 9440");
        assert!(certificate.starts_with(":MII") && certificate.ends_with(':'), "{certificate}");
        assert_eq!(field(&seen, "sedge-client-fingerprint"), Some(fingerprint(&node).as_str()));
    }
    assert!(node.stop().success());
    let log = fs::read_to_string(log).expect("a log");
    let last = json(log.lines().last().expect("a record"));
    assert_eq!(last["tls"]["client"]["spiffe_id"], "spiffe://shop.test/till");
    assert_eq!(last["tls"]["client"]["names"][0], "dns:till.test");
}

/// What openssl says of the till's certificate.
fn fingerprint(node: &Node) -> String {
    let arguments = ["x509", "-in", "till.pem", "-noout", "-fingerprint", "-sha256"];
    let output = Command::new("openssl").args(arguments).current_dir(node.folder()).output();
    let text = String::from_utf8_lossy(&output.expect("openssl is installed").stdout).into_owned();
    let (_, digits) = text.trim().split_once('=').expect("a fingerprint");
    digits.replace(':', "").to_lowercase()
}

/// The shell blocks of the guide run as they stand, but for the ports.
#[test]
fn the_guide_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/guides/tls.md");
    let guide = fs::read_to_string(guide).expect("the guide");
    let mut blocks = guide.split("```sh\n").skip(1).map(|rest| rest.split("```").next());
    let (first, second) = (blocks.next().flatten(), blocks.next().flatten());
    let (first, second) = (first.expect("a block"), second.expect("a block"));
    let free = || std::net::TcpListener::bind("127.0.0.1:0").expect("free").local_addr();
    let ports = [free().expect("bound").port(), free().expect("bound").port()];
    let hello = sedge_tests::guests::folder().join("hello.wasm");
    let app = format!(
        "[app]\nname = \"hello\"\n[[function]]\nname = \"hello\"\nsource = {hello:?}\nroutes = [\"/*\"]\n"
    );
    fs::write(folder.path().join("sedge.toml"), app).expect("written");
    let tables = guide.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let toml = tables.into_iter().find(|toml| toml.contains("client_ca")).expect("a listener");
    let toml = toml.replace("0.0.0.0:8443", &format!("127.0.0.1:{}", ports[1]));
    let toml = format!("listen = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n{toml}");
    fs::write(folder.path().join("node.toml"), toml).expect("written");
    // The second block makes the authority that the listener needs, so its last
    // command waits until the node is there.
    let (make, ask) = second.split_at(second.find("curl").expect("a request"));
    let mut first = first.replace("3443", &ports[0].to_string());
    first = first.replace(
        "sedge up",
        &format!(
            "{make}sedge up --config node.toml \
        --tls-listen 127.0.0.1:{}",
            ports[0]
        ),
    );
    let ask = ask.replace("8443", &ports[1].to_string());
    let script = format!("set -e\ntrap 'kill $!' EXIT\n{first}\n{ask}");
    let binary = sedge_tests::guests::binary();
    let path = format!(
        "{}:{}",
        binary.parent().expect("a folder").display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(folder.path())
        .env("PATH", path)
        .output()
        .expect("bash runs");
    let (out, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{script}\n{errors}");
    assert_eq!(out.matches("hello, world").count(), 2, "{out}\n{errors}");
}
