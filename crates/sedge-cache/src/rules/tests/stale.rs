//! Serving what is no longer fresh.

use super::{Cache, From, Policy, reply, suite};

/// Where the answer comes from, when a response with `control` is `age` seconds old and
/// the origin replies with `status`, or breaks off at 0.
fn later(policy: Policy, control: &str, age: u64, status: u16) -> From {
    let mut cache = Cache::new(policy);
    cache.get(&[], reply(200, &[("cache-control", control)]));
    cache.wait(age);
    cache.get(&[], if status == 0 { None } else { reply(status, &[]) }).from
}

#[test]
fn never_where_the_origin_forbids_it() {
    for (name, control) in [
        ("stale-close-must-revalidate", "max-age=2, must-revalidate"),
        ("stale-close-proxy-revalidate", "max-age=2, proxy-revalidate"),
        ("stale-close-no-cache", "max-age=2, no-cache"),
        ("stale-close-s-maxage=2", "max-age=2, s-maxage=2"),
        ("", "max-age=2, must-revalidate, stale-while-revalidate=60, stale-if-error=60"),
        ("", "max-age=2, no-cache, stale-while-revalidate=60, stale-if-error=60"),
        ("", "s-maxage=2, stale-while-revalidate=1"),
    ] {
        assert_eq!(later(suite(), control, 3, 0), From::Nowhere, "{name}: {control}");
        assert_eq!(later(suite(), control, 3, 503), From::Origin, "{name}: {control}");
    }
}

#[test]
fn when_the_origin_fails() {
    assert_eq!(later(suite(), "max-age=2", 3, 0), From::StoreInstead, "stale-close");
    assert_eq!(later(suite(), "max-age=2", 3, 503), From::StoreInstead, "stale-503");
    let said = "max-age=2, stale-if-error=60";
    assert_eq!(later(suite(), said, 3, 0), From::StoreInstead, "stale-sie-close");
    assert_eq!(later(suite(), said, 3, 503), From::StoreInstead, "stale-sie-503");
    assert_eq!(later(suite(), said, 62, 503), From::Origin, "after that time");
    assert_eq!(later(suite(), "s-maxage=2, stale-if-error=60", 3, 503), From::StoreInstead);
    for status in [400, 404, 429] {
        assert_eq!(later(suite(), said, 3, status), From::Origin, "no failure of the origin");
    }
    let strict = || Policy { stale_on_5xx: false, ..suite() };
    assert_eq!(later(strict(), "max-age=2", 3, 503), From::Origin);
    assert_eq!(later(strict(), "max-age=2", 3, 0), From::StoreInstead);
    assert_eq!(later(strict(), said, 3, 503), From::StoreInstead);
    let none = Policy { stale_if_error_ms: 0, ..suite() };
    assert_eq!(later(none, "max-age=2", 3, 0), From::Nowhere);
}

#[test]
fn a_stored_failure_does_not_stand_in_for_another() {
    let mut cache = Cache::new(suite());
    cache.get(&[], reply(500, &[("cache-control", "max-age=2")]));
    cache.wait(3);
    assert_eq!(cache.get(&[], reply(503, &[])).status, 503);
}

#[test]
fn a_client_that_wants_no_stored_one_gets_none() {
    let mut cache = Cache::new(suite());
    cache.get(&[], reply(200, &[("cache-control", "max-age=60")]));
    assert_eq!(cache.get(&[("cache-control", "no-cache")], None).from, From::Nowhere);
    let fresh = cache.get(&[("cache-control", "max-age=0")], None);
    assert_eq!(fresh.from, From::StoreInstead, "it is fresh, and only was to be validated");
}

#[test]
fn while_it_is_validated_behind() {
    let mut cache = Cache::new(suite());
    let first = [("cache-control", "max-age=1, stale-while-revalidate=4"), ("etag", "\"abc\"")];
    cache.get(&[], reply(200, &first));
    cache.wait(3);
    let next = reply(200, &[("cache-control", "no-cache"), ("etag", "\"def\""), ("a", "2")]);
    let second = cache.get(&[], next);
    assert_eq!((second.from, second.field("etag")), (From::StoreBehind, Some("\"abc\"")));
    cache.wait(3);
    let third = cache.get(&[], reply(200, &[("a", "3")]));
    assert_eq!(
        (third.from, third.field("a")),
        (From::Origin, Some("3")),
        "stale-while-revalidate-window"
    );
    assert_eq!(third.sent("if-none-match"), Some("\"def\""));
    let after = later(suite(), "max-age=1, stale-while-revalidate=4", 5, 200);
    assert_eq!(after, From::Origin, "the window has an end");
    let default = Policy { stale_while_revalidate_ms: 60_000, ..suite() };
    assert_eq!(later(default.clone(), "max-age=1", 5, 200), From::StoreBehind);
    assert_eq!(later(default.clone(), "s-maxage=1", 5, 200), From::Origin);
    assert_eq!(later(default, "max-age=1, stale-while-revalidate=0", 5, 200), From::Origin);
}

#[test]
fn what_was_purged_softly_is_stale_at_once() {
    let mut stored = crate::rules::storable(
        &crate::rules::Ask::new(&http::Method::GET, &http::HeaderMap::new(), false, &suite()),
        &crate::rules::Target::new("https", "example.org", "/", &suite()),
        http::StatusCode::OK,
        &super::cache::head(&[("cache-control", "max-age=60")]),
        crate::rules::Times { request_ms: 1_000_000, response_ms: 1_000_000 },
        &suite(),
    )
    .unwrap();
    assert!(stored.ttl_ms(1_010_000) > 0);
    stored.expire(1_010_000);
    assert_eq!(stored.ttl_ms(1_010_000), 0);
    assert_eq!(stored.ttl_ms(1_012_000), -2000);
}
