//! Extremes first, then what each effect promises.

use sedge_kit::image::geometry::Size;

use super::*;
use crate::samples::picture;

fn of(model: Model, width: u32, data: &[u8]) -> Picture {
    let height = (data.len() / model.channels()) as u32 / width;
    Picture { size: Size { width, height }, model, data: data.to_vec(), icc: None }
}

fn applied(picture: Picture, effects: Effects) -> Vec<u8> {
    apply(picture, &effects).expect("applies").data
}

#[test]
fn the_smallest_pictures_and_the_strongest_effects_are_no_trouble() {
    let strongest = Effects {
        blur: 250.0,
        sharpen: 10.0,
        brightness: 10.0,
        contrast: 10.0,
        gamma: 0.01,
        saturation: 10.0,
    };
    for model in [Model::Gray, Model::GrayAlpha, Model::Rgb, Model::Rgba] {
        for (width, height) in [(1, 1), (1, 7), (7, 1), (3, 2)] {
            let sample = picture(width, height, model);
            let after = apply(sample.clone(), &strongest).expect("applies");
            assert_eq!((after.size, after.model), (sample.size, sample.model));
            assert_eq!(apply(sample.clone(), &Effects::NONE).expect("applies"), sample);
        }
    }
}

#[test]
fn what_is_uniform_stays_so() {
    for level in [0, 1, 127, 254, 255] {
        for blur in [0.5, 3.0, 250.0] {
            let flat = of(Model::Rgba, 9, &[level, level, level, 255].repeat(63));
            let effects = Effects { blur, sharpen: 10.0, saturation: 10.0, ..Effects::NONE };
            assert_eq!(applied(flat.clone(), effects), flat.data, "{level} {blur}");
        }
    }
}

#[test]
fn a_blur_is_symmetric_and_keeps_the_sum() {
    let mut data = vec![0; 41 * 41];
    data[20 * 41 + 20] = 255;
    let dot = of(Model::Gray, 41, &data);
    let after = applied(dot, Effects { blur: 1.0, ..Effects::NONE });
    let at = |x: usize, y: usize| after[y * 41 + x];
    assert!(at(20, 20) > at(21, 20) && at(21, 20) > at(22, 20), "{after:?}");
    for (x, y) in [(22, 20), (20, 18), (20, 22)] {
        assert_eq!(at(x, y), at(18, 20));
    }
    let sum: u32 = after.iter().map(|sample| u32::from(*sample)).sum();
    assert!(sum.abs_diff(255) < 20, "{sum}");
}

#[test]
fn transparent_pixels_lend_no_color_to_a_blur() {
    let row = [[255, 255, 255, 255], [255, 0, 0, 0], [255, 0, 0, 0]].concat();
    let after = applied(of(Model::Rgba, 3, &row), Effects { blur: 1.0, ..Effects::NONE });
    assert!(after[1] > 250 && after[2] > 250 && after[3] < 255, "{after:?}");
}

#[test]
fn sharpening_widens_an_edge_and_leaves_alpha() {
    let row = [[100, 50], [100, 50], [150, 200], [150, 200]].concat();
    let after = applied(of(Model::GrayAlpha, 4, &row), Effects { sharpen: 1.0, ..Effects::NONE });
    assert!(after[2] < 100 && after[4] > 150, "{after:?}");
    let alpha: Vec<u8> = after.chunks_exact(2).map(|pixel| pixel[1]).collect();
    assert_eq!(alpha, [50, 50, 200, 200]);
}

#[test]
fn saturation_goes_to_gray_and_beyond() {
    let color = [200, 100, 50, 7];
    let with = |saturation: f64| {
        applied(of(Model::Rgba, 1, &color), Effects { saturation, ..Effects::NONE })
    };
    let gray = with(0.0);
    assert_eq!((gray[0], gray[1], gray[3]), (gray[1], gray[2], 7));
    let strong = with(2.0);
    assert!(strong[0] > 200 && strong[2] < 50, "{strong:?}");
    let gray = of(Model::Gray, 1, &[99]);
    assert_eq!(applied(gray, Effects { saturation: 5.0, ..Effects::NONE }), [99]);
}

#[test]
fn tones_leave_alpha() {
    let dark = Effects { brightness: 0.5, ..Effects::NONE };
    assert_eq!(applied(of(Model::GrayAlpha, 1, &[200, 200]), dark), [100, 200]);
}
