//! The scaler against a slow and obvious one; turning; painting.

use sedge_kit::image::geometry::{Bounds, Fit, Gravity, plan};

use super::*;
use crate::samples::{picture, psnr};

fn scaled(picture: Picture, bounds: (u32, u32), fit: Fit) -> Picture {
    let bounds = Bounds { width: Some(bounds.0), height: Some(bounds.1) };
    let planned = plan(picture.size, bounds, fit, Gravity::CENTER);
    scaled_as(picture, &planned, Orientation::UPRIGHT)
}

fn scaled_as(picture: Picture, planned: &Plan, orientation: Orientation) -> Picture {
    let stored = picture.size;
    let crop = orientation.stored_crop(planned.crop, stored);
    scale(picture, stored, crop, planned.scaled, orientation).expect("scales")
}

/// sRGB's curve and back, by the formula.
fn light_of(level: f64) -> f64 {
    let level = level / 255.0;
    if level <= 0.04045 { level / 12.92 } else { ((level + 0.055) / 1.055).powf(2.4) }
}

fn level_of(light: f64) -> f64 {
    let light = light.clamp(0.0, 1.0);
    let level =
        if light <= 0.003_130_8 { light * 12.92 } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 };
    level * 255.0
}

/// Lanczos3 in double precision, by the formula, on light times alpha.
fn reference(picture: &Picture, target: Size) -> Picture {
    let lanczos = |x: f64| {
        let sinc = |x: f64| {
            if x == 0.0 {
                1.0
            } else {
                (std::f64::consts::PI * x).sin() / (std::f64::consts::PI * x)
            }
        };
        if x.abs() < 3.0 { sinc(x) * sinc(x / 3.0) } else { 0.0 }
    };
    let weights = |from: u32, to: u32, at: u32| -> Vec<f64> {
        let ratio = f64::from(from) / f64::from(to);
        let spread = ratio.max(1.0);
        let center = (f64::from(at) + 0.5) * ratio;
        let raw: Vec<f64> =
            (0..from).map(|x| lanczos((f64::from(x) + 0.5 - center) / spread)).collect();
        let sum: f64 = raw.iter().sum();
        raw.iter().map(|weight| weight / sum).collect()
    };
    let channels = picture.model.channels();
    let sample = |x: usize, y: usize, channel: usize| {
        let at = (y * picture.size.width as usize + x) * channels;
        let value = f64::from(picture.data[at + channel]);
        match picture.model.has_alpha() {
            true if channel == channels - 1 => value / 255.0,
            true => light_of(value) * f64::from(picture.data[at + channels - 1]) / 255.0,
            false => light_of(value),
        }
    };
    let mut data = Vec::new();
    for y in 0..target.height {
        let down = weights(picture.size.height, target.height, y);
        for x in 0..target.width {
            let across = weights(picture.size.width, target.width, x);
            let mut pixel = vec![0.0; channels];
            for (row, down) in down.iter().enumerate().filter(|(_, weight)| **weight != 0.0) {
                for (column, across) in across.iter().enumerate() {
                    for (channel, sum) in pixel.iter_mut().enumerate() {
                        *sum += down * across * sample(column, row, channel);
                    }
                }
            }
            let colors = picture.model.without_alpha().channels();
            let alpha = if picture.model.has_alpha() { pixel[colors] } else { 1.0 };
            let levels = pixel[..colors].iter().map(|light| level_of(light / alpha.max(1e-9)));
            data.extend(levels.map(|level| level.round() as u8));
            if picture.model.has_alpha() {
                data.push((alpha * 255.0).round().clamp(0.0, 255.0) as u8);
            }
        }
    }
    Picture { size: target, model: picture.model, data, icc: None }
}

#[test]
fn the_scaler_agrees_with_the_formula() {
    for model in [Model::Gray, Model::GrayAlpha, Model::Rgb, Model::Rgba] {
        for (width, height) in [(40, 30), (7, 50), (1, 1), (150, 110), (31, 160), (160, 20)] {
            let source = picture(100, 75, model);
            let expected = reference(&source, Size { width, height });
            let psnr = psnr(&scaled(source, (width, height), Fit::Fill), &expected);
            assert!(psnr > 50.0, "{model:?} {width}x{height}: {psnr} dB");
        }
    }
}

