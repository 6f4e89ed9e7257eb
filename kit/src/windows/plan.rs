//! What a window operator is asked for.

use alloc::vec::Vec;

use super::accumulator::Need;
use super::assign::Aligned;
use crate::sketch::hash::xxh64;
use crate::state::Writer;

/// No length of time is longer than this: a leap year.
pub const MS_MAX: i64 = 366 * 86_400_000;
/// The last millisecond of the year 9999: no event is later.
pub const TIME_MS_MAX: i64 = 253_402_300_799_999;
/// The first millisecond of the year 1: no event is earlier.
pub const TIME_MS_MIN: i64 = -62_135_596_800_000;
/// The most panes that one window can be made of: minutes of a day.
pub const PANES_MAX: i64 = 1_440;
/// The most panes that one late event may make the operator merge again.
pub const LATE_MERGES_MAX: i64 = 65_536;
/// The most fields of an event.
pub const FIELDS_MAX: usize = 64;

/// Which events are one window. Lengths in milliseconds, 1 to [`MS_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Windows of `size_ms` that begin every `slide_ms` (a tumbling window if both are the
    /// same), at `offset_ms` after 1970 and multiples of `slide_ms` from there.
    Sliding {
        /// How long each is.
        size_ms: i64,
        /// How far their beginnings lie apart; at most `size_ms`.
        slide_ms: i64,
        /// Less than `slide_ms` from zero.
        offset_ms: i64,
    },
    /// Windows that begin every `size_ms` and are told every `step_ms` until they are full
    /// (CUMULATE of Flink's SQL).
    Cumulative {
        /// How long the last one is; a multiple of `step_ms`.
        size_ms: i64,
        /// How much longer each is than the one before.
        step_ms: i64,
        /// Less than `size_ms` from zero.
        offset_ms: i64,
    },
    /// Events no farther from their neighbors than `gap_ms`.
    Session {
        /// How long nothing may come.
        gap_ms: i64,
    },
    /// The last `size` events, every `slide` events, as they came; time has no part in it.
    Count {
        /// How many events are one window, at most.
        size: u32,
        /// After how many events there is one; at most `size`.
        slide: u32,
    },
}

impl Kind {
    /// Windows of `size_ms` that follow each other.
    pub fn tumbling(size_ms: i64) -> Self {
        Kind::Sliding { size_ms, slide_ms: size_ms, offset_ms: 0 }
    }
}

/// What is computed of a field's values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Measure {
    /// How many values there are; of no field, how many events.
    Count,
    /// Their sum.
    Sum,
    /// Their mean.
    Mean,
    /// Their variance as a sample (n − 1), `VAR_SAMP`; none of fewer than two.
    VarianceSample,
    /// Their variance (n), `VAR_POP`.
    VariancePopulation,
    /// The square root of [`Measure::VarianceSample`].
    DeviationSample,
    /// The square root of [`Measure::VariancePopulation`].
    DeviationPopulation,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// The earliest *by time*; of several at one time, the smallest.
    First,
    /// The latest *by time*; of several at one time, the largest.
    Last,
    /// The value below which this share lies (DDSketch, to a hundredth of itself).
    Quantile(f64),
    /// How many different ones there are (HyperLogLog, standard error 1.6 %).
    Distinct,
    /// Values (of no field: events) for each second of the window's length.
    Rate,
}

impl Measure {
    /// Whether it is one of numbers, and means nothing of texts.
    pub fn is_of_numbers(self) -> bool {
        !matches!(self, Measure::Count | Measure::Distinct | Measure::Rate)
    }
}

/// One number of a result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Aggregate {
    /// What is computed.
    pub measure: Measure,
    /// Of which field; `None`: of the events ([`Measure::Count`] and [`Measure::Rate`] only).
    pub field: Option<usize>,
}

/// Which results are told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Emit {
    /// All of them.
    Close,
    /// Those in which an aggregate differs from what was told of the key before, by at least
    /// the larger of both; having none where there was one is a difference, too.
    Change {
        /// The aggregate's place.
        of: usize,
        /// At least this much, in its unit.
        absolute: f64,
        /// At least this share of what was told before.
        relative: f64,
    },
    /// Those in which an aggregate is surprising after the 64 results before it, see
    /// [`crate::anomaly`].
    Anomaly {
        /// The aggregate's place.
        of: usize,
        /// The least score, 0 to 1.
        score_min: f64,
    },
}

