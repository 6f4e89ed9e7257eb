use super::Target;
use crate::rules::Policy;
use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

fn target(path_and_query: &str) -> Target {
    Target::new("https", "example.org", path_and_query, &Policy::default())
}

fn same(one: &Target, other: &Target) -> bool {
    let key = |target: &Target| target.key(&HeaderMap::new(), &Policy::default());
    key(one) == key(other)
}

#[test]
fn what_differs_has_different_keys() {
    let base = target("/a?b=1");
    for other in [
        target("/a?b=2"),
        target("/a"),
        target("/a?"),
        target("/A?b=1"),
        target("/a/?b=1"),
        target("/./a?b=1"),
        target("/a%3Fb=1"),
        target("/x/../a?b=1"),
        target("/a?b=1&"),
        Target::new("http", "example.org", "/a?b=1", &Policy::default()),
        Target::new("https", "example.org:80", "/a?b=1", &Policy::default()),
        Target::new("https", "example.com", "/a?b=1", &Policy::default()),
    ] {
        assert!(!same(&base, &other), "{other:?}");
    }
}

#[test]
fn equivalent_spellings_have_one_key_and_are_sent_as_one() {
    let base = target("/a-b%2F?c=%C3%BC");
    for (scheme, authority, path) in [
        ("HTTPS", "Example.ORG:443", "/a-b%2F?c=%C3%BC"),
        ("https", "example.org", "/%61%2d%62%2f?%63=%c3%bc"),
    ] {
        let other = Target::new(scheme, authority, path, &Policy::default());
        assert!(same(&base, &other), "{other:?}");
        assert_eq!(other.path_and_query(), base.path_and_query());
    }
    assert_eq!(target("").path_and_query(), "/");
    assert_eq!(target("?x").path_and_query(), "/?x");
    assert_eq!(target("/%").path_and_query(), "/%");
    assert_eq!(target("/%4").path_and_query(), "/%4");
    assert_eq!(target("/%zz%%41").path_and_query(), "/%zz%A");
}

#[test]
fn parameters_left_out_and_sorted() {
    let policy = Policy {
        query_ignored: vec!["utm_*".into(), "fbclid".into()],
        query_sorted: true,
        ..Policy::default()
    };
    let spelled = |path: &str| Target::new("https", "a", path, &policy).path_and_query().to_owned();
    assert_eq!(spelled("/?z=1&utm_source=x&a=2&fbclid&a=1"), "/?a=2&a=1&z=1");
    assert_eq!(spelled("/?utm_source=x"), "/");
    assert_eq!(spelled("/?utm%5Fsource=x"), "/", "an encoding does not hide a name");
    assert_eq!(spelled("/?fbclid2=x"), "/?fbclid2=x");
}

#[test]
fn fields_can_be_part_of_every_key() {
    let policy =
        Policy { key_fields: vec![HeaderName::from_static("x-tenant")], ..Policy::default() };
    let key = |tenant: Option<&'static str>| {
        let mut headers = HeaderMap::new();
        if let Some(tenant) = tenant {
            headers.insert("x-tenant", HeaderValue::from_static(tenant));
        }
        target("/").key(&headers, &policy)
    };
    assert_ne!(key(Some("a")), key(Some("b")));
    assert_ne!(key(Some("")), key(None));
    assert_eq!(key(Some(" a")), key(Some("a")));
}

#[test]
fn references_elsewhere_are_not_followed() {
    let base = target("/x/y?q");
    for elsewhere in [
        "http://example.org/a",
        "https://example.com/a",
        "//example.com/a",
        "mailto:a@b",
        "https:a",
        "https://example.org:444/a",
        "https://example.org@evil/a",
    ] {
        assert_eq!(base.same_origin(elsewhere, &Policy::default()), None, "{elsewhere}");
    }
}

#[test]
fn references_are_resolved() {
    let base = target("/x/y?q");
    for (reference, path) in [
        ("", "/x/y?q"),
        ("#f", "/x/y?q"),
        ("?z", "/x/y?z"),
        ("z", "/x/z"),
        ("../z#f", "/z"),
        ("./", "/x/"),
        ("..", "/"),
        ("../../../z", "/z"),
        ("/z/./a/../b?c/../d", "/z/b?c/../d"),
        ("//example.org/z", "/z"),
        ("https://EXAMPLE.org:443/z/../a", "/a"),
        ("https://example.org", "/"),
        ("https://example.org?x", "/?x"),
        ("a:b/c", "/x/a:b/c"),
    ] {
        let resolved = base.same_origin(reference, &Policy::default());
        let wanted = if reference == "a:b/c" { None } else { Some(target(path)) };
        assert_eq!(resolved, wanted, "{reference}");
    }
}

proptest! {
    #[test]
    fn no_text_panics_and_one_spelling_stays(text in "[/?%&=#:.a-f0-9ü*]{0,30}", other: String) {
        for text in [text, other] {
            let once = target(&text);
            let twice = target(once.path_and_query());
            prop_assert_eq!(once.path_and_query(), twice.path_and_query());
            let _ = once.same_origin(&text, &Policy::default());
        }
    }
}
