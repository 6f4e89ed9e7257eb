//! Whole requests, from URL and bytes to bytes.

use super::*;
use crate::picture::{Model, Picture};
use crate::samples::{self, exif, jpeg, picture, png, webp};

fn ask(url: &str, accept: &str, source: &[u8]) -> Result<(Prepared, Vec<u8>), Problem> {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let request = ImageRequest::parse(path, query).map_err(Problem::Url)?;
    let prepared = prepare(&request, accept, source, &Limits::default())?;
    let body = render(&request, &prepared, source.to_vec())?;
    Ok((prepared, body))
}

fn answer(url: &str, accept: &str, source: &[u8]) -> Picture {
    let (prepared, body) = ask(url, accept, source).expect(url);
    let header = header::read(&body).expect("an image");
    assert_eq!(header.format, prepared.format);
    decode(&body, &header, 1).expect("decodes")
}

#[test]
fn a_bomb_is_refused_before_it_is_decoded() {
    let problem = ask("/img/100x100/cover", "", &samples::bomb(30_000, 30_000));
    assert!(matches!(problem, Err(Problem::SourcePixels { width: 30_000, height: 30_000, .. })));
    // Within the pixels, but more than memory can hold with alpha.
    let problem = ask("/img/6000x4000/fill", "", &samples::bomb(7000, 7000));
    assert!(matches!(problem, Err(Problem::Memory { .. })), "{problem:?}");
}

#[test]
fn every_mistake_has_its_own_problem() {
    let photo = jpeg(&picture(64, 48, Model::Rgb), false, None);
    let status = |url, accept, source: &[u8]| {
        let problem = ask(url, accept, source).map(|_| ()).expect_err(url);
        problem.status(crate::problem::Origin::Body)
    };
    assert_eq!(status("/nothing", "", &photo), 400);
    assert_eq!(status("/img/10x10/stretch", "", &photo), 400);
    assert_eq!(status("/img/10x10/cover", "", b""), 400);
    assert_eq!(status("/img/10x10/cover", "", b"hello"), 415);
    assert_eq!(status("/img/10x10/cover", "", &photo[..photo.len() / 2]), 422);
    assert_eq!(status("/img/9000x10/fill", "", &photo), 422);
    assert_eq!(status("/img/8000x8000/fill", "", &photo), 422);
    assert_eq!(status("/img/10x10/cover", "text/html", &photo), 406);
    assert_eq!(status("/img/4000x4000/fill?format=webp", "", &photo), 422);
    assert_eq!(status("/img/10x10/cover?format=avif", "", &photo), 422);
    assert_eq!(status("/img/10x10/cover", "image/avif", &photo), 406);
}

#[test]
fn with_the_nodes_encoders_avif_is_chosen_and_every_tag_is_another() {
    let photo = jpeg(&picture(64, 48, Model::Rgb), false, None);
    let prepared = |accept, node| {
        let request = ImageRequest::parse("/img/10x10/cover", "").expect("is right");
        let limits = Limits { node, ..Limits::default() };
        prepare(&request, accept, &photo, &limits).expect("is right")
    };
    let node = Some(NodeEncoders::new(1_000_000, 1_000_000, |_| None));
    let small = Some(NodeEncoders::new(1_000_000, 99, |_| None));
    let chrome = "image/avif,image/webp,*/*;q=0.8";
    assert_eq!(prepared(chrome, None).format, Format::Webp);
    assert_eq!(prepared(chrome, node).format, Format::Avif);
    assert_eq!(prepared(chrome, small).format, Format::Webp);
    assert_eq!(prepared("*/*", node).format, Format::Jpeg);
    let better = node.map(|node| NodeEncoders { score: 80, ..node });
    let tags = [None, node, better].map(|node| prepared("*/*", node).etag);
    assert!(tags[0] != tags[1] && tags[1] != tags[2], "{tags:?}");
}

