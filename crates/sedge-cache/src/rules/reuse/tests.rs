use super::{Because, Failed, Reuse, on_error, reuse};
use crate::rules::{Ask, Fwd, Policy, StoredHead, Target, Times, storable};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

const BEGIN_MS: u64 = 1_795_000_000_000;

fn stored(control: &'static str) -> StoredHead {
    let policy = Policy::default();
    let (request, mut response) = (HeaderMap::new(), HeaderMap::new());
    response.insert("cache-control", HeaderValue::from_static(control));
    response.insert("etag", HeaderValue::from_static("\"a\""));
    let ask = Ask::new(&Method::GET, &request, false, &policy);
    let target = Target::new("https", "example.org", "/", &policy);
    let times = Times { request_ms: BEGIN_MS, response_ms: BEGIN_MS };
    storable(&ask, &target, StatusCode::OK, &response, times, &policy).unwrap()
}

#[test]
fn a_clock_set_back_makes_nothing_younger_than_it_came() {
    let request = HeaderMap::new();
    let policy = Policy::default();
    let ask = Ask::new(&Method::GET, &request, false, &policy);
    let stored = stored("max-age=60");
    for now_ms in [0, BEGIN_MS - 1, BEGIN_MS] {
        let verdict = reuse(&ask, &stored, None, now_ms, &policy);
        assert_eq!((verdict.reuse, verdict.age_ms, verdict.ttl_s), (Reuse::Fresh, 0, 60));
    }
    let verdict = reuse(&ask, &stored, None, u64::MAX, &policy);
    assert_eq!(verdict.reuse, Reuse::Validate(Because::Stale));
}

#[test]
fn fresh_until_the_very_end() {
    let request = HeaderMap::new();
    let policy = Policy::default();
    let ask = Ask::new(&Method::GET, &request, false, &policy);
    let at = |ms| reuse(&ask, &stored("max-age=60"), None, BEGIN_MS + ms, &policy);
    assert_eq!((at(59_999).reuse, at(59_999).ttl_s), (Reuse::Fresh, 0));
    assert_eq!(at(60_000).reuse, Reuse::Validate(Because::Stale));
    assert_eq!(at(60_001).ttl_s, -1);
}

#[test]
fn reasons_are_told() {
    assert_eq!(Because::Stale.fwd(), Fwd::Stale);
    assert_eq!(Because::Request.fwd(), Fwd::Request);
    assert_eq!(Because::Partial.fwd(), Fwd::Partial);
    assert!(Because::Stale.is_expired() && !Because::NoCache.is_expired());
}

#[test]
fn a_request_can_allow_stale_responses_on_errors() {
    let policy = Policy { stale_if_error_ms: 0, ..Policy::default() };
    let stored = stored("max-age=1");
    let may = |control: &'static str, after_ms: u64| {
        let mut request = HeaderMap::new();
        request.insert("cache-control", HeaderValue::from_static(control));
        let ask = Ask::new(&Method::GET, &request, false, &policy);
        on_error(
            &ask,
            &stored,
            Failed::Status(StatusCode::BAD_GATEWAY),
            BEGIN_MS + after_ms,
            &policy,
        )
    };
    assert!(!may("max-age=60", 5000));
    assert!(may("stale-if-error=60", 5000));
    assert!(!may("stale-if-error=60", 61_000));
    assert!(!may("stale-if-error=60, no-cache", 5000));
}
