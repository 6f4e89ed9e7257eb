//! All that one call of a handler brings about.

use super::{
    CALL_BYTES_MAX, CALL_EFFECTS_MAX, CONTENT_TYPE_BYTES_MAX, KEY_BYTES_MAX, KeyedState,
    PAYLOAD_BYTES_MAX, STATE_KEY_BYTES_MAX, StateChange, Topics,
};
use bytes::Bytes;
use sedge_model::topic::{self, TopicFilter};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use thiserror::Error;

/// Publishes a message to whoever is there now; `true`: retained.
pub type AtOnce = Arc<dyn Fn(&str, Bytes, bool) + Send + Sync>;

/// Why nothing came of what a handler asked. The texts are fit for guests.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum StreamError {
    /// The manifest does not grant it.
    #[error("{0}")]
    AccessDenied(String),
    /// A name, key or option cannot be.
    #[error("{0}")]
    Invalid(String),
    /// More than one call may do, or larger than may be.
    #[error("{0}")]
    TooLarge(String),
    /// The call answers a request: it has no progress that a state could be committed with.
    #[error("a call that answers a request has no state; hint: keep it in a key-value namespace")]
    NoHandler,
    /// The node has failed.
    #[error("{0}")]
    Other(String),
}

/// What is appended to the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emitted {
    /// The topic.
    pub topic: String,
    /// What it is about.
    pub key: Bytes,
    /// The media type of its payload.
    pub content_type: Option<String>,
    /// What is said.
    pub payload: Bytes,
}

/// What is published to clients of MQTT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The topic.
    pub topic: String,
    /// What is said.
    pub payload: Bytes,
    /// Whether it is retained.
    pub retain: bool,
}

/// What a call has brought about, to be committed as one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// In their order.
    pub emitted: Vec<Emitted>,
    /// In their order.
    pub published: Vec<Published>,
    /// Each key once, in the order of the keys.
    pub state: Vec<StateChange>,
}

impl Effects {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.emitted.is_empty() && self.published.is_empty() && self.state.is_empty()
    }
}

/// A call under way: what it may do, and what it has done so far.
pub struct Transaction {
    grants: Arc<Topics>,
    at_once: Option<AtOnce>,
    state: Option<KeyedState>,
    /// The state's version when the call began.
    begun: u64,
    seen: BTreeSet<String>,
    changes: BTreeMap<String, Option<Bytes>>,
    effects: Effects,
    count: usize,
    bytes: usize,
}

impl Transaction {
    /// A call that begins now. `at_once`: where it may publish; `None`: nobody is there to
    /// publish to.
    pub fn begin(
        grants: &Arc<Topics>,
        state: Option<&KeyedState>,
        at_once: Option<AtOnce>,
    ) -> Self {
        Transaction {
            grants: Arc::clone(grants),
            at_once,
            begun: state.map_or(0, KeyedState::version),
            state: state.filter(|_| grants.state).cloned(),
            seen: BTreeSet::new(),
            changes: BTreeMap::new(),
            effects: Effects::default(),
            count: 0,
            bytes: 0,
        }
    }

