//! Which schedules are to be called now, and when to look again.

mod slot;
#[cfg(test)]
mod tests;

use super::Tick;
use sedge_model::trigger::Schedule;
use slot::Slot;

/// Calls that are later than this count as missed.
pub const LATE_MS_MAX: u64 = 60_000;

/// Of more missed calls than this, the number is not told exactly. It bounds the work for a clock
/// that was put forward by years.
pub const COUNTED_MAX: u64 = 10_000;

/// A schedule as it is taken up.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Who is called, and by which schedule (`app/function/name`); decides the jitter.
    pub key: String,
    /// When, and how.
    pub schedule: Schedule,
    /// Up to when everything was settled before, milliseconds since 1970. What was due later
    /// and is in the past was missed.
    pub settled_ms: u64,
}

/// A call that is to be made now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Which entry it is for, in the order in which they were given.
    pub index: usize,
    /// What the function is told.
    pub tick: Tick,
}

/// What [`Plan::poll`] has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// To be called, at most one for each entry. Each must be answered by [`Plan::ended`].
    pub calls: Vec<Call>,
    /// What was settled without a call.
    pub passed: Vec<Passed>,
}

/// Times of one entry for which no call is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed {
    /// Which entry.
    pub index: usize,
    /// How many times; [`COUNTED_MAX`] stands for more, too.
    pub count: u64,
    /// Whether a call for it had failed, and its retries gave way to the next time.
    pub failed: bool,
}

/// What comes of a call that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It is settled.
    Settled,
    /// It failed, and is made again.
    Again {
        /// When, milliseconds since 1970.
        at_ms: u64,
    },
    /// It failed, and is not made again.
    GivenUp {
        /// When it was due.
        due_ms: u64,
    },
}

/// All schedules that somebody looks after, with what is known of each.
#[derive(Clone, Debug)]
pub struct Plan {
    slots: Vec<Slot>,
}

impl Plan {
    /// Takes schedules up.
    pub fn new(entries: impl IntoIterator<Item = Entry>) -> Self {
        Plan { slots: entries.into_iter().map(Slot::new).collect() }
    }

    /// What is to be done now.
    pub fn poll(&mut self, now_ms: u64) -> Found {
        let mut found = Found::default();
        for (index, slot) in self.slots.iter_mut().enumerate() {
            slot.poll(index, now_ms, &mut found);
        }
        found
    }

    /// When there is something to be done next, milliseconds since 1970, unless a call ends
    /// before that. A clock can be set meanwhile: look now and then.
    pub fn look_again_ms(&self) -> Option<u64> {
        self.slots.iter().filter_map(Slot::look_again_ms).min()
    }

    /// Says that the call of an entry has ended, well or not.
    pub fn ended(&mut self, index: usize, well: bool, now_ms: u64) -> Ended {
        self.slots.get_mut(index).map_or(Ended::Settled, |slot| slot.ended(well, now_ms))
    }

    /// How far the clock is behind the last time that was settled, if it is: such an entry is
    /// not called until the clock has passed that.
    pub fn behind_ms(&self, index: usize, now_ms: u64) -> Option<u64> {
        let settled_ms = self.slots.get(index)?.settled_ms();
        settled_ms.checked_sub(now_ms).filter(|behind_ms| *behind_ms > 0)
    }
}
