//! What comes next in a series that lies there as a whole, and how surely.
//!
//! In reading order: which cycles it has ([`periods`]), found with a periodogram
//! (`fourier`); the series without them (`adjust`, by `decompose` and `loess`); the models
//! ([`model`]): Theta (`theta`), exponential smoothing (`ets`), autoregression
//! (`autoregression`), and plain ones to compare with; which of them are believed (`choose`);
//! how far they may be off (`spread`); and the same for a series that goes on ([`online`]).
//!
//! [`crate::forecast`] is the smaller sibling for sensors: three readings ahead, robust
//! against spikes, and quick enough for every reading.
//!
//! Values are at equal steps of time, oldest first; one that is not finite is a gap. Gaps at
//! the start are left out, those within are filled by a line between their neighbors without
//! the cycle, and after those at the end the forecast begins later: it is always for the
//! steps behind the last one that was given.

mod adjust;
mod autoregression;
mod choose;
mod decompose;
mod ets;
mod fourier;
mod gaps;
mod loess;
mod minimize;
mod spread;
mod theta;

pub mod model;

pub mod online;

pub mod periods;

use crate::baseline::Scaled;
use alloc::string::String;
use alloc::vec::Vec;
use choose::Choice;
use model::Model;
use periods::{PERIODS_MAX, Period};

/// The longest series, in values; a longer one is an error.
pub const VALUES_MAX: usize = 20_000;
/// How many steps ahead are told at most, gaps at the end among them.
pub const HORIZON_MAX: usize = 1_000;
/// How many intervals each step has at most.
pub const COVERAGES_MAX: usize = 4;
/// The shares of values that an interval may be asked to hold.
pub const COVERAGE_MIN: f64 = 0.5;
/// The largest of them; what lies beyond cannot be told from so few errors.
pub const COVERAGE_MAX: f64 = 0.99;

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// How many steps ahead, from 1 to [`HORIZON_MAX`].
    pub horizon: usize,
    /// The cycles, in values; `None`: they are found. At most [`PERIODS_MAX`], each from 2
    /// on; those that do not fit into the series twice are left out.
    pub periods: Option<Vec<usize>>,
    /// The shares that intervals should hold, each from [`COVERAGE_MIN`] to
    /// [`COVERAGE_MAX`].
    pub coverages: Vec<f64>,
    /// Only this model; `None`: it is chosen.
    pub model: Option<Model>,
}

/// Why there is no forecast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForecastError {
    /// No value is finite.
    Empty,
    /// There are more than [`VALUES_MAX`] values.
    TooLong,
    /// The horizon is 0, or with the gaps at the end more than [`HORIZON_MAX`].
    Horizon,
    /// A period is below 2, or there are more than [`PERIODS_MAX`].
    Periods,
    /// A coverage is out of range, or there are more than [`COVERAGES_MAX`].
    Coverage,
    /// The model that was asked for has nothing to say: the series is too short for it, or
    /// has no cycle.
    Model,
}

impl core::fmt::Display for ForecastError {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            ForecastError::Empty => out.write_str("the series has no value"),
            ForecastError::TooLong => {
                write!(out, "the series has more than {VALUES_MAX} values")
            }
            ForecastError::Horizon => write!(
                out,
                "the horizon is not from 1 to {HORIZON_MAX}, with the gaps at the end of the series"
            ),
            ForecastError::Periods => {
                write!(out, "there are more than {PERIODS_MAX} periods, or one is below 2")
            }
            ForecastError::Coverage => write!(
                out,
                "there are more than {COVERAGES_MAX} coverages, or one is not from {COVERAGE_MIN} \
                 to {COVERAGE_MAX}"
            ),
            ForecastError::Model => {
                out.write_str("the model needs more values, or a cycle that is there twice")
            }
        }
    }
}

impl core::error::Error for ForecastError {}

/// A step ahead.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What is expected, in the unit of the series; finite.
    pub value: f64,
    /// One interval for each coverage that was asked for; `None` for a series of less than
    /// three values, which tells no width.
    pub intervals: Option<Vec<(f64, f64)>>,
}