/// Whose clocks hold a watermark back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Each key has a watermark: the lowest of the devices that it heard of. A bad clock is
    /// felt by the keys of its device only. It is Flink's rule for a job that has this key
    /// alone.
    Key,
    /// There is one watermark: the lowest of all devices, as Flink has it of the splits of a
    /// source.
    Stream,
}

/// How much there can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Keys; 1 to 2²⁴.
    pub keys_max: usize,
    /// Devices in a scope; 1 to 65,536.
    pub devices_max: usize,
    /// Panes or sessions of one key; at least what one window has, at most 65,536.
    pub panes_max: usize,
    /// Bytes of one key's windows in memory, from which on they take no more events; 1 KiB to
    /// 512 KiB.
    pub key_bytes_max: usize,
    /// Bytes of all keys and their windows in memory, from which on no event is taken.
    pub bytes_max: usize,
    /// Bytes of the name of a key or device; 1 to 1,024.
    pub name_bytes_max: usize,
}

/// 100,000 keys, 10,000 devices, 4,096 panes, 256 KiB of a key, 256 MiB of all.
impl Default for Bounds {
    fn default() -> Self {
        Bounds {
            keys_max: 100_000,
            devices_max: 10_000,
            panes_max: 4_096,
            key_bytes_max: 256 << 10,
            bytes_max: 256 << 20,
            name_bytes_max: 500,
        }
    }
}

/// What a window operator is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Which events are one window.
    pub kind: Kind,
    /// How many fields an event has.
    pub fields: usize,
    /// The numbers of a result; at least one.
    pub aggregates: Vec<Aggregate>,
    /// Which results are told.
    pub emit: Emit,
    /// Whose clocks hold the watermark back.
    pub scope: Scope,
    /// How much later than the latest event of its device an event may come.
    pub disorder_ms: i64,
    /// For how long after its end a window takes late events, and is told again with them.
    pub lateness_ms: i64,
    /// After which silence a device does not hold the watermark back; `None`: it always does.
    pub idle_ms: Option<i64>,
    /// How far behind the device that is farthest one may lie before it does not hold the
    /// watermark back; `None`: any distance.
    pub lag_ms_max: Option<i64>,
    /// How far ahead of the clock an event may lie.
    pub future_ms_max: i64,
    /// After which silence a key may be forgotten to make room for another, as if its events
    /// had ended.
    pub forget_ms: i64,
    /// How much there can be.
    pub bounds: Bounds,
}

impl Plan {
    /// Results of windows of this kind, when they close: no disorder, no lateness, each key has
    /// its own watermark, a minute into the future.
    pub fn new(kind: Kind, fields: usize, aggregates: Vec<Aggregate>) -> Self {
        Plan {
            kind,
            fields,
            aggregates,
            emit: Emit::Close,
            scope: Scope::Key,
            disorder_ms: 0,
            lateness_ms: 0,
            idle_ms: None,
            lag_ms_max: None,
            future_ms_max: 60_000,
            forget_ms: 86_400_000,
            bounds: Bounds::default(),
        }
    }

    /// All that is wrong with it; nothing, if it can be run.
    pub fn problems(&self) -> Vec<PlanError> {
        let mut problems = Vec::new();
        let mut want = |holds: bool, problem| {
            if !holds {
                problems.push(problem);
            }
        };
        self.check_kind(&mut want);
        let times = [self.disorder_ms, self.lateness_ms, self.future_ms_max, self.forget_ms];
        let times = times.into_iter().chain(self.lag_ms_max);
        want(times.into_iter().all(|ms| (0..=MS_MAX).contains(&ms)), PlanError::Time);
        want(self.idle_ms.is_none_or(|ms| (1..=MS_MAX).contains(&ms)), PlanError::Time);
        self.check_aggregates(&mut want);
        let of_window = Aligned::of(self.kind).map_or(1, |aligned| aligned.panes());
        let Bounds { keys_max, devices_max, panes_max, key_bytes_max, bytes_max, name_bytes_max } =
            self.bounds;
        let holds = (1..=1 << 24).contains(&keys_max)
            && (1..=65_536).contains(&devices_max)
            && (1..=65_536).contains(&panes_max)
            && panes_max as i64 >= of_window.min(PANES_MAX)
            && (1 << 10..=512 << 10).contains(&key_bytes_max)
            && bytes_max >= key_bytes_max
            && (1..=1_024).contains(&name_bytes_max);
        want(holds, PlanError::Bounds);
        problems
    }

