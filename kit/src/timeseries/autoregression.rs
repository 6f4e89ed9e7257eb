//! Autoregression: the next value as a sum of shares of the last ones.
//!
//! Coefficients are Burg's (*Maximum Entropy Spectral Analysis*, 1975), which are stable
//! whatever the values are; the order is that of the least corrected information criterion.
//! Values whose level wanders are differenced first, which the test of Kwiatkowski, Phillips,
//! Schmidt & Shin (Journal of Econometrics 54, 1992) decides at its 5 % level.

use alloc::vec::Vec;

/// The highest order that is tried.
pub(super) const ORDER_MAX: usize = 24;
/// The 5 % point of the test for a level that stands still.
const WANDERS: f64 = 0.463;

/// What comes after `values`, which have no cycle. `None` if there are less than eight.
pub(super) fn forecast(values: &[f64], horizon: usize) -> Option<Vec<f64>> {
    if values.len() < 8 {
        return None;
    }
    if !wanders(values) {
        return Some(continued(values, mean(values), horizon));
    }
    let steps: Vec<f64> = values.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let drift = drift(&steps);
    let mut level = values[values.len() - 1];
    let steps = continued(&steps, drift, horizon);
    let sum = |step: &f64| {
        level += step;
        level
    };
    Some(steps.iter().map(sum).collect())
}

/// The mean of `steps` if it is clearly not zero: by its own error, which their
/// autocorrelation widens. Otherwise 0, for a drift by chance leads far away.
fn drift(steps: &[f64]) -> f64 {
    let drift = mean(steps);
    let variance = long_run_variance(steps, drift) / steps.len() as f64;
    if drift * drift > 2.0 * variance { drift } else { 0.0 }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// The variance of a mean, times the number of values: with Bartlett's weights, over
/// `4 (n / 100)^¼` lags.
fn long_run_variance(values: &[f64], mean: f64) -> f64 {
    let count = values.len();
    let lags = (4.0 * libm::pow(count as f64 / 100.0, 0.25)) as usize;
    let together = |lag: usize| {
        let pairs = values.iter().zip(&values[lag.min(count)..]);
        pairs.map(|(one, other)| (one - mean) * (other - mean)).sum::<f64>() / count.max(1) as f64
    };
    let weighted = |lag: usize| 2.0 * (1.0 - lag as f64 / (lags + 1) as f64) * together(lag);
    (together(0) + (1..=lags).map(weighted).sum::<f64>()).max(0.0)
}

/// Whether the level of values does not stand still.
fn wanders(values: &[f64]) -> bool {
    let (mean, count) = (mean(values), values.len() as f64);
    let variance = long_run_variance(values, mean);
    let mut sum = 0.0;
    let squares = values.iter().map(|value| {
        sum += value - mean;
        sum * sum
    });
    let squares = squares.sum::<f64>();
    variance > 0.0 && squares / (count * count * variance) > WANDERS
}

/// What comes after `values`, around `mean`.
fn continued(values: &[f64], mean: f64, horizon: usize) -> Vec<f64> {
    let centered: Vec<f64> = values.iter().map(|value| value - mean).collect();
    let coefficients = burg(&centered);
    let mut known = centered;
    let count = known.len();
    for _ in 0..horizon {
        let next =
            coefficients.iter().zip(known.iter().rev()).map(|(share, one)| share * one).sum();
        known.push(next);
    }
    known[count..].iter().map(|value| value + mean).collect()
}

/// The shares of the last value, of the one before, and so on.
fn burg(values: &[f64]) -> Vec<f64> {
    let count = values.len();
    let order_max =
        ORDER_MAX.min(count / 4).min(libm::ceil(10.0 * libm::log10(count as f64)) as usize);
    let mut variance = values.iter().map(|value| value * value).sum::<f64>() / count as f64;
    let (mut forward, mut backward) = (values.to_vec(), values.to_vec());
    let mut coefficients: Vec<f64> = Vec::new();
    let mut best = (criterion(variance, 0, count), Vec::new());
    for order in 1..=order_max {
        let (mut both, mut alone) = (0.0, 0.0);
        for index in order..count {
            let (ahead, behind) = (forward[index], backward[index - 1]);
            both += ahead * behind;
            alone += ahead * ahead + behind * behind;
        }
        // Nothing is left to explain, or only rounding.
        if alone <= f64::MIN_POSITIVE || variance <= f64::MIN_POSITIVE {
            break;
        }
        let reflection = (2.0 * both / alone).clamp(-0.999_999, 0.999_999);
        for index in (order..count).rev() {
            let (ahead, behind) = (forward[index], backward[index - 1]);
            forward[index] = ahead - reflection * behind;
            backward[index] = behind - reflection * ahead;
        }
        let reversed: Vec<f64> = coefficients.iter().rev().copied().collect();
        for (one, other) in coefficients.iter_mut().zip(reversed) {
            *one -= reflection * other;
        }
        coefficients.push(reflection);
        variance *= 1.0 - reflection * reflection;
        let criterion = criterion(variance, order, count);
        if criterion < best.0 {
            best = (criterion, coefficients.clone());
        }
    }
    best.1
}

fn criterion(variance: f64, order: usize, count: usize) -> f64 {
    let (freedoms, count) = (order as f64 + 2.0, count as f64);
    let correction = 2.0 * freedoms * (freedoms + 1.0) / (count - freedoms - 1.0).max(1.0);
    count * libm::log(variance.max(f64::MIN_POSITIVE)) + 2.0 * freedoms + correction
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::online::noise::Noise;

    #[test]
    fn little_and_constants_are_defined() {
        assert_eq!(forecast(&[1.0; 7], 3), None);
        assert_eq!(forecast(&[4.0; 30], 3), Some(alloc::vec![4.0; 3]));
        assert_eq!(forecast(&[0.0; 30], 2), Some(alloc::vec![0.0; 2]));
    }

    #[test]
    fn coefficients_are_found() {
        let mut noise = Noise::new(5);
        let mut values = alloc::vec![0.0, 0.0];
        for index in 2..2_000 {
            let next = 1.2 * values[index - 1] - 0.6 * values[index - 2] + noise.normal();
            values.push(next);
        }
        let found = burg(&values);
        assert!((found[0] - 1.2).abs() < 0.08 && (found[1] + 0.6).abs() < 0.08, "{found:?}");
        assert!(!wanders(&values));
        let ahead = forecast(&values, 500).expect("a forecast");
        assert!(ahead[499].abs() < 0.3, "it returns to the mean: {}", ahead[499]);
    }

    #[test]
    fn a_walk_wanders_and_goes_on_from_where_it_is() {
        let mut noise = Noise::new(9);
        let mut level = 0.0;
        let walk: Vec<f64> = (0..500)
            .map(|_| {
                level += noise.normal();
                level
            })
            .collect();
        assert!(wanders(&walk));
        let ahead = forecast(&walk, 10).expect("a forecast");
        assert!((ahead[9] - level).abs() < 5.0, "{} {level}", ahead[9]);
        let line: Vec<f64> = (0..50).map(|x| f64::from(x) + 0.1 * noise.normal()).collect();
        let ahead = forecast(&line, 10).expect("a forecast");
        assert!((ahead[9] - 59.0).abs() < 2.0, "{ahead:?}");
    }

    #[test]
    fn hostile_values_stay_finite() {
        let mut values = alloc::vec![1e-300; 40];
        values[20] = 1.0;
        values[21] = -1.0;
        assert!(forecast(&values, 200).is_some_and(|all| all.iter().all(|one| one.is_finite())));
    }
}
