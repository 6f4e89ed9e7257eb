//! Calls of webhooks, on a way of their own: the handler that decides on one emits a message,
//! and the call is made by whoever is handed that message. So a webhook that is slow or gone
//! delays no alert and no action, and is tried again as its trigger says.
//!
//! The message names a rule, not a URL: who can write to the topic can have the webhooks of
//! the settings called, and no others.

use serde::{Deserialize, Serialize};

use super::host::{Host, HostError};
use super::rules::{Action, Rule, Url};

/// Where calls are emitted to, below `calls`.
pub const CALLS_TOPIC: &str = "calls/{device}/{name}";
/// The content type of such a message.
pub const CALL_MEDIA_TYPE: &str = "application/vnd.sedge.call+json";

/// What is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// Where to.
    pub url: &'a Url,
    /// The same whenever the same call is made again.
    pub idempotency_key: &'a str,
    /// Of the body.
    pub content_type: &'static str,
    /// The body.
    pub body: &'a [u8],
}

/// What a message about a call says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    rule: u64,
    key: String,
    body: String,
}

/// The message for a call.
pub fn message(rule: &Rule, key: String, body: String) -> Vec<u8> {
    // Strings and numbers; there is nothing that could fail.
    serde_json::to_vec(&Call { rule: rule.id, key, body }).unwrap_or_default()
}

/// Makes the call that a message asks for.
pub fn perform(host: &mut dyn Host, rules: &[Rule], payload: &[u8]) -> Result<(), HostError> {
    let wrong = |reason: String| HostError { reason, permanent: true };
    let call: Call = serde_json::from_slice(payload)
        .map_err(|error| wrong(format!("the message is no call: {error}")))?;
    let rule = rules.iter().find(|rule| rule.id == call.rule);
    let Some(Action::Call { url, .. }) = rule.map(|rule| &rule.action) else {
        return Err(wrong("the rule that wanted this call is not in the settings".to_owned()));
    };
    if call.key.len() > 200 || !call.key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(wrong("the key of the call is none".to_owned()));
    }
    let json = call.body.trim_start().starts_with(['{', '[']);
    let content_type = if json { "application/json" } else { "text/plain; charset=utf-8" };
    let body = call.body.as_bytes();
    host.call(&Request { url, idempotency_key: &call.key, content_type, body })
}
