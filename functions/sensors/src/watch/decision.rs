//! From what is observed of a reading to the level of its series, and why.
//!
//! Each condition gives [`Signs`], the strongest of all of them go to one [`Alarm`]: so that
//! a value that is too high *and* surprising is one alert, which is raised once and cleared
//! once.

use sedge_kit::alert::alarm::{Alarm, Signs};
use sedge_kit::alert::{AlertLevel, Thresholds};
use sedge_kit::online::detector::Cause;
use sedge_kit::online::monitor::Observation;

use super::options::{Band, Options, StuckAfter};
use super::series::bytes::{Reader, Writer};

/// A band by itself is so many half-widths of the interval of the next reading: white noise
/// that lies around a threshold is below it by 3.3 deviations five times in a row once in
/// 10^17 readings.
const BAND_WIDTHS: f64 = 2.0;
/// How fast the width follows that of the intervals, and how much wider one may count: a
/// step makes them wide for a while, and is no wobble.
const WOBBLE_GAIN: f64 = 0.05;
const WOBBLE_CLIP: f64 = 2.0;
/// Intervals that were made from few readings are as wide as the oddest of those. So the first
/// readings themselves say how much they wobble: so many of them.
const EARLY: usize = 9;
/// Their deviations from their median, of which three of four are below 1.15 standard
/// deviations, make half an interval of 90 %, which has 1.645 of those. One spike among five
/// readings, or two among nine, change little about that.
const EARLY_WIDTHS: f64 = 1.645 / 1.15;
/// It is at most this share of what lies between the thresholds, or nothing would clear.
const BAND_SHARE_MAX: f64 = 0.25;
/// How far a score must fall behind its threshold.
const SCORE_BAND: f64 = 0.1;
/// A run of equal readings is a fault where chance makes one such run in ten times what is
/// remembered.
const STUCK_EVIDENCE: f64 = 1.0;

/// Why a level is what it is.
pub const WHYS: [&str; 17] = [
    "none",
    "high",
    "low",
    "value",
    "shift",
    "spread",
    "season",
    "pattern",
    "stuck",
    "error",
    "drift",
    "change",
    "forecast",
    "gap",
    "clear",
    "silent",
    "recovered",
];

const SILENT: &str = WHYS[15];
const RECOVERED: &str = WHYS[16];

/// What is remembered of a level between two readings.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    alarm: Alarm,
    why: &'static str,
    /// Half the width of the interval for the next reading.
    width: Option<f64>,
    /// The same, smoothed: how much the readings wobble.
    wobble: Option<f64>,
    /// The first readings, while they are what is known of that.
    early: Vec<f64>,
    /// Readings without a value in a row.
    gaps: u32,
    stuck: bool,
    /// When the first of the readings was that speak for another level.
    spoke_ms: u64,
}

impl Default for Decision {
    fn default() -> Self {
        Decision {
            alarm: Alarm::default(),
            why: WHYS[0],
            width: None,
            wobble: None,
            early: Vec::new(),
            gaps: 0,
            stuck: false,
            spoke_ms: 0,
        }
    }
}

/// A level that was left for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LevelChange {
    /// The level before.
    pub before: AlertLevel,
    /// The level now.
    pub level: AlertLevel,
    /// Why: one of [`WHYS`].
    pub why: &'static str,
    /// When the first of the readings was taken that made the change.
    pub since_ms: u64,
}

impl Decision {
    /// The level now.
    pub fn level(&self) -> AlertLevel {
        self.alarm.level()
    }

