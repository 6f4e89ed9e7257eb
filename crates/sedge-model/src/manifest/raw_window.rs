//! Windows over messages, as they are written.

use crate::document::quantity;
use crate::document::schema::{share, size};
use crate::trigger::Start;
use crate::window::{Measure, Scope};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A window over messages of the node's log: what came within a time, of one key, becomes one
/// result. What is asked is written as `sql`, or as `from`, `key`, `time`, one of `tumble`,
/// `hop`, `cumulate`, `session` and `count`, and `aggregates`. Write one `[[window]]` for each.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["name"]))]
pub(super) struct RawWindow {
    /// Name, unique among the app's windows: lower-case letters, digits and `-`, 1 to 63
    /// characters.
    #[schemars(length(min = 1, max = 63), example = &"climate")]
    pub(super) name: String,
    /// What is asked, as SQL: one SELECT of one topic filter, grouped by fields and one window.
    #[schemars(length(min = 1, max = 16_384))]
    #[schemars(example = &"SELECT device, AVG(v) FROM \"plant/+\" GROUP BY device, TUMBLE(time, '10 s')")]
    pub(super) sql: Option<String>,
    /// Which topics, as filters of MQTT: `+` is one level, `#` all that are left.
    #[schemars(length(max = 64), inner(length(max = 1_024)))]
    #[schemars(extend("examples" = [["plant/+/climate"]]))]
    pub(super) from: Vec<String>,
    /// The fields that tell events apart, such as `device`; all events are of one key, if empty.
    #[schemars(length(max = 4), inner(length(min = 1, max = 255)))]
    #[schemars(extend("examples" = [["device"]]))]
    pub(super) key: Vec<String>,
    /// The field with an event's time. `time`, which it is if absent, is the payload's field of
    /// that name, or where it has none, the time of the message.
    #[schemars(length(min = 1, max = 255), extend("default" = "time"))]
    pub(super) time: Option<String>,
    /// Windows that follow each other.
    pub(super) tumble: Option<RawTumble>,
    /// Windows that overlap.
    pub(super) hop: Option<RawHop>,
    /// Windows that begin together and are told step by step.
    pub(super) cumulate: Option<RawCumulate>,
    /// Events no farther from their neighbors than a gap.
    pub(super) session: Option<RawSession>,
    /// The last events of a key by their number, as they came; time has no part in it.
    pub(super) count: Option<RawCount>,
    /// What is computed; at least one.
    #[schemars(length(max = 60))]
    pub(super) aggregates: Vec<RawAggregate>,
    /// The topic of the results; `windows/APP/NAME`, if absent.
    #[schemars(length(min = 1, max = 1_024), example = &"climate/mean")]
    pub(super) to: Option<String>,
    /// The topic of events that are in no window, each with its reason; `late/APP/NAME`, if
    /// absent.
    #[schemars(length(min = 1, max = 1_024), example = &"late/plant/climate")]
    pub(super) late: Option<String>,
    /// Whether results are published to clients of the node's MQTT front, too.
    pub(super) publish: bool,
    /// Where a window begins that the node has not seen before.
    pub(super) start: Start,
    /// Which results are told: all, when their windows close, if absent.
    pub(super) emit: Option<RawEmit>,
    /// Whose clocks hold the watermark back.
    pub(super) scope: Scope,
    /// How much later than the latest event of its device an event may come.
    #[schemars(schema_with = "quantity::ms", range(min = 0, max = 31_622_400_000_u64))]
    pub(super) disorder_ms: u64,
    /// For how long after its end a window takes late events, and is told again with them.
    #[schemars(schema_with = "quantity::ms", range(min = 0, max = 31_622_400_000_u64))]
    pub(super) lateness_ms: u64,
    /// After which silence, by the node's clock, a device does not hold the watermark back; it
    /// always does, if absent.
    #[schemars(schema_with = "quantity::ms", range(min = 1, max = 31_622_400_000_u64))]
    #[schemars(example = 60_000)]
    pub(super) idle_ms: Option<u64>,
    /// How far behind the farthest device one may lie before it does not hold the watermark
    /// back; any distance, if absent.
    #[schemars(schema_with = "quantity::ms", range(min = 0, max = 31_622_400_000_u64))]
    #[schemars(example = 3_600_000)]
    pub(super) lag_ms_max: Option<u64>,
    /// How far ahead of the node's clock an event may lie.
    #[schemars(schema_with = "quantity::ms", range(min = 0, max = 31_622_400_000_u64))]
    pub(super) future_ms_max: u64,
    /// After which silence a key may be forgotten to make room for another.
    #[schemars(schema_with = "quantity::ms", range(min = 0, max = 31_622_400_000_u64))]
    pub(super) forget_ms: u64,
    /// Keys, at most; events of others are in no window.
    #[schemars(range(min = 1, max = 16_777_216))]
    pub(super) keys_max: u32,
    /// Devices of one watermark, at most; events of others are in no window.
    #[schemars(range(min = 1, max = 65_536))]
    pub(super) devices_max: u32,
    /// Bytes of all keys and their windows in memory, at most.
    #[schemars(schema_with = "quantity::bytes", range(min = 1_048_576, max = 17_179_869_184_u64))]
    pub(super) bytes_max: u64,
}

