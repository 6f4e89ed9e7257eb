//! How surprising a reading is, from 0 (as expected) to 1 (certainly odd).
//!
//! For the reading x after a history:
//!
//! 1. **Expected value.** Each [`Model`] predicts x from what came before; the
//!    one whose own past errors have the smallest [`robust::spread`] is used.
//! 2. **Estimated deviation.** t = |x − expected| / σ, σ the spread of that
//!    model's last [`ERRORS_MAX`] errors, and never below the resolution of
//!    the sensor. A spike in the history is one large error among many small
//!    ones: it moves neither the expectation nor σ, so it cannot mask the
//!    next one.
//! 3. **Evidence.** z is the normal deviate as improbable as Student's t with
//!    as many degrees of freedom as the errors are worth
//!    ([`robust::normal_deviate`]); a short history can not shout.
//! 4. **Score** = z² / (z² + 3.5²). It is 0.5 at z = 3.5, where Iglewicz &
//!    Hoaglin (1993) draw the line for an outlier, and 0.8 at z = 7.
//!
//! Where at least four in five errors are zero (a constant, a switch), σ is
//! zero and t infinite for any change. How rare the change is then remains as
//! evidence: with k of n past errors at least as large, the score is at most
//! 1 − (2 + 10 k) / n. A change after n equal readings scores (n − 2) / n; one
//! that was seen in a tenth of the history scores 0.
//!
//! The score does not change when all readings and the resolution are shifted
//! or scaled together.

use alloc::vec::Vec;

use crate::baseline::{self, Model, Scaled, WINDOW};
use crate::robust;

/// How many of a model's latest errors its spread is taken from.
pub const ERRORS_MAX: usize = 256;

/// The normal deviate that scores 0.5.
const DEVIATE_AT_HALF: f64 = 3.5;

/// How much a past error as large as the present one speaks against surprise,
/// where nearly all errors are zero.
const PRECEDENT_WEIGHT: usize = 10;

/// The verdict on one reading.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// Surprise in [0, 1]; never NaN.
    pub score: f64,
    /// What the reading was expected to be; `None` without any history, or if
    /// the reading itself is a gap.
    pub expected: Option<f64>,
    /// The model that expected it.
    pub model: Model,
}

const UNKNOWN: Score = Score { score: 0.0, expected: None, model: Model::Median };

/// Scores the last reading of `series` by what came before it.
///
/// `period` is the number of readings per cycle, if there may be one;
/// `resolution` the smallest step of the sensor in the unit of the readings
/// (0 if unknown; what is not finite or negative counts as 0). An empty series
/// and a gap score 0.
pub fn score_last(series: &[f64], period: Option<usize>, resolution: f64) -> Score {
    scan(series, series.len().saturating_sub(1), period, resolution).pop().unwrap_or(UNKNOWN)
}

/// Scores each reading of `series[from..]` by what came before it, as if the
/// readings arrived one by one. Gaps score 0.
///
/// Takes time in proportion to the number of readings scored.
pub fn scan(series: &[f64], from: usize, period: Option<usize>, resolution: f64) -> Vec<Score> {
    let from = from.min(series.len());
    let scaled = Scaled::new(series.iter().copied());
    let floor = if resolution.is_finite() { scaled.apply(resolution.max(0.0)) } else { 0.0 };
    let values = &scaled.values;
    // Errors are needed from a window before the first reading that is scored.
    let start = from.saturating_sub(ERRORS_MAX);
    let models: Vec<(Model, Vec<f64>)> = Model::candidates(period)
        .map(|model| (model, baseline::errors(model, values, start, 1)))
        .collect();
    (from..values.len())
        .map(|index| {
            let mut score = score_at(&scaled, index, start, &models, floor);
            score.expected = score.expected.map(|expected| scaled.restore(expected));
            score
        })
        .collect()
}

/// What is known about one model when a reading arrives.
struct Fit {
    model: Model,
    spread: f64,
    errors: usize,
    /// The error of the reading that is judged.
    error: f64,
    /// How many earlier errors are as large; counted where nearly all are zero.
    precedents: usize,
}

