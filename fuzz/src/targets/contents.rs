//! Fields by which content is changed on its way to a client.

use super::texts;
use sedge_kit::content::coding::{AcceptEncoding, Coding};
use sedge_kit::content::dictionary;
use sedge_kit::content::directives::{add_to_vary, has_directive};
use sedge_kit::content::hints::Hints;
use sedge_kit::content::json;
use sedge_kit::content::media::Media;
use sedge_kit::content::picture;
use sedge_kit::content::tag::{Condition, Tag};

pub(super) const CODINGS: &[&str] =
    &["gzip", "br", "zstd", "dcz", "identity", "*", ";q=0", ";q=0.5", ",", "x-gzip"];

pub(super) fn encodings() -> Vec<Vec<u8>> {
    texts(&["", "gzip, deflate, br, zstd", "br;q=1.0, gzip;q=0.8, *;q=0.1", "identity;q=0"])
}

/// A field `Accept-Encoding`: what is refused is not chosen, and nothing is chosen
/// over what weighs more.
pub(super) fn encoding(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let accepts = AcceptEncoding::parse(text);
    if let Some(chosen) = accepts.choose(&Coding::ALL) {
        let weight = accepts.weigh(chosen);
        assert!((1..=1000).contains(&weight), "{text:?} chose {chosen:?}");
        assert!(Coding::ALL.iter().all(|other| accepts.weigh(*other) <= weight), "{text:?}");
    }
}

pub(super) const TAGS: &[&str] = &["W/", "\"", "~s", "~w", "br1234", ", ", "*"];

pub(super) fn tags() -> Vec<Vec<u8>> {
    texts(&["*", "\"abc\"", "W/\"abc~sbr12\", \"x\"", "W/\"a~wgz00\",W/\"b~sbr12\"", "\"a,b\""])
}

/// A list of entity tags: what comes out is one, and each marked tag is found again.
pub(super) fn condition(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(tag) = Tag::parse(text) {
        let marked = tag.marked("br12");
        let condition = Condition::translate(&marked, |mark| Some(mark == "br12"));
        let condition = condition.expect("a mark");
        assert_eq!(condition.field, tag.text());
        assert_eq!(condition.client_tag(Some(&tag.text())), Some(marked.as_str()));
    }
    if let Some(condition) = Condition::translate(text, |mark| Some(mark.starts_with("br"))) {
        assert!(condition.field.len() <= 2 * text.len());
        assert_eq!(Condition::translate(&condition.field, |_| None), None);
    }
}

pub(super) const HINTS: &[&str] = &["?1", "?0", "\"Tablet\"", "3g", "on", "1.5", "Mobi", "Android"];

pub(super) fn hints() -> Vec<Vec<u8>> {
    texts(&["?1\n2.5\n390\n3g\non", "\"Desktop\", \"Mobile\"\n1e3\n-1\n4g\noff", ""])
}

/// Lines as values of every hint: what is read is in range.
pub(super) fn hint(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let lines: Vec<&str> = text.lines().collect();
    let hints = Hints::read(|name| lines.get(name.len() % 5).copied());
    assert!(hints.viewport_px.is_none_or(|pixels| (1..=32_767).contains(&pixels)));
    assert!(hints.density_hundredths.is_none_or(|density| (25..=1_000).contains(&density)));
}

pub(super) const FIELDS: &[&str] =
    &["text/html", "; charset=", "\"utf-8\"", "+json", "no-transform", "max-age=1", "*", ", "];

pub(super) fn fields() -> Vec<Vec<u8>> {
    texts(&[
        "text/html; charset=utf-8",
        "Origin, Accept",
        "max-age=60, private=\"a, b\"",
        "*",
        "/a/b-1.2.c0ffee11.js",
        ":pZGm1Av0IEBKARczz7exkNYsZb8LzaMrV7J32a2fFG4=:",
    ])
}

/// A value as `Content-Type`, `Cache-Control`, `Vary` and `Available-Dictionary`, and as the
/// target that a dictionary was sent for.
pub(super) fn field(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = Media::parse(text);
    let _ = has_directive(text, "no-transform");
    let vary = add_to_vary(text, &["Accept-Encoding"]);
    let mut names = vary.split(", ");
    assert!(names.any(|name| name == "*" || name.eq_ignore_ascii_case("accept-encoding")));
    assert_eq!(add_to_vary(&vary, &["Accept-Encoding"]), vary);
    let _ = dictionary::available(text);
    if let Some(pattern) = dictionary::use_for(text) {
        assert_eq!(pattern.matches('"').count(), 2);
        assert!(pattern.is_ascii() && !pattern.contains(['(', ')', '{', '}', '\\', ':']));
    }
}

pub(super) const REFERENCES: &[&str] =
    &["/", "../", "./", "//", ".jpg", ".png", "?", "%2e", "%2F", ":", "#", "\n"];

pub(super) fn references() -> Vec<Vec<u8>> {
    texts(&["/shop/\n../a.jpg", "/\na.png?v=1", "/a/b/c\n/./x/../../y.webp", "\n//h/a.jpg"])
}

/// A document's target, and on the next line a reference: what comes out is a path on
/// the same origin, and leads to itself.
pub(super) fn reference(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (base, reference) = text.split_once('\n').unwrap_or(("/", text));
    if let Some(path) = picture::on_origin(base, reference) {
        assert!(path.starts_with('/') && !path.starts_with("//"), "{path:?}");
        let (own, _) = path.split_once('?').unwrap_or((&path, ""));
        assert!(!own.split('/').any(|segment| segment == ".."), "{path:?}");
    }
}

pub(super) fn documents() -> Vec<Vec<u8>> {
    texts(&["{ \"a b\" : [ 1 , \"\\\" c\" ] }", "\" \\\\\" ", "[ ]\r\n"])
}

/// A text as JSON: it loses blanks only, and none a second time.
pub(super) fn blanks(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let short = json::without_blanks(text);
    assert_eq!(json::without_blanks(&short), short);
    let solid = |text: &str| text.split([' ', '\t', '\n', '\r']).collect::<String>();
    assert_eq!(solid(&short), solid(text));
}
