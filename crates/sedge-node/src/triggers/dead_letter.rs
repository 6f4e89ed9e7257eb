//! What is kept of a message that was given up.

use crate::streams::envelope::Kind;
use crate::streams::{Envelope, Incoming};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use sedge_ingress::messages::Tried;
use sedge_services::streams::Message;
use serde_json::{Value, json};
use std::sync::Arc;

/// Characters of a reason that are kept.
const REASON_CHARS_MAX: usize = 1_024;

/// A message to the dead-letter topic: JSON that says why, and what the message was. A payload
/// that is no text is in base64, and one that is too large is left out.
pub(super) fn letter(
    function: &str,
    topic: &str,
    dead: &Tried<Arc<Message>>,
    reason: &str,
    now_ms: u64,
    bytes_max: usize,
) -> Incoming {
    let message = &dead.message;
    let reason: String = reason.chars().take(REASON_CHARS_MAX).collect();
    let told = json!({
        "function": function,
        "reason": reason,
        "tries": dead.failures,
        "time_ms": now_ms,
    });
    let payload = with_message(told, message, bytes_max);
    Incoming {
        topic: topic.to_owned(),
        device: function.to_owned(),
        number: None,
        time_ms: now_ms,
        envelope: Envelope {
            kind: Kind::Message,
            content_type: Some("application/json".to_owned()),
            key: message.key.clone(),
        },
        payload,
    }
}

/// What is told, with the message that it is about: JSON of so many bytes at most, unless it
/// has more without the message's payload.
pub(super) fn with_message(mut told: Value, message: &Message, bytes_max: usize) -> Bytes {
    told["message"] = json!({
        "position": message.position,
        "topic": message.topic,
        "device": message.device,
        "epoch": message.epoch,
        "sequence": message.sequence,
        "time_ms": message.time_ms,
        "content_type": message.content_type,
    });
    if !message.key.is_empty() {
        told["message"]["key_base64"] = STANDARD.encode(&message.key).into();
    }
    let (field, payload) = match str::from_utf8(&message.payload) {
        Ok(text) => ("payload", text.to_owned()),
        Err(_) => ("payload_base64", STANDARD.encode(&message.payload)),
    };
    told["message"][field] = payload.into();
    // Escapes make it longer than it was. It lies at its position as long as the log has that.
    if told.to_string().len() > bytes_max {
        told["message"][field] = json!(null);
        told["message"]["payload_omitted_bytes"] = message.payload.len().into();
    }
    told.to_string().into()
}
