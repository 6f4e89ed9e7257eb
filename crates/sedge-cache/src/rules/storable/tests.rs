use super::{Unstorable, storable};
use crate::rules::{Ask, LifetimeSource, Policy, SetCookie, StoredHead, Target, Times};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use proptest::prelude::*;

const NOW: Times = Times { request_ms: 1_795_000_000_000, response_ms: 1_795_000_000_400 };

fn head(fields: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

fn with(policy: &Policy, status: u16, fields: &[(&str, &str)]) -> Result<StoredHead, Unstorable> {
    let request = HeaderMap::new();
    let ask = Ask::new(&Method::GET, &request, false, policy);
    let target = Target::new("https", "example.org", "/", policy);
    storable(&ask, &target, StatusCode::from_u16(status).unwrap(), &head(fields), NOW, policy)
}

fn why(status: u16, fields: &[(&str, &str)]) -> Unstorable {
    with(&Policy::default(), status, fields).expect_err("it is stored")
}

const FRESH: (&str, &str) = ("cache-control", "max-age=60");

#[test]
fn each_reason() {
    let many_tags = "a ".repeat(300);
    let many_names = (0..40).map(|number| format!("x{number}")).collect::<Vec<_>>().join(",");
    for (reason, status, fields) in [
        (Unstorable::Status, 103, &[FRESH][..]),
        (Unstorable::Status, 304, &[FRESH]),
        (Unstorable::Status, 412, &[FRESH]),
        (Unstorable::Status, 416, &[FRESH]),
        (Unstorable::Status, 206, &[FRESH, ("content-range", "bytes 0-1/2")]),
        (Unstorable::NoStore, 200, &[FRESH, ("cache-control", "no-store")]),
        (Unstorable::NotUnderstood, 299, &[FRESH, ("cache-control", "must-understand")]),
        (Unstorable::Private, 200, &[FRESH, ("cache-control", "private")]),
        (Unstorable::VaryStar, 200, &[FRESH, ("vary", "a, *")]),
        (Unstorable::VaryLong, 200, &[FRESH, ("vary", &many_names)]),
        (Unstorable::SetCookie, 200, &[FRESH, ("set-cookie", "a=b")]),
        (Unstorable::Tags, 200, &[FRESH, ("surrogate-key", &many_tags)]),
        (Unstorable::Freshness, 200, &[]),
        (Unstorable::Freshness, 201, &[("etag", "\"a\"")]),
        (Unstorable::Freshness, 200, &[("cache-control", "max-age=0")]),
        (Unstorable::Freshness, 200, &[("cache-control", "no-cache, max-age=60")]),
        (
            Unstorable::ContentLength,
            200,
            &[FRESH, ("content-length", "1"), ("content-length", "2")],
        ),
        (Unstorable::TooLarge, 200, &[FRESH, ("content-length", "9999999999999")]),
    ] {
        assert_eq!(why(status, fields), reason, "{status} {fields:?}");
        assert!(!reason.detail().is_empty());
    }
}

#[test]
fn requests_whose_responses_no_key_can_find() {
    let policy = Policy::default();
    let target = Target::new("https", "example.org", "/", &policy);
    let try_with = |method: Method, fields: &[(&str, &str)], has_body: bool| {
        let request = head(fields);
        let ask = Ask::new(&method, &request, has_body, &policy);
        storable(&ask, &target, StatusCode::OK, &head(&[FRESH]), NOW, &policy).map(|_| ())
    };
    for method in [Method::HEAD, Method::OPTIONS, Method::PUT, Method::DELETE, Method::POST] {
        assert_eq!(try_with(method, &[], false), Err(Unstorable::Method));
    }
    assert_eq!(try_with(Method::GET, &[], true), Err(Unstorable::Body));
    let no_store = [("cache-control", "no-store")];
    assert_eq!(try_with(Method::GET, &no_store, false), Err(Unstorable::RequestNoStore));
    let authorized = [("authorization", "x")];
    assert_eq!(try_with(Method::GET, &authorized, false), Err(Unstorable::Authorization));
    assert!(!Unstorable::Authorization.is_of_response() && Unstorable::Private.is_of_response());
    assert_eq!(try_with(Method::GET, &[("cookie", "a=b")], false), Ok(()));
}

#[test]
fn parts_must_say_which_they_are() {
    let policy = Policy::default();
    let target = Target::new("https", "example.org", "/", &policy);
    let request = head(&[("range", "bytes=0-4")]);
    let ask = Ask::new(&Method::GET, &request, false, &policy);
    let part = |fields: &[(&str, &str)]| {
        let fields = head(&[&[FRESH][..], fields].concat());
        storable(&ask, &target, StatusCode::PARTIAL_CONTENT, &fields, NOW, &policy)
    };
    let range = ("content-range", "bytes 0-4/10");
    for bad in [
        &[][..],
        &[("content-range", "bytes */10")],
        &[("content-range", "bytes 4-0/10")],
        &[range, range],
        &[range, ("content-length", "4")],
        &[range, ("content-length", "6")],
        &[("content-type", "multipart/byteranges; boundary=x")],
    ] {
        assert_eq!(part(bad).map(|_| ()), Err(Unstorable::ContentRange), "{bad:?}");
    }
    let large = [("content-range", "bytes 0-9999999999999/*")];
    assert_eq!(part(&large).map(|_| ()), Err(Unstorable::TooLarge));
    let stored = part(&[range, ("content-length", "5")]).unwrap();
    let part = stored.part.unwrap();
    assert_eq!((part.bytes(), part.total), (5, Some(10)));
    assert!(!stored.headers.contains_key("content-range"));
    assert!(!stored.headers.contains_key("content-length"));
}

#[test]
fn lifetimes_are_the_policy_s_where_nobody_else_says() {
    let policy = Policy {
        status_ttl_ms: vec![(StatusCode::NOT_FOUND, 5000), (StatusCode::BAD_GATEWAY, 1000)],
        default_ttl_ms: 9000,
        ..Policy::default()
    };
    let lifetime = |status: u16, fields: &[(&str, &str)]| {
        let stored = with(&policy, status, fields)?;
        Ok((stored.lifetime_ms, stored.source))
    };
    let ours = |ms| Ok((ms, LifetimeSource::Policy));
    assert_eq!(lifetime(404, &[]), ours(5000));
    assert_eq!(lifetime(502, &[]), ours(1000));
    assert_eq!(lifetime(200, &[]), ours(9000));
    assert_eq!(lifetime(503, &[]), Err(Unstorable::Error));
    assert_eq!(lifetime(404, &[FRESH]), Ok((60_000, LifetimeSource::Explicit)));
    assert_eq!(lifetime(404, &[("cache-control", "no-store")]), Err(Unstorable::NoStore));
    let forced = Policy { forced_ttl_ms: Some(7000), ..Policy::default() };
    assert_eq!(with(&forced, 200, &[FRESH]).unwrap().lifetime_ms, 7000);
    assert_eq!(
        with(&forced, 200, &[("cache-control", "private")]).map(|_| ()),
        Err(Unstorable::Private)
    );
}

#[test]
fn validators_and_leave_to_be_stale_make_a_use() {
    for fields in [
        &[("etag", "\"a\"")][..],
        &[("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT")],
        &[("cache-control", "no-cache"), ("etag", "\"a\"")],
        &[("cache-control", "max-age=0, stale-if-error=60")],
        &[("cache-control", "max-age=0, stale-while-revalidate=60")],
    ] {
        assert!(with(&Policy::default(), 200, fields).is_ok(), "{fields:?}");
    }
}

#[test]
fn ages_count_from_the_request_and_in_whole_seconds_from_a_date() {
    let age = |fields: &[(&str, &str)]| {
        with(&Policy::default(), 200, &[&[FRESH][..], fields].concat()).unwrap().initial_age_ms
    };
    assert_eq!(age(&[]), 400, "what the response was under way");
    assert_eq!(age(&[("age", "30")]), 30_400);
    let date = crate::rules::date::format(1_795_000_000);
    assert_eq!(age(&[("date", &date)]), 400);
    let date = crate::rules::date::format(1_794_999_990);
    assert_eq!(age(&[("date", &date), ("age", "3")]), 10_000);
    assert_eq!(age(&[("date", &date), ("age", "30")]), 30_400);
}

#[test]
fn what_is_stored_does_not_hold_the_buffer_of_its_connection() {
    let buffer = bytes::Bytes::from(vec![b'x'; 8192]);
    let mut headers = head(&[FRESH, ("connection", "x-gone"), ("x-gone", "1")]);
    for (name, from) in [("x-one", 0), ("x-two", 100), ("x-two", 200)] {
        let value = HeaderValue::from_maybe_shared(buffer.slice(from..from + 50)).unwrap();
        headers.append(name, value);
    }
    headers.get_mut("x-one").unwrap().set_sensitive(true);
    let request = HeaderMap::new();
    let policy = Policy::default();
    let ask = Ask::new(&Method::GET, &request, false, &policy);
    let target = Target::new("https", "example.org", "/", &policy);
    let stored = storable(&ask, &target, StatusCode::OK, &headers, NOW, &policy).unwrap().headers;
    drop(headers);
    assert!(buffer.is_unique(), "nobody else holds it");
    let values = |name: &str| stored.get_all(name).iter().map(HeaderValue::len).collect::<Vec<_>>();
    assert_eq!(
        (values("x-one"), values("x-two"), values("x-gone")),
        (vec![50], vec![50, 50], vec![])
    );
    assert!(stored["x-one"].is_sensitive() && !stored["x-two"].is_sensitive());
    assert_eq!(stored["cache-control"], "max-age=60");
}

proptest! {
    #[test]
    fn no_head_panics(
        status in 100u16..1000,
        request in proptest::collection::vec((0usize..16, any::<Vec<u8>>()), 0..6),
        response in proptest::collection::vec((0usize..16, any::<Vec<u8>>()), 0..8),
        times: [u64; 3],
    ) {
        const NAMES: [&str; 16] = [
            "cache-control", "cdn-cache-control", "vary", "etag", "last-modified", "expires", "date",
            "age", "content-range", "content-length", "range", "if-range", "if-none-match",
            "if-modified-since", "accept-language", "connection",
        ];
        let build = |fields: Vec<(usize, Vec<u8>)>| {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                if let Ok(value) = HeaderValue::from_bytes(&value) {
                    headers.append(NAMES[name], value);
                }
            }
            headers
        };
        let (request, response) = (build(request), build(response));
        let policy = Policy { set_cookie: SetCookie::Store, default_ttl_ms: 1, ..Policy::default() };
        let ask = Ask::new(&Method::GET, &request, false, &policy);
        let target = Target::new("https", "example.org", "/", &policy);
        let status = StatusCode::from_u16(status).unwrap();
        let when = Times { request_ms: times[0], response_ms: times[1] };
        if let Ok(stored) = storable(&ask, &target, status, &response, when, &policy) {
            let verdict = crate::rules::reuse(&ask, &stored, Some(5), times[2], &policy);
            let answer = crate::rules::answer(&ask, &stored, Some(5), times[2]);
            prop_assert!(verdict.age_ms >= stored.initial_age_ms && answer.headers.contains_key("age"));
            let came = (StatusCode::NOT_MODIFIED, &response);
            let _ = crate::rules::validated(&ask, &target, &stored, came, when, &policy);
            let _ = crate::rules::head_freshens(&ask, &target, &stored, &response, when, &policy);
            let mut sent = request.clone();
            crate::rules::prepare(&mut sent, crate::rules::Fetch::Validate(&stored), &policy);
        }
    }
}

