//! What is written is read back: sizes, alpha, profiles, edges.

use sedge_kit::image::geometry::Size;

use super::*;
use crate::decode::decode;
use crate::header;
use crate::samples::{picture, psnr};

fn settings(format: Format, quality: u8) -> Settings {
    Settings {
        format,
        quality: Quality::Number(quality),
        may_be_lossless: false,
        is_baseline: false,
        node: None,
    }
}

fn back(bytes: &[u8]) -> Picture {
    decode(bytes, &header::read(bytes).expect("a header"), 1).expect("decodes")
}

#[test]
fn jpeg_refuses_alpha_and_too_long_sides() {
    let with_alpha = encode(picture(4, 4, Model::Rgba), settings(Format::Jpeg, 80));
    assert!(matches!(with_alpha, Err(Problem::Encoding(_))));
    let long = encode(picture(70_000, 1, Model::Gray), settings(Format::Jpeg, 80));
    assert!(matches!(long, Err(Problem::Encoding(_))));
}

#[test]
fn webp_of_too_many_pixels_is_refused_unless_lossless() {
    let huge = Picture { data: vec![9; 4096 * 3000 * 3], ..picture(1, 1, Model::Rgb) };
    let huge = Picture { size: Size { width: 4096, height: 3000 }, ..huge };
    let lossy = encode(huge.clone(), settings(Format::Webp, 80));
    assert!(matches!(lossy, Err(Problem::WebpPixels(_))));
    let lossless = Settings { may_be_lossless: true, ..settings(Format::Webp, 80) };
    assert!(encode(huge, lossless).is_ok());
}

#[test]
fn what_only_the_node_writes_is_refused_without_it() {
    let avif = encode(picture(4, 4, Model::Rgb), settings(Format::Avif, 80));
    assert!(matches!(avif, Err(Problem::NoEncoder(Format::Avif))));
    for (format, pixels, expected) in [
        (Format::Avif, 1, Cost::Impossible),
        (Format::Webp, 1_000_000, Cost::Cheap),
        (Format::Webp, 1_000_001, Cost::Costly),
        (Format::Jpeg, u64::MAX, Cost::Cheap),
        (Format::Png, u64::MAX, Cost::Cheap),
    ] {
        assert_eq!(cost(format, pixels, None), expected, "{format:?} {pixels}");
    }
    let node = Some(NodeEncoders::new(4_000_000, 4_000_000, |_| None));
    assert_eq!(cost(Format::Webp, 4_000_000, node), Cost::Cheap);
    assert_eq!(cost(Format::Webp, 4_000_001, node), Cost::Costly);
    assert_eq!(cost(Format::Png, 4_000_001, node), Cost::Cheap);
}

#[test]
fn quality_by_looks_is_the_default_here() {
    let by_looks = Settings { quality: Quality::Auto, ..settings(Format::Jpeg, 1) };
    let sample = picture(40, 30, Model::Rgb);
    let plain = encode(sample.clone(), settings(Format::Jpeg, QUALITY_DEFAULT)).expect("encodes");
    assert_eq!(encode(sample, by_looks).expect("encodes"), plain);
}

#[test]
fn every_size_of_a_macroblock_is_written_whole() {
    for (width, height) in [(1, 1), (1, 33), (15, 17), (16, 16), (31, 2), (255, 301)] {
        let data = [200, 120, 40].repeat((width * height) as usize);
        let sample = Picture { data, ..picture(width, height, Model::Rgb) };
        let webp = back(&encode(sample.clone(), settings(Format::Webp, 95)).expect("encodes"));
        assert_eq!(webp.size, sample.size);
        // A padding with black would show in the last rows and columns.
        let worst = webp.data.iter().zip(&sample.data).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(worst < Some(8), "{width}x{height}: {worst:?}");
    }
}

#[test]
fn quality_means_much_the_same_in_both_lossy_formats() {
    let sample = picture(160, 120, Model::Rgb);
    let mut last = 0.0;
    for quality in [30, 60, 85] {
        let measure = |format| {
            psnr(
                &back(&encode(sample.clone(), settings(format, quality)).expect("encodes")),
                &sample,
            )
        };
        let (jpeg, webp) = (measure(Format::Jpeg), measure(Format::Webp));
        assert!((jpeg - webp).abs() < 6.0, "{quality}: {jpeg} and {webp} dB");
        assert!(jpeg > last && webp > 25.0, "{quality}: {jpeg} and {webp} dB");
        last = jpeg;
    }
}

#[test]
fn alpha_survives_lossy_webp_exactly() {
    let sample = picture(37, 29, Model::Rgba);
    let webp = back(&encode(sample.clone(), settings(Format::Webp, 80)).expect("encodes"));
    assert_eq!(webp.model, Model::Rgba);
    let alphas =
        |picture: &Picture| picture.data.iter().skip(3).step_by(4).copied().collect::<Vec<_>>();
    assert_eq!(alphas(&webp), alphas(&sample));
}

#[test]
fn a_lossless_source_gets_the_smaller_webp() {
    let stripes = [[0; 3], [255; 3]].concat().repeat(64 * 32);
    let flat = Picture { data: stripes, ..picture(64, 64, Model::Rgb) };
    let lossless = Settings { may_be_lossless: true, ..settings(Format::Webp, 80) };
    let webp = encode(flat.clone(), lossless).expect("encodes");
    assert!(header::read(&webp).expect("webp").is_lossless);
    assert_eq!(back(&webp), flat);
}

#[test]
fn gray_is_written_by_every_format() {
    for format in [Format::Webp, Format::Jpeg, Format::Png] {
        let sample = picture(20, 20, Model::Gray);
        let read = back(&encode(sample, settings(format, 90)).expect("encodes"));
        let is_gray = read.model == Model::Gray
            || read.data.chunks(3).all(|pixel| pixel.iter().all(|v| v.abs_diff(pixel[0]) < 6));
        assert!(is_gray, "{format:?}");
    }
}

#[test]
fn the_color_profile_is_kept_and_nothing_else() {
    let mut icc = vec![0; 300];
    icc[16..20].copy_from_slice(b"RGB ");
    for format in [Format::Webp, Format::Jpeg, Format::Png] {
        let sample = picture(20, 20, Model::Rgb).with_icc(Some(icc.clone()));
        let bytes = encode(sample, settings(format, 80)).expect("encodes");
        assert_eq!(back(&bytes).icc.as_ref(), Some(&icc), "{format:?}");
        assert!(!bytes.windows(4).any(|part| part == b"Exif" || part == b"EXIF"), "{format:?}");
    }
}
