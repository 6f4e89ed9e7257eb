//! The distance of a number to the nearest of all that are remembered.

use alloc::vec::Vec;

use super::state::{Reader, StateError, Writer};

/// Numbers are held to ±1e150, so that no square, and no sum of squares, overflows.
pub const SIZE_MAX: f64 = 1e150;

/// The last few thousand numbers, in order of arrival and in order of size.
#[derive(Clone, Debug, PartialEq)]
pub struct Nearest {
    capacity: usize,
    /// A ring once it is full; `oldest` is replaced next.
    arrived: Vec<f64>,
    oldest: usize,
    sorted: Vec<f64>,
}

impl Nearest {
    /// Remembers the last `capacity` numbers, at least one.
    pub fn new(capacity: usize) -> Self {
        let capacity = capacity.max(1);
        Nearest { capacity, arrived: Vec::new(), oldest: 0, sorted: Vec::new() }
    }

    /// Distance of `value` to the nearest number that is remembered; `None` if there is
    /// none. O(log n).
    pub fn distance(&self, value: f64) -> Option<f64> {
        let above = self.sorted.partition_point(|known| *known < value);
        let upper = self.sorted.get(above).map(|known| known - value);
        let lower = above.checked_sub(1).map(|below| value - self.sorted[below]);
        match (lower, upper) {
            (Some(lower), Some(upper)) => Some(lower.min(upper)),
            (one, other) => one.or(other),
        }
    }

    /// Remembers `value`, which must be finite, and forgets the oldest one if there are
    /// too many. Moves at most all of them by one place, in one block.
    pub fn push(&mut self, value: f64) {
        let to = self.sorted.partition_point(|known| *known < value);
        if self.arrived.len() < self.capacity {
            self.arrived.push(value);
            self.sorted.insert(to, value);
            return;
        }
        let gone = core::mem::replace(&mut self.arrived[self.oldest], value);
        self.oldest = (self.oldest + 1) % self.capacity;
        let from = self.sorted.partition_point(|known| *known < gone);
        if from < to {
            self.sorted.copy_within(from + 1..to, from);
            self.sorted[to - 1] = value;
        } else {
            self.sorted.copy_within(to..from, to + 1);
            self.sorted[to] = value;
        }
    }

    /// How many numbers are remembered.
    pub fn len(&self) -> usize {
        self.arrived.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.arrived.is_empty()
    }

    /// The number with `rank` smaller ones.
    pub(crate) fn ranked(&self, rank: usize) -> Option<f64> {
        self.sorted.get(rank).copied()
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        size_of::<f64>() * (self.arrived.capacity() + self.sorted.capacity())
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        let (newer, older) = self.arrived.split_at(self.oldest);
        out.u32(self.arrived.len() as u32);
        older.iter().chain(newer).for_each(|value| out.f64(*value));
    }

    pub(crate) fn read(input: &mut Reader, capacity: usize) -> Result<Self, StateError> {
        let arrived = input.floats(capacity, SIZE_MAX)?;
        let mut sorted = arrived.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        Ok(Nearest { capacity, arrived, oldest: 0, sorted })
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
