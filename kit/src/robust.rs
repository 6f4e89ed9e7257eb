//! Robust statistics: location and spread that a minority of wrong readings
//! cannot move, and how surprising a deviation is when the spread itself was
//! only estimated.
//!
//! Every function skips values that are not finite and returns `None` rather
//! than NaN where nothing finite is left.

use alloc::vec::Vec;

/// Makes the median absolute deviation of a normal distribution equal to its
/// standard deviation: 1 / Φ⁻¹(3/4).
pub const MAD_TO_SIGMA: f64 = 1.482_602_218_505_602;

/// Makes the mean absolute deviation of a normal distribution equal to its
/// standard deviation: √(π/2).
pub const MEAN_DEVIATION_TO_SIGMA: f64 = 1.253_314_137_315_500_3;

/// Makes the 80th percentile of the absolute deviations of a normal
/// distribution equal to its standard deviation: 1 / Φ⁻¹(0.9).
const P80_TO_SIGMA: f64 = 0.780_304_146_072_379_5;

/// Gaussian efficiency of the median absolute deviation: how many exact
/// observations one absolute deviation is worth (Rousseeuw & Croux,
/// *Alternatives to the Median Absolute Deviation*, JASA 88, 1993).
const MAD_EFFICIENCY: f64 = 0.37;

/// Median of the finite values, in O(n); the slice is reordered.
pub fn median_in_place(values: &mut [f64]) -> Option<f64> {
    let mut finite = 0;
    for index in 0..values.len() {
        if values[index].is_finite() {
            values.swap(index, finite);
            finite += 1;
        }
    }
    let values = &mut values[..finite];
    if values.is_empty() {
        return None;
    }
    let middle = values.len() / 2;
    let odd = values.len() % 2 == 1;
    let (below, &mut upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    if odd {
        return Some(upper);
    }
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // Half the distance first: the sum of two large values would overflow.
    Some(lower + (upper / 2.0 - lower / 2.0))
}

/// Median of the finite values.
pub fn median(values: &[f64]) -> Option<f64> {
    median_in_place(&mut values.to_vec())
}

/// The value of rank `ceil(share × n)` (1-based) among the finite values;
/// the slice is reordered. `share` is clamped to [0, 1].
pub fn quantile_in_place(values: &mut Vec<f64>, share: f64) -> Option<f64> {
    values.retain(|value| value.is_finite());
    if values.is_empty() {
        return None;
    }
    let rank = libm::ceil(share.clamp(0.0, 1.0) * values.len() as f64) as usize;
    let index = rank.clamp(1, values.len()) - 1;
    Some(*values.select_nth_unstable_by(index, f64::total_cmp).1)
}

/// Robust estimate of the standard deviation of `deviations` around zero.
///
/// The larger of the scaled median and the scaled 80th percentile of the
/// absolute deviations. The median alone (the MAD) calls a tenth of a
/// heavy-tailed but healthy series anomalous; the percentile sees those tails
/// and still stands up to a fifth of wrong readings.
///
/// Deviations up to `rounding` are the noise of the subtraction that produced
/// them and count as zero. `Some(0.0)` means that at least four in five are
/// zero, `None` that there are none.
pub fn spread(deviations: &[f64], rounding: f64) -> Option<f64> {
    let mut sizes: Vec<f64> = deviations
        .iter()
        .filter(|value| value.is_finite())
        .map(|value| if value.abs() > rounding { value.abs() } else { 0.0 })
        .collect();
    let count = sizes.len() as f64;
    let middle = median_in_place(&mut sizes)?;
    // The MAD of a small sample is too small on average; n / (n - 0.8) is the
    // correction of Croux & Rousseeuw (COMPSTAT 1992).
    let correction = if count > 1.0 { count / (count - 0.8) } else { 1.0 };
    let tail = quantile_in_place(&mut sizes, 0.8)?;
    Some((middle * MAD_TO_SIGMA * correction).max(tail * P80_TO_SIGMA))
}

/// Line through `values` (at x = 0, 1, 2, …) whose slope is the median of all
/// pairwise slopes and whose intercept is the median of what remains: Theil
/// (1950), Sen (JASA 63, 1968). Withstands 29 % wrong values.
///
/// Returns `(slope, intercept)`. O(n²): meant for short windows.
pub fn theil_sen(values: &[f64]) -> Option<(f64, f64)> {
    let mut slopes = Vec::with_capacity(values.len() * values.len().saturating_sub(1) / 2);
    for (left, from) in values.iter().enumerate() {
        for (right, to) in values.iter().enumerate().skip(left + 1) {
            slopes.push((to - from) / (right - left) as f64);
        }
    }
    let slope = median_in_place(&mut slopes)?;
    let mut remains: Vec<f64> =
        values.iter().enumerate().map(|(x, value)| value - slope * x as f64).collect();
    Some((slope, median_in_place(&mut remains)?))
}

/// How many degrees of freedom a [`spread`] of `count` deviations is worth:
/// what its efficiency leaves of them, and one to begin with. In the terms of
/// [`crate::anomaly`], fifty sigmas so warn after four readings, and are
/// critical after twenty-five.
pub fn degrees_of_freedom(count: usize) -> f64 {
    1.0 + MAD_EFFICIENCY * count as f64
}

/// The normal deviate as improbable as Student's `t` with `degrees` of
/// freedom: Wallace (Annals of Mathematical Statistics 30, 1959). At the 5 % point it is
/// 6 % low for one degree of freedom, 2 % for two and exact to 0.5 % from five.
///
/// A deviation of ten estimated sigmas means little when sigma was estimated
/// from three readings, and much when it was estimated from three hundred.
pub fn normal_deviate(t: f64, degrees: f64) -> f64 {
    let size = t.abs();
    let inner = if size > 1e100 {
        // t² would overflow; ln(1 + t²/d) = 2 ln t - ln d to all digits here.
        2.0 * libm::log(size) - libm::log(degrees)
    } else {
        libm::log1p(size * size / degrees)
    };
    libm::sqrt(degrees * inner) * (8.0 * degrees + 1.0) / (8.0 * degrees + 3.0)
}

/// Inverse of [`normal_deviate`]: Student's t as improbable as the normal
/// deviate `z`. Never above 1e6, so that no interval overflows.
pub fn student_t(z: f64, degrees: f64) -> f64 {
    let scaled = z * (8.0 * degrees + 3.0) / (8.0 * degrees + 1.0);
    let t = libm::sqrt(degrees * libm::expm1((scaled * scaled / degrees).min(600.0)));
    t.min(1e6)
}

/// Half width, in standard deviations, of the interval around the mean that
/// holds `share` of a normal distribution. Abramowitz & Stegun (1964), formula
/// 26.2.23, absolute error below 4.5e-4. `share` is clamped to [0, 0.9999].
pub fn normal_half_width(share: f64) -> f64 {
    let tail = (1.0 - share.clamp(0.0, 0.9999)) / 2.0;
    let t = libm::sqrt(-2.0 * libm::log(tail));
    let above = 2.515_517 + t * (0.802_853 + t * 0.010_328);
    let below = 1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308));
    (t - above / below).max(0.0)
}

