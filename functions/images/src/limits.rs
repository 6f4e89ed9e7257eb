//! What an image may cost, checked before it is decoded.

use sedge_kit::image::geometry::{Plan, Size};

use crate::encode::node::NodeEncoders;
use crate::header::Header;
use crate::picture::Model;
use crate::problem::Problem;

/// The limits of one function. Every one is checked before the work that it
/// bounds is begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a source, fetched or sent.
    pub source_bytes_max: u64,
    /// Pixels of a source.
    pub source_pixels_max: u64,
    /// Pixels along one side of the answer.
    pub side_max: u32,
    /// Pixels of the answer.
    pub pixels_max: u64,
    /// Bytes of linear memory that source, pixels and codecs may take together.
    /// Above it stands the node's limit, which ends the instance; this one is
    /// for a clear answer before it comes to that.
    pub memory_bytes_max: u64,
    /// What the node encodes for this function; `None`: nothing.
    pub node: Option<NodeEncoders>,
}

impl Default for Limits {
    /// Fits a function with 256 MiB of memory.
    fn default() -> Self {
        Self {
            source_bytes_max: 32 << 20,
            source_pixels_max: 50_000_000,
            side_max: 8192,
            pixels_max: 25_000_000,
            memory_bytes_max: 224 << 20,
            node: None,
        }
    }
}

impl Limits {
    /// The defaults, changed by environment variables: each is named
    /// `IMAGES_` and the field in capitals, and holds a whole number.
    ///
    /// `variable` looks one up. A value that is not a number leaves the default.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let number = |name: &str, default: u64| {
            variable(name).and_then(|value| value.trim().parse().ok()).unwrap_or(default)
        };
        let default = Self::default();
        let side = number("IMAGES_SIDE_MAX", u64::from(default.side_max));
        Self {
            source_bytes_max: number("IMAGES_SOURCE_BYTES_MAX", default.source_bytes_max),
            source_pixels_max: number("IMAGES_SOURCE_PIXELS_MAX", default.source_pixels_max),
            side_max: u32::try_from(side).unwrap_or(u32::MAX),
            pixels_max: number("IMAGES_PIXELS_MAX", default.pixels_max),
            memory_bytes_max: number("IMAGES_MEMORY_BYTES_MAX", default.memory_bytes_max),
            node: None,
        }
    }

    /// Checks the size of a source, from its header.
    ///
    /// # Errors
    /// [`Problem::SourcePixels`].
    pub fn check_source(&self, size: Size) -> Result<(), Problem> {
        if size.pixels() > self.source_pixels_max {
            let (width, height) = (size.width, size.height);
            return Err(Problem::SourcePixels { width, height, limit: self.source_pixels_max });
        }
        Ok(())
    }

    /// Checks the answer's size, and the memory of the way there. Returns by
    /// how much the source is to be reduced while it is decoded: the best of
    /// [`Header::reductions`] that fits into memory.
    ///
    /// # Errors
    /// [`Problem::OutputSize`], [`Problem::Memory`].
    pub fn check_plan(
        &self,
        header: &Header,
        source_bytes: u64,
        plan: &Plan,
    ) -> Result<u32, Problem> {
        let canvas = plan.canvas;
        let is_too_long = [canvas, plan.scaled]
            .iter()
            .any(|size| size.width > self.side_max || size.height > self.side_max);
        if is_too_long || canvas.pixels() > self.pixels_max {
            return Err(Problem::OutputSize {
                width: canvas.width.max(plan.scaled.width),
                height: canvas.height.max(plan.scaled.height),
                side_max: self.side_max,
                pixels_max: self.pixels_max,
            });
        }
        let needs = |reduction: u32| memory_bytes(header, source_bytes, plan, reduction);
        let limit = self.memory_bytes_max;
        let reductions = header.reductions(plan);
        let fitting = reductions.iter().copied().find(|reduction| needs(*reduction) <= limit);
        fitting.ok_or_else(|| {
            let needed = reductions.iter().copied().map(needs).min().unwrap_or(u64::MAX);
            Problem::Memory { needed, limit }
        })
    }
}

