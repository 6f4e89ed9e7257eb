//! Count, sum, mean, variance, least and largest, first and last of a stream of numbers.
//!
//! The sum is compensated (Neumaier, ZAMM 54, 1974), so that it does not lose small values beside
//! large ones; the variance is taken about the mean as it moves (Welford, Technometrics 4, 1962),
//! and two of them are joined as Chan, Golub & LeVeque do (COMPSTAT 1982). Merging in another
//! order changes mean and variance by rounding only; all else not at all, but for the last bits
//! of the sum.

use crate::state::{Reader, StateError, Writer, seal, unseal};

/// What a written summary begins with, and its version.
const KIND: [u8; 4] = *b"skmo";
const VERSION: u8 = 1;

/// Numbers farther from zero are refused: the square of their distances would not fit.
pub const SIZE_MAX: f64 = 1e140;

/// A number and when it was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timed {
    /// Milliseconds since any epoch.
    pub time_ms: i64,
    /// What it was.
    pub value: f64,
}

/// The ends of a stream: there are none of an empty one.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Ends {
    least: f64,
    largest: f64,
    first: Timed,
    last: Timed,
}

/// A stream of numbers of which a few are known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moments {
    count: u64,
    sum: f64,
    /// What the sum has lost by rounding.
    lost: f64,
    mean: f64,
    /// Sum of the squares of the distances from the mean.
    squares: f64,
    ends: Option<Ends>,
}

impl Moments {
    /// Takes one more number; whether it was one. What is not finite, or farther than
    /// [`SIZE_MAX`] from zero, is refused.
    pub fn insert(&mut self, time_ms: i64, value: f64) -> bool {
        // NaN is not within either.
        if !(-SIZE_MAX..=SIZE_MAX).contains(&value) {
            return false;
        }
        self.count = self.count.saturating_add(1);
        self.add(value);
        let distance = value - self.mean;
        self.mean += distance / self.count as f64;
        self.squares += distance * (value - self.mean);
        let timed = Timed { time_ms, value };
        self.widen(Ends { least: value, largest: value, first: timed, last: timed });
        true
    }

    fn add(&mut self, value: f64) {
        let sum = self.sum + value;
        self.lost += if self.sum.abs() >= value.abs() {
            (self.sum - sum) + value
        } else {
            (value - sum) + self.sum
        };
        self.sum = sum;
    }

    /// Of two numbers at the same time the smaller one is the first, and the larger one the
    /// last, so that it does not matter which was told first.
    fn widen(&mut self, other: Ends) {
        let Some(ends) = &mut self.ends else {
            self.ends = Some(other);
            return;
        };
        let order = |one: &Timed, two: &Timed| {
            one.time_ms.cmp(&two.time_ms).then(one.value.total_cmp(&two.value))
        };
        if other.least.total_cmp(&ends.least).is_lt() {
            ends.least = other.least;
        }
        if other.largest.total_cmp(&ends.largest).is_gt() {
            ends.largest = other.largest;
        }
        if order(&other.first, &ends.first).is_lt() {
            ends.first = other.first;
        }
        if order(&other.last, &ends.last).is_gt() {
            ends.last = other.last;
        }
    }

