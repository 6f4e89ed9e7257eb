//! HTTP over TLS.

use crate::secure::{self, Authority, Secure, fetch, listener, server, trust, world};
use crate::world::{Client, PATIENCE, World, get, status, until};
use bytes::Bytes;
use http::{Request, Version};
use http_body_util::Empty;
use sedge_ingress::http::AccessLog;
use sedge_model::failure::Kind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

const BOTH: &[&str] = &["h2", "http/1.1"];

fn request(host: &str, path: &str) -> Request<Empty<Bytes>> {
    let target = format!("https://{host}{path}");
    Request::get(target).header("host", host).body(Empty::new()).expect("valid")
}

/// The first bytes of rustls' client, which asks for `site.test`.
fn hello() -> Vec<u8> {
    let authority = Authority::new();
    let name = rustls::pki_types::ServerName::try_from("site.test").expect("a name");
    let config = trust(authority.root(), BOTH).config();
    let mut client = rustls::ClientConnection::new(config, name).expect("a client");
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).expect("memory");
    bytes
}

/// A hello with other numbers of cipher suites.
fn hello_with_ciphers(number: u16) -> Vec<u8> {
    let mut bytes = hello();
    let at = 5 + 4 + 2 + 32 + 1 + usize::from(bytes[5 + 4 + 2 + 32]);
    let length = usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
    for pair in bytes[at + 2..at + 2 + length].chunks_exact_mut(2) {
        pair.copy_from_slice(&number.to_be_bytes());
    }
    bytes
}

#[test]
fn what_is_no_handshake_ends_with_a_reason() {
    let (world, _authority) = world(|_| {});
    let mut old = hello();
    // The field `legacy_version`, and the number of `supported_versions`.
    (old[9], old[10]) = (3, 2);
    let versions = old.windows(4).position(|four| four == [0x00, 0x2b, 0x00, 0x05]);
    let versions = versions.expect("the extension");
    old[versions] = 0x7f;
    let mut cut = hello();
    cut.truncate(100);
    let mut extra = hello();
    extra[8] -= 1;
    let cases: &[(&str, Vec<u8>, &str)] = &[
        ("zeros", vec![0; 64], "not_tls"),
        ("noise", (0..=255).rev().collect(), "not_tls"),
        ("an alert", b"\x15\x03\x01\x00\x02\x02\x28".to_vec(), "not_tls"),
        ("a short hello", extra, "malformed"),
        ("another message", b"\x16\x03\x01\x00\x04\x02\x00\x00\x00".to_vec(), "malformed"),
        ("TLS 1.1", old, "version"),
        ("no suite in common", hello_with_ciphers(0x002f), "cipher"),
        ("no suite of this world", hello_with_ciphers(0xeeee), "cipher"),
        ("a request", get("/hello").into_bytes(), "plain_http"),
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), "plain_http"),
    ];
    for (name, bytes, reason) in cases {
        let before = world.failed(reason);
        let mut client = Client::connect(world.tls_address());
        client.write(bytes);
        let answer = client.read_to_end();
        if *reason == "plain_http" {
            assert!(status(&answer) == 400 && answer.ends_with("use https://"), "{answer}");
        }
        until(name, || world.failed(reason) == before + 1);
    }
    // Half a hello, and then nothing, or the end.
    let mut client = Client::connect(world.tls_address());
    client.write(&cut);
    drop(client);
    until("the cut hello was counted", || world.failed("closed") == 1);
    assert_eq!((world.begun(), world.counted("sedge_tls_handshakes")), (0, 0));
    assert_eq!(world.gateway.metrics().failures(Kind::BadRequest), 2);
}

#[test]
fn a_slow_handshake_is_cut_and_too_many_are_refused() {
    let (world, authority) = world(|options| {
        options.threads = 1;
        options.handshakes_max = 2;
        options.handshake_timeout = Duration::from_secs(1);
        options.header_timeout = Duration::from_millis(200);
    });
    let mut slow = Client::connect(world.tls_address());
    slow.write(&hello()[..50]);
    let mut silent = Client::connect(world.tls_address());
    until("two are under way", || world.counted("sedge_tls_handshakes") == 2);
    let config = trust(authority.root(), BOTH).config();
    let refused = Secure::connect(world.tls_address(), "site.test", Arc::clone(&config));
    assert!(refused.is_err());
    assert_eq!(world.failed("too_many"), 1);
    assert_eq!((slow.read_to_end(), silent.read_to_end()), (String::new(), String::new()));
    until("both were cut", || world.failed("timeout") == 2);
    assert_eq!(world.counted("sedge_http_server_timeouts_total{phase=\"handshake\"}"), 2);
    assert!(Secure::connect(world.tls_address(), "site.test", config).is_ok());
}

