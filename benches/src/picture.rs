//! Pictures as pixels, to compare them.

use anyhow::{Context, Result};
use fast_ssim2::{PixelDescriptor, PixelSlice};
use std::fs::File;
use std::io::BufReader;

/// Pixels of 8-bit red, green and blue.
pub struct Picture {
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// Three bytes for each pixel, row after row.
    pub data: Vec<u8>,
}

impl Picture {
    /// Reads a PNG; transparency is ignored.
    pub fn png(file: &str) -> Result<Self> {
        let mut decoder = png::Decoder::new(BufReader::new(File::open(file)?));
        decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
        let mut reader = decoder.read_info()?;
        let mut data = vec![0; reader.output_buffer_size().context("too large")?];
        let frame = reader.next_frame(&mut data)?;
        data.truncate(frame.buffer_size());
        let rgb = |pixel: &[u8]| match *pixel {
            [gray] | [gray, _] => [gray; 3],
            [red, green, blue, ..] => [red, green, blue],
            [] => [0; 3],
        };
        let data = data.chunks_exact(frame.color_type.samples()).flat_map(rgb).collect();
        Ok(Picture { width: frame.width, height: frame.height, data })
    }

    /// For the comparison by SSIMULACRA2.
    pub fn slice(&self) -> Result<PixelSlice<'_>> {
        let row = self.width as usize * 3;
        PixelSlice::new(&self.data, self.width, self.height, row, PixelDescriptor::RGB8_SRGB)
            .map_err(|error| anyhow::anyhow!("{error}"))
    }

    /// What of it lies in a box.
    #[must_use]
    pub fn part(&self, at: Area) -> Self {
        let rows = (at.top..at.bottom.min(self.height)).flat_map(|y| {
            let start = (y as usize * self.width as usize + at.left as usize) * 3;
            let end = (y as usize * self.width as usize + at.right.min(self.width) as usize) * 3;
            self.data.get(start..end).unwrap_or_default().iter().copied()
        });
        let at = at.within(self.width, self.height);
        Picture { width: at.right - at.left, height: at.bottom - at.top, data: rows.collect() }
    }
}

/// A box of whole pixels; `right` and `bottom` are outside of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// The first column.
    pub left: u32,
    /// The first row.
    pub top: u32,
    /// The column after the last.
    pub right: u32,
    /// The row after the last.
    pub bottom: u32,
}

impl Area {
    /// What of it lies in a picture of this size; it may be empty.
    #[must_use]
    pub fn within(self, width: u32, height: u32) -> Self {
        let (right, bottom) = (self.right.min(width), self.bottom.min(height));
        Area { left: self.left.min(right), top: self.top.min(bottom), right, bottom }
    }

    /// Whether a pixel lies in it.
    #[must_use]
    pub fn has(self, x: u32, y: u32) -> bool {
        (self.left..self.right).contains(&x) && (self.top..self.bottom).contains(&y)
    }
}

/// How many pixels of one picture, outside of `areas`, are those of none of the others, and by
/// how much a channel differs from the nearest at most; all, if none is of its size.
#[must_use]
pub fn differing(one: &Picture, others: &[&Picture], areas: &[Area]) -> (u64, u8) {
    let is_same_size = |other: &&&Picture| (one.width, one.height) == (other.width, other.height);
    let others: Vec<&Picture> = others.iter().filter(is_same_size).copied().collect();
    if others.is_empty() {
        return (one.data.len() as u64 / 3, u8::MAX);
    }
    let width = one.width.max(1);
    let mut found = (0, 0);
    for (at, pixel) in (0_u32..).zip(one.data.chunks_exact(3)) {
        let start = at as usize * 3;
        let by = |other: &&Picture| {
            let pixels = pixel.iter().zip(&other.data[start..start + 3]);
            pixels.map(|(one, other)| one.abs_diff(*other)).max().unwrap_or(0)
        };
        let least = others.iter().map(by).min().unwrap_or(0);
        if least > 0 && !areas.iter().any(|area| area.has(at % width, at / width)) {
            found = (found.0 + 1, found.1.max(least));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(data: &[u8]) -> Picture {
        let data: Vec<u8> = data.iter().flat_map(|gray| [*gray; 3]).collect();
        Picture { width: 3, height: 2, data }
    }

    #[test]
    fn areas_beyond_a_picture_are_empty() {
        let beyond = Area { left: 5, top: 9, right: 7, bottom: 12 };
        let part = picture(&[0; 6]).part(beyond);
        assert_eq!((part.width, part.height, part.data.len()), (0, 0, 0));
    }

    #[test]
    fn a_part_has_its_own_pixels() {
        let part = picture(&[1, 2, 3, 4, 5, 6]).part(Area { left: 1, top: 1, right: 9, bottom: 9 });
        assert_eq!((part.width, part.height), (2, 1));
        assert_eq!(part.data, [5, 5, 5, 6, 6, 6]);
    }

    #[test]
    fn all_of_another_size_differs() {
        let one = picture(&[0; 6]);
        let other = Picture { width: 3, height: 3, data: vec![0; 27] };
        let everywhere = Area { left: 0, top: 0, right: 9, bottom: 9 };
        assert_eq!(differing(&other, &[&one], &[everywhere]), (9, 255));
    }

    #[test]
    fn only_what_differs_outside_counts() {
        let (one, other) = (picture(&[0, 1, 2, 3, 4, 5]), picture(&[0, 9, 2, 3, 4, 7]));
        assert_eq!(differing(&one, &[&one], &[]), (0, 0));
        assert_eq!(differing(&one, &[&other], &[]), (2, 8));
        let first_row = Area { left: 0, top: 0, right: 3, bottom: 1 };
        assert_eq!(differing(&one, &[&other], &[first_row]), (1, 2));
    }

    #[test]
    fn what_is_like_any_of_them_does_not_differ() {
        let first = picture(&[0, 1, 2, 3, 4, 5]);
        let again = picture(&[0, 9, 2, 3, 4, 5]);
        assert_eq!(differing(&picture(&[0, 9, 2, 3, 4, 5]), &[&first, &again], &[]), (0, 0));
        assert_eq!(differing(&picture(&[0, 7, 2, 3, 4, 8]), &[&first, &again], &[]), (2, 3));
        let smaller = Picture { width: 1, height: 1, data: vec![0; 3] };
        assert_eq!(differing(&again, &[&smaller, &again], &[]), (0, 0));
    }
}
