//! Freshness: `max-age`, `s-maxage`, `Expires`, `Age`, heuristics, targeted fields.

use super::{Cache, From, play, reply, suite};

#[test]
fn by_max_age() {
    play(
        200,
        &[
            ("freshness-none", &[], false),
            ("freshness-max-age-stale", &[("cache-control", "max-age=2"), ("date", "@0")], false),
            ("freshness-max-age-0", &[("cache-control", "max-age=0")], false),
            (
                "freshness-max-age-age",
                &[("date", "@0"), ("cache-control", "max-age=3600"), ("age", "7200")],
                false,
            ),
            (
                "freshness-max-age-date",
                &[("date", "@-7200"), ("cache-control", "max-age=3600")],
                false,
            ),
            (
                "freshness-max-age-0-expires",
                &[("expires", "@3600"), ("cache-control", "max-age=0"), ("date", "@0")],
                false,
            ),
            ("freshness-max-age-negative", &[("cache-control", "max-age=-3600")], false),
            ("freshness-max-age", &[("cache-control", "max-age=3600")], true),
            ("freshness-max-age-max-minus-1", &[("cache-control", "max-age=2147483647")], true),
            ("freshness-max-age-max", &[("cache-control", "max-age=2147483648")], true),
            ("freshness-max-age-max-plus-1", &[("cache-control", "max-age=2147483649")], true),
            ("freshness-max-age-max-plus", &[("cache-control", "max-age=99999999999")], true),
            (
                "freshness-max-age-expires",
                &[("cache-control", "max-age=3600"), ("expires", "@-7200"), ("date", "@0")],
                true,
            ),
            (
                "freshness-max-age-expires-invalid",
                &[("cache-control", "max-age=3600"), ("expires", "0"), ("date", "@0")],
                true,
            ),
            ("freshness-max-age-extension", &[("cache-control", "foobar, max-age=3600")], true),
            ("freshness-max-age-case-insenstive", &[("cache-control", "MaX-aGe=3600")], true),
        ],
    );
}

#[test]
fn by_s_maxage() {
    play(
        200,
        &[
            (
                "freshness-max-age-s-maxage-shared-longer",
                &[("cache-control", "max-age=3600, s-maxage=1")],
                false,
            ),
            (
                "freshness-max-age-s-maxage-shared-longer-reversed",
                &[("cache-control", "s-maxage=1, max-age=3600")],
                false,
            ),
            (
                "freshness-max-age-s-maxage-shared-longer-multiple",
                &[("cache-control", "max-age=3600"), ("cache-control", "s-maxage=1")],
                false,
            ),
            ("freshness-s-maxage-shared", &[("cache-control", "s-maxage=3600")], true),
            (
                "freshness-max-age-s-maxage-shared-shorter",
                &[("cache-control", "max-age=1, s-maxage=3600")],
                true,
            ),
            (
                "freshness-max-age-s-maxage-shared-shorter-expires",
                &[("expires", "@-10"), ("cache-control", "max-age=0, s-maxage=3600")],
                true,
            ),
        ],
    );
}

#[test]
fn by_what_cache_control_looks_like() {
    play(
        200,
        &[
            (
                "freshness-max-age-two-fresh-stale-sameline",
                &[("cache-control", "max-age=1800, max-age=1")],
                false,
            ),
            (
                "freshness-max-age-two-fresh-stale-sepline",
                &[("cache-control", "max-age=1800"), ("cache-control", "max-age=1")],
                false,
            ),
            (
                "freshness-max-age-two-stale-fresh-sameline",
                &[("cache-control", "max-age=1, max-age=1800")],
                false,
            ),
            (
                "freshness-max-age-two-stale-fresh-sepline",
                &[("cache-control", "max-age=1"), ("cache-control", "max-age=1800")],
                false,
            ),
            ("freshness-max-age-quoted", &[("cache-control", "max-age=\"3600\"")], true),
            (
                "freshness-max-age-ignore-quoted",
                &[("cache-control", "extension=\"max-age=3600\", max-age=1")],
                false,
            ),
            (
                "freshness-max-age-ignore-quoted-rev",
                &[("cache-control", "max-age=1, extension=\"max-age=3600\"")],
                false,
            ),
            ("freshness-max-age-space-before-equals", &[("cache-control", "max-age =3600")], false),
            ("freshness-max-age-space-after-equals", &[("cache-control", "max-age= 3600")], false),
            ("freshness-max-age-leading-zero", &[("cache-control", "max-age=003600")], true),
            ("freshness-max-age-single-quoted", &[("cache-control", "max-age='3600'")], false),
            ("freshness-max-age-decimal-zero", &[("cache-control", "max-age=3600.0")], false),
            ("freshness-max-age-decimal-five", &[("cache-control", "max-age=3600.5")], false),
            ("freshness-max-age-a100", &[("cache-control", "max-age=a3600")], false),
            ("freshness-max-age-100a", &[("cache-control", "max-age=3600a")], false),
        ],
    );
}

