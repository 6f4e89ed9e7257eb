//! How many, how long, and what becomes of them when the node stops.

use super::{Front, Peer, Settings, asking};
use crate::world::{Client, PATIENCE, status, until};
use sedge_model::failure::Kind;
use sedge_model::routing::policy::Policy;
use sedge_model::routing::upstream::Pool;
use std::time::{Duration, Instant};

#[test]
fn one_too_many_is_refused_until_one_ends() {
    let peer = Peer::new();
    let pool = Pool { upgrades_max: 2, ..Pool::default() };
    let front = Front::new(&peer, Settings { pool, ..Settings::default() });
    let (first, _second) = (front.switched("/"), front.switched("/"));
    let mut third = front.connect();
    third.write(asking("/", "echo"));
    let answer = third.read_until("}");
    assert_eq!(status(&answer), 503, "{answer}");
    assert!(answer.contains("upstream_overflow") && answer.contains("retry-after"), "{answer}");
    assert_eq!(front.metric("sedge_upstream_overflows_total"), 1);
    // Requests that ask for nothing are not held up.
    third.write("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(status(&third.read_until("no")), 200);
    drop(first);
    until("there is room again", || front.metric("sedge_upstream_active_upgrades") == 1);
    drop(front.switched("/"));
}

#[test]
fn a_rules_bound_counts_them_to_their_end() {
    let peer = Peer::new();
    let policy = Policy { concurrency_max: Some(1), ..Policy::default() };
    let front = Front::new(&peer, Settings { policy, ..Settings::default() });
    let first = front.switched("/");
    let mut second = front.connect();
    second.write(asking("/", "echo"));
    assert!(second.read_until("}").contains("concurrency_limit"));
    drop(first);
    front.wait_unused();
    drop(front.switched("/"));
}

#[test]
fn a_timeout_is_for_the_answer_and_not_for_what_comes_after() {
    let peer = Peer::new();
    let policy = Policy { timeout: Some(Duration::from_millis(200)), ..Policy::default() };
    let front = Front::new(&peer, Settings { policy, ..Settings::default() });
    let mut client = front.connect();
    client.write(asking("/never", "echo"));
    assert_eq!(status(&client.read_until("}")), 504);
    let mut client = front.switched("/");
    std::thread::sleep(Duration::from_millis(500));
    client.write("still there");
    client.read_until("still there");
}

#[test]
fn silence_ends_it_and_a_word_now_and_then_does_not() {
    let peer = Peer::new();
    let pool = Pool { upgrade_idle_timeout: Duration::from_millis(400), ..Pool::default() };
    let front = Front::new(&peer, Settings { pool, ..Settings::default() });
    let mut client = front.switched("/");
    let start = Instant::now();
    for _ in 0..8 {
        std::thread::sleep(Duration::from_millis(100));
        client.write("x");
        client.read_until("x");
    }
    assert!(start.elapsed() >= Duration::from_millis(800));
    assert_eq!(client.read_to_end(), "");
    front.wait_unused();
    assert_eq!(front.failures(Kind::ClientTimeout), 1);
    let mut text = String::new();
    front.gateway.metrics().render_prometheus(&mut text);
    assert!(text.contains("sedge_http_server_timeouts_total{phase=\"upgrade\"} 1\n"), "{text}");
}

#[test]
fn a_client_that_does_not_read_holds_the_upstream_up_until_silence_ends_it() {
    let peer = Peer::new();
    let pool = Pool { upgrade_idle_timeout: Duration::from_millis(400), ..Pool::default() };
    let front = Front::new(&peer, Settings { pool, ..Settings::default() });
    let client = front.switched("/endless");
    until("it is given up", || front.failures(Kind::ClientTimeout) == 1);
    let mut text = String::new();
    front.gateway.metrics().render_prometheus(&mut text);
    let line = "sedge_http_server_body_bytes_total{direction=\"out\"} ";
    let bytes = text.lines().find_map(|one| one.strip_prefix(line)).expect("the counter");
    // What sockets hold, far from what the upstream could have sent.
    assert!(bytes.parse::<u64>().expect("a number") < 64 << 20, "{bytes}");
    drop(client);
}

#[test]
fn silent_ones_are_closed_when_the_node_stops_and_busy_ones_have_its_drain() {
    let peer = Peer::new();
    let front = Front::plain(&peer);
    let mut silent = front.switched("/");
    let metrics = front.gateway.metrics();
    let start = Instant::now();
    let stopping = std::thread::spawn(move || front.gateway.shutdown(PATIENCE));
    assert_eq!(silent.read_to_end(), "");
    assert_eq!(stopping.join().expect("no panic"), 0);
    assert!(start.elapsed() < PATIENCE);
    assert_eq!(metrics.failures(Kind::Draining), 1);

    let front = Front::plain(&peer);
    let mut busy = front.switched("/");
    let metrics = front.gateway.metrics();
    let stopping = std::thread::spawn(move || front.gateway.shutdown(Duration::from_millis(1_000)));
    let mut words = 0;
    while try_word(&mut busy) {
        words += 1;
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(stopping.join().expect("no panic"), 1);
    assert!(words > 0, "it was cut at once");
    assert_eq!(metrics.failures(Kind::Draining), 1);
}

fn try_word(client: &mut Client) -> bool {
    use std::io::{Read, Write};
    let mut back = [0; 4];
    client.0.write_all(b"word").and_then(|()| client.0.read_exact(&mut back)).is_ok()
}

/// Lets this process have as many descriptors as the system allows it: each
/// connection below has four of them here.
fn allow_descriptors(wanted: u64) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls are given a pointer to a live value of the type that they
    // read or write, and change nothing but this process's own limit.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit), 0);
        limit.rlim_cur = limit.rlim_cur.max(wanted.min(limit.rlim_max));
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit), 0);
    }
    assert!(limit.rlim_cur >= wanted, "this process may have {} descriptors", limit.rlim_cur);
}

#[test]
fn a_thousand_at_one_time_are_a_thousand() {
    allow_descriptors(4_500);
    let peer = Peer::new();
    let front = Front::plain(&peer);
    let mut clients: Vec<Client> = (0..1_000).map(|_| front.switched("/")).collect();
    assert_eq!(front.gateway.metrics().upgrades_active(), 1_000);
    assert_eq!(front.gateway.metrics().requests_active(), 0, "none is a request in flight");
    for (index, client) in clients.iter_mut().enumerate() {
        client.write(format!("<{index}>"));
    }
    for (index, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.read_until(">"), format!("<{index}>"));
    }
    let mut plain = front.connect();
    plain.write("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(status(&plain.read_until("no")), 200);
    drop(clients);
    front.wait_unused();
    assert_eq!(front.metric("sedge_upstream_upgrades_total"), 1_000);
}
