//! From readings to the answer.

use sedge_kit::anomaly;
use sedge_kit::forecast::Prediction;
use sedge_kit::sensors::{self, Assessment, SensorOptions};
use sedge_kit::timeline::Timeline;
use serde::Serialize;

use crate::problem::Problem;
use crate::readings::{Fault, Readings};
use crate::settings::{Period, Settings};
use crate::timestamp;

/// At most this many anomalies are listed, the most recent ones.
pub const ANOMALIES_MAX: usize = 100;

/// A number parsed as `f64` is this close to the decimal that was written.
const DECIMAL_ERROR: f64 = 1e-9;

/// The answer, in the order in which it is written.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// How surprising the latest reading is, 0 to 1.
    pub anomaly_score: f64,
    /// The three readings to come; empty without any reading.
    pub predictions: Vec<Predicted>,
    /// `normal`, `warning` or `critical`.
    pub alert_level: &'static str,
    /// 0, 1 or 2.
    pub alert_code: u8,
    /// Whether to act now.
    pub action_required: bool,
    /// How many values of readings and history were used.
    pub readings_used: usize,
    /// How many could not be read, and were left out.
    pub readings_dropped: usize,
    /// The reading that was judged; null if there is none.
    pub latest: Option<Judged>,
    /// What was told or found out about the series.
    pub series: Series,
    /// Which of the latest readings were odd.
    pub anomalies: Anomalies,
    /// What was wrong with the first few readings that were left out.
    pub dropped: Vec<Fault>,
}

/// A reading to come.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Predicted {
    /// The value.
    pub value: f64,
    /// Lower bound; null while fewer than three readings are known.
    pub low: Option<f64>,
    /// Upper bound; null likewise.
    pub high: Option<f64>,
}

/// A reading that was judged.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judged {
    /// Which reading, from 1, in the order of the body.
    pub row: usize,
    /// Its line in the body, from 1; absent for JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// Its time, as written or in UTC if an offset was; absent if unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// Its value.
    pub value: f64,
    /// What was expected; null if there was nothing to go by.
    pub expected: Option<f64>,
    /// Its anomaly score.
    pub score: f64,
    /// Its alert level.
    pub alert_level: &'static str,
}

/// What was told or found out about the series.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Series {
    /// The field or column that was judged.
    pub field: String,
    /// Seconds between readings, if the timestamps tell.
    pub step_s: Option<f64>,
    /// Readings per cycle that were tried.
    pub period: Option<usize>,
    /// The smallest step of the sensor.
    pub resolution: f64,
    /// How many readings are missing, by the timestamps.
    pub missing: usize,
    /// The model that scored the latest reading.
    pub score_model: &'static str,
    /// The model that made the predictions; null without any.
    pub forecast_model: Option<&'static str>,
}

/// Which readings were odd.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Anomalies {
    /// How many of the latest readings were scored, each by what came before.
    pub scanned: usize,
    /// How many of them scored above the warning threshold.
    pub found: usize,
    /// The most recent of those.
    pub list: Vec<Judged>,
}

/// Assesses `readings`. Fails if the settings contradict each other.
pub fn report(readings: &Readings, settings: &Settings) -> Result<Report, Problem> {
    let thresholds = settings.thresholds(readings.are_temperatures())?;
    let (times_s, values): (Vec<f64>, Vec<f64>) =
        readings.rows.iter().map(|row| (row.time_s, row.value)).unzip();
    let timeline = Timeline::new(&times_s, &values);
    let options = SensorOptions {
        period: match settings.period {
            Period::Auto => timeline.natural_period(),
            Period::None => None,
            Period::Readings(period) => Some(period),
        },
        resolution: settings
            .resolution
            .unwrap_or_else(|| anomaly::decimal_resolution(readings.values(), DECIMAL_ERROR)),
        coverage: settings.coverage,
        thresholds,
    };
    let assessment = sensors::assess(&readings.history, &timeline.values, &options);
    let place = Place { readings, timeline: &timeline, options: &options };
    let anomalies = place.scan(settings.scan);
    Ok(place.report(&assessment, anomalies))
}

/// Where readings came from and how they are judged.
struct Place<'a> {
    readings: &'a Readings,
    timeline: &'a Timeline,
    options: &'a SensorOptions,
}

impl Place<'_> {
    fn report(&self, assessment: &Assessment, anomalies: Anomalies) -> Report {
        let latest = self.timeline.values.iter().rposition(|value| value.is_finite());
        let forecast = assessment.forecast.as_ref();
        Report {
            anomaly_score: tidy(assessment.score.score),
            predictions: forecast
                .map(|forecast| forecast.next.iter().map(predicted).collect())
                .unwrap_or_default(),
            alert_level: assessment.level.name(),
            alert_code: assessment.level.code(),
            action_required: assessment.action_required,
            readings_used: self.readings.used(),
            readings_dropped: self.readings.dropped(),
            latest: latest.and_then(|slot| self.judged(slot, &assessment.score)),
            series: Series {
                field: self.readings.field.clone(),
                step_s: self.timeline.step_s,
                period: self.options.period,
                resolution: self.options.resolution,
                missing: self.timeline.origins.iter().filter(|origin| origin.is_none()).count(),
                score_model: assessment.score.model.name(),
                forecast_model: forecast.map(|forecast| forecast.model.name()),
            },
            anomalies,
            dropped: self.readings.faults.clone(),
        }
    }

    /// Scores the last `count` readings, each by what came before it.
    fn scan(&self, count: usize) -> Anomalies {
        let history = &self.readings.history;
        let series: Vec<f64> = history.iter().chain(&self.timeline.values).copied().collect();
        let from = history.len().max(series.len().saturating_sub(count));
        let (period, resolution) = (self.options.period, self.options.resolution);
        let scores = anomaly::scan(&series, from, period, resolution);
        let scanned = series[from..].iter().filter(|value| value.is_finite()).count();
        let warning = self.options.thresholds.warning_score;
        let odd: Vec<_> =
            scores.iter().enumerate().filter(|(_, score)| score.score > warning).collect();
        let listed = odd[odd.len().saturating_sub(ANOMALIES_MAX)..].iter();
        let list = listed
            .filter_map(|(index, score)| self.judged(from - history.len() + index, score))
            .collect();
        Anomalies { scanned, found: odd.len(), list }
    }

    /// The reading in this slot of the timeline; `None` for an inserted gap.
    fn judged(&self, slot: usize, score: &anomaly::Score) -> Option<Judged> {
        let origin = (*self.timeline.origins.get(slot)?)?;
        let reading = self.readings.rows.get(origin)?;
        Some(Judged {
            row: origin + 1,
            line: (reading.line > 0).then_some(reading.line),
            time: timestamp::format(reading.time_s),
            value: reading.value,
            expected: score.expected.map(tidy),
            score: tidy(score.score),
            alert_level: self.options.thresholds.level(reading.value, score.score).name(),
        })
    }
}

pub(crate) fn predicted(prediction: &Prediction) -> Predicted {
    Predicted {
        value: tidy(prediction.value),
        low: prediction.interval.map(|(low, _)| tidy(low)),
        high: prediction.interval.map(|(_, high)| tidy(high)),
    }
}

/// To ten significant digits: what lies beyond is noise of the arithmetic
/// (45.699999999999996), and rounding keeps order.
pub(crate) fn tidy(value: f64) -> f64 {
    format!("{value:.9e}").parse().ok().filter(|tidy: &f64| tidy.is_finite()).unwrap_or(value)
}

#[cfg(test)]
mod tests;
