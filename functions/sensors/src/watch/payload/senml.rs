//! SenML in JSON (RFC 8428): what the node's HTTP ingest writes, and devices themselves.
//!
//! Records that are text, bytes or truth values are no readings of a sensor like these, and
//! are passed over.

use serde_json::Value;

use super::{NAME_BYTES_MAX, SAMPLES_MAX, Sample};

/// Smaller times count from now (§4.5.3).
const RELATIVE_BELOW_S: f64 = 268_435_456.0;

/// Whether JSON without a content type is SenML: an array of objects, one of which has a
/// name or a base name.
pub(super) fn looks_so(value: &Value) -> bool {
    value.as_array().is_some_and(|records| {
        records.iter().any(|record| record.get("n").is_some() || record.get("bn").is_some())
    })
}

/// The numbers of a pack, with their full names and times.
pub(super) fn read(pack: &Value, now_s: f64) -> Result<Vec<Sample>, String> {
    let records = pack.as_array().ok_or("SenML is an array of records")?;
    if records.len() > SAMPLES_MAX {
        return Err(format!("the pack has more than {SAMPLES_MAX} records"));
    }
    let mut samples = Vec::new();
    let (mut base_name, mut base_time, mut base_value) = (String::new(), 0.0, None);
    for (index, record) in records.iter().enumerate() {
        let wrong = |detail: &str| format!("record {index}: {detail}");
        let fields = record.as_object().ok_or_else(|| wrong("must be an object"))?;
        if let Some(label) = fields.keys().find(|label| label.ends_with('_')) {
            return Err(wrong(&format!("the field {label:?} must be understood, and is not")));
        }
        let number = |label: &str| match fields.get(label) {
            None => Ok(None),
            Some(value) => value
                .as_f64()
                .map(Some)
                .ok_or_else(|| wrong(&format!("`{label}` must be a number"))),
        };
        let text = |label: &str| match fields.get(label) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(wrong(&format!("`{label}` must be text"))),
        };
        if let Some(name) = text("bn")? {
            name.clone_into(&mut base_name);
        }
        base_time = number("bt")?.unwrap_or(base_time);
        base_value = number("bv")?.or(base_value);
        let name = format!("{base_name}{}", text("n")?.unwrap_or_default());
        if name.len() > NAME_BYTES_MAX {
            return Err(wrong(&format!("its name has more than {NAME_BYTES_MAX} bytes")));
        }
        let time_s = base_time + number("t")?.unwrap_or(0.0);
        let time_s = if time_s < RELATIVE_BELOW_S { now_s + time_s } else { time_s };
        let other = ["vs", "vb", "vd", "s"].iter().any(|label| fields.contains_key(*label));
        let value = match (number("v")?, base_value) {
            (Some(value), base) => value + base.unwrap_or(0.0),
            (None, Some(base)) if !other => base,
            _ => continue,
        };
        let name = Some(name).filter(|name| !name.is_empty());
        samples.push(Sample { name, value, time_s: Some(time_s) });
    }
    Ok(samples)
}