impl Fit {
    fn new(model: Model, known: &[f64], error: f64, rounding: f64) -> Option<Fit> {
        let spread = robust::spread(known, rounding)?;
        let as_large = |past: &&f64| past.abs() + rounding >= error.abs();
        let precedents = if spread > 0.0 { 0 } else { known.iter().filter(as_large).count() };
        let errors = known.iter().filter(|error| error.is_finite()).count();
        Some(Fit { model, spread, errors, error, precedents })
    }
}

fn score_at(
    series: &Scaled,
    index: usize,
    start: usize,
    models: &[(Model, Vec<f64>)],
    floor: f64,
) -> Score {
    let Scaled { values, rounding, .. } = series;
    let value = values[index];
    if !value.is_finite() {
        return UNKNOWN;
    }
    let Some(mut best) = median_fit(values, index, *rounding) else { return UNKNOWN };
    for (model, errors) in models {
        let now = index - start;
        let known = &errors[now.saturating_sub(ERRORS_MAX)..now];
        let Some(fit) = Fit::new(*model, known, errors[now], *rounding) else { continue };
        // The rounding guard keeps a tie a tie when the series is shifted.
        let closer = fit.spread + rounding < best.spread;
        if closer && fit.errors >= model.errors_min() && fit.error.is_finite() {
            best = fit;
        }
    }
    Score {
        score: surprise(&best, floor, *rounding),
        expected: Some(value - best.error),
        model: best.model,
    }
}

/// The classical modified z-score: deviations of the history from its own
/// median. It needs no run-up, so it is there from the first reading on.
fn median_fit(values: &[f64], index: usize, rounding: f64) -> Option<Fit> {
    let past = &values[index.saturating_sub(WINDOW)..index];
    let middle = robust::median(past)?;
    let deviations: Vec<f64> = past.iter().map(|value| value - middle).collect();
    Fit::new(Model::Median, &deviations, values[index] - middle, rounding)
}

fn surprise(fit: &Fit, floor: f64, rounding: f64) -> f64 {
    let size = fit.error.abs();
    if size <= rounding {
        return 0.0;
    }
    let sigma = fit.spread.max(floor);
    let t = if sigma > 0.0 { (size / sigma).min(f64::MAX) } else { f64::INFINITY };
    let z = robust::normal_deviate(t, robust::degrees_of_freedom(fit.errors)) / DEVIATE_AT_HALF;
    // z² / (z² + 1), written so that a large z cannot overflow.
    let score = if z > 1.0 { 1.0 / (1.0 + 1.0 / (z * z)) } else { z * z / (1.0 + z * z) };
    if fit.spread > 0.0 {
        return score;
    }
    let against = 2 + PRECEDENT_WEIGHT * fit.precedents;
    score.min(fit.errors.saturating_sub(against) as f64 / fit.errors.max(1) as f64)
}

/// The decimal step in which `values` are written: the largest of 1, 0.1, …,
/// 1e-6 of which all finite values are multiples, to within `relative_error`
/// of each (1e-9 for values parsed as `f64`, `f32::EPSILON` for `f32`).
///
/// A sensor that says 20.0, 20.0, 20.1 has a step of 0.1, and a change by one
/// step says nothing. Returns 0 where no step fits or no value is finite.
pub fn decimal_resolution(values: impl Iterator<Item = f64> + Clone, relative_error: f64) -> f64 {
    let finite = values.filter(|value| value.is_finite());
    if finite.clone().next().is_none() {
        return 0.0;
    }
    let mut inverse = 1.0;
    for _ in 0..=6 {
        let fits = finite.clone().all(|value| {
            let steps = value * inverse;
            (steps - libm::round(steps)).abs() <= steps.abs() * relative_error
        });
        if fits {
            return 1.0 / inverse;
        }
        inverse *= 10.0;
    }
    0.0
}

#[cfg(test)]
mod tests;
