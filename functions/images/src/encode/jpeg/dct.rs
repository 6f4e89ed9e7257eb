//! The cosine transform (T.81 §A.3.3), factored as by Arai, Agui and Nakajima (1988): five
//! multiplications for eight samples, and factors that are left to quantization ([`SCALE`]).

use super::SIDE;

/// Numbers that are computed with alike, which the compiler puts into vectors.
type Lanes = [f32; SIDE];

/// What a coefficient is too large by, across times down times 8: 1, then √2 cos(k π/16).
pub(super) const SCALE: [f32; SIDE] =
    [1.0, 1.387_039_8, 1.306_563, 1.175_875_6, 1.0, 0.785_694_96, 0.541_196_1, 0.275_899_38];

#[inline(always)]
fn plus(a: Lanes, b: Lanes) -> Lanes {
    std::array::from_fn(|lane| a[lane] + b[lane])
}

#[inline(always)]
fn minus(a: Lanes, b: Lanes) -> Lanes {
    std::array::from_fn(|lane| a[lane] - b[lane])
}

#[inline(always)]
fn times(a: Lanes, factor: f32) -> Lanes {
    a.map(|a| a * factor)
}

/// The transform along the first index.
#[inline(always)]
fn of_eight([a, b, c, d, e, f, g, h]: [Lanes; SIDE]) -> [Lanes; SIDE] {
    // cos(π/4), and the rotation by 3π/8.
    const HALF: f32 = 0.707_106_77;
    const TURN: [f32; 3] = [0.382_683_43, 0.541_196_1, 1.306_563];
    let even = [plus(a, h), plus(b, g), plus(c, f), plus(d, e)];
    let odd = [minus(d, e), minus(c, f), minus(b, g), minus(a, h)];
    let (outer, inner) = (plus(even[0], even[3]), plus(even[1], even[2]));
    let (falling, bent) = (minus(even[0], even[3]), minus(even[1], even[2]));
    let turned = times(plus(bent, falling), HALF);
    let (low, middle, high) = (plus(odd[0], odd[1]), plus(odd[1], odd[2]), plus(odd[2], odd[3]));
    let both = times(minus(low, high), TURN[0]);
    let (low, high) = (plus(times(low, TURN[1]), both), plus(times(high, TURN[2]), both));
    let middle = times(middle, HALF);
    let (above, below) = (plus(odd[3], middle), minus(odd[3], middle));
    [
        plus(outer, inner),
        plus(above, high),
        plus(falling, turned),
        minus(below, low),
        minus(outer, inner),
        plus(below, low),
        minus(falling, turned),
        minus(above, high),
    ]
}

#[inline(always)]
fn transposed(rows: [Lanes; SIDE]) -> [Lanes; SIDE] {
    std::array::from_fn(|x| std::array::from_fn(|y| rows[y][x]))
}

/// The coefficients of a block, column by column: the first index is the frequency across.
#[inline(always)]
pub(super) fn transform(rows: [Lanes; SIDE]) -> [Lanes; SIDE] {
    of_eight(transposed(of_eight(rows)))
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
            let got = transform(samples.map(|row| row.map(|sample| sample as f32)));
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
