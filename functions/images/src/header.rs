//! What a source says of itself, before anything is decoded.
//!
//! The content decides, never a `Content-Type`. Dimensions, channels and the
//! decoder's need of memory are known from a few bytes, so that a picture of
//! 30,000 × 30,000 pixels in a few kilobytes is refused here.

pub(crate) mod avif;
pub(crate) mod gif;
pub(crate) mod jpeg;
mod png;
mod webp;

use sedge_kit::image::accept::Format;
use sedge_kit::image::geometry::{Plan, Size};
use sedge_kit::image::orientation::Orientation;

use crate::picture::Model;
use crate::problem::Problem;

/// What a source is encoded as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// AVIF; of one with a sequence, the still picture.
    Avif,
    /// GIF; its first frame.
    Gif,
    /// JPEG.
    Jpeg,
    /// PNG; of an animated one the still picture, or the first frame.
    Png,
    /// WebP; of an animated one the first frame.
    Webp,
}

/// The header of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What it is, from the first bytes.
    pub kind: Kind,
    /// The format that suits it best: its own, or that which is nearest.
    pub format: Format,
    /// The size as stored, before the orientation; no side is 0.
    pub size: Size,
    /// What it will be decoded to.
    pub model: Model,
    /// How it is turned for display.
    pub orientation: Orientation,
    /// It was compressed without loss.
    pub is_lossless: bool,
    /// Bytes that the decoder takes beside the source and the pixels, and that
    /// shrink with them where the picture is reduced while it is decoded.
    pub reducible_bytes: u64,
    /// Bytes that the decoder takes in any case.
    pub fixed_bytes: u64,
}

impl Header {
    /// By how much both sides may be divided while decoding, best first: some
    /// of 1, 2, 4 and 8, never none.
    ///
    /// A JPEG can be decoded at a fraction of its size from the low frequencies
    /// of its blocks, in a fraction of time and memory. That is a mean of samples as
    /// they are stored, not of light; the best reduction leaves a quarter more than the
    /// planned size, so that the filter has the last word: what remains of the difference
    /// is less than between a mean of light and one of samples, by 3 to 6 dB. The others
    /// leave at least the planned size, for want of memory.
    pub fn reductions(&self, plan: &Plan) -> Vec<u32> {
        if self.kind != Kind::Jpeg {
            return vec![1];
        }
        let leaves = |reduction: u32, times: f64| {
            let (divisor, scaled) = (f64::from(reduction), plan.scaled);
            plan.crop.width / divisor >= times * f64::from(scaled.width)
                && plan.crop.height / divisor >= times * f64::from(scaled.height)
        };
        let best = [8, 4, 2].into_iter().find(|reduction| leaves(*reduction, 1.25)).unwrap_or(1);
        let more = [2, 4, 8].into_iter().filter(|more| *more > best && leaves(*more, 1.0));
        std::iter::once(best).chain(more).collect()
    }

    /// The stored size after a reduction.
    pub fn reduced(&self, reduction: u32) -> Size {
        Size {
            width: self.size.width.div_ceil(reduction),
            height: self.size.height.div_ceil(reduction),
        }
    }
}

/// Reads the header of a source.
///
/// # Errors
/// [`Problem::Empty`], [`Problem::Unsupported`], or [`Problem::Damaged`] where
/// even the header is.
pub fn read(source: &[u8]) -> Result<Header, Problem> {
    match source {
        [] => Err(Problem::Empty),
        [0xff, 0xd8, 0xff, ..] => jpeg::read(source),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => png::read(source),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => webp::read(source),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => gif::read(source),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => avif::read(source),
        _ => Err(Problem::Unsupported("it starts like none of them")),
    }
}

fn damaged(what: &str) -> Problem {
    Problem::Damaged(what.to_owned())
}

/// A size with both sides above 0.
fn size(width: u32, height: u32) -> Result<Size, Problem> {
    if width == 0 || height == 0 {
        return Err(damaged("a side has no pixels"));
    }
    Ok(Size { width, height })
}

/// The big-endian number at `at`, if the source is long enough.
fn be16(source: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(source.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

/// As [`be16`], with 32 bits.
fn be32(source: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(source.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

#[cfg(test)]
mod tests;
