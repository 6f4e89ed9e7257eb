//! What a thread of the pool does with one picture.

use super::picture::{Coded, Picture};
use super::sample::sample;
use super::score::Original;
use super::search::{self, Typical, search};
use super::{CodecError, Encoded, Format, PIECE_BYTES_MAX, Quality, Wanted};
use super::{avif, jpeg, webp};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Why an encoding ended early.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Nobody waits for it any more.
    Canceled,
    /// It failed.
    Error(CodecError),
}

impl From<CodecError> for Ended {
    fn from(error: CodecError) -> Self {
        Ended::Error(error)
    }
}

/// Asked now and then whether to go on.
pub(super) type Stop<'a> = &'a dyn Fn() -> Result<(), Ended>;

pub(super) fn failed(error: impl std::fmt::Display) -> Ended {
    Ended::Error(CodecError::Failed(error.to_string().to_lowercase()))
}

/// Encodes a picture as `wanted`, which was checked. An encoder that panics has failed,
/// and its thread goes on.
pub(super) fn encode(picture: Picture, wanted: &Wanted, stop: Stop<'_>) -> Result<Encoded, Ended> {
    // Nothing that an encoder was working on is used after its panic.
    catch_unwind(AssertUnwindSafe(|| run(picture, wanted, stop)))
        .unwrap_or_else(|_| Err(failed("it panicked")))
}

fn run(picture: Picture, wanted: &Wanted, stop: Stop<'_>) -> Result<Encoded, Ended> {
    stop()?;
    let picture = picture.without_opaque_alpha();
    if wanted.format == Format::Jpeg && picture.has_alpha() {
        return Err(CodecError::Options("jpeg has no alpha").into());
    }
    let encoded = match wanted.quality {
        Quality::Number(number) => {
            let Coded { data, .. } = once(&picture, number, wanted, false, stop)?;
            Encoded { data, quality: number, score: None, encodings: 1 }
        }
        Quality::Score(score) => to_score(&picture, f64::from(score), wanted, stop)?,
    };
    if encoded.data.len() > PIECE_BYTES_MAX {
        return Err(CodecError::TooLarge.into());
    }
    Ok(encoded)
}

fn once(
    picture: &Picture,
    number: u8,
    wanted: &Wanted,
    is_shown: bool,
    stop: Stop<'_>,
) -> Result<Coded, Ended> {
    match wanted.format {
        Format::Jpeg => jpeg::encode(picture, number, wanted, is_shown, stop),
        Format::Webp => webp::encode(picture, number, wanted, is_shown, stop),
        Format::Avif => avif::encode(picture, number, wanted, is_shown, stop),
    }
}

/// Encodes with the least number that scores `score`.
fn to_score(
    picture: &Picture,
    score: f64,
    wanted: &Wanted,
    stop: Stop<'_>,
) -> Result<Encoded, Ended> {
    let sample = sample(picture);
    let tried_on = sample.as_ref().unwrap_or(picture);
    // Of the whole picture all that was tried is kept: one of them is the answer.
    let mut kept: Vec<(u8, Vec<u8>)> = Vec::new();
    let original = Original::new(tried_on)?;
    let typical: &Typical = match wanted.format {
        Format::Jpeg => &search::JPEG,
        Format::Webp | Format::Avif => &search::OTHERS,
    };
    let found = search(score, typical, |number| {
        stop()?;
        let Coded { data, shown } = once(tried_on, number, wanted, true, stop)?;
        if sample.is_none() {
            kept.push((number, data));
        }
        let shown = shown.ok_or_else(|| failed("nothing is shown"))?;
        Ok::<f64, Ended>(original.score(shown)?)
    })?;
    drop(original);
    stop()?;
    let whole = kept.into_iter().find(|(number, _)| *number == found.number);
    let (data, more) = match whole {
        Some((_, data)) => (data, 0),
        None => (once(picture, found.number, wanted, false, stop)?.data, 1),
    };
    Ok(Encoded {
        data,
        quality: found.number,
        score: Some(found.score as f32),
        // At most six.
        encodings: (found.encodings + more) as u8,
    })
}
