//! Orders with an authority that is broken or hostile; that they succeed with a
//! good one is tested with the real binary.

use super::*;
use crate::http::tls::files::tests::Folder;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use sedge_model::node_config::AcmeConfig;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

/// Answers requests by their target (`GET /dir`), with `{own}` for its URL.
type Script = fn(&str) -> String;

/// What an order with a scripted authority comes to.
fn fails(script: Script) -> Failure {
    let folder = Folder::new();
    let pair = folder.pair("ca", &["localhost"], &rcgen::PKCS_ECDSA_P256_SHA256);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let own = format!("https://localhost:{}", listener.local_addr().expect("bound").port());
    let settings = AcmeConfig {
        domains: vec!["a.test".into()],
        contact: Vec::new(),
        directory: format!("{own}/dir"),
        trusted_roots: vec![pair.certificate.clone()],
        challenge: AcmeChallenge::Http01,
        renew_before_s: None,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain = vec![CertificateDer::from_pem_file(&pair.certificate).expect("a certificate")];
    let key = PrivateKeyDer::from_pem_file(&pair.key).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a pair");
    let config = Arc::new(config);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (config, own) = (Arc::clone(&config), own.clone());
            std::thread::spawn(move || serve(stream, config, script, &own));
        }
    });
    let data = tempfile::tempdir().expect("a folder");
    let acme = Acme::new(&settings, data.path());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let accounts = tokio::sync::Mutex::default();
    let issued = issue(&acme, &provider, &accounts);
    runtime.expect("a runtime").block_on(issued).expect_err("a failure")
}

fn serve(stream: TcpStream, config: Arc<ServerConfig>, script: Script, own: &str) -> Option<()> {
    let connection = ServerConnection::new(config).ok()?;
    let mut reader = BufReader::new(StreamOwned::new(connection, stream));
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let (mut line, mut length) = (String::new(), 0);
    while line != "\r\n" {
        line.clear();
        reader.read_line(&mut line).ok()?;
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    reader.read_exact(&mut vec![0; length]).ok()?;
    let target = first.rsplit_once(' ').map_or("", |(target, _)| target);
    let answer = script(target).replace("{own}", own);
    reader.get_mut().write_all(answer.as_bytes()).ok()?;
    reader.get_mut().conn.send_close_notify();
    reader.get_mut().flush().ok()
}

fn json(status: &str, fields: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{fields}\r\n{body}", body.len())
}

/// A good directory. Its length depends on `{own}`, so the end of the connection
/// ends it.
fn directory() -> String {
    let body = "{\"newNonce\":\"{own}/nonce\",\"newAccount\":\"{own}/account\",\
                \"newOrder\":\"{own}/order\"}";
    format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{body}")
}

/// A nonce, an account, and then `order` for an order.
fn until_order(target: &str, order: &str) -> String {
    match target {
        "GET /dir" => directory(),
        "HEAD /nonce" => json("200 OK", "replay-nonce: bm9uY2U\r\n", ""),
        "POST /account" => {
            let fields = "replay-nonce: bm9uY2U\r\nlocation: {own}/account/1\r\n";
            json("201 Created", fields, "{}")
        }
        _ => order.to_owned(),
    }
}

const BAD_NONCE: &str =
    "{\"type\":\"urn:ietf:params:acme:error:badNonce\",\"detail\":\"stale\",\"status\":400}";
const LIMITED: &str =
    "{\"type\":\"urn:ietf:params:acme:error:rateLimited\",\"detail\":\"slow down\",\"status\":429}";

#[test]
fn a_broken_directory_is_told() {
    let cases: [(Script, Reason, &str); 9] = [
        (|_| String::new(), Reason::Connect, "broke"),
        (|_| "SSH-2.0-x\r\n\r\n".into(), Reason::Connect, "broke"),
        (|_| json("500 Oops", "", "<html>"), Reason::Malformed, "answered 500"),
        (|_| json("200 OK", "", "[[[["), Reason::Malformed, "newNonce"),
        (|_| json("302 Found", "location: /x\r\n", ""), Reason::Malformed, "redirects"),
        (|_| json("200 OK", "", &"x".repeat(300_000)), Reason::Malformed, "more than"),
        (|_| format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(100_000)), Reason::Connect, ""),
        (|_| json("200 OK", "", "{\"newNonce\":\"no url\"}"), Reason::Malformed, "newNonce"),
        (
            |_| json("200 OK", "", "{\"newNonce\":\"https://169.254.169.254/\"}"),
            Reason::Malformed,
            "another server",
        ),
    ];
    for (index, (script, reason, text)) in cases.into_iter().enumerate() {
        let failure = fails(script);
        assert_eq!(failure.reason, reason, "{index}: {failure}");
        assert!(failure.text.contains(text), "{index}: {failure}");
    }
}

#[test]
fn an_order_that_goes_wrong_is_told() {
    let cases: [(Script, Reason, &str); 6] = [
        (|target| until_order(target, ""), Reason::Connect, "broke"),
        (|target| until_order(target, &json("400 Bad", "", BAD_NONCE)), Reason::Refused, "stale"),
        (
            |target| until_order(target, &json("429 Slow", "retry-after: 7200\r\n", LIMITED)),
            Reason::RateLimited,
            "slow down",
        ),
        (|target| until_order(target, &json("500 Oops", "", "?")), Reason::Malformed, "JSON"),
        (|target| until_order(target, &json("201 Created", "", "{}")), Reason::Malformed, "JSON"),
        (
            |target| {
                let body = "{\"status\":\"pending\",\"finalize\":\"x\",\
                            \"authorizations\":[\"https://a.test/1\",\"https://a.test/2\"]}";
                until_order(target, &json("201 Created", "location: https://a.test/\r\n", body))
            },
            Reason::Malformed,
            "more authorizations",
        ),
    ];
    for (index, (script, reason, text)) in cases.into_iter().enumerate() {
        let failure = fails(script);
        assert_eq!(failure.reason, reason, "{index}: {failure}");
        assert!(failure.text.contains(text), "{index}: {failure}");
    }
}

#[test]
fn what_a_limit_asks_to_wait_is_kept_and_bounded() {
    let wait = |script: Script| fails(script).retry_after.map(|wait| wait.as_secs());
    let limited =
        |target: &str| until_order(target, &json("429 Slow", "retry-after: 7200\r\n", LIMITED));
    assert_eq!(wait(limited), Some(7_200));
    let endless = |target: &str| {
        let fields = "retry-after: 18446744073709551615\r\n";
        until_order(target, &json("503 Later", fields, LIMITED))
    };
    assert_eq!(wait(endless), Some(7 * 86_400));
}
