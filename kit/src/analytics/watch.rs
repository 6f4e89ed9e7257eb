//! Alerts of one route: too many errors, slower than usual, more or fewer requests than usual.
//!
//! Every minute is compared with what is usual, which is known from the hours before; the
//! comparison becomes evidence ([`super::evidence`]). What counts as *well*, and thus what the
//! false-alarm rate is about, is this:
//!
//! - **Errors**: the share of answers with 5xx in a minute is expected to be at most twice the
//!   usual one and at least 1 % (10 % before 300 requests are known). Usual is the median of the
//!   hours' shares, each with one error added, so that few requests are not taken for good ones.
//! - **Latency**: at most a tenth of a minute's answers are expected to take longer than one and a
//!   quarter of what 95 % of answers usually took at most. Usual is the median of the hours.
//! - **Rise** and **fall**: the mean number of requests is expected to be at most twice the
//!   highest and ten more, and at least half the lowest, of these rates: the last hour's, and
//!   those of the hours before, at and after this time yesterday. Around its mean the rate may
//!   wobble by half. Fewer requests are looked at together until ten are the least expected.
//!
//! Medians of up to a day's hours stand up to faults of several hours. What lasts longer is usual
//! then, and its alert is cleared.

use alloc::vec::Vec;

use super::evidence::{self, BETS, Evidence, Factors};
use super::window::Observed;
use crate::alert::AlertLevel;
use crate::alert::alarm::{Alarm, Signs};
use crate::robust;
use crate::sketch::quantiles::Quantiles;
use crate::state::{Reader, StateError, Writer};

/// How much more evidence is critical.
const CRITICAL_FACTOR: f64 = 100.0;
/// How many calm observations in a row clear an alert.
const CLEAR_AFTER: u32 = 5;
/// Hours that are remembered: yesterday's next one is the oldest that is asked for.
const HOURS: usize = 25;

const ERRORS_LEAST: f64 = 0.01;
const ERRORS_MOST: f64 = 0.9;
const ERRORS_AT_FIRST: f64 = 0.1;
const REQUESTS_KNOWN: u64 = 300;
const USUAL_FACTOR: f64 = 2.0;

const SLOW_QUANTILE: f64 = 0.95;
const SLOW_FACTOR: f64 = 1.25;
const SLOW_SHARE: f64 = 0.1;
/// An hour with fewer requests says nothing about latency.
const LATENCIES_MIN: u64 = 50;

/// Requests a minute more than twice the usual that are no rise.
const RISE_FREE: f64 = 10.0;
/// The least expected number of requests that a fall is looked for in.
const FALL_MIN: f64 = 10.0;
/// 1 / √4: the rate may wobble by half.
const SHAPE: f64 = 4.0;
/// What is read has fewer requests, so that sums of them fit.
const COUNT_MAX: u64 = 1 << 56;
/// An hour must have been watched for so many minutes to have a rate.
const MINUTES_MIN: u32 = 30;

/// What an alert of a route is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The share of answers with 5xx.
    Errors,
    /// The share of answers that are slow.
    Latency,
    /// More requests a minute than usual.
    Rise,
    /// Fewer.
    Fall,
}

/// All causes.
pub const CAUSES: [Cause; 4] = [Cause::Errors, Cause::Latency, Cause::Rise, Cause::Fall];

/// What has been seen beside what was expected at most (or, of a fall, at least).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen {
    /// A share, or a number of requests.
    pub value: f64,
    /// Where it is still well.
    pub limit: f64,
}

/// Evidence and the level that it has led to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Signal {
    evidence: Evidence,
    alarm: Alarm,
}

impl Signal {
    pub(super) fn level(&self) -> AlertLevel {
        self.alarm.level()
    }

    /// Takes one more observation; the level if it is another one now.
    pub(super) fn step(&mut self, factors: Factors, threshold: f64) -> Option<AlertLevel> {
        self.evidence.add(factors);
        let sum = self.evidence.sum();
        let level = match sum {
            _ if sum >= threshold * CRITICAL_FACTOR => AlertLevel::Critical,
            _ if sum >= threshold => AlertLevel::Warning,
            _ => AlertLevel::Normal,
        };
        let calm = factors.iter().sum::<f64>() <= BETS as f64;
        let held = if calm { AlertLevel::Normal } else { self.level().max(level) };
        let signs = Signs { wanted: level, urgent: level, held, lasting: AlertLevel::Normal };
        let changed = self.alarm.step(signs, 1, CLEAR_AFTER);
        if changed == Some(AlertLevel::Normal) {
            self.evidence = Evidence::default();
        }
        changed
    }

    pub(super) fn write(&self, out: &mut Writer) {
        self.evidence.write(out);
        self.alarm.parts().iter().for_each(|part| out.varint(u64::from(*part)));
    }

