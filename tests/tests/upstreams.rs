//! Routes that end at upstreams, through the real binary.

#[path = "upstreams/encrypted.rs"]
mod encrypted;
#[path = "upstreams/health.rs"]
mod health;
#[path = "upstreams/http2.rs"]
mod http2;

use sedge_tests::Node;
use sedge_tests::backends::Backend;
use sedge_tests::client::Connection;
use sedge_tests::origin::Origin;
use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

/// An address that nobody listens on.
fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound")
}

fn manifest(endpoints: &[SocketAddr], upstream: &str, route: &str) -> String {
    let endpoints: Vec<String> = endpoints.iter().map(SocketAddr::to_string).collect();
    format!(
        "[app]\nname = \"app\"\n\n\
         [[upstream]]\nname = \"back\"\nendpoints = {endpoints:?}\n{upstream}\n\n\
         [[route]]\nname = \"all\"\nmatch = [\"/*\"]\nupstream = \"back\"\n{route}\n"
    )
}

#[test]
fn what_goes_wrong_has_a_kind_and_is_counted() {
    let origin = Origin::start();
    let node = Node::start(&manifest(&[origin.address], "", "timeout_ms = 300"));
    assert_eq!(node.text("/"), "origin\n");
    assert_eq!(node.get("/garbage").problem(), ("upstream_protocol".into(), "upstream".into()));
    let slow = node.get("/slow?2000");
    assert_eq!((slow.status, slow.problem().0.as_str()), (504, "upstream_timeout"));
    let cut = node.get("/cut");
    assert!(cut.status == 200 && !cut.whole, "{cut:?}");
    let metrics = node.metrics();
    for kind in ["upstream_protocol", "upstream_timeout", "upstream_broken"] {
        assert_eq!(metrics.failures(kind), 1.0, "{kind}");
    }
    let labels = [("app", "app"), ("upstream", "back")];
    assert_eq!(metrics.sum("sedge_upstream_requests_total", &labels), 4.0);
    assert_eq!(metrics.sum("sedge_upstream_endpoint_timeouts_total", &labels), 1.0);
}

#[test]
fn a_dead_endpoint_costs_no_request_with_retries() {
    let origin = Origin::start();
    let node = Node::start(&manifest(&[nobody(), origin.address], "", "retries = 1"));
    for _ in 0..20 {
        assert_eq!(node.text("/"), "origin\n");
    }
    assert!(node.metrics().sum("sedge_upstream_retries_total", &[("upstream", "back")]) > 0.0);
}

#[test]
fn a_delay_on_purpose_is_outside_of_the_timeout_or_inside() {
    let origin = Origin::start();
    for (mode, status) in [("envoy", 200), ("per-attempt", 504)] {
        let route = format!(
            "timeout_ms = 200\nfaults = {{ mode = \"{mode}\", delay = {{ time_ms = 500 }} }}"
        );
        let node = Node::start(&manifest(&[origin.address], "", &route));
        let begin = Instant::now();
        assert_eq!(node.get("/").status, status, "{mode}");
        assert!(begin.elapsed().as_millis() >= if status == 200 { 500 } else { 200 }, "{mode}");
    }
}

#[test]
fn a_rate_is_told_with_the_time_to_wait() {
    let origin = Origin::start();
    let route = "rate = { requests = 1, per_ms = 3600000, burst = 2 }";
    let node = Node::start(&manifest(&[origin.address], "", route));
    let statuses: Vec<u16> = (0..3).map(|_| node.get("/").status).collect();
    assert_eq!(statuses, [200, 200, 429]);
    assert!(node.get("/").header("retry-after").is_some());
}

/// What became of the requests of one client: how many were asked, and those that were
/// not answered by a whole 200, by their kind.
#[derive(Default)]
struct Fates {
    asked: usize,
    failed: BTreeMap<String, usize>,
}

