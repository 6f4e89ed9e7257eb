//! A level that does not flap: hysteresis and debouncing around [`Thresholds`].
//!
//! A level is *raised* when readings have been beyond its thresholds several times in a row,
//! and *cleared* when they have been back behind them by a margin several times in a row
//! (a dead band and an on-delay and off-delay, as ISA-18.2 recommends for alarms). In
//! between it is held. Emergencies and surprises need not wait: see [`Policy`].

use super::{AlertLevel, Thresholds};

/// When a level is raised and cleared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    /// Where the levels begin.
    pub thresholds: Thresholds,
    /// How far behind its threshold, in the unit of the readings, a reading must be for the
    /// level to be cleared. Negative or not a number counts as 0.
    pub band: f64,
    /// The same for anomaly scores.
    pub score_band: f64,
    /// How many readings in a row raise a level; at least 1.
    pub raise_after: u32,
    /// How many in a row clear it; at least 1.
    pub clear_after: u32,
    /// Whether a single reading beyond a critical threshold is enough.
    pub critical_at_once: bool,
}

/// Two readings raise, five clear, a critical one raises at once; one degree of margin,
/// and a tenth of a score.
impl Default for Policy {
    fn default() -> Self {
        Policy {
            thresholds: Thresholds::default(),
            band: 1.0,
            score_band: 0.1,
            raise_after: 2,
            clear_after: 5,
            critical_at_once: true,
        }
    }
}

impl Policy {
    /// The level that a reading is surely not below: with all thresholds moved inwards.
    fn held(&self, value: f64, score: f64) -> AlertLevel {
        let margin = |band: f64| if band > 0.0 { band } else { 0.0 };
        let (band, score_band) = (margin(self.band), margin(self.score_band));
        let all = self.thresholds;
        let inner = Thresholds {
            critical_high: all.critical_high - band,
            critical_low: all.critical_low + band,
            warning_high: all.warning_high - band,
            warning_low: all.warning_low + band,
            critical_score: all.critical_score - score_band,
            warning_score: all.warning_score - score_band,
        };
        inner.level(value, score)
    }

    /// Scores that are surprising have been debounced already: by their rarity.
    fn urgent(&self, value: f64, score: f64) -> AlertLevel {
        let by_score = self.thresholds.level(f64::NAN, score);
        let by_value = self.thresholds.level(value, 0.0);
        match by_value {
            AlertLevel::Critical if self.critical_at_once => AlertLevel::Critical,
            _ => by_score,
        }
    }
}

/// What one reading says about the level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signs {
    /// The level that it speaks for.
    pub wanted: AlertLevel,
    /// The level that it is reason enough for, alone.
    pub urgent: AlertLevel,
    /// The level that it is surely not below: a higher one is about to be cleared.
    pub held: AlertLevel,
    /// The part of that which does not pass by itself, as a surprise does: what is left at
    /// least when a higher level is cleared.
    pub lasting: AlertLevel,
}

impl Signs {
    /// The stronger of both, each in its own.
    pub fn or(self, other: Signs) -> Signs {
        Signs {
            wanted: self.wanted.max(other.wanted),
            urgent: self.urgent.max(other.urgent),
            held: self.held.max(other.held),
            lasting: self.lasting.max(other.lasting),
        }
    }
}

/// The level of one sensor, and what speaks for another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Alarm {
    level: AlertLevel,
    /// Readings in a row above the level, and the lowest of theirs.
    above: u32,
    above_least: AlertLevel,
    /// Readings in a row below it, and the highest of theirs.
    below: u32,
    below_most: AlertLevel,
}

impl Alarm {
    /// The level now.
    pub fn level(&self) -> AlertLevel {
        self.level
    }