#[test]
fn by_age() {
    let aged = |ages: &[&str], max_age: &str, reused: bool| {
        let mut fields = vec![("date", "@0"), ("cache-control", max_age)];
        fields.extend(ages.iter().map(|age| ("age", *age)));
        play(200, &[("age-parse", &fields, reused)]);
    };
    for stale in
        [&["2147483647"][..], &["2147483648"], &["2147483649"], &["7200, 0"], &["7200", "0"]]
    {
        aged(stale, "max-age=3600", false);
    }
    for fresh in [
        &["abc"][..],
        &["-7200"],
        &["7200.0"],
        &["0, 7200"],
        &["0", "7200"],
        &["0, 0"],
        &["0", "0"],
    ] {
        aged(fresh, "max-age=3600", true);
    }
    aged(&["3600", "3600"], "max-age=10000", true);
}

#[test]
fn by_expires() {
    play(
        200,
        &[
            ("freshness-expires-past", &[("expires", "@-2592000"), ("date", "@0")], false),
            ("freshness-expires-present", &[("expires", "@0"), ("date", "@0")], false),
            ("freshness-expires-old-date", &[("expires", "@300"), ("date", "@400")], false),
            ("freshness-expires-invalid", &[("expires", "0"), ("date", "@0")], false),
            (
                "freshness-expires-age-slow-date",
                &[("date", "@-10"), ("expires", "@10"), ("age", "25")],
                false,
            ),
            (
                "freshness-expires-age-fast-date",
                &[("date", "@10"), ("expires", "@20"), ("age", "15")],
                false,
            ),
            ("freshness-expires-future", &[("expires", "@2592000"), ("date", "@0")], true),
            ("freshness-expires-invalid-date", &[("date", "foo"), ("expires", "@10")], true),
        ],
    );
    let expires = |value: &str, reused: bool| {
        play(200, &[("expires-parse", &[("expires", value), ("date", "@0")], reused)]);
    };
    for invalid in [
        "Thu, 18 Aug 2050 02:01:18 UTC",
        "Thu, 18 Aug 2050 02:01:18 AEST",
        "Thu, 18 Aug 50 02:01:18 GMT",
        "Thu 18 Aug 2050 02:01:18 GMT",
        "Thu, 18  Aug  2050 02:01:18 GMT",
        "Thu, 18-Aug-2050 02:01:18 GMT",
        "Thu, 18 Aug 2050 02.01.18 GMT",
        "Thu, 18 Aug 2050 2:01:18 GMT",
    ] {
        expires(invalid, false);
    }
    for valid in [
        "Tue, 19 Jan 2038 14:14:08 GMT",
        "Sun, 21 Nov 2286 04:46:39 GMT",
        "Thursday, 18-Aug-50 02:01:18 GMT",
        "Thu Aug  8 02:01:18 2050",
        "THU, 18 Aug 2050 02:01:18 GMT",
        "Thu, 18 AUG 2050 02:01:18 GMT",
        "Thu, 18 Aug 2050 02:01:18 gMT",
    ] {
        expires(valid, true);
    }
    let lines =
        [("expires", "Thu, 18 Aug 2050 2:01:18 GMT"), ("expires", "Thu, 18 Aug 2050 2:01:19 GMT")];
    play(200, &[("freshness-expires-invalid-multiple-lines", &lines, false)]);
    let one_past = [("expires", "@100"), ("expires", "@-100"), ("date", "@0")];
    play(200, &[("the more restrictive of two", &one_past, false)]);
}

#[test]
fn by_heuristic() {
    let modified = [("last-modified", "@-86400"), ("date", "@0")];
    for status in [201, 202, 403, 502, 503, 504, 599] {
        play(status, &[("heuristic-not_cached", &modified, false)]);
    }
    for status in [200, 203, 204, 404, 405, 410, 414, 501] {
        play(status, &[("heuristic-cached", &modified, true)]);
    }
    let public = [("last-modified", "@-86400"), ("date", "@0"), ("cache-control", "public")];
    play(599, &[("heuristic-599-cached", &public, true)]);
    for (since, reused) in [("@-5", false), ("@-30", false), ("@-60", true), ("@-600", true)] {
        play(200, &[("heuristic-delta", &[("last-modified", since), ("date", "@0")], reused)]);
    }
    let attachment =
        [("last-modified", "@-100000"), ("date", "@0"), ("content-disposition", "attachment")];
    play(200, &[("other-heuristic-content-disposition-attachment", &attachment, true)]);
    play(
        200,
        &[("more than 24 hours", &[("last-modified", "@-999999999"), ("date", "@-86400")], false)],
    );
}

#[test]
fn by_status() {
    for status in
        [200, 203, 204, 299, 301, 302, 303, 307, 308, 400, 404, 410, 499, 500, 502, 503, 504, 599]
    {
        let fresh = [("cache-control", "max-age=100000"), ("date", "@0")];
        play(status, &[("status-fresh", &fresh, true)]);
        let stale = [("expires", "@-5000"), ("last-modified", "@-100000"), ("date", "@0")];
        play(status, &[("status-stale", &stale, false)]);
    }
    let understood = [("cache-control", "max-age=3600, no-store, must-understand")];
    play(599, &[("status-599-must-understand", &understood, false)]);
    play(200, &[("status-200-must-understand", &understood, true)]);
}

