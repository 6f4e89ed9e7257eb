//! A message, from whoever publishes it to whoever gets it.

use bytes::Bytes;
use std::sync::Arc;

/// What was published (MQTT 5.0 §3.3). It is made once and shared by all who get it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Where it was published.
    pub topic: Arc<str>,
    /// What was said.
    pub payload: Bytes,
    /// 0, 1 or 2, as it was published.
    pub qos: u8,
    /// Whether it is kept for those who subscribe later; without a payload it ends that.
    pub retain: bool,
    /// When it was received, milliseconds since 1970.
    pub received_ms: u64,
    /// From when on it is not delivered any more, milliseconds since 1970.
    pub expires_ms: Option<u64>,
    /// The client that published it; empty: the server itself.
    pub publisher: Arc<str>,
    /// The rest of what its publisher told of it; most messages have none.
    pub properties: Option<Box<MessageProperties>>,
}

/// Properties that are passed on as they are (MQTT 5.0 §3.3.2.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageProperties {
    /// Whether the payload is said to be UTF-8.
    pub is_utf8: Option<bool>,
    /// What the payload is.
    pub content_type: Option<String>,
    /// Where an answer is expected.
    pub response_topic: Option<String>,
    /// What an answer is recognized by.
    pub correlation_data: Option<Bytes>,
    /// Names and values, in their order.
    pub user: Vec<(String, String)>,
}

impl Message {
    /// What it costs to keep: topic, payload, properties.
    pub fn bytes(&self) -> usize {
        let properties = self.properties.as_ref().map_or(0, |properties| {
            let user: usize = properties.user.iter().map(|(k, v)| k.len() + v.len()).sum();
            let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
            let correlation = properties.correlation_data.as_ref().map_or(0, Bytes::len);
            user + text(&properties.content_type) + text(&properties.response_topic) + correlation
        });
        self.topic.len() + self.payload.len() + properties
    }

    /// Whether it is too late to deliver it.
    pub fn is_expired(&self, now_ms: u64) -> bool {
        self.expires_ms.is_some_and(|expires| expires <= now_ms)
    }

    /// What is left of its time, seconds, rounded up, so that nothing that is still alive is
    /// sent with 0 (MQTT 5.0 §3.3.2.3.3).
    pub fn expires_in_s(&self, now_ms: u64) -> Option<u32> {
        let left = self.expires_ms?.saturating_sub(now_ms).div_ceil(1_000);
        Some(u32::try_from(left).unwrap_or(u32::MAX))
    }
}

/// A time from which a session or message is over: `now_ms` and so many seconds.
pub(crate) fn after_s(now_ms: u64, seconds: u32) -> u64 {
    now_ms.saturating_add(u64::from(seconds) * 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_a_messages_time_is_rounded_up() {
        let message = Message {
            topic: "a".into(),
            payload: Bytes::new(),
            qos: 0,
            retain: false,
            received_ms: 0,
            expires_ms: Some(2_000),
            publisher: "".into(),
            properties: None,
        };
        assert_eq!(message.expires_in_s(0), Some(2));
        assert_eq!(message.expires_in_s(1), Some(2));
        assert_eq!(message.expires_in_s(1_999), Some(1));
        assert!(!message.is_expired(1_999));
        assert!(message.is_expired(2_000));
        assert_eq!(after_s(u64::MAX, 1), u64::MAX);
    }
}
