//! Samples become pixels: chroma is interpolated to the size of luma, and each
//! pixel's color computed.

use super::matrix::{CHROMA_SCALE, Matrix, SHIFT};
use crate::av1::planes::{Plane, Planes};
use crate::av1::sequence::{Colors, Layout, Sequence, Siting};
use crate::problem::Problem;

/// Writes the colors of `planes` to the first channels of each pixel: one where
/// there is no chroma, else three. `data` has a pixel for each sample of luma.
///
/// # Errors
/// As there is a matrix for the colors, or not.
pub(super) fn put_colors(
    planes: &Planes<'_>,
    sequence: &Sequence,
    colors: &Colors,
    data: &mut [u8],
    channels: usize,
) -> Result<(), Problem> {
    let matrix = Matrix::of(colors, sequence)?;
    match planes {
        Planes::Shallow([luma, ..]) if sequence.layout == Layout::Gray => {
            put_levels(luma, &matrix, data, channels, 0);
        }
        Planes::Deep([luma, ..]) if sequence.layout == Layout::Gray => {
            put_levels(luma, &matrix, data, channels, 0);
        }
        Planes::Shallow(planes) => put_rgb(planes, &matrix, sequence, data, channels),
        Planes::Deep(planes) => put_rgb(planes, &matrix, sequence, data, channels),
    }
    Ok(())
}

/// Writes luma to the last channel of each pixel.
pub(super) fn put_alpha(
    planes: &Planes<'_>,
    depth: u8,
    is_full: bool,
    data: &mut [u8],
    channels: usize,
) {
    let matrix = Matrix::gray(is_full, depth);
    let last = channels.saturating_sub(1);
    match planes {
        Planes::Shallow([luma, ..]) => put_levels(luma, &matrix, data, channels, last),
        Planes::Deep([luma, ..]) => put_levels(luma, &matrix, data, channels, last),
    }
}

/// Writes luma to one channel of each pixel.
fn put_levels<T: Copy + Into<i32>>(
    luma: &Plane<'_, T>,
    matrix: &Matrix,
    data: &mut [u8],
    channels: usize,
    channel: usize,
) {
    let factor = matrix.factors[1][0];
    let row_bytes = (luma.size().width as usize * channels).max(1);
    for (row, y) in data.chunks_exact_mut(row_bytes).zip(0..) {
        for (pixel, sample) in row.chunks_exact_mut(channels).zip(luma.row(y)) {
            let level = factor * ((*sample).into() - matrix.black);
            pixel[channel] = rounded(level);
        }
    }
}

fn put_rgb<T: Copy + Into<i32>>(
    [luma, u, v]: &[Plane<'_, T>; 3],
    matrix: &Matrix,
    sequence: &Sequence,
    data: &mut [u8],
    channels: usize,
) {
    let width = luma.size().width as usize;
    let (mut u_row, mut v_row) = (vec![0; width], vec![0; width]);
    let mut blended = vec![0; u.size().width as usize];
    let row_bytes = (width * channels).max(1);
    for (row, y) in data.chunks_exact_mut(row_bytes).zip(0..) {
        for (chroma, out) in [(u, &mut u_row), (v, &mut v_row)] {
            blend_rows(chroma, sequence, y, &mut blended);
            spread(&blended, sequence, out);
            out.iter_mut().for_each(|sample| *sample -= matrix.neutral);
        }
        let luma = luma.row(y);
        if channels == 3 {
            put_row::<T, 3>(luma, &u_row, &v_row, matrix, row);
        } else {
            put_row::<T, 4>(luma, &u_row, &v_row, matrix, row);
        }
    }
}

/// The chroma of row `y` of luma, times 4.
fn blend_rows<T: Copy + Into<i32>>(
    chroma: &Plane<'_, T>,
    sequence: &Sequence,
    y: u32,
    out: &mut [i32],
) {
    let (above, below, weight) = if sequence.layout == Layout::Quartered {
        let at = y / 2;
        match (sequence.siting, y % 2) {
            (Siting::Corner, 0) => (at, at, 0),
            (Siting::Corner, _) => (at, at + 1, 2),
            // A quarter off the middle of a chroma sample.
            (_, 0) => (at, at.saturating_sub(1), 1),
            (_, _) => (at, at + 1, 1),
        }
    } else {
        (y, y, 0)
    };
    let rows = chroma.row(above).iter().zip(chroma.row(below));
    for (out, (near, far)) in out.iter_mut().zip(rows) {
        let (near, far): (i32, i32) = ((*near).into(), (*far).into());
        *out = (4 - weight) * near + weight * far;
    }
}

/// A row of chroma, times 4, for each pixel of luma, times 16.
fn spread(chroma: &[i32], sequence: &Sequence, out: &mut [i32]) {
    const QUARTER: i32 = CHROMA_SCALE / 4;
    if matches!(sequence.layout, Layout::Full | Layout::Gray) {
        for (out, sample) in out.iter_mut().zip(chroma) {
            *out = QUARTER * sample;
        }
        return;
    }
    let is_middle = sequence.layout == Layout::Halved || sequence.siting == Siting::Middle;
    // Of the left one of two pixels: weight of the sample before; of the right
    // one, weight of the sample after.
    let (before, after) = if is_middle { (1, 1) } else { (0, 2) };
    let Some(last) = chroma.len().checked_sub(1) else { return };
    let sample = |at: usize| chroma[at.min(last)];
    for (at, pair) in out.chunks_mut(2).enumerate() {
        let near = sample(at);
        pair[0] = (QUARTER - before) * near + before * sample(at.saturating_sub(1));
        if let Some(right) = pair.get_mut(1) {
            *right = (QUARTER - after) * near + after * sample(at + 1);
        }
    }
}

/// A row of pixels of `CHANNELS` bytes.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn put_row<T: Copy + Into<i32>, const CHANNELS: usize>(
    luma: &[T],
    u: &[i32],
    v: &[i32],
    matrix: &Matrix,
    row: &mut [u8],
) {
    let samples = luma.iter().zip(u).zip(v);
    for (pixel, ((luma, u), v)) in row.chunks_exact_mut(CHANNELS).zip(samples) {
        let luma = (*luma).into() - matrix.black;
        for (color, of) in pixel.iter_mut().zip(matrix.factors) {
            *color = rounded(of[0] * luma + of[1] * u + of[2] * v);
        }
    }
}

fn rounded(color: i32) -> u8 {
    ((color + (1 << (SHIFT - 1))) >> SHIFT).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests;