/// A model that was tried.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// Which.
    pub model: Model,
    /// Its name, with the form that was chosen if it has several: `ETS(M,Ad,M)`.
    pub name: String,
    /// The mean size of its errors on the past, in the unit of the series; `None` if the
    /// past was too short.
    pub error: Option<f64>,
    /// Whether the forecast is made of it: it is the median of all that are.
    pub used: bool,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    /// As many as were asked for.
    pub steps: Vec<Step>,
    /// What was tried.
    pub trials: Vec<Trial>,
    /// The cycles that were found or given, shortest first.
    pub periods: Vec<Period>,
    /// At how many places of the past it was tried.
    pub origins: usize,
    /// The mean size of its errors there, in the unit of the series.
    pub error: Option<f64>,
}

/// Tells what comes behind `values`.
pub fn forecast(values: &[f64], options: &Options) -> Result<Forecast, ForecastError> {
    let gaps = check(values, options)?;
    let scaled = Scaled::new(values.iter().copied());
    let prepared = Prepared::new(&scaled.values, options.periods.as_deref());
    let horizon = gaps + options.horizon;
    let lengths = prepared.lengths();
    let (choice, forecast) = Choice::new(&prepared.values, &lengths, horizon, options.model)
        .ok_or(ForecastError::Model)?;
    let step = |(step, value): (usize, &f64)| {
        let bounds = |coverage: &f64| {
            let width = choice.spread.as_ref()?.half_width(step + 1, *coverage);
            Some((scaled.restore(value - width), scaled.restore(value + width)))
        };
        let intervals = options.coverages.iter().map(bounds).collect();
        Step { value: scaled.restore(*value), intervals }
    };
    let trial = |tried: &choose::Tried| Trial {
        model: tried.chosen.model,
        name: tried.chosen.name(),
        error: tried.error.map(|error| scaled.restore(error)),
        used: tried.used,
    };
    Ok(Forecast {
        steps: forecast.iter().enumerate().skip(gaps).map(step).collect(),
        trials: choice.tried.iter().map(trial).collect(),
        periods: prepared.periods,
        origins: choice.origins,
        error: choice.error.map(|error| scaled.restore(error)),
    })
}

/// How many gaps there are at the end.
fn check(values: &[f64], options: &Options) -> Result<usize, ForecastError> {
    if values.len() > VALUES_MAX {
        return Err(ForecastError::TooLong);
    }
    let gaps = values.iter().rev().take_while(|value| !value.is_finite()).count();
    if gaps == values.len() {
        return Err(ForecastError::Empty);
    }
    if options.horizon == 0 || options.horizon > HORIZON_MAX || gaps + options.horizon > HORIZON_MAX
    {
        return Err(ForecastError::Horizon);
    }
    let periods = options.periods.as_deref().unwrap_or(&[]);
    if periods.len() > PERIODS_MAX || periods.iter().any(|period| *period < 2) {
        return Err(ForecastError::Periods);
    }
    let good = |coverage: &f64| (COVERAGE_MIN..=COVERAGE_MAX).contains(coverage);
    if options.coverages.len() > COVERAGES_MAX || !options.coverages.iter().all(good) {
        return Err(ForecastError::Coverage);
    }
    Ok(gaps)
}

/// A series without gaps, and its cycles.
struct Prepared {
    values: Vec<f64>,
    periods: Vec<Period>,
}

impl Prepared {
    /// `given`: the cycles, if they are not to be found.
    fn new(values: &[f64], given: Option<&[usize]>) -> Self {
        let straight = gaps::filled(values, None);
        let periods = match given {
            Some(given) => periods::measured(&straight, given),
            None => periods::find(&straight),
        };
        let values = match periods.last() {
            Some(longest) => gaps::filled(values, Some(longest.length)),
            None => straight,
        };
        Prepared { values, periods }
    }

    fn lengths(&self) -> Vec<usize> {
        self.periods.iter().map(|period| period.length).collect()
    }
}

#[cfg(test)]
mod tests;