#[test]
fn the_answer_has_the_size_the_format_and_the_turn() {
    let photo = jpeg(&picture(64, 48, Model::Rgb), false, Some(&exif(6)));
    for (url, accept, format, width, height) in [
        ("/img/24x/inside", "", Format::Jpeg, 24, 32),
        ("/img/24x/inside", "image/webp,*/*", Format::Webp, 24, 32),
        ("/img/24x24/contain?format=png", "image/jpeg", Format::Png, 24, 24),
        ("/img/33x17/cover", "image/png", Format::Png, 33, 17),
        ("/img/x/inside?q=30", "image/*", Format::Jpeg, 48, 64),
    ] {
        let (prepared, body) = ask(url, accept, &photo).expect(url);
        let header = header::read(&body).expect("an image");
        assert_eq!((header.format, prepared.format), (format, format), "{url}");
        assert_eq!((header.size.width, header.size.height), (width, height), "{url}");
        assert_eq!(header.orientation, sedge_kit::image::orientation::Orientation::UPRIGHT);
    }
}

#[test]
fn all_eight_orientations_show_the_same_picture() {
    // A bright square in one corner, stored in all eight ways.
    let upright = picture(64, 48, Model::Rgb);
    let expected = answer("/img/32x24/fill?format=png", "", &png(&upright));
    for value in 1..=8 {
        let orientation = sedge_kit::image::orientation::Orientation::from_exif(value).unwrap();
        let stored = samples::stored_as(&upright, orientation);
        for source in [jpeg(&stored, false, Some(&exif(value))), webp(&stored, Some(&exif(value)))]
        {
            let shown = answer("/img/32x24/fill?format=png", "", &source);
            let psnr = samples::psnr(&shown, &expected);
            assert!(psnr > 30.0, "orientation {value}: {psnr} dB");
        }
    }
}

#[test]
fn transparency_follows_the_format() {
    let logo = png(&picture(40, 40, Model::Rgba));
    assert_eq!(answer("/img/20x20/cover", "", &logo).model, Model::Rgba);
    assert_eq!(answer("/img/20x20/cover", "image/webp", &logo).model, Model::Rgba);
    assert_eq!(answer("/img/20x20/cover", "image/jpeg", &logo).model, Model::Rgb);
    assert_eq!(answer("/img/20x20/cover?bg=f00", "", &logo).model, Model::Rgb);
    let opaque = Picture { data: vec![255; 40 * 40 * 4], ..picture(40, 40, Model::Rgba) };
    assert_eq!(answer("/img/20x20/cover", "", &png(&opaque)).model, Model::Rgb);
}

#[test]
fn large_answers_avoid_webp_where_they_may() {
    let photo = jpeg(&picture(64, 48, Model::Rgb), false, None);
    let request = ImageRequest::parse("/img/2000x1500/fill", "").expect("url");
    let prepared = prepare(&request, "image/webp,*/*;q=0.8", &photo, &Limits::default());
    assert_eq!(prepared.expect("prepared").format, Format::Jpeg);
}

#[test]
fn a_trim_that_leaves_nothing_is_a_mistake() {
    let photo = jpeg(&picture(64, 48, Model::Rgb), false, None);
    let problem = ask("/cdn-cgi/image/trim=0;0;48;0/", "", &photo);
    assert!(matches!(problem, Err(Problem::Trim)), "{problem:?}");
}

#[test]
fn cloudflares_grammar_makes_the_same_pictures_as_ours() {
    let photo = jpeg(&picture(64, 48, Model::Rgb), false, Some(&exif(6)));
    for (own, cloudflare) in [
        ("/img/24x30/scale-down", "w=24,h=30"),
        ("/img/24x30/inside?q=50", "w=12,h=15,fit=contain,q=low,dpr=2"),
        ("/img/24x24/cover?format=png", "w=24,h=24,fit=cover,f=png"),
        ("/img/24x24/cover?format=png&g=top", "w=24,h=24,fit=cover,f=png,g=0.5x0"),
        ("/img/24x24/contain?bg=f00", "w=24,h=24,fit=pad,background=red"),
        ("/img/24x24/fill?rotate=90", "w=24,h=24,fit=squeeze,rotate=90"),
    ] {
        let ours = ask(own, "image/*", &photo).expect(own).1;
        let url = format!("/cdn-cgi/image/{cloudflare}/");
        assert!(ours == ask(&url, "image/*", &photo).expect(&url).1, "{cloudflare}");
    }
}

