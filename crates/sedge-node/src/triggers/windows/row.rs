//! What an event of a message is to a window: its key, whose clock it is of, when it happened,
//! and the values of the window's fields; or why it is in none.

use super::plan::Asked;
use sedge_ingress::payload::{Event, EventTime, Number, Value, unix_ns};
use sedge_kit::windows::{Scalar, Side};
use sedge_model::window::Query;
use sedge_services::streams::Message;
use serde_json::Value as Json;

/// An event as the operator takes it.
#[derive(Debug, PartialEq)]
pub(super) struct Row<'e> {
    /// A JSON array with the values of the key's fields: its name in the operator.
    pub(super) key: String,
    pub(super) time_ms: i64,
    pub(super) values: Vec<Option<Scalar<'e>>>,
}

/// Why an event is in no window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// Its message cannot be read.
    Format,
    /// It has none of the fields that something is computed of.
    Field,
    /// A field of its key is not there, is null or is no text, number or truth value.
    Key,
    /// What the operator says.
    Operator(Side),
}

/// The names of all reasons, as they are counted.
pub(super) const REASONS: [&str; 12] = [
    "format", "field", "key", "late", "future", "time", "name", "value", "keys", "devices",
    "windows", "bytes",
];

impl Reason {
    pub(super) fn name(self) -> &'static str {
        match self {
            Reason::Format => "format",
            Reason::Field => "field",
            Reason::Key => "key",
            Reason::Operator(side) => side.name(),
        }
    }
}

/// What an event is to a window.
///
/// # Errors
/// Why it is in none.
pub(super) fn row<'e>(
    query: &Query,
    asked: &Asked,
    message: &'e Message,
    event: &'e Event,
) -> Result<Row<'e>, Reason> {
    let mut key = Vec::with_capacity(query.key.len());
    for name in &query.key {
        // Who says something is known, whatever the message says of it.
        key.push(match &**name {
            "device" => Json::from(message.device.as_str()),
            "topic" => Json::from(message.topic.as_str()),
            name => event.field(name).flatten().and_then(json).ok_or(Reason::Key)?,
        });
    }
    let time_ms = time_ms(query, message, event).ok_or(Reason::Operator(Side::Time))?;
    let mut values = Vec::with_capacity(asked.fields.len());
    let mut has_any = asked.fields.is_empty();
    for (name, is_of_numbers) in &asked.fields {
        let field = match &**name {
            "device" => Some(Some(Scalar::Text(&message.device))),
            "topic" => Some(Some(Scalar::Text(&message.topic))),
            name => match event.field(name) {
                Some(Some(value)) => Some(Some(scalar(value).ok_or(BAD_VALUE)?)),
                Some(None) => Some(None),
                None => None,
            },
        };
        has_any |= field.is_some();
        let value = field.flatten();
        if *is_of_numbers && matches!(value, Some(Scalar::Text(_))) {
            return Err(BAD_VALUE);
        }
        values.push(value);
    }
    if !has_any {
        return Err(Reason::Field);
    }
    Ok(Row { key: Json::Array(key).to_string(), time_ms, values })
}

/// A value that nothing can be computed of.
const BAD_VALUE: Reason = Reason::Operator(Side::Value);

/// When it happened. `time` is what the message says of the event, or else when the message
/// was said; any other field must be there.
fn time_ms(query: &Query, message: &Message, event: &Event) -> Option<i64> {
    let ns = match (&*query.time, event.time) {
        ("time", EventTime::Unix(ns)) => ns,
        ("time", EventTime::Absent) => return i64::try_from(message.time_ms).ok(),
        ("time", EventTime::Unreadable) => return None,
        (name, _) => unix_ns(event.field(name)??)?,
    };
    Some(ns.div_euclid(1_000_000))
}

fn scalar(value: &Value) -> Option<Scalar<'_>> {
    match value {
        Value::Number(number) => Some(Scalar::Number(number.as_f64())),
        Value::Bool(value) => Some(Scalar::Number(u8::from(*value).into())),
        Value::Text(text) => Some(Scalar::Text(text)),
        Value::Bytes(_) => None,
    }
}

