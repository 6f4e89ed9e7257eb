//! The inverse cosine transform (T.81 §A.3.3), in whole numbers: of all coefficients, or of
//! the lowest only, which gives a smaller picture without decoding the larger one. The
//! factorization is Loeffler's, Ligtenberg's and Moschytz's (ICASSP 1989).

/// Binary digits behind the point of factors.
const FACTOR: u32 = 13;
/// And of what is between the passes.
const BETWEEN: u32 = 2;

/// A factor as a fixed-point number.
const fn fixed(factor: f64) -> i32 {
    (factor * (1 << FACTOR) as f64 + 0.5) as i32
}

/// Writes the samples of a block as `side × side` into rows that are `stride` apart.
/// `last` is the place of the last coefficient that is not 0, in the order of the file.
#[inline(always)]
pub(super) fn write(values: &[i32; 64], last: usize, side: usize, out: &mut [u8], stride: usize) {
    match side {
        _ if last == 0 => {
            let sample = sample(values[0], 3);
            for row in out.chunks_mut(stride).take(side) {
                row[..side].fill(sample);
            }
        }
        1 => out[0] = sample(values[0], 3),
        2 => two(values, out, stride),
        4 => four(values, out, stride),
        _ => eight(values, out, stride),
    }
}

/// A value with `digits` behind the point as a sample around 128.
#[inline(always)]
fn sample(value: i32, digits: u32) -> u8 {
    (((value + (1 << (digits - 1))) >> digits) + 128).clamp(0, 255) as u8
}

fn two(values: &[i32; 64], out: &mut [u8], stride: usize) {
    let [low, right, below, both] = [values[0], values[1], values[8], values[9]];
    out[0] = sample(low + right + below + both, 3);
    out[1] = sample(low - right + below - both, 3);
    out[stride] = sample(low + right - below - both, 3);
    out[stride + 1] = sample(low - right - below + both, 3);
}

/// Numbers that are computed with alike, which the compiler puts into vectors.
type Lanes<const N: usize> = [i32; N];

#[inline(always)]
fn each<const N: usize>(a: Lanes<N>, b: Lanes<N>, f: impl Fn(i32, i32) -> i32) -> Lanes<N> {
    std::array::from_fn(|lane| f(a[lane], b[lane]))
}

#[inline(always)]
fn plus<const N: usize>(a: Lanes<N>, b: Lanes<N>) -> Lanes<N> {
    each(a, b, i32::wrapping_add)
}

#[inline(always)]
fn minus<const N: usize>(a: Lanes<N>, b: Lanes<N>) -> Lanes<N> {
    each(a, b, i32::wrapping_sub)
}

#[inline(always)]
fn times<const N: usize>(a: Lanes<N>, factor: i32) -> Lanes<N> {
    a.map(|a| a.wrapping_mul(factor))
}

#[inline(always)]
fn scaled<const N: usize>(a: Lanes<N>) -> Lanes<N> {
    a.map(|a| a.wrapping_shl(FACTOR))
}

/// Rounds, and leaves out `digits` behind the point.
#[inline(always)]
fn rounded<const N: usize>(a: Lanes<N>, digits: u32) -> Lanes<N> {
    a.map(|a| a.wrapping_add(1 << (digits - 1)) >> digits)
}

#[inline(always)]
fn transposed<const N: usize>(rows: [Lanes<N>; N]) -> [Lanes<N>; N] {
    std::array::from_fn(|x| std::array::from_fn(|y| rows[y][x]))
}

/// The transform of four along the first index, with [`FACTOR`] digits more.
#[inline(always)]
fn of_four<const N: usize>([a, b, c, d]: [Lanes<N>; 4]) -> [Lanes<N>; 4] {
    let (outer, inner) = (scaled(plus(a, c)), scaled(minus(a, c)));
    let both = times(plus(b, d), fixed(0.541_196_1));
    let first = plus(both, times(b, fixed(0.765_366_865)));
    let second = minus(both, times(d, fixed(1.847_759_065)));
    [plus(outer, first), plus(inner, second), minus(inner, second), minus(outer, first)]
}

