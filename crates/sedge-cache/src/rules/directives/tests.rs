use super::{RequestDirectives, ResponseControl, ResponseDirectives, age_s};
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

fn read(fields: &[(&str, &str)]) -> ResponseControl {
    let targeted = [HeaderName::from_static("cdn-cache-control")];
    ResponseControl::read(&head(fields), &targeted)
}

fn of(cache_control: &str) -> ResponseDirectives {
    read(&[("cache-control", cache_control)]).directives
}

#[test]
fn a_lifetime_that_is_no_number_is_zero() {
    for bad in [
        "max-age",
        "max-age=",
        "max-age=-1",
        "max-age='3600'",
        "max-age=3600.0",
        "max-age=a1",
        "max-age=1a",
        "max-age =3600",
        "max-age= 3600",
        "max-age=\"\"",
        "max-age=\"3600",
        "max-age=\"3600\"x",
        "max-age\t=1",
    ] {
        assert_eq!(of(bad).max_age, Some(0), "{bad}");
    }
}

#[test]
fn lifetimes() {
    for (text, seconds) in [
        ("max-age=3600", Some(3600)),
        ("MaX-aGe=\"3600\"", Some(3600)),
        ("max-age=003600", Some(3600)),
        ("max-age=99999999999", Some(1 << 31)),
        ("foobar, max-age=7", Some(7)),
        ("extension=\"max-age=3600\", max-age=1", Some(1)),
        ("max-age=1, extension=\"max-age=3600\"", Some(1)),
        ("max-age=1800, max-age=1", Some(1)),
        ("max-age=1, max-age=1800", Some(1)),
        ("maxage=1", None),
        ("x-max-age=1", None),
    ] {
        assert_eq!(of(text).max_age, seconds, "{text}");
    }
    let lines = read(&[("cache-control", "max-age=3600"), ("cache-control", "s-maxage=1")]);
    assert_eq!(lines.directives.lifetime_s(), Some(1));
    let said = of("max-age=1, stale-while-revalidate=2, stale-if-error=3");
    assert_eq!((said.stale_while_revalidate, said.stale_if_error), (Some(2), Some(3)));
}

#[test]
fn flags_in_any_case_and_even_with_arguments() {
    let flags = of("No-StOrE, PUBLIC=1, must-revalidate,proxy-revalidate, must-understand,\
                    no-transform, immutable, no-cache, private");
    let wanted = ResponseDirectives {
        no_store: true,
        no_cache: true,
        private: true,
        public: true,
        must_revalidate: true,
        proxy_revalidate: true,
        must_understand: true,
        no_transform: true,
        immutable: true,
        ..ResponseDirectives::default()
    };
    assert_eq!(flags, wanted);
    assert!(of("a=\"x, no-store").no_store, "an unclosed quote hides nothing");
    assert!(!of("a=\"x, no-store\"").no_store);
}

#[test]
fn qualified_directives_name_fields_and_bad_ones_mean_all() {
    let control = read(&[("cache-control", "no-cache=\"A, b\", private=\"set-cookie\"")]);
    assert!(!control.directives.no_cache && !control.directives.private);
    let names: Vec<_> = control.withheld.iter().map(HeaderName::as_str).collect();
    assert_eq!(names, ["a", "b", "set-cookie"]);
    assert!(!of("private=x").private);
    for bad in [
        "no-cache=\"\"",
        "no-cache=\"a b\"",
        "no-cache=",
        "no-cache=\"a, \\\"\"",
        "no-cache =\"a\"",
    ] {
        assert!(of(bad).no_cache, "{bad}");
    }
    assert!(of("no-cache=\"a\", no-cache").no_cache);
}

#[test]
fn a_bad_targeted_field_is_as_if_absent() {
    for bad in [
        "",
        "  ",
        "max-age=10000, &&&&&",
        "max-age=\"10000\"",
        "max-age =100",
        "max-age= 100",
        "MaX-aGe=3600",
        "max-age=1.5",
        "max-age",
        "no-store=3",
        "private=(a)",
        "max-age=1,",
    ] {
        let control = read(&[("cdn-cache-control", bad), ("cache-control", "max-age=7")]);
        assert!(!control.directives.targeted, "{bad}");
        assert_eq!(control.directives.max_age, Some(7), "{bad}");
    }
}

