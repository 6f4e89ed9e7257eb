//! Change points: that the level has moved for good, since when, from where to where.
//!
//! Two cumulative sums (Page, Biometrika 41, 1954), one for a rise and one for a fall, that
//! learn mean, deviation and autocorrelation from the readings themselves since the last
//! change (Hawkins, *Self-Starting CUSUM Charts*, The Statistician 36, 1987). Readings are
//! judged by what their autocorrelation leaves unexplained, or a slow swing would look like
//! a hundred independent witnesses; and each counts at most [`CLIP`] deviations, or a
//! single spike would be a change.

use super::nearest::SIZE_MAX;
use crate::state::{Reader, StateError, Writer};

/// Readings that a level is learned from before it can be left.
const LEARN: u64 = 30;
/// How many deviations a reading counts at most.
const CLIP: f64 = 3.0;
/// Half the shift, in deviations, that is found soonest.
const ALLOWANCE: f64 = 0.5;
/// Where a sum is no chance: once in some hundred thousand normal readings.
const DECISION: f64 = 12.0;
/// How fast mean and deviation follow once they are known.
const GAIN: f64 = 1e-3;
/// More autocorrelation than this is a trend.
const CORRELATION_MAX: f64 = 0.95;

/// A level that was left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Changed {
    /// How many readings the new level has lasted, the present one included.
    pub since: u64,
    /// The mean before.
    pub from: f64,
    /// The mean since.
    pub to: f64,
}

/// One of the sums.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Sum {
    sum: f64,
    /// Readings since it was last zero, and their sum.
    count: u64,
    total: f64,
}

impl Sum {
    fn add(&mut self, deviation: f64, value: f64) {
        self.sum += deviation - ALLOWANCE;
        if self.sum <= 0.0 {
            *self = Sum::default();
            return;
        }
        self.count = self.count.saturating_add(1);
        self.total += value;
    }
}

/// The level of a series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Change {
    count: u64,
    mean: f64,
    variance: f64,
    /// Mean product of neighboring deviations.
    product: f64,
    /// The last deviation from the mean.
    before: f64,
    rise: Sum,
    fall: Sum,
}

impl Change {
    /// Takes the next reading, which must be finite; the change if one is certain now. The
    /// new level is learned from then on.
    pub fn observe(&mut self, value: f64) -> Option<Changed> {
        // A hundredth of what fits: the sums of very many must fit, too.
        let value = value.clamp(-SIZE_MAX, SIZE_MAX) / 100.0;
        let changed = if self.count >= LEARN { self.test(value) } else { None };
        match changed {
            Some(changed) => {
                *self = Change { variance: self.variance, ..Change::default() };
                self.mean = changed.to / 100.0;
            }
            None => self.learn(value),
        }
        changed
    }

    fn test(&mut self, value: f64) -> Option<Changed> {
        let deviation = libm::sqrt(self.variance);
        let score = |distance: f64| {
            let rounding = self.mean.abs() * 1e-12;
            match deviation > 0.0 {
                true => (distance / deviation).clamp(-2.0 * CLIP, 2.0 * CLIP),
                false if distance.abs() <= rounding => 0.0,
                false => 2.0 * CLIP * distance.signum(),
            }
        };
        let correlation = match self.variance > 0.0 {
            true => (self.product / self.variance).clamp(0.0, CORRELATION_MAX),
            false => 0.0,
        };
        let unexplained = score(value - self.mean) - correlation * score(self.before);
        let z = unexplained / libm::sqrt(1.0 - correlation * correlation);
        let z = z.clamp(-CLIP, CLIP);
        self.rise.add(z, value);
        self.fall.add(-z, value);
        let sum = if self.rise.sum > self.fall.sum { self.rise } else { self.fall };
        (sum.sum > DECISION).then(|| Changed {
            since: sum.count,
            from: self.mean * 100.0,
            to: sum.total / sum.count as f64 * 100.0,
        })
    }

    fn learn(&mut self, value: f64) {
        self.count = self.count.saturating_add(1);
        let gain = (1.0 / self.count as f64).max(GAIN);
        let distance = value - self.mean;
        // Once the deviation is known, one wild reading must not move it far.
        let reach = CLIP * libm::sqrt(self.variance);
        let known = self.count > LEARN && reach > 0.0;
        let held = if known { distance.clamp(-reach, reach) } else { distance };
        self.mean += gain * held;
        let after = if known { held } else { value - self.mean };
        // Both have the same sign, but for what rounding makes of a leap from huge to small.
        self.variance += gain * ((held * after).max(0.0) - self.variance);
        self.product += gain * (self.before * after - self.product);
        self.before = after;
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        out.u64(self.count);
        for value in [self.mean, self.variance, self.product, self.before] {
            out.f64(value);
        }
        for sum in [self.rise, self.fall] {
            out.f64(sum.sum);
            out.u64(sum.count);
            out.f64(sum.total);
        }
    }