#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn four(values: &[i32; 64], out: &mut [u8], stride: usize) {
    let rows = std::array::from_fn(|y| std::array::from_fn(|x| values[8 * y + x]));
    let columns = transposed(of_four(rows).map(|row| rounded(row, FACTOR - BETWEEN)));
    let rows = transposed(of_four(columns));
    for (row, out) in rows.iter().zip(out.chunks_mut(stride)) {
        out[..4].copy_from_slice(&row.map(|value| sample(value, FACTOR + BETWEEN + 3)));
    }
}

/// The transform of eight, as above.
#[inline(always)]
fn of_eight<const N: usize>([a, b, c, d, e, f, g, h]: [Lanes<N>; 8]) -> [Lanes<N>; 8] {
    // The even part is that of four.
    let [even0, even1, even2, even3] = of_four([a, c, e, g]);
    let (bh, df, bf, dh) = (plus(h, b), plus(f, d), plus(f, b), plus(h, d));
    let all = times(plus(dh, bf), fixed(1.175_875_602));
    let outer = times(bh, -fixed(0.899_976_223));
    let inner = times(df, -fixed(2.562_915_447));
    let upper = plus(times(dh, -fixed(1.961_570_56)), all);
    let lower = plus(times(bf, -fixed(0.390_180_644)), all);
    let odd0 = plus(times(b, fixed(1.501_321_11)), plus(outer, lower));
    let odd1 = plus(times(d, fixed(3.072_711_026)), plus(inner, upper));
    let odd2 = plus(times(f, fixed(2.053_119_869)), plus(inner, lower));
    let odd3 = plus(times(h, fixed(0.298_631_336)), plus(outer, upper));
    [
        plus(even0, odd0),
        plus(even1, odd1),
        plus(even2, odd2),
        plus(even3, odd3),
        minus(even3, odd3),
        minus(even2, odd2),
        minus(even1, odd1),
        minus(even0, odd0),
    ]
}

#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn eight(values: &[i32; 64], out: &mut [u8], stride: usize) {
    let rows = std::array::from_fn(|y| std::array::from_fn(|x| values[8 * y + x]));
    let columns = transposed(of_eight(rows).map(|row| rounded(row, FACTOR - BETWEEN)));
    let rows = transposed(of_eight(columns));
    for (row, out) in rows.iter().zip(out.chunks_mut(stride)) {
        out[..8].copy_from_slice(&row.map(|value| sample(value, FACTOR + BETWEEN + 3)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the formula; of the lowest `side × side` coefficients.
    fn by_formula(values: &[i32; 64], side: usize) -> Vec<u8> {
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
        let mut next = |range: i32| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) as i32 % (2 * range + 1) - range
        };
        for count in [1, 2, 5, 20, 64] {
            for _ in 0..50 {
                let mut values = [0; 64];
                for _ in 0..count {
                    let at = next(31) + 32;
                    values[at as usize % 64] = next(200);
                }
                values[0] = next(900);
                for side in [1, 2, 4, 8] {
                    let mut out = vec![7; side * 20];
                    write(&values, 63, side, &mut out, 20);
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
    fn nothing_overflows_and_the_first_alone_is_flat() {
        for extreme in [-(1 << 14), 1 << 14] {
            let values = std::array::from_fn(|at| if at % 3 == 0 { extreme } else { -extreme });
            for side in [1, 2, 4, 8] {
                write(&values, 63, side, &mut [0; 64], 8);
                let mut out = [0; 64];
                write(
                    &std::array::from_fn(|at| if at == 0 { 80 } else { 0 }),
                    0,
                    side,
                    &mut out,
                    8,
                );
                assert!(out.chunks(8).take(side).all(|row| row[..side].iter().all(|s| *s == 138)));
            }
        }
    }
}
