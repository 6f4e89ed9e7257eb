//! What may be stored, for whom, and what of it.

use super::{Cache, From, Policy, SetCookie, play, reply, suite};

#[test]
fn what_a_response_says_of_storing() {
    play(
        200,
        &[
            ("cc-resp-private-shared", &[("cache-control", "private, max-age=3600")], false),
            ("cc-resp-no-store", &[("cache-control", "no-store")], false),
            (
                "cc-resp-no-store-case-insensitive",
                &[("cache-control", "No-StOrE, max-age=9")],
                false,
            ),
            (
                "cc-resp-no-store-fresh",
                &[
                    ("cache-control", "max-age=10000, no-store"),
                    ("expires", "@10000"),
                    ("date", "@0"),
                ],
                false,
            ),
            (
                "cc-resp-no-cache",
                &[
                    ("cache-control", "max-age=10000, no-cache"),
                    ("expires", "@10000"),
                    ("date", "@0"),
                ],
                false,
            ),
            (
                "cc-resp-no-cache-case-insensitive",
                &[("cache-control", "max-age=10000, No-CaChE"), ("expires", "@10000")],
                false,
            ),
            (
                "cc-resp-must-revalidate-fresh",
                &[("cache-control", "max-age=10000, must-revalidate"), ("etag", "\"abcd\"")],
                true,
            ),
            (
                "pragma-response-no-cache",
                &[("cache-control", "max-age=3600"), ("pragma", "no-cache")],
                true,
            ),
            (
                "pragma-response-no-cache-heuristic",
                &[("date", "@0"), ("last-modified", "@-10000"), ("pragma", "no-cache")],
                true,
            ),
            (
                "pragma-response-extension",
                &[("cache-control", "max-age=3600"), ("pragma", "x")],
                true,
            ),
            (
                "other-fresh-content-disposition-attachment",
                &[("cache-control", "max-age=9"), ("content-disposition", "attachment")],
                true,
            ),
        ],
    );
}

#[test]
fn a_new_response_that_is_not_stored_leaves_the_old_one() {
    // cc-resp-no-store-old-new, cc-resp-no-store-old-max-age.
    for new in ["no-store", "no-store, max-age=0"] {
        let mut cache = Cache::new(suite());
        cache.get(&[], reply(200, &[("cache-control", "max-age=10000"), ("a", "1")]));
        cache.wait(3);
        cache.get(
            &[("cache-control", "no-cache")],
            reply(200, &[("cache-control", new), ("a", "2")]),
        );
        cache.wait(3);
        let third = cache.get(&[], None);
        assert_eq!((third.from, third.field("a")), (From::Store, Some("1")));
    }
}

#[test]
fn authorization_keeps_a_response_out_unless_it_says_otherwise() {
    for (name, control, reused) in [
        ("other-authorization", "max-age=3600", false),
        ("cdn", "max-age=3600, proxy-revalidate", false),
        ("other-authorization-public", "max-age=3600, public", true),
        ("other-authorization-must-revalidate", "max-age=3600, must-revalidate", true),
        ("other-authorization-smaxage", "s-maxage=3600", true),
    ] {
        let mut cache = Cache::new(suite());
        let authorized = [("authorization", "FOO")];
        let first = cache.get(&authorized, reply(200, &[("cache-control", control)]));
        assert_eq!(first.sent("authorization"), Some("FOO"));
        let wanted = if reused { From::Store } else { From::Origin };
        assert_eq!(cache.get(&[], reply(200, &[])).from, wanted, "{name}");
    }
}

#[test]
fn cookies() {
    let fields = [("cache-control", "max-age=3600"), ("set-cookie", "a=b"), ("set-cookie", "c=d")];
    let stored = |policy: Policy, control: &str| {
        let mut cache = Cache::new(policy);
        let fields = [fields[1], fields[2], ("cache-control", control)];
        cache.get(&[], reply(200, &fields));
        let second = cache.get(&[("cookie", "a=b")], reply(200, &[]));
        (second.from == From::Store).then(|| second.headers.get_all("set-cookie").iter().count())
    };
    // other-set-cookie, other-cookie, headers-store-Set-Cookie.
    assert_eq!(stored(suite(), "max-age=3600"), Some(2));
    assert_eq!(stored(Policy::default(), "max-age=3600"), None);
    assert_eq!(stored(Policy::default(), "max-age=3600, public"), Some(2));
    assert_eq!(stored(Policy::default(), "s-maxage=3600"), Some(2));
    let never = Policy { set_cookie: SetCookie::Refuse, ..Policy::default() };
    assert_eq!(stored(never, "s-maxage=3600, public"), None);
}