#[test]
fn errors_that_a_request_can_provoke_are_for_nobody_else() {
    let stored = |policy: &Policy, status| with(policy, status, &[FRESH]).map(|_| ());
    let policy = Policy::default();
    for status in (400..=599).filter(|status| ![404, 410, 412, 414, 416].contains(status)) {
        assert_eq!(stored(&policy, status), Err(Unstorable::Error), "{status}");
    }
    for status in [200, 203, 301, 302, 404, 410, 414] {
        assert_eq!(stored(&policy, status), Ok(()), "{status}");
    }
    let named = Policy { status_ttl_ms: vec![(StatusCode::BAD_GATEWAY, 0)], ..Policy::default() };
    assert_eq!(stored(&named, 502), Ok(()));
    assert_eq!(stored(&named, 503), Err(Unstorable::Error));
    let all = Policy { all_errors: true, ..Policy::default() };
    assert_eq!((stored(&all, 400), stored(&all, 416)), (Ok(()), Err(Unstorable::Status)));
}

#[test]
fn what_is_not_success_may_be_because_of_a_range() {
    let policy = Policy::default();
    let request = head(&[("range", "bytes=0-1")]);
    let ask = Ask::new(&Method::GET, &request, false, &policy);
    let target = Target::new("https", "example.org", "/", &policy);
    let stored = |status| {
        let status = StatusCode::from_u16(status).unwrap();
        storable(&ask, &target, status, &head(&[FRESH]), NOW, &policy).map(|_| ())
    };
    assert_eq!(stored(200), Ok(()));
    for status in [301, 302, 404, 410, 414] {
        assert_eq!(stored(status), Err(Unstorable::Status), "{status}");
    }
}

#[test]
fn a_post_with_a_field_that_is_believed_brings_nothing_for_others() {
    let policy = Policy::default();
    let target = Target::new("https", "example.org", "/", &policy);
    let stored = |fields: &[(&str, &str)]| {
        let request = head(fields);
        let ask = Ask::new(&Method::POST, &request, true, &policy);
        let response = head(&[FRESH, ("content-location", "/")]);
        storable(&ask, &target, StatusCode::OK, &response, NOW, &policy).map(|_| ())
    };
    assert_eq!(stored(&[("content-type", "a/b")]), Ok(()));
    assert_eq!(stored(&[("x_original_url", "/admin")]), Err(Unstorable::Method));
    assert_eq!(stored(&[("x-forwarded-host", "evil.test")]), Err(Unstorable::Method));
}
