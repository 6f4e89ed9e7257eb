//! What passes, and how it is changed on the way.

use super::origin::Origin;
use super::{front, plain, pooled};
use crate::secure::Authority;
use crate::upstream::terminator::{Terminator, config};
use crate::upstream::{Front, retries, upstream};
use crate::world::{Client, get, status, until};
use sedge_model::routing::policy::Policy;
use sedge_model::routing::upstream::{Pool, Protocol, Tls, Upstream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

#[test]
fn many_requests_share_a_connection_of_their_thread() {
    let origin = Origin::new("one");
    let front = front(origin.address);
    let mut clients: Vec<_> = (0..40).map(|_| front.connect()).collect();
    for _ in 0..3 {
        clients.iter_mut().for_each(|client| client.write("GET /nap HTTP/1.1\r\nHost: a\r\n\r\n"));
        for client in &mut clients {
            assert_eq!(status(&client.read_until("one")), 200);
        }
    }
    // Two threads.
    assert!(origin.connections() <= 2, "{}", origin.connections());
    assert_eq!(origin.requests().len(), 120);
    assert_eq!(front.metric("sedge_upstream_active_requests"), 0);
}

#[test]
fn a_head_becomes_one_of_http2() {
    let origin = Origin::new("one");
    let front = front(origin.address);
    let answer = front.send(
        "GET /hop?q=1 HTTP/1.1\r\nHost: shop.example:81\r\nConnection: close, x-secret\r\n\
         X-Secret: 1\r\nKeep-Alive: 5\r\nUpgrade: h2c\r\nX-Kept: 1\r\n\r\n",
    );
    assert!(answer.ends_with("one"), "{answer}");
    let request = &origin.requests()[0];
    assert!(request.starts_with("GET http://shop.example:81/hop?q=1\n"), "{request}");
    for kept in ["x-kept: 1", "x-forwarded-for: 127.0.0.1", "traceparent: ", "te: trailers"] {
        assert!(request.contains(kept), "{kept} in {request}");
    }
    for gone in ["host:", "x-secret", "connection", "keep-alive", "upgrade"] {
        assert!(!request.contains(gone), "{gone} in {request}");
    }
}

#[test]
fn bodies_and_trailers_pass_both_ways() {
    let origin = Origin::new("one");
    let front = front(origin.address);
    let large = "x".repeat(3_000_000);
    let answer = front.send(format!(
        "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{large}",
        large.len()
    ));
    assert_eq!(answer.matches('x').count(), large.len(), "{} bytes", answer.len());
    let answer = front.send(
        "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTE: trailers\r\n\
         Transfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n\
         3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n",
    );
    assert!(answer.contains("abc") && answer.contains("de\r\n"), "{answer}");
    let answer = front
        .send("GET /trailers HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTE: trailers\r\n\r\n");
    assert!(answer.contains("hello") && answer.contains("0\r\n"), "{answer}");
    let answer = front.get("/nothing");
    assert_eq!(status(&answer), 204, "{answer}");
    let answer = front.send("HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(answer.contains("content-length: 3\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
}

#[test]
fn an_upstream_may_answer_before_it_has_read_the_request() {
    let origin = Origin::new("one");
    let front = front(origin.address);
    let mut client = front.connect();
    client.write("POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nbegin");
    let answer = client.read_until("large");
    assert_eq!(status(&answer), 413, "{answer}");
    assert!(front.get("/").ends_with("one"));
    assert_eq!(front.metric("sedge_upstream_endpoint_resets_total"), 0);
}

#[test]
fn idle_connections_are_closed_and_served_ones_given_up() {
    let origin = Origin::new("one");
    let idle_timeout = Duration::from_millis(50);
    let pool = Pool { idle_timeout, requests_per_connection_max: 2, ..Pool::default() };
    let front = pooled(origin.address, pool);
    let mut client = front.connect();
    for _ in 0..4 {
        client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        client.read_until("one");
    }
    assert!(origin.connections() >= 2);
    until("all are closed", || front.metric("sedge_upstream_endpoint_connections") == 0);
    client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client.read_until("one");
}

#[test]
fn the_protocol_is_what_the_endpoint_chooses() {
    let authority = Authority::new();
    let files = authority.issue("api", &["127.0.0.1"]);
    let tls = Tls { trusted_roots: vec![authority.file()], ..Tls::default() };
    let (new, old) = (Origin::new("new"), crate::upstream::Origin::new("old"));
    for (to, alpn, protocol, expected) in [
        (new.address, &["h2", "http/1.1"][..], Protocol::Auto, Some("new")),
        (new.address, &["h2"], Protocol::Http2, Some("new")),
        (old.address, &["http/1.1"], Protocol::Auto, Some("old")),
        (old.address, &[], Protocol::Auto, Some("old")),
        (old.address, &["h2", "http/1.1"], Protocol::Http1, Some("old")),
        (old.address, &["http/1.1"], Protocol::Http2, None),
        (old.address, &[], Protocol::Http2, None),
    ] {
        let terminator = Terminator::new(to, config(&files, None, alpn));
        let encrypted =
            Upstream { tls: Some(tls.clone()), protocol, ..upstream(&[terminator.address]) };
        let front = Front::new(encrypted, Policy::default());
        let mut clients: Vec<_> = (0..12).map(|_| front.connect()).collect();
        clients.iter_mut().for_each(|client| client.write(get("/")));
        for client in &mut clients {
            let answer = client.read_to_end();
            match expected {
                Some(name) => assert!(answer.ends_with(name), "{alpn:?} {protocol:?}: {answer}"),
                None => assert!(answer.contains("upstream_tls"), "{answer}"),
            }
        }
        if expected == Some("new") {
            assert!(terminator.handshakes() <= 2, "{}", terminator.handshakes());
        }
    }
    assert!(new.requests()[0].starts_with("GET https://"));
}

/// Asks again and again on one connection; anything but a whole 200 is counted.
fn hammer(front: &Front, stop: &AtomicBool, asked: &AtomicUsize, failed: &AtomicUsize) {
    let mut client = Client::connect(front.gateway.local_addr());
    while !stop.load(SeqCst) {
        client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let answer = client.read_until_any(&["one", "two", "three", "}"]);
        asked.fetch_add(1, SeqCst);
        if !answer.starts_with("HTTP/1.1 200") {
            failed.fetch_add(1, SeqCst);
        }
    }
}

#[test]
fn upstreams_killed_under_load_cost_no_request() {
    let origins = [Origin::new("one"), Origin::new("two"), Origin::new("three")];
    let mut all = plain(origins[0].address);
    all.endpoints.extend(origins[1..].iter().flat_map(|origin| plain(origin.address).endpoints));
    let policy = Policy { retries: Some(retries(3)), ..Policy::default() };
    let front = Arc::new(Front::new(all, policy));
    let (stop, asked, failed) = (
        Arc::<AtomicBool>::default(),
        Arc::<AtomicUsize>::default(),
        Arc::<AtomicUsize>::default(),
    );
    let clients: Vec<_> = (0..6)
        .map(|_| {
            let (front, stop) = (Arc::clone(&front), Arc::clone(&stop));
            let (asked, failed) = (Arc::clone(&asked), Arc::clone(&failed));
            std::thread::spawn(move || hammer(&front, &stop, &asked, &failed))
        })
        .collect();
    for origin in [&origins[0], &origins[2]] {
        let before = asked.load(SeqCst);
        until("the load goes on", || asked.load(SeqCst) > before + 300);
        origin.kill();
    }
    let before = asked.load(SeqCst);
    until("the load goes on", || asked.load(SeqCst) > before + 300);
    stop.store(true, SeqCst);
    clients.into_iter().for_each(|client| client.join().expect("no answer was cut"));
    assert_eq!(failed.load(SeqCst), 0, "of {}", asked.load(SeqCst));
}
