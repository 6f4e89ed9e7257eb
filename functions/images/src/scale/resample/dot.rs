//! The loops that nearly all of the time goes into, for vectors of 128 bits and without:
//! sums of products of 16-bit numbers, which are the same whatever their order.

use crate::scale::light::ONE;

/// Lanes of a pixel in the second pass.
pub(super) const LANES: usize = 4;

/// A sample, and the one below it.
pub(super) type Pair = [i16; 2];

/// Two pixels side by side: a lane of both, then the next. Colors come first; gray is in
/// the first lane; alpha, if there is any, in the last.
pub(super) type PixelPair = [i16; 2 * LANES];

#[cfg(not(target_arch = "wasm32"))]
pub(super) use plain::{add_pairs, narrow, pixel};
#[cfg(target_arch = "wasm32")]
pub(super) use simd::{add_pairs, narrow, pixel};

/// The lanes of a pixel's channels.
const fn lanes(channels: usize) -> &'static [usize] {
    match channels {
        1 => &[0],
        2 => &[0, LANES - 1],
        3 => &[0, 1, 2],
        _ => &[0, 1, 2, 3],
    }
}

/// The sums of the first pass to samples, from a pair of pixels on. What is behind the last
/// pixel weighs nothing.
fn narrow_from(first: usize, sums: &[i32], channels: usize, shift: u32, row: &mut [PixelPair]) {
    let half = (1 << shift) >> 1;
    let pairs = sums[first * 2 * channels..].chunks(2 * channels).zip(&mut row[first..]);
    for (sums, pair) in pairs {
        for (at, sums) in sums.chunks_exact(channels).enumerate() {
            for (lane, sum) in lanes(channels).iter().zip(sums) {
                // A filter overshoots, but hardly to the double of all light.
                let sample = (sum + half) >> shift;
                pair[2 * lane + at] = sample.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16;
            }
        }
    }
}

/// Without vectors of our own; the compiler makes some.
#[cfg(not(target_arch = "wasm32"))]
mod plain {
    use super::{LANES, ONE, Pair, PixelPair, narrow_from};

    /// The sums of the first pass to samples, without the weights' `shift` digits behind
    /// the point.
    pub(in super::super) fn narrow(
        sums: &[i32],
        channels: usize,
        shift: u32,
        row: &mut [PixelPair],
    ) {
        narrow_from(0, sums, channels, shift, row);
    }

    /// `sums += weights × rows`, for four rows, which are two pairs.
    pub(in super::super) fn add_pairs(sums: &mut [i32], rows: [&[Pair]; 2], weights: [Pair; 2]) {
        let product = |pair: &Pair, weights: Pair| {
            i32::from(pair[0]) * i32::from(weights[0]) + i32::from(pair[1]) * i32::from(weights[1])
        };
        for ((sum, one), two) in sums.iter_mut().zip(rows[0]).zip(rows[1]) {
            *sum += product(one, weights[0]) + product(two, weights[1]);
        }
    }

    /// The weighted sum of as many pixels as there are weights, without the weights'
    /// `shift` digits behind the point, 0 to [`ONE`].
    pub(in super::super) fn pixel(row: &[PixelPair], weights: &[Pair], shift: u32) -> [i32; LANES] {
        let mut sums = [(1 << shift) >> 1; LANES];
        for (pixels, weights) in row.iter().zip(weights) {
            for (sum, samples) in sums.iter_mut().zip(pixels.as_chunks::<2>().0) {
                *sum += i32::from(samples[0]) * i32::from(weights[0])
                    + i32::from(samples[1]) * i32::from(weights[1]);
            }
        }
        sums.map(|sum| (sum >> shift).clamp(0, ONE))
    }
}

/// With SIMD128.
#[cfg(target_arch = "wasm32")]
mod simd {
    use super::{LANES, ONE, Pair, PixelPair, narrow_from};
    use core::arch::wasm32::{
        i16x8_narrow_i32x4, i16x8_shuffle, i32x4_add, i32x4_dot_i16x8, i32x4_max, i32x4_min,
        i32x4_shr, i32x4_splat, v128, v128_load, v128_store,
    };

    /// Pairs of a vector, and sums.
    const WIDTH: usize = 4;

    fn load<T, const COUNT: usize>(values: &[T; COUNT]) -> v128 {
        const { assert!(size_of::<[T; COUNT]>() == 16) };
        // SAFETY: the array has 16 bytes, and a load needs no alignment.
        unsafe { v128_load(values.as_ptr().cast()) }
    }