    pub(crate) fn read(input: &mut Reader) -> Result<Self, StateError> {
        let count = input.u64()?;
        let mean = input.f64_within(-SIZE_MAX, SIZE_MAX)?;
        let square = SIZE_MAX * SIZE_MAX;
        let variance = input.f64_within(0.0, square)?;
        let product = input.f64_within(-square, square)?;
        let before = input.f64_within(-2.0 * SIZE_MAX, 2.0 * SIZE_MAX)?;
        let mut sum = || {
            let sum = input.f64_within(0.0, DECISION + CLIP)?;
            let count = input.u64()?;
            let total = input.f64()?;
            // What the mean of so many readings can be, as rounding leaves it; without any, all
            // must be zero.
            let total_max = SIZE_MAX / 100.0 * 1.001 * count as f64;
            if total.abs() > total_max || (count == 0 && sum > 0.0) {
                return Err(StateError::Value);
            }
            Ok(Sum { sum, count, total })
        };
        let (rise, fall) = (sum()?, sum()?);
        Ok(Change { count, mean, variance, product, before, rise, fall })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::online::noise::Noise;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn run(change: &mut Change, values: impl Iterator<Item = f64>) -> Vec<(usize, Changed)> {
        values
            .enumerate()
            .filter_map(|(index, value)| Some((index, change.observe(value)?)))
            .collect()
    }

    #[test]
    fn a_constant_and_the_largest_numbers_do_not_change() {
        assert!(run(&mut Change::default(), (0..5000).map(|_| 0.1)).is_empty());
        let wild = (0..5000).map(|step| if step % 2 == 0 { f64::MAX } else { f64::MIN });
        assert!(run(&mut Change::default(), wild).is_empty());
    }

    #[test]
    fn a_leap_from_huge_to_small_leaves_a_variance() {
        // As a change leaves it: the mean takes the small number up only after the huge one.
        let mut change = Change { mean: 7.2e145, variance: 1.0, ..Change::default() };
        change.learn(9.0);
        assert_eq!((change.mean, change.variance), (0.0, 0.0));
    }

    #[test]
    fn noise_and_spikes_and_slow_swings_seldom_change() {
        let mut noise = Noise::new(1);
        assert!(run(&mut Change::default(), (0..50_000).map(|_| noise.normal())).len() <= 1);
        let spikes =
            (0..20_000).map(|step| noise.normal() + if step % 500 == 499 { 50.0 } else { 0.0 });
        assert!(run(&mut Change::default(), spikes).len() <= 1);
        let mut level = 0.0;
        let walk = (0..20_000).map(|_| {
            level = 0.9 * level + noise.normal();
            level
        });
        let found = run(&mut Change::default(), walk).len();
        assert!(found <= 4, "{found} changes in an autocorrelated series");
    }

    #[test]
    fn a_shift_is_found_soon_and_told_rightly() {
        let mut noise = Noise::new(7);
        for (shift, soon) in [(1.0, 80), (2.0, 25), (-4.0, 12)] {
            let values =
                (0..2000).map(|step| 10.0 + noise.normal() + if step < 1000 { 0.0 } else { shift });
            let found = run(&mut Change::default(), values);
            assert_eq!(found.len(), 1, "{found:?}");
            let (index, changed) = found[0];
            assert!((1000..1000 + soon).contains(&index), "{shift}: {index}");
            let began = index + 1 - changed.since as usize;
            assert!(began.abs_diff(1000) <= 15, "{shift}: began {began}");
            assert!((changed.from - 10.0).abs() < 0.3);
            assert!((changed.to - 10.0 - shift).abs() < 1.0, "{changed:?}");
        }
    }

    #[test]
    fn a_sum_of_no_readings_is_no_state() {
        let mut change = Change::default();
        let mut noise = Noise::new(5);
        (0..200).for_each(|_| assert!(change.observe(noise.normal()).is_none()));
        for (count, total, good) in
            [(0, 0.0, true), (0, 1.0, false), (1, f64::MAX, false), (u64::MAX, 5.0, true)]
        {
            change.rise = Sum { sum: if count == 0 { 0.0 } else { 1.0 }, count, total };
            let mut out = Writer::default();
            change.write(&mut out);
            let bytes = out.finish();
            let read = Change::read(&mut Reader::new(&bytes));
            assert_eq!(read.is_ok(), good, "{count} {total}");
            if let Ok(mut read) = read {
                (0..99)
                    .for_each(|_| assert!(read.observe(9.0).is_none_or(|one| one.to.is_finite())));
            }
        }
    }

    #[test]
    fn a_constant_that_steps_has_changed() {
        let values = (0..200).map(|step| if step < 100 { 5.0 } else { 5.001 });
        let found = run(&mut Change::default(), values);
        assert_eq!(found.len(), 1);
        assert!((100..110).contains(&found[0].0));
        assert!((found[0].1.to - 5.001).abs() < 1e-9);
    }

    proptest! {
        /// Sums of the largest numbers are what rounding leaves of them.
        #[test]
        fn what_was_learned_can_be_read_again(
            values in proptest::collection::vec(
                prop_oneof![-20.0..20.0, Just(7.2e223), Just(f64::MAX), Just(1e5)],
                80..200,
            ),
        ) {
            let mut change = Change::default();
            for value in values {
                change.observe(value);
                let mut out = Writer::default();
                change.write(&mut out);
                let bytes = out.finish();
                prop_assert_eq!(Change::read(&mut Reader::new(&bytes)), Ok(change.clone()));
            }
        }
    }
}
