//! What a handler of messages is given, and what it brings about.
//!
//! A [`Message`] comes in. What the handler emits, publishes and keeps is gathered in a
//! [`Transaction`], which whoever called it commits as one together with how far it has come,
//! or drops. [`KeyedState`] is what it keeps: what is committed and not yet in the tables, over
//! what is. A function that answers a request says things by its [`Output`].

mod keyed_state;
mod output;
mod transaction;

pub use keyed_state::{KeyedState, StateChange};
pub use output::{Append, Output};
pub use transaction::{AtOnce, Effects, Emitted, Published, StreamError, Transaction};

use bytes::Bytes;
use sedge_model::capability::TopicGrants;
use sedge_model::topic::TopicFilter;

/// Bytes of a key of a message.
pub const KEY_BYTES_MAX: usize = 512;
/// Bytes of the name of a media type.
pub const CONTENT_TYPE_BYTES_MAX: usize = 255;
/// Bytes of a key of a handler's state.
pub const STATE_KEY_BYTES_MAX: usize = 512;
/// Bytes of one payload, or of one value of a handler's state.
pub const PAYLOAD_BYTES_MAX: usize = 1 << 20;
/// Bytes of all that one call brings about.
pub const CALL_BYTES_MAX: usize = 2 << 20;
/// How many things one call may emit, publish and keep.
pub const CALL_EFFECTS_MAX: usize = 1_000;

/// What a function may say to others, and whether it may keep something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topics {
    /// Topics that it may append messages to.
    pub emit: Vec<TopicFilter>,
    /// Topics that it may publish to.
    pub publish: Vec<TopicFilter>,
    /// Whether it has a state.
    pub state: bool,
}

impl Topics {
    /// What a manifest grants; its reader has checked that the texts are filters.
    pub fn of(granted: &TopicGrants) -> Self {
        let filters = |texts: &[String]| {
            texts.iter().filter_map(|text| TopicFilter::parse(text).ok()).collect()
        };
        Topics {
            emit: filters(&granted.emit),
            publish: filters(&granted.publish),
            state: granted.state,
        }
    }
}

/// A message as it lies in a node's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Where it lies.
    pub position: u64,
    /// The topic that it belongs to.
    pub topic: String,
    /// Who said it.
    pub device: String,
    /// In which epoch of the device.
    pub epoch: u64,
    /// Its place in that.
    pub sequence: u64,
    /// When it was said, by the device's clock, milliseconds since 1970.
    pub time_ms: u64,
    /// What it is about.
    pub key: Bytes,
    /// The media type of its payload, if it is known.
    pub content_type: Option<String>,
    /// What was said.
    pub payload: Bytes,
}

/// Why a function is called by the clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tick {
    /// The schedule's name.
    pub name: String,
    /// When it was due, milliseconds since 1970.
    pub due_ms: u64,
    /// How many earlier ones were missed.
    pub missed: u64,
}

/// What a handler says of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All of it was handled.
    Handled,
    /// These were not, for these reasons.
    Failed(Vec<Failed>),
}

/// A message that was not handled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Its place in the batch.
    pub index: u32,
    /// For people.
    pub reason: String,
    /// Whether trying again makes no sense.
    pub permanent: bool,
}

#[cfg(test)]
mod tests;
