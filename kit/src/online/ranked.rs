//! The last few thousand things, in order of arrival and in order of size, and how to have
//! both again from bytes without sorting.

use alloc::vec::Vec;

use crate::state::{Reader, StateError, Writer};

/// Places are written as sixteen bits.
const CAPACITY_MAX: usize = 1 << 16;

/// Things with an order. Of equal ones the latest comes first in the order of size.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ranked<T> {
    capacity: usize,
    /// A ring once it is full; `oldest` is replaced next.
    arrived: Vec<T>,
    oldest: usize,
    sorted: Vec<T>,
    /// Where each of `sorted` lies in `arrived`.
    places: Vec<u16>,
}

impl<T: Copy + PartialOrd> Ranked<T> {
    /// Remembers the last `capacity` things, at least one and at most 65,536.
    pub(crate) fn new(capacity: usize) -> Self {
        let capacity = capacity.clamp(1, CAPACITY_MAX);
        Ranked { capacity, arrived: Vec::new(), oldest: 0, sorted: Vec::new(), places: Vec::new() }
    }

    /// How many are smaller.
    pub(crate) fn below(&self, thing: T) -> usize {
        self.sorted.partition_point(|known| *known < thing)
    }

    /// All, the smallest first.
    pub(crate) fn sorted(&self) -> &[T] {
        &self.sorted
    }

    /// All, the oldest first.
    pub(crate) fn arrivals(&self) -> impl Iterator<Item = T> + '_ {
        let (newer, older) = self.arrived.split_at(self.oldest);
        older.iter().chain(newer).copied()
    }

    /// How many are remembered.
    pub(crate) fn len(&self) -> usize {
        self.arrived.len()
    }

    /// How many can be.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Remembers `thing`, which must be comparable with all others, and forgets the oldest
    /// one if there are too many. Moves at most all of them by one place, in one block.
    pub(crate) fn push(&mut self, thing: T) {
        let to = self.below(thing);
        if self.arrived.len() < self.capacity {
            // The capacity fits.
            self.places.insert(to, self.arrived.len() as u16);
            self.arrived.push(thing);
            self.sorted.insert(to, thing);
            return;
        }
        let place = self.oldest as u16;
        let gone = core::mem::replace(&mut self.arrived[self.oldest], thing);
        self.oldest = (self.oldest + 1) % self.capacity;
        // The last of those that equal it, and so at least one.
        let from = self.sorted.partition_point(|known| *known <= gone).saturating_sub(1);
        let at = if from < to {
            self.sorted.copy_within(from + 1..to, from);
            self.places.copy_within(from + 1..to, from);
            to - 1
        } else {
            self.sorted.copy_within(to..from, to + 1);
            self.places.copy_within(to..from, to + 1);
            to
        };
        self.sorted[at] = thing;
        self.places[at] = place;
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        size_of::<T>() * (self.arrived.capacity() + self.sorted.capacity())
            + size_of::<u16>() * self.places.capacity()
    }

    /// Writes the order of size; the things themselves are [`Ranked::arrivals`].
    pub(crate) fn write_order(&self, out: &mut Writer) {
        let (count, oldest) = (self.arrived.len(), self.oldest);
        for place in &self.places {
            let place = usize::from(*place);
            let age = if place >= oldest { place - oldest } else { place + count - oldest };
            out.u16(age as u16);
        }
    }

    /// Reads the order of these things, the oldest first. That each is smaller than the next
    /// one, or equal and later, is checked; so all differ, and none is missing.
    pub(crate) fn read_order(
        input: &mut Reader,
        arrived: Vec<T>,
        capacity: usize,
    ) -> Result<Self, StateError> {
        let mut ranked = Ranked::new(capacity);
        if arrived.len() > ranked.capacity {
            return Err(StateError::Length);
        }
        ranked.sorted.reserve_exact(arrived.len());
        ranked.places = input.u16s(arrived.len())?;
        let mut before: Option<(T, u16)> = None;
        for place in &ranked.places {
            let thing = *arrived.get(usize::from(*place)).ok_or(StateError::Value)?;
            let follows =
                before.is_none_or(|(last, at)| last < thing || (last == thing && at > *place));
            if !follows {
                return Err(StateError::Value);
            }
            before = Some((thing, *place));
            ranked.sorted.push(thing);
        }
        ranked.arrived = arrived;
        Ok(ranked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    fn read(places: &[u16], arrived: &[f64], capacity: usize) -> Result<Ranked<f64>, StateError> {
        let mut out = Writer::default();
        places.iter().for_each(|place| out.u16(*place));
        Ranked::read_order(&mut Reader::new(&out.finish()), arrived.to_vec(), capacity)
    }

    #[test]
    fn what_is_no_order_is_an_error() {
        let things = [3.0, 1.0, 1.0];
        for (places, error) in [
            (vec![], StateError::Short),
            (vec![2, 1], StateError::Short),
            (vec![2, 1, 3], StateError::Value),
            (vec![2, 2, 0], StateError::Value),
            (vec![1, 2, 0], StateError::Value),
            (vec![0, 2, 1], StateError::Value),
        ] {
            assert_eq!(read(&places, &things, 3), Err(error), "{places:?}");
        }
        assert_eq!(read(&[2, 1, 0], &things, 2), Err(StateError::Length));
        assert_eq!(read(&[2, 1, 0], &things, 3).unwrap().sorted(), [1.0, 1.0, 3.0]);
    }

    proptest! {
        #[test]
        fn both_orders_agree_and_survive_being_written(
            things in proptest::collection::vec(-9i32..9, 0..60), capacity in 0usize..20,
        ) {
            let mut ranked = Ranked::new(capacity);
            for thing in &things {
                ranked.push(f64::from(*thing));
            }
            let kept = &things[things.len().saturating_sub(capacity.max(1))..];
            prop_assert!(ranked.arrivals().eq(kept.iter().map(|thing| f64::from(*thing))));
            let mut sorted: Vec<f64> = ranked.arrivals().collect();
            sorted.sort_unstable_by(f64::total_cmp);
            prop_assert_eq!(ranked.sorted(), &sorted[..]);
            let mut out = Writer::default();
            ranked.write_order(&mut out);
            let bytes = out.finish();
            let arrived = ranked.arrivals().collect();
            let mut again = Ranked::read_order(&mut Reader::new(&bytes), arrived, capacity).unwrap();
            for thing in things.iter().rev() {
                ranked.push(f64::from(*thing));
                again.push(f64::from(*thing));
                prop_assert_eq!(ranked.sorted(), again.sorted());
            }
            prop_assert!(ranked.arrivals().eq(again.arrivals()));
        }
    }
}
