//! A series that goes on: a value at a time, bounded memory, and intervals that learn.
//!
//! Models are chosen anew now and then, when the series has grown by a part of itself; in
//! between, the same models are fitted to what is known. Each forecast is compared with what
//! came, and the share that an interval is made for is steered by how often it held (Gibbs &
//! Candès, *Adaptive Conformal Inference Under Distribution Shift*, NeurIPS 2021), for each
//! step ahead by itself. In the long run the intervals so hold their share whatever the
//! series does, as far as [`SHARE_MAX`] reaches.

use super::choose::Choice;
use super::{COVERAGE_MAX, COVERAGE_MIN, Prepared};
use crate::baseline::Scaled;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// The most values that are remembered.
pub const MEMORY_MAX: usize = 4_096;
/// The least.
pub const MEMORY_MIN: usize = 16;
/// The most steps ahead.
pub const STEPS_MAX: usize = 48;
/// The shares that intervals are steered between.
pub const SHARE_MAX: f64 = 0.999;
const SHARE_MIN: f64 = 0.1;
/// How far one value moves a share.
const STEER: f64 = 0.02;
/// Models are chosen anew when a series has grown by this part, or by so many values.
const GROWN: usize = 8;
const GROWN_MIN: usize = 8;

/// What is expected a step ahead.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expected {
    /// The value; finite.
    pub value: f64,
    /// Lower and upper bound; `None` while nothing tells a width.
    pub interval: Option<(f64, f64)>,
}

/// A series, and what is expected of it.
#[derive(Clone, Debug)]
pub struct Online {
    coverage: f64,
    memory: usize,
    period: Option<usize>,
    values: VecDeque<f64>,
    choice: Option<Choice>,
    periods: Vec<usize>,
    /// Values since models were chosen.
    since: usize,
    /// What was said, the latest first.
    said: VecDeque<Vec<Expected>>,
    /// For each step ahead: the share that its interval is made for.
    shares: Vec<f64>,
    held: u64,
    compared: u64,
}

impl Online {
    /// Looks `steps` ahead, from 1 to [`STEPS_MAX`], with intervals for `coverage`, from
    /// [`COVERAGE_MIN`] to [`COVERAGE_MAX`]; remembers `memory` values, from [`MEMORY_MIN`]
    /// to [`MEMORY_MAX`]. What is out of range is moved to its bound. `period`: the length
    /// of the cycle; `None`: it is found; below 2: there is none.
    pub fn new(steps: usize, coverage: f64, memory: usize, period: Option<usize>) -> Self {
        let coverage = if coverage.is_finite() { coverage } else { 0.9 };
        let coverage = coverage.clamp(COVERAGE_MIN, COVERAGE_MAX);
        Online {
            coverage,
            memory: memory.clamp(MEMORY_MIN, MEMORY_MAX),
            period,
            values: VecDeque::new(),
            choice: None,
            periods: Vec::new(),
            since: 0,
            said: VecDeque::new(),
            shares: alloc::vec![coverage; steps.clamp(1, STEPS_MAX)],
            held: 0,
            compared: 0,
        }
    }

    /// Takes the next value; one that is not finite is a gap. Returns what is expected next,
    /// as [`Online::expected`] does.
    pub fn observe(&mut self, value: f64) -> &[Expected] {
        self.compare(value);
        if self.values.len() == self.memory {
            self.values.pop_front();
        }
        self.values.push_back(value);
        self.since += 1;
        let said = self.forecast().unwrap_or_default();
        self.said.truncate(self.shares.len() - 1);
        self.said.push_front(said);
        self.expected()
    }

    /// What is expected of the next steps: as many as there are, or none while all values
    /// were gaps.
    pub fn expected(&self) -> &[Expected] {
        self.said.front().map_or(&[], Vec::as_slice)
    }

    /// The share of values that lay in their intervals, of all steps ahead; `None` before
    /// any was compared.
    pub fn held(&self) -> Option<f64> {
        (self.compared > 0).then(|| self.held as f64 / self.compared as f64)
    }

    /// How many values are remembered.
    pub fn known(&self) -> usize {
        self.values.len()
    }

    fn compare(&mut self, value: f64) {
        if !value.is_finite() {
            return;
        }
        for (step, said) in self.said.iter().enumerate() {
            let Some((low, high)) = said.get(step).and_then(|one| one.interval) else { continue };
            let holds = (low..=high).contains(&value);
            let miss = if holds { 0.0 } else { 1.0 };
            let share = self.shares[step] + STEER * (miss - (1.0 - self.coverage));
            self.shares[step] = share.clamp(SHARE_MIN, SHARE_MAX);
            self.held += u64::from(holds);
            self.compared += 1;
        }
    }