    /// Adds all that `other` has seen.
    pub fn merge(&mut self, other: &Moments) {
        let Some(ends) = other.ends else { return };
        let (ours, theirs) = (self.count as f64, other.count as f64);
        let distance = other.mean - self.mean;
        let all = ours + theirs;
        self.squares += other.squares + distance * distance * (ours * (theirs / all));
        self.mean =
            if self.count == 0 { other.mean } else { self.mean + distance * (theirs / all) };
        self.count = self.count.saturating_add(other.count);
        self.add(other.sum);
        self.lost += other.lost;
        self.widen(ends);
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their sum; 0 of none.
    pub fn sum(&self) -> f64 {
        self.sum + self.lost
    }

    /// Their mean; `None` of none.
    pub fn mean(&self) -> Option<f64> {
        let ends = self.ends?;
        // Rounding must not carry it beyond all numbers that it is the mean of.
        Some(self.mean.clamp(ends.least, ends.largest))
    }

    /// Their variance as a sample of more (divided by n − 1); `None` of fewer than two.
    pub fn variance(&self) -> Option<f64> {
        (self.count > 1).then(|| self.squares.max(0.0) / (self.count - 1) as f64)
    }

    /// The smallest.
    pub fn min(&self) -> Option<f64> {
        self.ends.map(|ends| ends.least)
    }

    /// The largest.
    pub fn max(&self) -> Option<f64> {
        self.ends.map(|ends| ends.largest)
    }

    /// The one with the earliest time, whenever it was told; of several, the smallest.
    pub fn first(&self) -> Option<Timed> {
        self.ends.map(|ends| ends.first)
    }

    /// The one with the latest time; of several, the largest.
    pub fn last(&self) -> Option<Timed> {
        self.ends.map(|ends| ends.last)
    }

    /// The summary as bytes, for [`Moments::from_bytes`].
    pub fn to_bytes(&self) -> alloc::vec::Vec<u8> {
        seal(KIND, VERSION, |out| self.write(out))
    }

    /// What [`Moments::to_bytes`] gave.
    ///
    /// # Errors
    ///
    /// If the bytes are not such a summary.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StateError> {
        unseal(bytes, KIND, VERSION, Moments::read)
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        out.varint(self.count);
        let Some(ends) = self.ends else { return };
        let Ends { least, largest, first, last } = ends;
        for value in [self.sum, self.lost, self.mean, self.squares, least, largest] {
            out.f64(value);
        }
        for one in [first, last] {
            out.signed(one.time_ms);
            out.f64(one.value);
        }
    }

    pub(crate) fn read(input: &mut Reader) -> Result<Self, StateError> {
        let count = input.varint()?;
        if count == 0 {
            return Ok(Moments::default());
        }
        // No sum of numbers of this size, however many, is larger.
        let sum = input.f64_within(-1e160, 1e160)?;
        let lost = input.f64_within(-1e160, 1e160)?;
        let mean = input.f64_within(-SIZE_MAX, SIZE_MAX)?;
        let squares = input.f64_within(-1e301, 1e301)?;
        let least = input.f64_within(-SIZE_MAX, SIZE_MAX)?;
        let largest = input.f64_within(least, SIZE_MAX)?;
        let mut timed = || {
            let time_ms = input.signed()?;
            Ok(Timed { time_ms, value: input.f64_within(least, largest)? })
        };
        let (first, last) = (timed()?, timed()?);
        if first.time_ms > last.time_ms {
            return Err(StateError::Value);
        }
        let ends = Some(Ends { least, largest, first, last });
        Ok(Moments { count, sum, lost, mean, squares, ends })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::crc32::crc32;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn of(values: &[f64]) -> Moments {
        let mut moments = Moments::default();
        for (at, value) in values.iter().enumerate() {
            assert!(moments.insert(at as i64, *value), "{value}");
        }
        moments
    }

    fn close(got: f64, want: f64, size: f64) -> bool {
        (got - want).abs() <= size * 1e-12
    }

    #[test]
    fn what_is_no_number_is_refused() {
        let mut moments = of(&[1.0]);
        for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, -1.1e140] {
            assert!(!moments.insert(9, odd), "{odd}");
        }
        assert_eq!(moments, of(&[1.0]));
    }

    #[test]
    fn none_one_and_two() {
        let none = Moments::default();
        assert_eq!((none.count(), none.sum(), none.mean(), none.variance()), (0, 0.0, None, None));
        assert_eq!((none.min(), none.first()), (None, None));
        let one = of(&[3.0]);
        assert_eq!((one.mean(), one.variance(), one.max()), (Some(3.0), None, Some(3.0)));
        assert_eq!(of(&[3.0, 5.0]).variance(), Some(2.0));
    }

    #[test]
    fn small_numbers_beside_large_ones_are_not_lost() {
        assert_eq!(of(&[1e100, 1.0, -1e100]).sum(), 1.0);
        let mut tenths = Moments::default();
        (0..1_000_000).for_each(|at| assert!(tenths.insert(at, 0.1)));
        assert_eq!(tenths.sum(), 100_000.0);
        assert!(tenths.variance().unwrap() < 1e-20);
        // A mean that is large beside the deviations, where the sum of squares fails.
        let far: Vec<f64> = (0..1000).map(|at| 1e9 + f64::from(at % 2)).collect();
        assert!((of(&far).variance().unwrap() - 0.25 * 1000.0 / 999.0).abs() < 1e-6);
    }

