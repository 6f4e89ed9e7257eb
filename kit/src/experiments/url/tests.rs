use super::*;
use proptest::prelude::*;

fn is_simple(pattern: &str, url: &str) -> bool {
    is_targeted(Url::of_visitor(url).as_ref(), &[Target::simple(pattern, true)])
}

#[test]
fn simple_targets() {
    for (pattern, urls, others) in [
        (
            "https://example.com/pricing",
            &[
                "https://example.com/pricing",
                "HTTP://EXAMPLE.com/Pricing/?a=1#b",
                "//u:p@example.com/pricing",
            ][..],
            &[
                "https://example.com/",
                "https://www.example.com/pricing",
                "https://example.com/pricing/x",
            ][..],
        ),
        (
            "example.com",
            &["http://example.com:80/", "https://example.com:443"],
            &["https://example.com:8080/", "/"],
        ),
        (
            "/pricing/*/",
            &["https://a.org/pricing/1", "/pricing/1/2/", "pricing/"],
            &["/prices/1", "/pricing"],
        ),
        ("*.example.com/*", &["https://a.example.com/b"], &["https://example.com/b"]),
        (
            "/a?size=l*&color=red",
            &["/a?color=red&x=1&size=large", "/a?size=%6C&color=red"],
            &["/a?size=l", "/a?size=xl&color=red"],
        ),
        ("/a#top", &["/a#TOP"], &["/a", "/a#bottom"]),
        ("/a.html", &["https://x/a.html"], &["https://x/ahtml"]),
        ("", &["https://x/", "https://x"], &["https://x/a"]),
    ] {
        for url in urls {
            assert!(is_simple(pattern, url), "{pattern} {url}");
        }
        for url in others {
            assert!(!is_simple(pattern, url), "{pattern} {url}");
        }
    }
}

#[test]
fn targets_that_are_left_out_win() {
    let pattern = |text, is_included| {
        Target::pattern(Pattern::new(text, false).expect("a pattern"), is_included)
    };
    let check = |targets: &[Target], url| is_targeted(Url::of_visitor(url).as_ref(), targets);
    let both = [Target::simple("/shop/*", true), pattern("/shop/admin", false)];
    assert!(check(&both, "/shop/a") && !check(&both, "/shop/admin/b") && !check(&both, "/"));
    let only_out = [pattern("^/private", false)];
    assert!(check(&only_out, "/a") && !check(&only_out, "https://x.org/private"));
    assert!(!check(&[], "/a"), "no target is no URL");
    assert!(!is_targeted(None, &both));
}

#[test]
fn long_urls_are_nothing() {
    let long = format!("/{}?t=1", "a".repeat(URL_BYTES_MAX));
    assert!(Url::of_visitor(&long).is_none());
    assert_eq!(query_override("t", &long, 2), None);
}

#[test]
fn a_parameter_asks_for_a_variation() {
    for (url, index) in [
        ("/?test=1", Some(1)),
        ("?a=b&te%73t=0#test=1", Some(0)),
        ("/?test=1&test=0", Some(1)),
        ("/?test=01", Some(1)),
        ("/#?test=1", Some(1)),
        ("/?test=2", None),
        ("/?test=+1", None),
        ("/?test=-0", None),
        ("/?test=1.0", None),
        ("/?test=", None),
        ("/?test=99999999999999999999999", None),
        ("/?Test=1", None),
        ("test=1", None),
    ] {
        assert_eq!(query_override("test", url, 2), index, "{url}");
    }
}

#[test]
fn parameters_are_taken_along() {
    let from = Url::of_visitor("/?a=1&b=%20&a=2&c").expect("a URL");
    for (to, whole) in [
        ("https://x.org/", "https://x.org/?a=1&b=%20&a=2&c="),
        ("/y?", "/y?a=1&b=%20&a=2&c="),
        ("/y?a=9#top", "/y?a=9&b=%20&c=#top"),
        ("/y?%61&b&c", "/y?%61&b&c"),
    ] {
        assert_eq!(with_query_of(to, &from), whole);
    }
    let none = Url::of_visitor("/").expect("a URL");
    assert_eq!(with_query_of("/y?#a", &none), "/y?#a");
}

proptest! {
    #[test]
    fn nothing_panics(pattern: String, url: String) {
        is_simple(&pattern, &url);
        if let Some(parsed) = Url::of_visitor(&url) {
            with_query_of(&pattern, &parsed);
        }
        query_override(&pattern, &url, 3);
    }

    #[test]
    fn stars_stand_for_anything(parts in prop::collection::vec("[a-c]{0,3}", 1..5), fill in "[a-d]{0,3}") {
        prop_assert!(is_glob(&parts.join("*"), &parts.join(&fill)));
        prop_assert_eq!(is_glob(&parts.concat(), &fill), parts.concat() == fill);
    }

    #[test]
    fn what_is_decoded_is_what_was_encoded(text: String) {
        let encoded: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
        prop_assert_eq!(decoded(&encoded), text);
    }
}
