//! Broken profiles first, then colors that must come out right.

use moxcms::ToneReprCurve;
use proptest::prelude::*;
use sedge_kit::image::geometry::Size;

use super::*;
use crate::samples::picture;

fn encoded(profile: &ColorProfile) -> Vec<u8> {
    profile.encode().expect("encodes")
}

fn one(model: Model, pixel: &[u8], icc: Vec<u8>) -> Picture {
    let size = Size { width: 1, height: 1 };
    to_srgb(Picture { size, model, data: pixel.to_vec(), icc: Some(icc) })
}

#[test]
fn a_profile_that_is_broken_or_for_something_else_is_as_none() {
    let p3 = encoded(&ColorProfile::new_display_p3());
    let pixel = [200, 50, 50];
    assert_ne!(one(Model::Rgb, &pixel, p3.clone()).data, pixel);
    let mut lying = p3.clone();
    lying[..4].copy_from_slice(&u32::MAX.to_be_bytes());
    let mut tags = p3.clone();
    tags[128..132].copy_from_slice(&u32::MAX.to_be_bytes());
    let mut inks = p3.clone();
    inks[16..20].copy_from_slice(b"CMYK");
    let mut huge = p3.clone();
    huge.resize(ICC_BYTES_MAX + 1, 0);
    for broken in
        [vec![], vec![0; 3], vec![0; 200], p3[..p3.len() / 2].to_vec(), lying, tags, inks, huge]
    {
        let after = one(Model::Rgb, &pixel, broken);
        assert_eq!((after.data.as_slice(), after.icc), (&pixel[..], None));
    }
    // For other channels.
    assert_eq!(one(Model::Gray, &[77], p3).data, [77]);
    let gray = encoded(&ColorProfile::new_gray_with_gamma(1.0));
    assert_eq!(one(Model::Rgb, &pixel, gray).data, pixel);
}

#[test]
fn srgb_itself_changes_no_sample() {
    let srgb = encoded(&ColorProfile::new_srgb());
    for model in [Model::Rgb, Model::Rgba] {
        let sample = picture(20, 10, model);
        let after = to_srgb(Picture { icc: Some(srgb.clone()), ..sample.clone() });
        assert_eq!(after, sample);
    }
}

#[test]
fn wide_colors_become_what_they_are_in_srgb() {
    let near = |got: &[u8], expected: [u8; 3]| {
        let is_near = got.iter().zip(expected).all(|(got, expected)| got.abs_diff(expected) <= 2);
        assert!(is_near, "{got:?}, not {expected:?}");
    };
    // Display P3 has the curve of sRGB and other primaries; the values are those
    // of CSS Color 4's conversion.
    let p3 = encoded(&ColorProfile::new_display_p3());
    near(&one(Model::Rgb, &[255, 255, 255], p3.clone()).data, [255, 255, 255]);
    near(&one(Model::Rgb, &[128, 128, 128], p3.clone()).data, [128, 128, 128]);
    near(&one(Model::Rgb, &[200, 100, 100], p3.clone()).data, [214, 94, 97]);
    // More than sRGB can show is cut.
    near(&one(Model::Rgb, &[255, 0, 0], p3.clone()).data, [255, 0, 0]);
    // Alpha is no color.
    assert_eq!(one(Model::Rgba, &[255, 0, 0, 7], p3).data[3], 7);
    let adobe = encoded(&ColorProfile::new_adobe_rgb());
    near(&one(Model::Rgb, &[128, 128, 128], adobe).data, [128, 128, 128]);
}

#[test]
fn gray_follows_its_curve_and_stays_neutral() {
    let linear = encoded(&ColorProfile::new_gray_with_gamma(1.0));
    // Half of the light is level 188 of sRGB.
    let after = one(Model::GrayAlpha, &[128, 9], linear);
    assert!(after.data[0].abs_diff(188) <= 1 && after.data[1] == 9, "{:?}", after.data);
}

#[test]
fn a_curve_of_its_own_is_followed() {
    let mut profile = ColorProfile::new_srgb();
    let curve = ToneReprCurve::Lut(vec![0, 65_535]);
    (profile.red_trc, profile.green_trc, profile.blue_trc) =
        (Some(curve.clone()), Some(curve.clone()), Some(curve));
    profile.cicp = None;
    let after = one(Model::Rgb, &[128, 128, 128], encoded(&profile));
    assert!(after.data.iter().all(|sample| sample.abs_diff(188) <= 1), "{:?}", after.data);
}

#[test]
fn inks_without_a_profile_for_them_follow_the_formula() {
    let p3 = encoded(&ColorProfile::new_display_p3());
    let inks = [[0, 0, 0, 0], [0, 255, 255, 0], [0, 0, 0, 255], [255, 0, 0, 0]].concat();
    let expected = [[255, 255, 255], [255, 0, 0], [0, 0, 0], [0, 255, 255]].concat();
    for icc in [None, Some(p3.as_slice()), Some(&[1, 2, 3][..])] {
        assert_eq!(without_ink(inks.clone(), icc), expected);
    }
    let many = inks.repeat(1000);
    assert_eq!(without_ink(many, None), expected.repeat(1000));
}

/// A profile of inks with a table of two entries a side: what a press that
/// prints red for everything would have (ICC.1:2022 §10.10, `mft1`).
fn red_press() -> Vec<u8> {
    // Lab of the table: L 54, a 81, b 70 (sRGB red), in 8 bits.
    let lab = [138u8, 209, 198];
    let mut table = b"mft1\0\0\0\0\x04\x03\x02\0".to_vec();
    for at in 0..9 {
        table.extend(if at % 4 == 0 { 0x1_0000u32 } else { 0 }.to_be_bytes());
    }
    let identity: Vec<u8> = (0..=255).collect();
    table.extend(identity.repeat(4));
    table.extend(lab.repeat(16));
    table.extend(identity.repeat(3));
    let mut profile = vec![0; 128];
    profile[8..12].copy_from_slice(&[2, 0x40, 0, 0]);
    profile[12..24].copy_from_slice(b"prtrCMYKLab ");
    profile[36..40].copy_from_slice(b"acsp");
    profile[68..80].copy_from_slice(&[0, 0, 0xf6, 0xd6, 0, 1, 0, 0, 0, 0, 0xd3, 0x2d]);
    profile.extend(1u32.to_be_bytes());
    profile.extend(b"A2B0");
    profile.extend(144u32.to_be_bytes());
    profile.extend((table.len() as u32).to_be_bytes());
    profile.extend(table);
    let size = profile.len() as u32;
    profile[..4].copy_from_slice(&size.to_be_bytes());
    profile
}

#[test]
fn inks_follow_their_profile() {
    let after = without_ink(vec![10, 20, 30, 40], Some(&red_press()));
    assert!(after[0] > 240 && after[1] < 40 && after[2] < 40, "{after:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn damaged_profiles_never_panic(
        which in 0usize..4,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let profile = match which {
            0 => encoded(&ColorProfile::new_display_p3()),
            1 => encoded(&ColorProfile::new_gray_with_gamma(2.2)),
            2 => encoded(&ColorProfile::new_bt2020()),
            _ => red_press(),
        };
        let mut icc = profile;
        for (at, value) in changes {
            let at = at.index(icc.len());
            icc[at] = value;
        }
        one(Model::Rgb, &[1, 2, 3], icc.clone());
        one(Model::GrayAlpha, &[1, 2], icc.clone());
        without_ink(vec![1, 2, 3, 4], Some(&icc));
    }
}