#[test]
fn not_beyond_a_targeted_field() {
    const FRESH: (&str, &str) = ("cache-control", "max-age=10000");
    play(
        200,
        &[
            (
                "cdn-max-age-age",
                &[("date", "@0"), ("cdn-cache-control", "max-age=3600"), ("age", "7200")],
                false,
            ),
            (
                "cdn-max-age-space-before-equals",
                &[("cache-control", "max-age=1"), ("cdn-cache-control", "max-age =100")],
                false,
            ),
            (
                "cdn-max-age-space-after-equals",
                &[("cache-control", "max-age=1"), ("cdn-cache-control", "max-age= 100")],
                false,
            ),
            ("cdn-max-age-0", &[("cdn-cache-control", "max-age=0")], false),
            (
                "cdn-max-age-0-expires",
                &[("cdn-cache-control", "max-age=0"), ("expires", "@10000"), ("date", "@0")],
                false,
            ),
            (
                "cdn-max-age-long-cc-max-age",
                &[("cache-control", "max-age=3600"), ("cdn-cache-control", "max-age=1")],
                false,
            ),
            (
                "cdn-private",
                &[("cdn-cache-control", "private"), FRESH, ("expires", "@10000")],
                false,
            ),
            (
                "cdn-no-cache",
                &[("cdn-cache-control", "no-cache"), FRESH, ("expires", "@10000")],
                false,
            ),
            (
                "cdn-no-store-cc-fresh",
                &[FRESH, ("cdn-cache-control", "no-store"), ("expires", "@10000")],
                false,
            ),
            (
                "cdn-cc-invalid-sh-type-unknown",
                &[("cdn-cache-control", "max-age=10000, &&&&&"), ("cache-control", "no-store")],
                false,
            ),
            (
                "cdn-cc-invalid-sh-type-wrong",
                &[("cdn-cache-control", "max-age=\"10000\""), ("cache-control", "no-store")],
                false,
            ),
            ("cdn-max-age-case-insensitive", &[("cdn-cache-control", "MaX-aGe=3600")], false),
        ],
    );
}

#[test]
fn by_a_targeted_field() {
    play(
        200,
        &[
            ("cdn-max-age", &[("cdn-cache-control", "max-age=3600")], true),
            ("cdn-max-age-max", &[("cdn-cache-control", "max-age=2147483648")], true),
            ("cdn-max-age-max-plus", &[("cdn-cache-control", "max-age=99999999999")], true),
            ("cdn-max-age-extension", &[("cdn-cache-control", "foobar, max-age=3600")], true),
            (
                "cdn-max-age-expires",
                &[("cdn-cache-control", "max-age=3600"), ("expires", "@-10000"), ("date", "@0")],
                true,
            ),
            (
                "cdn-max-age-cc-max-age-invalid-expires",
                &[("cdn-cache-control", "max-age=3600"), ("expires", "0"), ("date", "@0")],
                true,
            ),
            (
                "cdn-max-age-short-cc-max-age",
                &[("cache-control", "max-age=1"), ("cdn-cache-control", "max-age=3600")],
                true,
            ),
            (
                "cdn-fresh-cc-nostore",
                &[("cache-control", "no-store"), ("cdn-cache-control", "max-age=10000")],
                true,
            ),
        ],
    );
}

#[test]
fn answers_keep_their_dates_and_grow_older() {
    // cdn-remove-age-exceed, cdn-date-update-exceed, cdn-expires-update-exceed,
    // other-age-gen, other-date-update, other-date-update-expires(-update).
    for fields in [
        &[
            ("cache-control", "max-age=1"),
            ("expires", "@1"),
            ("cdn-cache-control", "max-age=10000"),
            ("date", "@0"),
        ][..],
        &[("expires", "@2592000"), ("date", "@0")],
        &[("cache-control", "max-age=100000"), ("date", "@0")],
    ] {
        let mut cache = Cache::new(suite());
        let first = cache.get(&[], reply(200, fields));
        assert_eq!(first.field("age"), Some("0"));
        cache.wait(3);
        let second = cache.get(&[], None);
        assert_eq!(second.from, From::Store);
        assert_eq!(second.field("age"), Some("3"));
        for name in ["date", "expires", "cdn-cache-control", "cache-control"] {
            assert_eq!(first.headers.get(name), second.headers.get(name), "{name}");
        }
    }
    // other-age-update-max-age, other-age-update-expires.
    for lifetime in [("cache-control", "max-age=100000"), ("expires", "@2592000")] {
        let mut cache = Cache::new(suite());
        cache.get(&[], reply(200, &[lifetime, ("date", "@0"), ("age", "30")]));
        cache.wait(3);
        assert_eq!(cache.get(&[], None).field("age"), Some("33"));
    }
}

#[test]
fn a_response_without_a_date_gets_one() {
    let mut cache = Cache::new(suite());
    let first = cache.get(&[], reply(200, &[("cache-control", "max-age=9")]));
    cache.wait(3);
    let second = cache.get(&[], None);
    assert!(second.field("date").is_some());
    assert_eq!(first.field("date"), second.field("date"));
}
