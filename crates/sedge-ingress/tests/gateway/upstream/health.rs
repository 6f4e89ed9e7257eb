//! Endpoints that are asked whether they are well.

use super::terminator::{Terminator, config};
use super::{Front, Origin, upstream};
use crate::secure::Authority;
use crate::world::{status, until};
use http::StatusCode;
use sedge_ingress::http::upstream::Upstreams;
use sedge_model::routing::policy::Policy;
use sedge_model::routing::upstream::{HealthCheck, Outliers, Protocol, Tls, Upstream};
use std::net::SocketAddr;
use std::time::Duration;

fn asking(path: &str) -> HealthCheck {
    HealthCheck {
        path: path.to_owned(),
        host: None,
        interval: Duration::from_millis(30),
        timeout: Duration::from_millis(200),
        healthy_after: 2,
        unhealthy_after: 2,
        statuses: Vec::new(),
    }
}

fn checked(addresses: &[SocketAddr], path: &str) -> Upstream {
    Upstream { health: Some(asking(path)), ..upstream(addresses) }
}

fn front(upstream: Upstream) -> Front {
    Front::new(upstream, Policy::default())
}

const UP: &str = "sedge_upstream_endpoint_up";
const CHECKS: &str = "sedge_upstream_endpoint_health_checks_total";
const FAILED: &str = "sedge_upstream_endpoint_health_check_failures_total";

/// Waits until every endpoint has been asked once more.
fn asked_again(front: &Front) {
    let (before, endpoints) = (front.metric(CHECKS), front.endpoints().len() as u64);
    until("they are asked again", || front.metric(CHECKS) >= before + 2 * endpoints);
}

#[test]
fn an_endpoint_that_does_not_answer_well_gets_no_request() {
    let good = Origin::new("good");
    let nobody = Origin::new("nobody");
    nobody.kill();
    let bad = Origin::new("bad");
    for (path, why) in [
        ("/busy", "the status is 503"),
        ("/never", "no answer within 200 ms"),
        ("/garbage", "upstream's head"),
        ("/reset", "before an answer"),
        ("/midway", "the answer broke off"),
    ] {
        let front = front(checked(&[bad.address], path));
        until(path, || front.metric(UP) == 0);
        let answer = front.get("/");
        assert!(status(&answer) == 503 && answer.contains("upstream_unhealthy"), "{answer}");
        let error = front.endpoints()[0]["last_check"]["error"].to_string();
        assert!(error.contains(why), "{path}: {error}");
        assert!(front.metric(FAILED) > 0);
    }
    let front = front(checked(&[good.address, nobody.address], "/"));
    until("one is down", || front.metric(UP) == 1);
    for _ in 0..10 {
        assert!(front.get("/").ends_with("good"));
    }
    assert_eq!(front.metric("sedge_upstream_endpoint_healthy"), 1);
    assert_eq!(front.metric("sedge_upstream_endpoint_connect_failures_total"), 0);
}

#[test]
fn an_endpoint_is_used_before_its_first_check() {
    let origin = Origin::new("one");
    let mut slow = checked(&[origin.address], "/never");
    slow.health = Some(HealthCheck { timeout: Duration::from_secs(20), ..asking("/never") });
    assert!(front(slow).get("/").ends_with("one"));
}

#[test]
fn an_endpoint_that_flaps_is_left_out_and_comes_back() {
    let origin = Origin::new("one");
    let front = front(checked(&[origin.address], "/health"));
    asked_again(&front);
    assert!(front.get("/").ends_with("one"));
    for _ in 0..2 {
        origin.set_well(false);
        until("it is down", || front.metric(UP) == 0);
        assert_eq!(status(&front.get("/")), 503);
        origin.set_well(true);
        until("it is up", || front.metric(UP) == 1);
        assert!(front.get("/").ends_with("one"));
    }
}