/// An upper estimate of the memory that an image takes at its widest point.
///
/// Decoding holds the source, the decoder's own buffers and the pixels; scaling
/// adds a few rows of light and the result, for which what was freed before may
/// lie too scattered. The pixels are freed then, and encoding holds the result,
/// a turned, blurred or padded copy, and the encoded bytes with the encoder's buffers.
pub fn memory_bytes(header: &Header, source_bytes: u64, plan: &Plan, reduction: u32) -> u64 {
    let channels = header.model.channels() as u64;
    let decoded = header.reduced(reduction);
    let pixels = decoded.pixels() * channels;
    let planes = header.reducible_bytes / u64::from(reduction * reduction);
    let (scaled, canvas) = (plan.scaled, plan.canvas);
    // At most eleven sums of rows of the source, and four rows, with four lanes of
    // four bytes.
    let rows = 16 * 16 * u64::from(decoded.width);
    let scaling =
        source_bytes + header.fixed_bytes + planes + pixels + rows + scaled.pixels() * channels;
    // Padding may be transparent, and needs alpha then.
    let may_have_alpha = header.model.has_alpha() || canvas != scaled;
    let widest = if may_have_alpha { Model::Rgba } else { Model::Rgb }.channels() as u64;
    let encoding = (scaled.pixels() + 2 * canvas.pixels()) * widest;
    scaling.max(encoding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sedge_kit::image::accept::Format;
    use sedge_kit::image::geometry::{Bounds, Fit, Gravity, plan};
    use sedge_kit::image::orientation::Orientation;

    fn header(width: u32, height: u32, fixed_bytes: u64) -> Header {
        Header {
            kind: crate::header::Kind::Jpeg,
            format: Format::Jpeg,
            size: Size { width, height },
            model: Model::Rgb,
            orientation: Orientation::UPRIGHT,
            is_lossless: false,
            reducible_bytes: u64::from(width) * u64::from(height) * 3,
            fixed_bytes,
        }
    }

    fn check(header: &Header, bounds: (u32, u32), fit: Fit) -> Result<u32, Problem> {
        let bounds = Bounds { width: Some(bounds.0), height: Some(bounds.1) };
        let planned = plan(header.size, bounds, fit, Gravity::CENTER);
        Limits::default().check_plan(header, 1 << 20, &planned)
    }

    #[test]
    fn the_answer_is_limited_by_side_by_area_and_by_memory() {
        let photo = header(640, 427, 0);
        assert!(matches!(check(&photo, (8193, 1), Fit::Fill), Err(Problem::OutputSize { .. })));
        assert!(matches!(check(&photo, (8192, 8192), Fit::Fill), Err(Problem::OutputSize { .. })));
        let strip = header(30_000, 1, 0);
        assert!(matches!(check(&strip, (10, 10), Fit::Outside), Err(Problem::OutputSize { .. })));
        let progressive = header(8000, 6000, 300_000_000);
        assert!(matches!(check(&progressive, (320, 240), Fit::Fill), Err(Problem::Memory { .. })));
    }

    #[test]
    fn a_photograph_of_48_megapixels_is_reduced_as_far_as_it_must_be() {
        let photo = header(8064, 6048, 1 << 18);
        assert_eq!(check(&photo, (320, 240), Fit::Cover).ok(), Some(8));
        assert_eq!(check(&photo, (1024, 768), Fit::Cover).ok(), Some(4));
        // 1000 × 872 pixels become 400 × 348.8, which are planned as 349; and less than that.
        let wide = |bounds| check(&header(1000, 872, 0), bounds, Fit::Inside).ok();
        assert_eq!(
            (wide((400, 9999)), wide((401, 9999)), wide((200, 9999))),
            (Some(2), Some(1), Some(4))
        );
        // A quarter more than this would be the whole picture, which is too much.
        assert_eq!(check(&photo, (3400, 2550), Fit::Cover).ok(), Some(2));
        let problem = check(&photo, (4200, 3150), Fit::Cover);
        assert!(matches!(problem, Err(Problem::Memory { .. })), "{problem:?}");
    }

    #[test]
    fn what_is_small_is_decoded_whole() {
        assert_eq!(check(&header(640, 427, 0), (640, 1), Fit::Fill).ok(), Some(1));
        assert_eq!(check(&header(640, 427, 0), (8192, 1), Fit::Fill).ok(), Some(1));
        assert_eq!(check(&header(640, 427, 0), (4096, 4096), Fit::Cover).ok(), Some(1));
    }

    #[test]
    fn the_environment_changes_a_limit_and_nonsense_does_not() {
        let limits = Limits::from_environment(|name| match name {
            "IMAGES_SOURCE_BYTES_MAX" => Some(" 1000 ".into()),
            "IMAGES_SIDE_MAX" => Some("99999999999".into()),
            "IMAGES_PIXELS_MAX" => Some("many".into()),
            _ => None,
        });
        let expected = Limits { source_bytes_max: 1000, side_max: u32::MAX, ..Limits::default() };
        assert_eq!(limits, expected);
    }
}
