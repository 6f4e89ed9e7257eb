//! The inverse cosine transform (T.81 §A.3.3), in whole numbers: of all coefficients, or of
//! the lowest only, which gives a smaller picture without decoding the larger one. The
//! factorization is Loeffler's, Ligtenberg's and Moschytz's (ICASSP 1989), with sums that are
//! multiplied out so that what is added is always two products of 16 bits.

use crate::lanes::{Ints, Shorts, transposed};

/// Binary digits behind the point of factors.
const FACTOR: u32 = 13;
/// And of what is between the passes.
const BETWEEN: u32 = 2;

/// A factor as a fixed-point number.
const fn fixed(factor: f64) -> i16 {
    (factor * (1 << FACTOR) as f64 + 0.5) as i16
}

/// Dequantizes a block, and writes its samples as `side × side` into rows that are `stride`
/// apart. Values and steps come row by row; `last` is the place of the last coefficient that
/// is not 0, in the order of the file.
#[inline(always)]
pub(super) fn write(
    values: &[i16; 64],
    steps: &[i16; 64],
    last: usize,
    side: usize,
    out: &mut [u8],
    stride: usize,
) {
    let first = || i32::from(values[0].wrapping_mul(steps[0]));
    match side {
        _ if last == 0 => {
            let sample = sample(first());
            match side {
                1 => out[0] = sample,
                2 => flat::<2>(sample, out, stride),
                4 => flat::<4>(sample, out, stride),
                _ => flat::<8>(sample, out, stride),
            }
        }
        1 => out[0] = sample(first()),
        2 => two(values, steps, out, stride),
        4 => four(values, steps, out, stride),
        _ => eight(values, steps, out, stride),
    }
}

/// A side that is known is a single store, and no call.
#[inline(always)]
fn flat<const SIDE: usize>(sample: u8, out: &mut [u8], stride: usize) {
    for row in out.chunks_mut(stride).take(SIDE) {
        row[..SIDE].copy_from_slice(&[sample; SIDE]);
    }
}

/// Eight times a sample, around 128.
#[inline(always)]
fn sample(value: i32) -> u8 {
    (((value + 4) >> 3) + 128).clamp(0, 255) as u8
}

fn two(values: &[i16; 64], steps: &[i16; 64], out: &mut [u8], stride: usize) {
    let [low, right, below, both] =
        [0, 1, 8, 9].map(|at| i32::from(values[at].wrapping_mul(steps[at])));
    out[0] = sample(low + right + below + both);
    out[1] = sample(low - right + below - both);
    out[stride] = sample(low + right - below - both);
    out[stride + 1] = sample(low - right - below + both);
}

/// What is added before the digits behind the point are left out, so that they are rounded.
const HALF_BETWEEN: i32 = 1 << (FACTOR - BETWEEN - 1);
/// And in the end, where samples are around 128.
const HALF_AND_MIDDLE: i32 = (128 << DIGITS) + (1 << (DIGITS - 1));
/// The digits in the end: of both factors, and what the transform is too large by.
const DIGITS: u32 = FACTOR + BETWEEN + 3;

/// A row of eight coefficients.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
#[inline]
fn row(values: &[i16; 64], steps: &[i16; 64], y: usize) -> Shorts {
    let (values, steps) = (values.as_chunks::<8>().0, steps.as_chunks::<8>().0);
    Shorts::load(&values[y]).times(&steps[y])
}

/// The transform of four, from the pairs of the first and third, and of the second and
/// fourth; with [`FACTOR`] digits more, and `half` added to each.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
#[inline]
fn of_four(outer: Shorts, inner: Shorts, half: i32) -> [Ints; 4] {
    const ONE: i16 = 1 << FACTOR;
    const BOTH: i16 = fixed(0.541_196_1);
    let half = Ints::splat(half);
    let (sum, difference) = (outer.dot([ONE, ONE]).plus(half), outer.dot([ONE, -ONE]).plus(half));
    let first = inner.dot([BOTH + fixed(0.765_366_865), BOTH]);
    let second = inner.dot([BOTH, BOTH - fixed(1.847_759_065)]);
    [sum.plus(first), difference.plus(second), difference.minus(second), sum.minus(first)]
}

#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn four(values: &[i16; 64], steps: &[i16; 64], out: &mut [u8], stride: usize) {
    let [a, b, c, d] = [0, 1, 2, 3].map(|y| row(values, steps, y));
    let [a, b, c, d] = of_four(a.interleaved_low(c), b.interleaved_low(d), HALF_BETWEEN)
        .map(|row| row.without(FACTOR - BETWEEN));
    // Of each row there are four numbers: those across that belong together are every
    // second one.
    let (upper, lower) = (a.narrowed(b), c.narrowed(d));
    let columns = of_four(upper.evens(lower), upper.odds(lower), HALF_AND_MIDDLE);
    let [a, b, c, d] = columns.map(|column| column.without(DIGITS));
    let mut samples = [0; 16];
    a.narrowed(b).narrowed(c.narrowed(d)).transposed().store(&mut samples);
    for (row, out) in samples.as_chunks::<4>().0.iter().zip(out.chunks_mut(stride)) {
        out[..4].copy_from_slice(row);
    }
}