impl Default for RawWindow {
    fn default() -> Self {
        RawWindow {
            name: String::new(),
            sql: None,
            from: Vec::new(),
            key: Vec::new(),
            time: None,
            tumble: None,
            hop: None,
            cumulate: None,
            session: None,
            count: None,
            aggregates: Vec::new(),
            to: None,
            late: None,
            publish: false,
            start: Start::default(),
            emit: None,
            scope: Scope::default(),
            disorder_ms: 0,
            lateness_ms: 0,
            idle_ms: None,
            lag_ms_max: None,
            future_ms_max: 60_000,
            forget_ms: 86_400_000,
            keys_max: 100_000,
            devices_max: 1_000,
            bytes_max: 64 << 20,
        }
    }
}

/// Windows that follow each other.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["size_ms"]))]
pub(super) struct RawTumble {
    /// How long each is.
    #[schemars(schema_with = "quantity::ms", range(min = 1, max = 31_622_400_000_u64))]
    #[schemars(example = 10_000)]
    pub(super) size_ms: u64,
    /// Where one begins after 1970; less than `size_ms`.
    #[schemars(schema_with = "quantity::ms", range(min = 0, max = 31_622_400_000_u64))]
    pub(super) offset_ms: u64,
}

/// Windows that overlap.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["slide_ms", "size_ms"]))]
pub(super) struct RawHop {
    /// How far their beginnings lie apart.
    #[schemars(schema_with = "quantity::ms", range(min = 1, max = 31_622_400_000_u64))]
    #[schemars(example = 5_000)]
    pub(super) slide_ms: u64,
    /// How long each is; a multiple of `slide_ms`.
    #[schemars(schema_with = "quantity::ms", range(min = 1, max = 31_622_400_000_u64))]
    #[schemars(example = 30_000)]
    pub(super) size_ms: u64,
    /// Where one begins after 1970; less than `slide_ms`.
    #[schemars(schema_with = "quantity::ms", range(min = 0, max = 31_622_400_000_u64))]
    pub(super) offset_ms: u64,
}

/// Windows that begin together and are told step by step.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["step_ms", "size_ms"]))]
pub(super) struct RawCumulate {
    /// How much longer each is than the one before.
    #[schemars(schema_with = "quantity::ms", range(min = 1, max = 31_622_400_000_u64))]
    #[schemars(example = 60_000)]
    pub(super) step_ms: u64,
    /// How long the last one is; a multiple of `step_ms`.
    #[schemars(schema_with = "quantity::ms", range(min = 1, max = 31_622_400_000_u64))]
    #[schemars(example = 3_600_000)]
    pub(super) size_ms: u64,
    /// Where one begins after 1970; less than `size_ms`.
    #[schemars(schema_with = "quantity::ms", range(min = 0, max = 31_622_400_000_u64))]
    pub(super) offset_ms: u64,
}

/// Events no farther from their neighbors than a gap.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["gap_ms"]))]
pub(super) struct RawSession {
    /// How long nothing may come.
    #[schemars(schema_with = "quantity::ms", range(min = 1, max = 31_622_400_000_u64))]
    #[schemars(example = 30_000)]
    pub(super) gap_ms: u64,
}

