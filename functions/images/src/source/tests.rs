//! URLs that are refused, and where redirects lead.

use proptest::prelude::*;

use super::*;

fn text(url: &SourceUrl) -> String {
    let scheme = if url.is_https { "https" } else { "http" };
    format!("{scheme}://{}{}", url.authority, url.path_and_query)
}

#[test]
fn what_cannot_be_fetched_is_refused() {
    for (url, expected) in [
        ("", "no scheme"),
        ("/a.jpg", "no scheme"),
        ("//host/a.jpg", "no scheme"),
        ("file:///etc/passwd", "scheme is another"),
        ("gopher://host/", "scheme is another"),
        ("javascript:alert(1)", "no scheme"),
        ("http:///a", "no host"),
        ("http://:80/a", "no host"),
        ("http://user:secret@host/", "user information"),
        ("http://host\\@other/", "user information"),
        ("http://ho st/", "characters"),
        ("http://h\u{f6}st/", "characters"),
        ("http://host/\r\nX: y", "control characters"),
    ] {
        let problem = SourceUrl::parse(url).expect_err(url).to_string();
        assert!(problem.contains(expected), "{url}: {problem}");
    }
    let long = format!("http://h/{}", "a".repeat(9000));
    assert!(SourceUrl::parse(&long).is_err());
}

#[test]
fn good_urls_are_taken_apart() {
    for (url, expected) in [
        ("http://Host", "http://host/"),
        ("HTTPS://host:8443?q=1", "https://host:8443/?q=1"),
        ("http://[::1]:80/a%20b?c=d#e", "http://[::1]:80/a%20b?c=d"),
        ("http://host/\u{fc} x.jpg", "http://host/%C3%BC%20x.jpg"),
        ("http://host#f", "http://host/"),
        ("http://host/a/../../b/./c.jpg?d=../e", "http://host/b/c.jpg?d=../e"),
        ("http://host//a.jpg", "http://host/a.jpg"),
    ] {
        assert_eq!(SourceUrl::parse(url).map(|url| text(&url)).ok().as_deref(), Some(expected));
    }
}

#[test]
fn a_path_stays_on_its_origin() {
    let origin = SourceUrl::parse("https://shop.example:8443/ignored?too").expect("an origin");
    for (src, expected) in [
        ("/a.jpg?v=1#f", "/a.jpg?v=1"),
        ("//evil.example/a.jpg", "/evil.example/a.jpg"),
        ("///evil.example", "/evil.example"),
        ("/\\evil.example/", "/%5Cevil.example/"),
        ("/@evil.example/", "/@evil.example/"),
        ("/../../etc/passwd", "/etc/passwd"),
        ("/a/%2e%2E/%2e/b", "/b"),
        ("/a/..%2fb", "/a/..%2fb"),
        ("/..//../evil", "/evil"),
        ("/./..//evil", "/evil"),
        ("/http://evil.example/", "/http://evil.example/"),
        ("/\u{fc} x", "/%C3%BC%20x"),
    ] {
        let url = SourceUrl::resolve(src, Some(&origin)).expect(src);
        assert_eq!(text(&url), format!("https://shop.example:8443{expected}"), "{src}");
        assert!(url.is_same_origin(&origin));
    }
    assert!(matches!(SourceUrl::resolve("/a.jpg", None), Err(Problem::NoOrigin)));
    assert!(SourceUrl::resolve("/a\r\nX: y", Some(&origin)).is_err());
    assert!(SourceUrl::resolve(&format!("/{}", "a".repeat(9000)), Some(&origin)).is_err());
    let other = SourceUrl::resolve("https://shop.example/", Some(&origin)).expect("a URL");
    assert!(!other.is_same_origin(&origin));
}

#[test]
fn redirects_lead_where_rfc_3986_says() {
    let base = SourceUrl::parse("http://a/b/c/d?q").expect("base");
    for (location, expected) in [
        ("g", "http://a/b/c/g"),
        ("./g", "http://a/b/c/g"),
        ("g/", "http://a/b/c/g/"),
        ("/g", "http://a/g"),
        ("//g", "http://g/"),
        ("?y", "http://a/b/c/d?y"),
        ("g?y#s", "http://a/b/c/g?y"),
        ("#s", "http://a/b/c/d?q"),
        ("", "http://a/b/c/d?q"),
        (".", "http://a/b/c/"),
        ("..", "http://a/b/"),
        ("../g", "http://a/b/g"),
        ("../../../g", "http://a/g"),
        ("https://B/x", "https://b/x"),
        ("g?y=../x", "http://a/b/c/g?y=../x"),
    ] {
        let to = base.redirect(location).map(|url| text(&url)).ok();
        assert_eq!(to.as_deref(), Some(expected), "{location}");
    }
    for location in ["ftp://host/", "mailto:x@y", "http://u@host/", "g\u{1}"] {
        let problem = base.redirect(location).expect_err(location);
        assert!(matches!(problem, Problem::Redirect(_)), "{location}: {problem}");
    }
}

proptest! {
    #[test]
    fn no_text_panics_and_what_is_parsed_is_clean(text in ".{0,60}", path in ".{0,40}") {
        let base = SourceUrl::parse("https://host/a/b").unwrap();
        let behind_host = SourceUrl::parse(&format!("http://h/{path}"));
        let urls = [SourceUrl::parse(&text), behind_host, base.redirect(&text)];
        for url in urls.into_iter().flatten() {
            prop_assert!(url.path_and_query.starts_with('/'));
            prop_assert!(url.path_and_query.bytes().all(|byte| byte.is_ascii_graphic()));
            prop_assert!(!url.path_and_query.starts_with("//"));
            prop_assert!(!url.authority.contains(['@', '/', '?', '#', ' ']));
        }
    }
}
