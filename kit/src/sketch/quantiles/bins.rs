//! Counts of neighboring bins, of which there are never more than a limit: the lowest ones are
//! joined then (algorithm 3 of the paper).

use core::ops::RangeInclusive;

use alloc::vec;
use alloc::vec::Vec;

use crate::state::{Reader, StateError, Writer};

/// Room is made for so many bins at a time.
const STEP: usize = 16;

/// Counts by the number of their bin.
#[derive(Clone, Debug, Default)]
pub(super) struct Bins {
    /// The bin of the first count.
    first: i32,
    counts: Vec<u64>,
    total: u64,
    /// Whether lower bins were joined with the lowest. It is then the lowest that the limit
    /// allows, since whatever moves that one up joins it with the next.
    joined: bool,
}

/// Room that is empty makes no difference.
impl PartialEq for Bins {
    fn eq(&self, other: &Self) -> bool {
        self.total == other.total && self.joined == other.joined && self.used().eq(other.used())
    }
}

impl Bins {
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// The bin in which lower ones were joined, if they were.
    pub(super) fn joined(&self) -> Option<i32> {
        self.lowest().filter(|_| self.joined)
    }

    pub(super) fn lowest(&self) -> Option<i32> {
        self.used().next().map(|(index, _)| index)
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.counts.capacity() * size_of::<u64>()
    }

    /// The bins that hold anything, upwards.
    fn used(&self) -> impl DoubleEndedIterator<Item = (i32, u64)> {
        let counts = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        counts.map(|(at, count)| (self.first + at as i32, *count))
    }

    pub(super) fn highest(&self) -> Option<i32> {
        self.used().next_back().map(|(index, _)| index)
    }

    /// Counts `weight` more in a bin.
    pub(super) fn add(&mut self, index: i32, weight: u64, bins_max: usize) {
        let at = i64::from(index) - i64::from(self.first);
        if let Some(count) = usize::try_from(at).ok().and_then(|at| self.counts.get_mut(at)) {
            *count = count.saturating_add(weight);
        } else {
            self.add_outside(index, weight, bins_max);
        }
        self.total = self.total.saturating_add(weight);
    }

    fn add_outside(&mut self, index: i32, weight: u64, bins_max: usize) {
        let index = match self.highest() {
            None => {
                self.first = index;
                self.counts.clear();
                index
            }
            Some(highest) => {
                let lowest = lowest(highest.max(index), bins_max);
                self.join_below(lowest);
                self.joined |= index < lowest;
                index.max(lowest)
            }
        };
        self.reach(index, bins_max);
        let count = &mut self.counts[(index - self.first) as usize];
        *count = count.saturating_add(weight);
    }

    /// Joins all bins below this one with it.
    fn join_below(&mut self, lowest: i32) {
        let Some(below) = usize::try_from(i64::from(lowest) - i64::from(self.first)).ok() else {
            return;
        };
        let below = below.min(self.counts.len());
        let joined = self.counts.drain(..below).fold(0, u64::saturating_add);
        self.first = lowest;
        if joined > 0 {
            if self.counts.is_empty() {
                self.counts.push(0);
            }
            self.counts[0] = self.counts[0].saturating_add(joined);
            self.joined = true;
        }
    }

    /// Makes room for a bin, a few more in that direction, and none beyond the limit: where
    /// there is room there may be a count.
    fn reach(&mut self, index: i32, bins_max: usize) {
        if index < self.first {
            let highest = self.highest().unwrap_or(index);
            let first = (index - STEP as i32 + 1).max(lowest(highest, bins_max));
            let more = (self.first - first) as usize;
            self.counts.reserve_exact(more);
            self.counts.splice(..0, core::iter::repeat_n(0, more));
            self.first = first;
        }
        let needed = (index - self.first) as usize + 1;
        if needed > self.counts.len() {
            let room = needed.next_multiple_of(STEP).min(bins_max);
            self.counts.reserve_exact(room - self.counts.len());
            self.counts.resize(room, 0);
        }
        // Counts above the highest may be further from the first than the limit allows.
        self.counts.truncate(bins_max);
    }

    pub(super) fn merge(&mut self, other: &Bins, bins_max: usize) {
        let highest = self.highest().max(other.highest());
        let Some(highest) = highest else { return };
        let lowest = lowest(highest, bins_max);
        if !self.counts.is_empty() {
            self.join_below(lowest);
        }
        for (index, count) in other.used() {
            self.joined |= index < lowest;
            self.add(index.max(lowest), count, bins_max);
        }
        self.joined |= other.joined;
    }

    /// The bin in which the value lies that has so many before it, fewer than there are.
    pub(super) fn at_rank(&self, before: u64) -> i32 {
        let mut passed = 0_u64;
        for (index, count) in self.used() {
            passed = passed.saturating_add(count);
            if passed > before {
                return index;
            }
        }
        self.highest().unwrap_or(self.first)
    }

    pub(super) fn write(&self, out: &mut Writer) {
        let (Some(lowest), Some(highest)) = (self.lowest(), self.highest()) else {
            out.varint(0);
            return;
        };
        let from = (lowest - self.first) as usize;
        let to = (highest - self.first) as usize;
        out.varint((to - from + 1) as u64);
        out.signed(i64::from(lowest));
        self.counts[from..=to].iter().for_each(|count| out.varint(*count));
        out.u8(u8::from(self.joined));
    }

    pub(super) fn read(
        input: &mut Reader,
        bins_max: usize,
        indexes: RangeInclusive<i32>,
    ) -> Result<Self, StateError> {
        let length = input.varcount(bins_max)?;
        if length == 0 {
            return Ok(Bins::default());
        }
        let first = i32::try_from(input.signed()?).map_err(|_| StateError::Value)?;
        let highest = first.checked_add(length as i32 - 1).ok_or(StateError::Value)?;
        if !indexes.contains(&first) || !indexes.contains(&highest) {
            return Err(StateError::Value);
        }
        let mut counts = vec![0; length];
        let mut total = 0_u64;
        for count in &mut counts {
            *count = input.varint()?;
            total = total.saturating_add(*count);
        }
        if counts[0] == 0 || counts[length - 1] == 0 {
            return Err(StateError::Value);
        }
        let joined = input.bool()?;
        if joined && length < bins_max {
            return Err(StateError::Value);
        }
        Ok(Bins { first, counts, total, joined })
    }
}

/// The lowest bin that may be told from others below this highest one.
fn lowest(highest: i32, bins_max: usize) -> i32 {
    highest.saturating_sub(bins_max as i32 - 1)
}
