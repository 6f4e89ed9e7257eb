//! Readings as JSON.
//!
//! Either an array of readings, or an object with `readings` and, if wanted,
//! `history` (an array of numbers) and `options` (the settings of
//! [`crate::settings`], by the same names). A reading is a number, or an object
//! with a value under [`VALUE_NAMES`] and perhaps a time under [`TIME_NAMES`].

use serde_json::Value;

use crate::problem::Problem;
use crate::readings::{READINGS_MAX, Readings, TIME_NAMES, VALUE_NAMES};
use crate::timestamp;

const KEYS: [&str; 3] = ["readings", "history", "options"];

/// A JSON body that is well formed; its readings are not looked at yet, for
/// its options may say which field to take.
pub struct Document {
    readings: Vec<Value>,
    history: Vec<Value>,
    options: Vec<(String, String)>,
}

/// Reads a JSON body as [`parse_document`] and [`Document::readings`] do.
pub fn parse_json(body: &[u8], field: Option<&str>) -> Result<Readings, Problem> {
    parse_document(body)?.readings(field)
}

/// Reads the outer shape of a JSON body. Fails on what is not JSON, with line
/// and column, and on keys and types that mean nothing here.
pub fn parse_document(body: &[u8]) -> Result<Document, Problem> {
    let value: Value = serde_json::from_slice(body).map_err(|error| {
        Problem::body(format!("the body is not JSON: {error}")).at_line(error.line().max(1))
    })?;
    let mut object = match value {
        Value::Array(readings) => {
            return Ok(Document { readings, history: Vec::new(), options: Vec::new() });
        }
        Value::Object(object) => object,
        other => {
            let detail = "the body must be an array of readings, or an object with `readings`";
            return Err(Problem::body(format!("{detail}, not {}", kind(&other))));
        }
    };
    if let Some(key) = object.keys().find(|key| !KEYS.contains(&key.as_str())) {
        let shown: String = key.chars().take(40).collect();
        let known = KEYS.map(|key| format!("`{key}`")).join(", ");
        return Err(Problem::body(format!("unknown key {shown:?}; known are {known}")));
    }
    let mut array = |key: &str, required: bool| match object.remove(key) {
        Some(Value::Array(values)) => Ok(values),
        None | Some(Value::Null) if !required => Ok(Vec::new()),
        None => Err(Problem::body(format!("the key `{key}` is missing"))),
        Some(other) => {
            Err(Problem::body(format!("`{key}` must be an array, not {}", kind(&other))))
        }
    };
    let (readings, history) = (array("readings", true)?, array("history", false)?);
    let options = match object.remove("options") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Object(options)) => {
            options.into_iter().map(|(name, value)| (name, plain(&value))).collect()
        }
        Some(other) => {
            return Err(Problem::body(format!(
                "`options` must be an object, not {}",
                kind(&other)
            )));
        }
    };
    Ok(Document { readings, history, options })
}

impl Document {
    /// The options as name and value, as they would stand in a query.
    pub fn options(&self) -> &[(String, String)] {
        &self.options
    }

    /// The readings, with the value of each from `field`, or from the first of
    /// [`VALUE_NAMES`] that the first reading has.
    ///
    /// Fails if there are too many, or if no reading has that field. Single
    /// bad readings are counted.
    pub fn readings(&self, field: Option<&str>) -> Result<Readings, Problem> {
        if self.history.len() > READINGS_MAX {
            let detail = format!("`history` has more than {READINGS_MAX} values");
            return Err(Problem::too_large(detail));
        }
        let objects = || self.readings.iter().filter_map(Value::as_object);
        let field = match field {
            Some(field) => {
                if objects().next().is_some() && !objects().any(|o| o.contains_key(field)) {
                    return Err(Problem::body(format!("no reading has the field {field:?}")));
                }
                field
            }
            None => VALUE_NAMES
                .into_iter()
                .find(|name| objects().any(|object| object.contains_key(*name)))
                .unwrap_or(VALUE_NAMES[0]),
        };
        let history = self.history.iter().map(|v| v.as_f64().unwrap_or(f64::NAN)).collect();
        let mut readings = Readings { history, field: field.to_owned(), ..Readings::default() };
        for reading in &self.readings {
            let (time_s, value) = match reading {
                Value::Object(object) => {
                    let time = TIME_NAMES.iter().find_map(|name| object.get(*name));
                    let value = match object.get(field) {
                        Some(value) => number(value),
                        None => Err(format!("the reading has no field {field:?}")),
                    };
                    (time.and_then(time_of), value)
                }
                value => (None, number(value)),
            };
            readings.push(time_s, value, 0)?;
        }
        Ok(readings)
    }
}

