//! `[streams]`: the node's log of messages, and which MQTT messages it keeps.

use crate::document::{Draft, Invalid, quantity};
use crate::topic::TopicFilter;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What happens when the log of messages has no room for more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WhenStreamsFull {
    /// New records are refused until functions have read on, or age has removed some.
    #[default]
    Refuse,
    /// The oldest ones are dropped; a gap record says how many, and of whom.
    DropOldest,
}

/// Whether a record is brought to the disk before it is acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StreamsSync {
    /// It is: what was acknowledged survives a power cut.
    #[default]
    Always,
    /// It is only written: it survives a process that is killed, but a power cut may
    /// take what was acknowledged last, and with it what lies before.
    Never,
}

/// The log of messages, in the folder `streams` of the data folder: what HTTP ingest, MQTT
/// clients and functions hand to functions. It is made when something first needs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StreamsConfig {
    /// Bytes of its files. Beyond them, what all functions have read is removed; then
    /// `when_full` decides.
    #[schemars(
        schema_with = "quantity::bytes",
        range(min = 1_048_576, max = 17_592_186_044_416_u64)
    )]
    pub bytes_max: u64,
    /// How long records are kept, read or not; without it, age alone removes nothing.
    #[schemars(schema_with = "quantity::seconds", range(min = 1, max = 4_294_967_295_u32))]
    pub age_s_max: Option<u32>,
    /// What happens when there is no room.
    pub when_full: WhenStreamsFull,
    /// Whether a record is on the disk before it is acknowledged.
    pub sync: StreamsSync,
    /// The payload of a record; a larger one is refused.
    #[schemars(schema_with = "quantity::bytes", range(min = 1_024, max = 67_108_864))]
    pub record_bytes_max: u64,
    /// MQTT topic filters: messages that match one are kept, whether a function reads
    /// them or not. What functions' triggers match is kept besides.
    #[schemars(length(max = 256), inner(length(min = 1, max = 1_024)))]
    pub topics: Vec<String>,
    /// With it, what edge nodes of Sparkplug B publish by MQTT is read, and its metrics are
    /// kept as readings on `sparkplug/data/#`; whether nodes and devices are there, on
    /// `sparkplug/state/#`.
    pub sparkplug: Option<SparkplugConfig>,
}

/// How this node takes part in Sparkplug B as a host application (Sparkplug 3.0).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SparkplugConfig {
    /// Its identifier as a host application: whether it is there is published, retained,
    /// at `spBv1.0/STATE/<host>`, for edge nodes that wait for it. Without it, nothing is.
    #[schemars(length(min = 1, max = 256), example = &"gateway-1")]
    pub host: Option<String>,
    /// Whether an edge node is asked to be born again when what it sends cannot be read
    /// without a birth certificate that is missing, or when a message is.
    pub rebirth: bool,
}

impl Default for SparkplugConfig {
    fn default() -> Self {
        SparkplugConfig { host: None, rebirth: true }
    }
}

impl Default for StreamsConfig {
    fn default() -> Self {
        StreamsConfig {
            bytes_max: 4 << 30,
            age_s_max: None,
            when_full: WhenStreamsFull::Refuse,
            sync: StreamsSync::Always,
            record_bytes_max: 1 << 20,
            topics: Vec::new(),
            sparkplug: None,
        }
    }
}

/// Bytes that a record has beside its payload: names, numbers, its envelope.
const RECORD_MARGIN_BYTES: u64 = 4 << 10;

impl StreamsConfig {
    /// Bytes of a segment that records of this size need: an eighth of it is what may wait
    /// for the disk, and one record must fit into that.
    pub fn segment_bytes_min(&self) -> u64 {
        8 * (self.record_bytes_max + RECORD_MARGIN_BYTES)
    }

    /// The least `bytes_max`: a segment is a quarter of the log at most.
    pub fn bytes_min(&self) -> u64 {
        4 * self.segment_bytes_min()
    }
}

/// Checks what the schema cannot say.
pub(super) fn resolve(draft: &mut Draft, streams: StreamsConfig, has_mqtt: bool) -> StreamsConfig {
    let least = streams.bytes_min();
    if streams.bytes_max < least {
        let kib = least.div_ceil(1 << 10);
        let message =
            format!("`bytes_max` is too small for records of {} bytes", streams.record_bytes_max);
        let hint = format!("write at least \"{kib} KiB\", or a smaller record_bytes_max");
        let key = "/streams/bytes_max";
        let at = if draft.has(key) { key } else { "/streams/record_bytes_max" };
        draft.reject(at, Invalid::new(message, hint));
    }
    for (index, topic) in streams.topics.iter().enumerate() {
        if let Err(error) = TopicFilter::parse(topic) {
            let message = format!("the topic filter `{}` {error}", topic.escape_debug());
            let invalid = Invalid::new(message, error.hint());
            draft.reject(&format!("/streams/topics/{index}"), invalid);
        }
    }
    let Some(sparkplug) = &streams.sparkplug else { return streams };
    if !has_mqtt {
        let message = "`sparkplug` needs a listener of MQTT clients";
        let hint = "write [[mqtt]] with the address where edge nodes arrive";
        draft.reject("/streams/sparkplug", Invalid::new(message, hint));
    }
    if let Some(host) = &sparkplug.host
        && (host.is_empty() || host.chars().any(|c| matches!(c, '/' | '+' | '#') || c.is_control()))
    {
        let message = format!("`{}` is no identifier of a host", host.escape_debug());
        let hint = "it is one level of a topic: without `/`, `+` and `#`";
        draft.reject("/streams/sparkplug/host", Invalid::new(message, hint));
    }
    streams
}
