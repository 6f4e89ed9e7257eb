//! What upstreams do wrong. No answer ever looks complete that is not.

use super::{Front, Origin, upstream};
use crate::world::{get, status, until};
use sedge_ingress::http::upstream::{UpstreamError, Upstreams};
use sedge_model::failure::Kind;
use sedge_model::routing::policy::Policy;
use sedge_model::routing::upstream::Pool;
use std::time::Duration;

#[test]
fn an_upstream_without_an_endpoint_to_choose_is_refused() {
    let address = ([127, 0, 0, 1], 1).into();
    let error = |change: &dyn Fn(&mut _)| {
        let mut bad = upstream(&[address]);
        change(&mut bad);
        Upstreams::new(&[bad], None).err()
    };
    let nobody = Some(UpstreamError::NoEndpoint("origin".to_owned()));
    assert_eq!(error(&|bad| bad.endpoints.clear()), nobody);
    assert_eq!(error(&|bad| bad.endpoints[0].weight = 0), nobody);
}

#[test]
fn answers_that_are_none_are_failures_of_their_own_kind() {
    let origin = Origin::new("one");
    let front = Front::plain(&origin);
    for (path, expected, kind) in [
        ("/reset", 503, Kind::UpstreamReset),
        ("/garbage", 502, Kind::UpstreamProtocol),
        ("/lengths", 502, Kind::UpstreamProtocol),
        ("/differing", 502, Kind::UpstreamProtocol),
        ("/both", 502, Kind::UpstreamProtocol),
        ("/switch", 502, Kind::UpstreamProtocol),
        ("/huge", 502, Kind::UpstreamProtocol),
        ("/flood", 502, Kind::UpstreamProtocol),
    ] {
        let before = front.failures(kind);
        let answer = front.get(path);
        assert_eq!(status(&answer), expected, "{path}: {answer}");
        assert!(answer.contains(kind.label()), "{path}: {answer}");
        until("it is counted", || front.failures(kind) == before + 1);
    }
    // The next request is none the worse for it.
    assert!(front.get("/").ends_with("one"));
}

#[test]
fn an_upstream_that_refuses_is_unreachable() {
    let origin = Origin::new("one");
    origin.kill();
    let front = Front::plain(&origin);
    until("it no longer listens", || front.get("/").contains("upstream_connect"));
    assert!(front.metric("sedge_upstream_endpoint_connect_failures_total") > 0);
}

#[test]
fn an_answer_that_breaks_off_never_looks_complete() {
    let origin = Origin::new("one");
    let front = Front::plain(&origin);
    let answer = front.get("/midway");
    assert!(answer.contains("content-length: 10\r\n") && answer.ends_with("hello"), "{answer}");
    let answer = front.get("/chunks-midway");
    assert!(answer.contains("hello") && !answer.contains("0\r\n\r\n"), "{answer}");
    until("both are counted", || front.failures(Kind::UpstreamBroken) == 2);
}

#[test]
fn a_client_that_leaves_takes_its_upstream_connection_along() {
    let origin = Origin::new("one");
    let front = Front::plain(&origin);
    let mut client = front.connect();
    client.write(get("/never"));
    until("the upstream has it", || origin.heads().len() == 1);
    drop(client);
    until("the upstream is left", || origin.closed() == 1);
}

#[test]
fn an_upstream_may_answer_before_it_has_read_the_request() {
    let origin = Origin::new("one");
    let front = Front::plain(&origin);
    let mut client = front.connect();
    client.write("POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nbegin");
    let answer = client.read_until("large");
    assert_eq!(status(&answer), 413, "{answer}");
}

#[test]
fn an_upstream_that_never_answers_ends_with_the_timeout() {
    let origin = Origin::new("one");
    let timeout = Some(Duration::from_millis(100));
    let policy = Policy { timeout, ..Policy::default() };
    let front = Front::new(upstream(&[origin.address]), policy);
    let answer = front.get("/never");
    assert_eq!(status(&answer), 504, "{answer}");
    until("the upstream is left", || origin.closed() == 1);
    assert_eq!(front.metric("sedge_upstream_endpoint_timeouts_total"), 1);
}

#[test]
fn bounds_are_kept_and_counted() {
    let origin = Origin::new("one");
    let pool = Pool { requests_max: 1, ..Pool::default() };
    let front =
        Front::new(super::Upstream { pool, ..upstream(&[origin.address]) }, Policy::default());
    let mut first = front.connect();
    first.write(get("/never"));
    until("the upstream has it", || origin.heads().len() == 1);
    let answer = front.get("/");
    assert_eq!(status(&answer), 503, "{answer}");
    assert!(answer.contains("upstream_overflow") && answer.contains("retry-after"), "{answer}");
    assert_eq!(front.metric("sedge_upstream_overflows_total"), 1);
    drop(first);
    until("there is room again", || front.get("/").ends_with("one"));
}

#[test]
fn one_connection_is_one_connection_for_all_threads() {
    let origin = Origin::new("one");
    let pool = Pool { connections_max: 1, ..Pool::default() };
    let front =
        Front::new(super::Upstream { pool, ..upstream(&[origin.address]) }, Policy::default());
    let mut clients: Vec<_> = (0..8).map(|_| front.connect()).collect();
    for _ in 0..5 {
        clients.iter_mut().for_each(|client| client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
        for client in &mut clients {
            assert_eq!(status(&client.read_until("one")), 200);
        }
    }
    assert_eq!((origin.connections(), origin.heads().len()), (1, 40));
}
