//! What is usual at this time of the cycle: how far a reading lies from the median of the
//! days before at the same time of day.

use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;

use super::nearest::SIZE_MAX;
use crate::robust;
use crate::state::{Reader, StateError, Writer};

/// Parts of a cycle that are told apart: five minutes of a day.
pub const SLOTS: usize = 288;
/// Cycles that are remembered, and how many must be before one is compared with them.
pub const CYCLES: usize = 5;
const CYCLES_MIN: usize = 2;
/// Deviations that are averaged: one reading alone is the business of others.
const SMOOTH: usize = 12;

/// The mean of all readings in one slot of one cycle.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Entry {
    cycle: i64,
    sum: f64,
    count: u32,
}

impl Entry {
    fn mean(&self) -> f64 {
        self.sum / f64::from(self.count)
    }
}

/// The last few cycles.
#[derive(Clone, Debug, PartialEq)]
pub struct Season {
    cycle_s: f64,
    /// Per slot, oldest cycle first.
    slots: Vec<VecDeque<Entry>>,
    deviations: VecDeque<f64>,
    /// The cycle that the first deviation was from.
    began: Option<i64>,
}

/// A reading beside those of the cycles before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usual {
    /// Median of the earlier cycles at this time.
    pub value: f64,
    /// Mean of the last twelve deviations from it; `None` while there are fewer.
    pub deviation: Option<f64>,
    /// Whether deviations of a whole cycle were seen before: what is large at this time of
    /// day may be small at another.
    pub settled: bool,
}

impl Season {
    /// Cycles of `cycle_s` seconds, which must be positive and finite.
    pub fn new(cycle_s: f64) -> Self {
        let slots = vec![VecDeque::new(); SLOTS];
        Season { cycle_s, slots, deviations: VecDeque::with_capacity(SMOOTH), began: None }
    }

    /// Takes a reading, which must be finite, at a time in seconds since any epoch. `None`
    /// without a time, and while too few cycles are known at that time.
    pub fn observe(&mut self, time_s: f64, value: f64) -> Option<Usual> {
        let value = value.clamp(-SIZE_MAX, SIZE_MAX);
        let (cycle, slot) = self.place(time_s)?;
        let usual = self.usual(cycle, slot);
        self.learn(cycle, slot, value);
        let usual = usual?;
        if self.deviations.len() == SMOOTH {
            self.deviations.pop_front();
        }
        self.deviations.push_back(value - usual);
        let full = self.deviations.len() == SMOOTH;
        let deviation = full.then(|| self.deviations.iter().sum::<f64>() / SMOOTH as f64);
        let began = *self.began.get_or_insert(cycle);
        Some(Usual { value: usual, deviation, settled: cycle.saturating_sub(began) >= 2 })
    }

    /// What is usual at a time, by the cycles before it.
    pub fn expect(&self, time_s: f64) -> Option<f64> {
        let (cycle, slot) = self.place(time_s)?;
        self.usual(cycle, slot)
    }

    fn place(&self, time_s: f64) -> Option<(i64, usize)> {
        let cycles = time_s / self.cycle_s;
        // Beyond this a double does not tell the slots apart any more.
        if !cycles.is_finite() || cycles.abs() > 1e12 {
            return None;
        }
        let whole = libm::floor(cycles);
        // From the seconds, not from the cycles: 12:00 is the same slot on every day.
        let into_s = (time_s - whole * self.cycle_s).max(0.0);
        let slot = (into_s * SLOTS as f64 / self.cycle_s) as usize;
        Some((whole as i64, slot.min(SLOTS - 1)))
    }

    fn usual(&self, cycle: i64, slot: usize) -> Option<f64> {
        let mut means = [f64::NAN; CYCLES + 1];
        let earlier = self.slots[slot].iter().filter(|entry| entry.cycle < cycle);
        let known = means.iter_mut().zip(earlier).map(|(mean, entry)| *mean = entry.mean()).count();
        if known < CYCLES_MIN { None } else { robust::median_in_place(&mut means) }
    }