/// Half of the lanes of the transform of eight, from pairs: of the first and fifth, the
/// third and seventh, the eighth and second, the sixth and fourth; and of the sum of the
/// eighth and fourth with that of the sixth and second.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
#[inline]
fn half_of_eight(
    [outer, inner, eighth_second, sixth_fourth, sums]: [Shorts; 5],
    half: i32,
) -> [Ints; 8] {
    const ALL: i16 = fixed(1.175_875_602);
    const OUTER: i16 = -fixed(0.899_976_223);
    const INNER: i16 = -fixed(2.562_915_447);
    // The even part is that of four.
    let [even0, even1, even2, even3] = of_four(outer, inner, half);
    let upper = sums.dot([ALL - fixed(1.961_570_56), ALL]);
    let lower = sums.dot([ALL, ALL - fixed(0.390_180_644)]);
    let odd0 = eighth_second.dot([OUTER, OUTER + fixed(1.501_321_11)]).plus(lower);
    let odd1 = sixth_fourth.dot([INNER, INNER + fixed(3.072_711_026)]).plus(upper);
    let odd2 = sixth_fourth.dot([INNER + fixed(2.053_119_869), INNER]).plus(lower);
    let odd3 = eighth_second.dot([OUTER + fixed(0.298_631_336), OUTER]).plus(upper);
    [
        even0.plus(odd0),
        even1.plus(odd1),
        even2.plus(odd2),
        even3.plus(odd3),
        even3.minus(odd3),
        even2.minus(odd2),
        even1.minus(odd1),
        even0.minus(odd0),
    ]
}

/// The transform of eight along the first index, without so many digits behind the point.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
#[inline]
fn of_eight([a, b, c, d, e, f, g, h]: [Shorts; 8], half: i32, digits: u32) -> [Shorts; 8] {
    let pairs = [(a, e), (c, g), (h, b), (f, d), (h.plus(d), f.plus(b))];
    let low = half_of_eight(pairs.map(|(one, other)| one.interleaved_low(other)), half);
    let high = half_of_eight(pairs.map(|(one, other)| one.interleaved_high(other)), half);
    std::array::from_fn(|at| low[at].without(digits).narrowed(high[at].without(digits)))
}

#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn eight(values: &[i16; 64], steps: &[i16; 64], out: &mut [u8], stride: usize) {
    let rows = std::array::from_fn(|y| row(values, steps, y));
    let columns = transposed(of_eight(rows, HALF_BETWEEN, FACTOR - BETWEEN));
    let rows = transposed(of_eight(columns, HALF_AND_MIDDLE, DIGITS));
    for (pair, out) in rows.as_chunks::<2>().0.iter().zip(out.chunks_mut(2 * stride)) {
        let mut samples = [0; 16];
        pair[0].narrowed(pair[1]).store(&mut samples);
        out[..8].copy_from_slice(&samples[..8]);
        out[stride..][..8].copy_from_slice(&samples[8..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the formula; of the lowest `side × side` coefficients.
    fn by_formula(values: &[i16; 64], side: usize) -> Vec<u8> {
        let basis = |at: usize, frequency: usize| {
            let scale = if frequency == 0 { 0.5f64.sqrt() } else { 1.0 };
            let angle = (2 * at + 1) as f64 * frequency as f64 * std::f64::consts::PI;
            scale * (angle / (2.0 * side as f64)).cos()
        };
        let mut samples = Vec::new();
        for (y, x) in (0..side).flat_map(|y| (0..side).map(move |x| (y, x))) {
            let mut sum = 0.0;
            for (v, u) in (0..side).flat_map(|v| (0..side).map(move |u| (v, u))) {
                sum += basis(y, v) * basis(x, u) * f64::from(values[8 * v + u]);
            }
            samples.push((sum / 4.0 + 128.0).round().clamp(0.0, 255.0) as u8);
        }
        samples
    }

    #[test]
    fn every_size_agrees_with_the_formula() {
        let mut seed = 7u32;
        let mut next = |range: i32| -> i32 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) as i32 % (2 * range + 1) - range
        };
        for count in [1, 2, 5, 20, 64] {
            for _ in 0..50 {
                let mut values = [0; 64];
                for _ in 0..count {
                    let at = next(31) + 32;
                    values[at as usize % 64] = next(200) as i16;
                }
                values[0] = next(900) as i16;
                for side in [1, 2, 4, 8] {
                    let mut out = vec![7; side * 20];
                    write(&values, &[1; 64], 63, side, &mut out, 20);
                    let rows = out.chunks(20).flat_map(|row| &row[..side]);
                    let expected = by_formula(&values, side);
                    let furthest = rows.zip(&expected).map(|(a, b)| a.abs_diff(*b)).max();
                    assert!(furthest <= Some(1), "{side}: {furthest:?}");
                    assert!(out.chunks(20).all(|row| row[side..].iter().all(|other| *other == 7)));
                }
            }
        }
    }

    #[test]
    fn values_are_times_their_steps() {
        let values = std::array::from_fn(|at| if at < 20 { at as i16 - 9 } else { 0 });
        let steps = std::array::from_fn(|at| 1 + at as i16 % 7);
        let products = std::array::from_fn(|at| values[at] * steps[at]);
        for side in [1, 2, 4, 8] {
            let (mut one, mut other) = ([0; 64], [0; 64]);
            write(&values, &steps, 63, side, &mut one, 8);
            write(&products, &[1; 64], 63, side, &mut other, 8);
            assert_eq!(one, other);
        }
    }

    #[test]
    fn nothing_overflows_and_the_first_alone_is_flat() {
        for (extreme, step) in [(-(1 << 14), 1), (1 << 14, 1), (i16::MIN, -1), (i16::MAX, 255)] {
            let values = std::array::from_fn(|at| if at % 3 == 0 { extreme } else { !extreme });
            for side in [1, 2, 4, 8] {
                write(&values, &[step; 64], 63, side, &mut [0; 64], 8);
                let mut out = [0; 64];
                let flat = std::array::from_fn(|at| if at == 0 { 80 } else { 0 });
                for last in [0, 63] {
                    write(&flat, &[1; 64], last, side, &mut out, 8);
                    let rows = out.chunks(8).take(side);
                    assert!(rows.flat_map(|row| &row[..side]).all(|sample| *sample == 138));
                }
            }
        }
    }
}