#[test]
fn slow_requests_and_readers_are_cut_within_tls_too() {
    let (world, authority) = world(|options| {
        options.header_timeout = Duration::from_millis(300);
        options.write_timeout = Duration::from_millis(300);
    });
    let config = trust(authority.root(), &["http/1.1"]).config();
    let connect = || Secure::connect(world.tls_address(), "site.test", Arc::clone(&config));
    let mut slow = connect().expect("a handshake");
    slow.write("GET /hello HTTP/1.1\r\nHost:");
    assert_eq!(status(&slow.read_to_end()), 408);
    let mut lazy = connect().expect("a handshake");
    lazy.write(get("/endless"));
    let phase = "sedge_http_server_timeouts_total{phase=\"write\"}";
    until("the lazy reader was cut", || world.counted(phase) == 1);
}

#[test]
fn protocols_are_negotiated_or_refused() {
    let (world, authority) = world(|_| {});
    let connect = |protocols| {
        let config = trust(authority.root(), protocols).config();
        Secure::connect(world.tls_address(), "site.test", config)
    };
    assert!(connect(&["spdy/3"]).is_err());
    until("it was counted", || world.failed("protocol") == 1);
    for (protocols, expected) in [
        (&[][..], None),
        (&["http/1.1"], Some(&b"http/1.1"[..])),
        (&["http/1.1", "h2"], Some(b"h2")),
        (&["spdy/3", "http/1.1"], Some(b"http/1.1")),
    ] {
        let client = connect(protocols).expect("a handshake");
        assert_eq!(client.session().alpn_protocol(), expected);
    }
    // HTTP/2 with prior knowledge is not for TLS (RFC 9113 §3.3).
    let mut client = connect(&["http/1.1"]).expect("a handshake");
    client.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert!(!client.read_to_end().contains("200"));
}

#[tokio::test]
async fn handlers_learn_of_tls_and_clients_cannot_forge_it() {
    let authority = Authority::new();
    let settings = listener(vec![authority.issue("site", &["site.test"])]);
    let file = authority.folder.path().join("access.log");
    let access = AccessLog::file(&file).expect("a log");
    let world = World::with_tls(|_| {}, vec![server(&settings)], access);
    let forged = "GET /fields HTTP/1.1\r\nHost: test\r\nConnection: close\r\nSedge-TLS-JA4: forged\r\n\
                  client_cert: forged\r\nX-Kept: kept\r\n\r\n";
    let plain = world.send(forged);
    assert!(plain.contains("http\nhost: test") && plain.contains("x-kept: kept"), "{plain}");
    assert!(!plain.contains("forged") && !plain.contains("sedge-tls"), "{plain}");

    for (protocols, version) in [(BOTH, Version::HTTP_2), (&["http/1.1"][..], Version::HTTP_11)] {
        let mut request = request("site.test", "/fields");
        request.headers_mut().insert("sedge-tls-version", "forged".parse().expect("a value"));
        let config = trust(authority.root(), protocols).config();
        let answer = fetch(world.tls_address(), "site.test", config, request).await;
        let (seen, status, text) = answer.expect("an answer");
        assert_eq!((seen, status), (version, 200));
        assert!(text.starts_with("https\n") && !text.contains("forged"), "{text}");
        let protocol = if version == Version::HTTP_2 { "h2" } else { "http/1.1" };
        for field in [
            "sedge-tls-version: 1.3",
            "sedge-tls-cipher: TLS_AES_256_GCM_SHA384",
            "sedge-tls-server-name: site.test",
            &format!("sedge-tls-protocol: {protocol}"),
            "sedge-tls-ja4: t13d",
        ] {
            assert!(text.contains(&format!("\n{field}")), "{field} in {text}");
        }
    }
    assert_eq!(world.gateway.shutdown(PATIENCE), 0);
    let log = std::fs::read_to_string(file).expect("a log");
    let records: Vec<serde_json::Value> =
        log.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(records[0]["tls"].is_null());
    assert_eq!(records[1]["tls"]["version"], "1.3");
    assert_eq!(records[1]["tls"]["server_name"], "site.test");
    assert_eq!(records[2]["tls"]["protocol"], "http/1.1");
}

#[test]
fn the_certificate_is_that_of_the_host_asked_for() {
    let authority = Authority::new();
    let certificates = ["first.test", "second.test", "*.wild.test"];
    let files = certificates.map(|host| authority.issue(&host.replace('*', "any"), &[host]));
    let settings = listener(files.to_vec());
    let world = World::with_tls(|_| {}, vec![server(&settings)], AccessLog::off());
    let config = trust(authority.root(), BOTH).config();
    for (host, fine) in [
        ("unknown.test", false),
        ("wild.test", false),
        ("a.b.wild.test", false),
        ("first.test", true),
        ("second.test", true),
        ("a.wild.test", true),
    ] {
        let connected = Secure::connect(world.tls_address(), host, Arc::clone(&config));
        assert_eq!(connected.is_ok(), fine, "{host}");
    }
    // Clients say why they leave.
    until("their alerts were counted", || world.failed("client_alert") == 3);
}

