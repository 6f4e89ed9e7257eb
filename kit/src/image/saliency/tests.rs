//! Thumbnails that are none first; then pictures with a known subject, of which
//! the crop must keep more than the centered one does.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::*;
use proptest::prelude::*;

const WIDE: Size = Size { width: 96, height: 64 };
const TALL: Size = Size { width: 64, height: 96 };

/// A rectangle in pixels: left, top, right, bottom.
type Area = (u32, u32, u32, u32);

/// The part of the subject that a crop around `(x, y)` keeps.
fn kept(size: Size, subject: Area, part: (f64, f64), (x, y): (f64, f64)) -> f64 {
    let overlap = |from: u32, to: u32, middle: f64, kept: f64, whole: u32| {
        let whole = f64::from(whole);
        let start = (middle * whole - kept * whole / 2.0).clamp(0.0, whole - kept * whole);
        let end = start + kept * whole;
        (end.min(f64::from(to)) - start.max(f64::from(from))).max(0.0) / f64::from(to - from)
    };
    overlap(subject.0, subject.2, x, part.0, size.width)
        * overlap(subject.1, subject.3, y, part.1, size.height)
}

/// Noise from 0 to 1 that is the same everywhere.
fn noise(x: u32, y: u32) -> f64 {
    let mut hash = x.wrapping_mul(0x9e37_79b1) ^ y.wrapping_mul(0x85eb_ca77);
    hash = (hash ^ hash >> 15).wrapping_mul(0x2c1b_3c6d);
    f64::from((hash ^ hash >> 12) & 0xff) / 255.0
}

fn painted(size: Size, color: impl Fn(u32, u32) -> [f64; 3]) -> Vec<u8> {
    let mut rgb = Vec::new();
    for y in 0..size.height {
        for x in 0..size.width {
            rgb.extend(color(x, y).map(|level| level.clamp(0.0, 255.0) as u8));
        }
    }
    rgb
}

fn is_in_ellipse(area: Area, x: u32, y: u32) -> bool {
    let scaled = |at: u32, from: u32, to: u32| {
        (f64::from(at) + 0.5 - f64::from(from + to) / 2.0) / (f64::from(to - from) / 2.0)
    };
    let (x, y) = (scaled(x, area.0, area.2), scaled(y, area.1, area.3));
    x * x + y * y < 1.0
}

fn sky(_: u32, y: u32) -> [f64; 3] {
    let down = f64::from(y);
    [120.0 + down, 160.0 + down * 0.6, 220.0]
}

fn grass(x: u32, y: u32) -> [f64; 3] {
    let blade = noise(x, y) * 50.0;
    [50.0 + blade * 0.6, 100.0 + blade, 40.0 + blade * 0.4]
}

fn wall(x: u32, y: u32) -> [f64; 3] {
    let grain = noise(x, y) * 14.0;
    [176.0 + grain, 170.0 + grain, 160.0 + grain]
}

fn night(x: u32, y: u32) -> [f64; 3] {
    let grain = noise(x, y) * 10.0;
    [14.0 + grain, 14.0 + grain, 24.0 + grain]
}

/// A head: skin, hair above it, two eyes and a mouth.
fn head(area: Area, x: u32, y: u32) -> [f64; 3] {
    let (width, height) = (area.2 - area.0, area.3 - area.1);
    let (across, down) = (x - area.0, y - area.1);
    let is_eye = down * 20 / height == 8 && matches!(across * 10 / width, 3 | 6);
    let is_mouth = down * 20 / height == 14 && (4..6).contains(&(across * 10 / width));
    match down * 10 / height {
        _ if is_eye => [30.0, 20.0, 20.0],
        _ if is_mouth => [150.0, 50.0, 50.0],
        0..=2 => [60.0, 40.0, 25.0],
        _ => [214.0, 160.0, 128.0],
    }
}

