//! Upstreams that fail while others do not.

use super::{Front, Origin, retries, upstream};
use crate::world::{Client, status, until};
use sedge_model::routing::policy::{Policy, RateKey, RateLimit, Retries};
use sedge_model::routing::upstream::Outliers;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

fn with(retries: Retries) -> Policy {
    Policy { retries: Some(retries), ..Policy::default() }
}

#[test]
fn what_may_have_been_done_is_not_done_twice() {
    let origin = Origin::new("one");
    let front = Front::new(upstream(&[origin.address]), with(retries(3)));
    let post =
        "POST /reset HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi";
    assert_eq!(status(&front.send(post)), 503);
    assert_eq!(origin.heads().len(), 1);
    let answer = front.get("/reset");
    assert_eq!(status(&answer), 503, "{answer}");
    assert_eq!(origin.heads().len(), 1 + 4);
    assert_eq!(front.metric("sedge_upstream_retries_total"), 3);
}

#[test]
fn a_body_is_sent_again_whole() {
    let (one, two) = (Origin::new("one"), Origin::new("two"));
    one.kill();
    let front = Front::new(upstream(&[one.address, two.address]), with(retries(1)));
    for _ in 0..8 {
        let answer = front.send(
            "PUT /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
        );
        assert!(answer.ends_with("hello"), "{answer}");
    }
}

#[test]
fn a_connection_that_died_while_it_was_kept_costs_nobody_a_request() {
    let origin = Origin::new("one");
    let front = Front::plain(&origin);
    let mut client = front.connect();
    for _ in 0..50 {
        client.write("GET /then-close HTTP/1.1\r\nHost: a\r\n\r\n");
        let answer = client.read_until("one");
        assert_eq!(status(&answer), 200, "{answer}");
    }
}

#[test]
fn an_endpoint_that_fails_is_left_out_for_a_while() {
    let (bad, good) = (Origin::new("bad"), Origin::new("good"));
    bad.kill();
    let outliers = Outliers {
        consecutive_server_errors: 0,
        consecutive_gateway_errors: 0,
        consecutive_local_failures: 2,
        interval: Duration::from_secs(1),
        base_ejection: Duration::from_secs(60),
        ejection_max: Duration::from_secs(60),
        ejected_percent_max: 50,
        always_one: true,
        panic_percent: 0,
    };
    let outliers = Some(outliers);
    let both = super::Upstream { outliers, ..upstream(&[bad.address, good.address]) };
    let front = Front::new(both, Policy::default());
    until("it is left out", || {
        front.get("/");
        front.metric("sedge_upstream_endpoint_ejections_total") == 1
    });
    for _ in 0..20 {
        assert!(front.get("/").ends_with("good"));
    }
    assert_eq!(front.metric("sedge_upstream_endpoint_healthy"), 1);
    // The other one may fail as it likes: half of them is left out already.
    good.kill();
    for _ in 0..10 {
        assert_eq!(status(&front.get("/")), 503);
    }
    assert_eq!(front.metric("sedge_upstream_endpoint_ejections_total"), 1);
}

#[test]
fn a_rate_is_told_with_the_time_to_wait() {
    let origin = Origin::new("one");
    let per = Duration::from_secs(3_600);
    let rate = RateLimit { requests: 1, per, burst: 2, key: RateKey::Client, keys_max: 8 };
    let policy = Policy { rate: Some(rate), ..Policy::default() };
    let front = Front::new(upstream(&[origin.address]), policy);
    let answers: Vec<String> = (0..3).map(|_| front.get("/")).collect();
    let statuses: Vec<u16> = answers.iter().map(|answer| status(answer)).collect();
    assert_eq!(statuses, [200, 200, 429]);
    let wait = answers[2].split("retry-after: ").nth(1).and_then(|rest| rest.lines().next());
    let wait: u64 = wait.and_then(|wait| wait.parse().ok()).expect("a time");
    assert!((3_500..=3_600).contains(&wait), "{wait}");
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
    let addresses: Vec<_> = origins.iter().map(|origin| origin.address).collect();
    let front = Arc::new(Front::new(upstream(&addresses), with(retries(3))));
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
    until("all are at work", || asked.load(SeqCst) > 300);
    origins[0].kill();
    let before = asked.load(SeqCst);
    until("the load goes on", || asked.load(SeqCst) > before + 300);
    origins[2].kill();
    let before = asked.load(SeqCst);
    until("the load goes on", || asked.load(SeqCst) > before + 300);
    stop.store(true, SeqCst);
    clients.into_iter().for_each(|client| client.join().expect("no answer was cut"));
    assert_eq!(failed.load(SeqCst), 0, "of {}", asked.load(SeqCst));
    assert!(front.metric("sedge_upstream_endpoint_connect_failures_total") > 0);
}
