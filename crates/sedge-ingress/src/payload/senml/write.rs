//! A reading as a resolved record (RFC 8428 §4.6), in JSON.

use crate::http::tls::base64;
use crate::payload::{Number, Reading, Value};
use serde_json::Value as Json;
use std::fmt::Write;

/// Times below, in seconds, are relative to now in SenML (RFC 8428 §4.5.3).
const ABSOLUTE_FROM_S: i64 = 1 << 28;

/// An array of one record: full name, unit, absolute time, value, sum, update time. Times are
/// in seconds, with as many digits as nanoseconds need. What a device sends belatedly has
/// `"historical":true`, a label that readers of SenML pass over.
///
/// `time_unix_ns`: when it was measured. SenML has no times before July 1978; one is left out.
pub fn senml_json(reading: &Reading, time_unix_ns: i64) -> String {
    let mut record = String::from("[{");
    let name = reading.full_name();
    if !name.is_empty() {
        field(&mut record, "n", &Json::from(name).to_string());
    }
    if let Some(unit) = &reading.unit {
        field(&mut record, "u", &Json::from(&**unit).to_string());
    }
    if time_unix_ns / 1_000_000_000 >= ABSOLUTE_FROM_S {
        field(&mut record, "t", &seconds(time_unix_ns));
    }
    match &reading.value {
        None => {}
        Some(Value::Number(value)) => field(&mut record, "v", &number(*value)),
        Some(Value::Bool(value)) => field(&mut record, "vb", &value.to_string()),
        Some(Value::Text(value)) => {
            field(&mut record, "vs", &Json::from(&**value).to_string());
        }
        Some(Value::Bytes(value)) => {
            // The alphabet for URLs, without padding (§5).
            let text = base64(value).replace('+', "-").replace('/', "_");
            field(&mut record, "vd", &format!("\"{}\"", text.trim_end_matches('=')));
        }
    }
    if let Some(sum) = reading.sum {
        field(&mut record, "s", &number(sum));
    }
    if let Some(update) = reading.update_time_ns {
        field(&mut record, "ut", &seconds(update));
    }
    if reading.historical {
        field(&mut record, "historical", "true");
    }
    record.push_str("}]");
    record
}

fn field(record: &mut String, label: &str, value: &str) {
    if !record.ends_with('{') {
        record.push(',');
    }
    // Writing to a text does not fail.
    let _ = write!(record, "\"{label}\":{value}");
}

/// As JSON has it; a float is finite.
fn number(number: Number) -> String {
    match number {
        Number::Int(int) => int.to_string(),
        Number::Uint(int) => int.to_string(),
        Number::Float(float) => Json::from(float).to_string(),
    }
}

/// Nanoseconds as a decimal number of seconds.
fn seconds(ns: i64) -> String {
    let sign = if ns < 0 { "-" } else { "" };
    let (whole, part) = (ns.unsigned_abs() / 1_000_000_000, ns.unsigned_abs() % 1_000_000_000);
    let digits = format!("{part:09}");
    match digits.trim_end_matches('0') {
        "" => format!("{sign}{whole}"),
        digits => format!("{sign}{whole}.{digits}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::{Format, PayloadLimits, Time, decode};
    use proptest::prelude::*;

    const NOW: i64 = 1_732_800_000_000_000_000;

    fn again(reading: &Reading, time: i64) -> Reading {
        let written = senml_json(reading, time);
        let read = decode(Format::SenmlJson, written.as_bytes(), &PayloadLimits::default());
        read.unwrap_or_else(|error| panic!("{written}: {error}")).remove(0)
    }

    #[test]
    fn a_reading_is_written_with_all_that_is_known_of_it() {
        let pack = br#"[{"bn":"urn:dev:a:","n":"temp","u":"Cel","t":1732800000.5,"v":21.5,"s":3,"ut":60}]"#;
        let mut reading =
            decode(Format::SenmlJson, pack, &PayloadLimits::default()).expect("a pack").remove(0);
        reading.historical = true;
        assert_eq!(
            senml_json(&reading, NOW + 500_000_000),
            r#"[{"n":"urn:dev:a:temp","u":"Cel","t":1732800000.5,"v":21.5,"s":3,"ut":60,"historical":true}]"#
        );
        // There is no such time in SenML.
        assert!(!senml_json(&reading, 7).contains("\"t\""));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_it_was(
            name in "[A-Za-z0-9][A-Za-z0-9:._/-]{0,20}",
            value in prop_oneof![
                any::<i64>().prop_map(|int| Value::Number(Number::Int(int))),
                any::<f64>().prop_filter("finite", |float| float.is_finite())
                    .prop_map(|float| Value::Number(Number::Float(float))),
                any::<bool>().prop_map(Value::Bool),
                ".{0,20}".prop_map(|text| Value::Text(text.into())),
                prop::collection::vec(any::<u8>(), 0..20)
                    .prop_map(|bytes| Value::Bytes(bytes.into())),
            ],
            ns in 0i64..1_000_000_000,
        ) {
            let pack = format!(r#"[{{"n":"{name}","v":0}}]"#);
            let limits = PayloadLimits::default();
            let mut reading =
                decode(Format::SenmlJson, pack.as_bytes(), &limits).expect("a pack").remove(0);
            reading.value = Some(value);
            let read = again(&reading, NOW + ns);
            prop_assert_eq!(read.time, Some(Time::Unix(NOW + ns)));
            match (&read.value, &reading.value) {
                // An integral float comes back as an integer.
                (Some(Value::Number(a)), Some(Value::Number(b))) => {
                    prop_assert_eq!(a.as_f64(), b.as_f64());
                }
                (a, b) => prop_assert_eq!(a, b),
            }
            prop_assert_eq!(read.full_name(), reading.full_name());
        }
    }
}
