//! From pixels to samples of luma and chroma (ITU-T T.871 §7), a row of units at a time.

use super::{Frame, SIDE};
use crate::picture::{Picture, pixels};
use crate::problem::Problem;
use sedge_kit::image::geometry::Size;

use crate::picture::Model;

/// Pixels that are converted at a time; rows of samples have a multiple of it.
const BATCH: usize = 16;

/// The weights of red, green and blue in brightness, and what makes half of the range of
/// their differences from it.
const RED: f32 = 0.299;
const GREEN: f32 = 0.587;
const BLUE: f32 = 0.114;
const FROM_BLUE: f32 = 0.5 / (1.0 - BLUE);
const FROM_RED: f32 = 0.5 / (1.0 - RED);

/// Samples of one component, around 0.
#[derive(Clone, Default)]
pub(super) struct Plane {
    samples: Vec<f32>,
    stride: usize,
}

impl Plane {
    fn new(stride: usize, rows: usize) -> Result<Self, Problem> {
        let mut samples = Vec::new();
        samples.try_reserve_exact(stride * rows).map_err(|_| Problem::OutOfMemory)?;
        samples.resize(stride * rows, 0.0);
        Ok(Self { samples, stride })
    }

    /// The rows of a row of blocks.
    pub(super) fn rows(&self, blocks_down: usize) -> &[f32] {
        &self.samples[blocks_down * SIDE * self.stride..][..SIDE * self.stride]
    }

    /// Samples from a row to the next.
    pub(super) const fn stride(&self) -> usize {
        self.stride
    }

    fn row(&mut self, y: usize) -> &mut [f32] {
        &mut self.samples[y * self.stride..][..self.stride]
    }
}

/// The samples of a row of units.
pub(super) struct Strip {
    planes: Vec<Plane>,
    /// Two rows of pixels, filled up with their last one.
    padded: [Vec<u8>; 2],
    channels: usize,
    unit: usize,
}

impl Strip {
    pub(super) fn new(frame: &Frame) -> Result<Self, Problem> {
        let width = (frame.units_across * frame.unit).next_multiple_of(BATCH);
        let planes = frame.components.iter().map(|component| {
            let factor = frame.components[0].sampling.0 / component.sampling.0;
            Plane::new(width / factor, SIDE * component.sampling.1)
        });
        let channels = frame.components.len();
        let row = Size { width: width as u32, height: 1 };
        let model = if channels == 1 { Model::Gray } else { Model::Rgb };
        Ok(Self {
            planes: planes.collect::<Result<_, _>>()?,
            padded: [pixels(row, model)?, pixels(row, model)?],
            channels,
            unit: frame.unit,
        })
    }

    /// One for each component.
    pub(super) fn planes(&self) -> &[Plane] {
        &self.planes
    }

    /// Takes the rows from `top` on; beyond the picture its last ones are repeated.
    pub(super) fn fill(&mut self, picture: &Picture, top: usize) {
        let last = picture.size.height as usize - 1;
        for y in (0..self.unit).step_by(2) {
            for (next, padded) in self.padded.iter_mut().enumerate() {
                let at = (top + y + next).min(last) * picture.row_bytes();
                pad(&picture.data[at..at + picture.row_bytes()], self.channels, padded);
            }
            let [upper, lower] = &self.padded;
            match self.planes.as_mut_slice() {
                [gray] => {
                    centered(upper, gray.row(y));
                    centered(lower, gray.row(y + 1));
                }
                [luma, blue, red] => {
                    brightness(upper, luma.row(y));
                    brightness(lower, luma.row(y + 1));
                    if self.unit == SIDE {
                        colors(upper, blue.row(y), red.row(y));
                        colors(lower, blue.row(y + 1), red.row(y + 1));
                    } else {
                        mean_colors(upper, lower, blue.row(y / 2), red.row(y / 2));
                    }
                }
                _ => {}
            }
        }
    }
}

/// Fills up a row with its last pixel.
fn pad(row: &[u8], channels: usize, padded: &mut [u8]) {
    let (inside, outside) = padded.split_at_mut(row.len());
    inside.copy_from_slice(row);
    let last = &row[row.len() - channels..];
    outside.chunks_exact_mut(channels).for_each(|pixel| pixel.copy_from_slice(last));
}

#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn centered(from: &[u8], to: &mut [f32]) {
    for (sample, level) in to.iter_mut().zip(from) {
        *sample = f32::from(*level) - 128.0;
    }
}

/// One channel of pixels.
#[inline(always)]
fn channel<const BYTES: usize>(pixels: &[u8; BYTES], at: usize) -> [f32; BATCH] {
    std::array::from_fn(|pixel| f32::from(pixels[3 * pixel + at]))
}

#[inline(always)]
fn luma(red: f32, green: f32, blue: f32) -> f32 {
    RED * red + GREEN * green + BLUE * blue
}

#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn brightness(from: &[u8], to: &mut [f32]) {
    let batches = from.as_chunks::<{ 3 * BATCH }>().0;
    for (pixels, samples) in batches.iter().zip(to.as_chunks_mut::<BATCH>().0) {
        let [red, green, blue] = [0, 1, 2].map(|at| channel(pixels, at));
        for at in 0..BATCH {
            samples[at] = luma(red[at], green[at], blue[at]) - 128.0;
        }
    }
}

#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn colors(from: &[u8], blues: &mut [f32], reds: &mut [f32]) {
    let batches = from.as_chunks::<{ 3 * BATCH }>().0.iter();
    let blues = blues.as_chunks_mut::<BATCH>().0.iter_mut();
    for ((pixels, blues), reds) in batches.zip(blues).zip(reds.as_chunks_mut::<BATCH>().0) {
        let [red, green, blue] = [0, 1, 2].map(|at| channel(pixels, at));
        for at in 0..BATCH {
            let luma = luma(red[at], green[at], blue[at]);
            blues[at] = (blue[at] - luma) * FROM_BLUE;
            reds[at] = (red[at] - luma) * FROM_RED;
        }
    }
}

/// One sample for four pixels, of their mean.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn mean_colors(upper: &[u8], lower: &[u8], blues: &mut [f32], reds: &mut [f32]) {
    let rows = upper.as_chunks::<{ 3 * BATCH }>().0.iter();
    let rows = rows.zip(lower.as_chunks::<{ 3 * BATCH }>().0);
    let blues = blues.as_chunks_mut::<{ BATCH / 2 }>().0.iter_mut();
    let reds = reds.as_chunks_mut::<{ BATCH / 2 }>().0.iter_mut();
    for (((upper, lower), blues), reds) in rows.zip(blues).zip(reds) {
        let sums: [u16; 3 * BATCH] =
            std::array::from_fn(|at| u16::from(upper[at]) + u16::from(lower[at]));
        let channel = |at: usize| -> [f32; BATCH / 2] {
            std::array::from_fn(|pair| f32::from(sums[6 * pair + at] + sums[6 * pair + 3 + at]))
        };
        let [red, green, blue] = [0, 1, 2].map(channel);
        for at in 0..BATCH / 2 {
            let luma = luma(red[at], green[at], blue[at]);
            blues[at] = (blue[at] - luma) * (FROM_BLUE / 4.0);
            reds[at] = (red[at] - luma) * (FROM_RED / 4.0);
        }
    }
}
