//! What starts a function besides requests: messages of topics, the clock, and clients that want
//! to be let in.

use crate::cron::{Cron, Zone};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What starts one function; nothing, by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Triggers {
    /// Messages of some topics.
    pub message: Option<MessageTrigger>,
    /// Times; names unique.
    pub schedules: Vec<Schedule>,
    /// Whether it may be asked who MQTT clients are. It is by a request, so that this is
    /// nothing that reads the log.
    pub authenticate: bool,
}

impl Triggers {
    /// Whether neither messages nor the clock start the function.
    pub fn is_empty(&self) -> bool {
        self.message.is_none() && self.schedules.is_empty()
    }
}

/// How messages of the node's log are handed to a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageTrigger {
    /// Filters ([`crate::topic::TopicFilter`]), none of which begins with `$`; at least one.
    pub topics: Vec<String>,
    /// Where a trigger begins that the node has not seen before.
    pub start: Start,
    /// Messages in one batch, at most; not more than `window_messages_max`.
    pub batch_messages_max: u32,
    /// Bytes of one batch's payloads and keys, at most; a larger message is a batch by itself.
    pub batch_bytes_max: u64,
    /// How long a batch that is not full waits for more messages.
    pub batch_wait_ms: u64,
    /// Batches that are handled at one time, at most.
    pub concurrency_max: u32,
    /// Messages that are read beyond the first that is not settled, at most.
    pub window_messages_max: u32,
    /// How often a message that was not handled is tried again.
    pub retries_max: u32,
    /// Time before the first retry; each further one waits twice as long.
    pub backoff_ms: u64,
    /// Time before a retry, at most; not less than `backoff_ms`.
    pub backoff_ms_max: u64,
    /// The topic of messages that were given up; none that `topics` matches.
    pub dead_letters: String,
    /// Which messages wait for those before them.
    pub ordered: Ordered,
}

/// Where a trigger begins that the node has not seen before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    /// With the messages that come from now on.
    #[default]
    Latest,
    /// With the oldest message that the log still has.
    Earliest,
}

/// Which messages wait for those before them, and so are handled in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Ordered {
    /// Those of the same device and key.
    #[default]
    Device,
    /// Those of the same topic, whichever device they come from.
    Topic,
}

/// When a function is called by the clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Unique among the function's schedules: lower-case letters, digits and `-`, 1 to 63.
    pub name: String,
    /// When.
    pub cron: Cron,
    /// In which time zone.
    pub time_zone: Zone,
    /// What becomes of calls that could not be made in time.
    pub missed: Missed,
    /// Each call is made later by a part of this that is the same every time.
    pub jitter_s: u32,
    /// How often a call that has failed is made again, before the next one is due.
    pub retries_max: u32,
    /// Time before the first of these; each further one waits twice as long.
    pub backoff_ms: u64,
}

impl Schedule {
    /// The first time after `after_ms` at which a call is due, jitter aside; both in
    /// milliseconds since 1970. `None`: not before the year 9999.
    pub fn next(&self, after_ms: u64) -> Option<u64> {
        self.cron.next(&self.time_zone, after_ms)
    }
}

/// What becomes of calls that could not be made in time, because the node was not running or
/// the call before had not ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missed {
    /// One call is made for all of them, as soon as it can be.
    #[default]
    Once,
    /// None is made.
    Skip,
    /// Each is made, one after the other; of more than `calls_max`, the latest.
    All {
        /// At least 1.
        calls_max: u32,
    },
}