    /// Why it is what it is.
    pub fn why(&self) -> &'static str {
        self.why
    }

    /// Half the width of the interval that was given for the next reading.
    pub fn width(&self) -> Option<f64> {
        self.width
    }

    /// How far behind a threshold a value must be; thresholds this far apart are known.
    pub fn band(&self, options: &Options, room: f64) -> f64 {
        match options.band {
            Band::Fixed(band) => band,
            Band::Auto => {
                (BAND_WIDTHS * self.wobble.unwrap_or(0.0)).min(BAND_SHARE_MAX * room.max(0.0))
            }
        }
    }

    /// Takes the next reading, the `count`th of its series, at `time_ms`; the change if the
    /// level is another one now.
    pub fn take(
        &mut self,
        options: &Options,
        count: u64,
        time_ms: u64,
        value: f64,
        seen: &Observation,
    ) -> Option<LevelChange> {
        let before = self.level();
        let (signs, why) = if value.is_finite() {
            self.gaps = 0;
            self.signs(options, count, value, seen)
        } else {
            self.gaps = self.gaps.saturating_add(1);
            let missing = options.gaps.is_some_and(|gaps| self.gaps >= gaps);
            // Without a value nothing is cleared.
            if !missing || before >= AlertLevel::Warning {
                return None;
            }
            (lasting(AlertLevel::Warning, true), "gap")
        };
        self.width = seen.next.and_then(|next| next[0].interval).map(|(low, high)| {
            // Halves, for the sum of the largest numbers is none.
            high / 2.0 - low / 2.0
        });
        if value.is_finite() {
            self.follow(value);
        }
        let speaking = |alarm: &Alarm| alarm.parts()[1].max(alarm.parts()[3]);
        let spoke = speaking(&self.alarm);
        let changed = self.alarm.step(signs, options.raise_after, options.clear_after);
        if spoke == 0 || (changed.is_none() && speaking(&self.alarm) == 1) {
            self.spoke_ms = time_ms;
        }
        let level = changed?;
        self.why = if level > before { why } else { "clear" };
        Some(LevelChange { before, level, why: self.why, since_ms: self.spoke_ms })
    }

    /// How much the readings wobble, with another one of them.
    fn follow(&mut self, value: f64) {
        match (self.wobble, self.width) {
            (Some(wobble), width) if wobble > 0.0 && self.early.is_empty() => {
                let width = width.unwrap_or(wobble).min(WOBBLE_CLIP * wobble);
                self.wobble = Some(wobble + WOBBLE_GAIN * (width - wobble));
            }
            // Readings that have all been the same say nothing yet.
            _ => {
                self.early.push(value);
                self.wobble = early_width(&self.early);
                if self.early.len() >= EARLY {
                    self.early.clear();
                }
            }
        }
    }

    /// Nothing was said for too long, since `since_ms`: a warning at least, which the readings
    /// to come clear as any other. It is told of a level that is higher already, too, since
    /// nobody knows any more whether that is so.
    pub fn fall_silent(&mut self, since_ms: u64) -> LevelChange {
        let before = self.level();
        let signs = lasting(AlertLevel::Warning, true);
        if self.alarm.step(signs, u32::MAX, u32::MAX).is_some() {
            self.why = SILENT;
        }
        LevelChange { before, level: self.level(), why: SILENT, since_ms }
    }

    /// Something is said again; `since_ms` is when it had fallen silent. The level is what it
    /// was until readings change it.
    pub fn speak_again(&self, since_ms: u64) -> LevelChange {
        LevelChange { before: self.level(), level: self.level(), why: RECOVERED, since_ms }
    }

    /// What all conditions say of a value, and the name of the first that says the most.
    fn signs(
        &mut self,
        options: &Options,
        count: u64,
        value: f64,
        seen: &Observation,
    ) -> (Signs, &'static str) {
        let inner = self.inner(options);
        let mut all = (Signs::default(), WHYS[0]);
        let mut join = |signs: Signs, why: &'static str| {
            if signs.wanted > all.0.wanted {
                all.1 = why;
            }
            all.0 = all.0.or(signs);
        };
        let limits = limits(options, &inner, value);
        let high =
            value > options.thresholds.warning_high || value > options.thresholds.critical_high;
        join(limits, if high { "high" } else { "low" });
        let stuck = self.stuck(options, seen);
        join(lasting_if(stuck), "stuck");
        if count > options.learn {
            let cause = seen.verdict.cause.map_or(WHYS[0], Cause::name);
            join(surprise(&options.thresholds, seen.verdict.score), cause);
        }
        if options.drift {
            join(lasting_if(seen.drifting.is_some()), "drift");
        }
        if options.change && seen.changed.is_some() {
            let warning = AlertLevel::Warning;
            join(
                Signs { wanted: warning, urgent: warning, held: warning, ..Signs::default() },
                "change",
            );
        }
        if options.forecast {
            let last = seen.next.map_or(f64::NAN, |next| next[next.len() - 1].value);
            let ahead = limits_of_forecast(options, &inner, last);
            join(ahead, "forecast");
        }
        all
    }

    /// The thresholds, moved inwards by the band.
    fn inner(&self, options: &Options) -> Thresholds {
        let all = options.thresholds;
        let room = (all.warning_high - all.warning_low).min(all.critical_high - all.critical_low);
        let band = self.band(options, room);
        Thresholds {
            critical_high: all.critical_high - band,
            critical_low: all.critical_low + band,
            warning_high: all.warning_high - band,
            warning_low: all.warning_low + band,
            ..all
        }
    }

    fn stuck(&mut self, options: &Options, seen: &Observation) -> bool {
        self.stuck = match options.stuck {
            StuckAfter::Off => false,
            StuckAfter::Readings(readings) => seen.run >= readings,
            // Once it is known, it lasts until the value moves.
            StuckAfter::Auto => {
                let index = Cause::ALL.iter().position(|cause| *cause == Cause::Stuck);
                let evidence = index.map_or(f64::MIN, |index| seen.verdict.evidence[index]);
                seen.run > 1 && (self.stuck || evidence >= STUCK_EVIDENCE)
            }
        };
        self.stuck
    }

    pub(super) fn write(&self, out: &mut Writer) {
        self.alarm.parts().into_iter().for_each(|part| out.u32(part));
        let why = WHYS.iter().position(|why| *why == self.why).unwrap_or(0);
        out.u8(why as u8);
        out.option(self.width);
        out.option(self.wobble);
        out.u32(self.early.len() as u32);
        self.early.iter().for_each(|value| out.f64(*value));
        out.u32(self.gaps);
        out.u8(u8::from(self.stuck));
        out.u64(self.spoke_ms);
    }

    /// `has_early`: whether the version that has written it knew of the first readings.
    pub(super) fn read(input: &mut Reader<'_>, has_early: bool) -> Option<Self> {
        let width = |input: &mut Reader<'_>| {
            Some(input.option()?.filter(|width| width.is_finite() && *width >= 0.0))
        };
        let early = |input: &mut Reader<'_>| {
            let count = input.count(EARLY - 1)?;
            let values = (0..count).map(|_| input.f64().filter(|value| value.is_finite()));
            values.collect::<Option<Vec<f64>>>()
        };
        Some(Decision {
            alarm: input.alarm()?,
            why: WHYS.get(usize::from(input.u8()?))?,
            width: width(input)?,
            wobble: width(input)?,
            early: if has_early { early(input)? } else { Vec::new() },
            gaps: input.u32()?,
            stuck: input.u8()? != 0,
            spoke_ms: input.u64()?,
        })
    }
}

