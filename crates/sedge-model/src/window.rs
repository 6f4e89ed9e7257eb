//! Windows over the messages of topics, as they are declared: which events are one window, and
//! what is computed of them.
//!
//! A declaration is a [`Query`], which a person writes as SQL ([`sql`]). What it means is in
//! `docs/concepts/windows.md`; `sedge_kit::windows` runs it.

pub mod sql;

/// No length of time is longer than this: a leap year.
pub const WINDOW_MS_MAX: u64 = 366 * 86_400_000;
/// The most columns of a query, and fields that they are of.
pub const COLUMNS_MAX: usize = 64;
/// The most fields that are the key together.
pub const KEY_FIELDS_MAX: usize = 4;

/// What is asked of a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// The topics, as one filter ([`crate::topic::TopicFilter`]).
    pub from: String,
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
