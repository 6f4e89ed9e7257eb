//! What starts a function besides requests, as it is written.

use crate::document::quantity;
use crate::trigger::{Ordered, Start};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What starts the function besides requests: messages, the clock, MQTT clients that want to be
/// let in, or several of these.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawTrigger {
    /// Messages of the node's log.
    pub(super) message: Option<RawMessage>,
    /// Times; write one `[[function.trigger.schedule]]` for each.
    #[schemars(length(max = 64))]
    pub(super) schedule: Vec<RawSchedule>,
    /// Whether the function says who MQTT clients are: a node whose configuration names it in
    /// `broker.authenticate` asks it. It answers requests, and needs no route for that.
    pub(super) authenticate: bool,
}

/// Messages of some topics are handed to the function in batches. What it could not handle is
/// tried again, and given up in the end.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["topics"]))]
pub(super) struct RawMessage {
    /// Which topics, as filters of MQTT: `+` is one level, `#` all that are left. A message
    /// that several match is handed over once.
    #[schemars(length(min = 1, max = 64), inner(length(max = 1_024)))]
    #[schemars(extend("examples" = [["plant/+/pressure"]]))]
    pub(super) topics: Vec<String>,
    /// Where a trigger begins that the node has not seen before.
    pub(super) start: Start,
    /// Which messages wait for those before them.
    pub(super) ordered: Ordered,
    /// Messages in one batch, at most.
    #[schemars(range(min = 1, max = 4_096))]
    pub(super) batch_messages_max: u32,
    /// Bytes of one batch's payloads and keys, at most; a larger message is a batch by itself.
    #[schemars(schema_with = "quantity::bytes", range(min = 1_024, max = 67_108_864))]
    pub(super) batch_bytes_max: u64,
    /// How long a batch that is not full waits for more messages.
    #[schemars(schema_with = "quantity::ms", range(min = 0, max = 60_000))]
    pub(super) batch_wait_ms: u64,
    /// Batches that are handled at one time, at most.
    #[schemars(range(min = 1, max = 256))]
    pub(super) concurrency_max: u32,
    /// Messages that are read beyond the first that is not settled, at most.
    #[schemars(range(min = 1, max = 65_536))]
    pub(super) window_messages_max: u32,
    /// How often a message that was not handled is tried again.
    #[schemars(range(min = 0, max = 1_000))]
    pub(super) retries_max: u32,
    /// Time before the first retry; each further one waits twice as long …
    #[schemars(schema_with = "quantity::ms", range(min = 1, max = 3_600_000))]
    pub(super) backoff_ms: u64,
    /// … and at most this.
    #[schemars(schema_with = "quantity::ms", range(min = 1, max = 86_400_000))]
    pub(super) backoff_ms_max: u64,
    /// The topic of the messages that were given up; `dead-letters/APP/FUNCTION`, if absent.
    #[schemars(length(min = 1, max = 1_024), example = &"dead-letters/plant/guard")]
    pub(super) dead_letters: Option<String>,
}

impl Default for RawMessage {
    fn default() -> Self {
        RawMessage {
            topics: Vec::new(),
            start: Start::default(),
            ordered: Ordered::default(),
            batch_messages_max: 64,
            batch_bytes_max: 1 << 20,
            batch_wait_ms: 0,
            concurrency_max: 4,
            window_messages_max: 1_024,
            retries_max: 5,
            backoff_ms: 100,
            backoff_ms_max: 60_000,
            dead_letters: None,
        }
    }
}

/// The function is called at certain times. Two calls of one schedule never run at one time.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["name", "cron"]))]
pub(super) struct RawSchedule {
    /// Name, unique among the function's schedules: lower-case letters, digits and `-`, 1 to
    /// 63 characters.
    #[schemars(length(min = 1, max = 63), example = &"nightly")]
    pub(super) name: String,
    /// When: minute, hour, day of the month, month and day of the week, as cron has them,
    /// perhaps with a second before them; or `@hourly`, `@daily`, `@weekly`, `@monthly`,
    /// `@yearly`.
    #[schemars(length(min = 1, max = 256), example = &"30 2 * * *")]
    pub(super) cron: String,
    /// In which time zone, by its name in the IANA database.
    #[schemars(length(min = 1, max = 64), example = &"Europe/Berlin")]
    pub(super) time_zone: String,
    /// What becomes of calls that could not be made in time, because the node was not running
    /// or the call before had not ended.
    pub(super) missed: RawMissed,
    /// With `missed = "all"`: of more missed calls than this, the latest are made.
    #[schemars(range(min = 1, max = 1_000), extend("default" = 100))]
    pub(super) missed_max: Option<u32>,
    /// Each call is made later by a part of this, always the same for one schedule, so that
    /// not all that is due at midnight begins at once.
    #[schemars(schema_with = "quantity::seconds", range(min = 0, max = 86_400))]
    pub(super) jitter_s: u32,
    /// How often a call that has failed is made again, before the next one is due.
    #[schemars(range(min = 0, max = 100))]
    pub(super) retries_max: u32,
    /// Time before the first of these; each further one waits twice as long.
    #[schemars(schema_with = "quantity::ms", range(min = 1, max = 3_600_000))]
    pub(super) backoff_ms: u64,
}

impl Default for RawSchedule {
    fn default() -> Self {
        RawSchedule {
            name: String::new(),
            cron: String::new(),
            time_zone: "UTC".to_owned(),
            missed: RawMissed::default(),
            missed_max: None,
            jitter_s: 0,
            retries_max: 3,
            backoff_ms: 1_000,
        }
    }
}

/// What becomes of missed calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawMissed {
    /// One call is made for all of them, as soon as it can be.
    #[default]
    Once,
    /// None is made.
    Skip,
    /// Each is made, one after the other.
    All,
}
