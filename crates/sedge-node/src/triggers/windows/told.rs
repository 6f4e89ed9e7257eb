//! What a window says: its results, and letters about what is in none of its windows.

use super::super::dead_letter::with_message;
use super::row::Reason;
use crate::streams::envelope::Kind;
use crate::streams::{Envelope, Incoming};
use bytes::Bytes;
use sedge_kit::windows::Fired;
use sedge_model::window::{ColumnValue, Measure, Window};
use sedge_services::streams::Message;
use serde_json::{Value, json};
use std::fmt::Write;

const JSON: &str = "application/json";
/// Events of one message that its letter names; the others are only counted there.
const EVENTS_MAX: usize = 100;
/// Characters of what is told of a message that cannot be read.
const DETAIL_CHARS_MAX: usize = 256;
/// Bytes of a payload that a letter leaves free, for its way by the state.
const MARGIN_BYTES: usize = 4 << 10;

/// A result as a message: JSON with the columns in their order, whether it replaces an earlier
/// one, and how surprising it is, if that was asked. It is said when the window ends.
pub(super) fn result(name: &str, window: &Window, fired: &Fired) -> Incoming {
    let key: Vec<Value> = serde_json::from_str(fired.key).unwrap_or_default();
    let mut text = String::from("{");
    let mut values = fired.values.iter();
    for column in &window.query.columns {
        let value = match &column.value {
            ColumnValue::Key(place) => key.get(*place).cloned().unwrap_or_default(),
            ColumnValue::Start => fired.start_ms.into(),
            ColumnValue::End => fired.end_ms.into(),
            ColumnValue::Aggregate { measure, .. } => {
                number(*measure, values.next().copied().flatten())
            }
        };
        let _ = write!(text, "{}:{value},", Value::from(column.name.as_str()));
    }
    let _ = write!(text, "\"late\":{}", fired.late);
    if let Some(score) = fired.score {
        let _ = write!(text, ",\"score\":{}", Value::from(score));
    }
    text.push('}');
    Incoming {
        topic: window.to.clone(),
        device: name.to_owned(),
        number: None,
        time_ms: u64::try_from(fired.end_ms.saturating_sub(1)).unwrap_or(0),
        envelope: Envelope {
            kind: if window.publish { Kind::Publish { retain: false } } else { Kind::Message },
            content_type: Some(JSON.to_owned()),
            key: Bytes::copy_from_slice(fired.key.as_bytes()),
        },
        payload: text.into(),
    }
}

fn number(measure: Measure, value: Option<f64>) -> Value {
    match (measure, value) {
        (_, None) => Value::Null,
        // They are whole, or an estimate of something that is.
        (Measure::Count | Measure::Distinct, Some(value)) => Value::from(value.round() as u64),
        (_, Some(value)) => Value::from(value),
    }
}

/// What of a message is in no window.
#[derive(Default)]
pub(super) struct Side {
    events: Vec<Value>,
    omitted: u64,
    reason: Option<&'static str>,
    detail: Option<String>,
}

impl Side {
    /// The message cannot be read.
    pub(super) fn of_format(detail: String) -> Self {
        let reason = Some(Reason::Format.name());
        let detail = Some(detail.chars().take(DETAIL_CHARS_MAX).collect());
        Side { reason, detail, ..Side::default() }
    }

    /// One of its events, by its place in the message.
    pub(super) fn add(&mut self, index: usize, reason: Reason, time_ms: Option<i64>) {
        self.reason.get_or_insert(reason.name());
        if self.events.len() >= EVENTS_MAX {
            self.omitted += 1;
            return;
        }
        self.events.push(json!({ "index": index, "reason": reason.name(), "time_ms": time_ms }));
    }

