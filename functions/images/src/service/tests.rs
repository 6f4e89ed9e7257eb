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
    assert_eq!(status("/img/10x10/crop", "", &photo), 400);
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
    let profiled = [&photo[..2], b"\xff\xe2\x00\x12ICC_PROFILE\0\x01\x01ab", &photo[2..]].concat();
    let request = ImageRequest::parse("/img/10x10/cover", "").expect("is right");
    let limits = Limits { node, ..Limits::default() };
    let prepared_there = prepare(&request, chrome, &profiled, &limits).expect("is right");
    assert_eq!((prepared_there.format, prepared_there.node), (Format::Webp, None));
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
        let stored_size = orientation.turn(upright.size);
        let mut stored = Picture { size: stored_size, ..upright.clone() };
        for y in 0..48 {
            for x in 0..64 {
                let (sx, sy) = orientation.stored_pixel(x, y, stored_size);
                let to = (sy * stored_size.width + sx) as usize * 3;
                let from = (y * 64 + x) as usize * 3;
                stored.data[to..to + 3].copy_from_slice(&upright.data[from..from + 3]);
            }
        }
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