#[test]
fn extreme_reductions_keep_the_brightness() {
    let size = Size { width: 30_000, height: 40 };
    let source = Picture { size, model: Model::Gray, data: vec![200; 1_200_000], icc: None };
    let dot = scaled(source, (1, 1), Fit::Fill);
    assert!(dot.data[0].abs_diff(200) <= 1, "{}", dot.data[0]);
}

#[test]
fn fine_patterns_keep_their_light() {
    // A checkerboard of black and white is half of the light, level 188, where
    // samples as they are would make 128 of it.
    let size = Size { width: 64, height: 64 };
    let data = (0..64 * 64).map(|at| if (at + at / 64) % 2 == 0 { 0 } else { 255 }).collect();
    let board = Picture { size, model: Model::Gray, data, icc: None };
    let small = scaled(board, (16, 16), Fit::Fill);
    assert!(small.data.iter().all(|sample| sample.abs_diff(188) <= 2), "{:?}", small.data);
}

#[test]
fn what_is_not_scaled_is_not_touched() {
    let source = picture(40, 30, Model::Rgba);
    let cut = scaled(source.clone(), (20, 30), Fit::Cover);
    for (row, from) in cut.data.chunks(80).zip(source.data.chunks(160)) {
        assert_eq!(row, &from[40..120]);
    }
}

#[test]
fn transparent_pixels_lend_no_color() {
    // Opaque white beside transparent red: halfway it is white, half visible.
    let size = Size { width: 4, height: 1 };
    let row = [[255, 255, 255, 255]; 2].into_iter().chain([[255, 0, 0, 0]; 2]);
    let source = Picture { size, model: Model::Rgba, data: row.flatten().collect(), icc: None };
    let half = scaled(source, (1, 1), Fit::Fill);
    assert!(half.data[1] >= 254 && half.data[2] >= 254, "{:?}", half.data);
    assert!(half.data[3].abs_diff(128) <= 1, "{:?}", half.data);
}

#[test]
fn premultiplication_stays_in_range_and_rounds() {
    for alpha in 0..=255u8 {
        for color in 0..=255u8 {
            let product = multiply(color, alpha);
            let exact = f64::from(color) * f64::from(alpha) / 255.0;
            assert!((f64::from(product) - exact).abs() <= 0.5);
            let back = divide(u32::from(product) * 255, u32::from(alpha));
            if alpha == 255 {
                assert_eq!(back, color);
            }
        }
    }
}

/// The letters of a gray picture, row by row.
fn letters(picture: &Picture) -> String {
    let rows = picture.data.chunks(picture.row_bytes());
    rows.map(|row| String::from_utf8_lossy(row).into_owned() + "/").collect()
}

#[test]
fn all_eight_orientations_are_turned_upright() {
    let size = Size { width: 3, height: 2 };
    let stored = Picture { size, model: Model::Gray, data: b"abcdef".to_vec(), icc: None };
    let expected = [
        "abc/def/",
        "cba/fed/",
        "fed/cba/",
        "def/abc/",
        "ad/be/cf/",
        "da/eb/fc/",
        "fc/eb/da/",
        "cf/be/ad/",
    ];
    for (value, expected) in (1..).zip(expected) {
        let orientation = Orientation::from_exif(value).expect("1 to 8");
        let displayed = orientation.turn(size);
        let whole = Bounds { width: None, height: None };
        let planned = plan(displayed, whole, Fit::Inside, Gravity::CENTER);
        let turned = scaled_as(stored.clone(), &planned, orientation);
        assert_eq!(letters(&turned), expected, "orientation {value}");
        assert_eq!(turned.size, displayed);
    }
}