    pub(super) fn read(input: &mut Reader) -> Result<Self, StateError> {
        let evidence = Evidence::read(input)?;
        let mut parts = [0; 5];
        for part in &mut parts {
            *part = u32::try_from(input.varint()?).map_err(|_| StateError::Value)?;
        }
        let alarm = Alarm::from_parts(parts).ok_or(StateError::Value)?;
        Ok(Signal { evidence, alarm })
    }
}

/// What came in a minute, or in an hour.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Counts {
    requests: u64,
    failed: u64,
    slow: u64,
    /// How many latencies there were.
    timed: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Hour {
    /// Hours since the epoch.
    number: i64,
    /// How many of its minutes were watched from beginning to end.
    minutes: u32,
    /// What came in those.
    requests: u64,
    failed: u64,
    slow_ms: Option<f64>,
}

impl Hour {
    fn rate(&self) -> Option<f64> {
        (self.minutes >= MINUTES_MIN).then(|| self.requests as f64 / f64::from(self.minutes))
    }
}

/// What is expected in this hour, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Usual {
    errors_max: f64,
    slow_ms: Option<f64>,
    /// The lowest and the highest rate a minute.
    rates: Option<(f64, f64)>,
}

/// What is watched of one route.
#[derive(Clone, Debug, PartialEq)]
pub struct Watch {
    minute: Counts,
    hour: Hour,
    latencies_ms: Quantiles,
    /// In the order of time.
    past: Vec<Hour>,
    usual: Usual,
    /// Requests since a fall was looked for, and how many were expected at least.
    since: u64,
    expected: f64,
    signals: [Signal; CAUSES.len()],
}

impl Default for Watch {
    fn default() -> Self {
        Watch {
            minute: Counts::default(),
            hour: Hour::default(),
            latencies_ms: Quantiles::new(0.02, 256),
            past: Vec::new(),
            usual: usual(&[], 0),
            since: 0,
            expected: 0.0,
            signals: [Signal::default(); CAUSES.len()],
        }
    }
}

impl Watch {
    /// Takes a request of this minute.
    pub fn add(&mut self, request: &Observed) {
        self.minute.requests += 1;
        self.minute.failed += u64::from(request.class() == 5);
        if request.latency_ms >= 0.0 && self.latencies_ms.insert(request.latency_ms) {
            self.minute.timed += 1;
            let slow = self.usual.slow_ms.is_some_and(|slow_ms| request.latency_ms > slow_ms);
            self.minute.slow += u64::from(slow);
        }
    }

    /// The level of a cause.
    pub fn level(&self, cause: Cause) -> AlertLevel {
        self.signals[cause as usize].level()
    }

    /// Ends a minute of this hour (hours since the epoch), which was watched from beginning to
    /// end if it is `whole`; `told` is given each level that is another one now. `threshold` is
    /// the A of [`super::evidence`].
    pub fn end_minute(
        &mut self,
        hour: i64,
        whole: bool,
        threshold: f64,
        told: &mut dyn FnMut(Cause, AlertLevel, Seen),
    ) {
        if hour != self.hour.number {
            self.end_hour(hour);
        }
        let minute = core::mem::take(&mut self.minute);
        if !whole {
            return;
        }
        self.hour.minutes += 1;
        self.hour.requests += minute.requests;
        self.hour.failed += minute.failed;
        for cause in CAUSES {
            let Some((factors, seen)) = self.compare(cause, &minute) else { continue };
            if let Some(level) = self.signals[cause as usize].step(factors, threshold) {
                told(cause, level, seen);
            }
        }
    }

    fn compare(&mut self, cause: Cause, minute: &Counts) -> Option<(Factors, Seen)> {
        let share = |hits: u64, trials: u64, limit: f64| {
            let value = hits as f64 / trials as f64;
            (trials > 0).then(|| (evidence::share(hits, trials, limit), Seen { value, limit }))
        };
        match cause {
            Cause::Errors => share(minute.failed, minute.requests, self.usual.errors_max),
            Cause::Latency => {
                self.usual.slow_ms?;
                share(minute.slow, minute.timed, SLOW_SHARE)
            }
            Cause::Rise => {
                let limit = USUAL_FACTOR * self.usual.rates?.1 + RISE_FREE;
                let seen = Seen { value: minute.requests as f64, limit };
                Some((evidence::rise(minute.requests, limit, SHAPE), seen))
            }
            Cause::Fall => {
                self.since = self.since.saturating_add(minute.requests);
                self.expected += self.usual.rates?.0 / USUAL_FACTOR;
                if self.expected < FALL_MIN {
                    return None;
                }
                let seen = Seen { value: self.since as f64, limit: self.expected };
                let factors = evidence::fall(self.since, self.expected, SHAPE);
                (self.since, self.expected) = (0, 0.0);
                Some((factors, seen))
            }
        }
    }

    /// Forgets what came since the last minute: nobody was watching.
    pub fn pause(&mut self) {
        self.minute = Counts::default();
        (self.since, self.expected) = (0, 0.0);
    }