    fn forecast(&mut self) -> Option<Vec<Expected>> {
        let last = self.values.iter().rposition(|value| value.is_finite())?;
        let scaled = Scaled::new(self.values.iter().copied());
        let given: Option<Vec<usize>> = match (self.period, &self.choice) {
            (Some(period), _) => Some(alloc::vec![period]),
            (None, Some(_)) if !self.is_due() => Some(self.periods.clone()),
            _ => None,
        };
        let prepared = Prepared::new(&scaled.values, given.as_deref());
        let lengths = prepared.lengths();
        // Gaps at the end are steps ahead, too; beyond a horizon there is no use in them.
        let gaps = (self.values.len() - 1 - last).min(STEPS_MAX);
        let horizon = gaps + self.shares.len();
        let mut forecast = None;
        if self.is_due()
            && let Some((choice, values)) = Choice::new(&prepared.values, &lengths, horizon, None)
        {
            self.choice = Some(choice.rescaled(&scaled));
            (self.periods, self.since) = (lengths.clone(), 0);
            forecast = Some(values);
        }
        let choice = self.choice.as_ref()?;
        let values = match forecast {
            Some(values) => values,
            None => choice.forecast(&prepared.values, &lengths, horizon)?,
        };
        let mut width = 0.0_f64;
        let expected = |(step, value): (usize, &f64)| {
            let value = scaled.restore(*value);
            let share = self.shares[step - gaps];
            let interval = choice.spread.as_ref().map(|spread| {
                // Shares are steered apart, but what is further ahead is not surer.
                width = width.max(spread.half_width(step + 1, share)).min(f64::MAX / 4.0);
                ((value - width).max(f64::MIN), (value + width).min(f64::MAX))
            });
            Expected { value, interval }
        };
        Some(values.iter().enumerate().skip(gaps).map(expected).collect())
    }

    /// Whether models are to be chosen anew.
    fn is_due(&self) -> bool {
        self.choice.is_none() || self.since >= (self.values.len() / GROWN).max(GROWN_MIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::online::noise::Noise;

    #[test]
    fn what_is_out_of_range_is_moved() {
        let mut online = Online::new(0, f64::NAN, 0, Some(0));
        assert!(online.expected().is_empty());
        assert_eq!(online.observe(3.0).len(), 1);
        for _ in 0..50 {
            online.observe(3.0);
        }
        assert_eq!(online.known(), MEMORY_MIN);
        assert!((online.expected()[0].value - 3.0).abs() < 1e-9);
        assert_eq!(Online::new(usize::MAX, 9.0, usize::MAX, None).shares.len(), STEPS_MAX);
    }

    #[test]
    fn gaps_are_passed_over() {
        let mut online = Online::new(3, 0.9, 64, None);
        assert!(online.observe(f64::NAN).is_empty());
        for index in 0..40 {
            online.observe(if index % 5 == 4 { f64::INFINITY } else { f64::from(index) });
        }
        // The last was a gap at 39.
        let next = online.expected()[0];
        assert!((next.value - 40.0).abs() < 1.0, "{next:?}");
        assert!(next.interval.is_some_and(|(low, high)| low <= 40.0 && high >= 40.0));
    }

    #[test]
    fn extremes_stay_finite() {
        let mut online = Online::new(5, 0.95, 32, None);
        for value in [f64::MAX, -f64::MAX, 0.0, 5e-324, 1.0, f64::MAX].into_iter().cycle().take(60)
        {
            for expected in online.observe(value) {
                assert!(expected.value.is_finite());
                let good = |(low, high): (f64, f64)| {
                    low.is_finite()
                        && high.is_finite()
                        && low <= expected.value
                        && expected.value <= high
                };
                assert!(expected.interval.is_none_or(good), "{expected:?}");
            }
        }
    }

    #[test]
    fn intervals_hold_their_share_while_the_series_changes() {
        let mut noise = Noise::new(21);
        let mut online = Online::new(4, 0.9, 128, Some(7));
        for index in 0..900 {
            // A cycle whose noise becomes five times as large.
            let size = if index < 450 { 0.2 } else { 1.0 };
            let cycle = [5.0, 6.0, 9.0, 6.0, 4.0, 1.0, 2.0][index % 7];
            online.observe(cycle + size * noise.normal());
        }
        let held = online.held().expect("many were compared");
        assert!((0.86..0.95).contains(&held), "{held}");
        let widths: Vec<f64> = online
            .expected()
            .iter()
            .filter_map(|one| one.interval.map(|(low, high)| high - low))
            .collect();
        assert!(widths.windows(2).all(|pair| pair[1] >= pair[0] - 1e-9), "{widths:?}");
    }
}
