//! The sum of single-precision numbers.

/// Sums that are kept beside each other: enough that additions do not wait for each
/// other in vectors of two or four.
const LANES: usize = 16;

/// The sum of `values`, added in double precision and rounded once at the end.
///
/// **Accuracy.** With n values and u = 2⁻⁵³ the sum before it is rounded is at most
/// (n/16 + 5)·u·Σ|x| away from the true one, so that what comes out is nearly always the
/// number of single precision next to it: a loop in single precision may be (n − 1)·2⁻²⁴·Σ|x|
/// away. Nothing overflows on the way: `[MAX, MAX, -MAX]` is `MAX`. A sum that is too large
/// for single precision is infinite.
///
/// **Specials.** NaN anywhere, or both infinities, give NaN (always the same one, so that
/// its bits agree on all machines); one infinity gives itself. The sum of nothing, and of
/// negative zeros, is 0.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
pub fn sum(values: &[f32]) -> f32 {
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut lanes = [0f64; LANES];
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += f64::from(*value);
        }
    }
    for (lane, value) in lanes.iter_mut().zip(rest) {
        *lane += f64::from(*value);
    }
    let mut width = LANES / 2;
    while width > 0 {
        for at in 0..width {
            lanes[at] += lanes[at + width];
        }
        width /= 2;
    }
    let sum = lanes[0] as f32;
    if sum.is_nan() { f32::NAN } else { sum }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    #[test]
    fn specials_are_what_they_are() {
        let (inf, max) = (f32::INFINITY, f32::MAX);
        for (values, expected) in [
            (vec![], 0.0),
            (vec![-0.0, -0.0], 0.0),
            (vec![inf, 1.0], inf),
            (vec![1.0, -inf], -inf),
            (vec![max, max], inf),
            (vec![max, max, -max], max),
            (vec![f32::from_bits(1); 3], f32::from_bits(3)),
        ] {
            assert_eq!(sum(&values).to_bits(), f32::to_bits(expected), "{values:?}");
        }
        for (values, at) in [(vec![f32::NAN; 40], 0), (vec![inf, -inf], 0), (vec![1.0; 40], 33)] {
            let mut values = values;
            if values[at] == 1.0 {
                values[at] = f32::from_bits(0xFFC0_1234);
            }
            assert_eq!(sum(&values).to_bits(), f32::NAN.to_bits(), "{values:?}");
        }
    }

    #[test]
    fn large_numbers_do_not_swallow_small_ones() {
        // In single precision the ones are lost: 2²⁴ + 1 is 2²⁴.
        let mut values = vec![1.0f32; 1000];
        values[0] = 16_777_216.0;
        assert_eq!(sum(&values), 16_778_216.0 - 1.0);
        assert_ne!(values.iter().sum::<f32>(), sum(&values));
        // A tenth, a million times: the loop is off by 0.96 %.
        let tenths = vec![0.1f32; 1_000_000];
        assert_eq!(sum(&tenths), (f64::from(0.1f32) * 1e6) as f32);
        assert!((tenths.iter().sum::<f32>() - 100_000.0).abs() > 900.0);
    }

    proptest! {
        #[test]
        fn it_is_next_to_the_sum_in_double_precision(
            values in proptest::collection::vec(-1e30f32..1e30, 0..200),
        ) {
            let reference: f64 = values.iter().copied().map(f64::from).sum();
            let magnitude: f64 = values.iter().copied().map(f64::from).map(f64::abs).sum();
            let count = values.len() as f64;
            let bound = reference.abs() * 2f64.powi(-24) + 2.0 * count * magnitude * 2f64.powi(-53);
            prop_assert!((f64::from(sum(&values)) - reference).abs() <= bound);
        }

        #[test]
        fn whole_numbers_are_summed_without_error(
            values in proptest::collection::vec(-1000i16..1000, 0..200),
        ) {
            let exact: i32 = values.iter().copied().map(i32::from).sum();
            let floats: Vec<f32> = values.iter().copied().map(f32::from).collect();
            prop_assert_eq!(sum(&floats), exact as f32);
        }
    }
}
