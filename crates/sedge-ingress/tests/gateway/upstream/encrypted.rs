//! Upstreams with TLS.

use super::terminator::{Terminator, config};
use super::{Front, Origin, retries, upstream};
use crate::secure::Authority;
use crate::world::{status, until};
use rcgen::{CertificateParams, date_time_ymd};
use sedge_ingress::http::upstream::{UpstreamError, Upstreams, look};
use sedge_model::failure::Kind;
use sedge_model::routing::policy::Policy;
use sedge_model::routing::upstream::{Pool, Protocol, Tls, Upstream};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

fn trusting(authority: &Authority) -> Tls {
    Tls { trusted_roots: vec![authority.file()], ..Tls::default() }
}

/// One that is spoken with in HTTP/1.1 over TLS.
fn encrypted(address: SocketAddr, tls: Tls) -> Upstream {
    Upstream { tls: Some(tls), protocol: Protocol::Http1, ..upstream(&[address]) }
}

/// A server that does this with each connection, for as long as the test runs.
fn listen(serve: impl Fn(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || listener.incoming().map_while(Result::ok).for_each(serve));
    address
}

#[test]
fn files_that_are_wrong_keep_an_upstream_from_serving() {
    let authority = Authority::new();
    let (one, other) = (authority.issue("one", &["a.test"]), authority.issue("two", &["a.test"]));
    let tls = Tls {
        trusted_roots: vec!["/nonexistent.pem".into()],
        certificate: Some((one.certificate, other.key)),
        ..Tls::default()
    };
    let plain = upstream(&[([127, 0, 0, 1], 1).into()]);
    let bad = encrypted(([127, 0, 0, 1], 1).into(), tls);
    let found = look(&[plain, bad.clone()]);
    let pointers: Vec<&str> = found.iter().map(|(pointer, _)| pointer.as_str()).collect();
    assert_eq!(pointers, ["/upstream/1/tls/trusted_roots/0", "/upstream/1/tls/key"]);
    match Upstreams::new(&[bad], None).err() {
        Some(UpstreamError::Files { name, wrong }) => {
            assert_eq!((&*name, wrong.len()), ("origin", 2))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_endpoint_that_does_not_prove_who_it_is_is_sent_nothing() {
    let (origin, authority) = (Origin::new("one"), Authority::new());
    let good = authority.issue("good", &["127.0.0.1"]);
    let mut old = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("a name");
    old.not_after = date_time_ymd(2001, 1, 1);
    let stranger = Authority::new();
    let strange = stranger.issue("strange", &["127.0.0.1"]);
    let clients = authority.file();
    let serve = |config| Terminator::new(origin.address, config);
    let encrypting = [
        ("expired", serve(config(&authority.sign("old", old), None, &[]))),
        ("of another name", serve(config(&authority.issue("api", &["api.test"]), None, &[]))),
        ("of a stranger", serve(config(&strange, None, &[]))),
        ("with another protocol", serve(config(&good, None, &["h2"]))),
        ("that wants a certificate", serve(config(&good, Some(&clients), &[]))),
    ];
    let mut addresses: Vec<_> = encrypting.iter().map(|(what, to)| (*what, to.address)).collect();
    addresses.push(("in the clear", origin.address));
    addresses.push(("that closes", listen(drop)));
    addresses.push((
        "of garbage",
        listen(|mut stream| {
            let _ = stream.write_all(&[0x16; 400]);
            let _ = stream.read(&mut [0; 4096]);
        }),
    ));
    for (what, address) in addresses {
        let front = Front::new(encrypted(address, trusting(&authority)), Policy::default());
        let answer = front.get("/");
        assert!(status(&answer) == 503 && answer.contains("upstream_tls"), "{what}: {answer}");
        assert_eq!(front.failures(Kind::UpstreamTls), 1, "{what}");
        let counted = front.metric("sedge_upstream_endpoint_tls_failures_total");
        // That one learns of it only when it waits for an answer.
        assert_eq!(counted, u64::from(what != "that wants a certificate"), "{what}");
        until("nothing is left open", || front.metric("sedge_upstream_endpoint_connections") == 0);
    }
    assert!(origin.heads().is_empty(), "{:?}", origin.heads());
}

#[test]
fn a_handshake_that_stalls_ends_with_the_time_to_connect() {
    let held = std::sync::Mutex::new(Vec::new());
    let stalling = listen(move |stream| held.lock().expect("no panic").push(stream));
    let pool = Pool { connect_timeout: Duration::from_millis(150), ..Pool::default() };
    let slow = Upstream { pool, ..encrypted(stalling, Tls::default()) };
    let front = Front::new(slow, Policy::default());
    let answer = front.get("/");
    assert!(status(&answer) == 503 && answer.contains("upstream_tls"), "{answer}");
    assert_eq!(front.metric("sedge_upstream_endpoint_connections"), 0);
}

#[test]
fn an_endpoint_that_cannot_be_trusted_costs_no_request_with_retries() {
    let (origin, authority) = (Origin::new("one"), Authority::new());
    let stranger = Authority::new();
    let strange = stranger.issue("strange", &["127.0.0.1"]);
    let bad = Terminator::new(origin.address, config(&strange, None, &[]));
    let good = authority.issue("good", &["127.0.0.1"]);
    let good = Terminator::new(origin.address, config(&good, None, &[]));
    let both = Upstream {
        tls: Some(trusting(&authority)),
        protocol: Protocol::Http1,
        ..upstream(&[bad.address, good.address])
    };
    let front = Front::new(both, Policy { retries: Some(retries(1)), ..Policy::default() });
    // A method that is not idempotent may be tried again too: nothing was sent.
    for _ in 0..4 {
        let answer = front.send("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        assert!(answer.ends_with("one"), "{answer}");
    }
    assert!(front.metric("sedge_upstream_retries_total") > 0);
}

#[test]
fn a_connection_is_encrypted_once_and_serves_one_request_after_the_other() {
    let (origin, authority) = (Origin::new("one"), Authority::new());
    let files = authority.issue("api", &["api.test"]);
    let to = Terminator::new(origin.address, config(&files, None, &["h2", "http/1.1"]));
    let tls = Tls { server_name: Some("api.test".to_owned()), ..trusting(&authority) };
    let front = Front::new(encrypted(to.address, tls), Policy::default());
    let mut client = front.connect();
    for _ in 0..5 {
        client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(status(&client.read_until("one")), 200);
    }
    let large = "x".repeat(2_000_000);
    client.write(format!(
        "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{large}",
        large.len()
    ));
    let answer = client.read_to_end();
    assert!(answer.ends_with(&large), "{} bytes", answer.len());
    assert_eq!(to.asked(), [(Some("api.test".to_owned()), 0)]);
    assert_eq!((origin.connections(), origin.heads().len()), (1, 6));
}

#[test]
fn an_answer_without_a_length_is_not_whole_if_tls_was_cut() {
    let (origin, authority) = (Origin::new("one"), Authority::new());
    let files = authority.issue("api", &["127.0.0.1"]);
    let to = Terminator::new(origin.address, config(&files, None, &[]));
    let front = Front::new(encrypted(to.address, trusting(&authority)), Policy::default());
    let answer = front.get("/chunks-midway");
    assert!(answer.contains("hello") && !answer.contains("0\r\n\r\n"), "{answer}");
    until("it is counted", || front.failures(Kind::UpstreamBroken) == 1);
}

#[test]
fn the_node_proves_who_it_is() {
    let (origin, authority) = (Origin::new("one"), Authority::new());
    let files = authority.issue("api", &["127.0.0.1"]);
    let to = Terminator::new(origin.address, config(&files, Some(&authority.file()), &[]));
    let node = authority.issue("node", &["node.test"]);
    let certificate = Some((node.certificate, node.key));
    let tls = Tls { certificate, ..trusting(&authority) };
    let front = Front::new(encrypted(to.address, tls), Policy::default());
    assert!(front.get("/").ends_with("one"));
    // An address is no name that is asked for (RFC 6066 §3).
    assert_eq!(to.asked(), [(None, 1)]);
}

#[test]
fn new_files_are_taken_with_a_new_deployment_and_counters_go_on() {
    let (origin, authority) = (Origin::new("one"), Authority::new());
    let files = authority.issue("api", &["127.0.0.1"]);
    let to = Terminator::new(origin.address, config(&files, None, &[]));
    let wanted = encrypted(to.address, trusting(&authority));
    let mut front = Front::with_threads(wanted.clone(), Policy::default(), 1);
    let deploy =
        |front: &Front| Upstreams::new(std::slice::from_ref(&wanted), Some(&front.upstreams));
    assert!(front.get("/").ends_with("one"));
    front.serve(deploy(&front).expect("the same files"), Policy::default());
    assert!(front.get("/").ends_with("one"));
    assert_eq!(to.handshakes(), 1, "nothing has changed");
    // The file has the certificate of another authority, and then of both.
    let other = Authority::new();
    std::fs::copy(other.file(), authority.folder.path().join("authority.pem")).expect("written");
    front.serve(deploy(&front).expect("good files"), Policy::default());
    assert!(front.get("/").contains("upstream_tls"));
    assert_eq!(front.metric("sedge_upstream_endpoint_tries_total"), 3);
    std::fs::write(authority.folder.path().join("authority.pem"), "nothing").expect("written");
    assert!(deploy(&front).is_err(), "what is broken is not deployed");
}
