//! The next three readings, each with an interval that should hold it.
//!
//! For longer horizons, several cycles and more models: [`crate::timeseries`].
//!
//! **Value.** The predictors of [`crate::baseline`] are tried on the recent
//! past at one, two and three steps ahead; the one with the smallest trimmed
//! mean absolute error is used. Trimming a tenth keeps a few spikes in the
//! past from choosing the model.
//!
//! **Interval.** The absolute errors that this model made at the same horizon
//! are what it will err by (split conformal prediction: Vovk, Gammerman &
//! Shafer, *Algorithmic Learning in a Random World*, 2005; Lei et al., JASA
//! 113, 2018): the half width is their value of rank ⌈(n + 1) · coverage⌉.
//! While too few errors are known for that rank to exist, Student's t on their
//! robust spread stands in. Intervals never narrow with the horizon, and there
//! are none from fewer than three readings, for there is nothing to tell
//! their width by.

use alloc::vec::Vec;

use crate::baseline::{self, Model, Scaled};
use crate::robust;

/// How many readings ahead are predicted.
pub const HORIZON: usize = 3;

/// How many of a model's latest errors an interval is taken from.
pub const ERRORS_MAX: usize = 200;

/// The share of the largest errors that does not count when models compete.
const TRIM: f64 = 0.1;

/// A predicted reading.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// The value, in the unit of the readings; always finite.
    pub value: f64,
    /// Lower and upper bound of the interval, `low <= value <= high`, finite;
    /// `None` while fewer than three readings are known.
    pub interval: Option<(f64, f64)>,
}

/// Three predicted readings, and how they were made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forecast {
    /// One, two and three steps after the last reading.
    pub next: [Prediction; HORIZON],
    /// The predictor that did best on the past.
    pub model: Model,
}

/// Predicts the three readings after `series` (gaps are values that are not
/// finite, see [`crate::baseline`]); `None` if it has no finite value.
///
/// `coverage` is the share of future readings that the intervals should hold,
/// clamped to [0.5, 0.99]; `period` as in [`crate::anomaly::score_last`].
pub fn forecast(series: &[f64], period: Option<usize>, coverage: f64) -> Option<Forecast> {
    let scaled = Scaled::new(series.iter().copied());
    let values = &scaled.values;
    let from = values.len().saturating_sub(ERRORS_MAX);
    let coverage = if coverage.is_finite() { coverage.clamp(0.5, 0.99) } else { 0.9 };

    // The level of the last three readings is the first candidate and needs no
    // proof: it is what remains when the past is too short to tell.
    let mut best: Option<Fit> = None;
    for model in Model::candidates(period).chain([Model::Median, Model::DampedTrend]) {
        let Some(fit) = Fit::new(model, values, from) else { continue };
        let better = match &best {
            None => true,
            Some(best) => fit.errors_known >= model.errors_min().max(8) && fit.cost < best.cost,
        };
        if better {
            best = Some(fit);
        }
    }
    let best = best?;

    let readings = values.iter().filter(|value| value.is_finite()).count();
    let mut half_width = 0.0_f64;
    let next = core::array::from_fn(|step| {
        let value = best.values[step];
        half_width = half_width.max(best.half_width(step, coverage).unwrap_or_else(|| {
            // No error at this horizon yet: a random walk widens with √h.
            half_width * libm::sqrt((step + 1) as f64 / step.max(1) as f64)
        }));
        let bounds = (scaled.restore(value - half_width), scaled.restore(value + half_width));
        Prediction { value: scaled.restore(value), interval: (readings >= 3).then_some(bounds) }
    });
    Some(Forecast { next, model: best.model })
}

/// A model, what it predicts, and how it did.
struct Fit {
    model: Model,
    values: [f64; HORIZON],
    errors: [Vec<f64>; HORIZON],
    errors_known: usize,
    cost: f64,
}

impl Fit {
    fn new(model: Model, series: &[f64], from: usize) -> Option<Fit> {
        let mut values = [0.0; HORIZON];
        for (step, value) in values.iter_mut().enumerate() {
            *value = model.predict(series, step + 1).filter(|value| value.is_finite())?;
        }
        let errors: [Vec<f64>; HORIZON] = core::array::from_fn(|step| {
            let mut sizes = baseline::errors(model, series, from, step + 1);
            sizes.retain_mut(|error| {
                *error = error.abs();
                error.is_finite()
            });
            sizes.sort_unstable_by(f64::total_cmp);
            sizes
        });
        let errors_known = errors[HORIZON - 1].len();
        let cost = errors.iter().map(|sizes| trimmed_mean(sizes)).sum();
        Some(Fit { model, values, errors, errors_known, cost })
    }

    /// Half width of the interval at `step` (0-based); `None` without errors.
    fn half_width(&self, step: usize, coverage: f64) -> Option<f64> {
        let sizes = &self.errors[step];
        let rank = libm::ceil((sizes.len() + 1) as f64 * coverage) as usize;
        if let Some(size) = sizes.get(rank.saturating_sub(1)).filter(|_| rank > 0) {
            return Some(*size);
        }
        let z = robust::normal_half_width(coverage);
        let degrees = robust::degrees_of_freedom(sizes.len());
        Some(robust::spread(sizes, 0.0)? * robust::student_t(z, degrees))
    }
}

/// Mean of the sorted `sizes` without the largest tenth; infinite if empty.
fn trimmed_mean(sizes: &[f64]) -> f64 {
    let kept = libm::ceil(sizes.len() as f64 * (1.0 - TRIM)) as usize;
    match sizes.get(..kept) {
        Some(kept) if !kept.is_empty() => kept.iter().sum::<f64>() / kept.len() as f64,
        _ => f64::INFINITY,
    }
}

#[cfg(test)]
mod tests;
