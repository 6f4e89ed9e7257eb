//! The distance of a number to the nearest of all that are remembered.

use super::ranked::Ranked;
use crate::state::{Reader, StateError, Writer};

/// Numbers are held to ±1e150, so that no square, and no sum of squares, overflows.
pub const SIZE_MAX: f64 = 1e150;

/// The last few thousand numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Nearest {
    numbers: Ranked<f64>,
}

impl Nearest {
    /// Remembers the last `capacity` numbers, at least one and at most 65,536.
    pub fn new(capacity: usize) -> Self {
        Nearest { numbers: Ranked::new(capacity) }
    }

    /// Distance of `value` to the nearest number that is remembered; `None` if there is
    /// none. O(log n).
    pub fn distance(&self, value: f64) -> Option<f64> {
        let (sorted, above) = (self.numbers.sorted(), self.numbers.below(value));
        let upper = sorted.get(above).map(|known| known - value);
        let lower = above.checked_sub(1).map(|below| value - sorted[below]);
        match (lower, upper) {
            (Some(lower), Some(upper)) => Some(lower.min(upper)),
            (one, other) => one.or(other),
        }
    }

    /// Remembers `value`, which must be finite, and forgets the oldest one if there are
    /// too many.
    pub fn push(&mut self, value: f64) {
        self.numbers.push(value);
    }

    /// How many numbers are remembered.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number with `rank` smaller ones.
    pub(crate) fn ranked(&self, rank: usize) -> Option<f64> {
        self.numbers.sorted().get(rank).copied()
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.numbers.heap_bytes()
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        out.u32(self.len() as u32);
        self.numbers.arrivals().for_each(|value| out.f64(value));
        self.numbers.write_order(out);
    }

    pub(crate) fn read(input: &mut Reader, capacity: usize) -> Result<Self, StateError> {
        let arrived = input.floats(capacity, SIZE_MAX)?;
        Ok(Nearest { numbers: Ranked::read_order(input, arrived, capacity)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_is_near_to_nothing() {
        let mut nearest = Nearest::new(0);
        assert_eq!((nearest.distance(1.0), nearest.ranked(0)), (None, None));
        nearest.push(1.0);
        nearest.push(3.0);
        assert_eq!((nearest.len(), nearest.distance(1.0)), (1, Some(2.0)));
    }

    proptest! {
        #[test]
        fn agrees_with_a_plain_search(
            values in proptest::collection::vec(-9i32..9, 1..60), capacity in 1usize..20, x in -12i32..12,
        ) {
            let mut nearest = Nearest::new(capacity);
            for value in &values {
                nearest.push(f64::from(*value));
            }
            let last = &values[values.len().saturating_sub(capacity)..];
            let want = last.iter().map(|value| f64::from((value - x).abs())).reduce(f64::min);
            prop_assert_eq!(nearest.distance(f64::from(x)), want);
            let smallest = last.iter().min().map(|value| f64::from(*value));
            prop_assert_eq!(nearest.ranked(0), smallest);
            prop_assert_eq!(nearest.ranked(last.len()), None);
            let mut out = Writer::default();
            nearest.write(&mut out);
            let bytes = out.finish();
            let again = Nearest::read(&mut Reader::new(&bytes), capacity).unwrap();
            prop_assert_eq!(again.distance(f64::from(x)), want);
            prop_assert_eq!(again.len(), nearest.len());
        }
    }
}
