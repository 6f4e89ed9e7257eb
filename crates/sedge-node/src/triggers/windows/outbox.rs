//! What is to be said and was not yet, as it lies in a window's state.

use crate::streams::envelope::Kind;
use crate::streams::{Envelope, Incoming};
use bytes::{Buf, BufMut, Bytes, BytesMut};

/// What its keys begin with; those of the operator's parts never do.
const PREFIX: &str = "o/";
const PUBLISH: u8 = 1;
const CONTENT_TYPE: &str = "application/json";

/// Whether something under this key is to be said.
pub(super) fn is_key(key: &str) -> bool {
    key.starts_with(PREFIX)
}

/// Messages with keys that sort as they are to be said. The outbox is empty before.
pub(super) fn keyed(messages: Vec<Incoming>) -> Vec<(String, Incoming)> {
    let messages = messages.into_iter().enumerate();
    messages.map(|(index, message)| (format!("{PREFIX}{index:016x}"), message)).collect()
}

/// One byte for its kind, its time, the lengths of its topic and its key, these, and the
/// payload up to the end. All of it is JSON and said by the window.
pub(super) fn written(message: &Incoming) -> Bytes {
    let (topic, key) = (message.topic.as_bytes(), &message.envelope.key);
    let mut bytes = BytesMut::with_capacity(13 + topic.len() + key.len() + message.payload.len());
    bytes.put_u8(u8::from(message.envelope.kind != Kind::Message));
    bytes.put_u64_le(message.time_ms);
    // Topics have 1,024 bytes at most, and keys 512.
    bytes.put_u16_le(topic.len() as u16);
    bytes.put_u16_le(key.len() as u16);
    bytes.put_slice(topic);
    bytes.put_slice(key);
    bytes.put_slice(&message.payload);
    bytes.freeze()
}

/// What [`written`] gave; `None` if it is something else.
pub(super) fn read(device: &str, bytes: &Bytes) -> Option<Incoming> {
    let mut rest = bytes.clone();
    if rest.len() < 13 {
        return None;
    }
    let kind = match rest.get_u8() {
        0 => Kind::Message,
        PUBLISH => Kind::Publish { retain: false },
        _ => return None,
    };
    let time_ms = rest.get_u64_le();
    let (topic, key) = (usize::from(rest.get_u16_le()), usize::from(rest.get_u16_le()));
    if rest.len() < topic + key {
        return None;
    }
    let topic = String::from_utf8(rest.split_to(topic).to_vec()).ok()?;
    let key = rest.split_to(key);
    Some(Incoming {
        topic,
        device: device.to_owned(),
        number: None,
        time_ms,
        envelope: Envelope { kind, content_type: Some(CONTENT_TYPE.to_owned()), key },
        payload: rest,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_what_was_to_be_said() {
        for kind in [Kind::Message, Kind::Publish { retain: false }] {
            let content_type = Some(CONTENT_TYPE.to_owned());
            let message = Incoming {
                topic: "windows/a/é".to_owned(),
                device: "a/windows/w".to_owned(),
                number: None,
                time_ms: u64::MAX,
                envelope: Envelope { kind, content_type, key: Bytes::from_static(b"[1]") },
                payload: "{}".into(),
            };
            let bytes = written(&message);
            let again = read("a/windows/w", &bytes).expect("read");
            assert_eq!(format!("{again:?}"), format!("{message:?}"));
            for end in 0..bytes.len() {
                // Where it is cut, it is none, or has less of its payload.
                let cut = read("w", &bytes.slice(..end));
                assert!(cut.is_none_or(|cut| cut.payload.len() < 2), "{end}");
            }
        }
        assert!(read("w", &Bytes::from(vec![7; 40])).is_none());
    }

    #[test]
    fn keys_sort_as_their_messages_came() {
        let message = read("w", &Bytes::from(vec![0; 13])).expect("an empty one");
        let keys: Vec<_> = keyed(vec![message; 300]).into_iter().map(|(key, _)| key).collect();
        assert!(keys.is_sorted() && keys.iter().all(|key| is_key(key)));
        assert!(!is_key("k/o/") && !is_key("declared") && !is_key("s"));
    }
}
