//! Sizes to bins and back.
//!
//! The number of a bin is a logarithm. An exact one would take longer than all else: a cubic
//! polynomial between the powers of two will do, as in the reference implementation of DDSketch,
//! at the price of 1 % more bins. It is chosen so that its slope is nowhere less than
//! 1/ln 2 · 0.99, so no bin is wider than the accuracy allows.

/// f(1 + s) − e for a size 2^e·(1 + s): it is 0 at 0 and 1 at 1, and grows between.
const CUBIC: [f64; 3] = [6.0 / 35.0, -3.0 / 5.0, 10.0 / 7.0];

/// d f / d ln x is nowhere smaller than at a power of two.
const SLOPE_MIN: f64 = 10.0 / 7.0;

const MANTISSA_BITS: u32 = 52;
const EXPONENT_BIAS: i64 = 1023;

/// Bins of which no two ends differ by more than a factor of (1 + α) / (1 − α).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Mapping {
    accuracy: f64,
    /// Bins for each power of two.
    multiplier: f64,
}

impl Mapping {
    pub(super) fn new(accuracy: f64) -> Self {
        let width = libm::log1p(accuracy) - libm::log1p(-accuracy);
        Mapping { accuracy, multiplier: 1.0 / (SLOPE_MIN * width) }
    }

    pub(super) fn accuracy(&self) -> f64 {
        self.accuracy
    }

    /// The bin of a size, which must be a positive normal number.
    pub(super) fn index(&self, size: f64) -> i32 {
        let bits = size.to_bits();
        let exponent = (bits >> MANTISSA_BITS) as i64 - EXPONENT_BIAS;
        let mantissa = bits & ((1 << MANTISSA_BITS) - 1);
        let fraction = mantissa as f64 / (1_u64 << MANTISSA_BITS) as f64;
        let scaled = (exponent as f64 + cubic(fraction)) * self.multiplier;
        // `floor` is a call where the processor has no instruction for it.
        let truncated = scaled as i32;
        truncated - i32::from(scaled < f64::from(truncated))
    }

    /// The smallest size of a bin, but for rounding.
    pub(super) fn lower(&self, index: i32) -> f64 {
        let scaled = f64::from(index) / self.multiplier;
        let exponent = libm::floor(scaled);
        let fraction = inverse(scaled - exponent);
        libm::scalbn(1.0 + fraction, (exponent as i32).clamp(-1100, 1100))
    }

    /// What stands for all sizes of a bin: at most α of each away from it.
    pub(super) fn value(&self, index: i32) -> f64 {
        // The upper end is at most (1 + α) / (1 − α) times the lower one.
        self.lower(index) * (1.0 + self.accuracy)
    }
}

fn cubic(fraction: f64) -> f64 {
    ((CUBIC[0] * fraction + CUBIC[1]) * fraction + CUBIC[2]) * fraction
}

/// What [`cubic`] makes `value` of, by Newton's method: the slope is between 0.74 and 1.43, so a
/// few steps are exact.
fn inverse(value: f64) -> f64 {
    let mut fraction = value;
    for _ in 0..8 {
        let slope = (3.0 * CUBIC[0] * fraction + 2.0 * CUBIC[1]) * fraction + CUBIC[2];
        fraction -= (cubic(fraction) - value) / slope;
    }
    fraction.clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_slope_is_nowhere_too_small() {
        for step in 0..=100_000 {
            let fraction = f64::from(step) / 1e5;
            let slope = (3.0 * CUBIC[0] * fraction + 2.0 * CUBIC[1]) * fraction + CUBIC[2];
            let by_logarithm = slope * (1.0 + fraction);
            assert!(by_logarithm >= SLOPE_MIN - 1e-12, "{fraction}: {by_logarithm}");
            assert!((inverse(cubic(fraction)) - fraction).abs() < 1e-14, "{fraction}");
        }
    }

    #[test]
    fn indexes_grow_with_sizes_over_the_whole_range() {
        for accuracy in [1e-4, 0.01, 0.5] {
            let mapping = Mapping::new(accuracy);
            let ends = [f64::MIN_POSITIVE, 1e-300, 0.999, 1.0, 1.999_999, 2.0, 1e300, f64::MAX];
            for pair in ends.windows(2) {
                assert!(mapping.index(pair[0]) <= mapping.index(pair[1]), "{pair:?}");
            }
            assert!(mapping.index(f64::MAX) < 4_000_000);
            assert!(mapping.index(f64::MIN_POSITIVE) > -4_000_000);
        }
    }

    proptest! {
        #[test]
        fn a_bin_stands_for_its_sizes(exponent in -300.0_f64..300.0, accuracy in 1e-4_f64..0.5) {
            let mapping = Mapping::new(accuracy);
            let size = libm::pow(10.0, exponent);
            let index = mapping.index(size);
            let told = mapping.value(index);
            prop_assert!((told - size).abs() <= accuracy * size * (1.0 + 1e-9), "{size}: {told}");
            prop_assert!(mapping.lower(index) <= size * (1.0 + 1e-12));
            prop_assert!(size <= mapping.lower(index + 1) * (1.0 + 1e-12));
        }
    }
}