fn json(value: &Value) -> Option<Json> {
    match value {
        Value::Number(Number::Int(int)) => Some(Json::from(*int)),
        Value::Number(Number::Uint(int)) => Some(Json::from(*int)),
        Value::Number(Number::Float(float)) => Some(Json::from(*float)),
        Value::Bool(value) => Some(Json::from(*value)),
        Value::Text(text) => Some(Json::from(&**text)),
        Value::Bytes(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::asked;
    use super::*;
    use sedge_ingress::payload::{PayloadLimits, events};
    use sedge_model::window::Window;

    const SAID_MS: u64 = 1_700_000_000_000;

    fn message(payload: &'static str) -> Message {
        Message {
            position: 7,
            topic: "in/oven".to_owned(),
            device: "oven".to_owned(),
            epoch: 0,
            sequence: 0,
            time_ms: SAID_MS,
            key: Default::default(),
            content_type: None,
            payload: payload.into(),
        }
    }

    fn window(keys: &str, time: &str) -> Window {
        let text = format!(
            "app.name = \"a\"\n[[window]]\nname = \"w\"\nfrom = [\"in/#\"]\nkey = {keys}\ntime = \
             \"{time}\"\ntumble.size_ms = 10\naggregates = [{{ compute = \"avg\", field = \"v\" \
             }}, {{ compute = \"approx_count_distinct\", field = \"who\" }}]\n"
        );
        let path = std::path::Path::new("sedge.toml");
        let manifest = sedge_model::manifest::read(&text, path).expect("valid");
        let (_, window) = manifest.windows.into_iter().next().expect("a window");
        window
    }

    /// The key and the time of a payload's first event, or why it is in no window.
    fn check(window: &Window, payload: &'static str) -> Result<(String, i64), &'static str> {
        let (message, limits) = (message(payload), PayloadLimits::default());
        let asked = asked(window, 1 << 20);
        let read = events(None, payload.as_bytes(), &limits, 0).expect("events");
        let row = row(&window.query, &asked, &message, &read[0]);
        row.map(|row| (row.key, row.time_ms)).map_err(Reason::name)
    }

    #[test]
    fn what_is_in_no_window_has_a_reason() {
        let by_site = window("[\"site\"]", "at");
        for (payload, reason) in [
            (r#"{"at": 1, "v": 1}"#, "key"),
            (r#"{"at": 1, "v": 1, "site": null}"#, "key"),
            (r#"{"at": 1, "v": 1, "site": [1]}"#, "key"),
            (r#"{"v": 1, "site": "x"}"#, "time"),
            (r#"{"at": null, "v": 1, "site": "x"}"#, "time"),
            (r#"{"at": "soon", "v": 1, "site": "x"}"#, "time"),
            (r#"{"at": 1, "site": "x"}"#, "field"),
            (r#"{"at": 1, "site": "x", "v": [1]}"#, "field"),
            (r#"{"at": 1, "site": "x", "v": "hot"}"#, "value"),
        ] {
            assert_eq!(check(&by_site, payload), Err(reason), "{payload}");
        }
        let plain = window("[]", "time");
        assert_eq!(check(&plain, r#"{"time": "soon", "v": 1}"#), Err("time"));
    }

    #[test]
    fn keys_and_times_are_what_the_message_says_and_devices_who_says_it() {
        let all = window("[]", "time");
        assert_eq!(check(&all, r#"{"v": null}"#), Ok(("[]".to_owned(), SAID_MS as i64)));
        assert_eq!(check(&all, r#"{"v": true, "time": 5}"#), Ok(("[]".to_owned(), 5_000)));
        let many = window("[\"device\", \"site\", \"n\", \"topic\"]", "at");
        let payload = r#"{"device": "spoofed", "site": "é\"", "n": 3, "at": -1.5, "v": 1}"#;
        let key = r#"["oven","é\"",3,"in/oven"]"#.to_owned();
        assert_eq!(check(&many, payload), Ok((key, -1_500)));
    }

    #[test]
    fn every_reason_is_counted() {
        let of_operator = [
            Side::Late,
            Side::Future,
            Side::Time,
            Side::Name,
            Side::Value,
            Side::Keys,
            Side::Devices,
            Side::Windows,
            Side::Bytes,
        ];
        let own = [Reason::Format, Reason::Field, Reason::Key];
        let all = own.into_iter().chain(of_operator.into_iter().map(Reason::Operator));
        assert_eq!(all.map(Reason::name).collect::<Vec<_>>(), REASONS);
    }
}
