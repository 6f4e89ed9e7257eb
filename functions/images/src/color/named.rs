//! Colors that are named by code points (ITU-T H.273) instead of described by a
//! profile.

use moxcms::{
    CicpColorPrimaries, CicpProfile, ColorProfile, MatrixCoefficients, TransferCharacteristics,
};

use crate::av1::sequence::Colors;
use crate::picture::Model;

/// Curves that are taken as sRGB's: the one that is not specified, sRGB's own,
/// and those of cameras for video, which are meant for screens that show them
/// much as they show sRGB. So do browsers.
const LIKE_SRGB: [u16; 8] = [2, 13, 1, 6, 11, 12, 14, 15];
/// Gamma 2.2, gamma 2.8, and no curve at all.
const OTHERS: [u16; 3] = [4, 5, 8];

/// Whether a picture of this curve can be shown in sRGB: not HDR (PQ, HLG), and
/// no logarithm.
pub(crate) fn is_named_curve_known(transfer: u16) -> bool {
    LIKE_SRGB.contains(&transfer) || OTHERS.contains(&transfer)
}

/// The profile that code points stand for; `None` where they stand for sRGB, or
/// for what is not known, which is as sRGB.
pub(crate) fn named_profile(colors: Colors, model: Model) -> Option<Vec<u8>> {
    let is_gray = matches!(model, Model::Gray | Model::GrayAlpha);
    let has_own_curve = OTHERS.contains(&colors.transfer);
    let has_own_primaries = !matches!(colors.primaries, 0..=3) && !is_gray;
    if !has_own_curve && !has_own_primaries {
        return None;
    }
    if is_gray {
        let gamma = match colors.transfer {
            4 => 2.2,
            5 => 2.8,
            _ => 1.0,
        };
        return ColorProfile::new_gray_with_gamma(gamma).encode().ok();
    }
    let primaries = if has_own_primaries { u8::try_from(colors.primaries).ok()? } else { 1 };
    let transfer = if has_own_curve { u8::try_from(colors.transfer).ok()? } else { 13 };
    let mut profile = ColorProfile::new_from_cicp(CicpProfile {
        color_primaries: CicpColorPrimaries::try_from(primaries).ok()?,
        transfer_characteristics: TransferCharacteristics::try_from(transfer).ok()?,
        matrix_coefficients: MatrixCoefficients::Identity,
        full_range: true,
    });
    // Without its name the curve and the colorants count.
    profile.cicp = None;
    profile.red_trc.as_ref()?;
    profile.encode().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::color::to_srgb;
    use crate::picture::Picture;
    use sedge_kit::image::geometry::Size;

    fn shown(primaries: u16, transfer: u16, model: Model, pixel: &[u8]) -> Vec<u8> {
        let colors = Colors { primaries, transfer, matrix: 1, is_full: true };
        let icc = named_profile(colors, model);
        let size = Size { width: 1, height: 1 };
        to_srgb(Picture { size, model, data: pixel.to_vec(), icc }).data
    }

    fn check(got: &[u8], expected: &[u8]) {
        let is_near = got.iter().zip(expected).all(|(got, due)| got.abs_diff(*due) <= 2);
        assert!(is_near && got.len() == expected.len(), "{got:?}, not {expected:?}");
    }

    #[test]
    fn curves_beyond_white_are_not_known() {
        for transfer in [0, 3, 9, 10, 16, 17, 18, 19, 255, 1000] {
            assert!(!is_named_curve_known(transfer), "{transfer}");
        }
        assert!([1, 2, 13, 8].into_iter().all(is_named_curve_known));
    }

    #[test]
    fn srgb_and_what_is_not_known_change_nothing() {
        for (primaries, transfer) in [(1, 13), (2, 2), (1, 1), (0, 13), (99, 13), (3, 6)] {
            assert_eq!(shown(primaries, transfer, Model::Rgb, &[200, 100, 50]), [200, 100, 50]);
        }
        assert_eq!(shown(9, 13, Model::Gray, &[77]), [77]);
    }

    #[test]
    fn wide_primaries_and_other_curves_become_srgb() {
        // As the same colors are in Display P3's own profile.
        check(&shown(12, 13, Model::Rgb, &[200, 100, 100]), &[214, 94, 97]);
        check(&shown(12, 13, Model::Rgb, &[128, 128, 128]), &[128, 128, 128]);
        check(&shown(9, 1, Model::Rgb, &[255, 255, 255]), &[255, 255, 255]);
        // BT.2020's red is beyond sRGB's.
        check(&shown(9, 1, Model::Rgb, &[255, 0, 0]), &[255, 0, 0]);
        let green = shown(9, 1, Model::Rgb, &[100, 200, 100]);
        assert!(green[0] < 60 && green[1] > 200, "{green:?}");
        // Half of the light is level 188.
        check(&shown(1, 8, Model::Rgb, &[128, 128, 128]), &[188, 188, 188]);
        check(&shown(1, 8, Model::GrayAlpha, &[128, 9]), &[188, 9]);
        check(&shown(1, 4, Model::Rgb, &[128, 128, 128]), &[129, 129, 129]);
    }
}