#[test]
fn gravity_trim_and_turns_choose_the_same_pixels_in_every_orientation() {
    // As displayed: 64 × 48, a bright square in the upper left quarter.
    let upright = picture(64, 48, Model::Rgb);
    let level = |shown: &Picture, x: u32, y: u32| {
        i32::from(shown.data[((y * shown.size.width + x) * 3) as usize])
    };
    for value in 1..=8 {
        let orientation = sedge_kit::image::orientation::Orientation::from_exif(value).unwrap();
        let stored = samples::stored_as(&upright, orientation);
        let source = webp(&stored, Some(&exif(value)));
        let ask = |options: &str| answer(&format!("/cdn-cgi/image/{options},f=png/"), "", &source);
        // The square is 16 × 12 pixels.
        let square = ask("trim.width=16,trim.height=12");
        assert_eq!((square.size.width, square.size.height), (16, 12), "{value}");
        assert!(square.data.chunks(3).all(|pixel| pixel == [250, 240, 10]), "{value}");
        let left = ask("w=12,h=48,fit=cover,g=left");
        assert_eq!(level(&left, 1, 1), 250, "{value}");
        let right = ask("w=12,h=48,fit=cover,g=right");
        assert!(level(&right, 1, 1) < 250 && level(&right, 11, 40) > 240, "{value}");
        // Turned clockwise, the square is in the upper right; flipped first, lower right.
        let turned = ask("rotate=90");
        assert_eq!((turned.size.width, turned.size.height), (48, 64), "{value}");
        assert_eq!(level(&turned, 47, 0), 250, "{value}");
        let flipped = ask("rotate=90,flip=h");
        assert_eq!(level(&flipped, 47, 63), 250, "{value}");
        let both = ask("rotate=90,trim=0;48;36;0");
        assert_eq!((both.size.width, both.size.height), (12, 16), "{value}");
        assert_eq!(level(&both, 0, 0), 250, "{value}");
    }
}

#[test]
fn speed_goes_before_slow_formats() {
    let photo = jpeg(&picture(64, 48, Model::Rgb), false, None);
    for (options, accept, expected) in [
        ("compression=fast,f=webp", "image/webp,*/*", Format::Jpeg),
        ("compression=fast,f=avif", "", Format::Jpeg),
        ("compression=fast,f=auto", "image/avif,image/webp,*/*", Format::Jpeg),
        ("compression=fast,f=png", "", Format::Png),
        ("compression=fast", "image/webp", Format::Webp),
    ] {
        let url = format!("/cdn-cgi/image/{options}/");
        assert_eq!(ask(&url, accept, &photo).expect(&url).0.format, expected, "{url}");
    }
}

#[test]
fn effects_change_the_answer_and_the_tag() {
    let photo = png(&picture(64, 48, Model::Rgb));
    let plain = ask("/cdn-cgi/image/w=32/", "", &photo).expect("plain");
    for option in ["blur=2", "sharpen=3", "brightness=2", "contrast=2", "gamma=2", "saturation=0"] {
        let url = format!("/cdn-cgi/image/w=32,{option}/");
        let changed = ask(&url, "", &photo).expect(option);
        assert_ne!((&changed.0.etag, &changed.1), (&plain.0.etag, &plain.1), "{option}");
    }
}

#[test]
fn the_entity_tag_changes_with_everything_that_changes_the_answer() {
    let photo = jpeg(&picture(64, 48, Model::Rgb), false, None);
    let other = jpeg(&picture(65, 48, Model::Rgb), false, None);
    let tag = |url: &str, accept: &str, source: &[u8]| ask(url, accept, source).expect(url).0.etag;
    let first = tag("/img/20x20/cover?src=http://a/", "", &photo);
    assert_eq!(first, tag("/img/20x20/cover?src=http://b/", "*/*", &photo));
    for changed in [
        tag("/img/20x20/cover", "", &other),
        tag("/img/20x20/fill", "", &photo),
        tag("/img/20x20/cover?q=79", "", &photo),
        tag("/img/20x20/cover", "image/webp", &photo),
    ] {
        assert_ne!(first, changed);
    }
    assert!(first.starts_with('"') && first.ends_with('"'));
}