    #[test]
    fn the_largest_numbers_stay_finite() {
        let mut wild = Moments::default();
        for at in 0..10_000 {
            assert!(wild.insert(i64::MAX - at, if at % 2 == 0 { SIZE_MAX } else { -SIZE_MAX }));
        }
        assert!(wild.variance().unwrap().is_finite() && wild.sum().abs() <= SIZE_MAX);
        assert_eq!(Moments::from_bytes(&wild.to_bytes()), Ok(wild));
    }

    #[test]
    fn first_and_last_are_by_time() {
        let mut moments = Moments::default();
        for (time_ms, value) in [(5, 1.0), (i64::MIN, 2.0), (9, 3.0), (9, 4.0), (i64::MIN, 1.5)] {
            moments.insert(time_ms, value);
        }
        assert_eq!(moments.first(), Some(Timed { time_ms: i64::MIN, value: 1.5 }));
        assert_eq!(moments.last(), Some(Timed { time_ms: 9, value: 4.0 }));
    }

    #[test]
    fn what_is_no_summary_is_an_error() {
        let good = of(&[1.0, 2.0]).to_bytes();
        for (at, byte, wrong) in [
            (0, b'x', StateError::Version),
            (4, 2, StateError::Version),
            // An infinite sum, and a largest that is below the least.
            (13, 0x7F, StateError::Value),
            (5 + 1 + 6 * 8 - 1, 0xBF, StateError::Value),
        ] {
            let mut bytes = good[..good.len() - 4].to_vec();
            bytes[at] = byte;
            let bytes = [&bytes[..], &crc32(&bytes).to_le_bytes()].concat();
            assert_eq!(Moments::from_bytes(&bytes), Err(wrong), "byte {at}");
        }
        for length in 0..good.len() {
            assert!(Moments::from_bytes(&good[..length]).is_err(), "{length} bytes");
        }
    }

    proptest! {
        #[test]
        fn they_are_those_of_all_numbers_however_merged(
            values in proptest::collection::vec(-1e6_f64..1e6, 1..200),
            cuts in proptest::collection::vec(0_usize..200, 2),
        ) {
            let (low, high) = (cuts[0].min(cuts[1]).min(values.len()), cuts[0].max(cuts[1]).min(values.len()));
            let part = |from: usize, to: usize| {
                let mut part = Moments::default();
                (from..to).for_each(|at| assert!(part.insert(at as i64, values[at])));
                part
            };
            let parts = [part(0, low), part(low, high), part(high, values.len())];
            let join = |order: [usize; 3]| {
                let mut joined = parts[order[0]].clone();
                joined.merge(&parts[order[1]]);
                joined.merge(&parts[order[2]]);
                joined
            };
            let mut right = parts[1].clone();
            right.merge(&parts[2]);
            let mut nested = parts[0].clone();
            nested.merge(&right);
            let exact_mean = values.iter().sum::<f64>() / values.len() as f64;
            let exact_squares: f64 = values.iter().map(|value| (value - exact_mean) * (value - exact_mean)).sum();
            for moments in [of(&values), join([0, 1, 2]), join([2, 0, 1]), nested] {
                prop_assert_eq!(moments.count(), values.len() as u64);
                prop_assert!(close(moments.sum(), values.iter().sum(), 1e8));
                prop_assert!(close(moments.mean().unwrap(), exact_mean, 1e6));
                if let Some(variance) = moments.variance() {
                    prop_assert!(close(variance * (values.len() - 1) as f64, exact_squares, 1e14));
                }
                prop_assert_eq!(moments.min(), values.iter().copied().reduce(f64::min));
                prop_assert_eq!(moments.max(), values.iter().copied().reduce(f64::max));
                prop_assert_eq!(moments.first().unwrap().value, values[0]);
                prop_assert_eq!(moments.last().unwrap().value, values[values.len() - 1]);
                prop_assert_eq!(Moments::from_bytes(&moments.to_bytes()), Ok(moments));
            }
        }
    }
}
