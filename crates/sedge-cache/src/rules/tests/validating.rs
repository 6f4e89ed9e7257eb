//! Conditions: a client's, answered from the store; and this cache's own.

use super::cache::reply_with;
use super::{Cache, From, reply, suite};

const FRESH: [(&str, &str); 2] = [("cache-control", "max-age=100000"), ("date", "@0")];

/// The answer to a request with conditions, when this fresh response is stored.
fn asked(stored: &[(&str, &str)], conditions: &[(&str, &str)]) -> super::cache::Outcome {
    let mut cache = Cache::new(suite());
    cache.get(&[], reply(200, &[&FRESH[..], stored].concat()));
    cache.wait(3);
    let conditions = super::cache::head(conditions);
    let conditions: Vec<_> = conditions
        .iter()
        .map(|(name, value)| (name.as_str(), std::str::from_utf8(value.as_bytes()).unwrap()))
        .collect();
    let answer = cache.get(&conditions, None);
    assert_eq!(answer.from, From::Store);
    answer
}

#[test]
fn other_tags_and_earlier_dates_get_the_whole() {
    let tagged = [("etag", "\"abcdef\""), ("last-modified", "@-5000")];
    for conditions in [
        &[("if-none-match", "\"other\"")][..],
        &[("if-none-match", "")],
        &[("if-none-match", "abcdef")],
        &[("if-none-match", "\"other\""), ("if-modified-since", "@0")],
        &[("if-modified-since", "@-5001")],
        &[("if-modified-since", "nonsense")],
        &[("if-modified-since", "@0"), ("if-modified-since", "@0")],
    ] {
        let answer = asked(&tagged, conditions);
        assert_eq!((answer.status, &*answer.content), (200, "content"), "{conditions:?}");
    }
    // The suite's conditional-lm-fresh-no-lm wants a 304 here. RFC 9111 §4.3.2 has the
    // response's `Date` stand in for its modification, and this one is later than what
    // the client has.
    assert_eq!(asked(&[], &[("if-modified-since", "@-3000")]).status, 200);
    assert_eq!(asked(&[], &[("if-modified-since", "@0")]).status, 304);
}

#[test]
fn what_the_client_has_is_not_sent() {
    let tag = |etag, condition| (vec![("etag", etag)], vec![("if-none-match", condition)]);
    let mut cases = vec![
        ("conditional-etag-strong-respond", tag("\"abcdef\"", "\"abcdef\"")),
        ("conditional-etag-weak-respond", tag("W/\"abcdef\"", "W/\"abcdef\"")),
        (
            "conditional-etag-strong-respond-multiple-first",
            tag("\"abcdef\"", "\"abcdef\", \"1234\", \"5678\""),
        ),
        (
            "conditional-etag-strong-respond-multiple-second",
            tag("\"abcdef\"", "\"1234\", \"abcdef\", \"5678\""),
        ),
        (
            "conditional-etag-strong-respond-multiple-last",
            tag("\"abcdef\"", "\"1234\", \"5678\", \"abcdef\""),
        ),
        ("conditional-etag-strong-respond-obs-text", tag("\"abcdef\u{fc}\"", "\"abcdef\u{fc}\"")),
        ("conditional-etag-unquoted-respond-unquoted", tag("abcdef", "abcdef")),
        ("conditional-etag-weak-respond-lowercase", tag("w/\"abcdef\"", "w/\"abcdef\"")),
        ("conditional-etag-weak-respond-backslash", tag("W\\\"abcdef\"", "W\\\"abcdef\"")),
        ("conditional-etag-weak-respond-omit-slash", tag("W\"abcdef\"", "W\"abcdef\"")),
        ("any", tag("\"abcdef\"", "*")),
    ];
    let dated = |since| (vec![("last-modified", "@-3000")], vec![("if-modified-since", since)]);
    cases.push(("conditional-lm-fresh", dated("@-3000")));
    cases.push(("conditional-lm-fresh-earlier", dated("@-2000")));
    // 50 minutes before the story begins.
    let rfc850 = "Wednesday, 18-Nov-26 10:16:40 GMT";
    cases.push(("conditional-lm-fresh-rfc850", dated(rfc850)));
    let mut precedence = tag("\"abcdef\"", "\"abcdef\"");
    precedence.0.push(("last-modified", "@-5000"));
    precedence.1.push(("if-modified-since", "@-10000"));
    cases.push(("conditional-etag-precedence", precedence));
    for (name, (stored, conditions)) in cases {
        let answer = asked(&stored, &conditions);
        assert_eq!((answer.status, &*answer.content), (304, ""), "{name}");
    }
}