/// Asks on one connection, one request after the other, each with a path of its own.
fn hammer(
    node: SocketAddr,
    method: &str,
    name: &str,
    stop: &AtomicBool,
    all: &AtomicUsize,
) -> Fates {
    let mut fates = Fates::default();
    let mut client = Connection::open(node);
    while !stop.load(SeqCst) {
        let path = format!("/{name}-{}", fates.asked);
        client.request(method, &path, &[("host", "test")], b"");
        let answer = client.read_answer(false);
        fates.asked += 1;
        all.fetch_add(1, SeqCst);
        let is_own = answer.header("x-asked") == Some(&format!("{method} {path}"));
        if answer.status == 200 && answer.whole && is_own {
            continue;
        }
        let kind = match answer.header("content-type") {
            Some("application/problem+json") => answer.problem().0,
            _ => format!("{} whole: {} own: {is_own}", answer.status, answer.whole),
        };
        *fates.failed.entry(kind).or_default() += 1;
        if !answer.whole {
            client = Connection::open(node);
        }
    }
    fates
}

/// Three servers, one of which is killed by signal 9 and started again, `ROUNDS` times,
/// in turn, while six clients ask. What they got, all together, and the servers.
fn kill_under_load(route: &str, method: &str) -> (Node, Fates, Vec<Backend>) {
    const ROUNDS: usize = 9;
    const CLIENTS: usize = 6;
    let mut servers: Vec<Backend> = (0..3).map(|_| Backend::nginx()).collect();
    let addresses: Vec<SocketAddr> = servers.iter().map(|server| server.address).collect();
    let node = Node::start(&manifest(&addresses, "", route));
    let (stop, all) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (listen, mut sum) = (node.listen, Fates::default());
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let (stop, all) = (&stop, &all);
                scope.spawn(move || hammer(listen, method, &format!("c{number}"), stop, all))
            })
            .collect();
        // So many more requests; false if the load stands still.
        let goes_on = |more: usize| {
            let wanted = all.load(SeqCst) + more;
            sedge_tests::wait_for(Duration::from_secs(60), || all.load(SeqCst) >= wanted).is_some()
        };
        let mut works = goes_on(200);
        for round in 0..ROUNDS {
            let server = &mut servers[round % 3];
            server.kill9();
            works &= goes_on(200);
            server.restart();
            works &= goes_on(200);
        }
        stop.store(true, SeqCst);
        for client in clients {
            let fates = client.join().expect("no panic");
            sum.asked += fates.asked;
            for (kind, count) in fates.failed {
                *sum.failed.entry(kind).or_default() += count;
            }
        }
        assert!(works, "the load stands still");
    });
    println!("{method} {route:?}: {} asked, failed: {:?}", sum.asked, sum.failed);
    (node, sum, servers)
}

#[test]
fn servers_killed_under_load_fail_no_idempotent_request() {
    let (node, fates, _servers) = kill_under_load("retries = 3", "GET");
    assert_eq!(fates.failed, BTreeMap::new(), "of {}", fates.asked);
    let metrics = node.metrics();
    let back = [("upstream", "back")];
    assert!(metrics.sum("sedge_upstream_retries_total", &back) > 0.0);
    assert!(metrics.sum("sedge_upstream_endpoint_connect_failures_total", &back) > 0.0);
}

/// What fails is told as what it is, and counted by the node as the clients count it.
#[test]
fn without_retries_each_failure_of_a_killed_server_has_its_kind() {
    let (node, fates, _servers) = kill_under_load("", "GET");
    let metrics = node.metrics();
    for (kind, count) in &fates.failed {
        assert!(matches!(kind.as_str(), "upstream_connect" | "upstream_reset"), "{kind}");
        assert_eq!(metrics.failures(kind), *count as f64, "{kind}");
    }
    // A third of what is asked meets the server that is not there.
    let failed: usize = fates.failed.values().sum();
    assert!(failed > 0 && failed < fates.asked / 2, "{failed} of {}", fates.asked);
}

/// A request that may have been done is not done again; one that was not sent is.
#[test]
fn no_post_is_done_twice_when_servers_are_killed() {
    let (_node, fates, servers) = kill_under_load("retries = 3", "POST");
    for kind in fates.failed.keys() {
        assert_eq!(kind, "upstream_reset", "what was not sent is tried elsewhere");
    }
    let mut seen: Vec<String> = servers
        .iter()
        .flat_map(Backend::seen)
        .filter(|one| one.status == 200)
        .map(|one| one.asked)
        .collect();
    let count = seen.len();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), count, "a request was done twice");
    let failed: usize = fates.failed.values().sum();
    // A server that is killed may not have written down what it has answered last.
    assert!(count + 100 >= fates.asked - failed, "{count} of {}", fates.asked);
}