    /// Takes the next reading and its anomaly score; the level if it is another one now. A
    /// reading that is not finite is a gap: it neither raises nor clears.
    pub fn observe(&mut self, policy: &Policy, value: f64, score: f64) -> Option<AlertLevel> {
        if !value.is_finite() {
            return None;
        }
        let held = policy.held(value, score);
        let signs = Signs {
            wanted: policy.thresholds.level(value, score),
            urgent: policy.urgent(value, score),
            held,
            lasting: held,
        };
        self.step(signs, policy.raise_after, policy.clear_after)
    }

    /// Takes what the next reading says; the level if it is another one now. `raise_after`
    /// and `clear_after` are those of [`Policy`].
    pub fn step(&mut self, signs: Signs, raise_after: u32, clear_after: u32) -> Option<AlertLevel> {
        let before = self.level;
        if signs.urgent > self.level {
            self.set(signs.urgent);
        }
        if signs.wanted > self.level {
            self.below = 0;
            let least = if self.above == 0 { signs.wanted } else { self.above_least };
            self.above_least = least.min(signs.wanted);
            self.above = self.above.saturating_add(1);
            if self.above >= raise_after {
                self.set(self.above_least);
            }
        } else if signs.held < self.level {
            self.above = 0;
            let most = if self.below == 0 { signs.lasting } else { self.below_most };
            self.below_most = most.max(signs.lasting);
            self.below = self.below.saturating_add(1);
            if self.below >= clear_after {
                self.set(self.below_most.max(signs.held));
            }
        } else {
            (self.above, self.below) = (0, 0);
        }
        (self.level != before).then_some(self.level)
    }

    fn set(&mut self, level: AlertLevel) {
        *self = Alarm { level, ..Alarm::default() };
    }

    /// Level and counts, to be kept: see [`Alarm::from_parts`].
    pub fn parts(&self) -> [u32; 5] {
        let code = |level: AlertLevel| u32::from(level.code());
        [code(self.level), self.above, code(self.above_least), self.below, code(self.below_most)]
    }