#[test]
fn a_check_asks_by_path_host_and_status() {
    let origin = Origin::new("one");
    let health = HealthCheck {
        host: Some("health.test".to_owned()),
        statuses: vec![StatusCode::SERVICE_UNAVAILABLE],
        ..asking("/busy?deep=1")
    };
    let front = front(Upstream { health: Some(health), ..upstream(&[origin.address]) });
    asked_again(&front);
    assert_eq!((front.metric(UP), front.metric(FAILED)), (1, 0));
    let head = &origin.heads()[0];
    assert!(head.starts_with("get /busy?deep=1 http/1.1\r\n"), "{head}");
    assert!(head.contains("host: health.test\r\n"), "{head}");
}

#[test]
fn checks_speak_what_requests_speak() {
    let authority = Authority::new();
    let files = authority.issue("api", &["127.0.0.1"]);
    let other = authority.issue("other", &["other.test"]);
    let new = super::http2::Origin::new("new");
    let old = Origin::new("old");
    let tls = Tls { trusted_roots: vec![authority.file()], ..Tls::default() };
    for (to, files, alpn, protocol, up) in [
        (new.address, &files, &["h2"][..], Protocol::Auto, 1),
        (new.address, &files, &["h2"], Protocol::Http2, 1),
        (old.address, &files, &["http/1.1"], Protocol::Auto, 1),
        (old.address, &other, &["http/1.1"], Protocol::Auto, 0),
        (old.address, &files, &["h2"], Protocol::Auto, 0),
    ] {
        let terminator = Terminator::new(to, config(files, None, alpn));
        let encrypted =
            Upstream { tls: Some(tls.clone()), protocol, ..checked(&[terminator.address], "/") };
        let front = front(encrypted);
        asked_again(&front);
        assert_eq!(front.metric(UP), up, "{alpn:?} {:?}", front.endpoints());
    }
    let front = front(Upstream { protocol: Protocol::Http2, ..checked(&[new.address], "/") });
    asked_again(&front);
    assert_eq!(front.metric(UP), 1, "{:?}", front.endpoints());
}

#[test]
fn in_panic_all_endpoints_are_used() {
    let (one, two) = (Origin::new("one"), Origin::new("two"));
    let outliers = Outliers {
        consecutive_server_errors: 0,
        consecutive_gateway_errors: 0,
        consecutive_local_failures: 0,
        interval: Duration::from_secs(1),
        base_ejection: Duration::from_secs(1),
        ejection_max: Duration::from_secs(1),
        ejected_percent_max: 50,
        always_one: true,
        panic_percent: 60,
    };
    let both = checked(&[one.address, two.address], "/health");
    let front = front(Upstream { outliers: Some(outliers), ..both });
    one.set_well(false);
    until("one is down", || front.metric(UP) == 1);
    for _ in 0..10 {
        assert_eq!(status(&front.get("/")), 200);
    }
    assert!(front.metric("sedge_upstream_panics_total") >= 10);
}

#[test]
fn what_is_known_outlives_a_deployment_and_checks_end_with_their_upstream() {
    let origin = Origin::new("one");
    origin.set_well(false);
    let before = checked(&[origin.address], "/health");
    let mut front = front(before.clone());
    until("it is down", || front.metric(UP) == 0);
    // The same upstream, and then one with another bound.
    let same =
        Upstreams::new(std::slice::from_ref(&before), Some(&front.upstreams)).expect("valid");
    front.serve(same, Policy::default());
    assert_eq!(status(&front.get("/")), 503);
    let mut other = before.clone();
    other.pool.requests_max = 7;
    let other = Upstreams::new(&[other], Some(&front.upstreams)).expect("valid");
    front.serve(other, Policy::default());
    assert_eq!(status(&front.get("/")), 503);
    asked_again(&front);
    // Without checks nothing is known.
    let plain = Upstream { health: None, ..before };
    let plain = Upstreams::new(&[plain], Some(&front.upstreams)).expect("valid");
    front.serve(plain, Policy::default());
    assert!(front.get("/").ends_with("one"));
    std::thread::sleep(Duration::from_millis(250));
    let asked = origin.heads().len();
    std::thread::sleep(Duration::from_millis(250));
    assert_eq!(origin.heads().len(), asked, "nobody asks any more");
}