/// Name, size, subject, and how a pixel in it and one beside it look.
type Scene = (&'static str, Size, Area, fn(Area, u32, u32) -> [f64; 3], fn(u32, u32) -> [f64; 3]);

fn scenes() -> Vec<Scene> {
    let red: fn(Area, u32, u32) -> [f64; 3] = |_, _, _| [210.0, 40.0, 40.0];
    let white: fn(Area, u32, u32) -> [f64; 3] = |_, _, _| [245.0, 245.0, 240.0];
    let dark: fn(Area, u32, u32) -> [f64; 3] = |_, x, y| {
        let grain = noise(x, y) * 40.0;
        [40.0 + grain, 36.0 + grain, 34.0 + grain]
    };
    let checked: fn(Area, u32, u32) -> [f64; 3] = |_, x, y| {
        let level = if (x / 2 + y / 2) % 2 == 0 { 60.0 } else { 230.0 };
        [level, level, level * 0.9]
    };
    vec![
        ("a red ball in the sky, left", WIDE, (4, 20, 28, 44), red, sky),
        ("a red ball in the grass, right", WIDE, (70, 30, 90, 50), red, grass),
        ("a white bird in the sky, right", WIDE, (72, 8, 92, 22), white, sky),
        ("a dark dog in the grass, left", WIDE, (6, 24, 34, 60), dark, grass),
        ("a lamp at night, right", WIDE, (76, 14, 90, 34), white, night),
        ("a sign on a wall, left", WIDE, (2, 18, 26, 42), checked, wall),
        ("a head before a wall, right", WIDE, (64, 10, 92, 50), head, wall),
        ("a head in the grass, left", WIDE, (4, 8, 30, 46), head, grass),
        ("a head at night, top", TALL, (20, 2, 46, 34), head, night),
        ("a head before the sky, bottom", TALL, (18, 62, 42, 94), head, sky),
        ("a red ball in the grass, bottom", TALL, (24, 70, 46, 92), red, grass),
        ("a white bird in the sky, top", TALL, (30, 2, 54, 18), white, sky),
        ("a dark dog before a wall, bottom", TALL, (10, 66, 50, 94), dark, wall),
        ("a sign in the grass, top", TALL, (20, 4, 44, 26), checked, grass),
    ]
}

#[test]
fn what_is_no_thumbnail_has_its_middle() {
    let size = |width, height| Size { width, height };
    for (rgb, size) in [
        (vec![], size(0, 0)),
        (vec![0; 3], size(0, 1)),
        (vec![0; 5], size(2, 1)),
        (vec![0; 3 * 129], size(129, 1)),
        (vec![7; 3 * 64 * 96], WIDE),
    ] {
        assert_eq!(focus(&rgb, size, 0.5, 0.5), (0.5, 0.5), "{size:?}");
    }
}

#[test]
fn what_is_the_same_everywhere_has_its_middle() {
    let flat = painted(WIDE, |_, _| [90.0, 120.0, 30.0]);
    let (x, y) = focus(&flat, WIDE, 0.4, 1.0);
    assert!((x - 0.5).abs() < 0.01 && (y - 0.5).abs() < 0.01, "{x} {y}");
}

#[test]
fn more_of_every_subject_is_kept_than_by_the_center() {
    let mut worse = String::new();
    for (name, size, subject, inside, beside) in scenes() {
        let rgb = painted(size, |x, y| {
            if is_in_ellipse(subject, x, y) { inside(subject, x, y) } else { beside(x, y) }
        });
        for share in [0.35, 0.5, 0.667] {
            let part = if size == WIDE { (share, 1.0) } else { (1.0, share) };
            let center = kept(size, subject, part, (0.5, 0.5));
            let found = kept(size, subject, part, focus(&rgb, size, part.0, part.1));
            let is_better = found > center || center == 1.0 && found == 1.0;
            // Where the crop is large enough it holds nearly all.
            let is_enough = share < 0.5 || found > 0.9;
            if !is_better || !is_enough {
                worse += &format!("{name}, {share}: {found:.2}, centered {center:.2}\n");
            }
        }
    }
    assert!(worse.is_empty(), "{worse}");
}

proptest! {
    #[test]
    fn no_thumbnail_panics_and_the_middle_is_within(
        width in 1u32..12,
        height in 1u32..12,
        seed in any::<u32>(),
        part in (0.0f64..=1.0, 0.0f64..=1.0),
    ) {
        let size = Size { width, height };
        let rgb = painted(size, |x, y| {
            [noise(x ^ seed, y), noise(x, y ^ seed), noise(seed, x + y)].map(|level| level * 255.0)
        });
        let (x, y) = focus(&rgb, size, part.0, part.1);
        prop_assert!((0.0..=1.0).contains(&x) && (0.0..=1.0).contains(&y), "{} {}", x, y);
    }
}