    /// Appends a message to a topic, if all of it takes effect.
    ///
    /// # Errors
    /// It is not granted, cannot be, or is too much.
    pub fn emit(&mut self, emitted: Emitted) -> Result<(), StreamError> {
        check_topic(&emitted.topic, &self.grants.emit, "emit")?;
        check_bytes("a key", emitted.key.len(), KEY_BYTES_MAX)?;
        check_bytes("a payload", emitted.payload.len(), PAYLOAD_BYTES_MAX)?;
        if let Some(content_type) = &emitted.content_type {
            check_bytes("a content type", content_type.len(), CONTENT_TYPE_BYTES_MAX)?;
            if !content_type.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
                return Err(StreamError::Invalid("a content type is ASCII text".to_owned()));
            }
        }
        self.charge(emitted.topic.len() + emitted.key.len() + emitted.payload.len())?;
        self.effects.emitted.push(emitted);
        Ok(())
    }

    /// Publishes a message, if all of it takes effect.
    ///
    /// # Errors
    /// As [`Transaction::emit`], or there is nobody to publish to.
    pub fn publish(&mut self, published: Published) -> Result<(), StreamError> {
        self.check_published(&published)?;
        self.effects.published.push(published);
        Ok(())
    }

    /// Publishes a message now, whatever becomes of the call.
    ///
    /// # Errors
    /// As [`Transaction::publish`].
    pub fn publish_at_once(&mut self, published: Published) -> Result<(), StreamError> {
        self.check_published(&published)?;
        if let Some(at_once) = &self.at_once {
            at_once(&published.topic, published.payload, published.retain);
        }
        Ok(())
    }

    fn check_published(&mut self, published: &Published) -> Result<(), StreamError> {
        check_topic(&published.topic, &self.grants.publish, "publish")?;
        check_bytes("a payload", published.payload.len(), PAYLOAD_BYTES_MAX)?;
        if self.at_once.is_none() {
            let detail = "this node has no listener of MQTT clients, [[mqtt]] in its configuration";
            return Err(StreamError::Other(detail.to_owned()));
        }
        self.charge(published.topic.len() + published.payload.len())
    }

    /// The value of a key of the state, as this call has set it or else as it was.
    ///
    /// # Errors
    /// It is not granted, the key cannot be, or the node has failed.
    pub fn get(&mut self, key: &str) -> Result<Option<Bytes>, StreamError> {
        let state = self.state(key)?;
        if let Some(value) = self.changes.get(key) {
            return Ok(value.clone());
        }
        // Each is remembered until the end, to find out whether another call has changed it.
        if !self.seen.contains(key) {
            self.charge(key.len())?;
            self.seen.insert(key.to_owned());
        }
        state.get(key)
    }

    /// Sets a key of the state, or removes it.
    ///
    /// # Errors
    /// It is not granted, the key or value cannot be, or it is too much.
    pub fn set(&mut self, key: &str, value: Option<Bytes>) -> Result<(), StreamError> {
        self.state(key)?;
        let bytes = value.as_ref().map_or(0, Bytes::len);
        check_bytes("a value of the state", bytes, PAYLOAD_BYTES_MAX)?;
        self.charge(key.len() + bytes)?;
        self.changes.insert(key.to_owned(), value);
        Ok(())
    }

    fn state(&self, key: &str) -> Result<KeyedState, StreamError> {
        let Some(state) = self.state.clone() else {
            let is_granted = self.grants.state;
            return Err(match is_granted {
                true => StreamError::NoHandler,
                false => denied("state", "state = true"),
            });
        };
        if key.is_empty() {
            return Err(StreamError::Invalid("a key of the state is empty".to_owned()));
        }
        if key.starts_with('$') {
            let detail = "keys of the state that begin with `$` are the node's own";
            return Err(StreamError::Invalid(detail.to_owned()));
        }
        check_bytes("a key of the state", key.len(), STATE_KEY_BYTES_MAX)?;
        Ok(state)
    }

    fn charge(&mut self, bytes: usize) -> Result<(), StreamError> {
        if self.count == CALL_EFFECTS_MAX {
            let detail = format!("one call emits, publishes and keeps {CALL_EFFECTS_MAX} things");
            return Err(StreamError::TooLarge(detail));
        }
        if self.bytes + bytes > CALL_BYTES_MAX {
            let detail = format!("one call emits, publishes and keeps {CALL_BYTES_MAX} bytes");
            return Err(StreamError::TooLarge(detail));
        }
        self.count += 1;
        self.bytes += bytes;
        Ok(())
    }

    /// Whether another call has changed, since this one began, what it has read or set: then
    /// it must be run again.
    pub fn is_outdated(&self) -> bool {
        let keys = self.seen.iter().chain(self.changes.keys()).map(String::as_str);
        self.state.as_ref().is_some_and(|state| state.has_changed(self.begun, keys))
    }

    /// The state's version when the call began.
    pub fn begun(&self) -> u64 {
        self.begun
    }

    /// Keeps something of the node's own with what the call keeps: a key that begins with
    /// `$`.
    pub fn keep(&mut self, key: String, value: Bytes) {
        self.changes.insert(key, Some(value));
    }

    /// What is to be committed.
    pub fn end(self) -> Effects {
        let state = self.changes.into_iter().map(|(key, value)| StateChange { key, value });
        Effects { state: state.collect(), ..self.effects }
    }
}

fn check_topic(topic: &str, granted: &[TopicFilter], what: &str) -> Result<(), StreamError> {
    topic::check_name(topic).map_err(|error| StreamError::Invalid(format!("the topic {error}")))?;
    if granted.iter().any(|filter| filter.matches(topic)) {
        return Ok(());
    }
    Err(denied(&format!("topic {topic:?}"), &format!("{what} = [{topic:?}]")))
}

fn denied(what: &str, write: &str) -> StreamError {
    let detail = format!("the manifest does not grant the {what}; hint: capabilities.{write}");
    StreamError::AccessDenied(detail)
}

fn check_bytes(what: &str, bytes: usize, bytes_max: usize) -> Result<(), StreamError> {
    if bytes <= bytes_max {
        return Ok(());
    }
    Err(StreamError::TooLarge(format!("{what} has {bytes} bytes, but may have {bytes_max}")))
}
