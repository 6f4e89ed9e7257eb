//! The codec service: native encoders for pixels that guests have.
//!
//! In reading order: what can be asked for, here; a picture that is handed over
//! ([`handover`]); how it waits for its turn and gets it ([`pool`]); how a quality is
//! found that meets a score ([`search`], on a [`sample`], by [`score`]); the encoders.
//! No bytes from outside are decoded here: an encoder's own output is, to see what it
//! has come to.

mod handover;
mod metrics;
mod pool;

mod curve;
mod picture;
mod sample;
mod score;
mod search;
mod work;

mod avif;
mod jpeg;
mod webp;

pub use handover::{Codec, Handover};
pub use metrics::{CodecMetrics, Outcome};
pub use pool::{CodecOptions, CodecPool};

use thiserror::Error;

/// Bytes that are handed over in one call, in either direction: less than the engine
/// lets pass.
pub const PIECE_BYTES_MAX: usize = 24 << 20;

/// The longest side of any format, pixels.
const SIDE_MAX: u32 = 65_535;

/// The best score that can be asked for. Above it numbers change more than pictures do.
const SCORE_MAX: f32 = 95.0;
/// The least.
const SCORE_MIN: f32 = 10.0;

/// The effort where none is named.
const EFFORT_DEFAULT: u8 = 5;

/// What is encoded to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JPEG (ITU-T T.81), by mozjpeg.
    Jpeg,
    /// Lossy WebP (RFC 9649), by libwebp.
    Webp,
    /// AVIF (AV1 Image File Format, version 1.1), by rav1e.
    Avif,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 3] = [Self::Jpeg, Self::Webp, Self::Avif];

    /// The name, in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Webp => "webp",
            Self::Avif => "avif",
        }
    }

    /// The longest side that the format can say and its encoder takes, pixels.
    const fn side_max(self) -> u32 {
        match self {
            Self::Jpeg => 65_500,
            Self::Webp => 16_383,
            Self::Avif => SIDE_MAX,
        }
    }
}

/// What a pixel is: bytes, sRGB, rows from above without padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Red, green, blue.
    Rgb8,
    /// And alpha, not premultiplied.
    Rgba8,
}

impl Layout {
    /// Bytes of a pixel.
    pub const fn channels(self) -> usize {
        match self {
            Self::Rgb8 => 3,
            Self::Rgba8 => 4,
        }
    }
}

/// How good a picture shall be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Quality {
    /// 1 to 100; one number looks much the same in all formats.
    Number(u8),
    /// A score of SSIMULACRA2, 10 to 95.
    Score(f32),
}

/// How a picture is to be encoded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wanted {
    /// To what.
    pub format: Format,
    /// How good.
    pub quality: Quality,
    /// Of JPEG: in several scans, the coarse ones first.
    pub progressive: bool,
    /// 1 (fast) to 9 (small); 5 without one.
    pub effort: Option<u8>,
}

impl Wanted {
    /// The effort, 1 to 9.
    fn effort(&self) -> u8 {
        self.effort.unwrap_or(EFFORT_DEFAULT)
    }

    fn check(&self) -> Result<(), CodecError> {
        match self.quality {
            Quality::Number(1..=100) => {}
            Quality::Number(_) => return Err(CodecError::Options("the quality is not 1 to 100")),
            // A score that is not a number is in no range.
            Quality::Score(score) if (SCORE_MIN..=SCORE_MAX).contains(&score) => {}
            Quality::Score(_) => return Err(CodecError::Options("the score is not 10 to 95")),
        }
        if !(1..=9).contains(&self.effort()) {
            return Err(CodecError::Options("the effort is not 1 to 9"));
        }
        Ok(())
    }
}

/// An encoded picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoded {
    /// The file.
    pub data: Vec<u8>,
    /// The number that it was encoded with.
    pub quality: u8,
    /// Its score, if one was asked for; of a large picture, that of a sample.
    pub score: Option<f32>,
    /// How often it was encoded, samples included.
    pub encodings: u8,
}

/// Why there is no encoded picture. The text is fit for guests.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CodecError {
    /// The function's manifest does not grant it.
    #[error("the manifest does not grant `codec`")]
    AccessDenied,
    /// A side is 0, or longer than the format can say.
    #[error("a side is 0, or longer than the format can say")]
    Size,
    /// More pixels than the limit.
    #[error("more than {0} pixels")]
    TooManyPixels(u64),
    /// More or fewer bytes than the size says.
    #[error("the bytes are not as many as width, height and channels say")]
    Length,
    /// An option cannot be.
    #[error("{0}")]
    Options(&'static str),
    /// So much waits that no more is taken.
    #[error("too much waits to be encoded")]
    Busy,
    /// It was not its turn, or was not done, in time.
    #[error("not encoded in time")]
    TimedOut,
    /// The file cannot be handed over in one call.
    #[error("the encoded picture has more than {PIECE_BYTES_MAX} bytes")]
    TooLarge,
    /// The encoder failed.
    #[error("the encoder failed: {0}")]
    Failed(String),
}

#[cfg(test)]
mod tests;
