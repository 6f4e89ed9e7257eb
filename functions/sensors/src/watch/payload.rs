//! What a message says: numbers with their names and times.
//!
//! A bare number, JSON (a number, an object of fields, an array of these), or SenML in JSON
//! ([`senml`]); by the content type, or without one by its look.

pub mod senml;

use serde_json::{Map, Value};

use super::filter::shown;
use crate::readings::{TIME_NAMES, VALUE_NAMES};
use crate::timestamp;

/// Longer payloads are refused.
pub const PAYLOAD_BYTES_MAX: usize = 256 * 1024;
/// How many numbers one message may hold.
pub const SAMPLES_MAX: usize = 500;
/// Longer names are refused.
pub const NAME_BYTES_MAX: usize = 256;
/// How many values may be wrapped in each other.
const WRAPPINGS_MAX: usize = 4;

/// What this function writes, and so does not read: its own results would be readings.
pub const RECORD_MEDIA_TYPE: &str = "application/vnd.sedge.sensor+json";

/// Which fields of an object are readings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Fields {
    /// The first of `temperature`, `temp` and `value` that it has.
    #[default]
    Usual,
    /// Those of these that it has.
    Named(Vec<String>),
    /// Every one that is a number, or null.
    All,
}

/// One number of a message.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// What it is called in the payload, if anything.
    pub name: Option<String>,
    /// The value; NaN says that the sensor had none.
    pub value: f64,
    /// Seconds since 1970, if the payload says.
    pub time_s: Option<f64>,
}

/// Reads a payload. `now_s` is when the message was said, seconds since 1970. Fails with a
/// sentence for people; without any sample there is nothing to be done.
pub fn read(
    payload: &[u8],
    content_type: Option<&str>,
    fields: &Fields,
    now_s: f64,
) -> Result<Vec<Sample>, String> {
    if payload.len() > PAYLOAD_BYTES_MAX {
        return Err(format!("the payload has more than {PAYLOAD_BYTES_MAX} bytes"));
    }
    let essence = content_type
        .map(|media| media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    match essence.as_deref() {
        Some("application/senml+json" | "application/sensml+json") => {
            return senml::read(&json(payload)?, now_s);
        }
        Some("application/json" | "text/json") => return objects(&json(payload)?, fields),
        None | Some("" | "text/plain" | "application/octet-stream") => {}
        Some(media) => {
            let media = shown(media);
            return Err(format!(
                "the content type {media:?} is not read; JSON, SenML and text are"
            ));
        }
    }
    if matches!(payload.trim_ascii_start().first(), Some(b'{' | b'[')) {
        let value = json(payload)?;
        if senml::looks_so(&value) { senml::read(&value, now_s) } else { objects(&value, fields) }
    } else {
        let text = str::from_utf8(payload).map_err(|_| "the payload is not text")?;
        // JSON of which nobody has said that it is.
        let value = if text.trim() == "null" { f64::NAN } else { text_number(text)? };
        Ok(vec![Sample { name: None, value, time_s: None }])
    }
}

fn json(payload: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(payload).map_err(|error| format!("the payload is not JSON: {error}"))
}

fn objects(value: &Value, fields: &Fields) -> Result<Vec<Sample>, String> {
    let mut samples = Vec::new();
    match value {
        Value::Array(readings) => {
            readings.iter().try_for_each(|reading| one(reading, fields, &mut samples))?;
        }
        reading => one(reading, fields, &mut samples)?,
    }
    Ok(samples)
}

fn one(reading: &Value, fields: &Fields, samples: &mut Vec<Sample>) -> Result<(), String> {
    let Value::Object(object) = reading else {
        return push(samples, None, number(reading, 0)?, None);
    };
    let time = TIME_NAMES.iter().find_map(|name| object.get(*name));
    let time_s = time.and_then(time_of);
    let before = samples.len();
    match fields {
        Fields::Usual => {
            if let Some((name, value)) =
                VALUE_NAMES.iter().find_map(|name| Some((*name, object.get(*name)?)))
            {
                push(samples, Some(name), named(name, value)?, time_s)?;
            }
        }
        Fields::Named(names) => {
            for name in names {
                if let Some(value) = object.get(name) {
                    push(samples, Some(name), named(name, value)?, time_s)?;
                }
            }
        }
        Fields::All => all(object, time_s, samples)?,
    }
    if samples.len() == before {
        let wanted = match fields {
            Fields::Usual => VALUE_NAMES.join(", "),
            Fields::Named(names) => shown(&names.join(", ")),
            Fields::All => "that is a number".to_owned(),
        };
        return Err(format!("the reading has no field {wanted}"));
    }
    Ok(())
}

/// What is no number, and does not look as if it were to be one, is something else.
fn all(
    object: &Map<String, Value>,
    time_s: Option<f64>,
    samples: &mut Vec<Sample>,
) -> Result<(), String> {
    for (name, value) in object {
        let wrapped = value.as_object().is_some_and(|inner| inner.contains_key("value"));
        let counts = value.is_number() || value.is_null() || wrapped;
        if counts && !TIME_NAMES.contains(&name.as_str()) {
            push(samples, Some(name), named(name, value)?, time_s)?;
        }
    }
    Ok(())
}

fn push(
    samples: &mut Vec<Sample>,
    name: Option<&str>,
    value: f64,
    time_s: Option<f64>,
) -> Result<(), String> {
    if samples.len() == SAMPLES_MAX {
        return Err(format!("the message has more than {SAMPLES_MAX} readings"));
    }
    if name.is_some_and(|name| name.len() > NAME_BYTES_MAX) {
        return Err(format!("a name has more than {NAME_BYTES_MAX} bytes"));
    }
    samples.push(Sample { name: name.map(str::to_owned), value, time_s });
    Ok(())
}

fn named(name: &str, value: &Value) -> Result<f64, String> {
    number(value, 0).map_err(|detail| format!("{:?}: {detail}", shown(name)))
}

/// A number, or a text that is one, or an object that wraps one in its `value`; null is
/// none, and so are NaN and infinity.
fn number(value: &Value, depth: usize) -> Result<f64, String> {
    match value {
        Value::Null => Ok(f64::NAN),
        Value::Number(number) => number.as_f64().ok_or_else(|| "it is out of range".to_owned()),
        Value::String(text) => text_number(text),
        Value::Object(object) if depth < WRAPPINGS_MAX => match object.get("value") {
            Some(value) => number(value, depth + 1),
            None => Err("it is an object without `value`".to_owned()),
        },
        Value::Bool(_) => Err("it is a boolean, not a number".to_owned()),
        Value::Array(_) | Value::Object(_) => {
            Err("it is a list or object, not a number".to_owned())
        }
    }
}

fn text_number(text: &str) -> Result<f64, String> {
    let number: f64 = text.trim().parse().map_err(|_| {
        format!("{:?} is not a number; send the number alone, without its unit", shown(text))
    })?;
    Ok(if number.is_finite() { number } else { f64::NAN })
}

fn time_of(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => timestamp::from_number(number.as_f64()?),
        Value::String(text) => timestamp::parse(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