#[test]
fn a_targeted_field_stands_instead_of_cache_control() {
    let targeted = |value: &str| {
        read(&[("cdn-cache-control", value), ("cache-control", "no-store, max-age=7")]).directives
    };
    let long = targeted("max-age=99999999999");
    assert!(long.targeted && !long.no_store);
    assert_eq!(long.max_age, Some(1 << 31));
    assert_eq!(targeted("foobar, max-age=3;x=1").max_age, Some(3));
    assert_eq!(targeted("max-age=-3").max_age, Some(0));
    assert_eq!(targeted("max-age=1, max-age=2").max_age, Some(2), "the last, RFC 9651 §3.2");
    assert!(targeted("private").private && targeted("no-cache").no_cache);
    assert!(targeted("no-store").no_store && !targeted("no-store=?0").no_store);
    let lines =
        read(&[("cdn-cache-control", "max-age=1"), ("cdn-cache-control", "no-cache=\"a\"")]);
    assert_eq!(lines.directives.max_age, Some(1));
    assert_eq!(lines.withheld, [HeaderName::from_static("a")]);
}

#[test]
fn s_maxage_forbids_staleness_that_nobody_allowed() {
    assert!(of("s-maxage=1").forbids_stale(None));
    assert!(!of("s-maxage=1").forbids_stale(Some(60)));
    assert!(!of("max-age=1").forbids_stale(None));
    for never in ["must-revalidate", "proxy-revalidate", "no-cache"] {
        assert!(of(never).forbids_stale(Some(60)), "{never}");
    }
}

#[test]
fn a_request_s_bad_directives_say_nothing() {
    let read = |line: &str| {
        let mut directives = RequestDirectives::default();
        directives.read(line.as_bytes());
        directives
    };
    for bad in
        ["nothing-to-see-here", "max-age=x", "min-fresh=-1", "max-stale=x", "", "=", "max-age"]
    {
        assert_eq!(read(bad), RequestDirectives::default(), "{bad}");
    }
    let all = read(
        "No-Cache, no-store, only-if-cached, max-age=1, min-fresh=2, max-stale, stale-if-error=4",
    );
    assert!(all.no_cache && all.no_store && all.only_if_cached);
    assert_eq!((all.max_age, all.min_fresh), (Some(1), Some(2)));
    assert_eq!((all.max_stale, all.stale_if_error), (Some(u64::MAX), Some(4)));
}

#[test]
fn ages() {
    for (lines, age) in [
        (&["abc"][..], None),
        (&["-7200"], None),
        (&["7200.0"], None),
        (&["7200;foo=bar"], None),
        (&[""], None),
        (&[",7200"], None),
        (&["2147483647"], Some(2_147_483_647)),
        (&["2147483649"], Some(1 << 31)),
        (&["7200, 0"], Some(7200)),
        (&["0, 7200"], Some(0)),
        (&["7200", "0"], Some(7200)),
        (&["0", "7200"], Some(0)),
    ] {
        let fields: Vec<_> = lines.iter().map(|line| ("age", *line)).collect();
        assert_eq!(age_s(&head(&fields)), age, "{lines:?}");
    }
    assert_eq!(age_s(&HeaderMap::new()), None);
}

proptest! {
    #[test]
    fn no_bytes_panic(text in "[a-c=;,\"\\\\ -]{0,40}", bytes: Vec<u8>) {
        for input in [text.as_bytes(), &bytes] {
            let mut request = RequestDirectives::default();
            request.read(input);
            if let Ok(value) = HeaderValue::from_bytes(input) {
                let mut headers = HeaderMap::new();
                headers.insert("cache-control", value.clone());
                headers.insert("cdn-cache-control", value.clone());
                headers.insert("age", value);
                let _ = age_s(&headers);
                ResponseControl::read(&headers, &[HeaderName::from_static("cdn-cache-control")]);
            }
        }
    }
}