    /// The letter, if there is anything to tell.
    pub(super) fn letter(
        self,
        name: &str,
        window: &Window,
        message: &Message,
        now_ms: u64,
        payload_bytes_max: usize,
    ) -> Option<Incoming> {
        let reason = self.reason?;
        let mut told = json!({ "window": name, "reason": reason, "time_ms": now_ms });
        if let Some(detail) = self.detail {
            told["detail"] = detail.into();
        }
        if !self.events.is_empty() {
            told["events"] = self.events.into();
        }
        if self.omitted > 0 {
            told["events_omitted"] = self.omitted.into();
        }
        let bytes_max = payload_bytes_max.saturating_sub(MARGIN_BYTES);
        let mut payload = with_message(told, message, bytes_max);
        if payload.len() > payload_bytes_max {
            // Names that are mostly escapes, in a log of small records: where it lies is enough.
            let at = json!({ "position": message.position });
            let told =
                json!({ "window": name, "reason": reason, "time_ms": now_ms, "message": at });
            payload = told.to_string().into();
        }
        Some(Incoming {
            topic: window.late.clone(),
            device: name.to_owned(),
            number: None,
            time_ms: now_ms,
            envelope: Envelope {
                kind: Kind::Message,
                content_type: Some(JSON.to_owned()),
                key: message.key.clone(),
            },
            payload,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(more: &str) -> Window {
        let text = format!(
            "app.name = \"a\"\n[[window]]\nname = \"w\"\nsql = '''SELECT AVG(v) AS \"mean \
             \"\"q\", device, COUNT(*), window_start FROM t GROUP BY device, TUMBLE(time, '10 \
             s')'''\n{more}"
        );
        let path = std::path::Path::new("sedge.toml");
        let manifest = sedge_model::manifest::read(&text, path).expect("valid");
        let (_, window) = manifest.windows.into_iter().next().expect("a window");
        window
    }

    #[test]
    fn a_result_has_its_columns_in_their_order() {
        let values = [Some(2.5), Some(3.0)];
        let mut fired = Fired {
            key: "[\"oven\"]",
            start_ms: -10,
            end_ms: 0,
            late: true,
            count: 3,
            values: &values,
            score: Some(0.5),
        };
        let told = result("a/windows/w", &window("publish = true"), &fired);
        let text = str::from_utf8(&told.payload).expect("text");
        let wanted = r#""device":"oven","count":3,"window_start":-10,"late":true,"score":0.5}"#;
        assert!(text.ends_with(wanted), "{text}");
        let read: Value = serde_json::from_str(text).expect("JSON");
        assert_eq!(read.as_object().expect("an object").len(), 6, "{text}");
        assert_eq!((told.time_ms, told.envelope.kind), (0, Kind::Publish { retain: false }));
        // What cannot be written as JSON is null, as is what there is not.
        (fired.values, fired.score, fired.late) = (&[Some(f64::INFINITY), None], None, false);
        let told = result("a/windows/w", &window(""), &fired);
        let text = str::from_utf8(&told.payload).expect("text");
        assert!(text.contains(":null,\"device\":\"oven\",\"count\":null,"), "{text}");
        assert_eq!(told.envelope.kind, Kind::Message);
    }

    #[test]
    fn a_letter_says_what_and_why_and_is_bounded() {
        let message = Message {
            position: 4,
            topic: "t".to_owned(),
            device: "oven".to_owned(),
            epoch: 1,
            sequence: 2,
            time_ms: 3,
            key: Bytes::new(),
            content_type: None,
            payload: Bytes::from(vec![b'x'; 50_000]),
        };
        let window = window("");
        let letter =
            |side: Side, most: usize| side.letter("a/windows/w", &window, &message, 9, most);
        assert!(letter(Side::default(), 1 << 20).is_none());
        let mut side = Side::default();
        for index in 0..150 {
            side.add(index, Reason::Key, Some(7));
        }
        let told = letter(side, 1 << 20).expect("a letter");
        let read: Value = serde_json::from_slice(&told.payload).expect("JSON");
        assert_eq!((&read["reason"], &read["events_omitted"]), (&json!("key"), &json!(50)));
        assert_eq!(read["events"][3], json!({ "index": 3, "reason": "key", "time_ms": 7 }));
        assert_eq!(read["message"]["payload"].as_str().map(str::len), Some(50_000));
        let small = letter(Side::of_format("no".to_owned()), 20_000).expect("a letter");
        let read: Value = serde_json::from_slice(&small.payload).expect("JSON");
        assert_eq!(read["message"]["payload_omitted_bytes"], 50_000);
        assert_eq!((&read["detail"], &*small.topic), (&json!("no"), "late/a/w"));
        assert!(small.payload.len() < 20_000);
        let least = letter(Side::of_format("no".repeat(9_000)), 300).expect("a letter");
        let read: Value = serde_json::from_slice(&least.payload).expect("JSON");
        assert_eq!(
            (&read["message"], &read["reason"]),
            (&json!({ "position": 4 }), &json!("format"))
        );
    }
}