/// Half the width of an interval that nine of ten readings would be in; `None` for fewer than
/// three.
fn early_width(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let median = *sorted.get((sorted.len().checked_sub(1)?) / 2).filter(|_| sorted.len() > 2)?;
    // Halves, for the difference of the largest numbers is none.
    let mut halves: Vec<f64> =
        values.iter().map(|value| (value / 2.0 - median / 2.0).abs()).collect();
    halves.sort_unstable_by(f64::total_cmp);
    let quartile = halves[3 * (halves.len() - 1) / 4];
    Some((2.0 * EARLY_WIDTHS * quartile).min(f64::MAX))
}

fn limits(options: &Options, inner: &Thresholds, value: f64) -> Signs {
    let wanted = options.thresholds.level(value, 0.0);
    let at_once = wanted == AlertLevel::Critical && options.critical_at_once;
    let held = inner.level(value, 0.0);
    let urgent = if at_once { wanted } else { AlertLevel::Normal };
    Signs { wanted, urgent, held, lasting: held }
}

/// A reading that is only expected warns, and no more.
fn limits_of_forecast(options: &Options, inner: &Thresholds, value: f64) -> Signs {
    let warning_if = |level: AlertLevel| match level {
        AlertLevel::Critical => AlertLevel::Warning,
        _ => AlertLevel::Normal,
    };
    let held = warning_if(inner.level(value, 0.0));
    let wanted = warning_if(options.thresholds.level(value, 0.0));
    Signs { wanted, held, lasting: held, ..Signs::default() }
}

/// Scores have been debounced already, by their rarity; and they pass by themselves.
fn surprise(thresholds: &Thresholds, score: f64) -> Signs {
    let wanted = thresholds.level(f64::NAN, score);
    let held = thresholds.level(f64::NAN, score + SCORE_BAND);
    Signs { wanted, urgent: wanted, held, lasting: AlertLevel::Normal }
}

fn lasting_if(holds: bool) -> Signs {
    if holds { lasting(AlertLevel::Warning, true) } else { Signs::default() }
}

fn lasting(level: AlertLevel, at_once: bool) -> Signs {
    let urgent = if at_once { level } else { AlertLevel::Normal };
    Signs { wanted: level, urgent, held: level, lasting: level }
}

#[cfg(test)]
mod tests;
