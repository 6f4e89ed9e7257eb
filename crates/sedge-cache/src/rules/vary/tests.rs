use super::{
    AVAILABLE_DICTIONARY, BadVary, language, matches, matches_by_language, names, normalized,
    values,
};
use crate::rules::Policy;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

fn head(fields: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

#[test]
fn a_star_anywhere_keeps_a_response_out() {
    for lines in [
        &["*"][..],
        &["*, *"],
        &["*", "*"],
        &[", *"],
        &["", "*"],
        &["*, Foo"],
        &["Foo, *"],
        &["Foo, b a r"],
        &["\u{fc}"],
    ] {
        let fields: Vec<_> = lines.iter().map(|line| ("vary", *line)).collect();
        assert_eq!(names(&head(&fields)), Err(BadVary::Star), "{lines:?}");
    }
    let many = (0..33).map(|number| format!("x{number}")).collect::<Vec<_>>().join(",");
    assert_eq!(names(&head(&[("vary", &many)])), Err(BadVary::Long));
}

#[test]
fn names_come_sorted_and_once() {
    let headers = head(&[("vary", "Foo, bar"), ("vary", ""), ("vary", "FOO,")]);
    let names = names(&headers).unwrap();
    assert_eq!(names, [HeaderName::from_static("bar"), HeaderName::from_static("foo")]);
    assert!(super::names(&HeaderMap::new()).unwrap().is_empty());
}

/// Whether a response made for a request with `one` serves one with `other`.
fn serves(vary: &str, one: &[(&str, &str)], other: &[(&str, &str)]) -> bool {
    let policy = Policy::default();
    let names = names(&head(&[("vary", vary)])).unwrap();
    matches(&head(other), &values(&head(one), &names, &policy), &policy)
}

#[test]
fn what_differs_does_not_match() {
    assert!(!serves("foo", &[("foo", "1")], &[("foo", "2")]));
    assert!(!serves("foo", &[], &[("foo", "1")]));
    assert!(!serves("foo", &[("foo", "1")], &[]));
    assert!(!serves("foo", &[("foo", "")], &[]));
    assert!(!serves("foo", &[("foo", "a")], &[("foo", "A")]), "case can mean something");
    assert!(!serves("foo", &[("foo", "1,2")], &[("foo", "2,1")]), "order can mean something");
    assert!(
        !serves("foo", &[("foo", "\"a, b\"")], &[("foo", "\"a,b\"")]),
        "so can spaces in quotes"
    );
    let three = [("foo", "1"), ("bar", "abc"), ("baz", "789")];
    assert!(!serves("foo, bar", &three, &[("foo", "2"), ("bar", "abc")]));
    assert!(!serves("foo, bar", &three, &[]));
    assert!(!serves("foo, bar, baz", &three, &[("foo", "1"), ("baz", "789"), ("bar", "abcde")]));
}

#[test]
fn what_means_the_same_matches() {
    assert!(serves("foo", &[("foo", "1")], &[("foo", "1"), ("other", "3")]));
    assert!(serves("foo", &[("foo", "1, 2")], &[("foo", "1"), ("foo", "2")]));
    assert!(serves("foo", &[("foo", "1,2")], &[("foo", " 1, 2 ")]));
    let three = [("foo", "1"), ("bar", "abc"), ("baz", "789")];
    assert!(serves("Foo, Bar, Baz", &three, &[("baz", "789"), ("bar", "abc"), ("foo", "1")]));
    assert!(serves("foo, bar, baz", &[("foo", "1")], &[("foo", "1")]), "absent in both");
    for other in ["de, en", "eN, De", " en ,   de", "en,de;q=1", "de;q=1.0, en"] {
        let language = |value| [("accept-language", value)];
        assert!(serves("accept-language", &language("en, de"), &language(other)), "{other}");
    }
    let language = |value| [("accept-language", value)];
    assert!(!serves("accept-language", &language("en, de"), &language("en, de;q=0.9")));
    for other in ["en,, de", ",en, de", "en, de,", "en;x=y, de", "en, de;q=2", "en, d\u{e9}", ""] {
        assert!(!serves("accept-language", &language("en, de"), &language(other)), "{other}");
    }
    assert!(!serves("accept-language", &language("en"), &language("en;0,")));
    for other in ["1,", ",1", "1,,", ", 1"] {
        assert!(!serves("foo", &[("foo", "1")], &[("foo", other)]), "{other}");
    }
}

#[test]
fn codings_are_those_of_the_policy() {
    let value = |accept: &str| {
        let headers = head(&[("accept-encoding", accept)]);
        let name = HeaderName::from_static("accept-encoding");
        let value = normalized(&headers, &name, &Policy::default()).unwrap();
        String::from_utf8(value.into()).unwrap()
    };
    assert_eq!(value("gzip, deflate, br, foo"), "br, gzip");
    assert_eq!(value("BR;q=0.1,GZIP;q=0"), "br");
    assert_eq!(value("*"), "br, gzip, zstd");
    assert_eq!(value("*;q=0, gzip"), "gzip");
    assert_eq!(value("gzip, gzip;q=0"), "", "the more restrictive");
    assert_eq!(value("identity"), "");
    assert_eq!(value(""), "");
}

#[test]
fn a_coding_with_a_dictionary_is_for_who_has_it() {
    let accept = ("accept-encoding", "gzip, br, dcz, dcb");
    let has = |digest: &'static str| [accept, ("available-dictionary", digest)];
    let name = HeaderName::from_static("accept-encoding");
    let value = |request: &[(&str, &str)]| {
        let value = normalized(&head(request), &name, &Policy::default()).unwrap();
        String::from_utf8(value.into()).unwrap()
    };
    assert_eq!(value(&[accept]), "br, gzip", "it has none");
    assert_eq!(value(&has(":a:")), "br, gzip, dcb, dcz");
    for (site, codings) in [
        ("same-origin", "br, gzip, dcb, dcz"),
        ("none", "br, gzip, dcb, dcz"),
        ("same-site", "br, gzip"),
        ("cross-site", "br, gzip"),
    ] {
        let request = [accept, ("available-dictionary", ":a:"), ("sec-fetch-site", site)];
        assert_eq!(value(&request), codings, "{site}");
    }
    let all = [("accept-encoding", "*"), ("available-dictionary", ":a:")];
    assert_eq!(value(&all), "br, gzip, zstd", "nobody means these by a star");
    // Though `Vary` does not say so, one made with a dictionary is for those who have it.
    let coded = |coding: &str| names(&head(&[("content-encoding", coding)])).unwrap();
    assert_eq!(coded("br"), std::slice::from_ref(&name));
    for coding in ["dcz", "DCB", "gzip, dcz"] {
        assert_eq!(coded(coding), [name.clone(), AVAILABLE_DICTIONARY], "{coding}");
        let policy = Policy::default();
        let made_for = values(&head(&has(":a:")), &coded(coding), &policy);
        assert!(matches(&head(&has(":a:")), &made_for, &policy));
        assert!(!matches(&head(&has(":b:")), &made_for, &policy));
        assert!(!matches(&head(&[accept]), &made_for, &policy));
    }
}

#[test]
fn the_language_most_wanted_selects() {
    let policy = Policy::default();
    let fields = |vary: &str, request: &[(&str, &str)]| {
        values(&head(request), &names(&head(&[("vary", vary)])).unwrap(), &policy)
    };
    let made_for = fields("accept-language", &[("accept-language", "en, de")]);
    let selects = |accept: &str, content: &[u8]| {
        let request = head(&[("accept-language", accept)]);
        matches_by_language(&request, &made_for, Some(content), &policy)
    };
    assert!(selects("fr;q=0.5, de;q=1.0", b"de"));
    assert!(selects("DE", b"de"));
    assert!(!selects("fr, de", b"de"), "no one language is wanted most");
    assert!(!selects("fr, de;q=0.9", b"de"));
    assert!(!selects("de-AT", b"de"), "a range is not looked up");
    assert!(!selects("de;q=0", b"de"));
    assert!(!selects("", b"de"));
    let also_foo = fields("accept-language, foo", &[("accept-language", "en"), ("foo", "1")]);
    let request = head(&[("accept-language", "de"), ("foo", "2")]);
    assert!(!matches_by_language(&request, &also_foo, Some(b"de"), &policy));
    assert_eq!(language(&head(&[("content-language", "De")])).as_deref(), Some(&b"de"[..]));
    assert_eq!(language(&head(&[("content-language", "de, en")])), None);
}

proptest! {
    #[test]
    fn no_bytes_panic_and_like_matches_like(lines: Vec<Vec<u8>>) {
        let policy = Policy::default();
        let mut headers = HeaderMap::new();
        for line in &lines {
            if let Ok(value) = HeaderValue::from_bytes(line) {
                for name in ["foo", "accept-language", "accept-encoding", "vary", "content-language"] {
                    headers.append(name, value.clone());
                }
            }
        }
        let _ = names(&headers);
        let all = ["foo", "accept-language", "accept-encoding"].map(HeaderName::from_static);
        let fields = values(&headers, &all, &policy);
        prop_assert!(matches(&headers, &fields, &policy));
        matches_by_language(&headers, &fields, language(&headers).as_deref(), &policy);
    }
}

#[test]
fn what_shows_that_it_varies_does() {
    for (fields, expected) in [
        (&[("content-encoding", "gzip")][..], &["accept-encoding"][..]),
        (&[("content-encoding", "gzip"), ("vary", "Accept-Encoding")], &["accept-encoding"]),
        (&[("access-control-allow-origin", "http://a.test")], &["origin"]),
        (&[("access-control-allow-origin", "null")], &["origin"]),
        (
            &[("access-control-allow-origin", "a"), ("content-encoding", "br")],
            &["accept-encoding", "origin"],
        ),
        (&[("content-encoding", "Identity")], &[]),
        (&[("access-control-allow-origin", "*")], &[]),
    ] {
        let names = names(&head(fields)).unwrap();
        let names: Vec<&str> = names.iter().map(HeaderName::as_str).collect();
        assert_eq!(names, expected, "{fields:?}");
    }
}
