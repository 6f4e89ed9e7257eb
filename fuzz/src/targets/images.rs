//! Everything that the function `images` reads.

use super::texts;
use images::allow::AllowList;
use images::color::{to_srgb, without_ink};
use images::encode::{Settings, encode};
use images::header;
use images::limits::Limits;
use images::picture::{Model, Picture};
use images::service::{prepare, render};
use images::signature::Keys;
use images::source::SourceUrl;
use sedge_kit::image::accept::{Accept, Cost, Format, Suits, choose};
use sedge_kit::image::exif::orientation;
use sedge_kit::image::geometry::{Size, plan};
use sedge_kit::image::grammar::{ImageRequest, Quality};
use sedge_kit::image::orientation::Orientation;
use sedge_kit::image::view::View;

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
    let request = ImageRequest::parse(path, query);
    if let Ok(ImageRequest { quality: Quality::Number(number), .. }) = request {
        assert!((1..=100).contains(&number), "{text:?}");
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

/// Options of Cloudflare's grammar.
pub(super) const OPTIONS: &[&str] = &[
    "/cdn-cgi/image/",
    "width=",
    "h=0",
    ",",
    "/",
    "fit=crop",
    "fit=aspect-crop",
    "gravity=0.5x0.9",
    "gravity=auto",
    "trim=1;2;3;4",
    "trim.width=9",
    "rotate=270",
    "flip=hv",
    "dpr=4",
    "blur=250",
    "gamma=.01",
    "background=rgba(1%202%203%2F50%25)",
    "https:/",
    "https%3A%2F%2F",
    "..",
    "%2e",
];

pub(super) fn options() -> Vec<Vec<u8>> {
    texts(&[
        "/cdn-cgi/image/width=80,quality=75,format=auto/uploads/a.jpg",
        "/a/cdn-cgi/image/w=9,h=9,fit=crop,g=auto,dpr=2,trim=1;1;1;1,rotate=90/https://h/b.jpg\n?v=1",
        "/cdn-cgi/image/blur=9,sharpen=1,brightness=2,contrast=0,saturation=3,gamma=.5/../%2e%2e/a",
    ])
}

/// Path and query in Cloudflare's grammar: numbers stay within their ranges, a
/// view and a plan can be made of what is asked, and a path stays on its origin.
pub(super) fn option(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (path, query) = text.split_once('\n').unwrap_or((text, ""));
    let Ok(request) = ImageRequest::parse(path, query) else { return };
    let effects = request.effects;
    assert!(effects.blur_radius() <= 250 && effects.sharpening() <= 1280, "{effects:?}");
    let _ = effects.tones();
    if let Some(src) = &request.src {
        let origin = SourceUrl::parse("https://origin.example").expect("an origin");
        let url = SourceUrl::resolve(src, Some(&origin));
        if let (Ok(url), true) = (url, src.starts_with('/')) {
            assert!(url.is_same_origin(&origin), "{src:?} left its origin");
            assert!(!url.path_and_query.starts_with("//"), "{src:?}");
        }
    }
    let stored = Size { width: 60, height: 40 };
    let upright = Orientation::UPRIGHT;
    let Some(view) = View::new(stored, upright, request.trim, request.turn) else { return };
    let plan = plan(view.size(), request.bounds, request.fit, request.gravity);
    let crop = view.stored_crop(plan.crop);
    assert!(crop.left >= 0.0 && crop.left + crop.width <= 60.0 + 1e-6, "{crop:?}");
    assert!(crop.top >= 0.0 && crop.top + crop.height <= 40.0 + 1e-6, "{crop:?}");
}

/// Parts of lists, targets and signatures.
pub(super) const GUARDED: &[&str] = &[
    "https://",
    "*.",
    "img.example",
    "/photos",
    "/img/1x1/cover",
    "/cdn-cgi/image/",
    "..",
    "%2e",
    "%2F",
    ":443",
    ",",
    "-_",
];

pub(super) fn guarded() -> Vec<Vec<u8>> {
    texts(&[
        "https://img.example/photos, *.cdn.example /uploads\nhttps://img.example/photos/../a.jpg",
        "http://a.example:80\n/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/img/1x1/cover?src=a",
        "img.example/photos\n/uploads/%2e%2e/a.jpg",
    ])
}

/// A list of sources, and on the next line a source, which is also taken for a
/// signed target: no forgery passes, nothing passes that lies beside a folder.
pub(super) fn guard(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (list, source) = text.split_once('\n').unwrap_or((text, "/a.jpg"));
    let keys = Keys::from_hexadecimal(&"5a".repeat(16), "a5").expect("keys");
    assert!(keys.verify(source).is_err(), "{source:?} passes for signed");
    let _ = Keys::from_hexadecimal(list, source);
    let origin = SourceUrl::parse("https://origin.example").expect("an origin");
    let _ = AllowList::parse(list, Some(&origin));
    let folder = AllowList::parse("https://img.example/photos", None).expect("a list");
    let url = SourceUrl::parse(&format!("https://img.example/{source}"));
    if let Ok(url) = url
        && folder.check(&url).is_ok()
    {
        let path = &url.path_and_query;
        let is_below = ["/", "?"].iter().any(|next| path.starts_with(&format!("/photos{next}")));
        assert!(is_below || path == "/photos", "{path:?} passes");
    }
}

/// Names within a profile.
pub(super) const PROFILES: &[&str] = &[
    "acsp", "RGB XYZ ", "GRAYLab ", "CMYKLab ", "rXYZ", "rTRC", "kTRC", "A2B0", "mft1", "mft2",
    "mAB ", "curv", "para",
];

/// A gray profile with a curve of its own, and one for inks with a table.
pub(super) fn profiles() -> Vec<Vec<u8>> {
    let profile = |space: &[u8; 8], tag: &[u8; 4], data: &[u8]| {
        let mut out = vec![0; 128];
        out[8..12].copy_from_slice(&[2, 0x40, 0, 0]);
        out[12..16].copy_from_slice(b"prtr");
        out[16..24].copy_from_slice(space);
        out[36..40].copy_from_slice(b"acsp");
        out[68..80].copy_from_slice(&[0, 0, 0xf6, 0xd6, 0, 1, 0, 0, 0, 0, 0xd3, 0x2d]);
        out.extend(1u32.to_be_bytes());
        out.extend(tag);
        out.extend(144u32.to_be_bytes());
        out.extend((data.len() as u32).to_be_bytes());
        out.extend(data);
        let size = out.len() as u32;
        out[..4].copy_from_slice(&size.to_be_bytes());
        out
    };
    let mut table = b"mft1\0\0\0\0\x04\x03\x02\0".to_vec();
    table.extend([0u8; 36]);
    let identity: Vec<u8> = (0..=255).collect();
    table.extend(identity.repeat(4));
    table.extend([138u8, 209, 198].repeat(16));
    table.extend(identity.repeat(3));
    vec![
        profile(b"GRAYXYZ ", b"kTRC", b"curv\0\0\0\0\0\0\0\x01\x02\x33"),
        profile(b"CMYKLab ", b"A2B0", &table),
        profile(b"RGB Lab ", b"A2B0", b"mAB \0\0\0\0\x03\x03\0\0\0\0\0\x20"),
    ]
}

/// A color profile, for pictures of every kind of channels.
pub(super) fn profile(data: &[u8]) {
    for model in [Model::Gray, Model::GrayAlpha, Model::Rgb, Model::Rgba] {
        let size = Size { width: 3, height: 2 };
        let pixels = vec![100; 6 * model.channels()];
        let picture = Picture { size, model, data: pixels, icc: Some(data.to_vec()) };
        let after = to_srgb(picture);
        assert_eq!((after.size, after.model, after.icc), (size, model, None));
    }
    assert_eq!(without_ink(vec![9; 40], Some(data)).len(), 30);
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

/// Small pictures of every format and model that is written, and of the others.
pub(super) fn pictures() -> Vec<Vec<u8>> {
    // What is written nowhere here: two frames, and 16 bits with a profile.
    let examples: [&[u8]; 2] = [
        include_bytes!("../../../examples/images/ball.gif"),
        include_bytes!("../../../examples/images/wide.png"),
    ];
    let mut pictures = examples.map(<[u8]>::to_vec).to_vec();
    pictures.extend(containers());
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
    let Ok(request) = ImageRequest::parse("/img/16x9/cover", "gravity=auto") else { return };
    let Ok(prepared) = prepare(&request, "*/*", data, &limits) else { return };
    assert!(prepared.header.size.pixels() <= limits.source_pixels_max);
    if let Ok(answer) = render(&request, &prepared, data.to_vec()) {
        let written = header::read(&answer).expect("what was written can be read");
        assert_eq!(written.size, Size { width: 16, height: 9 });
    }
}

/// Names of boxes, properties and references, and starts of units of AV1.
pub(super) const BOXES: &[&str] = &[
    "ftypavif",
    "meta",
    "pitm",
    "iloc",
    "iinf",
    "infe",
    "av01",
    "grid",
    "iref",
    "dimg",
    "auxl",
    "prem",
    "iprp",
    "ipco",
    "ipma",
    "ispe",
    "av1C",
    "colrnclx",
    "colrprof",
    "auxC",
    "irot",
    "imir",
    "clap",
    "a1op",
    "lsel",
    "idat",
    "mdat",
    "\0\0\0\x01",
    "\x12\0",
    "\x0a\x06",
    "2\0",
];

/// Pictures in a container that others made: one alone, with alpha, of tiles, of 12 bits
/// and cut, and one with a sequence beside it.
pub(super) fn containers() -> Vec<Vec<u8>> {
    let samples: [&[u8]; 6] = [
        include_bytes!("../../../functions/images/testdata/avif/odd420.avif"),
        include_bytes!("../../../functions/images/testdata/avif/alphaprem.avif"),
        include_bytes!("../../../functions/images/testdata/avif/grid420.avif"),
        include_bytes!("../../../functions/images/testdata/avif/y444d12limited.avif"),
        include_bytes!("../../../functions/images/testdata/avif/clap.avif"),
        include_bytes!("../../../functions/images/testdata/avif/animated.avif"),
    ];
    samples.map(<[u8]>::to_vec).to_vec()
}

/// The container of an AVIF and the header of its coded data: what is announced has
/// pixels, and the estimate of memory is at least that of the samples.
pub(super) fn container(data: &[u8]) {
    // The first box is always taken for the one that names the format.
    let mut source = data.to_vec();
    if let Some(name) = source.get_mut(4..8) {
        name.copy_from_slice(b"ftyp");
    }
    let Ok(header) = header::read(&source) else { return };
    let Size { width, height } = header.size;
    assert!(width > 0 && height > 0, "{header:?}");
    assert!(header.fixed_bytes >= header.size.pixels(), "{header:?}");
}