#[test]
fn fields_that_are_not_stored() {
    let second = |fields: &[(&str, &str)]| {
        let mut cache = Cache::new(suite());
        cache.get(&[], reply(200, fields));
        let second = cache.get(&[], None);
        assert_eq!(second.from, From::Store, "{fields:?}");
        second
    };
    // headers-omit-headers-listed-in-Connection.
    let listed = second(&[
        ("cache-control", "max-age=9"),
        ("connection", "a, b"),
        ("a", "1"),
        ("b", "2"),
        ("c", "3"),
    ]);
    assert_eq!((listed.field("a"), listed.field("b"), listed.field("c")), (None, None, Some("3")));
    // headers-omit-headers-listed-in-Cache-Control-no-cache(-single).
    let withheld = second(&[
        ("cache-control", "no-cache=\"a, b\""),
        ("cache-control", "max-age=9"),
        ("a", "1"),
        ("b", "2"),
        ("c", "3"),
    ]);
    assert_eq!(
        (withheld.field("a"), withheld.field("b"), withheld.field("c")),
        (None, None, Some("3"))
    );
    for name in [
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authentication-info",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "transfer-encoding",
        "upgrade",
        "trailer",
    ] {
        assert_eq!(
            second(&[("cache-control", "max-age=9"), (name, "x")]).field(name),
            None,
            "{name}"
        );
    }
}

#[test]
fn fields_that_are_stored() {
    for (name, value) in [
        ("test-header", "x"),
        ("x-test-header", "x"),
        ("content-foo", "x"),
        ("x-content-foo", "x"),
        ("content-encoding", "x"),
        ("content-location", "/bar"),
        ("content-md5", "N7UdGUp1E+RbVvZSTy1R8g=="),
        ("content-range", "x"),
        ("content-security-policy", "default-src 'self' cdn.example.com"),
        ("content-type", "text/plain;charset=utf-8"),
        ("clear-site-data", "cookies"),
        ("etag", "\"ghijkl\""),
        ("expires", "Mon, 11 Jan 2038 11:11:11 GMT"),
        ("public-key-pins", "x"),
        ("set-cookie", "a=c"),
        ("set-cookie2", "a=c"),
        ("x-frame-options", "sameorigin"),
        ("x-xss-protection", "1; mode=block"),
    ] {
        let mut cache = Cache::new(suite());
        cache.get(
            &[],
            reply(200, &[("date", "@0"), (name, value), ("cache-control", "max-age=3600")]),
        );
        let second = cache.get(&[], None);
        assert_eq!(
            (second.from, second.field(name)),
            (From::Store, Some(value)),
            "headers-store-{name}"
        );
        assert_eq!(second.field("cache-control"), Some("max-age=3600"));
    }
}

#[test]
fn what_a_request_says() {
    let ask = |fields: &[(&'static str, &'static str)], request: &'static str, pause: u64| {
        let mut cache = Cache::new(suite());
        cache.get(&[], reply(200, fields));
        cache.wait(pause);
        let reply = |sent: &http::HeaderMap| {
            let conditional =
                sent.contains_key("if-none-match") || sent.contains_key("if-modified-since");
            reply(if conditional { 304 } else { 200 }, &[])
        };
        cache.request("GET", "/", &[("cache-control", request)], reply).from
    };
    let fresh = [("cache-control", "max-age=100000"), ("date", "@0")];
    let aged = [("cache-control", "max-age=100000"), ("date", "@0"), ("age", "1800")];
    assert_eq!(ask(&fresh, "nothing-to-see-here", 3), From::Store);
    assert_eq!(ask(&fresh, "max-age=0", 3), From::Origin, "ccreq-ma0");
    assert_eq!(ask(&fresh, "max-age=0", 0), From::Origin);
    assert_eq!(ask(&fresh, "max-age=1", 3), From::Origin, "ccreq-ma1");
    assert_eq!(ask(&fresh, "max-age=4", 3), From::Store);
    assert_eq!(ask(&aged, "max-age=600", 0), From::Origin, "ccreq-magreaterage");
    let stale = [("cache-control", "max-age=2"), ("date", "@0")];
    assert_eq!(ask(&stale, "max-stale=1000", 3), From::Store, "ccreq-max-stale");
    assert_eq!(ask(&stale, "max-stale", 3), From::Store);
    assert_eq!(ask(&stale, "max-stale=0", 3), From::Origin);
    let must = [("cache-control", "max-age=2, must-revalidate"), ("date", "@0")];
    assert_eq!(ask(&must, "max-stale=1000", 3), From::Origin);
    let old = [("cache-control", "max-age=1500"), ("age", "2000")];
    assert_eq!(ask(&old, "max-stale=1000", 0), From::Store, "ccreq-max-stale-age");
    let short = [("cache-control", "max-age=1500")];
    assert_eq!(ask(&short, "min-fresh=2000", 0), From::Origin, "ccreq-min-fresh");
    assert_eq!(ask(&short, "min-fresh=1000", 0), From::Store);
    let short_aged = [("cache-control", "max-age=1500"), ("age", "1000")];
    assert_eq!(ask(&short_aged, "min-fresh=1000", 0), From::Origin, "ccreq-min-fresh-age");
    assert_eq!(ask(&short, "no-cache", 0), From::Origin, "ccreq-no-cache");
    let tagged = [("cache-control", "max-age=3600"), ("etag", "\"abc\"")];
    assert_eq!(ask(&tagged, "no-cache", 0), From::Validated, "ccreq-no-cache-etag");
    let dated = [("cache-control", "max-age=3600"), ("last-modified", "@-10000"), ("date", "@0")];
    assert_eq!(ask(&dated, "no-cache", 0), From::Validated, "ccreq-no-cache-lm");
    assert_eq!(ask(&fresh, "no-store", 3), From::Origin, "ccreq-no-store");
    assert_eq!(ask(&fresh, "only-if-cached", 3), From::Store);
    assert_eq!(ask(&stale, "only-if-cached", 3), From::Nowhere);
    let mut cache = Cache::new(suite());
    let none = cache.get(&[("cache-control", "only-if-cached")], reply(200, &[]));
    assert_eq!((none.from, none.status), (From::Nowhere, 504), "ccreq-oic");
}

