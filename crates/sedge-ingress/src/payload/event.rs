//! What a message says, as events: an object stays one, with all its fields.
//!
//! [`decode`](super::decode) takes an object apart into readings, each of which is stored by
//! itself; whoever relates the fields of one object to each other reads it here.

use super::record::{Field, Label, Record, Scalar};
use super::{Format, PayloadError, PayloadLimits, Place, Problem, Reading, Time, Value};
use super::{cbor, decimal, decode, json, plain, timestamp};

/// What messages without a media type, or with another one, must be.
const EXPECTED: &str = "JSON: a number, a truth value, an object or an array of objects";

/// What happened, as far as its message says.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// When.
    pub time: EventTime,
    /// Its fields but that of the time, in their order, each name once; `None` is null. What is
    /// nested is left out.
    pub fields: Vec<(Box<str>, Option<Value>)>,
}

/// When something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventTime {
    /// The message does not say.
    Absent,
    /// Nanoseconds since 1970.
    Unix(i64),
    /// What it says is no time.
    Unreadable,
}

impl Event {
    /// The value of a field; `None`: there is no such field.
    pub fn field(&self, name: &str) -> Option<Option<&Value>> {
        let found = self.fields.iter().find(|(field, _)| **field == *name);
        found.map(|(_, value)| value.as_ref())
    }
}

/// The events of a message, in its order, and at least one.
///
/// SenML has one for each of its records, with the fields `name`, `unit` and `value`, and one
/// by the record's own name with the value. JSON and CBOR have one for each object. What has
/// another media type, or none, is read as JSON, and may be a number or a truth value, which
/// is the field `value`. `received_unix_ns` is when the message came.
///
/// # Errors
/// The first thing that is wrong with the message. Then it has no events.
pub fn events(
    media_type: Option<&str>,
    body: &[u8],
    limits: &PayloadLimits,
    received_unix_ns: i64,
) -> Result<Vec<Event>, PayloadError> {
    let format = media_type.and_then(Format::of_media_type);
    let mut events = Vec::new();
    let mut sink = |record: &Record<'_>| {
        if events.len() == limits.readings_max {
            return Err(Problem::too_large("objects", limits.readings_max).at(record.place()));
        }
        events.push(of_record(record)?);
        Ok(())
    };
    match format {
        Some(format @ (Format::SenmlJson | Format::SenmlCbor)) => {
            let readings = decode(format, body, limits)?;
            return Ok(readings.into_iter().map(|one| of_reading(one, received_unix_ns)).collect());
        }
        Some(Format::Cbor) => cbor::records(body, limits, &mut sink)?,
        Some(Format::Csv) => {
            let expected = "JSON, CBOR or SenML; a table is taken as readings by HTTP";
            return Err(Problem::expected(expected).at(Place::default()));
        }
        Some(Format::Json) | None => match bare(body) {
            Some(value) => {
                let value = value.map_err(|problem| problem.at(Place::default()))?;
                let fields = vec![("value".into(), Some(value))];
                return Ok(vec![Event { time: EventTime::Absent, fields }]);
            }
            None => json::records(body, limits, &mut sink)?,
        },
    }
    match events.is_empty() {
        true => Err(Problem::Empty.at(Place::default())),
        false => Ok(events),
    }
}

/// Nanoseconds since 1970 of a time that is a number or a text, as the plain form has it;
/// `None` if it is none.
pub fn unix_ns(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => timestamp::unix_ns(&Scalar::Int(*number)).ok(),
        Value::Text(text) => timestamp::rfc3339_ns(text).ok(),
        Value::Bool(_) | Value::Bytes(_) => None,
    }
}

/// A message that is neither an object nor an array.
fn bare(body: &[u8]) -> Option<Result<Value, Problem>> {
    let text = str::from_utf8(body).ok().map(str::trim);
    match text {
        Some(text) if text.starts_with(['{', '[']) => None,
        Some("true") => Some(Ok(Value::Bool(true))),
        Some("false") => Some(Ok(Value::Bool(false))),
        Some(text) if decimal::is_number(text) => Some(decimal::number(text).map(Value::Number)),
        _ => Some(Err(Problem::expected(EXPECTED))),
    }
}

fn of_record(record: &Record<'_>) -> Result<Event, PayloadError> {
    let mut event = Event { time: EventTime::Absent, fields: Vec::new() };
    for field in &record.fields {
        let Label::Text(name) = &field.label else {
            let problem = Problem::Type { expected: "text as a name", found: "a number" };
            return Err(problem.at(record.place_of(field)));
        };
        if name == plain::TIME {
            event.time = match (&field.value, timestamp::unix_ns(&field.value)) {
                (Scalar::Null, _) => EventTime::Absent,
                (_, Ok(ns)) => EventTime::Unix(ns),
                (_, Err(_)) => EventTime::Unreadable,
            };
            continue;
        }
        let value = value(field).map_err(|problem| problem.at(record.place_of(field)))?;
        event.fields.extend(value.map(|value| (name.as_ref().into(), value)));
    }
    Ok(event)
}

/// The value of a field; `None` if it is nested.
fn value(field: &Field<'_>) -> Result<Option<Option<Value>>, Problem> {
    Ok(Some(match &field.value {
        Scalar::Null => None,
        Scalar::Bool(value) => Some(Value::Bool(*value)),
        Scalar::Text(text) => Some(Value::Text(text.as_ref().into())),
        Scalar::Bytes(bytes) => Some(Value::Bytes(bytes.as_ref().into())),
        Scalar::Int(_) | Scalar::Float(_) | Scalar::Decimal(_) => {
            Some(Value::Number(field.value.number()?))
        }
        Scalar::Time(ns) => Some(Value::Number(super::Number::Int(*ns))),
        Scalar::Other(_) => return Ok(None),
    }))
}