#[test]
fn a_known_tag_is_recognized() {
    for (field, expected) in [
        ("", false),
        ("\"b\"", false),
        ("\"a", false),
        ("a", false),
        ("\"a\"", true),
        ("W/\"a\"", true),
        ("\"b\", \"a\"", true),
        ("*", true),
    ] {
        assert_eq!(is_known(field, "\"a\""), expected, "{field}");
    }
}

#[test]
fn metadata_of_any_size_and_kind_is_skipped_and_not_passed_on() {
    let sample = picture(64, 48, Model::Rgb);
    let text = [&b"Comment\0"[..], &[b'x'; 3_000_000]].concat();
    let stuffed = samples::png_with_chunk(&png(&sample), b"tEXt", &text);
    // A profile that is no profile, in a stream that is none; one that inflates
    // to more than is looked at.
    let broken = samples::png_with_chunk(&png(&sample), b"iCCP", b"x\0\0not deflated");
    let exif_like = samples::png_with_chunk(&png(&sample), b"eXIf", &[b'M'; 100_000]);
    let mut segments = jpeg(&sample, false, None);
    let segment = [&[0xff, 0xe2, 0xff, 0xff][..], b"ICC_PROFILE\0\x01\xff", &[7; 65_519]].concat();
    for _ in 0..100 {
        segments.splice(2..2, segment.iter().copied());
    }
    for (name, source) in
        [("text", stuffed), ("profile", broken), ("exif", exif_like), ("segments", segments)]
    {
        match ask("/img/32x24/fill?format=png", "", &source) {
            Ok((_, body)) => {
                assert!(body.len() < 5_000, "{name}: {} bytes", body.len());
                for chunk in [&b"tEXt"[..], b"iCCP", b"eXIf"] {
                    assert!(!body.windows(4).any(|window| window == chunk), "{name}");
                }
            }
            Err(problem) => assert!(matches!(problem, Problem::Damaged(_)), "{name}: {problem}"),
        }
    }
}

#[test]
fn answers_are_srgb_without_a_profile_whatever_the_source_was() {
    let wide = include_bytes!("../../../../examples/images/wide.png");
    let header = header::read(wide).expect("a header");
    let stored = decode(wide, &header, 1).expect("decodes");
    assert!(stored.icc.is_some());
    for format in ["png", "jpeg", "webp"] {
        let url = format!("/img/x/inside?format={format}&q=100");
        let body = ask(&url, "", wide).expect(format).1;
        let shown = decode(&body, &header::read(&body).expect("a header"), 1).expect("decodes");
        assert_eq!(shown.icc, None, "{format}");
        // Green of Display P3 is beyond sRGB: red and blue are cut, and much of
        // it is brighter. Gray is gray.
        let at = |y: usize| (y * 96 + 60) * 3;
        let (before, after) = (&stored.data[at(24)..][..3], &shown.data[at(24)..][..3]);
        assert!(after[1] > before[1] && after[0] < 30, "{format}: {before:?} {after:?}");
        let gray = &shown.data[at(56)..][..3];
        let is_gray = gray.iter().all(|level| level.abs_diff(stored.data[at(56)]) <= 3);
        assert!(is_gray, "{format}: {gray:?}");
    }
}

#[test]
fn a_gif_is_answered_as_png_and_never_larger_than_its_screen_may_be() {
    let ball = include_bytes!("../../../../examples/images/ball.gif");
    let (prepared, body) = ask("/img/48x/inside", "*/*", ball).expect("gif");
    assert_eq!(prepared.format, Format::Png);
    assert_eq!(header::read(&body).expect("png").size.width, 48);
    let mut bomb = ball.to_vec();
    bomb[6..10].copy_from_slice(&[0xff; 4]);
    let problem = ask("/img/48x/inside", "*/*", &bomb);
    assert!(matches!(problem, Err(Problem::SourcePixels { .. })), "{problem:?}");
}
