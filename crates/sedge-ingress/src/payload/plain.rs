//! The plain form of JSON and CBOR: objects whose fields are readings by their names, and
//! whose field `time`, if there is one, is when they were taken.

use super::reading::check_name;
use super::record::{Field, Label, Record, Scalar, Sink};
use super::timestamp;
use super::{PayloadError, PayloadLimits, Problem, Reading, Time, Value};

/// The name that stands for the time of a record's readings.
pub(super) const TIME: &str = "time";

/// The readings of all records that `source` delivers.
pub(super) fn readings(
    limits: &PayloadLimits,
    source: impl FnOnce(Sink<'_>) -> Result<(), PayloadError>,
) -> Result<Vec<Reading>, PayloadError> {
    let mut readings = Vec::new();
    source(&mut |record| add(record, limits, &mut readings))?;
    Ok(readings)
}

fn add(
    record: &Record<'_>,
    limits: &PayloadLimits,
    readings: &mut Vec<Reading>,
) -> Result<(), PayloadError> {
    let is_time = |field: &&Field<'_>| matches!(&field.label, Label::Text(name) if name == TIME);
    let time = record.fields.iter().find(is_time);
    let time = time
        .map(|field| timestamp::unix_ns(&field.value).map_err(|p| p.at(record.place_of(field))));
    let time = time.transpose()?.map(Time::Unix);
    let before = readings.len();
    for field in record.fields.iter().filter(|field| !is_time(field)) {
        if readings.len() == limits.readings_max {
            let problem = Problem::too_large("readings", limits.readings_max);
            return Err(problem.at(record.place_of(field)));
        }
        readings.push(Reading { time, ..reading(record, field, limits)? });
    }
    if readings.len() == before {
        return Err(Problem::Empty
            .at(record.place())
            .hint("an object has readings by their names"));
    }
    Ok(())
}

fn reading(
    record: &Record<'_>,
    field: &Field<'_>,
    limits: &PayloadLimits,
) -> Result<Reading, PayloadError> {
    let at = |problem: Problem| problem.at(record.place_of(field));
    let Label::Text(name) = &field.label else {
        return Err(at(Problem::Type { expected: "text as a name", found: "a number" }));
    };
    check_name(name, limits, || record.place_of(field))?;
    let value = match &field.value {
        Scalar::Null => None,
        Scalar::Bool(value) => Some(Value::Bool(*value)),
        Scalar::Text(text) => Some(Value::Text(text.as_ref().into())),
        Scalar::Bytes(bytes) => Some(Value::Bytes(bytes.as_ref().into())),
        Scalar::Int(_) | Scalar::Float(_) | Scalar::Decimal(_) => {
            let number = field.value.number().map_err(|problem| match problem {
                Problem::Range(_) => at(problem).hint("send it as text, or null for no value"),
                _ => at(problem),
            })?;
            Some(Value::Number(number))
        }
        Scalar::Time(_) | Scalar::Other(_) => {
            let expected = "a number, text, bytes, a truth value or null";
            let problem = Problem::Type { expected, found: field.value.kind() };
            return Err(at(problem).hint("what is nested needs names of its own, side by side"));
        }
    };
    Ok(Reading::new(name, value))
}