    /// What [`Alarm::parts`] gave; `None` if a level is none.
    pub fn from_parts(parts: [u32; 5]) -> Option<Self> {
        let level = |code| match code {
            0 => Some(AlertLevel::Normal),
            1 => Some(AlertLevel::Warning),
            2 => Some(AlertLevel::Critical),
            _ => None,
        };
        let [now, above, above_least, below, below_most] = parts;
        Some(Alarm {
            level: level(now)?,
            above,
            above_least: level(above_least)?,
            below,
            below_most: level(below_most)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use AlertLevel::{Critical, Normal, Warning};
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn levels(policy: &Policy, values: &[f64]) -> Vec<AlertLevel> {
        let mut alarm = Alarm::default();
        values
            .iter()
            .map(|value| {
                alarm.observe(policy, *value, 0.0);
                alarm.level()
            })
            .collect()
    }

    #[test]
    fn gaps_neither_raise_nor_clear() {
        let policy = Policy::default();
        let gap = f64::NAN;
        assert_eq!(levels(&policy, &[45.0, gap, 45.0]), [Normal, Normal, Warning]);
        let mut alarm = Alarm::default();
        assert_eq!(alarm.observe(&policy, 60.0, 0.0), Some(Critical));
        for odd in [gap, f64::INFINITY, f64::NEG_INFINITY] {
            assert!((0..99).all(|_| alarm.observe(&policy, odd, 1.0).is_none()), "{odd}");
        }
        assert_eq!(alarm.observe(&policy, 20.0, f64::NAN), None);
    }

    #[test]
    fn levels_are_raised_and_cleared_after_their_count() {
        let policy = Policy { clear_after: 3, ..Policy::default() };
        for (values, expected) in [
            (&[45.0, 20.0, 45.0, 20.0][..], &[Normal; 4][..]),
            (&[45.0, 45.0, 39.5, 39.5, 39.5], &[Normal, Warning, Warning, Warning, Warning]),
            (&[45.0, 45.0, 38.0, 38.0, 38.0], &[Normal, Warning, Warning, Warning, Normal]),
            (
                &[45.0, 45.0, 38.0, 45.0, 38.0, 38.0],
                &[Normal, Warning, Warning, Warning, Warning, Warning],
            ),
            (&[55.0, 45.0, 45.0, 45.0], &[Critical, Critical, Critical, Warning]),
            (&[55.0, 20.0, 45.0, 20.0], &[Critical, Critical, Critical, Warning]),
            (&[-20.0], &[Critical]),
        ] {
            assert_eq!(levels(&policy, values), expected, "{values:?}");
        }
        let patient = Policy { critical_at_once: false, ..policy };
        assert_eq!(
            levels(&patient, &[55.0, 45.0, 55.0, 55.0]),
            [Normal, Warning, Warning, Critical]
        );
    }

    #[test]
    fn a_surprise_is_told_at_once_and_cleared_later() {
        let policy = Policy::default();
        let mut alarm = Alarm::default();
        assert_eq!(alarm.observe(&policy, 20.0, 0.6), Some(Warning));
        assert_eq!(alarm.observe(&policy, 20.0, 0.9), Some(Critical));
        let cleared: Vec<_> = (0..9).map(|_| alarm.observe(&policy, 20.0, 0.0)).collect();
        assert_eq!(cleared.iter().flatten().collect::<Vec<_>>(), [&Normal]);
        assert_eq!(cleared[4], Some(Normal));
    }

    #[test]
    fn what_passes_by_itself_is_not_left_when_a_level_is_cleared() {
        let mut alarm = Alarm::default();
        let high = Signs { wanted: Critical, urgent: Critical, held: Critical, lasting: Critical };
        assert_eq!(alarm.step(high, 2, 3), Some(Critical));
        let surprise = Signs { wanted: Warning, urgent: Warning, held: Warning, lasting: Normal };
        let calm = Signs::default();
        let after: Vec<_> = [surprise, calm, calm].map(|signs| alarm.step(signs, 2, 3)).into();
        assert_eq!(after, [None, None, Some(Normal)]);
        assert_eq!(calm.or(surprise).or(calm), surprise);
        // One that goes on is left.
        alarm.step(high, 2, 3);
        let after: Vec<_> = [surprise; 3].map(|signs| alarm.step(signs, 2, 3)).into();
        assert_eq!(after, [None, None, Some(Warning)]);
    }

    proptest! {
        /// Noise that is not wider than the band crosses a threshold many times, and the
        /// level once at most.
        #[test]
        fn noise_around_a_threshold_does_not_flap(
            noise in proptest::collection::vec(-0.5f64..0.5, 1..400), threshold in 0usize..4,
            raise_after in 1u32..4, clear_after in 1u32..9, at_once: bool,
        ) {
            let policy = Policy { raise_after, clear_after, critical_at_once: at_once, ..Policy::default() };
            let center = [50.0, -10.0, 40.0, 0.0][threshold];
            let mut alarm = Alarm::default();
            let changes = noise.iter().filter(|n| alarm.observe(&policy, center + **n, 0.0).is_some()).count();
            // Around a critical threshold a warning may come first.
            let most = if threshold < 2 { 2 } else { 1 };
            prop_assert!(changes <= most, "{changes}");
        }

        #[test]
        fn what_stays_beyond_is_raised_and_what_stays_behind_is_cleared(
            before in proptest::collection::vec((-100.0f64..100.0, 0.0f64..1.0), 0..60),
            raise_after in 0u32..9, clear_after in 0u32..9,
        ) {
            let policy = Policy { raise_after, clear_after, ..Policy::default() };
            let mut alarm = Alarm::default();
            for (value, score) in before {
                alarm.observe(&policy, value, score);
                prop_assert_eq!(Alarm::from_parts(alarm.parts()), Some(alarm));
            }
            let mut hot = alarm;
            (0..10).for_each(|_| { hot.observe(&policy, 99.0, 0.0); });
            prop_assert_eq!(hot.level(), Critical);
            (0..20).for_each(|_| { alarm.observe(&policy, 20.0, 0.0); });
            prop_assert_eq!(alarm.level(), Normal);
        }
    }
}
