//! Which rules of a series are to be carried out now.

use sedge_kit::alert::alarm::{Alarm, Policy};
use sedge_kit::alert::{AlertLevel, Thresholds};

use super::rules::{Rule, When};
use super::series::RuleState;

/// What the rules ask about.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// The level before the reading, and with it.
    pub before: AlertLevel,
    /// See [`Now::before`].
    pub level: AlertLevel,
    /// The reading; NaN for a gap.
    pub value: f64,
    /// How far behind its threshold a value counts as gone.
    pub band: f64,
    /// And how many times in a row.
    pub clear_after: u32,
    /// The node's clock.
    pub now_ms: u64,
}

/// The rules, all of which are about this series, that are to be carried out now. Each is
/// once for each time that its condition begins to hold; within its interval it waits for the
/// first reading behind, and is dropped if the condition has ended by then.
pub fn due<'r>(rules: &[&'r Rule], states: &mut Vec<RuleState>, now: &Now) -> Vec<&'r Rule> {
    states.retain(|state| rules.iter().any(|rule| rule.id == state.id));
    let mut due = Vec::new();
    for rule in rules {
        let index = states.iter().position(|state| state.id == rule.id).unwrap_or_else(|| {
            // What held already when the rule was new does not begin to hold.
            let on = matches!(rule.when, When::Level { .. }) && holds(rule, now.before);
            let alarm = Alarm::default();
            states.push(RuleState { id: rule.id, alarm, on, pending: false, done_ms: 0 });
            states.len() - 1
        });
        let state = &mut states[index];
        let on = match rule.when {
            When::Level { .. } => holds(rule, now.level),
            When::Above(value) => beyond(&mut state.alarm, now, value, f64::NEG_INFINITY),
            When::Below(value) => beyond(&mut state.alarm, now, f64::INFINITY, value),
        };
        state.pending = on && (state.pending || !state.on);
        state.on = on;
        // A clock that was set back must not silence the rule.
        let waits =
            (state.done_ms..state.done_ms.saturating_add(rule.every_ms)).contains(&now.now_ms);
        if state.pending && !(waits && state.done_ms > 0) {
            (state.pending, state.done_ms) = (false, now.now_ms);
            due.push(*rule);
        }
    }
    due
}

fn holds(rule: &Rule, now: AlertLevel) -> bool {
    match rule.when {
        When::Level { level, or_above } => now == level || (or_above && now > level),
        _ => false,
    }
}

/// Whether the value is above `high` or below `low`, or was and is not back for long enough.
fn beyond(alarm: &mut Alarm, now: &Now, high: f64, low: f64) -> bool {
    let policy = Policy {
        thresholds: Thresholds {
            critical_high: high,
            critical_low: low,
            warning_high: high,
            warning_low: low,
            critical_score: f64::INFINITY,
            warning_score: f64::INFINITY,
        },
        band: now.band,
        score_band: 0.0,
        raise_after: 1,
        clear_after: now.clear_after,
        critical_at_once: true,
    };
    alarm.observe(&policy, now.value, 0.0);
    alarm.level() == AlertLevel::Critical
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::rules;

    const CALM: Now = Now {
        before: AlertLevel::Normal,
        level: AlertLevel::Normal,
        value: 20.0,
        band: 1.0,
        clear_after: 2,
        now_ms: 1_000_000,
    };

    fn run(text: &str, readings: &[Now]) -> Vec<usize> {
        let rules = rules::parse(text).unwrap();
        let (rules, mut states) = (rules.iter().collect::<Vec<_>>(), Vec::new());
        let mut done = Vec::new();
        for (index, now) in readings.iter().enumerate() {
            done.extend(due(&rules, &mut states, now).iter().map(|_| index));
        }
        done
    }

    #[test]
    fn a_value_fires_once_until_it_is_back() {
        let text = "when value > 95 on # publish x to y every 0s";
        let values = [f64::NAN, 94.0, 95.0, 96.0, 99.0, 94.5, 96.0, 93.0, 96.0, 93.0, 93.0, 96.0];
        let readings = values.map(|value| Now { value, ..CALM });
        assert_eq!(run(text, &readings), [3, 11]);
        let text = "when value < 5 on # publish x to y";
        assert_eq!(run(text, &[Now { value: 4.0, ..CALM }]), [0]);
    }

    #[test]
    fn a_level_fires_when_it_begins() {
        use AlertLevel::{Critical, Normal, Warning};
        let levels = [Normal, Warning, Warning, Critical, Critical, Warning, Normal, Normal];
        let mut before = Normal;
        let readings = levels.map(|level| {
            let now = Now { before, level, ..CALM };
            before = level;
            now
        });
        for (when, want) in [
            ("= normal", &[6][..]),
            ("= warning", &[1, 5]),
            (">= warning", &[1]),
            ("= critical", &[3]),
        ] {
            let text = format!("when level {when} on # publish x to y every 0s");
            assert_eq!(run(&text, &readings), want, "{when}");
        }
        // A rule that is new to a series that is critical already.
        assert!(run("when level = critical on # publish x to y", &readings[4..5]).is_empty());
    }

    #[test]
    fn within_its_interval_a_rule_waits() {
        let text = "when value > 95 on # publish x to y every 10s";
        let at = |value: f64, now_ms: u64| Now { value, now_ms, clear_after: 1, ..CALM };
        let readings = [at(99.0, 5_000), at(20.0, 6_000), at(99.0, 7_000), at(99.0, 14_999)];
        assert_eq!(run(text, &readings), [0]);
        assert_eq!(run(text, &[&readings[..], &[at(99.0, 15_000)]].concat()), [0, 4]);
        let ended = [&readings[..], &[at(20.0, 15_000), at(20.0, 16_000)]].concat();
        assert_eq!(run(text, &ended), [0]);
        // The clock was set back.
        assert_eq!(run(text, &[readings[0], readings[1], at(99.0, 4_000)]), [0, 2]);
    }
}