fn of_reading(reading: Reading, received_unix_ns: i64) -> Event {
    let time = reading.time.map(|time: Time| time.unix_ns(received_unix_ns));
    let time = match time {
        None => EventTime::Absent,
        Some(Some(ns)) => EventTime::Unix(ns),
        Some(None) => EventTime::Unreadable,
    };
    let name = reading.full_name();
    let unit = reading.unit.map(|unit| Value::Text(unit.as_ref().into()));
    let mut fields: Vec<(Box<str>, Option<Value>)> = vec![
        ("name".into(), Some(Value::Text(name.as_str().into()))),
        ("unit".into(), unit),
        ("value".into(), reading.value.clone()),
    ];
    // A sensor that is called as one of these has its value as `value`.
    if fields.iter().all(|(field, _)| **field != *name) {
        fields.push((name.into(), reading.value));
    }
    Event { time, fields }
}

#[cfg(test)]
mod tests {
    use super::super::Number;
    use super::*;
    use proptest::prelude::*;

    const SENML: Option<&str> = Some("application/senml+json");

    fn read(media_type: Option<&str>, body: &str) -> Result<Vec<Event>, PayloadError> {
        events(media_type, body.as_bytes(), &PayloadLimits::default(), 7_000_000_000)
    }

    fn int(number: i64) -> Option<Value> {
        Some(Value::Number(Number::Int(number)))
    }

    #[test]
    fn what_is_no_event_is_told() {
        let deep = "[".repeat(100_000);
        for (media_type, body) in [
            (None, ""),
            (None, "nan"),
            (None, "NaN"),
            (None, "\"text\""),
            (None, "null"),
            (None, "{"),
            (None, "[]"),
            (None, "[1]"),
            (None, "{\"a\":1,\"a\":2}"),
            (None, "{\"a\":1e400}"),
            (None, "{\"a\":NaN}"),
            (None, "1e999"),
            (None, &*deep),
            (SENML, "{}"),
            (SENML, "[{\"n\":\"a\"}]"),
            (Some("application/cbor"), "\u{1}"),
            (Some("text/csv"), "a\n1\n"),
        ] {
            assert!(read(media_type, body).is_err(), "{body:.40}");
        }
        assert!(events(None, b"\xff\xfe", &PayloadLimits::default(), 0).is_err());
        let limits = PayloadLimits { readings_max: 2, ..PayloadLimits::default() };
        assert!(events(None, b"[{},{}]", &limits, 0).is_ok());
        assert!(events(None, b"[{},{},{}]", &limits, 0).is_err());
    }

    #[test]
    fn objects_stay_whole() {
        let text = r#"[{"time": 2, "a": 1, "b": "x", "c": null, "d": {"e": [1]}}, {"time": "no"}]"#;
        let read = read(Some("application/json"), text).expect("two events");
        assert_eq!(read[0].time, EventTime::Unix(2_000_000_000));
        assert_eq!(read[0].field("a"), Some(int(1).as_ref()));
        assert_eq!(read[0].field("b"), Some(Some(&Value::Text("x".into()))));
        assert_eq!((read[0].field("c"), read[0].field("d")), (Some(None), None));
        assert_eq!(read[1].time, EventTime::Unreadable);
        // Of which an object may have more than there are readings of a message.
        let absent = super::events(None, b"{\"time\":null}", &PayloadLimits::default(), 0);
        assert_eq!(absent.expect("an event")[0].time, EventTime::Absent);
    }

    #[test]
    fn a_record_of_senml_has_its_value_by_two_names() {
        let text =
            r#"[{"bn":"oven/","n":"temp","t":1700000000,"u":"Cel","v":21.5},{"n":"unit","v":3}]"#;
        let read = read(SENML, text).expect("two events");
        let value = Value::Number(Number::Float(21.5));
        assert_eq!(read[0].time, EventTime::Unix(1_700_000_000_000_000_000));
        for name in ["value", "oven/temp"] {
            assert_eq!(read[0].field(name), Some(Some(&value)), "{name}");
        }
        assert_eq!(read[0].field("unit"), Some(Some(&Value::Text("Cel".into()))));
        // Without a time it is that of the receipt, or of nobody.
        assert_eq!(read[1].field("oven/unit"), Some(int(3).as_ref()));
    }

    #[test]
    fn a_bare_value_is_a_field() {
        for (text, value) in [
            (" 21 ", Value::Number(Number::Int(21))),
            ("-2.5e1", Value::Number(Number::Float(-25.0))),
            ("true", Value::Bool(true)),
        ] {
            let read = read(None, text).expect(text);
            assert_eq!(read[0].fields, [("value".into(), Some(value))], "{text}");
        }
    }

    #[test]
    fn times_are_those_of_the_plain_form() {
        let ms = Value::Number(Number::Int(1_700_000_000_123));
        assert_eq!(unix_ns(&ms), Some(1_700_000_000_123_000_000));
        let text = Value::Text("2026-11-28T09:00:00Z".into());
        assert_eq!(unix_ns(&text), Some(1_795_856_400_000_000_000));
        assert_eq!(unix_ns(&Value::Text("soon".into())), None);
        assert_eq!(unix_ns(&Value::Bool(true)), None);
        assert_eq!(unix_ns(&Value::Number(Number::Float(1e300))), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_events_or_told(
            body in prop::collection::vec(any::<u8>(), 0..200),
            media in prop::sample::select(vec![None, SENML, Some("application/cbor")]),
        ) {
            if let Ok(events) = events(media, &body, &PayloadLimits::default(), 0) {
                prop_assert!(!events.is_empty());
            }
        }
    }
}