    fn check_kind(&self, want: &mut dyn FnMut(bool, PlanError)) {
        let is_time = |ms: i64| (1..=MS_MAX).contains(&ms);
        match self.kind {
            Kind::Sliding { size_ms, slide_ms, offset_ms } => {
                let holds = is_time(size_ms) && is_time(slide_ms);
                want(holds, PlanError::Size);
                want(slide_ms <= size_ms, PlanError::Slide);
                want(offset_ms.unsigned_abs() < slide_ms.max(1) as u64, PlanError::Offset);
            }
            Kind::Cumulative { size_ms, step_ms, offset_ms } => {
                let holds = is_time(size_ms) && is_time(step_ms);
                want(holds, PlanError::Size);
                want(holds && size_ms % step_ms == 0, PlanError::Slide);
                want(offset_ms.unsigned_abs() < size_ms.max(1) as u64, PlanError::Offset);
            }
            Kind::Session { gap_ms } => want(is_time(gap_ms), PlanError::Size),
            Kind::Count { size, slide } => {
                want(size > 0 && slide > 0, PlanError::Size);
                want(slide <= size, PlanError::Slide);
                let panes = if slide > 0 { i64::from(size / gcd32(size, slide)) } else { 0 };
                want(panes <= PANES_MAX, PlanError::Panes);
            }
        }
        if let Some(aligned) = Aligned::of(self.kind) {
            want(aligned.panes() <= PANES_MAX, PlanError::Panes);
            want(aligned.late_merges(self.lateness_ms) <= LATE_MERGES_MAX, PlanError::LateMerges);
        }
    }

    fn check_aggregates(&self, want: &mut dyn FnMut(bool, PlanError)) {
        want((1..=FIELDS_MAX).contains(&self.aggregates.len()), PlanError::Aggregates);
        want(self.fields <= FIELDS_MAX, PlanError::Fields);
        for Aggregate { measure, field } in &self.aggregates {
            let counts = matches!(measure, Measure::Count | Measure::Rate);
            want(field.map_or(counts, |field| field < self.fields), PlanError::Field);
            if let Measure::Quantile(share) = measure {
                want((0.0..=1.0).contains(share), PlanError::Share);
            }
        }
        let is_size = |size: f64| (0.0..=f64::MAX).contains(&size);
        let holds = match self.emit {
            Emit::Close => true,
            Emit::Change { of, absolute, relative } => {
                of < self.aggregates.len() && is_size(absolute) && is_size(relative)
            }
            Emit::Anomaly { of, score_min } => {
                of < self.aggregates.len() && (0.0..=1.0).contains(&score_min)
            }
        };
        want(holds, PlanError::Emit);
    }

    /// What has to be kept of each field.
    pub(super) fn needs(&self) -> Vec<Need> {
        let mut needs = alloc::vec![Need::default(); self.fields];
        for Aggregate { measure, field } in &self.aggregates {
            let Some(need) = field.and_then(|field| needs.get_mut(field)) else { continue };
            match measure {
                Measure::Quantile(_) => need.quantiles = true,
                Measure::Distinct => need.distinct = true,
                measure if measure.is_of_numbers() => need.moments = true,
                _ => {}
            }
        }
        needs
    }

