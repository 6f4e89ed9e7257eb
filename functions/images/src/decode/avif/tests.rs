//! Files of other encoders: damaged first, then as they were drawn.

use sedge_kit::image::orientation::Orientation;

use super::*;
use crate::color::to_srgb;
use crate::header;
use crate::picture::Model;
use crate::samples::{picture, psnr};

macro_rules! sample {
    ($name:literal) => {
        include_bytes!(concat!("../../../testdata/avif/", $name, ".avif")).as_slice()
    };
}

fn decoded(file: &[u8]) -> Result<Picture, Problem> {
    decode(file, &header::read(file)?)
}

/// The drawing that the sample is of, in its kind of channels.
fn check(name: &str, file: &[u8], expected: &Picture, least: f64) {
    let back = decoded(file).expect(name);
    let psnr = psnr(&back, expected);
    assert!(psnr > least, "{name}: {psnr} dB");
}

#[test]
fn data_that_are_damaged_are_damaged_and_nothing_else() {
    for file in [sample!("y420d8limited"), sample!("alpha420"), sample!("grid420")] {
        for at in file.len() / 2..file.len() {
            let mut damaged = file.to_vec();
            damaged[at] ^= 0x55;
            let problem = decoded(&damaged);
            let is_expected = matches!(problem, Ok(_) | Err(Problem::Damaged(_)))
                || matches!(problem, Err(Problem::Unsupported(_)));
            assert!(is_expected, "{at}: {problem:?}");
        }
    }
}

#[test]
fn light_beyond_white_is_refused() {
    let problem = header::read(sample!("pq")).expect_err("HDR");
    assert!(matches!(problem, Problem::Unsupported(what) if what.contains("HDR")), "{problem}");
}

#[test]
fn every_depth_and_sampling_shows_what_was_drawn() {
    let drawn = picture(64, 48, Model::Rgb);
    check("8 bits, 4:2:0", sample!("y420d8limited"), &drawn, 27.0);
    check("10 bits, 4:2:2", sample!("y422d10full"), &drawn, 28.0);
    check("12 bits, 4:4:4", sample!("y444d12limited"), &drawn, 33.0);
    check("BT.709", sample!("bt709"), &drawn, 33.0);
    check("YCgCo", sample!("ycgco"), &drawn, 33.0);
    check("rav1e", sample!("rav1e"), &drawn, 27.0);
    check("sharp", sample!("sharp"), &drawn, 33.0);
    check("odd sides", sample!("odd420"), &picture(61, 47, Model::Rgb), 27.0);
    let lossless = decoded(sample!("lossless")).expect("RGB");
    assert_eq!(lossless.data, drawn.data);
    let gray = decoded(sample!("y400d8full")).expect("gray");
    let luma = |pixel: &[u8]| {
        let [red, green, blue] = [pixel[0], pixel[1], pixel[2]].map(u32::from);
        ((299 * red + 587 * green + 114 * blue + 500) / 1000) as u8
    };
    let expected: Vec<u8> = drawn.data.chunks(3).map(luma).collect();
    let expected = Picture { model: Model::Gray, data: expected, ..drawn };
    assert!(psnr(&gray, &expected) > 35.0, "{}", psnr(&gray, &expected));
}

/// The second frame is mirrored, and all are opaque.
#[test]
fn of_a_sequence_the_still_picture_is_shown() {
    let drawn = picture(64, 48, Model::Rgb);
    let data = drawn.data.chunks(3).flat_map(|rgb| [rgb[0], rgb[1], rgb[2], 255]).collect();
    let drawn = Picture { model: Model::Rgba, data, ..drawn };
    check("animated", sample!("animated"), &drawn, 27.0);
}

#[test]
fn grain_is_added() {
    let drawn = picture(64, 48, Model::Rgb);
    let noise = |file| psnr(&decoded(file).expect("a sample"), &drawn);
    let (plain, grainy) = (noise(sample!("y420d8limited")), noise(sample!("grain")));
    assert!(grainy < plain - 1.0 && grainy > 25.0, "{grainy} rather than {plain} dB");
}

#[test]
fn tiles_are_put_together() {
    let drawn = picture(128, 128, Model::Rgb);
    check("2 × 2 tiles", sample!("grid420"), &drawn, 30.0);
}

#[test]
fn alpha_is_as_it_was_drawn_however_it_is_stored() {
    let drawn = picture(61, 47, Model::Rgba);
    let check = |name: &str, file: &[u8]| {
        check(name, file, &drawn, 27.0);
        let back = decoded(file).expect(name);
        let off = |(one, other): (&[u8], &[u8])| one[3].abs_diff(other[3]);
        let most = back.data.chunks(4).zip(drawn.data.chunks(4)).map(off).max();
        assert!(most <= Some(1), "{name}: {most:?}");
    };
    check("alpha", sample!("alpha420"));
    check("alpha of 10 bits in the values of video", sample!("alphalim10"));
    check("multiplied by alpha", sample!("alphaprem"));
}

#[test]
fn what_is_multiplied_by_alpha_is_divided_by_it() {
    let mut data = vec![50, 100, 10, 100, 9, 9, 9, 0, 1, 2, 3, 255, 90, 1, 0, 3];
    divide_by_alpha(&mut data, 4);
    assert_eq!(data, [128, 255, 26, 100, 0, 0, 0, 0, 1, 2, 3, 255, 255, 85, 0, 3]);
}

#[test]
fn what_is_cut_and_turned_is_as_the_container_says() {
    let drawn = picture(64, 48, Model::Rgb);
    let file = sample!("clap");
    let header = header::read(file).expect("a header");
    // 60 × 40, 1 left of the middle and 3 below it.
    assert_eq!(header.size, Size { width: 60, height: 40 });
    let mut data = drawn.data.clone();
    let cut = Cut { left: 1, top: 7, size: header.size };
    cut_out(&mut data, drawn.size, cut, 3);
    check("cut", file, &Picture { size: header.size, data, ..drawn.clone() }, 33.0);
    let turned = header::read(sample!("irotmir")).expect("a header").orientation;
    let exif = |value| Orientation::from_exif(value).expect("1 to 8");
    assert_eq!(turned, exif(8).then(exif(4)));
    check("turned", sample!("irotmir"), &drawn, 33.0);
}

#[test]
fn named_colors_become_srgb() {
    let wide = to_srgb(decoded(sample!("p3")).expect("P3"));
    let drawn = picture(64, 48, Model::Rgb);
    // Reddish, right of the middle: more red in sRGB than P3 says.
    let at = (10 * 64 + 50) * 3;
    assert!(
        wide.data[at] > drawn.data[at],
        "{:?} {:?}",
        &wide.data[at..][..3],
        &drawn.data[at..][..3]
    );
    assert_eq!(wide.icc, None);
}

#[test]
fn a_header_of_another_file_is_found_out() {
    let header = header::read(sample!("bt709")).expect("a header");
    let problem = decode(sample!("alpha420"), &header);
    assert!(matches!(problem, Err(Problem::Damaged(_))), "{problem:?}");
}