/// The last events of a key by their number.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["size"]))]
pub(super) struct RawCount {
    /// How many events are one window, at most.
    #[schemars(range(min = 1, max = 4_294_967_295_u32), example = 100)]
    pub(super) size: u32,
    /// After how many there is one; `size`, if absent.
    #[schemars(range(min = 1, max = 4_294_967_295_u32), example = 10)]
    pub(super) slide: Option<u32>,
}

/// A number that is computed of a field's values, or of the events.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["compute"]))]
pub(super) struct RawAggregate {
    /// What is computed.
    #[schemars(example = Compute::Avg)]
    pub(super) compute: Compute,
    /// Of which field; `count` and `rate` are of the events, if absent.
    #[schemars(length(min = 1, max = 255), example = &"temperature")]
    pub(super) field: Option<String>,
    /// With `compute = "approx_percentile"`: the share of the values that lie below.
    #[schemars(schema_with = "share", example = 0.95)]
    pub(super) share: Option<f64>,
    /// How the column is called in results; as what is computed and the field, if absent:
    /// `avg_temperature`.
    #[schemars(length(min = 1, max = 255), example = &"mean")]
    pub(super) name: Option<String>,
}

/// What is computed of a field's values, in the words of SQL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Compute {
    /// How many there are.
    #[default]
    Count,
    /// Their sum.
    Sum,
    /// Their mean.
    Avg,
    /// Their variance as a sample.
    VarSamp,
    /// Their variance.
    VarPop,
    /// The square root of the variance as a sample.
    StddevSamp,
    /// The square root of the variance.
    StddevPop,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// The earliest by time.
    FirstValue,
    /// The latest by time.
    LastValue,
    /// How many different ones there are, to about 1.6 %.
    ApproxCountDistinct,
    /// The value below which a share lies, to a hundredth of itself.
    ApproxPercentile,
    /// How many there are for each second of the window.
    Rate,
}

impl Compute {
    /// As it is written, and what it means; a percentile with this share.
    pub(super) fn meaning(self, share: f64) -> (&'static str, Measure) {
        match self {
            Compute::Count => ("count", Measure::Count),
            Compute::Sum => ("sum", Measure::Sum),
            Compute::Avg => ("avg", Measure::Mean),
            Compute::VarSamp => ("var_samp", Measure::VarianceSample),
            Compute::VarPop => ("var_pop", Measure::VariancePopulation),
            Compute::StddevSamp => ("stddev_samp", Measure::DeviationSample),
            Compute::StddevPop => ("stddev_pop", Measure::DeviationPopulation),
            Compute::Min => ("min", Measure::Min),
            Compute::Max => ("max", Measure::Max),
            Compute::FirstValue => ("first_value", Measure::First),
            Compute::LastValue => ("last_value", Measure::Last),
            Compute::ApproxCountDistinct => ("approx_count_distinct", Measure::Distinct),
            Compute::ApproxPercentile => ("approx_percentile", Measure::Quantile(share)),
            Compute::Rate => ("rate", Measure::Rate),
        }
    }
}

/// Which results are told: those that have changed, or those that are anomalies.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawEmit {
    /// An aggregate, by the name of its column: a result is told if it differs from what was
    /// told of its key before, by at least the larger of `absolute` and `relative`.
    #[schemars(length(min = 1, max = 255), example = &"mean")]
    pub(super) change: Option<String>,
    /// With `change`: at least so much.
    #[schemars(schema_with = "size", example = 0.5)]
    pub(super) absolute: Option<f64>,
    /// With `change`: at least this share of what was told before.
    #[schemars(schema_with = "size", example = 0.1)]
    pub(super) relative: Option<f64>,
    /// An aggregate, by the name of its column: a result is told if it is an anomaly after the
    /// 64 results of its key before it.
    #[schemars(length(min = 1, max = 255), example = &"mean")]
    pub(super) anomaly: Option<String>,
    /// With `anomaly`: the least score.
    #[schemars(schema_with = "share", extend("default" = 0.8))]
    pub(super) score_min: Option<f64>,
}
