//! Headers that are refused, and what is read from good ones.

use super::*;
use crate::samples::{self, exif, jpeg, jpeg_of, picture, png, png_of, png_with_chunk, webp};

fn check_refused(source: &[u8], expected: &str) {
    let problem = read(source).expect_err(expected).to_string();
    assert!(problem.contains(expected), "{problem}, not {expected}");
}

#[test]
fn what_is_no_image_is_refused() {
    check_refused(b"", "empty");
    check_refused(b"\xff", "starts like none");
    check_refused(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "starts like none");
    check_refused(b"GIF88a\x01\0\x01\0\0\0\0", "starts like none");
    check_refused(b"\0\0\0\x10ftypheic\0\0\0\0", "it is HEIF or a video");
    check_refused(b"\0\0\0\x10ftypavif\0\0\0\0", "without a still picture");
    check_refused(b"\0\0\0\x20ftypavif\0\0\0\0", "cut off");
    check_refused(b"RIFF\x04\0\0\0WAVE", "starts like none");
    check_refused(&[0; 4096], "starts like none");
}

#[test]
fn broken_headers_are_refused() {
    check_refused(b"\xff\xd8\xff", "before its first scan");
    check_refused(b"\xff\xd8\xff\xd9", "before its first scan");
    check_refused(b"\xff\xd8\xff\xc0\0\x02", "too short");
    check_refused(b"\xff\xd8\xff\xda\0\x02", "no frame header");
    check_refused(b"\xff\xd8\xff\xc0\0\x0b\x08\0\0\0\x05\x01\x01\x11\0", "no pixels");
    check_refused(b"\xff\xd8\xff\xc0\0\x0b\x0c\0\x05\0\x05\x01\x01\x11\0", "8 bits");
    check_refused(b"\xff\xd8\xff\xc0\0\x0b\x08\0\x05\0\x05\x01\x01\x50\0", "sampling");
    check_refused(b"\xff\xd8\xff\xc0\0\x0b\x08\0\x05\0\x05\x02\x01\x11\0", "too short");
    check_refused(b"\xff\xd8\xff\xc9\0\x0b\x08\0\x05\0\x05\x01\x01\x11\0", "arithmetic");
    check_refused(b"\x89PNG\r\n\x1a\n", "before its pixels");
    check_refused(&samples::bomb(0, 5), "no pixels");
    check_refused(&samples::bomb(5, 5)[..40], "before its pixels");
    check_refused(b"RIFF\x04\0\0\0WEBP", "damaged");
    check_refused(b"RIFF\xff\xff\xff\xffWEBPVP8 \xff\xff\xff\xff", "damaged");
}

#[test]
fn broken_gifs_are_refused() {
    let still = samples::gif(&picture(4, 4, Model::Rgb), None);
    for cut in [6, 10, 13, 20, still.len() / 2] {
        let refused = read(&still[..cut]).is_err()
            || crate::decode::decode(&still[..cut], &read(&still[..cut]).expect("a header"), 1)
                .is_err();
        assert!(refused, "cut to {cut} bytes");
    }
    check_refused(b"GIF89a\x01\0\x01\0\0\0\0", "before its first frame");
    check_refused(b"GIF89a\x01\0\x01\0\0\0\0;", "before its first frame");
    check_refused(b"GIF89a\x01\0\x01\0\x80\0\0", "before its first frame");
    check_refused(b"GIF89a\x05\0\x05\0\0\0\0,\0\0\0\0\0\0\x05\0\0", "no pixels");
    // Extensions without end.
    let comments = [&b"GIF89a\x01\0\x01\0\0\0\0"[..], &b"!\xfe\x01a\0".repeat(10_000)].concat();
    check_refused(&comments, "before its first frame");
    // A frame that makes the screen huge is known by its header.
    let far = b"GIF89a\x01\0\x01\0\0\0\0,\xff\xff\xff\xff\xff\xff\xff\xff\0";
    assert_eq!(read(far).expect("a header").size, Size { width: 131_070, height: 131_070 });
}

#[test]
fn animations_are_their_first_frame() {
    let still = png(&picture(4, 4, Model::Rgb));
    let animated = png_with_chunk(&still, b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0]);
    assert_eq!(read(&animated).expect("animated").size, size(4, 4).unwrap());
    let mut animated = webp(&picture(4, 4, Model::Rgba), Some(&exif(1)));
    let flags = animated.windows(4).position(|name| name == b"VP8X").expect("extended") + 8;
    animated[flags] |= 2;
    // With the flag but without frames, the file is damaged.
    let read = read(&animated).and_then(|header| crate::decode::decode(&animated, &header, 1));
    assert!(matches!(read, Err(Problem::Damaged(_))), "{read:?}");
}

#[test]
fn sizes_models_and_orientations_are_read() {
    for (model, value) in [(Model::Rgb, 6), (Model::Gray, 3), (Model::Rgb, 8)] {
        let sample = picture(40, 30, model);
        let header = read(&jpeg(&sample, false, Some(&exif(value)))).expect("jpeg");
        assert_eq!((header.format, header.size, header.model), (Format::Jpeg, sample.size, model));
        assert_eq!(Some(header.orientation), Orientation::from_exif(value));
    }
    for model in [Model::Gray, Model::GrayAlpha, Model::Rgb, Model::Rgba] {
        let sample = picture(40, 30, model);
        let turned = png_with_chunk(&png(&sample), b"eXIf", &exif(5));
        let header = read(&turned).expect("png");
        assert_eq!((header.format, header.size, header.model), (Format::Png, sample.size, model));
        assert_eq!(Some(header.orientation), Orientation::from_exif(5));
    }
    let header = read(&webp(&picture(40, 30, Model::Rgba), Some(&exif(7)))).expect("webp");
    assert_eq!((header.format, header.model), (Format::Webp, Model::Rgba));
    assert_eq!(Some(header.orientation), Orientation::from_exif(7));
    assert!(header.is_lossless);
    let palette = png_of(
        &[0b0001_1011; 4],
        size(4, 4).unwrap(),
        ::png::ColorType::Indexed,
        ::png::BitDepth::Two,
    );
    assert_eq!(read(&palette).expect("palette").model, Model::Rgba);
}

#[test]
fn a_progressive_or_split_jpeg_needs_memory_for_all_its_coefficients() {
    let sample = picture(400, 400, Model::Rgb);
    let baseline = read(&jpeg(&sample, false, None)).expect("baseline").fixed_bytes;
    let progressive = read(&jpeg(&sample, true, None)).expect("progressive").fixed_bytes;
    assert!(progressive >= 400 * 400 * 3 * 2, "{progressive}");
    assert!(baseline < 400 * 400 * 3, "{baseline}");
    let cmyk = jpeg_of(&[9; 64], size(4, 4).unwrap(), jpeg_encoder::ColorType::Cmyk, false, None);
    assert_eq!(read(&cmyk).expect("cmyk").model, Model::Rgb);
}

#[test]
fn a_bomb_is_known_by_its_header() {
    let bomb = samples::bomb(30_000, 30_000);
    assert!(bomb.len() < 100);
    assert_eq!(read(&bomb).expect("a header").size, Size { width: 30_000, height: 30_000 });
}
