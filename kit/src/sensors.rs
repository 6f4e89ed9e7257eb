//! One call from readings to a decision: score, forecast, alert level.

use alloc::vec::Vec;

use crate::alert::{AlertLevel, Thresholds};
use crate::anomaly::{self, Score};
use crate::forecast::{self, Forecast};

/// What an assessment may be told about the sensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SensorOptions {
    /// Readings per cycle (24 for hourly readings of the weather), if there may
    /// be a cycle. It is used only where it helps, see [`crate::baseline`].
    pub period: Option<usize>,
    /// The smallest step of the sensor in the unit of the readings; 0 if
    /// unknown. See [`anomaly::decimal_resolution`].
    pub resolution: f64,
    /// Share of future readings that the intervals should hold, 0.5 to 0.99.
    pub coverage: f64,
    /// Where the alert levels begin.
    pub thresholds: Thresholds,
}

impl Default for SensorOptions {
    fn default() -> Self {
        SensorOptions {
            period: None,
            resolution: 0.0,
            coverage: 0.9,
            thresholds: Thresholds::default(),
        }
    }
}

/// What the latest reading means, and what comes next.
#[derive(Clone, Debug, PartialEq)]
pub struct Assessment {
    /// The latest reading that is a number; `None` if there is none.
    pub latest: Option<f64>,
    /// How surprising it is.
    pub score: Score,
    /// The three readings after it; `None` if there is no reading at all.
    pub forecast: Option<Forecast>,
    /// How urgent it is.
    pub level: AlertLevel,
    /// Whether to act now.
    pub action_required: bool,
    /// How many values of history and readings were numbers.
    pub used: usize,
    /// How many were not (NaN or infinite) and were treated as gaps.
    pub dropped: usize,
}

/// Assesses the last of `readings`, which follow `history` at the same steps
/// of time, both oldest first.
///
/// Values that are not finite are gaps: counted, never used. Without any
/// reading the level is normal and the score 0, but the history still gives a
/// forecast.
pub fn assess(history: &[f64], readings: &[f64], options: &SensorOptions) -> Assessment {
    let mut series: Vec<f64> = history.iter().chain(readings).copied().collect();
    let used = series.iter().filter(|value| value.is_finite()).count();
    let dropped = series.len() - used;

    // Gaps at the end lie after the reading that is judged.
    let latest = readings.iter().rposition(|value| value.is_finite());
    let judged = latest.map_or(0, |index| history.len() + index + 1);
    let score = anomaly::score_last(&series[..judged], options.period, options.resolution);
    let latest = latest.map(|index| readings[index]);

    while series.last().is_some_and(|value| !value.is_finite()) {
        series.pop();
    }
    let forecast = forecast::forecast(&series, options.period, options.coverage);
    let level = options.thresholds.level(latest.unwrap_or(f64::NAN), score.score);
    let action_required = level.action_required();
    Assessment { latest, score, forecast, level, action_required, used, dropped }
}

#[cfg(test)]
mod tests;
