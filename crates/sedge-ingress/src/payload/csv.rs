//! Tables (RFC 4180) with a header.
//!
//! Wide: a column for each name, and perhaps `time`; an empty cell is no reading. Long: the
//! columns `name` and `value`, and perhaps `time` and `unit`, in any order; a row is a
//! reading.

use super::reading::check_name;
use super::record::Scalar;
use super::{PayloadError, PayloadLimits, Place, Problem, Reading, Time, Value};
use super::{decimal, plain, timestamp};
use csv::ByteRecord;
use std::borrow::Cow;
use std::sync::Arc;

mod quotes;

/// Which columns are which.
enum Shape {
    Wide { time: Option<usize> },
    Long { name: usize, value: usize, time: Option<usize>, unit: Option<usize> },
}

/// The header, and what is known from it.
struct Table<'l> {
    limits: &'l PayloadLimits,
    columns: Vec<String>,
    shape: Shape,
}

/// The readings of a table.
pub(super) fn readings(body: &[u8], limits: &PayloadLimits) -> Result<Vec<Reading>, PayloadError> {
    let text = std::str::from_utf8(body).map_err(|error| {
        let at = error.valid_up_to();
        let line = quotes::Lines::default().line_of(body, at);
        Problem::malformed("not UTF-8").at(Place::line(line, None).offset(at))
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    quotes::check(text)?;
    // Rows of other lengths are told here, with more than the library can tell.
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut lines = quotes::Lines::default();
    let mut row = ByteRecord::new();
    let mut table = None;
    let mut readings = Vec::new();
    let mut record = 0;
    while reader
        .read_byte_record(&mut row)
        .map_err(|_| Problem::malformed("not a table").at(Place::default()))?
    {
        let start = row.position().map_or(0, |position| position.byte() as usize);
        let line = lines.line_of(text.as_bytes(), start);
        match &table {
            None => table = Some(Table::of_header(&row, line, limits)?),
            Some(table) => {
                table.add(&row, Place::line(line, Some(record)), &mut readings)?;
                record += 1;
            }
        }
    }
    Ok(readings)
}

impl<'l> Table<'l> {
    fn of_header(
        row: &ByteRecord,
        line: usize,
        limits: &'l PayloadLimits,
    ) -> Result<Self, PayloadError> {
        let place = || Place::line(line, None);
        if row.len() > limits.fields_max {
            return Err(Problem::too_large("columns", limits.fields_max).at(place()));
        }
        let mut columns: Vec<String> = Vec::new();
        for cell in row {
            let name = cell_text(cell).trim().to_owned();
            check_name(&name, limits, || place().field(&name))?;
            if columns.contains(&name) {
                return Err(Problem::Duplicate.at(place().field(&name)));
            }
            columns.push(name);
        }
        if let [only] = columns.as_slice()
            && only.contains([';', '\t'])
        {
            let problem = Problem::expected("commas between the columns");
            return Err(problem.at(place().field(only)));
        }
        let find = |wanted| columns.iter().position(|name| name == wanted);
        let time = find(plain::TIME);
        let shape = match (find("name"), find("value")) {
            (Some(name), Some(value)) => {
                let unit = find("unit");
                let is_other = |column: &usize| {
                    *column != name
                        && *column != value
                        && Some(*column) != time
                        && Some(*column) != unit
                };
                if let Some(column) = (0..columns.len()).find(is_other) {
                    let expected = "no columns but `name`, `value`, `time` and `unit`";
                    return Err(Problem::expected(expected).at(place().field(&columns[column])));
                }
                Shape::Long { name, value, time, unit }
            }
            _ => Shape::Wide { time },
        };
        Ok(Table { limits, columns, shape })
    }

    /// The readings of a row.
    fn add(
        &self,
        row: &ByteRecord,
        place: Place,
        readings: &mut Vec<Reading>,
    ) -> Result<(), PayloadError> {
        if row.len() != self.columns.len() {
            let expected = format!("{} columns, found {}", self.columns.len(), row.len());
            return Err(Problem::expected(expected).at(place).hint("every row is as the header"));
        }
        let before = readings.len();
        match self.shape {
            Shape::Wide { time } => {
                let at = self.time(row, time, &place)?;
                for column in (0..row.len()).filter(|&column| Some(column) != time) {
                    let cell = cell_text(&row[column]);
                    if cell.is_empty() {
                        continue;
                    }
                    let value = self.value(&cell, column, &place)?;
                    let reading = Reading::new(&self.columns[column], Some(value));
                    self.push(Reading { time: at, ..reading }, readings, &place)?;
                }
            }
            Shape::Long { name: column, value, time, unit } => {
                let name = cell_text(&row[column]);
                check_name(&name, self.limits, || place.clone().field("name"))?;
                let cell = cell_text(&row[value]);
                if cell.is_empty() {
                    let problem = Problem::expected("a value");
                    return Err(problem.at(place.field("value")).hint("leave the row out"));
                }
                let value = self.value(&cell, value, &place)?;
                let time = self.time(row, time, &place)?;
                let unit = self.unit(row, unit, &place)?;
                let reading = Reading { time, unit, ..Reading::new(&name, Some(value)) };
                self.push(reading, readings, &place)?;
            }
        }
        if readings.len() == before {
            return Err(Problem::Empty.at(place).hint("leave the row out"));
        }
        Ok(())
    }

    fn push(
        &self,
        reading: Reading,
        readings: &mut Vec<Reading>,
        place: &Place,
    ) -> Result<(), PayloadError> {
        if readings.len() == self.limits.readings_max {
            let problem = Problem::too_large("readings", self.limits.readings_max);
            return Err(problem.at(place.clone()));
        }
        readings.push(reading);
        Ok(())
    }

    fn time(
        &self,
        row: &ByteRecord,
        column: Option<usize>,
        place: &Place,
    ) -> Result<Option<Time>, PayloadError> {
        let Some(column) = column else { return Ok(None) };
        let cell = cell_text(&row[column]);
        let cell = cell.trim();
        let scalar = match cell {
            "" => return Ok(None),
            cell if decimal::is_number(cell) => Scalar::Decimal(Cow::Borrowed(cell)),
            cell => Scalar::Text(Cow::Borrowed(cell)),
        };
        timestamp::unix_ns(&scalar)
            .map(|ns| Some(Time::Unix(ns)))
            .map_err(|problem| problem.at(place.clone().field(plain::TIME)))
    }

    fn unit(
        &self,
        row: &ByteRecord,
        column: Option<usize>,
        place: &Place,
    ) -> Result<Option<Arc<str>>, PayloadError> {
        let Some(column) = column else { return Ok(None) };
        let cell = cell_text(&row[column]);
        if cell.is_empty() {
            return Ok(None);
        }
        check_name(&cell, self.limits, || place.clone().field("unit"))?;
        Ok(Some(cell.as_ref().into()))
    }

    /// A number if it is written like one in JSON, a truth value if it is `true` or
    /// `false`, and text otherwise.
    fn value(&self, cell: &str, column: usize, place: &Place) -> Result<Value, PayloadError> {
        let at = |problem: Problem| problem.at(place.clone().field(&self.columns[column]));
        let trimmed = cell.trim();
        match trimmed {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ if decimal::is_number(trimmed) => {
                decimal::number(trimmed).map(Value::Number).map_err(at)
            }
            _ if ["nan", "inf", "+inf", "-inf"]
                .iter()
                .any(|no| trimmed.eq_ignore_ascii_case(no)) =>
            {
                let problem = Problem::range("not a finite number");
                Err(at(problem).hint("leave the cell empty"))
            }
            _ if cell.len() > self.limits.value_bytes_max => {
                Err(at(Problem::too_large("bytes of a text", self.limits.value_bytes_max)))
            }
            _ => Ok(Value::Text(cell.into())),
        }
    }
}

/// The text of a cell. The table as a whole is UTF-8, and commas and quotes are no parts
/// of other characters, so that nothing is replaced here.
fn cell_text(cell: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(cell)
}
