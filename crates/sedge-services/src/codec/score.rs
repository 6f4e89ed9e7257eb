//! How good an encoded picture looks: SSIMULACRA2 (Sneyers, Cloudinary 2023), from 100
//! (the same) over 90 (no difference seen side by side), 70 (high), 50 (medium) down.

use super::CodecError;
use super::picture::Picture;
use fast_ssim2::{PixelDescriptor, PixelSlice, Ssimulacra2Reference};

/// The shortest side that is scored. The metric halves a picture six times.
const SIDE_MIN: u32 = 8;

/// A picture that others are compared with.
pub(super) struct Original<'a> {
    picture: &'a Picture,
    reference: Ssimulacra2Reference,
    width: u32,
    height: u32,
}

impl<'a> Original<'a> {
    /// Takes several copies of the picture, in 32-bit floats.
    pub(super) fn new(picture: &'a Picture) -> Result<Self, CodecError> {
        let (colors, width, height) = enlarged(picture.before_black(None), picture);
        let reference = Ssimulacra2Reference::new(&slice(&colors, width, height)?);
        Ok(Original { picture, reference: reference.map_err(failed)?, width, height })
    }

    /// The score of `shown`, RGB of the same size.
    pub(super) fn score(&self, shown: Vec<u8>) -> Result<f64, CodecError> {
        let (colors, ..) = enlarged(self.picture.before_black(Some(shown)), self.picture);
        let shown = slice(&colors, self.width, self.height)?;
        self.reference.compare(&shown).map_err(failed)
    }
}

/// Repeats the pixels of a picture that is too small to be scored.
fn enlarged(colors: Vec<u8>, picture: &Picture) -> (Vec<u8>, u32, u32) {
    let (width, height) = (picture.width, picture.height);
    let times = SIDE_MIN.div_ceil(width.min(height));
    if times == 1 {
        return (colors, width, height);
    }
    let mut larger = Vec::with_capacity(colors.len() * (times * times) as usize);
    for row in colors.chunks_exact(width as usize * 3) {
        for _ in 0..times {
            let repeat = |pixel: &[u8]| pixel.repeat(times as usize);
            larger.extend(row.chunks_exact(3).flat_map(repeat));
        }
    }
    (larger, width * times, height * times)
}

fn slice(colors: &[u8], width: u32, height: u32) -> Result<PixelSlice<'_>, CodecError> {
    PixelSlice::new(colors, width, height, width as usize * 3, PixelDescriptor::RGB8_SRGB)
        .map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> CodecError {
    CodecError::Failed(error.to_string().to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_scores_100_and_what_is_transparent_does_not_count() {
        for (width, height) in [(1, 1), (3, 70), (64, 48)] {
            let pixel = |at: u32| [(at * 7 % 251) as u8, (at * 5 % 241) as u8, 90, 200];
            let data = (0..width * height).flat_map(pixel).collect();
            let picture = Picture { width, height, channels: 4, data };
            let original = Original::new(&picture).expect("is scored");
            let colors: Vec<u8> = picture.data.chunks(4).flat_map(|p| [p[0], p[1], p[2]]).collect();
            let inverted = colors.iter().map(|value| !value).collect();
            let (same, other) = (original.score(colors), original.score(inverted));
            assert!(same.expect("is scored") > 99.9);
            assert!(other.expect("is scored") < 95.0, "{width}x{height}");
        }
        let clear = Picture { width: 32, height: 32, channels: 4, data: [9, 9, 9, 0].repeat(1024) };
        let original = Original::new(&clear).expect("is scored");
        assert!(original.score(vec![200; 32 * 32 * 3]).expect("is scored") > 99.9);
    }
}
