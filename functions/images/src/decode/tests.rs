//! Damaged sources first, then every kind of good one.

use std::sync::OnceLock;

use proptest::prelude::*;
use sedge_kit::image::accept::Format;
use sedge_kit::image::grammar::Quality;

use super::*;
use crate::header;
use crate::samples::{gif, jpeg, jpeg_of, picture, png, png_of, png_with_chunk, psnr, webp};

fn decoded(source: &[u8]) -> Result<Picture, Problem> {
    decode(source, &header::read(source)?, 1)
}

fn size(width: u32, height: u32) -> Size {
    Size { width, height }
}

/// One small picture in every format; made once, as encoding takes its time.
fn all_formats() -> &'static [(&'static str, Vec<u8>)] {
    static ALL: OnceLock<Vec<(&'static str, Vec<u8>)>> = OnceLock::new();
    ALL.get_or_init(encode_all)
}

fn encode_all() -> Vec<(&'static str, Vec<u8>)> {
    let sample = picture(61, 47, Model::Rgb);
    let lossy = crate::encode::encode(
        picture(61, 47, Model::Rgba),
        crate::encode::Settings {
            format: Format::Webp,
            quality: Quality::Number(80),
            may_be_lossless: false,
            is_baseline: false,
            node: None,
        },
    );
    vec![
        ("jpeg", jpeg(&sample, false, None)),
        ("progressive jpeg", jpeg(&sample, true, None)),
        ("png", png(&sample)),
        ("lossless webp", webp(&sample, None)),
        ("gif", gif(&sample, None)),
        ("lossy webp with alpha", lossy.expect("encodes")),
        ("avif", include_bytes!("../../testdata/avif/alpha420.avif").to_vec()),
        ("avif of tiles", include_bytes!("../../testdata/avif/grid420.avif").to_vec()),
    ]
}

#[test]
fn truncated_sources_are_damaged_and_nothing_else() {
    for (name, source) in all_formats() {
        for kept in [4, 30, source.len() / 4, source.len() / 2, source.len() * 3 / 4] {
            let problem = decoded(&source[..kept]).map(|_| ()).expect_err(name);
            let is_expected = matches!(problem, Problem::Damaged(_) | Problem::Unsupported(_));
            assert!(is_expected, "{name} cut to {kept} bytes: {problem}");
        }
    }
}

#[test]
fn a_header_that_lies_about_the_size_is_found_out() {
    for (name, source) in all_formats() {
        let mut header = header::read(source).expect(name);
        header.size.width += 1;
        let problem = decode(source, &header, 1).map(|_| ()).expect_err(name);
        assert!(matches!(problem, Problem::Damaged(_)), "{name}: {problem}");
    }
}

#[test]
fn png_checksums_are_checked() {
    let mut source = png(&picture(20, 20, Model::Rgb));
    let at = source.len() - 20;
    source[at] ^= 1;
    assert!(matches!(decoded(&source), Err(Problem::Damaged(_))));
}

#[test]
fn lossless_formats_come_back_unchanged() {
    for model in [Model::Gray, Model::GrayAlpha, Model::Rgb, Model::Rgba] {
        let sample = picture(33, 21, model);
        assert_eq!(decoded(&png(&sample)).expect("png"), sample);
        if matches!(model, Model::Rgb | Model::Rgba) {
            assert_eq!(decoded(&webp(&sample, None)).expect("webp"), sample);
        }
    }
}

#[test]
fn the_first_frame_of_a_gif_lies_where_it_belongs() {
    let levels = |picture: Picture| {
        let level = |sample: &u8| ((u32::from(*sample) + 25) / 51 * 51) as u8;
        let data = picture.data.iter().map(level).collect();
        Picture { data, ..picture }
    };
    let sample = levels(picture(33, 21, Model::Rgb));
    assert_eq!(decoded(&gif(&sample, None)).expect("gif"), sample);
    // The bright square's color is transparent: 5, 5 and 0 of six levels.
    let back = decoded(&gif(&sample, Some(5 * 36 + 5 * 6))).expect("gif");
    assert_eq!((back.size, back.model), (size(38, 24), Model::Rgba));
    let at = |x: usize, y: usize| &back.data[(y * 38 + x) * 4..][..4];
    assert_eq!(at(0, 0)[3], 0, "beside the frame");
    assert_eq!(at(2, 1)[3], 0, "a transparent color");
    assert_eq!(at(2, 1 + 20)[..3], sample.data[20 * 33 * 3..][..3]);
    assert_eq!(at(2, 1 + 20)[3], 255);
    assert_eq!(at(37, 23)[3], 0, "beside the frame");
}

#[test]
fn the_first_frame_of_an_animated_png_is_shown() {
    let still = picture(20, 10, Model::Rgb);
    let mut source = Vec::new();
    let mut encoder = png::Encoder::new(&mut source, 20, 10);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_animated(2, 0).expect("two frames");
    let mut writer = encoder.write_header().expect("writes");
    writer.write_image_data(&still.data).expect("the first");
    writer.write_image_data(&[0; 600]).expect("the second");
    writer.finish().expect("ends");
    assert_eq!(decoded(&source).expect("png"), still);
}

#[test]
fn the_first_frame_of_an_animated_webp_is_shown() {
    let still = picture(20, 10, Model::Rgba);
    let file = webp(&still, None);
    // The only chunk, put into a frame of the whole canvas.
    let chunk = &file[12..];
    let mut frame = vec![0, 0, 0, 0, 0, 0, 19, 0, 0, 9, 0, 0, 100, 0, 0, 2];
    frame.extend(chunk);
    let mut body =
        b"WEBPVP8X\x0a\0\0\0\x12\0\0\0\x13\0\0\x09\0\0ANIM\x06\0\0\0\0\0\0\0\0\0".to_vec();
    for _ in 0..2 {
        body.extend(b"ANMF");
        body.extend((frame.len() as u32).to_le_bytes());
        body.extend(&frame);
    }
    let mut source = b"RIFF".to_vec();
    source.extend((body.len() as u32).to_le_bytes());
    source.extend(body);
    assert_eq!(decoded(&source).expect("webp"), still);
}

#[test]
fn jpegs_come_back_alike() {
    for model in [Model::Gray, Model::Rgb] {
        let sample = picture(100, 75, model);
        for is_progressive in [false, true] {
            let back = decoded(&jpeg(&sample, is_progressive, None)).expect("jpeg");
            let psnr = psnr(&back, &sample);
            assert!(psnr > 30.0, "{model:?} {is_progressive} {psnr} dB");
        }
    }
}

#[test]
fn a_jpeg_is_reduced_while_it_is_decoded() {
    let source = jpeg(&picture(101, 75, Model::Rgb), false, None);
    let header = header::read(&source).expect("jpeg");
    for (reduction, width, height) in [(2, 51, 38), (4, 26, 19), (8, 13, 10)] {
        let reduced = decode(&source, &header, reduction).expect("jpeg");
        assert_eq!(reduced.size, size(width, height));
        let expected = picture(width, height, Model::Rgb);
        assert!(psnr(&reduced, &expected) > 15.0, "{reduction}");
    }
}

#[test]
fn cmyk_and_ycck_become_rgb() {
    // Cyan, magenta, yellow, black ink: nothing printed is white.
    for (inks, expected) in [
        ([0, 0, 0, 0], [255, 255, 255]),
        ([0, 255, 255, 0], [255, 0, 0]),
        ([0, 0, 0, 255], [0, 0, 0]),
        ([255, 0, 0, 0], [0, 255, 255]),
    ] {
        let data = inks.repeat(16 * 16);
        for color in [jpeg_encoder::ColorType::Cmyk, jpeg_encoder::ColorType::CmykAsYcck] {
            let source = jpeg_of(&data, size(16, 16), color, false, None);
            let back = decoded(&source).expect("cmyk");
            let near = back.data[..3].iter().zip(expected).all(|(a, b)| a.abs_diff(b) < 6);
            assert!(near, "{color:?} {inks:?}: {:?}", &back.data[..3]);
        }
    }
}

#[test]
fn every_png_type_becomes_8_bits() {
    use png::{BitDepth, ColorType};
    let check = |data: &[u8], width, color, depth, model, expected: &[u8]| {
        let back = decoded(&png_of(data, size(width, 1), color, depth)).expect("png");
        assert_eq!((back.model, back.data.as_slice()), (model, expected), "{color:?} {depth:?}");
    };
    let gray = ColorType::Grayscale;
    check(&[0b1010_0000], 4, gray, BitDepth::One, Model::Gray, &[255, 0, 255, 0]);
    check(&[0b0001_1011], 4, gray, BitDepth::Two, Model::Gray, &[0, 85, 170, 255]);
    check(&[0x0f], 2, gray, BitDepth::Four, Model::Gray, &[0, 255]);
    check(&[0x12, 0x34], 1, gray, BitDepth::Sixteen, Model::Gray, &[0x12]);
    // Rounded, not cut.
    check(&[0x12, 0xf4], 1, gray, BitDepth::Sixteen, Model::Gray, &[0x13]);
    check(&[0xff, 0xff, 0, 0x7f], 2, gray, BitDepth::Sixteen, Model::Gray, &[255, 0]);
    let deep = [0x10, 0, 0x20, 0, 0x30, 0, 0x40, 0];
    check(&deep, 1, ColorType::Rgba, BitDepth::Sixteen, Model::Rgba, &[16, 32, 48, 64]);
    check(&deep[..6], 1, ColorType::Rgb, BitDepth::Sixteen, Model::Rgb, &[16, 32, 48]);
    let alpha = ColorType::GrayscaleAlpha;
    check(&deep[..4], 1, alpha, BitDepth::Sixteen, Model::GrayAlpha, &[16, 32]);
    let palette = [0, 255, 0, 255, 9, 9, 9, 0];
    check(&[0b0111_0000], 2, ColorType::Indexed, BitDepth::Two, Model::Rgba, &palette);
}

#[test]
fn a_transparent_color_becomes_alpha() {
    let source = png_of(&[7, 8], size(2, 1), png::ColorType::Grayscale, png::BitDepth::Eight);
    let keyed = png_with_chunk(&source, b"tRNS", &[0, 8]);
    let back = decoded(&keyed).expect("png");
    assert_eq!((back.model, back.data), (Model::GrayAlpha, vec![7, 255, 8, 0]));
}

#[test]
fn an_interlaced_png_is_read() {
    // 3 × 3 gray pixels 1 to 9, Adam7: passes 1, 5, 6 and 7 hold any; pass 4
    // the third column of the first row. Stored without compression.
    let rows: [&[u8]; 6] = [&[0, 1], &[0, 3], &[0, 7, 9], &[0, 2], &[0, 8], &[0, 4, 5, 6]];
    let raw: Vec<u8> = rows.concat();
    let (mut low, mut high) = (1u32, 0u32);
    for byte in &raw {
        low = (low + u32::from(*byte)) % 65_521;
        high = (high + low) % 65_521;
    }
    let mut zlib = vec![0x78, 0x01, 1];
    zlib.extend((raw.len() as u16).to_le_bytes());
    zlib.extend((!(raw.len() as u16)).to_le_bytes());
    zlib.extend(&raw);
    zlib.extend((high << 16 | low).to_be_bytes());
    let mut source = b"\x89PNG\r\n\x1a\n".to_vec();
    source.extend(crate::samples::png_chunk(b"IHDR", &[0, 0, 0, 3, 0, 0, 0, 3, 8, 0, 0, 0, 1]));
    source.extend(crate::samples::png_chunk(b"IDAT", &zlib));
    source.extend(crate::samples::png_chunk(b"IEND", &[]));
    assert_eq!(decoded(&source).expect("png").data, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn random_bytes_never_panic(
        start in prop::sample::select(vec![
            &b"\xff\xd8\xff"[..], b"GIF89a\x10\0\x10\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x10\0\x10\0\0\x02", b"\x89PNG\r\n\x1a\n", b"RIFF\0\x10\0\0WEBPVP8 ", b"RIFF\0\x10\0\0WEBPVP8L",
        ]),
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let _ = checked(&[start, &bytes].concat());
    }

    #[test]
    fn damaged_images_never_panic(
        which in 0usize..8,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let mut source = all_formats()[which].1.clone();
        for (at, value) in changes {
            let at = at.index(source.len());
            source[at] = value;
        }
        if let Some(cut) = cut {
            source.truncate(cut.index(source.len()));
        }
        let _ = checked(&source);
    }
}

/// As the service does: the limits stand before the decoder.
fn checked(source: &[u8]) -> Result<Picture, Problem> {
    let header = header::read(source)?;
    let limits = crate::limits::Limits { source_pixels_max: 4_000_000, ..Default::default() };
    limits.check_source(header.size)?;
    decode(source, &header, 1)
}
