use super::{Invalidated, invalidated};
use crate::rules::{Policy, Target};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

fn after(method: &Method, status: u16, fields: &[(&'static str, &'static str)]) -> Invalidated {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, HeaderValue::from_static(value));
    }
    let target = Target::new("https", "example.org", "/a", &Policy::default());
    let status = StatusCode::from_u16(status).unwrap();
    invalidated(method, &target, status, &headers, &Policy::default())
}

#[test]
fn safe_methods_and_failures_make_nothing_invalid() {
    let groups = [("cache-group-invalidation", "\"g\""), ("location", "/b")];
    for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE] {
        assert_eq!(after(&method, 200, &groups), Invalidated::default(), "{method}");
    }
    for status in [100, 400, 404, 500, 503, 999] {
        assert_eq!(after(&Method::POST, status, &groups), Invalidated::default(), "{status}");
    }
}

#[test]
fn the_target_and_what_the_response_names() {
    let paths = |fields: &[(&'static str, &'static str)]| -> Vec<String> {
        let targets = after(&Method::POST, 201, fields).targets.into_iter();
        targets.map(|target| target.path_and_query().to_owned()).collect()
    };
    assert_eq!(paths(&[]), ["/a"]);
    assert_eq!(paths(&[("location", "b?c"), ("content-location", "/a")]), ["/a", "/b?c"]);
    assert_eq!(
        paths(&[("location", "https://example.com/b"), ("content-location", "mailto:x")]),
        ["/a"]
    );
}

#[test]
fn groups() {
    let named = |value: &'static str| {
        after(&Method::PUT, 204, &[("cache-group-invalidation", value)]).groups
    };
    assert_eq!(named("\"a\", \"b c\";x"), ["a".into(), "b c".into()]);
    assert!(named("a, b").is_empty());
}
