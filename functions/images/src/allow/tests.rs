//! Lists that are refused, sources that slip past a careless comparison.

use proptest::prelude::*;

use super::*;

fn origin() -> SourceUrl {
    SourceUrl::parse("https://shop.example").expect("an origin")
}

fn list(text: &str) -> AllowList {
    AllowList::parse(text, Some(&origin())).expect(text)
}

fn check(patterns: &str, source: &str, expected: bool) {
    let url = SourceUrl::resolve(source, Some(&origin())).expect(source);
    assert_eq!(list(patterns).check(&url).is_ok(), expected, "{patterns}: {source}");
}

#[test]
fn malformed_lists_are_refused() {
    let many = "a.example ".repeat(101);
    for text in
        ["", " ,\n", "ftp://a", "https://", "https:///a", "u@a.example", "a.example/?b", &many]
    {
        assert_eq!(AllowList::parse(text, Some(&origin())), None, "{text}");
    }
    assert_eq!(AllowList::parse("/uploads", None), None, "a path without an origin");
}

#[test]
fn neighbors_of_what_is_listed_are_not() {
    let listed = "https://img.example/photos https://*.cdn.example http://plain.example:8080/";
    for source in [
        "http://img.example/photos/a.jpg",
        "https://img.example/",
        "https://img.example/photos2/a.jpg",
        "https://img.example/Photos/a.jpg",
        "https://img.example/photos/../secret/a.jpg",
        "https://img.example/photos/%2e%2e/secret/a.jpg",
        "https://img.example/photos/..%2fsecret/a.jpg",
        "https://img.example/photos/..%5Csecret/a.jpg",
        "https://img.example/photos/..\\secret/a.jpg",
        "https://img.example:444/photos/a.jpg",
        "https://img.example.evil.example/photos/a.jpg",
        "https://evil.example/img.example/photos/a.jpg",
        "https://cdn.example/a.jpg",
        "https://evilcdn.example/a.jpg",
        "https://.cdn.example/a.jpg",
        "https://a.cdn.example.evil.example/",
        "https://a.cdn.example:8443/",
        "http://plain.example/",
        "/uploads/a.jpg",
    ] {
        check(listed, source, false);
    }
}

#[test]
fn what_is_listed_is_fetched() {
    check("https://img.example/photos", "https://IMG.example:443/photos/a/b.jpg?c=/../d", true);
    check("https://img.example/photos/", "https://img.example/x/../photos/a.jpg", true);
    check("https://img.example/photos", "https://img.example/photos", true);
    check("https://*.cdn.example", "https://a.b.cdn.example/x%2fy.jpg", true);
    check("img.example", "http://img.example:80/a.jpg", true);
    check("img.example", "https://img.example/a.jpg", true);
    check("a.example, /uploads", "/uploads/a.jpg", true);
    check("/uploads", "https://shop.example/uploads/a.jpg", true);
    check("/uploads", "/uploads/../secret", false);
    check("http://[::1]:8080/", "http://[::1]:8080/a.jpg", true);
}

proptest! {
    #[test]
    fn nothing_outside_a_host_or_folder_passes(path in "[a-z./%2eE5cF]{0,30}", host in "[a-z.]{1,12}") {
        let listed = list("https://img.example/photos");
        if let Ok(url) = SourceUrl::parse(&format!("https://img.example/{path}")) {
            let is_below = url.path_and_query == "/photos" || url.path_and_query.starts_with("/photos/");
            prop_assert!(is_below || listed.check(&url).is_err(), "{}", url.path_and_query);
        }
        if let Ok(url) = SourceUrl::parse(&format!("https://{host}/photos/a.jpg")) {
            prop_assert!(host == "img.example" || listed.check(&url).is_err());
        }
    }
}