fn number(value: &Value) -> Result<f64, String> {
    match value {
        Value::Number(number) => {
            number.as_f64().ok_or_else(|| "the number is out of range".to_owned())
        }
        Value::String(text) => text.trim().parse().map_err(|_| {
            let shown: String = text.chars().take(40).collect();
            format!("{shown:?} is not a number")
        }),
        other => Err(format!("the value is {}, not a number", kind(other))),
    }
}

fn time_of(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => timestamp::from_number(number.as_f64()?),
        Value::String(text) => timestamp::parse(text),
        _ => None,
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bodies_that_are_refused() {
        for (body, field, line, word) in [
            ("", None, Some(1), "not JSON"),
            ("[1,\n2,", None, Some(2), "EOF"),
            ("[1, NaN]", None, Some(1), "column 5"),
            ("[1e999]", None, Some(1), "out of range"),
            ("7", None, None, "a number"),
            ("{}", None, None, "`readings` is missing"),
            (r#"{"readings": {}}"#, None, None, "an array, not an object"),
            (r#"{"readings": [], "history": 3}"#, None, None, "`history`"),
            (r#"{"readings": [], "options": []}"#, None, None, "`options`"),
            (r#"{"readings": [], "reading": []}"#, None, None, "unknown key \"reading\""),
            (r#"[{"temperature": 1}]"#, Some("humidity"), None, "no reading has"),
        ] {
            let problem = parse_json(body.as_bytes(), field).unwrap_err();
            assert_eq!((problem.status, problem.line), (400, line), "{body:?}: {problem:?}");
            assert!(problem.detail.contains(word), "{body:?}: {problem:?}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(parse_json(deep.as_bytes(), None).unwrap_err().status, 400);
        let many = format!("[{}1]", "1,".repeat(READINGS_MAX));
        assert_eq!(parse_json(many.as_bytes(), None).unwrap_err().status, 413);
        let long = format!(r#"{{"readings":[],"history":[{}1]}}"#, "1,".repeat(READINGS_MAX));
        assert_eq!(parse_json(long.as_bytes(), None).unwrap_err().status, 413);
    }

    #[test]
    fn bad_readings_are_counted_and_described() {
        let body = br#"{"readings": [1, null, "2", "x", [3], {"temperature": true}, {}],
            "history": [1, null, "2"]}"#;
        let readings = parse_json(body, None).unwrap();
        assert_eq!((readings.used(), readings.dropped()), (3, 7));
        let details: Vec<_> = readings.faults.iter().map(|f| (f.row, f.detail.as_str())).collect();
        assert_eq!(
            details,
            [
                (2, "the value is null, not a number"),
                (4, "\"x\" is not a number"),
                (5, "the value is an array, not a number"),
                (6, "the value is a boolean, not a number"),
                (7, "the reading has no field \"temperature\""),
            ]
        );
    }

    #[test]
    fn the_reading_of_the_seed() {
        let body = br#"{"readings": [
            {"timestamp": 1700000000, "temperature": 21.5, "humidity": 40, "pressure": 1013.2,
             "light_level": 300, "motion": false},
            {"timestamp": 1700000060000, "temperature": 21.6, "humidity": 41}],
            "history": [21.4, 21.5], "options": {"period": 24, "unit": "C"}}"#;
        let document = parse_document(body).unwrap();
        let given: Vec<_> =
            document.options().iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(given, [("period", "24"), ("unit", "C")]);
        let readings = document.readings(None).unwrap();
        assert_eq!(readings.history, [21.4, 21.5]);
        assert_eq!(readings.rows[1].value, 21.6);
        assert_eq!(readings.rows[1].time_s - readings.rows[0].time_s, 60.0);
        assert_eq!(document.readings(Some("humidity")).unwrap().rows[1].value, 41.0);
    }

    #[test]
    fn short_forms() {
        for (body, expected) in [
            ("[]", vec![]),
            ("[1, 2.5]", vec![1.0, 2.5]),
            (r#"[{"temp": 1}, {"temp": 2.5}]"#, vec![1.0, 2.5]),
            (r#"[{"time": "2010-01-01", "value": 1}]"#, vec![1.0]),
            (r#"{"readings": [3], "history": null, "options": null}"#, vec![3.0]),
        ] {
            let readings = parse_json(body.as_bytes(), None).unwrap();
            let values: Vec<f64> = readings.rows.iter().map(|row| row.value).collect();
            assert_eq!(values, expected, "{body}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(
            body in prop::collection::vec(any::<u8>(), 0..200),
            shaped in "(\\{|\\}|\\[|\\]|\"readings\"|\"temp\"|:|,|[0-9.e]{1,4}|null|\"| ){0,60}",
        ) {
            for body in [&body[..], shaped.as_bytes()] {
                if let Ok(readings) = parse_json(body, None) {
                    let all = readings.history.len() + readings.rows.len();
                    prop_assert_eq!(readings.used() + readings.dropped(), all);
                }
            }
        }
    }
}
