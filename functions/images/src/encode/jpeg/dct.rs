//! The cosine transform (T.81 §A.3.3), factored as by Arai, Agui and Nakajima (1988): five
//! multiplications for eight samples, and factors that are left to quantization ([`SCALE`]).

use super::SIDE;
use crate::lanes::Floats;

/// What a coefficient is too large by, across times down times 8: 1, then √2 cos(k π/16).
pub(super) const SCALE: [f32; SIDE] =
    [1.0, 1.387_039_8, 1.306_563, 1.175_875_6, 1.0, 0.785_694_96, 0.541_196_1, 0.275_899_38];

/// A block of samples or coefficients.
pub(super) type Square = [[f32; SIDE]; SIDE];

/// The transform along the first index, of four lanes.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
#[inline]
fn of_eight([a, b, c, d, e, f, g, h]: [Floats; SIDE]) -> [Floats; SIDE] {
    // cos(π/4), and the rotation by 3π/8.
    const HALF: f32 = 0.707_106_77;
    const TURN: [f32; 3] = [0.382_683_43, 0.541_196_1, 1.306_563];
    let half = Floats::splat(HALF);
    let turn = TURN.map(Floats::splat);
    let even = [a.plus(h), b.plus(g), c.plus(f), d.plus(e)];
    let odd = [d.minus(e), c.minus(f), b.minus(g), a.minus(h)];
    let (outer, inner) = (even[0].plus(even[3]), even[1].plus(even[2]));
    let (falling, bent) = (even[0].minus(even[3]), even[1].minus(even[2]));
    let turned = bent.plus(falling).times(half);
    let (low, middle, high) = (odd[0].plus(odd[1]), odd[1].plus(odd[2]), odd[2].plus(odd[3]));
    let both = low.minus(high).times(turn[0]);
    let (low, high) = (low.times(turn[1]).plus(both), high.times(turn[2]).plus(both));
    let middle = middle.times(half);
    let (above, below) = (odd[3].plus(middle), odd[3].minus(middle));
    [
        outer.plus(inner),
        above.plus(high),
        falling.plus(turned),
        below.minus(low),
        outer.minus(inner),
        below.plus(low),
        falling.minus(turned),
        above.minus(high),
    ]
}

/// Four lanes of rows, from a half on.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
#[inline]
fn half(rows: [&[f32; SIDE]; SIDE], half: usize) -> [Floats; SIDE] {
    rows.map(|row| Floats::load(&row.as_chunks::<4>().0[half]))
}

/// The transform along columns, turned on its diagonal. Apart from its callers, so that
/// what it works with lies in registers.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
#[inline(never)]
fn down(rows: [&[f32; SIDE]; SIDE], out: &mut Square) {
    for (at, out) in out.as_chunks_mut::<4>().0.iter_mut().enumerate() {
        let [a, b, c, d, e, f, g, h] = of_eight(half(rows, at));
        let (upper, lower) = (Floats::transposed([a, b, c, d]), Floats::transposed([e, f, g, h]));
        for ((upper, lower), out) in upper.into_iter().zip(lower).zip(out) {
            let [left, right] = out.as_chunks_mut::<4>().0 else { return };
            upper.store(left);
            lower.store(right);
        }
    }
}

/// The transform along columns.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
#[inline(never)]
fn across(columns: &Square, out: &mut Square) {
    for at in 0..2 {
        let rows = of_eight(half(columns.each_ref(), at));
        for (row, out) in rows.into_iter().zip(&mut *out) {
            row.store(&mut out.as_chunks_mut::<4>().0[at]);
        }
    }
}

/// The coefficients of a block, column by column: the first index is the frequency across.
#[inline(always)]
pub(super) fn transform(rows: [&[f32; SIDE]; SIDE], out: &mut Square) {
    let mut columns = [[0.0; SIDE]; SIDE];
    down(rows, &mut columns);
    across(&columns, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_agrees_with_the_formula() {
        let mut seed = 3u32;
        let mut next = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(seed >> 24) - 128.0
        };
        for _ in 0..50 {
            let samples: [[f64; 8]; 8] = std::array::from_fn(|_| std::array::from_fn(|_| next()));
            let rows = samples.map(|row| row.map(|sample| sample as f32));
            let mut got = [[0.0; 8]; 8];
            transform(rows.each_ref(), &mut got);
            let basis = |at: usize, frequency: usize| {
                let scale = if frequency == 0 { 0.5f64.sqrt() } else { 1.0 };
                let angle = (2 * at + 1) as f64 * frequency as f64 * std::f64::consts::PI;
                scale * (angle / 16.0).cos()
            };
            for (v, u) in (0..8).flat_map(|v| (0..8).map(move |u| (v, u))) {
                let mut sum = 0.0;
                for (y, row) in samples.iter().enumerate() {
                    for (x, sample) in row.iter().enumerate() {
                        sum += sample * basis(x, u) * basis(y, v);
                    }
                }
                let scaled = f64::from(got[u][v] / (8.0 * SCALE[u] * SCALE[v]));
                assert!((scaled - sum / 4.0).abs() < 0.001, "{u} {v}: {scaled} {}", sum / 4.0);
            }
        }
    }
}
