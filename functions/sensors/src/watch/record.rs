//! What is told of a reading, as JSON.

use sedge_kit::online::monitor::Observation;
use serde::Serialize;

use super::decision::LevelChange;
use super::template::Facts;
use crate::report::{Predicted, predicted, tidy};
use crate::timestamp;

/// Where a reading comes from.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// Who said it.
    pub device: &'a str,
    /// On which topic.
    pub topic: &'a str,
    /// What was measured.
    pub name: &'a str,
    /// The message's place in the log; `None` if there is none.
    pub position: Option<u64>,
    /// When it was taken, milliseconds since 1970.
    pub time_ms: u64,
}

impl LevelChange {
    /// What is known of a change that no reading has made.
    pub fn facts<'a>(&self, origin: &Origin<'a>) -> Facts<'a> {
        Facts {
            device: origin.device,
            topic: origin.topic,
            name: origin.name,
            value: f64::NAN,
            expected: None,
            score: 0.0,
            level: self.level.name(),
            cause: self.why,
            time_ms: origin.time_ms,
        }
    }
}

/// A reading that was judged; an alert if the level has changed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Record<'a> {
    /// `normal`, `warning` or `critical`.
    pub level: &'static str,
    /// 0, 1 or 2.
    pub level_code: u8,
    /// The level before; in alerts only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<&'static str>,
    /// Why the level is what it is: one of [`super::decision::WHYS`].
    pub cause: &'static str,
    /// See [`Origin`].
    pub device: &'a str,
    /// See [`Origin`].
    pub topic: &'a str,
    /// See [`Origin`].
    pub name: &'a str,
    /// The reading; null for a gap.
    pub value: Option<f64>,
    /// What was expected; null while nothing is.
    pub expected: Option<f64>,
    /// Where it was expected; null while nothing is known of that.
    pub interval: Option<[f64; 2]>,
    /// How surprising it is, 0 to 1.
    pub score: f64,
    /// What is the most surprising about it; null if nothing is.
    pub surprise: Option<&'static str>,
    /// For how many readings the value has been the same.
    pub run: u64,
    /// The level of the readings that was left for good with this one, and the one since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed: Option<[f64; 2]>,
    /// From where to where the readings creep.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift: Option<[f64; 2]>,
    /// The next three readings.
    pub next: Vec<Predicted>,
    /// When it was taken.
    pub time: Option<String>,
    /// The same in milliseconds since 1970.
    pub time_ms: u64,
    /// When the first of the readings was taken that made the change; in alerts only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<u64>,
    /// Readings of the series so far.
    pub readings: u64,
    /// The message's place in the log; not there if no message is the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
}

/// Everything that is known of a reading.
#[derive(Clone, Copy, Debug)]
pub struct Judged<'a> {
    /// Where it comes from.
    pub origin: Origin<'a>,
    /// Its value.
    pub value: f64,
    /// Half the width of the interval that had been given for it.
    pub width: Option<f64>,
    /// What is observed.
    pub seen: &'a Observation,
    /// The level, and why it is what it is.
    pub level: sedge_kit::alert::AlertLevel,
    /// See [`Judged::level`].
    pub why: &'static str,
    /// Readings of the series so far.
    pub count: u64,
}

impl<'a> Judged<'a> {
    /// The record; an alert with a change.
    pub fn record(&self, change: Option<&LevelChange>) -> Record<'a> {
        let Judged { origin, seen, .. } = *self;
        let interval = seen.expected.zip(self.width);
        let round = |value: f64| if value.is_finite() { Some(tidy(value)) } else { None };
        Record {
            level: self.level.name(),
            level_code: self.level.code(),
            before: change.map(|change| change.before.name()),
            cause: self.why,
            device: origin.device,
            topic: origin.topic,
            name: origin.name,
            value: round(self.value),
            expected: seen.expected.and_then(round),
            interval: interval.map(|(at, width)| [tidy(at - width), tidy(at + width)]),
            score: tidy(seen.verdict.score),
            surprise: seen.verdict.cause.map(|cause| cause.name()),
            run: seen.run,
            changed: seen.changed.map(|changed| [tidy(changed.from), tidy(changed.to)]),
            drift: seen.drifting.map(|drift| [tidy(drift.from), tidy(drift.to)]),
            next: seen.next.iter().flatten().map(predicted).collect(),
            time: timestamp::format(origin.time_ms as f64 / 1000.0).map(|time| time + "Z"),
            time_ms: origin.time_ms,
            since_ms: change.map(|change| change.since_ms),
            readings: self.count,
            position: origin.position,
        }
    }
}

impl<'a> Record<'a> {
    /// What is told of a series without a reading: that it says nothing any more, or again.
    pub fn without_reading(origin: Origin<'a>, change: &LevelChange, count: u64) -> Self {
        Record {
            level: change.level.name(),
            level_code: change.level.code(),
            before: Some(change.before.name()),
            cause: change.why,
            device: origin.device,
            topic: origin.topic,
            name: origin.name,
            value: None,
            expected: None,
            interval: None,
            score: 0.0,
            surprise: None,
            run: 0,
            changed: None,
            drift: None,
            next: Vec::new(),
            time: timestamp::format(origin.time_ms as f64 / 1000.0).map(|time| time + "Z"),
            time_ms: origin.time_ms,
            since_ms: Some(change.since_ms),
            readings: count,
            position: origin.position,
        }
    }

    /// As JSON.
    pub fn to_json(&self) -> Vec<u8> {
        // Strings and finite numbers; there is nothing that could fail.
        serde_json::to_vec(self).unwrap_or_default()
    }
}
