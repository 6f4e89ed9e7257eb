//! The two loops that nearly all of the time goes into, for vectors of 128 bits and
//! without: sums of products of 16-bit numbers, which are the same whatever their order.

use crate::scale::light::ONE;

/// Lanes of a pixel in the second pass.
pub(super) const LANES: usize = 4;

/// A sample, and the one below it.
pub(super) type Pair = [i16; 2];

#[cfg(not(target_arch = "wasm32"))]
pub(super) use plain::{add_pairs, pixel};
#[cfg(target_arch = "wasm32")]
pub(super) use simd::{add_pairs, pixel};

/// Without vectors of our own; the compiler makes some.
#[cfg(not(target_arch = "wasm32"))]
mod plain {
    use super::{LANES, ONE, Pair};

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
    pub(in super::super) fn pixel(
        row: &[[i16; LANES]],
        weights: &[Pair],
        shift: u32,
    ) -> [i32; LANES] {
        let mut sums = [(1 << shift) >> 1; LANES];
        for (pixels, weights) in row.as_chunks::<2>().0.iter().zip(weights) {
            for (lane, sum) in sums.iter_mut().enumerate() {
                *sum += i32::from(pixels[0][lane]) * i32::from(weights[0])
                    + i32::from(pixels[1][lane]) * i32::from(weights[1]);
            }
        }
        sums.map(|sum| (sum >> shift).clamp(0, ONE))
    }
}

/// With SIMD128.
#[cfg(target_arch = "wasm32")]
mod simd {
    use super::{LANES, ONE, Pair};
    use core::arch::wasm32::{
        i16x8_shuffle, i32x4_add, i32x4_dot_i16x8, i32x4_max, i32x4_min, i32x4_shr, i32x4_splat,
        v128, v128_load, v128_store,
    };

    /// Pairs of a vector, and sums.
    const WIDTH: usize = 4;

    fn load<T, const COUNT: usize>(values: &[T; COUNT]) -> v128 {
        const { assert!(size_of::<[T; COUNT]>() == 16) };
        // SAFETY: the array has 16 bytes, and a load needs no alignment.
        unsafe { v128_load(values.as_ptr().cast()) }
    }

    fn store(values: &mut [i32; WIDTH], vector: v128) {
        // SAFETY: the array has 16 bytes, and a store needs no alignment.
        unsafe { v128_store(values.as_mut_ptr().cast(), vector) }
    }

    /// Two weights, as they are multiplied with pairs.
    fn both(weights: Pair) -> i32 {
        i32::from(weights[0] as u16) | i32::from(weights[1]) << 16
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
    pub(in super::super) fn pixel(
        row: &[[i16; LANES]],
        weights: &[Pair],
        shift: u32,
    ) -> [i32; LANES] {
        let mut sums = i32x4_splat((1 << shift) >> 1);
        for (pixels, weights) in row.as_chunks::<2>().0.iter().zip(weights) {
            let pixels = load(pixels);
            // The lanes of both pixels side by side.
            let pixels = i16x8_shuffle::<0, 4, 1, 5, 2, 6, 3, 7>(pixels, pixels);
            let products = i32x4_dot_i16x8(pixels, i32x4_splat(both(*weights)));
            sums = i32x4_add(sums, products);
        }
        let lights = i32x4_max(i32x4_shr(sums, shift), i32x4_splat(0));
        let mut lanes = [0; LANES];
        store(&mut lanes, i32x4_min(lights, i32x4_splat(ONE)));
        lanes
    }
}
