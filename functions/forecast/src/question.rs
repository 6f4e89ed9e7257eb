//! What is asked: the JSON body of a request.

use crate::problem::Problem;
use sedge_kit::timeline::Timeline;
use sedge_kit::timeseries::model::Model;
use sedge_kit::timeseries::{Options, VALUES_MAX};
use serde::Deserialize;

const HORIZON_DEFAULT: usize = 12;
const COVERAGES_DEFAULT: [f64; 2] = [0.8, 0.95];

/// The body as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    values: Vec<Option<f64>>,
    times_s: Option<Vec<Option<f64>>>,
    horizon: Option<usize>,
    periods: Option<Vec<usize>>,
    coverages: Option<Vec<f64>>,
    model: Option<String>,
}

/// A series, and what is to be told of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// Values at equal steps, oldest first; NaN is a gap.
    pub values: Vec<f64>,
    /// Seconds between values, and the time of the last one in seconds since 1970; `None` if
    /// no times were given.
    pub times: Option<Times>,
    /// What is asked for.
    pub options: Options,
}

/// When values were read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Times {
    /// Seconds between values.
    pub step_s: f64,
    /// Of the last value, in seconds since 1970.
    pub last_s: f64,
}

impl Question {
    /// Reads a body. What the algorithms refuse is not looked at here.
    pub fn read(body: &[u8]) -> Result<Question, Problem> {
        // Otherwise a list of all that a body has, in its order, would be one, too.
        if body.trim_ascii_start().first() != Some(&b'{') {
            return Err(Problem::body("the body is not a JSON object with `values`"));
        }
        let body: Body = serde_json::from_slice(body)
            .map_err(|error| Problem::body(format!("the body is not as it should be: {error}")))?;
        // Times may put gaps between values, as many as there are values.
        if body.values.len() > VALUES_MAX {
            return Err(Problem::too_large(format!("there are more than {VALUES_MAX} values")));
        }
        let values: Vec<f64> = body.values.iter().map(|one| one.unwrap_or(f64::NAN)).collect();
        let model = match body.model.as_deref() {
            None | Some("automatic") => None,
            Some(name) => Some(Model::of_name(name).ok_or_else(|| unknown(name))?),
        };
        let options = Options {
            horizon: body.horizon.unwrap_or(HORIZON_DEFAULT),
            periods: body.periods,
            coverages: body.coverages.unwrap_or_else(|| COVERAGES_DEFAULT.to_vec()),
            model,
        };
        let Some(times_s) = body.times_s else {
            return Ok(Question { values, times: None, options });
        };
        let (values, times) = placed(&values, &times_s)?;
        Ok(Question { values, times: Some(times), options })
    }
}

fn unknown(name: &str) -> Problem {
    let shown: String = name.chars().take(40).collect();
    let known = Model::ALL.map(Model::name).join(", ");
    Problem::body(format!("there is no model {shown:?}; known are automatic, {known}"))
}

/// Values in the order of their times, at equal steps.
fn placed(values: &[f64], times_s: &[Option<f64>]) -> Result<(Vec<f64>, Times), Problem> {
    if times_s.len() != values.len() {
        let (times, values) = (times_s.len(), values.len());
        return Err(Problem::body(format!("there are {times} `times_s` of {values} `values`")));
    }
    let times_s: Vec<f64> = times_s.iter().map(|time| time.unwrap_or(f64::NAN)).collect();
    let line = Timeline::new(&times_s, values);
    let last = line.origins.iter().rev().flatten().next();
    let (Some(step_s), Some(last)) = (line.step_s, last) else {
        return Err(Problem::body(
            "`times_s` tell no step: every value needs a time, and three of them differ",
        ));
    };
    if line.values.len() > VALUES_MAX {
        let detail =
            format!("with the steps that are missing, there are more than {VALUES_MAX} values");
        return Err(Problem::too_large(detail));
    }
    Ok((line.values, Times { step_s, last_s: times_s[*last] }))
}

#[cfg(test)]
mod tests;
