//! The readings of one request, as parsed and not yet judged.

use crate::problem::Problem;

/// More readings, or more history, than this are refused with 413.
pub const READINGS_MAX: usize = 100_000;

/// How many unreadable rows are described; the rest are only counted.
pub const FAULTS_MAX: usize = 20;

/// One reading.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// Seconds since 1970, NaN if the row does not say.
    pub time_s: f64,
    /// The value, NaN if the row has none that is a number.
    pub value: f64,
    /// The line of the body it came from, from 1; 0 for JSON.
    pub line: usize,
}

/// A row that could not be read, and was left out.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Fault {
    /// Which reading, from 1.
    pub row: usize,
    /// The line of the body, from 1; absent for JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// What was wrong with it.
    pub detail: String,
}

/// What a body holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Readings {
    /// Values before the readings, oldest first; NaN where one was no number.
    pub history: Vec<f64>,
    /// The readings, in the order of the body, bad ones included.
    pub rows: Vec<Reading>,
    /// What was wrong with the first [`FAULTS_MAX`] bad ones.
    pub faults: Vec<Fault>,
    /// The field or column that the values came from.
    pub field: String,
}

impl Readings {
    /// Adds a good or bad reading: a value that is not finite, or a reason why
    /// there is none, makes it a bad one. Fails with 413 past [`READINGS_MAX`].
    pub fn push(
        &mut self,
        time_s: Option<f64>,
        value: Result<f64, String>,
        line: usize,
    ) -> Result<(), Problem> {
        if self.rows.len() >= READINGS_MAX {
            let detail = format!("there are more than {READINGS_MAX} readings");
            return Err(Problem::too_large(detail).at_row(READINGS_MAX + 1));
        }
        let value = value.and_then(|value| {
            if value.is_finite() { Ok(value) } else { Err(format!("{value} is not finite")) }
        });
        let value = value.unwrap_or_else(|detail| {
            if self.faults.len() < FAULTS_MAX {
                let line = (line > 0).then_some(line);
                self.faults.push(Fault { row: self.rows.len() + 1, line, detail });
            }
            f64::NAN
        });
        self.rows.push(Reading { time_s: time_s.unwrap_or(f64::NAN), value, line });
        Ok(())
    }

    /// How many values of history and readings are numbers.
    pub fn used(&self) -> usize {
        self.values().filter(|value| value.is_finite()).count()
    }

    /// How many are not.
    pub fn dropped(&self) -> usize {
        self.values().filter(|value| !value.is_finite()).count()
    }

    /// History, then readings.
    pub fn values(&self) -> impl Iterator<Item = f64> + Clone + '_ {
        self.history.iter().copied().chain(self.rows.iter().map(|row| row.value))
    }

    /// Whether the values are temperatures, by the name of their field.
    pub fn are_temperatures(&self) -> bool {
        TEMPERATURE_NAMES.iter().any(|name| self.field.eq_ignore_ascii_case(name))
    }
}

/// Fields that hold a temperature.
pub const TEMPERATURE_NAMES: [&str; 2] = ["temperature", "temp"];

/// Fields that hold the value if none was asked for, best first.
pub const VALUE_NAMES: [&str; 3] = ["temperature", "temp", "value"];

/// Fields that hold the time, best first.
pub const TIME_NAMES: [&str; 5] = ["timestamp", "time", "datetime", "date", "ts"];
