//! The answer: what comes next, and what it is made of.

use crate::problem::Problem;
use crate::question::Question;
use sedge_kit::timeseries::{self, Forecast, ForecastError, Step};
use serde::Serialize;

/// The answer. Serializes to JSON; see the README for its meaning.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// One for each step ahead.
    pub forecast: Vec<Ahead>,
    /// The models that the forecast is the median of.
    pub models: Vec<String>,
    /// Mean size of its errors on the past, in the unit of the values.
    pub error: Option<f64>,
    /// At how many places of the past it was tried.
    pub origins: usize,
    /// The cycles, shortest first.
    pub periods: Vec<Cycle>,
    /// All models that were tried.
    pub tried: Vec<Tried>,
    /// Values, gaps among them.
    pub values: usize,
    /// Values that were missing.
    pub gaps: usize,
    /// Seconds between values, if times were given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_s: Option<f64>,
}

/// A step ahead.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ahead {
    /// When, in seconds since 1970, if times were given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_s: Option<f64>,
    /// What is expected.
    pub value: f64,
    /// Where the value should lie; none of a series that is too short to tell.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub intervals: Vec<Interval>,
}

/// Where a value should lie.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// The share of values that should.
    pub coverage: f64,
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
}

/// A cycle.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Cycle {
    /// In values.
    pub length: usize,
    /// The share of the variance that it explains.
    pub strength: f64,
}

/// A model that was tried.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tried {
    /// As it is called in requests.
    pub model: &'static str,
    /// Its form, if it has several.
    pub form: String,
    /// Mean size of its errors on the past; `None` if that was too short.
    pub error: Option<f64>,
    /// Whether the forecast is made of it.
    pub used: bool,
}

/// Answers a question.
pub fn report(question: &Question) -> Result<Report, Problem> {
    let forecast =
        timeseries::forecast(&question.values, &question.options).map_err(|error| match error {
            ForecastError::TooLong => Problem::too_large(error.to_string()),
            ForecastError::Horizon | ForecastError::Periods | ForecastError::Coverage => {
                Problem::body(error.to_string())
            }
            ForecastError::Empty | ForecastError::Model => Problem::unanswerable(error.to_string()),
        })?;
    Ok(written(question, &forecast))
}

fn written(question: &Question, forecast: &Forecast) -> Report {
    let ahead = |(step, one): (usize, &Step)| Ahead {
        time_s: question.times.map(|times| times.last_s + times.step_s * (step + 1) as f64),
        value: one.value,
        intervals: question
            .options
            .coverages
            .iter()
            .zip(one.intervals.iter().flatten())
            .map(|(coverage, (low, high))| Interval { coverage: *coverage, low: *low, high: *high })
            .collect(),
    };
    let tried = forecast.trials.iter().map(|trial| Tried {
        model: trial.model.name(),
        form: trial.name.clone(),
        error: trial.error,
        used: trial.used,
    });
    let used = forecast.trials.iter().filter(|trial| trial.used);
    let cycle = |period: &timeseries::periods::Period| Cycle {
        length: period.length,
        strength: period.strength,
    };
    Report {
        forecast: forecast.steps.iter().enumerate().map(ahead).collect(),
        models: used.map(|trial| trial.name.clone()).collect(),
        error: forecast.error,
        origins: forecast.origins,
        periods: forecast.periods.iter().map(cycle).collect(),
        tried: tried.collect(),
        values: question.values.len(),
        gaps: question.values.iter().filter(|value| !value.is_finite()).count(),
        step_s: question.times.map(|times| times.step_s),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(body: &str) -> Result<Report, Problem> {
        report(&Question::read(body.as_bytes())?)
    }

    #[test]
    fn what_cannot_be_forecast_says_why() {
        for (body, status) in [
            (r#"{"values": []}"#, 422),
            (r#"{"values": [null, null]}"#, 422),
            (r#"{"values": [1, 2, 3], "model": "seasonal-naive"}"#, 422),
            (r#"{"values": [1, 2, 3], "horizon": 0}"#, 400),
            (r#"{"values": [1, 2, 3], "horizon": 1001}"#, 400),
            (r#"{"values": [1, 2, 3], "periods": [1]}"#, 400),
            (r#"{"values": [1, 2, 3], "coverages": [1]}"#, 400),
        ] {
            assert_eq!(answer(body).expect_err(body).status, status, "{body}");
        }
    }

    #[test]
    fn a_cycle_goes_on_at_its_times() {
        let shape = [20.0, 22.0, 27.0, 24.0];
        let noise = |x: usize| 0.2 + 0.2 * ((x * x) as f64).sin();
        let values: Vec<String> = (0..60).map(|x| (shape[x % 4] + noise(x)).to_string()).collect();
        let times: Vec<String> = (0..60).map(|x| (1_000 + 900 * x).to_string()).collect();
        let body = format!(
            "{{\"values\": [{}], \"times_s\": [{}], \"horizon\": 8, \"coverages\": [0.9]}}",
            values.join(","),
            times.join(",")
        );
        let report = answer(&body).unwrap();
        assert_eq!(report.periods.iter().map(|cycle| cycle.length).collect::<Vec<_>>(), [4]);
        assert_eq!(report.forecast[0].time_s, Some(1_000.0 + 900.0 * 60.0));
        for (step, ahead) in report.forecast.iter().enumerate() {
            assert!((ahead.value - shape[step % 4] - 0.2).abs() < 0.5, "{step}: {ahead:?}");
            let interval = ahead.intervals[0];
            assert!(interval.low <= ahead.value && ahead.value <= interval.high);
            assert_eq!(interval.coverage, 0.9);
        }
        assert!(!report.models.is_empty() && report.origins > 3);
        assert_eq!((report.values, report.gaps, report.step_s), (60, 0, Some(900.0)));
    }

    #[test]
    fn one_value_is_answered_without_intervals() {
        let report = answer(r#"{"values": [7], "horizon": 2}"#).unwrap();
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["forecast"].as_array().map(Vec::len), Some(2));
        assert!(json["forecast"][0].get("intervals").is_none());
        assert!(json.get("step_s").is_none());
    }
}
