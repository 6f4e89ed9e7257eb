//! Local regression: a smooth curve through equally spaced values (Cleveland, JASA 74, 1979).

use alloc::vec;
use alloc::vec::Vec;

/// The value at place `at` of a line through the `window` nearest of `values`, by tricube
/// weights. `at` may lie outside of them; a window that is wider than they are reaches
/// further, as in STL. `flat` fits a constant instead of a line.
pub(super) fn at(values: &[f64], at: f64, window: usize, flat: bool) -> f64 {
    let count = values.len();
    if count < 2 {
        return values.first().copied().unwrap_or(0.0);
    }
    let width = window.clamp(2, count);
    let last = (count - width) as f64;
    let left = libm::round(at - (width as f64 - 1.0) / 2.0).max(0.0).min(last) as usize;
    let right = left + width - 1;
    let reach = (at - left as f64).abs().max((right as f64 - at).abs());
    let reach = (reach + (window.saturating_sub(count) / 2) as f64).max(1.0);
    let (mut sum, mut mean_x, mut mean_y) = (0.0, 0.0, 0.0);
    let weight = |index: usize| {
        let share = (index as f64 - at).abs() / reach;
        if share >= 0.999 {
            return 0.0;
        }
        let rest = 1.0 - share * share * share;
        rest * rest * rest
    };
    for (index, value) in values.iter().enumerate().take(right + 1).skip(left) {
        let weight = weight(index);
        sum += weight;
        mean_x += weight * index as f64;
        mean_y += weight * value;
    }
    if sum <= 0.0 {
        return values[libm::round(at).max(0.0).min((count - 1) as f64) as usize];
    }
    (mean_x, mean_y) = (mean_x / sum, mean_y / sum);
    if flat {
        return mean_y;
    }
    let (mut spread, mut both) = (0.0, 0.0);
    for (index, value) in values.iter().enumerate().take(right + 1).skip(left) {
        let (weight, x) = (weight(index), index as f64 - mean_x);
        spread += weight * x * x;
        both += weight * x * (value - mean_y);
    }
    // All weight on one place gives no slope.
    let slope = if spread > 1e-6 * sum { both / spread } else { 0.0 };
    mean_y + slope * (at - mean_x)
}

/// The curve at each place of `values`. It is fitted at every tenth of a window, and
/// straight in between, as in the program of STL: the work is so bounded by ten passes.
pub(super) fn smooth(values: &[f64], window: usize) -> Vec<f64> {
    let count = values.len();
    let jump = (window.min(count) / 10).max(1);
    let mut curve = vec![0.0; count];
    let mut before = 0;
    if count > 0 {
        curve[0] = at(values, 0.0, window, false);
    }
    while before + 1 < count {
        let next = (before + jump).min(count - 1);
        curve[next] = at(values, next as f64, window, false);
        let slope = (curve[next] - curve[before]) / (next - before) as f64;
        for index in before + 1..next {
            curve[index] = curve[before] + slope * (index - before) as f64;
        }
        before = next;
    }
    curve
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_a_line() {
        let line: Vec<f64> = (0..50).map(|x| 3.0 - 0.5 * f64::from(x)).collect();
        for window in [2, 3, 7, 21, 500] {
            for (got, want) in smooth(&line, window).iter().zip(&line) {
                assert!((got - want).abs() < 1e-9, "{window}: {got} {want}");
            }
            assert!((at(&line, 50.0, window.max(3), false) + 22.0).abs() < 1e-9, "{window}");
        }
    }

    #[test]
    fn noise_is_averaged_and_a_curve_is_followed() {
        let noisy: Vec<f64> =
            (0..200).map(|x| libm::sin(f64::from(x) / 30.0) + f64::from(x % 2) - 0.5).collect();
        for (index, got) in smooth(&noisy, 31).iter().enumerate().skip(10).take(180) {
            let want = libm::sin(index as f64 / 30.0);
            assert!((got - want).abs() < 0.1, "{index}: {got} {want}");
        }
        assert!((at(&noisy, 100.0, 31, true) - libm::sin(100.0 / 30.0)).abs() < 0.15);
    }

    #[test]
    fn little_is_enough() {
        assert!(smooth(&[], 7).is_empty());
        assert_eq!(smooth(&[4.0], 7), [4.0]);
        assert_eq!(at(&[], 3.0, 0, false), 0.0);
        assert!(smooth(&[1.0, 2.0], 0).iter().all(|value| value.is_finite()));
    }
}
