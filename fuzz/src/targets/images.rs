//! Everything that the function `images` reads.

use super::texts;
use images::encode::{Settings, encode};
use images::header;
use images::limits::Limits;
use images::picture::{Model, Picture};
use images::service::{prepare, render};
use images::source::SourceUrl;
use sedge_kit::image::accept::{Accept, Cost, Format, Suits, choose};
use sedge_kit::image::exif::orientation;
use sedge_kit::image::geometry::Size;
use sedge_kit::image::grammar::{ImageRequest, Quality};

/// Parameters of an image's URL.
pub(super) const PARAMETERS: &[&str] = &[
    "/img/",
    "x",
    "/cover",
    "/contain",
    "/inside",
    "/fill",
    "/scale-down",
    "&",
    "src=",
    "q=",
    "format=webp",
    "background=ff0000",
    "%2F",
    "%",
];

pub(super) fn requests() -> Vec<Vec<u8>> {
    texts(&[
        "/img/320x200/cover\n",
        "/a/img/0x200/contain\nsrc=https%3A%2F%2Fa.example%2Fb.jpg&quality=80&format=webp",
        "/img/9999999999x1/fill\nbackground=ff000080",
    ])
}

/// Path and query of an image's URL, on a line each.
pub(super) fn request(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (path, query) = text.split_once('\n').unwrap_or((text, ""));
    if let Ok(request) = ImageRequest::parse(path, query) {
        assert!((1..=100).contains(&request.quality), "{request:?}");
    }
}

/// Members of `Accept`.
pub(super) const MEDIA_TYPES: &[&str] =
    &["image/webp", "image/*", "*/*", "image/jpeg", ";q=0.5", ";q=1.000", ",", "q=2", "\""];

pub(super) fn accepts() -> Vec<Vec<u8>> {
    texts(&[
        "",
        "*/*",
        "image/webp,image/png;q=0.8,*/*;q=0.1",
        "image/*;q=0",
        "text/html, image/jpeg",
    ])
}

/// A field `Accept`: weights are weights, and what is refused is not chosen.
pub(super) fn accept(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let accept = Accept::parse(text);
    for source in Format::ALL {
        assert!(accept.weigh(source).thousandths <= 1000);
        for avif in [Cost::Cheap, Cost::Costly, Cost::Impossible] {
            let (has_alpha, webp) = (true, Cost::Costly);
            let suits = Suits { source, has_alpha, is_lossless: false, webp, avif };
            let Some(chosen) = choose(&accept, suits) else { continue };
            assert!(accept.weigh(chosen).thousandths > 0, "{text:?} chose {chosen:?}");
            assert!(chosen != Format::Avif || avif != Cost::Impossible, "{text:?}");
        }
    }
}

pub(super) fn exifs() -> Vec<Vec<u8>> {
    let little = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    let big = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    vec![little.to_vec(), big.to_vec()]
}

/// A block of Exif: turning twice by the same orientation keeps the sides.
pub(super) fn exif(data: &[u8]) {
    let turned = orientation(data);
    let size = Size { width: 3, height: 2 };
    assert_eq!(turned.turn(turned.turn(size)), size);
}

pub(super) fn source_urls() -> Vec<Vec<u8>> {
    texts(&["https://a.example/b.jpg?c=d#e", "http://[::1]:80/a/../b", "https://u:p@h/", "a\n../b"])
}

/// The URL of a source, and on the next line one that it redirects to.
pub(super) fn source_url(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (url, location) = text.split_once('\n').unwrap_or((text, "/next"));
    if let Ok(url) = SourceUrl::parse(url) {
        let _ = url.redirect(location);
    }
}

/// Small pictures of every format and model.
pub(super) fn pictures() -> Vec<Vec<u8>> {
    let mut pictures = Vec::new();
    for model in [Model::Gray, Model::GrayAlpha, Model::Rgb, Model::Rgba] {
        for format in Format::ALL {
            let size = Size { width: 20, height: 13 };
            let bytes = 20 * 13 * model.channels();
            let data = (0..bytes).map(|index| (index * 7 % 251) as u8).collect();
            let picture = Picture { size, model, data, icc: None };
            let quality = Quality::Number(80);
            let settings = Settings {
                format,
                quality,
                may_be_lossless: model == Model::Rgba,
                is_baseline: false,
                node: None,
            };
            // JPEG has no alpha, and AVIF no encoder here.
            if format != Format::Jpeg || !model.has_alpha() {
                pictures.extend(encode(picture, settings));
            }
        }
    }
    pictures
}

/// An upload: read, checked, decoded, resized, encoded, as the function does.
pub(super) fn image(data: &[u8]) {
    // Small limits keep an input that declares much cheap; they are the
    // function's own, only smaller.
    let limits = Limits {
        source_pixels_max: 1_000_000,
        pixels_max: 100_000,
        memory_bytes_max: 32 << 20,
        ..Limits::default()
    };
    let Ok(request) = ImageRequest::parse("/img/16x9/cover", "") else { return };
    let Ok(prepared) = prepare(&request, "*/*", data, &limits) else { return };
    assert!(prepared.header.size.pixels() <= limits.source_pixels_max);
    if let Ok(answer) = render(&request, &prepared, data.to_vec()) {
        let written = header::read(&answer).expect("what was written can be read");
        assert_eq!(written.size, Size { width: 16, height: 9 });
    }
}
