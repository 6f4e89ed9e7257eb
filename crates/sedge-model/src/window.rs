//! Windows over the messages of topics, as they are declared: which events are one window, and
//! what is computed of them.
//!
//! What is asked is a [`Query`], which a person writes as SQL ([`sql`]) or as keys of a
//! `[[window]]` in the app manifest; a [`Window`] is that, and what becomes of its results.
//! What it means is in `docs/concepts/windows.md`; `sedge_kit::windows` runs it.

pub mod sql;

use crate::trigger::Start;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// No length of time is longer than this: a leap year.
pub const WINDOW_MS_MAX: u64 = 366 * 86_400_000;
/// The most columns of a query, and fields that they are of.
pub const COLUMNS_MAX: usize = 64;
/// The most fields that are the key together.
pub const KEY_FIELDS_MAX: usize = 4;

/// A window of an app: what is asked, and what becomes of the answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// Name, unique among the app's windows: lower-case letters, digits and `-`, 1 to 63.
    pub name: String,
    /// What is asked.
    pub query: Query,
    /// Where a window begins that the node has not seen before.
    pub start: Start,
    /// The topic of the results; no filter of [`Query::from`] matches it.
    pub to: String,
    /// The topic of what is in no window; no filter of [`Query::from`] matches it.
    pub late: String,
    /// Whether results are published to clients of the node's MQTT front, too.
    pub publish: bool,
    /// Which results are told.
    pub emit: Emit,
    /// Whose clocks hold the watermark back.
    pub scope: Scope,
    /// How much later than the latest event of its device an event may come.
    pub disorder_ms: u64,
    /// For how long after its end a window takes late events.
    pub lateness_ms: u64,
    /// After which silence a device does not hold the watermark back; `None`: it always does.
    pub idle_ms: Option<u64>,
    /// How far behind the farthest device one may lie before it does not hold the watermark
    /// back; `None`: any distance.
    pub lag_ms_max: Option<u64>,
    /// How far ahead of the node's clock an event may lie.
    pub future_ms_max: u64,
    /// After which silence a key may be forgotten to make room for another.
    pub forget_ms: u64,
    /// Keys, at most.
    pub keys_max: u32,
    /// Devices of one watermark, at most.
    pub devices_max: u32,
    /// Bytes of all keys and their windows in memory, at most.
    pub bytes_max: u64,
}

/// Which results are told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Emit {
    /// All of them, when their windows close.
    Close,
    /// Those that differ from what was told of their key before, by at least the larger of
    /// both.
    Change {
        /// The column that must differ, by its place in [`Query::columns`]: an aggregate.
        column: usize,
        /// At least this much, in its unit.
        absolute: f64,
        /// At least this share of what was told before.
        relative: f64,
    },
    /// Those that are surprising after the results before them.
    Anomaly {
        /// The column that must be, by its place in [`Query::columns`]: an aggregate.
        column: usize,
        /// The least score, 0 to 1.
        score_min: f64,
    },
}

/// Whose clocks hold a watermark back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Each key has a watermark of its own: the lowest of the devices that it heard of.
    #[default]
    Key,
    /// There is one watermark for all: the lowest of all devices.
    Stream,
}

/// What is asked of a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// The topics, as filters ([`crate::topic::TopicFilter`]); at least one.
    pub from: Vec<String>,
    /// The fields of which an event's key is made; none: all events are of one key.
    pub key: Vec<String>,
    /// The field of an event's time.
    pub time: String,
    /// Which events are one window.
    pub kind: Kind,
    /// What a result has, in this order; names unique.
    pub columns: Vec<Column>,
}

/// Which events are one window. Lengths in milliseconds, 1 to [`WINDOW_MS_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Windows that follow each other.
    Tumble {
        /// How long each is.
        size_ms: u64,
        /// Where one begins after 1970; less than `size_ms`.
        offset_ms: u64,
    },
    /// Windows that overlap.
    Hop {
        /// How far their beginnings lie apart.
        slide_ms: u64,
        /// How long each is; a multiple of `slide_ms`.
        size_ms: u64,
        /// Where one begins after 1970; less than `slide_ms`.
        offset_ms: u64,
    },
    /// Windows that begin together and are told step by step.
    Cumulate {
        /// How much longer each is than the one before.
        step_ms: u64,
        /// How long the last one is; a multiple of `step_ms`.
        size_ms: u64,
        /// Where one begins after 1970; less than `size_ms`.
        offset_ms: u64,
    },
    /// Events no farther from their neighbors than a gap.
    Session {
        /// How long nothing may come.
        gap_ms: u64,
    },
    /// The last `size` events of a key, every `slide` of them, as they came.
    Count {
        /// How many events are one window, at most; at least 1.
        size: u32,
        /// After how many there is one; 1 to `size`.
        slide: u32,
    },
}

/// One column of a result.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// How it is called.
    pub name: String,
    /// What it has.
    pub value: ColumnValue,
}

/// What a column has.
#[derive(Clone, Debug, PartialEq)]
pub enum ColumnValue {
    /// A field of the key, by its place in [`Query::key`].
    Key(usize),
    /// The first millisecond of the window.
    Start,
    /// The first millisecond after it.
    End,
    /// A number that is computed of a field, or of the events (`None`).
    Aggregate {
        /// What is computed.
        measure: Measure,
        /// Of which field.
        field: Option<String>,
    },
}

/// What is computed of a field's values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Measure {
    /// How many there are.
    Count,
    /// Their sum.
    Sum,
    /// Their mean.
    Mean,
    /// Their variance as a sample.
    VarianceSample,
    /// Their variance.
    VariancePopulation,
    /// The square root of the variance as a sample.
    DeviationSample,
    /// The square root of the variance.
    DeviationPopulation,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// The earliest by time.
    First,
    /// The latest by time.
    Last,
    /// The value below which this share lies, 0 to 1, to a hundredth of itself.
    Quantile(f64),
    /// How many different ones there are, to about 1.6 %.
    Distinct,
    /// How many there are for each second of the window.
    Rate,
}

impl Measure {
    /// Whether it is one of numbers, and means nothing of texts.
    pub fn is_of_numbers(self) -> bool {
        !matches!(self, Measure::Count | Measure::Distinct | Measure::Rate)
    }
}