#[test]
fn what_a_304_says() {
    let stored = [
        ("etag", "\"a\""),
        ("last-modified", "@-60"),
        ("vary", "Foo"),
        ("content-type", "text/plain"),
        ("content-location", "/x"),
        ("expires", "@60"),
        ("x-y", "z"),
        ("access-control-allow-origin", "*"),
    ];
    let answer = asked(&stored, &[("if-none-match", "\"a\"")]);
    for name in [
        "etag",
        "vary",
        "content-location",
        "expires",
        "cache-control",
        "date",
        "age",
        "access-control-allow-origin",
    ] {
        assert!(answer.field(name).is_some(), "conditional-304-etag: {name}");
    }
    for name in ["content-type", "content-length", "last-modified", "x-y"] {
        assert_eq!(answer.field(name), None, "{name}");
    }
}

#[test]
fn a_client_gets_a_304_even_if_the_origin_was_not_asked_for_one() {
    for control in ["no-store", "max-age=60"] {
        let mut cache = Cache::new(suite());
        let fields = [("cache-control", control), ("etag", "\"a\"")];
        let answer = cache.get(&[("if-none-match", "\"a\"")], reply(200, &fields));
        assert_eq!((answer.sent("if-none-match"), answer.status), (None, 304), "{control}");
    }
}

#[test]
fn preconditions_are_for_the_origin() {
    let mut cache = Cache::new(suite());
    cache.get(&[], reply(200, &[&FRESH[..], &[("etag", "\"a\"")]].concat()));
    let answer =
        cache.get(&[("if-match", "\"b\"")], reply(412, &[("cache-control", "max-age=60")]));
    assert_eq!(
        (answer.from, answer.status, answer.sent("if-match")),
        (From::Origin, 412, Some("\"b\""))
    );
    assert_eq!(cache.get(&[], None).status, 200);
}

/// A response that goes stale after two seconds, and what a request then brings.
fn validated(stored: &[(&str, &str)], replied: &[(&str, &str)]) -> (super::cache::Outcome, Cache) {
    let mut cache = Cache::new(suite());
    let mut first = vec![("date", "@0")];
    if !stored.iter().any(|(name, _)| *name == "cache-control") {
        first.push(("cache-control", "max-age=2"));
    }
    cache.get(&[], reply(200, &[&first[..], stored].concat()));
    cache.wait(3);
    let outcome = cache.request("GET", "/", &[], |sent| {
        match sent.contains_key("if-none-match") || sent.contains_key("if-modified-since") {
            true => reply_with(304, replied, ""),
            false => reply_with(200, &[], "asked again"),
        }
    });
    (outcome, cache)
}

#[test]
fn stale_responses_are_validated_by_what_they_have() {
    for (name, etag) in [
        ("conditional-etag-strong-generate", "\"abcdef\""),
        ("conditional-etag-weak-generate-weak", "W/\"abcdef\""),
        ("conditional-etag-strong-generate-unquoted", "abcdef"),
    ] {
        let (answer, _) = validated(&[("etag", etag)], &[]);
        assert_eq!(
            (answer.from, answer.sent("if-none-match")),
            (From::Validated, Some(etag)),
            "{name}"
        );
        assert_eq!((answer.status, &*answer.content), (200, "content"));
    }
    let lm = "Wed, 01 Jan 2020 00:00:00 GMT";
    let (answer, _) = validated(&[("last-modified", lm)], &[]);
    assert_eq!(answer.sent("if-modified-since"), Some(lm));
    // cc-resp-no-cache-revalidate(-fresh), cc-resp-must-revalidate-stale.
    for control in ["no-cache", "max-age=10000, no-cache", "max-age=2, must-revalidate"] {
        let (answer, _) = validated(&[("cache-control", control), ("etag", "\"abcd\"")], &[]);
        assert_eq!(answer.from, From::Validated, "{control}");
    }
    let (answer, _) = validated(&[], &[]);
    assert_eq!((answer.from, &*answer.content), (From::Origin, "asked again"));
}

