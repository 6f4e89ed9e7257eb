//! What the next readings should be: simple robust predictors, and how well
//! each would have done on the past.
//!
//! No predictor fits every series: a cold store is a constant, a river is a
//! trend, the air outside is a daily cycle. So each [`Model`] here is tried on
//! the recent past and the one with the smallest robust error is used. A wrong
//! guess of the period thus costs nothing: the seasonal model is then worse
//! than its rivals and is not taken.
//!
//! A series is a slice of `f64` at equal steps of time, oldest first, in which
//! a value that is not finite marks a *gap*: a reading that was lost. Gaps keep
//! their place (or the cycle would shift) and are otherwise ignored.

use alloc::vec::Vec;

use crate::robust;

/// A predictor of readings to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// Median of the last [`WINDOW`] readings.
    Median,
    /// Median of the last `window` readings: a level that moves.
    Level {
        /// How many readings the level is taken from.
        window: usize,
    },
    /// Theil–Sen line through the last `window` readings, extended.
    Line {
        /// How many readings the line is taken through.
        window: usize,
    },
    /// Holt's linear method with a damped trend (Gardner & McKenzie,
    /// Management Science 31, 1985), its errors clipped before they update the
    /// state (Gelper, Fried & Croux, *Robust Forecasting with Exponential and
    /// Holt–Winters Smoothing*, J. Forecasting 29, 2010).
    DampedTrend,
    /// The reading one cycle ago plus how far this cycle has run above that
    /// one lately; the median over up to [`CYCLES`] earlier cycles.
    Seasonal {
        /// Readings per cycle; at least 2.
        period: usize,
    },
}

/// How many of the latest readings [`Model::Median`] looks at.
pub const WINDOW: usize = 512;
/// How many earlier cycles [`Model::Seasonal`] compares with.
pub const CYCLES: usize = 5;
/// How many readings the offset between two cycles is taken from.
const OFFSET_WINDOW: usize = 5;
/// How many readings [`Model::DampedTrend`] starts from.
const TREND_WINDOW: usize = 40;
/// Smoothing of level and trend, and how much of the trend survives a step.
const LEVEL_GAIN: f64 = 0.8;
const TREND_GAIN: f64 = 0.4;
const DAMPING: f64 = 0.9;
/// Share of a reading's size that arithmetic on a few of them may be off by.
const ROUNDING: f64 = 1e-12;
/// A prediction error is clipped at this many (running) sigmas.
const CLIP_SIGMAS: f64 = 3.0;

impl Model {
    /// The predictors worth trying on a series with this `period`, if any: each
    /// withstands a spike among the readings that it looks at.
    ///
    /// [`Model::DampedTrend`] is not among them. It follows smooth series
    /// closest, and makes the better forecast for it, but is thrown off by a
    /// spike for a few readings after, which would then look odd themselves.
    pub fn candidates(period: Option<usize>) -> impl Iterator<Item = Model> + Clone {
        let fixed = [
            Model::Level { window: 3 },
            Model::Level { window: 9 },
            Model::Line { window: 5 },
            Model::Line { window: 12 },
        ];
        let seasonal =
            period.filter(|&period| period >= 2).map(|period| Model::Seasonal { period });
        fixed.into_iter().chain(seasonal)
    }

    /// The machine-readable name: `median`, `level`, `line`, `damped_trend` or
    /// `seasonal`.
    pub fn name(self) -> &'static str {
        match self {
            Model::Median => "median",
            Model::Level { .. } => "level",
            Model::Line { .. } => "line",
            Model::DampedTrend => "damped_trend",
            Model::Seasonal { .. } => "seasonal",
        }
    }

    /// How many errors of this model must be known before it may be chosen.
    /// The seasonal one must have been tried on every phase of its cycle.
    pub(crate) fn errors_min(self) -> usize {
        match self {
            Model::Median => 0,
            Model::Seasonal { period } => period.max(8),
            _ => 8,
        }
    }

    /// What this model says the reading `horizon` steps after `past` will be.
    /// `None` where the past does not reach; `horizon` starts at 1.
    pub fn predict(self, past: &[f64], horizon: usize) -> Option<f64> {
        match self {
            Model::Median => robust::median(last(past, WINDOW)),
            Model::Level { window } => robust::median(last(past, window)),
            Model::Line { window } => {
                if past.len() < window {
                    return None;
                }
                let (slope, intercept) = robust::theil_sen(last(past, window))?;
                Some(intercept + slope * (window - 1 + horizon) as f64)
            }
            Model::DampedTrend => damped_trend(last(past, TREND_WINDOW), horizon),
            Model::Seasonal { period } => seasonal(past, period, horizon),
        }
    }
}