    fn learn(&mut self, cycle: i64, slot: usize, value: f64) {
        let entries = &mut self.slots[slot];
        match entries.back_mut() {
            Some(entry) if entry.cycle == cycle && entry.count < u32::MAX => {
                entry.sum = (entry.sum + value).clamp(-SIZE_MAX, SIZE_MAX);
                entry.count += 1;
            }
            // A reading that comes a cycle late does not rewrite what was.
            Some(entry) if entry.cycle >= cycle => {}
            _ => {
                if entries.len() == CYCLES + 1 {
                    entries.pop_front();
                }
                entries.push_back(Entry { cycle, sum: value, count: 1 });
            }
        }
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        let slot = |entries: &VecDeque<Entry>| size_of::<Entry>() * entries.capacity();
        let slots = size_of::<VecDeque<Entry>>() * self.slots.capacity();
        slots
            + self.slots.iter().map(slot).sum::<usize>()
            + size_of::<f64>() * self.deviations.capacity()
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        for entries in &self.slots {
            out.u32(entries.len() as u32);
            for entry in entries {
                out.u64(entry.cycle.cast_unsigned());
                out.f64(entry.sum);
                out.u32(entry.count);
            }
        }
        out.floats(self.deviations.iter().copied());
        out.u8(u8::from(self.began.is_some()));
        out.u64(self.began.unwrap_or(0).cast_unsigned());
    }

    pub(crate) fn read(input: &mut Reader, cycle_s: f64) -> Result<Self, StateError> {
        let mut season = Season::new(cycle_s);
        for entries in &mut season.slots {
            for _ in 0..input.count(CYCLES + 1)? {
                let cycle = input.u64()?.cast_signed();
                let sum = input.f64_within(-SIZE_MAX, SIZE_MAX)?;
                let count = input.u32()?;
                if count == 0 || entries.back().is_some_and(|last: &Entry| last.cycle >= cycle) {
                    return Err(StateError::Value);
                }
                entries.push_back(Entry { cycle, sum, count });
            }
        }
        season.deviations = input.floats(SMOOTH, 2.0 * SIZE_MAX)?.into();
        let known = input.bool()?;
        let began = input.u64()?.cast_signed();
        season.began = known.then_some(began);
        Ok(season)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_S: f64 = 86_400.0;

    #[test]
    fn without_a_time_nothing_is_usual() {
        let mut season = Season::new(DAY_S);
        for time_s in [f64::NAN, f64::INFINITY, f64::MAX, -f64::MAX] {
            assert_eq!(season.observe(time_s, 1.0), None);
        }
        assert!(season.slots.iter().all(VecDeque::is_empty));
    }

    #[test]
    fn the_same_time_of_other_days_is_usual() {
        let mut season = Season::new(DAY_S);
        let value = |hour: i32| f64::from(hour % 24);
        for hour in 0..24 * 5 {
            let usual = season.observe(f64::from(hour) * 3600.0, value(hour));
            assert_eq!(usual.is_some(), hour >= 48, "{hour}");
            assert!(usual.is_none_or(|usual| usual.value == value(hour)));
        }
        let noon_s = 5.0 * DAY_S + 12.0 * 3600.0;
        assert_eq!(season.expect(noon_s), Some(12.0));
        for minute in 0..12 {
            let usual = season.observe(noon_s + f64::from(minute), 20.0).unwrap();
            assert_eq!(usual.value, 12.0, "today is not compared with itself");
            assert!(usual.deviation.is_some());
        }
    }

    #[test]
    fn time_that_goes_back_rewrites_nothing() {
        let mut season = Season::new(DAY_S);
        for day in 0..10 {
            season.observe(f64::from(day) * DAY_S, 1.0);
        }
        for day in 0..10 {
            season.observe(0.0, 1e9);
            season.observe(f64::from(-day) * DAY_S, 1e9);
        }
        assert_eq!(season.expect(10.0 * DAY_S), Some(1.0));
    }
}
