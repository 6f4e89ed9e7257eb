//! Routes that end at upstreams, through the real binary.

use sedge_tests::origin::Origin;
use sedge_tests::{Node, Scenario};
use std::net::{SocketAddr, TcpListener};
use std::time::Instant;

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
fn an_upstream_that_is_not_served_is_named() {
    let text = manifest(&[nobody()], "protocol = \"http2\"", "");
    let (status, log) = Scenario::new().app("app", &text).fail_to_start();
    assert!(!status.success(), "{log}");
    assert!(log.contains("back") && log.contains("http2"), "{log}");
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