#[test]
fn a_validation_for_a_client_with_conditions() {
    // conditional-lm-stale.
    let mut cache = Cache::new(suite());
    let lm = "Wed, 01 Jan 2020 00:00:00 GMT";
    cache.get(
        &[],
        reply(200, &[("cache-control", "max-age=2"), ("last-modified", lm), ("date", "@0")]),
    );
    cache.wait(3);
    let answer = cache.get(&[("if-modified-since", lm)], reply(304, &[]));
    assert_eq!((answer.from, answer.status), (From::Validated, 304));
    // A client's own tag does not go to the origin, and what it gets depends on it.
    let mut cache = Cache::new(suite());
    cache.get(&[], reply(200, &[("cache-control", "max-age=2"), ("etag", "\"b\"")]));
    cache.wait(3);
    let answer = cache.get(&[("if-none-match", "\"a\""), ("range", "bytes=0-1")], reply(304, &[]));
    assert_eq!((answer.sent("if-none-match"), answer.sent("range")), (Some("\"b\""), None));
    assert_eq!((answer.status, &*answer.content), (206, "co"));
}

#[test]
fn the_fields_that_select_are_sent_along() {
    let mut cache = Cache::new(suite());
    let fields = [("expires", "@1"), ("etag", "\"abcdef\""), ("date", "@0"), ("vary", "Abc")];
    cache.get(&[("abc", "123")], reply(200, &fields));
    cache.wait(3);
    let answer = cache.get(&[("abc", "123")], reply(304, &[]));
    assert_eq!(answer.from, From::Validated, "conditional-etag-vary-headers");
    assert_eq!(
        (answer.sent("abc"), answer.sent("if-none-match")),
        (Some("123"), Some("\"abcdef\""))
    );
}

#[test]
fn a_304_brings_new_fields_and_keeps_the_rest() {
    let tag = ("etag", "\"etag-1\"");
    // 304-lm-use-stored-Test-Header.
    let lm = ("last-modified", "Wed, 01 Jan 2020 00:00:00 GMT");
    let (answer, _) = validated(&[lm, ("test-header", "a")], &[lm, ("date", "@0")]);
    assert_eq!((answer.from, answer.field("test-header")), (From::Validated, Some("a")));
    for (name, old, new) in [
        ("test-header", "a", "b"),
        ("x-test-header", "a", "b"),
        ("content-foo", "a", "b"),
        ("x-content-foo", "a", "b"),
        ("cache-control", "max-age=1", "max-age=3600"),
        ("content-location", "/foo", "/bar"),
        ("content-md5", "rL0Y20zC+Fzt72VPzMSk2A==", "N7UdGUp1E+RbVvZSTy1R8g=="),
        ("content-security-policy", "default-src 'self'", "default-src 'self' cdn.example.com"),
        ("content-type", "text/plain", "text/plain;charset=utf-8"),
        ("clear-site-data", "cache", "cookies"),
        ("expires", "Fri, 01 Jan 2038 01:01:01 GMT", "Mon, 11 Jan 2038 11:11:11 GMT"),
        ("public-key-pins", "a", "b"),
        ("set-cookie", "a=b", "a=c"),
        ("set-cookie2", "a=b", "a=c"),
        ("x-frame-options", "deny", "sameorigin"),
        ("x-xss-protection", "1", "1; mode=block"),
    ] {
        let (answer, mut cache) =
            validated(&[tag, (name, old)], &[tag, ("date", "@3"), (name, new)]);
        assert_eq!(
            (answer.from, answer.field(name)),
            (From::Validated, Some(new)),
            "304-etag-update-response-{name}"
        );
        let third = cache.get(&[], None);
        assert_eq!((third.from, third.field(name)), (From::Store, Some(new)), "{name}");
    }
    // What says how the stored bytes are written stays: 304-etag-update-response-Content-Length
    // wants the first, and the others are no different.
    for (name, old, new) in
        [("content-length", "7", "10"), ("content-encoding", "a", "b"), ("content-range", "a", "b")]
    {
        let (answer, mut cache) =
            validated(&[tag, (name, old)], &[tag, ("date", "@3"), (name, new)]);
        assert_eq!((answer.from, answer.field(name)), (From::Validated, Some(old)), "{name}");
        assert_eq!(cache.get(&[], None).field(name), Some(old), "{name}");
    }
    let connection = [tag, ("connection", "x-y"), ("x-y", "b")];
    let (answer, _) = validated(&[tag, ("x-y", "a")], &connection);
    assert_eq!((answer.field("x-y"), answer.field("connection")), (Some("a"), None));
}

#[test]
fn a_304_makes_fresh_again() {
    let tag = ("etag", "\"a\"");
    let (answer, mut cache) = validated(&[tag], &[tag]);
    assert_eq!(answer.field("age"), Some("0"));
    cache.wait(1);
    let next = cache.get(&[], None);
    assert_eq!((next.from, next.field("age")), (From::Store, Some("1")));
}

