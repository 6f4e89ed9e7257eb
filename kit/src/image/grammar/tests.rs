//! What a URL may not say, what it may, and that nothing panics.

use super::*;
use alloc::format;
use proptest::prelude::*;

fn parse(url: &str) -> Result<ImageRequest, GrammarError> {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    ImageRequest::parse(path, query)
}

fn check_error(url: &str, expected: &str) {
    let message = parse(url).expect_err(url).to_string();
    assert!(message.contains(expected), "{url}: {message}");
}

#[test]
fn mistakes_are_named() {
    check_error("", "the path is not");
    check_error("/", "the path is not");
    check_error("/img/", "the path is not");
    check_error("/img/10x10", "the path is not");
    check_error("/image/10x10/cover", "the path is not");
    check_error("/img/1010/cover", "the path is not");
    check_error("/img/10x10/", "the fit ``");
    check_error("/img/10x10/cover/", "the fit `cover/`");
    check_error("/img/10x10/crop", "cover contain inside scale-down outside fill");
    check_error("/img/-1x10/cover", "the side `-1`");
    check_error("/img/+1x10/cover", "the side `+1`");
    check_error("/img/10x1e3/cover", "the side `1e3`");
    check_error("/img/100000x1/cover", "below 100000");
    check_error("/img/10x10x10/cover", "the side `10x10`");
    check_error("/img/10x10/cover?width=1", "the parameter `width`");
    check_error("/img/10x10/cover?src=http://a/?b=1&c=2", "percent-encoded");
    check_error("/img/10x10/cover?src=", "takes a URL");
    check_error("/img/10x10/cover?src=%zz", "percent-encoding");
    check_error("/img/10x10/cover?src=%f", "percent-encoding");
    check_error("/img/10x10/cover?src=%ff", "percent-encoding");
    check_error("/img/10x10/cover?q=0", "1 to 100");
    check_error("/img/10x10/cover?q=101", "1 to 100");
    check_error("/img/10x10/cover?q=high", "not `high`");
    check_error("/img/10x10/cover?q=1&quality=2", "`q` appears twice");
    check_error("/img/10x10/cover?format=gif", "jpeg, png, webp, avif or auto");
    check_error("/img/10x10/cover?q=AUTO", "1 to 100 or auto");
    check_error("/img/10x10/cover?bg=12345", "not `12345`");
    check_error("/img/10x10/cover?bg=gggggg", "not `gggggg`");
}

#[test]
fn a_side_may_be_left_to_the_ratio() {
    for (sides, width, height) in [
        ("320x214", Some(320), Some(214)),
        ("320x", Some(320), None),
        ("x214", None, Some(214)),
        ("0x214", None, Some(214)),
        ("autox214", None, Some(214)),
        ("320xauto", Some(320), None),
        ("x", None, None),
        ("00320x00000", Some(320), None),
    ] {
        let request = parse(&format!("/img/{sides}/inside")).expect(sides);
        assert_eq!(request.bounds, Bounds { width, height }, "{sides}");
    }
}

#[test]
fn parameters_are_read() {
    let url =
        "/a/img/b/img/1x2/fill?src=https%3A%2F%2Fh%2Fa+b%3Fc%3D1%26d&q=7&format=jpg&bg=%23f80";
    let expected = ImageRequest {
        bounds: Bounds { width: Some(1), height: Some(2) },
        fit: Fit::Fill,
        quality: Quality::Number(7),
        format: Some(Format::Jpeg),
        background: Some(Color { red: 255, green: 136, blue: 0, alpha: 255 }),
        src: Some("https://h/a+b?c=1&d".into()),
    };
    assert_eq!(parse(url), Ok(expected));
    let plain = parse("/img/1x2/cover?&format=auto&").expect("defaults");
    assert_eq!((plain.quality, plain.format), (Quality::Number(80), None));
    assert_eq!(plain.background, None);
    let modern = parse("/img/1x2/cover?format=avif&quality=auto").expect("is new");
    assert_eq!((modern.quality, modern.format), (Quality::Auto, Some(Format::Avif)));
    let faint = parse("/img/1x2/cover?bg=01020380").expect("alpha").background;
    assert_eq!(faint, Some(Color { red: 1, green: 2, blue: 3, alpha: 128 }));
}

proptest! {
    #[test]
    fn no_url_panics(path in ".{0,40}", query in ".{0,60}") {
        let _ = ImageRequest::parse(&path, &query);
        let _ = ImageRequest::parse(&format!("/img/1x1/{path}"), &query);
        let _ = ImageRequest::parse("/img/1x1/cover", &format!("src={query}"));
    }

    #[test]
    fn any_source_survives_percent_encoding(src in ".{1,40}") {
        let encoded: String = src.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let request = ImageRequest::parse("/img/1x1/cover", &format!("src={encoded}")).unwrap();
        prop_assert_eq!(request.src, Some(src));
    }

    #[test]
    fn every_request_is_read_back(width in 0u32..99_999, height in 0u32..99_999, at in 0usize..6, q in 1u8..=100) {
        let (name, fit) = Fit::NAMES[at];
        let request = parse(&format!("/img/{width}x{height}/{name}?q={q}")).unwrap();
        prop_assert_eq!(request.fit, fit);
        prop_assert_eq!(request.quality, Quality::Number(q));
        prop_assert_eq!(request.bounds.width.unwrap_or(0), width);
        prop_assert_eq!(request.bounds.height.unwrap_or(0), height);
    }
}