/// The last `count` values of `past`, or all of them.
fn last(past: &[f64], count: usize) -> &[f64] {
    &past[past.len().saturating_sub(count)..]
}

fn damped_trend(past: &[f64], horizon: usize) -> Option<f64> {
    let mut values = past.iter().copied();
    let mut level = values.by_ref().find(|value| value.is_finite())?;
    let (mut trend, mut sigma) = (0.0, None);
    for value in values {
        let expected = level + DAMPING * trend;
        let error = value - expected;
        if !error.is_finite() {
            (level, trend) = (expected, DAMPING * trend);
            continue;
        }
        let clipped = match sigma {
            Some(sigma) if sigma > 0.0 => error.clamp(-CLIP_SIGMAS * sigma, CLIP_SIGMAS * sigma),
            _ => error,
        };
        // The scale follows the clipped size, a little enlarged, so that it
        // can grow when the series itself becomes wilder.
        let size = (clipped.abs() * robust::MEAN_DEVIATION_TO_SIGMA).min(f64::MAX);
        sigma = Some(sigma.map_or(size, |sigma: f64| 0.8 * sigma + 0.2 * size));
        let before = level;
        level = expected + LEVEL_GAIN * clipped;
        trend = TREND_GAIN * (level - before) + (1.0 - TREND_GAIN) * DAMPING * trend;
    }
    let mut reach = 0.0;
    let mut weight = 1.0;
    for _ in 0..horizon {
        weight *= DAMPING;
        reach += weight;
    }
    Some(level + reach * trend)
}

fn seasonal(past: &[f64], period: usize, horizon: usize) -> Option<f64> {
    let now = past.len();
    let target = now + horizon - 1;
    let first = horizon.div_ceil(period);
    let mut guesses = [f64::NAN; CYCLES];
    for (slot, cycle) in guesses.iter_mut().zip(first..) {
        let shift = cycle.checked_mul(period)?;
        // The offset needs the same few readings in both cycles.
        let Some(oldest) = now.checked_sub(shift.saturating_add(OFFSET_WINDOW)) else { break };
        let mut offsets = [0.0; OFFSET_WINDOW];
        for (index, offset) in offsets.iter_mut().enumerate() {
            *offset = past[oldest + shift + index] - past[oldest + index];
        }
        if let Some(offset) = robust::median_in_place(&mut offsets) {
            *slot = past[target - shift] + offset;
        }
    }
    robust::median_in_place(&mut guesses)
}

/// Errors (reading minus prediction) of `model` at every index of
/// `series[from..]`, each predicted from what lies at least `horizon` steps
/// before it. NaN where there is no reading or no prediction.
pub fn errors(model: Model, series: &[f64], from: usize, horizon: usize) -> Vec<f64> {
    (from..series.len())
        .map(|index| match (index + 1).checked_sub(horizon) {
            Some(known) => model
                .predict(&series[..known], horizon)
                .map_or(f64::NAN, |expected| series[index] - expected),
            None => f64::NAN,
        })
        .collect()
}

/// A series brought near 1 by an exact power of two, so that no difference,
/// product or sum of a few of its values can overflow or vanish.
pub(crate) struct Scaled {
    /// The values; gaps are NaN.
    pub(crate) values: Vec<f64>,
    /// Differences up to this are rounding noise of `f64`, not changes: a
    /// share of the *median* size, for one wild value must not hide the rest.
    pub(crate) rounding: f64,
    exponent: i32,
}

impl Scaled {
    /// Scales `values`.
    pub(crate) fn new(values: impl Iterator<Item = f64> + Clone) -> Self {
        let largest =
            values.clone().filter(|v| v.is_finite()).fold(0.0, |top: f64, v| top.max(v.abs()));
        let exponent = if largest > 0.0 { libm::frexp(largest).1 } else { 0 };
        let values: Vec<f64> = values
            .map(|value| if value.is_finite() { libm::scalbn(value, -exponent) } else { f64::NAN })
            .collect();
        let mut sizes: Vec<f64> =
            values.iter().filter(|value| **value != 0.0).map(|value| value.abs()).collect();
        let rounding = robust::median_in_place(&mut sizes).map_or(0.0, |size| size * ROUNDING);
        Scaled { values, rounding, exponent }
    }

