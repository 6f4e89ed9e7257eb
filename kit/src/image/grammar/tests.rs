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
    check_error("/img/10x10/stretch", "cover crop aspect-crop contain inside scale-down");
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
    check_error("/img/10x10/cover?q=highest", "not `highest`");
    check_error("/img/10x10/cover?q=1&quality=2", "`quality` appears twice");
    check_error("/img/10x10/cover?format=gif", "png, webp, avif or auto");
    check_error("/img/10x10/cover?q=AUTO", "low or auto");
    check_error("/img/10x10/cover?q=+5", "1 to 100");
    check_error("/img/10x10/cover?src=a&src=b", "`src` appears twice");
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
        ..parse("/img/x/cover").expect("defaults")
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

fn check_option_error(options: &str, expected: &str) {
    check_error(&format!("/cdn-cgi/image/{options}/a.jpg"), expected);
}

#[test]
fn mistakes_in_options_are_named() {
    check_error("/cdn-cgi/image/", "the path is not");
    check_error("/cdn-cgi/image/width=1", "the path is not");
    check_option_error("", "no option");
    check_option_error(",,", "no option");
    check_option_error("width", "takes a number");
    check_option_error("zoom=1", "the option `zoom` is not one of width height");
    check_option_error("Width=1", "the option `Width`");
    check_option_error("src=http:", "the option `src`");
    check_option_error("width=1,w=2", "`width` appears twice");
    check_option_error("width=-1", "not `-1`");
    check_option_error("width=1e9", "not `1e9`");
    check_option_error("width=100000", "below 100000");
    check_option_error("fit=fill", "squeeze, not `fill`");
    for gravity in ["face", "x", "0.5", "0.5x", "1.1x0", "-0x0", "NaNx0", "0x1e-1", "0x0x0"] {
        check_option_error(&format!("gravity={gravity}"), "auto, center");
    }
    for dpr in ["0", "5", "inf", "nan", "2x", "", ".", "1.0000000000"] {
        check_option_error(&format!("dpr={dpr}"), "0.1 to 4");
    }
    for trim in ["1", "1;2;3", "1;2;3;4;5", "1;2;;4", "-1;0;0;0", "border"] {
        check_option_error(&format!("trim={trim}"), "top;right;bottom;left");
    }
    check_option_error("rotate=45", "90, 180 or 270");
    check_option_error("flip=x", "h, v or hv");
    check_option_error("quality=best", "medium-low");
    check_option_error("format=json", "baseline-jpeg");
    check_option_error("anim=true", "animations are not kept");
    check_option_error("metadata=all", "copyright");
    check_option_error("compression=slow", "takes fast");
    check_option_error("onerror=ignore", "takes redirect");
    for seconds in ["", "-1", "+1", "1.5", "99999999999999999999", "never"] {
        check_option_error(&format!("expires={seconds}"), "seconds since 1970");
    }
    check_option_error("blur=251", "0 to 250");
    check_option_error("sharpen=11", "0 to 10");
    check_option_error("gamma=-1", "0 to 10");
    for color in ["rgb(1,2", "rgb(1 2)", "rgb(1%202%20300)", "rgb(1%202%203%204%205)", "hsl(1)"] {
        check_option_error(&format!("background={}", color.replace(',', "%2C")), "a color");
    }
    check_option_error("background=%zz", "percent-encoding");
    check_option_error(&"width=1,".repeat(200), "longer than 1 kB");
    check_error("/cdn-cgi/image/w=1/cdn-cgi/image/w=2/a.jpg", "itself an image request");
    check_error("/img/1x1/cover?src=https://h/cdn-cgi/image/w=2/a.jpg", "itself an image");
}

