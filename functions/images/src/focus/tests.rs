//! Photographs with a known subject, some cut so that it is off the middle, in
//! every orientation.

use sedge_kit::image::geometry::{Bounds, Fit, Gravity, Trim, plan};
use sedge_kit::image::orientation::Orientation;

use super::*;
use crate::decode::decode;
use crate::header;

/// Left, top, right, bottom, in pixels of the photograph.
type Area = (f64, f64, f64, f64);

fn photo(name: &str) -> (Picture, View) {
    let source: &[u8] = match name {
        "rocket" => include_bytes!("../../../../examples/images/rocket.jpg"),
        "coffee" => include_bytes!("../../../../examples/images/coffee.png"),
        _ => include_bytes!("../../../../examples/images/chelsea.png"),
    };
    let header = header::read(source).expect(name);
    let view = View::new(header.size, header.orientation, Trim::default(), Orientation::UPRIGHT);
    (decode(source, &header, 1).expect(name), view.expect("a view"))
}

/// The part of the subject that a crop keeps.
fn kept(crop: Crop, subject: Area) -> f64 {
    let overlap = |start: f64, length: f64, from: f64, to: f64| {
        ((start + length).min(to) - start.max(from)).max(0.0) / (to - from)
    };
    overlap(crop.left, crop.width, subject.0, subject.2)
        * overlap(crop.top, crop.height, subject.1, subject.3)
}

fn shifted(subject: Area, trim: Trim) -> Area {
    let (left, top) = (f64::from(trim.left), f64::from(trim.top));
    (subject.0 - left, subject.1 - top, subject.2 - left, subject.3 - top)
}

#[test]
fn more_of_every_subject_is_kept_than_by_the_center() {
    let none = Trim::default();
    let mut worse = String::new();
    for (name, subject, trim, ratio) in [
        // The cup.
        ("coffee", (172.0, 18.0, 410.0, 300.0), Trim { left: 110, ..none }, (2, 3)),
        ("coffee", (172.0, 18.0, 410.0, 300.0), Trim { right: 110, ..none }, (2, 3)),
        ("coffee", (172.0, 18.0, 410.0, 300.0), Trim { left: 150, ..none }, (5, 8)),
        // The cat's eyes and nose.
        ("chelsea", (135.0, 80.0, 345.0, 265.0), Trim { left: 100, ..none }, (3, 4)),
        ("chelsea", (135.0, 80.0, 345.0, 265.0), Trim { right: 60, ..none }, (3, 4)),
        // The rocket, not the towers beside it.
        ("rocket", ROCKET, Trim { left: 180, ..none }, (1, 3)),
        ("rocket", ROCKET, Trim { right: 180, ..none }, (1, 3)),
        ("rocket", ROCKET, Trim { left: 120, ..none }, (1, 4)),
    ] {
        let (picture, _) = photo(name);
        let view = View::new(picture.size, Orientation::UPRIGHT, trim, Orientation::UPRIGHT);
        let view = view.expect("a view");
        let bounds = Bounds { width: Some(ratio.0 * 50), height: Some(ratio.1 * 50) };
        let planned = plan(view.size(), bounds, Fit::Cover, Gravity::Auto);
        let subject = shifted(subject, trim);
        let center = kept(planned.crop, subject);
        let crop = on_subject(&picture, &view, planned.crop);
        let found = kept(crop, subject);
        if found <= center {
            worse += &format!("{name} {trim:?} {ratio:?}: {found:.3}, centered {center:.3}\n");
        }
    }
    assert!(worse.is_empty(), "{worse}");
}

const ROCKET: Area = (305.0, 126.0, 340.0, 406.0);

#[test]
fn a_turned_or_reduced_picture_has_the_same_subject() {
    let size = Size { width: 90, height: 60 };
    let ball = |x: u32, y: u32| (x.abs_diff(74)).pow(2) + (y.abs_diff(30)).pow(2) < 144;
    let data = (0..60).flat_map(|y| (0..90).map(move |x| (x, y))).flat_map(|(x, y)| {
        if ball(x, y) { [220, 40, 40] } else { [110, 150, 200 + (y % 8) as u8] }
    });
    let upright = Picture { size, model: Model::Rgb, data: data.collect(), icc: None };
    for value in 1..=8 {
        let orientation = Orientation::from_exif(value).expect("1 to 8");
        let stored = crate::samples::stored_as(&upright, orientation);
        for factor in [1, 2] {
            // As if it had been reduced from twice the size.
            let whole =
                Size { width: stored.size.width * factor, height: stored.size.height * factor };
            let view = View::new(whole, orientation, Trim::default(), Orientation::UPRIGHT);
            let view = view.expect("a view");
            let bounds = Bounds { width: Some(20), height: Some(30) };
            let planned = plan(view.size(), bounds, Fit::Cover, Gravity::Auto);
            let crop = on_subject(&stored, &view, planned.crop);
            let scale = f64::from(factor);
            let subject = (62.0 * scale, 18.0 * scale, 86.0 * scale, 42.0 * scale);
            assert!(kept(crop, subject) > 0.95, "{value} {factor}: {crop:?}");
        }
    }
}

#[test]
fn what_is_not_cut_is_not_moved_and_small_pictures_are_no_trouble() {
    for (width, height) in [(1, 1), (1, 400), (400, 1), (3, 2)] {
        for model in [Model::Gray, Model::GrayAlpha, Model::Rgb, Model::Rgba] {
            let picture = crate::samples::picture(width, height, model);
            let upright = Orientation::UPRIGHT;
            let view = View::new(picture.size, upright, Trim::default(), upright).expect("a view");
            let whole = Crop::whole(picture.size);
            assert_eq!(on_subject(&picture, &view, whole), whole);
            let part = Crop { width: whole.width / 2.0, height: whole.height / 2.0, ..whole };
            let moved = on_subject(&picture, &view, part);
            assert!(moved.left >= 0.0 && moved.left + moved.width <= whole.width, "{moved:?}");
            assert!(moved.top >= 0.0 && moved.top + moved.height <= whole.height, "{moved:?}");
        }
    }
}

#[test]
fn a_url_asks_for_it() {
    let source = include_bytes!("../../../../examples/images/coffee.png");
    let made = |options: &str| {
        let url = format!("/cdn-cgi/image/w=100,h=160,fit=cover,f=png,trim.left=150,{options}/");
        let request = sedge_kit::image::grammar::ImageRequest::parse(&url, "").expect("a URL");
        let limits = crate::limits::Limits::default();
        let prepared = crate::service::prepare(&request, "", source, &limits).expect("prepared");
        crate::service::render(&request, &prepared, source.to_vec()).expect("made")
    };
    assert_ne!(made("g=auto"), made("g=center"));
}