    fn store<T, const COUNT: usize>(values: &mut [T; COUNT], vector: v128) {
        const { assert!(size_of::<[T; COUNT]>() == 16) };
        // SAFETY: the array has 16 bytes, and a store needs no alignment. Callers have
        // arrays of integers, of which all bits are values.
        unsafe { v128_store(values.as_mut_ptr().cast(), vector) }
    }

    /// Two weights, as they are multiplied with pairs.
    fn both(weights: Pair) -> i32 {
        i32::from(weights[0] as u16) | i32::from(weights[1]) << 16
    }

    /// The sums of the first pass to samples, without the weights' `shift` digits behind
    /// the point.
    #[target_feature(enable = "simd128")]
    pub(in super::super) fn narrow(
        sums: &[i32],
        channels: usize,
        shift: u32,
        row: &mut [PixelPair],
    ) {
        let half = i32x4_splat((1 << shift) >> 1);
        let samples = |sums: &[i32; WIDTH]| i32x4_shr(i32x4_add(load(sums), half), shift);
        let mut done = 0;
        if channels == 3 {
            // Eight sums are read for the six of two pixels; the last ones have not so many.
            let mut rest = sums;
            while let ([sums, ..], Some(pair)) = (rest.as_chunks::<8>().0, row.get_mut(done)) {
                let [low, high] = [0, WIDTH]
                    .map(|at| samples(&[sums[at], sums[at + 1], sums[at + 2], sums[at + 3]]));
                let both = i16x8_narrow_i32x4(low, high);
                store(pair, i16x8_shuffle::<0, 3, 1, 4, 2, 5, 6, 7>(both, both));
                (rest, done) = (&rest[6..], done + 1);
            }
        } else if channels == 4 {
            for (sums, pair) in sums.as_chunks::<8>().0.iter().zip(&mut *row) {
                let [low, high] = [0, WIDTH]
                    .map(|at| samples(&[sums[at], sums[at + 1], sums[at + 2], sums[at + 3]]));
                let both = i16x8_narrow_i32x4(low, high);
                store(pair, i16x8_shuffle::<0, 4, 1, 5, 2, 6, 3, 7>(both, both));
                done += 1;
            }
        }
        narrow_from(done, sums, channels, shift, row);
    }

    /// `sums += weights × rows`, for four rows, which are two pairs.
    #[target_feature(enable = "simd128")]
    pub(in super::super) fn add_pairs(sums: &mut [i32], rows: [&[Pair]; 2], weights: [Pair; 2]) {
        let [one_by, two_by] = weights.map(|weights| i32x4_splat(both(weights)));
        let (sums, sums_left) = sums.as_chunks_mut::<WIDTH>();
        let (one, one_left) = rows[0].as_chunks::<WIDTH>();
        let (two, two_left) = rows[1].as_chunks::<WIDTH>();
        for ((sums, one), two) in sums.iter_mut().zip(one).zip(two) {
            let products =
                i32x4_add(i32x4_dot_i16x8(load(one), one_by), i32x4_dot_i16x8(load(two), two_by));
            store(sums, i32x4_add(load(sums), products));
        }
        for ((sum, one), two) in sums_left.iter_mut().zip(one_left).zip(two_left) {
            for (pair, weights) in [(one, weights[0]), (two, weights[1])] {
                for (sample, weight) in pair.iter().zip(weights) {
                    *sum += i32::from(*sample) * i32::from(weight);
                }
            }
        }
    }

    /// The weighted sum of as many pixels as there are weights, without the weights'
    /// `shift` digits behind the point, 0 to [`ONE`].
    #[target_feature(enable = "simd128")]
    #[inline]
    pub(in super::super) fn pixel(row: &[PixelPair], weights: &[Pair], shift: u32) -> [i32; LANES] {
        let mut sums = i32x4_splat((1 << shift) >> 1);
        for (pixels, weights) in row.iter().zip(weights) {
            let products = i32x4_dot_i16x8(load(pixels), i32x4_splat(both(*weights)));
            sums = i32x4_add(sums, products);
        }
        let lights = i32x4_max(i32x4_shr(sums, shift), i32x4_splat(0));
        let mut lanes = [0; LANES];
        store(&mut lanes, i32x4_min(lights, i32x4_splat(ONE)));
        lanes
    }
}
