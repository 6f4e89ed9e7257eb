use super::{Fetch, prepare};
use crate::rules::{Completion, Policy, Span};
use http::header::{HeaderMap, HeaderName, HeaderValue};

fn head(fields: &[(&'static str, &'static str)]) -> HeaderMap {
    let field = |(name, value): &(&'static str, &'static str)| {
        (HeaderName::from_static(name), HeaderValue::from_static(value))
    };
    fields.iter().map(field).collect()
}

const CLIENT: [(&str, &str); 9] = [
    ("x-forwarded-host", "evil.example"),
    ("x-http-method-override", "DELETE"),
    ("x-original-url", "/admin"),
    ("accept-encoding", "GZIP;q=0.5, odd, br"),
    ("if-none-match", "\"client\""),
    ("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT"),
    ("range", "bytes=0-1"),
    ("if-range", "\"client\""),
    ("cookie", "a=b"),
];

#[test]
fn what_no_key_has_does_not_reach_the_origin() {
    let mut sent = head(&CLIENT);
    prepare(&mut sent, Fetch::Miss, &Policy::default());
    let left = [
        ("accept-encoding", "br, gzip"),
        ("range", "bytes=0-1"),
        ("if-range", "\"client\""),
        ("cookie", "a=b"),
    ];
    assert_eq!(sent, head(&left));
}

#[test]
fn what_a_key_has_may() {
    let policy = Policy {
        key_fields: vec![HeaderName::from_static("x-forwarded-host")],
        codings: Vec::new(),
        ..Policy::default()
    };
    let mut sent = head(&CLIENT);
    prepare(&mut sent, Fetch::Miss, &policy);
    assert_eq!(sent["x-forwarded-host"], "evil.example");
    assert_eq!(sent["accept-encoding"], "GZIP;q=0.5, odd, br");
}

#[test]
fn a_request_past_the_store_is_left_alone() {
    let mut sent = head(&CLIENT);
    prepare(&mut sent, Fetch::Pass, &Policy::default());
    assert_eq!(sent, head(&CLIENT));
}

#[test]
fn a_completion_asks_for_its_range() {
    let completion = |if_range| Completion {
        range: HeaderValue::from_static("bytes=5-"),
        if_range,
        gap: Span { first: 5, last: 9 },
    };
    let mut sent = head(&CLIENT);
    let tag = HeaderValue::from_static("\"t\"");
    prepare(&mut sent, Fetch::Complete(&completion(Some(tag))), &Policy::default());
    assert_eq!(
        (&sent["range"], &sent["if-range"]),
        (&HeaderValue::from_static("bytes=5-"), &HeaderValue::from_static("\"t\""))
    );
    prepare(&mut sent, Fetch::Complete(&completion(None)), &Policy::default());
    assert!(!sent.contains_key("if-range"));
}

#[test]
fn variants_are_offered_by_their_tags() {
    let mut sent = head(&CLIENT);
    let tags = ["\"a\"", "W/\"b\""].map(HeaderValue::from_static);
    prepare(&mut sent, Fetch::Variants(&tags), &Policy::default());
    assert_eq!(sent["if-none-match"], "\"a\", W/\"b\"");
    prepare(&mut sent, Fetch::Variants(&[]), &Policy::default());
    assert!(!sent.contains_key("if-none-match"));
}

#[test]
fn codings_that_cannot_be_sent_are_left_out() {
    let policy = Policy { codings: vec!["\n".into()], ..Policy::default() };
    let mut sent = head(&[("accept-encoding", "*")]);
    prepare(&mut sent, Fetch::Miss, &policy);
    assert!(!sent.contains_key("accept-encoding"));
}

#[test]
fn no_spelling_of_what_no_key_has_reaches_the_origin() {
    let fields = [
        ("x_forwarded_host", "evil.example"),
        ("x-forwarded_host", "evil.example"),
        ("x_http-method-override", "DELETE"),
        ("content-type", "evil"),
        ("content-length", "0"),
        ("forwarded", "host=evil.example"),
        ("x-forwarded-hostess", "stays"),
    ];
    let mut sent = head(&fields);
    prepare(&mut sent, Fetch::Miss, &Policy::default());
    assert_eq!(sent, head(&[("x-forwarded-hostess", "stays")]));
    let policy = Policy {
        key_fields: vec![HeaderName::from_static("content-type")],
        unkeyed_removed: vec![HeaderName::from_static("x_theme")],
        ..Policy::default()
    };
    let mut sent = head(&[("content-type", "keyed"), ("x-theme", "evil"), ("forwarded", "stays")]);
    prepare(&mut sent, Fetch::Miss, &policy);
    assert_eq!(sent, head(&[("content-type", "keyed"), ("forwarded", "stays")]));
}