#[test]
fn a_policy_can_turn_a_deaf_ear() {
    let mut cache = Cache::new(Policy { honor_request: false, ..suite() });
    cache.get(&[], reply(200, &[("cache-control", "max-age=9")]));
    for field in [("cache-control", "no-cache, no-store, max-age=0"), ("pragma", "no-cache")] {
        assert_eq!(cache.get(&[field], None).from, From::Store, "{field:?}");
    }
}

#[test]
fn what_changes_something_makes_invalid() {
    let fresh = [("cache-control", "max-age=100000"), ("date", "@0")];
    let story = |method: &str, status: u16, located: &[(&str, &str)], path: &str| {
        let mut cache = Cache::new(suite());
        cache.request("GET", path, &[], |_| reply(200, &fresh));
        cache.request(method, "/a/b", &[], |_| reply(status, located));
        cache.request("GET", path, &[], |_| reply(200, &[])).from
    };
    for method in ["POST", "PUT", "DELETE", "M-SEARCH"] {
        assert_eq!(story(method, 200, &[], "/a/b"), From::Origin, "invalidate-{method}");
        assert_eq!(story(method, 303, &[], "/a/b"), From::Origin);
        assert_eq!(story(method, 500, &[], "/a/b"), From::Store, "invalidate-{method}-failed");
        assert_eq!(story(method, 404, &[], "/a/b"), From::Store);
        assert_eq!(story(method, 200, &[], "/a/c"), From::Store);
        for name in ["location", "content-location"] {
            for reference in ["c", "/a/c", "https://example.org/a/c", "../a/./c#f"] {
                let from = story(method, 201, &[(name, reference)], "/a/c");
                assert_eq!(from, From::Origin, "invalidate-{method}-{name}: {reference}");
            }
            let elsewhere = [(name, "https://example.com/a/c")];
            assert_eq!(story(method, 201, &elsewhere, "/a/c"), From::Store);
        }
    }
    assert_eq!(story("OPTIONS", 200, &[], "/a/b"), From::Store);
}

#[test]
fn a_post_can_bring_what_a_get_would() {
    let story = |fields: &[(&str, &str)], status: u16| {
        let mut cache = Cache::new(suite());
        cache.request("POST", "/a?b", &[], |_| reply(status, fields));
        cache.request("GET", "/a?b", &[], |_| reply(200, &[])).from
    };
    let fresh = ("cache-control", "max-age=3600");
    assert_eq!(story(&[fresh, ("content-location", "/a?b")], 200), From::Store, "method-POST");
    assert_eq!(story(&[("expires", "@60"), ("content-location", "?b")], 200), From::Store);
    assert_eq!(story(&[fresh], 200), From::Origin);
    assert_eq!(story(&[fresh, ("content-location", "/a")], 200), From::Origin);
    assert_eq!(story(&[fresh, ("content-location", "https://example.com/a?b")], 200), From::Origin);
    assert_eq!(
        story(&[("last-modified", "@-9999"), ("content-location", "/a?b")], 200),
        From::Origin
    );
    assert_eq!(story(&[fresh, ("content-location", "/a?b")], 404), From::Origin);
}