#[test]
fn cloudflares_options_mean_what_they_do_there() {
    let plain = parse("/cdn-cgi/image/anim=false/a.jpg").expect("plain");
    let whole = Bounds { width: None, height: None };
    assert_eq!((plain.bounds, plain.fit), (whole, Fit::ScaleDown));
    let url = "/shop/cdn-cgi/image/width=300,h=200,fit=pad,g=0.25x1,q=low,f=baseline-jpeg,dpr=1.5,\
               background=rgb(1%202%203%20%2F%2050%),trim=1;2;3;4,rotate=90,flip=h,blur=2,sharpen=1,\
               brightness=1.5,contrast=.5,gamma=0,saturation=0,metadata=none,compression=fast,\
               onerror=redirect,expires=2000000000/img/a%20b.jpg?v=1";
    let url = url.replace("50%)", "50%25)");
    let turn = Orientation { swaps: true, mirrors_x: false, mirrors_y: false };
    let expected = ImageRequest {
        bounds: Bounds { width: Some(450), height: Some(300) },
        fit: Fit::Contain,
        gravity: Gravity::Focus(0.25, 1.0),
        trim: Trim { top: 2, right: 3, bottom: 5, left: 6, width: None, height: None },
        // Flipped, then turned clockwise: rows become columns.
        turn: Orientation { mirrors_x: true, mirrors_y: true, ..turn },
        effects: Effects {
            blur: 2.0,
            sharpen: 1.0,
            brightness: 1.5,
            contrast: 0.5,
            gamma: 1.0,
            saturation: 0.0,
        },
        quality: Quality::Number(50),
        format: Some(Format::Jpeg),
        is_baseline: true,
        is_fast: true,
        background: Some(Color { red: 1, green: 2, blue: 3, alpha: 128 }),
        redirects_on_error: true,
        expires_s: Some(2_000_000_000),
        src: Some("/img/a%20b.jpg?v=1".into()),
    };
    assert_eq!(parse(&url), Ok(expected));
    for (name, fit) in [
        ("contain", Fit::Inside),
        ("cover", Fit::Cover),
        ("crop", Fit::Crop),
        ("aspect-crop", Fit::AspectCrop),
        ("squeeze", Fit::Fill),
        ("scale-down", Fit::ScaleDown),
    ] {
        let request = parse(&format!("/cdn-cgi/image/fit={name},w=auto/a.jpg")).expect(name);
        assert_eq!((request.fit, request.bounds), (fit, whole), "{name}");
    }
    let auto = parse("/cdn-cgi/image/w=100,f=auto,q=auto,g=auto/").expect("body");
    assert_eq!((auto.quality, auto.format, auto.gravity), (Quality::Auto, None, Gravity::Auto));
    assert_eq!(auto.src, None);
    // Both grammars take the same options.
    let own = parse("/img/10x10/cover?gravity=left&rotate=180&blur=3").expect("own");
    assert_eq!((own.gravity, own.effects.blur), (Gravity::Focus(0.0, 0.5), 3.0));
}

#[test]
fn a_source_is_a_path_or_a_url() {
    for (rest, expected) in [
        ("a.jpg", "/a.jpg"),
        ("/a.jpg", "//a.jpg"),
        ("../a.jpg", "/../a.jpg"),
        ("https://h/a.jpg?b=c&d", "https://h/a.jpg?b=c&d"),
        ("http:/h/a.jpg", "http://h/a.jpg"),
        ("HTTPS://h/a.jpg", "https://h/a.jpg"),
        ("https%3A%2F%2Fh%2Fa%2520b.jpg?v=1", "https://h/a%20b.jpg?v=1"),
        ("file:///etc/passwd", "/file:///etc/passwd"),
        ("httpx://h/a.jpg", "/httpx://h/a.jpg"),
        ("\u{fc}.jpg", "/\u{fc}.jpg"),
    ] {
        let request = parse(&format!("/cdn-cgi/image/w=1/{rest}")).expect(rest);
        assert_eq!(request.src.as_deref(), Some(expected), "{rest}");
    }
}

proptest! {
    #[test]
    fn no_options_panic(options in "[a-z.=,;0-9x%()/]{0,60}", source in ".{0,40}", query in ".{0,20}") {
        let _ = ImageRequest::parse(&format!("/cdn-cgi/image/{options}/{source}"), &query);
        let _ = ImageRequest::parse(&format!("/cdn-cgi/image/w=1/{source}"), &query);
        let _ = ImageRequest::parse("/img/1x1/cover", &options.replace(',', "&"));
    }

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
    fn every_request_is_read_back(width in 0u32..99_999, height in 0u32..99_999, at in 0usize..8, q in 1u8..=100) {
        let (name, fit) = Fit::NAMES[at];
        let request = parse(&format!("/img/{width}x{height}/{name}?q={q}")).unwrap();
        prop_assert_eq!(request.fit, fit);
        prop_assert_eq!(request.quality, Quality::Number(q));
        prop_assert_eq!(request.bounds.width.unwrap_or(0), width);
        prop_assert_eq!(request.bounds.height.unwrap_or(0), height);
    }
}