/// Share of a normal distribution that lies above the mean by more than `z` standard
/// deviations: the Q-function, to full precision far into the tail. Exactly 0 from 39 on.
pub fn normal_tail(z: f64) -> f64 {
    0.5 * libm::erfc(z * core::f64::consts::FRAC_1_SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, want: f64, error: f64) {
        assert!((got - want).abs() <= error, "got {got}, want {want} ± {error}");
    }

    #[test]
    fn nothing_finite_gives_nothing() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[f64::NAN, f64::INFINITY]), None);
        assert_eq!(spread(&[f64::NAN], 0.0), None);
        assert_eq!(theil_sen(&[1.0]), None);
        assert_eq!(theil_sen(&[1.0, f64::NAN]), None);
        assert_eq!(quantile_in_place(&mut Vec::new(), 0.5), None);
    }

    #[test]
    fn median_skips_what_is_not_finite() {
        for (input, expected) in [
            (&[3.0][..], 3.0),
            (&[3.0, 1.0][..], 2.0),
            (&[f64::NAN, 5.0, 1.0, f64::NEG_INFINITY, 3.0][..], 3.0),
            (&[f64::MAX, f64::MAX][..], f64::MAX),
            (&[-f64::MAX, f64::MAX][..], 0.0),
        ] {
            assert_eq!(median(input), Some(expected), "{input:?}");
        }
    }

    #[test]
    fn quantile_is_the_value_at_the_rank() {
        let values = [5.0, 1.0, 4.0, 2.0, 3.0];
        for (share, expected) in [(-1.0, 1.0), (0.2, 1.0), (0.21, 2.0), (0.8, 4.0), (7.0, 5.0)] {
            assert_eq!(quantile_in_place(&mut values.to_vec(), share), Some(expected), "{share}");
        }
    }

    #[test]
    fn spread_is_not_moved_by_a_few_wild_values() {
        let mut deviations: Vec<f64> = (-50..=50).map(|x| f64::from(x) / 10.0).collect();
        let healthy = spread(&deviations, 0.0).unwrap();
        for index in 0..15 {
            deviations[index * 6] = 1e12;
        }
        assert!(spread(&deviations, 0.0).unwrap() < 2.0 * healthy);
    }

    #[test]
    fn spread_vanishes_when_nearly_all_deviations_do() {
        assert_eq!(spread(&[1e-13; 9], 1e-12), Some(0.0));
        let mut deviations = [0.0; 20];
        deviations[..4].fill(1e9);
        assert_eq!(spread(&deviations, 0.0), Some(0.0));
        deviations[4] = 1e9;
        assert!(spread(&deviations, 0.0) > Some(1e8));
    }

    #[test]
    fn theil_sen_ignores_a_wild_point() {
        let (slope, intercept) = theil_sen(&[1.0, 3.0, 500.0, 7.0, 9.0, 11.0, 13.0]).unwrap();
        close(slope, 2.0, 1e-12);
        close(intercept, 1.0, 1e-12);
    }

    #[test]
    fn deviates_agree_with_the_tables_of_student() {
        // Two-sided 5 % points of t; the normal one is 1.960.
        for (degrees, t, error) in
            [(1.0, 12.706, 0.12), (2.0, 4.303, 0.04), (5.0, 2.571, 0.01), (30.0, 2.042, 0.001)]
        {
            close(normal_deviate(t, degrees), 1.960, error);
            let inverse = normal_deviate(student_t(1.960, degrees), degrees);
            close(inverse, 1.960, 1e-9);
        }
        assert_eq!(normal_deviate(0.0, 4.0), 0.0);
        assert!(normal_deviate(1e300, 3.0).is_finite());
        assert_eq!(normal_deviate(f64::INFINITY, 3.0), f64::INFINITY);
        close(normal_deviate(1e100, 3.0), normal_deviate(1.000_001e100, 3.0), 1e-3);
    }

    #[test]
    fn half_widths_agree_with_the_normal_table() {
        for (share, z) in [(0.0, 0.0), (0.5, 0.674_5), (0.9, 1.644_9), (0.99, 2.575_8)] {
            close(normal_half_width(share), z, 5e-4);
        }
    }
}
