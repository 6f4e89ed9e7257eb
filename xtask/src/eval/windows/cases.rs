//! What is compared: kinds of windows, and events that come out of order, late, and without
//! values.

use super::Rows;
use anyhow::{Context, Result, bail};
use sedge_kit::sketch::hash::xxh64;
use sedge_kit::windows::{
    Aggregate, Change, Event, Fired, Kind, Measure, Part, Plan, Scalar, Scope, Side, TIME_MS_MAX,
    Taken, Windows,
};
use std::collections::BTreeMap;

/// A result's key, start and end.
pub(super) type Row = (String, i64, i64);

/// 2026-01-01, and a time that is no multiple of anything.
const BEGIN_MS: i64 = 1_767_225_600_000 + 1_234;
/// The key of an event after all others, by which all windows close.
const END: &str = "end";
/// What is computed of the value, in the order of the columns that Flink is asked for.
pub(super) const MEASURES: [(Measure, &str); 8] = [
    (Measure::Count, "COUNT(v)"),
    (Measure::Sum, "SUM(v)"),
    (Measure::Mean, "AVG(v)"),
    (Measure::Min, "MIN(v)"),
    (Measure::Max, "MAX(v)"),
    (Measure::VarianceSample, "VAR_SAMP(v)"),
    (Measure::VariancePopulation, "VAR_POP(v)"),
    (Measure::DeviationSample, "STDDEV_SAMP(v)"),
];

/// An event; the value is missing now and then.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sent {
    pub(super) key: String,
    pub(super) time_ms: i64,
    pub(super) value: Option<f64>,
}

/// A plan and its events.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) scope: Scope,
    pub(super) disorder_ms: i64,
    pub(super) events: Vec<Sent>,
}

/// Every case, with events by this seed.
pub(super) fn all(seed: u64, events: u64) -> Vec<Case> {
    let sliding = |size_ms, slide_ms, offset_ms| Kind::Sliding { size_ms, slide_ms, offset_ms };
    let cumulative = |size_ms, step_ms| Kind::Cumulative { size_ms, step_ms, offset_ms: 0 };
    let kinds = [
        ("tumble", Kind::tumbling(10_000), 5_000, Scope::Stream),
        ("tumble_in_order", Kind::tumbling(1_000), 0, Scope::Stream),
        ("tumble_offset", sliding(7_000, 7_000, 2_500), 2_000, Scope::Stream),
        ("hop", sliding(30_000, 5_000, 0), 5_000, Scope::Stream),
        ("hop_fine", sliding(12_000, 1_000, 0), 500, Scope::Stream),
        ("hop_offset", sliding(9_000, 3_000, 1_000), 3_000, Scope::Stream),
        ("cumulate", cumulative(60_000, 10_000), 4_000, Scope::Stream),
        ("session", Kind::Session { gap_ms: 1_500 }, 5_000, Scope::Stream),
        ("session_long", Kind::Session { gap_ms: 8_000 }, 1_000, Scope::Stream),
        ("tumble_of_each_key", Kind::tumbling(10_000), 5_000, Scope::Key),
        ("hop_of_each_key", sliding(30_000, 5_000, 0), 2_000, Scope::Key),
        ("session_of_each_key", Kind::Session { gap_ms: 1_500 }, 5_000, Scope::Key),
    ];
    let case = |(at, (name, kind, disorder_ms, scope)): (usize, (&str, _, i64, Scope))| {
        // For each key of these Flink runs a job's worth of its own.
        let keys = if scope == Scope::Key { 3 } else { 40 };
        let events = sent(seed << 8 | at as u64, events, keys, disorder_ms);
        Case { name: name.to_owned(), kind, scope, disorder_ms, events }
    };
    kinds.into_iter().enumerate().map(case).collect()
}

/// Events that come about every 40 ms; most of them within the disorder, one in twenty later.
fn sent(seed: u64, count: u64, keys: u64, disorder_ms: i64) -> Vec<Sent> {
    let random = |at: u64, what: u64| xxh64(&at.to_le_bytes(), seed << 3 | what);
    let event = |at: u64| {
        let behind_ms = match random(at, 0) % 20 {
            0 => random(at, 1) % 60_000,
            _ => random(at, 1) % (disorder_ms as u64 + 2_000),
        };
        // Some keys are rare, so that sessions have gaps.
        let key = (random(at, 2) % keys).min(random(at, 3) % keys);
        // Sums of quarters are exact, in whichever order they are taken.
        let value = (random(at, 4) % 8_001) as f64 / 4.0 - 1_000.0;
        Sent {
            key: format!("k{key}"),
            time_ms: BEGIN_MS + at as i64 * 40 - behind_ms as i64,
            value: (random(at, 5) % 10 > 0).then_some(value),
        }
    };
    (0..count).map(event).collect()
}

impl Case {
    fn plan(&self) -> Plan {
        let of = |(measure, _)| Aggregate { measure, field: Some(0) };
        Plan {
            scope: self.scope,
            disorder_ms: self.disorder_ms,
            ..Plan::new(self.kind, 1, MEASURES.map(of).to_vec())
        }
    }

    /// Our rows, and how many events were late. It is restarted from what it has kept after
    /// some events, which the seed says.
    pub(super) fn run(&self, seed: u64) -> Result<(Rows, usize)> {
        let plan = self.plan();
        let mut windows = Windows::new(plan.clone(), 1).context("making the plan")?;
        let (mut rows, mut late) = (Rows::new(), 0);
        let mut kept: BTreeMap<Part, Vec<u8>> = BTreeMap::new();
        let keys: Vec<String> = match self.scope {
            Scope::Stream => vec![END.to_owned()],
            Scope::Key => {
                let mut keys: Vec<String> = self.events.iter().map(|one| one.key.clone()).collect();
                keys.sort();
                keys.dedup();
                keys
            }
        };
        let ends = keys.into_iter().map(|key| Sent { key, time_ms: TIME_MS_MAX, value: None });
        let ends: Vec<Sent> = ends.collect();
        for (at, Sent { key, time_ms, value }) in self.events.iter().chain(&ends).enumerate() {
            let values = [value.map(Scalar::Number)];
            let event = Event { key, device: "one", time_ms: *time_ms, values: &values };
            let mut doubled = None;
            let taken = windows.observe(TIME_MS_MAX, &event, &mut |fired: Fired| {
                let row = (fired.key.to_owned(), fired.start_ms, fired.end_ms);
                let values = [Some(fired.count as f64)].into_iter();
                let values = values.chain(fired.values.iter().copied()).collect();
                if rows.insert(row.clone(), values).is_some() {
                    doubled = Some(row);
                }
            });
            if let Some(row) = doubled {
                bail!("{}: {row:?} was told twice", self.name);
            }
            match taken {
                Taken::Added => {}
                Taken::Side(Side::Late) => late += 1,
                Taken::Side(side) => bail!("{}: an event was refused: {}", self.name, side.name()),
            }
            for Change { part, bytes } in windows.changes() {
                match bytes {
                    Some(bytes) => kept.insert(part, bytes),
                    None => kept.remove(&part),
                };
            }
            if xxh64(&(at as u64).to_le_bytes(), seed).is_multiple_of(500) {
                let parts = kept.iter().map(|(part, bytes)| (part.clone(), &bytes[..]));
                windows = Windows::restore(plan.clone(), seed, TIME_MS_MAX, parts)
                    .with_context(|| format!("restarting {}", self.name))?;
            }
        }
        Ok((rows, late))
    }
}