    /// A value of the scaled series in the unit of the original; finite for
    /// every finite input.
    pub(crate) fn restore(&self, value: f64) -> f64 {
        libm::scalbn(value, self.exponent).clamp(-f64::MAX, f64::MAX)
    }

    /// A value of the original series (a resolution) in the scaled unit.
    pub(crate) fn apply(&self, value: f64) -> f64 {
        libm::scalbn(value, -self.exponent).min(f64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: Option<f64>, want: f64, error: f64) {
        let got = got.expect("a prediction");
        assert!((got - want).abs() <= error, "got {got}, want {want} ± {error}");
    }

    #[test]
    fn no_model_predicts_from_nothing() {
        for model in Model::candidates(Some(24)).chain([Model::Median, Model::DampedTrend]) {
            assert_eq!(model.predict(&[], 1), None, "{model:?}");
            assert_eq!(model.predict(&[f64::NAN; 200], 3), None, "{model:?}");
        }
        assert!(!Model::candidates(Some(1)).any(|model| model.name() == "seasonal"));
        assert_eq!(Model::Seasonal { period: usize::MAX }.predict(&[1.0; 9], 1), None);
    }

    #[test]
    fn a_constant_is_predicted_by_all() {
        for model in Model::candidates(Some(4)).chain([Model::Median, Model::DampedTrend]) {
            close(model.predict(&[7.5; 60], 3), 7.5, 1e-12);
        }
    }

    #[test]
    fn a_line_is_extended_past_a_spike() {
        let mut past: Vec<f64> = (0..20).map(|x| 2.0 * f64::from(x)).collect();
        past[17] = 1e6;
        close(Model::Line { window: 12 }.predict(&past, 1), 40.0, 1e-9);
        close(Model::Line { window: 5 }.predict(&past, 2), 42.0, 1e-9);
        let holt = Model::DampedTrend.predict(&past, 1).unwrap();
        assert!((holt - 40.0).abs() < 15.0, "clipped updates keep the state: {holt}");
    }

    #[test]
    fn a_cycle_is_repeated_on_a_shifted_level_and_through_gaps() {
        let cycle = [0.0, 3.0, 9.0, 4.0, -2.0, -6.0];
        let mut past: Vec<f64> = (0..40).map(|i| cycle[i % 6] + (i / 6) as f64).collect();
        past[39] = f64::NAN;
        past[34] = -500.0;
        for horizon in 1..=9 {
            let target = 40 + horizon - 1;
            // The level rises by one per cycle; within the cycle it is known
            // to the last full step.
            let want = cycle[target % 6] + (target / 6) as f64;
            close(Model::Seasonal { period: 6 }.predict(&past, horizon), want, 1.01);
        }
    }

    #[test]
    fn errors_look_only_at_the_past() {
        let series = [1.0, 1.0, 1.0, 9.0, f64::NAN, 1.0];
        let found = errors(Model::Level { window: 3 }, &series, 1, 1);
        assert_eq!(found[..3], [0.0, 0.0, 8.0]);
        assert!(found[3].is_nan());
        assert_eq!(found[4], -4.0, "the median of 1, 9 and a gap is 5");
        let ahead = errors(Model::Level { window: 3 }, &series, 0, 3);
        assert!(ahead[..3].iter().all(|error| error.is_nan()));
        assert_eq!(ahead[3], 8.0);
    }

    #[test]
    fn scaling_is_exact_and_survives_the_extremes() {
        for extreme in [f64::MAX, f64::MIN_POSITIVE, 5e-324, 3.0, 0.0] {
            let scaled = Scaled::new([extreme, -extreme, f64::INFINITY].into_iter());
            assert!(scaled.values[0].abs() <= 1.0);
            assert!(scaled.values[2].is_nan());
            assert_eq!(scaled.restore(scaled.values[0]), extreme);
            assert!(scaled.restore(f64::MAX).is_finite());
        }
    }
}
