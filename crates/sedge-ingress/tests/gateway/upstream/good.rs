//! What passes, and how it is changed on the way.

use super::{Front, Origin, upstream};
use crate::world::{status, until};
use sedge_model::routing::policy::Policy;
use sedge_model::routing::upstream::{Balance, HashKey, Pool};
use std::time::Duration;

#[test]
fn a_connection_serves_one_request_after_the_other() {
    let origin = Origin::new("one");
    let front = Front::plain(&origin);
    let mut client = front.connect();
    for path in ["/", "/trailers", "/nothing", "/continue", "/busy", "/hop", "/"] {
        client.write(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        client.read_until(match path {
            "/trailers" => "0\r\n\r\n",
            "/nothing" => "\r\n\r\n",
            "/busy" => "busy",
            "/hop" => "hello",
            _ => "one",
        });
    }
    assert_eq!(origin.connections(), 1);
}

#[test]
fn fields_of_one_connection_do_not_reach_the_other() {
    let origin = Origin::new("one");
    let front = Front::plain(&origin);
    let answer = front.send(
        "GET /hop?q=1 HTTP/1.1\r\nHost: shop.example\r\nConnection: close, x-secret\r\n\
         X-Secret: 1\r\nTE: trailers\r\nX-Kept: 1\r\n\r\n",
    );
    drop(answer);
    let answer = front.send("GET /hop HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(answer.contains("x-kept: 1") && !answer.contains("x-hop"), "{answer}");
    let head = &origin.heads()[0];
    assert!(head.starts_with("get /hop?q=1 http/1.1\r\n"), "{head}");
    for kept in ["host: shop.example", "x-kept: 1", "x-forwarded-for: 127.0.0.1", "traceparent: "] {
        assert!(head.contains(kept), "{kept} in {head}");
    }
    for gone in ["x-secret", "te:", "connection:"] {
        assert!(!head.contains(gone), "{gone} in {head}");
    }
}

#[test]
fn bodies_pass_with_a_length_and_in_chunks() {
    let origin = Origin::new("one");
    let front = Front::plain(&origin);
    let large = "x".repeat(3_000_000);
    let answer = front.send(format!(
        "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{large}",
        large.len()
    ));
    assert_eq!(status(&answer), 200);
    assert!(answer.ends_with(&large), "{} bytes", answer.len());
    let answer = front.send(
        "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n\
         3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    );
    assert!(answer.ends_with("abcde"), "{answer}");
}

#[test]
fn a_client_that_waits_for_100_is_answered_before_it_sends() {
    let origin = Origin::new("one");
    let front = Front::plain(&origin);
    let mut client = front.connect();
    client.write(
        "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    );
    client.read_until("HTTP/1.1 100 Continue\r\n\r\n");
    client.write("hello");
    assert_eq!(status(&client.read_until("hello")), 200);
    assert!(!origin.heads()[0].contains("expect"));
}

#[test]
fn an_answer_to_head_has_a_length_and_no_body() {
    let origin = Origin::new("one");
    let front = Front::plain(&origin);
    let answer = front.send("HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(
        answer.contains("content-length: 1234\r\n") && answer.ends_with("\r\n\r\n"),
        "{answer}"
    );
}

#[test]
fn idle_connections_are_closed_and_served_ones_given_up() {
    let origin = Origin::new("one");
    let idle_timeout = Duration::from_millis(50);
    let pool = Pool { idle_timeout, requests_per_connection_max: 2, ..Pool::default() };
    let front =
        Front::new(super::Upstream { pool, ..upstream(&[origin.address]) }, Policy::default());
    let mut client = front.connect();
    for _ in 0..4 {
        client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        client.read_until("one");
    }
    assert!(origin.connections() >= 2);
    until("all are closed", || origin.closed() == origin.connections());
    assert_eq!(front.metric("sedge_upstream_endpoint_connections"), 0);
}

#[test]
fn a_cookie_keeps_a_client_at_its_endpoint() {
    let (one, two) = (Origin::new("one"), Origin::new("two"));
    let ttl = Some(Duration::from_secs(60));
    let key = HashKey::Cookie { name: "sid".into(), ttl, path: Some("/".into()) };
    let balance = Balance::Hash(key);
    let upstream = super::Upstream { balance, ..upstream(&[one.address, two.address]) };
    let front = Front::new(upstream, Policy::default());
    for _ in 0..8 {
        let answer = front.get("/");
        let cookie = answer.split("set-cookie: ").nth(1).and_then(|rest| rest.split(';').next());
        let cookie = cookie.unwrap_or_else(|| panic!("no cookie in {answer}"));
        let name = &answer[answer.len() - 3..];
        for _ in 0..4 {
            let again = front.send(format!(
                "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nCookie: {cookie}\r\n\r\n"
            ));
            assert!(again.ends_with(name) && !again.contains("set-cookie"), "{again}");
        }
    }
}
