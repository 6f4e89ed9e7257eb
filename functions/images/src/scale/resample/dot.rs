//! The loops that nearly all of the time goes into: sums of products of 16-bit numbers, which
//! are the same whatever their order.

use crate::lanes::{Ints, Shorts};
use crate::scale::light::ONE;

/// Lanes of a pixel in the second pass.
pub(super) const LANES: usize = 4;

/// A sample, and the one below it.
pub(super) type Pair = [i16; 2];

/// Samples that are added up at a time: whole pairs of pixels, of any number of channels.
pub(super) const CHUNK: usize = 24;

/// Samples of a row, and those below them.
pub(super) type Chunk = [Pair; CHUNK];

/// Their sums.
pub(super) type Sums = [i32; CHUNK];

/// Two pixels side by side: a lane of both, then the next. Colors come first; gray is in
/// the first lane; alpha, if there is any, in the last.
pub(super) type PixelPair = [i16; 2 * LANES];

/// Vectors of a chunk.
const VECTORS: usize = CHUNK / 4;

/// The sums of the first pass to samples, without the weights' `shift` digits behind the
/// point.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
pub(super) fn narrow(sums: &[Sums], channels: usize, shift: u32, row: &mut [PixelPair]) {
    let half = Ints::splat((1 << shift) >> 1);
    for (sums, row) in sums.iter().zip(row.chunks_mut(CHUNK / (2 * channels))) {
        let sums = sums.as_chunks::<4>().0;
        let sums = std::array::from_fn(|at| Ints::load(&sums[at]).plus(half));
        place(sums, channels, shift, row);
    }
}

/// Rounded sums to pairs of pixels.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
#[inline]
fn place(sums: [Ints; VECTORS], channels: usize, shift: u32, row: &mut [PixelPair]) {
    let [a, b, c, d, e, f] = sums.map(|sums| sums.without(shift));
    // A filter overshoots, but hardly to the double of all light.
    let samples = [a.narrowed(b), c.narrowed(d), e.narrowed(f)];
    match channels {
        3 => {
            for (samples, pair) in Shorts::pairs_of_three(samples).into_iter().zip(row) {
                samples.store(pair);
            }
        }
        4 => {
            for (samples, pair) in samples.into_iter().zip(row) {
                samples.halves_interleaved().store(pair);
            }
        }
        _ => {
            let mut all = [[0; 8]; VECTORS / 2];
            for (samples, all) in samples.into_iter().zip(&mut all) {
                samples.store(all);
            }
            for (samples, pair) in all.as_flattened().chunks_exact(2 * channels).zip(row) {
                (pair[0], pair[1]) = (samples[0], samples[channels]);
                if channels == 2 {
                    (pair[2 * LANES - 2], pair[2 * LANES - 1]) = (samples[1], samples[3]);
                }
            }
        }
    }
}

/// `sums += weights × rows`, for four rows, which are two pairs.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
pub(super) fn add_pairs(sums: &mut [Sums], rows: [&[Chunk]; 2], weights: [Pair; 2]) {
    for ((sums, one), two) in sums.iter_mut().zip(rows[0]).zip(rows[1]) {
        let sums = sums.as_chunks_mut::<4>().0.iter_mut();
        let one = one.as_flattened().as_chunks::<8>().0;
        let two = two.as_flattened().as_chunks::<8>().0;
        for ((sums, one), two) in sums.zip(one).zip(two) {
            let one = Shorts::load(one).dot(weights[0]);
            let two = Shorts::load(two).dot(weights[1]);
            Ints::load(sums).plus(one.plus(two)).store(sums);
        }
    }
}

/// Pairs of rows times their weights, as pairs of pixels, without the weights' `shift` digits
/// behind the point.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
pub(super) fn add_up(
    rows: &[&[Chunk]],
    weights: &[Pair],
    channels: usize,
    shift: u32,
    row: &mut [PixelPair],
) {
    let chunks = rows.iter().map(|row| row.len()).min().unwrap_or(0);
    for (at, row) in (0..chunks).zip(row.chunks_mut(CHUNK / (2 * channels))) {
        let mut sums = [Ints::splat((1 << shift) >> 1); VECTORS];
        for (chunks, weights) in rows.iter().zip(weights) {
            let pairs = chunks[at].as_flattened().as_chunks::<8>().0;
            for (sums, pairs) in sums.iter_mut().zip(pairs) {
                *sums = sums.plus(Shorts::load(pairs).dot(*weights));
            }
        }
        place(sums, channels, shift, row);
    }
}

/// The weighted sum of as many pixels as there are weights, without the weights' `shift`
/// digits behind the point, 0 to [`ONE`].
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
#[inline]
pub(super) fn pixel(row: &[PixelPair], weights: &[Pair], shift: u32) -> [i32; LANES] {
    let mut sums = Ints::splat((1 << shift) >> 1);
    for (pixels, weights) in row.iter().zip(weights) {
        sums = sums.plus(Shorts::load(pixels).dot(*weights));
    }
    let mut lanes = [0; LANES];
    sums.without(shift).within(0, ONE).store(&mut lanes);
    lanes
}
