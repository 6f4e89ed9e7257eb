//! The encoders of the node (`sedge:codec`), where the function is granted them: native,
//! on threads of their own, with the formats and the qualities that take too long here.

#[cfg(all(target_os = "wasi", target_env = "p2"))]
mod call;

use sedge_kit::image::accept::{Cost, Format};

use super::Settings;
use crate::picture::Picture;
use crate::problem::Problem;

/// Up to so many pixels the node writes WebP as readily as any other format, and AVIF.
const WEBP_CHEAP_PIXELS_MAX: u64 = 8_000_000;
const AVIF_CHEAP_PIXELS_MAX: u64 = 1_000_000;

/// The score that `q=auto` asks for, where the environment names none: high quality.
const SCORE_DEFAULT: u8 = 70;

/// The effort, where the environment names none.
const EFFORT_DEFAULT: u8 = 5;

/// What the node encodes, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeEncoders {
    /// Pixels of a JPEG or WebP.
    pub pixels_max: u64,
    /// Pixels of an AVIF.
    pub avif_pixels_max: u64,
    /// The score of SSIMULACRA2 that `q=auto` asks for, 10 to 95.
    pub score: u8,
    /// 1 (fast) to 9 (small).
    pub effort: u8,
}

impl NodeEncoders {
    /// With the limits of the node, and `IMAGES_SCORE` and `IMAGES_EFFORT` of the
    /// environment. A value that is not a number in its range leaves the default.
    pub fn new(
        pixels_max: u64,
        avif_pixels_max: u64,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let number = |name: &str, range: std::ops::RangeInclusive<u8>, default: u8| {
            let value = variable(name).and_then(|value| value.trim().parse().ok());
            value.filter(|value| range.contains(value)).unwrap_or(default)
        };
        Self {
            pixels_max,
            avif_pixels_max,
            score: number("IMAGES_SCORE", 10..=95, SCORE_DEFAULT),
            effort: number("IMAGES_EFFORT", 1..=9, EFFORT_DEFAULT),
        }
    }

    /// What it takes the node to write `format`.
    pub(super) fn cost(&self, format: Format, pixels: u64) -> Cost {
        let (cheap, most) = match format {
            Format::Png => return Cost::Impossible,
            Format::Jpeg => (u64::MAX, self.pixels_max),
            Format::Webp => (WEBP_CHEAP_PIXELS_MAX, self.pixels_max),
            Format::Avif => (AVIF_CHEAP_PIXELS_MAX, self.avif_pixels_max),
        };
        match pixels {
            _ if pixels > most => Cost::Impossible,
            _ if pixels > cheap => Cost::Costly,
            _ => Cost::Cheap,
        }
    }

    /// Whether the node writes this picture. It takes none with a color profile.
    pub(super) fn takes(&self, format: Format, picture: &Picture) -> bool {
        picture.icc.is_none() && self.cost(format, picture.size.pixels()) != Cost::Impossible
    }

    /// Lets the node encode RGB or RGBA.
    #[cfg(all(target_os = "wasi", target_env = "p2"))]
    pub(super) fn encode(&self, picture: &Picture, settings: Settings) -> Result<Vec<u8>, Problem> {
        call::encode(picture, settings, self)
    }

    /// There is no node outside of a component.
    #[cfg(not(all(target_os = "wasi", target_env = "p2")))]
    pub(super) fn encode(&self, _: &Picture, settings: Settings) -> Result<Vec<u8>, Problem> {
        Err(Problem::NoEncoder(settings.format))
    }
}

/// The encoders that this function was granted, if any.
#[cfg(all(target_os = "wasi", target_env = "p2"))]
pub fn granted(variable: impl Fn(&str) -> Option<String>) -> Option<NodeEncoders> {
    let (pixels_max, avif_pixels_max) = call::granted()?;
    Some(NodeEncoders::new(pixels_max, avif_pixels_max, variable))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Model;
    use crate::samples::picture;

    fn node(variable: impl Fn(&str) -> Option<String>) -> NodeEncoders {
        NodeEncoders::new(10_000_000, 2_000_000, variable)
    }

    #[test]
    fn nonsense_in_the_environment_leaves_the_defaults() {
        for nonsense in ["", "high", "0", "96", "-1", "70.5", "300"] {
            let node = node(|_| Some(nonsense.to_owned()));
            assert_eq!((node.score, node.effort), (SCORE_DEFAULT, EFFORT_DEFAULT), "{nonsense}");
        }
        let node = node(|name| Some(if name == "IMAGES_SCORE" { " 85 " } else { "2" }.to_owned()));
        assert_eq!((node.score, node.effort), (85, 2));
    }

    #[test]
    fn what_is_large_is_costly_and_what_is_too_large_impossible() {
        let node = node(|_| None);
        for (format, pixels, cost) in [
            (Format::Png, 1, Cost::Impossible),
            (Format::Jpeg, 10_000_000, Cost::Cheap),
            (Format::Jpeg, 10_000_001, Cost::Impossible),
            (Format::Webp, 8_000_000, Cost::Cheap),
            (Format::Webp, 8_000_001, Cost::Costly),
            (Format::Avif, 1_000_000, Cost::Cheap),
            (Format::Avif, 2_000_000, Cost::Costly),
            (Format::Avif, 2_000_001, Cost::Impossible),
        ] {
            assert_eq!(node.cost(format, pixels), cost, "{format:?} {pixels}");
        }
    }

    #[test]
    fn a_picture_with_a_profile_stays_here() {
        let mut icc = vec![0; 200];
        icc[16..20].copy_from_slice(b"RGB ");
        let node = node(|_| None);
        assert!(node.takes(Format::Jpeg, &picture(4, 4, Model::Rgb)));
        assert!(!node.takes(Format::Jpeg, &picture(4, 4, Model::Rgb).with_icc(Some(icc))));
        assert!(!node.takes(Format::Png, &picture(4, 4, Model::Rgb)));
    }
}
