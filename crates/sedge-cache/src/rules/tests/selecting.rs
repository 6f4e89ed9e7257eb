//! Which stored response a request selects.

use super::cache::reply_with;
use super::{Cache, From, Policy, reply, suite};

/// Whether the response to a request with `one` answers a request with `other`.
fn serves(vary: &[&str], one: &[(&str, &str)], other: &[(&str, &str)]) -> bool {
    let mut cache = Cache::new(suite());
    let mut fields =
        vec![("cache-control", "max-age=5000"), ("last-modified", "@-3000"), ("date", "@0")];
    fields.extend(vary.iter().map(|line| ("vary", *line)));
    cache.get(one, reply(200, &fields));
    cache.get(other, reply(200, &[])).from == From::Store
}

#[test]
fn a_star_is_never_reused() {
    let request = [("foo", "1"), ("baz", "789")];
    for (name, vary) in [
        ("vary-star", &["*"][..]),
        ("vary-syntax-star-star", &["*, *"]),
        ("vary-syntax-star-star-lines", &["*", "*"]),
        ("vary-syntax-empty-star", &[", *"]),
        ("vary-syntax-empty-star-lines", &["", "*"]),
        ("vary-syntax-star-foo", &["*, Foo"]),
        ("vary-syntax-foo-star", &["Foo, *"]),
    ] {
        assert!(!serves(vary, &request, &request), "{name}");
    }
}

#[test]
fn by_the_fields_that_vary_names() {
    let foo = |value| [("foo", value)];
    let three = [("foo", "1"), ("bar", "abc"), ("baz", "789")];
    assert!(serves(&["Foo"], &foo("1"), &foo("1")), "vary-match");
    assert!(!serves(&["Foo"], &foo("1"), &foo("2")), "vary-no-match");
    assert!(!serves(&["Foo"], &[], &foo("1")), "vary-omit-stored");
    assert!(!serves(&["Foo"], &foo("1"), &[]), "vary-omit");
    let other = |value| [("foo", "1"), ("other", value)];
    assert!(serves(&["Foo"], &other("2"), &other("3")), "vary-cache-key");
    assert!(serves(&["Foo, Bar"], &three, &three), "vary-2-match");
    assert!(!serves(&["Foo, Bar"], &three, &[("foo", "2"), ("bar", "abc")]), "vary-2-no-match");
    assert!(!serves(&["Foo, Bar"], &three, &[]), "vary-2-match-omit");
    assert!(serves(&["Foo, Bar, Baz"], &three, &three), "vary-3-match");
    let changed = [("foo", "2"), ("bar", "abc"), ("baz", "789")];
    assert!(!serves(&["Foo, Bar, Baz"], &three, &changed), "vary-3-no-match");
    let order = [("foo", "1"), ("baz", "789"), ("bar", "abcde")];
    assert!(!serves(&["Foo, Bar, Baz"], &three, &order), "vary-3-order");
    let without = [("foo", "1"), ("baz", "789")];
    assert!(serves(&["Foo, Bar, Baz"], &without, &without), "vary-3-omit");
}

#[test]
fn in_one_spelling() {
    let lines = [("foo", "1"), ("foo", "2")];
    assert!(serves(&["Foo"], &[("foo", "1, 2")], &lines), "vary-normalise-combine");
    assert!(serves(&["Foo"], &[("foo", "1,2")], &[("foo", " 1, 2 ")]), "vary-normalise-space");
    let wants = |value| [("accept-language", value)];
    for (name, other) in [
        ("vary-normalise-lang-order", "de, en"),
        ("vary-normalise-lang-case", "eN, De"),
        ("vary-normalise-lang-space", " en ,   de"),
    ] {
        assert!(serves(&["Accept-Language"], &wants("en, de"), &wants(other)), "{name}");
    }
}

#[test]
fn by_the_language_most_wanted() {
    let story = |policy: Policy, wanted: &str| {
        let mut cache = Cache::new(policy);
        let fields = [
            ("cache-control", "max-age=5000"),
            ("vary", "Accept-Language"),
            ("content-language", "de"),
        ];
        cache.get(&[("accept-language", "en, de")], reply(200, &fields));
        cache.get(&[("accept-language", wanted)], reply(200, &[])).from
    };
    let wanted = "fr;q=0.5, de;q=1.0";
    assert_eq!(story(suite(), wanted), From::Store, "vary-normalise-lang-select");
    assert_eq!(story(suite(), "fr, de;q=0.5"), From::Origin);
    assert_eq!(story(Policy { select_language: false, ..suite() }, wanted), From::Origin);
}

#[test]
fn several_variants_live_side_by_side() {
    let mut cache = Cache::new(suite());
    let fields = [("cache-control", "max-age=5000"), ("vary", "Foo")];
    for value in ["1", "2"] {
        let came = cache.get(&[("foo", value)], reply_with(200, &fields, value));
        assert_eq!(came.from, From::Origin);
    }
    for value in ["1", "2"] {
        let again = cache.get(&[("foo", value)], None);
        assert_eq!((again.from, &*again.content), (From::Store, value), "vary-invalidate");
    }
}

#[test]
fn the_origin_may_say_that_another_variant_will_do() {
    // conditional-etag-vary-headers-mismatch.
    let mut cache = Cache::new(suite());
    let fields = [("expires", "@10000"), ("etag", "\"abcdef\""), ("date", "@0"), ("vary", "Abc")];
    cache.get(&[("abc", "123")], reply(200, &fields));
    let other = cache.get(&[("abc", "456")], reply(200, &[]));
    assert_eq!(other.sent("if-none-match"), Some("\"abcdef\""));
}

#[test]
fn targets_are_apart_and_queries_are_part_of_them() {
    let mut cache = Cache::new(suite());
    let fresh = [("cache-control", "max-age=9")];
    cache.request("GET", "/?test=1", &[], |_| reply(200, &fresh));
    let mut from = |path: &str| cache.request("GET", path, &[], |_| reply(200, &[])).from;
    assert_eq!(from("/?test=2"), From::Origin, "query-args-different");
    assert_eq!(from("/?test=1"), From::Store, "query-args-same");
}