#[test]
fn a_turned_picture_is_cropped_as_it_is_displayed() {
    // Stored on its side: as displayed it is 40 × 100, its upper half black.
    let size = Size { width: 100, height: 40 };
    let data = (0..4000).map(|at| if at % 100 < 50 { 0 } else { 255 }).collect();
    let stored = Picture { size, model: Model::Gray, data, icc: None };
    let orientation = Orientation::from_exif(6).expect("6");
    let bounds = Bounds { width: Some(40), height: Some(40) };
    let planned = plan(orientation.turn(size), bounds, Fit::Cover, Gravity::CENTER);
    let turned = scaled_as(stored, &planned, orientation);
    assert_eq!(turned.size, Size { width: 40, height: 40 });
    assert!(turned.data[..40 * 15].iter().all(|value| *value < 10), "the upper part is black");
    assert!(turned.data[40 * 25..].iter().all(|value| *value > 245), "the lower part is white");
}

fn painted(
    pixel: &[u8],
    model: Model,
    canvas_width: u32,
    background: Option<Color>,
    keeps_alpha: bool,
) -> (Model, Vec<u8>) {
    let size = Size { width: 1, height: 1 };
    let source = Picture { size, model, data: pixel.to_vec(), icc: None };
    let canvas = Size { width: canvas_width, height: 1 };
    let planned = Plan { crop: Crop::whole(size), scaled: size, canvas };
    let picture = paint(source, &planned, background, keeps_alpha).expect("paints");
    assert_eq!(picture.size, canvas);
    (picture.model, picture.data)
}

#[test]
fn transparency_is_flattened_where_the_format_has_none() {
    let red = Some(Color { red: 255, green: 0, blue: 0, alpha: 255 });
    let half_red = Some(Color { red: 255, green: 0, blue: 0, alpha: 128 });
    let check = |pixel: &[u8], model, background, expected: (Model, Vec<u8>)| {
        assert_eq!(painted(pixel, model, 1, background, false), expected, "{background:?}");
    };
    check(&[10, 20, 30, 0], Model::Rgba, None, (Model::Rgb, vec![255; 3]));
    check(&[0, 0, 0, 128], Model::Rgba, None, (Model::Rgb, vec![127; 3]));
    check(&[10, 20, 30, 255], Model::Rgba, red, (Model::Rgb, vec![10, 20, 30]));
    check(&[10, 20, 30, 0], Model::Rgba, red, (Model::Rgb, vec![255, 0, 0]));
    check(&[10, 20, 30, 0], Model::Rgba, half_red, (Model::Rgb, vec![255, 127, 127]));
    check(&[10, 0], Model::GrayAlpha, None, (Model::Gray, vec![255]));
    check(&[10, 0], Model::GrayAlpha, red, (Model::Rgb, vec![255, 0, 0]));
    check(&[10], Model::Gray, red, (Model::Gray, vec![10]));
}

#[test]
fn padding_is_transparent_white_or_as_asked() {
    let blue = Some(Color { red: 0, green: 0, blue: 255, alpha: 255 });
    let clear = Some(Color::TRANSPARENT);
    let check = |pixel: &[u8], model, background, expected: (Model, &[u8])| {
        let (model, data) = painted(pixel, model, 3, background, true);
        assert_eq!((model, data.as_slice()), expected, "{background:?}");
    };
    check(&[7], Model::Gray, None, (Model::Gray, &[255, 7, 255]));
    check(&[7], Model::Gray, blue, (Model::Rgb, &[0, 0, 255, 7, 7, 7, 0, 0, 255]));
    check(&[7], Model::Gray, clear, (Model::GrayAlpha, &[0, 0, 7, 255, 0, 0]));
    check(&[7, 9], Model::GrayAlpha, None, (Model::GrayAlpha, &[0, 0, 7, 9, 0, 0]));
    check(&[7, 0], Model::GrayAlpha, blue, (Model::Rgb, &[0, 0, 255, 0, 0, 255, 0, 0, 255]));
}

#[test]
fn alpha_that_hides_nothing_is_dropped() {
    let size = Size { width: 2, height: 1 };
    let source = |data: &[u8]| Picture { size, model: Model::Rgba, data: data.to_vec(), icc: None };
    let kept = drop_opaque_alpha(source(&[1, 2, 3, 255, 4, 5, 6, 254]));
    assert_eq!(kept.model, Model::Rgba);
    let dropped = drop_opaque_alpha(source(&[1, 2, 3, 255, 4, 5, 6, 255]));
    assert_eq!((dropped.model, dropped.data), (Model::Rgb, vec![1, 2, 3, 4, 5, 6]));
}