#[test]
fn a_drain_answers_what_has_begun() {
    let (world, authority) = world(|_| {});
    let config = trust(authority.root(), &["http/1.1"]).config();
    let mut client = Secure::connect(world.tls_address(), "site.test", config).expect("connected");
    client.write("GET /nap HTTP/1.1\r\nHost: site.test\r\n\r\n");
    until("the handler was called", || world.begun() == 1);
    let gateway = world.gateway;
    let drained = std::thread::spawn(move || gateway.shutdown(PATIENCE));
    let answer = client.read_to_end();
    assert!(answer.contains("connection: close") && answer.ends_with("rested"), "{answer}");
    assert_eq!(drained.join().expect("no panic"), 0);
}

#[test]
fn a_broken_file_leaves_the_old_certificate_serving() {
    let authority = Authority::new();
    let files = authority.issue("site", &["old.test"]);
    let other = authority.issue("other", &["new.test"]);
    let server = server(&listener(vec![files.clone()]));
    let world = World::with_tls(|_| {}, vec![Arc::clone(&server)], AccessLog::off());
    let config = trust(authority.root(), BOTH).config();
    let serves = |host| Secure::connect(world.tls_address(), host, Arc::clone(&config)).is_ok();
    // Half of a rotation: the key does not fit yet.
    std::fs::copy(&other.certificate, &files.certificate).expect("copied");
    let problems = server.reload().expect_err("no pair");
    assert!(problems[0].to_string().contains("does not match"), "{problems:?}");
    assert_eq!(problems[0].pointer(), "/certificate/0/key");
    assert!(serves("old.test") && !serves("new.test"));
    std::fs::write(&files.certificate, "nonsense").expect("written");
    assert!(server.reload().is_err() && serves("old.test"));
    std::fs::copy(&other.certificate, &files.certificate).expect("copied");
    std::fs::copy(&other.key, &files.key).expect("copied");
    server.reload().expect("a pair");
    assert!(serves("new.test") && !serves("old.test"));
    assert_eq!(world.counted("sedge_tls_reloads_total{outcome=\"loaded\"}"), 1);
    assert_eq!(world.counted("sedge_tls_reloads_total{outcome=\"refused\"}"), 2);
}

#[tokio::test]
async fn rotation_under_load_fails_no_request_and_drops_no_connection() {
    let authority = Authority::new();
    let files = authority.issue("site", &["site.test"]);
    let server = server(&listener(vec![files.clone()]));
    let world = World::with_tls(|_| {}, vec![Arc::clone(&server)], AccessLog::off());
    let address = world.tls_address();
    let config = trust(authority.root(), BOTH).config();
    let stop = Arc::new(AtomicBool::new(false));
    // New connections all the time, and one that stays.
    let load: Vec<_> = (0..4)
        .map(|_| {
            let (stop, config) = (Arc::clone(&stop), Arc::clone(&config));
            tokio::spawn(async move {
                let mut answers = 0;
                while !stop.load(SeqCst) {
                    let config = Arc::clone(&config);
                    let request = request("site.test", "/hello");
                    let (_, status, text) =
                        fetch(address, "site.test", config, request).await.expect("an answer");
                    assert_eq!((status, text.as_str()), (200, "hello"));
                    answers += 1;
                }
                answers
            })
        })
        .collect();
    let kept =
        Secure::connect(address, "site.test", trust(authority.root(), &["http/1.1"]).config());
    let mut kept = kept.expect("connected");
    for _ in 0..20 {
        authority.issue("site", &["site.test"]);
        server.reload().expect("a pair");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stop.store(true, SeqCst);
    let mut answers = 0;
    for task in load {
        answers += task.await.expect("no request failed");
    }
    println!("{answers} requests on as many connections during 20 rotations");
    assert!(answers > 0);
    tokio::task::spawn_blocking(move || {
        kept.write(secure_get());
        assert!(kept.read_to_end().ends_with("hello"));
    })
    .await
    .expect("the connection was kept");
    assert_eq!(world.failed("malformed") + world.failed("other"), 0);
}

fn secure_get() -> String {
    get("/hello").replace("Host: test", "Host: site.test")
}

#[test]
fn sessions_are_resumed_across_a_reload() {
    let authority = Authority::new();
    let server = server(&listener(vec![authority.issue("site", &["site.test"])]));
    let world = World::with_tls(|_| {}, vec![Arc::clone(&server)], AccessLog::off());
    let config = trust(authority.root(), &["http/1.1"]).config();
    let connect = || {
        let connected = Secure::connect(world.tls_address(), "site.test", Arc::clone(&config));
        let mut client: secure::Secure = connected.expect("connected");
        client.write(secure_get());
        assert!(client.read_to_end().ends_with("hello"));
        client.session().handshake_kind()
    };
    assert_eq!(connect(), Some(rustls::HandshakeKind::Full));
    assert_eq!(connect(), Some(rustls::HandshakeKind::Resumed));
    server.reload().expect("a pair");
    assert_eq!(connect(), Some(rustls::HandshakeKind::Resumed));
}