    fn end_hour(&mut self, next: i64) {
        let latencies = core::mem::replace(&mut self.latencies_ms, Quantiles::new(0.02, 256));
        if latencies.count() >= LATENCIES_MIN {
            self.hour.slow_ms = latencies.quantile(SLOW_QUANTILE);
        }
        let ended = core::mem::replace(&mut self.hour, Hour { number: next, ..Hour::default() });
        // A clock that was set back leaves hours behind that have not been yet.
        self.past.retain(|hour| hour.number < ended.number && hour.number < next);
        if ended.minutes > 0 && ended.number < next {
            self.past.push(ended);
        }
        let oldest = next.saturating_sub(HOURS as i64);
        self.past.retain(|hour| hour.number >= oldest);
        self.usual = usual(&self.past, next);
        (self.since, self.expected) = (0, 0.0);
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.varint(self.past.len() as u64);
        for hour in self.past.iter().chain([&self.hour]) {
            out.signed(hour.number);
            out.varint(u64::from(hour.minutes));
            out.varint(hour.requests);
            out.varint(hour.failed);
            out.u8(u8::from(hour.slow_ms.is_some()));
            hour.slow_ms.iter().for_each(|slow_ms| out.f64(*slow_ms));
        }
        self.latencies_ms.write(out);
        self.signals.iter().for_each(|signal| signal.write(out));
        let Counts { requests, failed, slow, timed } = self.minute;
        [requests, failed, slow, timed, self.since].iter().for_each(|count| out.varint(*count));
        out.f64(self.expected);
    }

    pub(super) fn read(input: &mut Reader) -> Result<Self, StateError> {
        let mut watch = Watch::default();
        for _ in 0..input.varcount(HOURS)? {
            let hour = read_hour(input)?;
            if watch.past.last().is_some_and(|last| last.number >= hour.number) {
                return Err(StateError::Value);
            }
            watch.past.push(hour);
        }
        watch.hour = read_hour(input)?;
        if watch.past.last().is_some_and(|last| last.number >= watch.hour.number) {
            return Err(StateError::Value);
        }
        watch.latencies_ms = Quantiles::read(input)?;
        for signal in &mut watch.signals {
            *signal = Signal::read(input)?;
        }
        watch.minute = read_minute(input)?;
        watch.since = input.varint()?;
        watch.expected = input.f64_within(0.0, COUNT_MAX as f64)?;
        watch.usual = usual(&watch.past, watch.hour.number);
        Ok(watch)
    }
}

fn read_minute(input: &mut Reader) -> Result<Counts, StateError> {
    let (requests, failed) = (input.varint()?, input.varint()?);
    let (slow, timed) = (input.varint()?, input.varint()?);
    if requests >= COUNT_MAX || failed > requests || timed > requests || slow > timed {
        return Err(StateError::Value);
    }
    Ok(Counts { requests, failed, slow, timed })
}

fn read_hour(input: &mut Reader) -> Result<Hour, StateError> {
    let number = input.signed()?;
    let minutes = u32::try_from(input.varint()?).map_err(|_| StateError::Value)?;
    let (requests, failed) = (input.varint()?, input.varint()?);
    let slow_ms = if input.bool()? { Some(input.f64_within(0.0, f64::MAX)?) } else { None };
    if requests >= COUNT_MAX || failed > requests || minutes > 1 << 20 {
        return Err(StateError::Value);
    }
    Ok(Hour { number, minutes, requests, failed, slow_ms })
}

/// What is expected in the hour `now`, after these.
fn usual(past: &[Hour], now: i64) -> Usual {
    let requests: u64 = past.iter().map(|hour| hour.requests).sum();
    let with_one_more = |count: u64| count as f64 + 1.0;
    let mut shares: Vec<f64> = past
        .iter()
        .filter(|hour| hour.requests > 0)
        .map(|hour| with_one_more(hour.failed) / with_one_more(hour.requests))
        .collect();
    let errors_max = match robust::median_in_place(&mut shares) {
        Some(share) if requests >= REQUESTS_KNOWN => share * USUAL_FACTOR,
        _ => ERRORS_AT_FIRST,
    };
    let mut slow_ms: Vec<f64> = past.iter().filter_map(|hour| hour.slow_ms).collect();
    let slow_ms = robust::median_in_place(&mut slow_ms).map(|slow_ms| slow_ms * SLOW_FACTOR);
    let now = |hour: &&Hour| matches!(now.wrapping_sub(hour.number), 1 | 23..=25);
    let rates = past.iter().filter(now).filter_map(Hour::rate);
    let last = past.last().and_then(Hour::rate);
    Usual {
        errors_max: errors_max.clamp(ERRORS_LEAST, ERRORS_MOST),
        slow_ms,
        rates: rates.fold(last.map(|last| (last, last)), |ends, rate| {
            ends.map(|(low, high)| (rate.min(low), rate.max(high)))
        }),
    }
}

#[cfg(test)]
mod tests;