#[test]
fn a_304_about_another_response_is_not_taken() {
    let tag = ("etag", "\"a\"");
    for (stored, replied) in [
        (&[tag][..], &[("etag", "\"b\"")][..]),
        (&[tag], &[("etag", "W/\"b\"")]),
        (&[("last-modified", "@-60")], &[tag]),
        (&[("last-modified", "@-60")], &[("last-modified", "@-59")]),
    ] {
        let (answer, _) = validated(stored, replied);
        assert_eq!(
            (answer.from, &*answer.content),
            (From::Origin, "asked again"),
            "{stored:?} {replied:?}"
        );
    }
    for replied in [&[("etag", "W/\"a\"")][..], &[tag], &[]] {
        assert_eq!(validated(&[tag], replied).0.from, From::Validated, "{replied:?}");
    }
}

#[test]
fn a_tag_made_weak_is_still_the_tag() {
    let weak = ("etag", "W/\"a\"");
    let (answer, mut cache) = validated(&[weak], &[("etag", "\"a\"")]);
    assert_eq!((answer.from, answer.field("etag")), (From::Validated, Some("W/\"a\"")));
    cache.wait(3);
    let next = cache.get(&[], reply(304, &[]));
    assert_eq!(next.sent("if-none-match"), Some("W/\"a\""));
}

#[test]
fn a_304_can_end_the_storing() {
    let tag = ("etag", "\"a\"");
    let (answer, mut cache) = validated(&[tag], &[tag, ("cache-control", "no-store")]);
    assert_eq!((answer.from, &*answer.content), (From::Validated, "content"));
    assert_eq!(cache.get(&[], reply(200, &[])).from, From::Origin);
    // One for a client with credentials says nothing of other clients' responses.
    let mut cache = Cache::new(suite());
    cache.get(&[], reply(200, &[tag, ("cache-control", "max-age=2")]));
    cache.wait(3);
    let answer = cache.get(&[("authorization", "x")], reply(304, &[tag, ("a", "secret")]));
    assert_eq!((answer.from, answer.field("a")), (From::Validated, Some("secret")));
    let other = cache.get(&[], reply(304, &[tag]));
    assert_eq!((other.from, other.field("a")), (From::Validated, None));
}

#[test]
fn a_head_freshens_what_is_stored() {
    let story = |stored: &[(&str, &str)], replied: &[(&str, &str)]| {
        let mut cache = Cache::new(suite());
        cache.get(
            &[],
            reply(
                200,
                &[&[("cache-control", "max-age=2"), ("template-a", "1")][..], stored].concat(),
            ),
        );
        cache.wait(3);
        // head-writethrough.
        let head = cache.request("HEAD", "/", &[], |_| reply_with(200, replied, ""));
        assert_eq!((head.from, &*head.content), (From::Origin, ""));
        (head, cache)
    };
    let longer = ("cache-control", "max-age=1000");
    let (head, _) = story(&[], &[]);
    assert_eq!(head.field("template-a"), Some("1"), "head-200-retain");
    let (_, mut cache) = story(&[], &[longer]);
    assert_eq!(cache.get(&[], None).from, From::Store, "head-200-freshness-update");
    let (_, mut cache) = story(&[], &[longer, ("template-a", "2")]);
    let get = cache.get(&[], None);
    assert_eq!((get.from, get.field("template-a")), (From::Store, Some("2")), "head-200-update");
    for (stored, replied) in [
        (("etag", "\"a\""), ("etag", "\"b\"")),
        (("last-modified", "@-60"), ("last-modified", "@-59")),
        (("content-length", "7"), ("content-length", "8")),
        (("content-length", "7"), ("content-length", "x")),
        (("x", ""), ("content-encoding", "gzip")),
    ] {
        let (_, mut cache) = story(&[stored], &[replied, longer]);
        assert_eq!(cache.get(&[], reply(200, &[])).from, From::Origin, "{replied:?}");
    }
}

#[test]
fn a_head_is_answered_from_a_get() {
    let mut cache = Cache::new(suite());
    cache.get(&[], reply(200, &FRESH));
    let head = cache.request("HEAD", "/", &[("range", "bytes=0-1")], |_| None);
    assert_eq!((head.from, head.status, &*head.content), (From::Store, 200, ""));
    assert_eq!(head.field("content-length"), Some("7"));
    let mut cache = Cache::new(suite());
    cache.request("HEAD", "/", &[], |_| reply(200, &FRESH));
    assert_eq!(
        cache.get(&[], reply(200, &[])).from,
        From::Origin,
        "a HEAD has no content to store"
    );
}