    /// What tells states of this plan from those of another one: everything that the meaning
    /// of a state depends on.
    pub(super) fn mark(&self) -> u64 {
        let mut out = Writer::default();
        let (kind, lengths) = match self.kind {
            Kind::Sliding { size_ms, slide_ms, offset_ms } => (0, [size_ms, slide_ms, offset_ms]),
            Kind::Cumulative { size_ms, step_ms, offset_ms } => (1, [size_ms, step_ms, offset_ms]),
            Kind::Session { gap_ms } => (2, [gap_ms, 0, 0]),
            Kind::Count { size, slide } => (3, [size.into(), slide.into(), 0]),
        };
        out.u8(kind);
        lengths.into_iter().for_each(|length| out.signed(length));
        for need in self.needs() {
            out.u8(need.bits());
        }
        out.u8(0xFF);
        out.u8(u8::from(self.scope == Scope::Stream));
        // What was told or seen before is that of one aggregate.
        let (emit, of) = match self.emit {
            Emit::Close => (0, 0),
            Emit::Change { of, .. } => (1, of),
            Emit::Anomaly { of, .. } => (2, of),
        };
        out.u8(emit);
        if emit > 0 {
            let Aggregate { measure, field } = self.aggregates[of];
            out.varint(field.map_or(0, |field| field as u64 + 1));
            let (measure, share) = match measure {
                Measure::Count => (0, 0.0),
                Measure::Sum => (1, 0.0),
                Measure::Mean => (2, 0.0),
                Measure::VarianceSample => (3, 0.0),
                Measure::VariancePopulation => (4, 0.0),
                Measure::DeviationSample => (5, 0.0),
                Measure::DeviationPopulation => (6, 0.0),
                Measure::Min => (7, 0.0),
                Measure::Max => (8, 0.0),
                Measure::First => (9, 0.0),
                Measure::Last => (10, 0.0),
                Measure::Quantile(share) => (11, share),
                Measure::Distinct => (12, 0.0),
                Measure::Rate => (13, 0.0),
            };
            out.u8(measure);
            out.f64(share);
        }
        xxh64(&out.finish(), 0)
    }
}

/// Why a plan cannot be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanError {
    /// A size, slide, step or gap is not 1 ms to a year, or no event.
    Size,
    /// The slide is larger than the size, or the size no multiple of the step.
    Slide,
    /// The offset is as long as the slide, or longer.
    Offset,
    /// A window has more than [`PANES_MAX`] panes.
    Panes,
    /// One late event would be merged more than [`LATE_MERGES_MAX`] times.
    LateMerges,
    /// A time is not 0 to a year, or the idle time is none.
    Time,
    /// There is no aggregate, or too many.
    Aggregates,
    /// There are too many fields.
    Fields,
    /// An aggregate is of a field that is not there, or of none but needs one.
    Field,
    /// A quantile's share is not 0 to 1.
    Share,
    /// An aggregate or a threshold that decides what is told cannot be.
    Emit,
    /// A bound is out of its range, or smaller than one window.
    Bounds,
}

impl core::fmt::Display for PlanError {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        out.write_str(match self {
            PlanError::Size => "a window's size, slide, step or gap is not 1 ms to 366 days",
            PlanError::Slide => {
                "the slide is larger than the size, or the size no multiple of the step"
            }
            PlanError::Offset => "the offset is as long as the distance of windows, or longer",
            PlanError::Panes => {
                "a window is more than 1,440 times its common measure with the slide"
            }
            PlanError::LateMerges => {
                "so much lateness of windows that slide so finely costs too much"
            }
            PlanError::Time => "a time is not 0 to 366 days",
            PlanError::Aggregates => "there are no aggregates, or more than 64",
            PlanError::Fields => "there are more than 64 fields",
            PlanError::Field => "an aggregate has no field that it could be of",
            PlanError::Share => "the share of a quantile is not 0 to 1",
            PlanError::Emit => "what decides which results are told cannot be",
            PlanError::Bounds => "a bound is out of its range, or smaller than one window",
        })
    }
}

impl core::error::Error for PlanError {}

/// The greatest common divisor; of zero and another, the other.
pub(super) fn gcd(mut one: i64, mut two: i64) -> i64 {
    while two != 0 {
        (one, two) = (two, one % two);
    }
    one
}

pub(super) fn gcd32(one: u32, two: u32) -> u32 {
    // It divides both, so that it is no larger.
    gcd(one.into(), two.into()) as u32
}
