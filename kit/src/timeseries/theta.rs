//! The Theta method: Assimakopoulos & Nikolopoulos (*The theta model: a decomposition approach
//! to forecasting*, International Journal of Forecasting 16, 2000).

use super::ets;
use super::minimize::{self, Space};
use alloc::vec::Vec;

/// The standard method, for values without a cycle: exponential smoothing with a drift of half
/// the slope of the line through all values (Hyndman & Billah, *Unmasking the Theta method*,
/// International Journal of Forecasting 19, 2003).
pub(super) fn standard(values: &[f64], horizon: usize) -> Option<Vec<f64>> {
    let fit = ets::Fit::new(ets::LEVEL, values, 1)?;
    let (alpha, count) = (fit.alpha(), values.len() as f64);
    let drift = slope(values) / 2.0;
    let behind = (1.0 - libm::pow(1.0 - alpha, count)) / alpha;
    let level = fit.forecast(horizon);
    Some(
        level
            .iter()
            .enumerate()
            .map(|(step, level)| level + drift * (step as f64 + behind))
            .collect(),
    )
}

/// Slope of the least squares' line; 0 of less than two values.
pub(super) fn slope(values: &[f64]) -> f64 {
    let middle = (values.len() as f64 - 1.0) / 2.0;
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    let (mut both, mut spread) = (0.0, 0.0);
    for (index, value) in values.iter().enumerate() {
        let x = index as f64 - middle;
        both += x * (value - mean);
        spread += x * x;
    }
    if spread > 0.0 { both / spread } else { 0.0 }
}

/// The dynamic optimized method: θ is estimated, too, and the line is that through the values
/// so far (Fiorucci, Pellegrini, Louzada, Petropoulos & Koehler, *Models for optimising the
/// theta method and their relationship to state space models*, International Journal of
/// Forecasting 32, 2016).
pub(super) fn optimized(values: &[f64], horizon: usize) -> Option<Vec<f64>> {
    if values.len() < 4 {
        return standard(values, horizon);
    }
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let room = high - low;
    let mut space = Space::default();
    space.add(0.1, 0.99);
    space.add(1.0, 10.0);
    space.add(values[0] - room, values[0] + room);
    let mut first = [0.0; minimize::DIMENSIONS];
    first[..3].copy_from_slice(&[0.5, 2.0, values[0]]);
    let found = minimize::minimize(&space, first, 200, |point| {
        let mut state = Dynamic::new(point[0], point[1], point[2]);
        // The first values tell the line and are not judged, as in the paper's program.
        values.iter().enumerate().fold(0.0, |sum, (index, value)| {
            let error = value - state.expected();
            state.take(*value);
            if index < 3 { sum } else { sum + error * error }
        })
    });
    let mut state = Dynamic::new(found.point[0], found.point[1], found.point[2]);
    values.iter().for_each(|value| state.take(*value));
    let forecast = (0..horizon).map(|_| {
        let expected = state.expected();
        state.take(expected);
        expected
    });
    Some(forecast.collect())
}

/// The state of the dynamic method.
struct Dynamic {
    alpha: f64,
    theta: f64,
    level: f64,
    mean: f64,
    /// The line through the values so far: where it begins, and its slope.
    origin: f64,
    slope: f64,
    /// Values so far.
    count: f64,
    /// `(1 − α)` to the power of that.
    fading: f64,
}

impl Dynamic {
    fn new(alpha: f64, theta: f64, level: f64) -> Self {
        let (mean, origin, slope) = (0.0, 0.0, 0.0);
        Dynamic { alpha, theta, level, mean, origin, slope, count: 0.0, fading: 1.0 }
    }

    fn expected(&self) -> f64 {
        let ahead = (1.0 - self.fading * (1.0 - self.alpha)) / self.alpha;
        let line = self.fading * self.origin + ahead * self.slope;
        self.level + (1.0 - 1.0 / self.theta) * line
    }

    fn take(&mut self, value: f64) {
        let before = self.count;
        self.count += 1.0;
        self.level += self.alpha * (value - self.level);
        self.fading *= 1.0 - self.alpha;
        if before > 0.0 {
            let turn = 6.0 * (value - self.mean) / self.count;
            self.slope = ((before - 1.0) * self.slope + turn) / (self.count + 1.0);
        }
        self.mean += (value - self.mean) / self.count;
        self.origin = self.mean - (self.count + 1.0) / 2.0 * self.slope;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gives_nothing_and_one_value_goes_on() {
        assert_eq!(standard(&[], 3), None);
        assert_eq!(optimized(&[], 3), None);
        for forecast in [standard(&[5.0], 3), optimized(&[5.0, 5.0], 3)] {
            let forecast = forecast.expect("a forecast");
            assert!(forecast.iter().all(|value| (value - 5.0).abs() < 1e-9), "{forecast:?}");
        }
    }

    #[test]
    fn the_standard_method_goes_on_with_half_the_slope() {
        let line: Vec<f64> = (0..60).map(|x| 2.0 + 0.5 * f64::from(x)).collect();
        let forecast = standard(&line, 20).expect("a forecast");
        let step = forecast[19] - forecast[18];
        assert!((step - 0.25).abs() < 1e-9, "{step}");
        assert!((forecast[0] - 31.75).abs() < 0.3, "{}", forecast[0]);
        assert!((slope(&line) - 0.5).abs() < 1e-12);
        assert_eq!(slope(&[1.0]), 0.0);
    }

    #[test]
    fn the_line_so_far_is_that_of_least_squares() {
        let values: Vec<f64> =
            (0..30).map(|x| f64::from((x * x * 31) % 17) + f64::from(x)).collect();
        let mut state = Dynamic::new(0.3, 2.0, values[0]);
        for (index, value) in values.iter().enumerate() {
            state.take(*value);
            assert!((state.slope - slope(&values[..=index])).abs() < 1e-9, "{index}");
        }
    }

    #[test]
    fn the_optimized_method_follows_a_line_further() {
        let line: Vec<f64> = (0..60).map(|x| 2.0 + 0.5 * f64::from(x)).collect();
        let forecast = optimized(&line, 20).expect("a forecast");
        for (step, got) in forecast.iter().enumerate() {
            // A θ of 10 at most leaves a tenth of the slope behind.
            let want = 32.0 + 0.5 * step as f64;
            assert!((got - want).abs() < 0.1 + 0.06 * step as f64, "step {step}: {got} {want}");
        }
        let flat = optimized(&[3.0; 40], 10).expect("a forecast");
        assert!(flat.iter().all(|value| (value - 3.0).abs() < 1e-6), "{flat:?}");
    }
}
