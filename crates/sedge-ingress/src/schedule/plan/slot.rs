//! One schedule: what was called, and what is due.

use super::{COUNTED_MAX, Call, Ended, Entry, Found, LATE_MS_MAX, Passed};
use crate::schedule::Tick;
use sedge_model::trigger::{Missed, Schedule};

/// A retry waits no longer than this.
const BACKOFF_MS_MAX: u64 = 3_600_000;

#[derive(Clone, Debug)]
pub(super) struct Slot {
    schedule: Schedule,
    jitter_ms: u64,
    /// Up to here every time that was due is settled, called, or passed over.
    settled_ms: u64,
    /// The first time after that; kept, because it is asked for often.
    next_ms: Option<u64>,
    /// Times since the last call that were passed over.
    missed: u64,
    /// When the last call ended: what was due before could not be called in time.
    free_since_ms: u64,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Idle,
    Running(Attempt),
    /// The call has failed and is made again.
    Waiting {
        attempt: Attempt,
        at_ms: u64,
    },
}

#[derive(Clone, Copy, Debug)]
struct Attempt {
    due_ms: u64,
    missed: u64,
    /// Retries so far.
    retries: u32,
}

/// Times that are due at once.
#[derive(Clone, Copy, Debug)]
struct Due {
    first_ms: u64,
    last_ms: u64,
    /// At least 1; [`COUNTED_MAX`] and 1 stand for more, too.
    count: u64,
}

impl Slot {
    pub(super) fn new(entry: Entry) -> Self {
        let Entry { key, schedule, settled_ms } = entry;
        let span_ms = u64::from(schedule.jitter_s) * 1_000;
        let jitter_ms = hash(key.as_bytes()).checked_rem(span_ms).unwrap_or(0);
        let next_ms = schedule.next(settled_ms);
        let state = State::Idle;
        Slot { schedule, jitter_ms, settled_ms, next_ms, missed: 0, free_since_ms: 0, state }
    }

    pub(super) fn settled_ms(&self) -> u64 {
        self.settled_ms
    }

    pub(super) fn look_again_ms(&self) -> Option<u64> {
        let next_ms = || self.next_ms.map(|due_ms| due_ms.saturating_add(self.jitter_ms));
        match self.state {
            State::Running(_) => None,
            State::Idle => next_ms(),
            State::Waiting { at_ms, .. } => Some(next_ms().map_or(at_ms, |next| next.min(at_ms))),
        }
    }

    pub(super) fn poll(&mut self, index: usize, now_ms: u64, found: &mut Found) {
        // After a clock was set back, its old time must not stand in the way.
        self.free_since_ms = self.free_since_ms.min(now_ms);
        let until_ms = now_ms.checked_sub(self.jitter_ms);
        let until_ms = until_ms.filter(|until_ms| self.next_ms.is_some_and(|at| at <= *until_ms));
        match self.state {
            State::Running(_) => return,
            State::Idle => {}
            State::Waiting { attempt, at_ms } => {
                let is_each = matches!(self.schedule.missed, Missed::All { .. });
                if until_ms.is_none() || is_each {
                    return self.poll_waiting(index, attempt, at_ms, now_ms, found);
                }
                // The next call is for this one, too.
                self.state = State::Idle;
                found.passed.push(Passed { index, count: 1, failed: true });
            }
        }
        if let Some(due) = until_ms.and_then(|until_ms| self.due(until_ms)) {
            self.due_now(index, due, now_ms, found);
        }
    }

    fn poll_waiting(
        &mut self,
        index: usize,
        attempt: Attempt,
        at_ms: u64,
        now_ms: u64,
        found: &mut Found,
    ) {
        // Nor must it wait for longer than it would have.
        let at_ms = at_ms.min(now_ms.saturating_add(self.backoff_ms(attempt.retries)));
        self.state = State::Waiting { attempt, at_ms };
        if at_ms <= now_ms {
            let retries = attempt.retries.saturating_add(1);
            self.call(index, Attempt { retries, ..attempt }, found);
        }
    }

    fn due_now(&mut self, index: usize, due: Due, now_ms: u64, found: &mut Found) {
        let (due_ms, passed) = match self.schedule.missed {
            Missed::Once => (Some(due.last_ms), due.count - 1),
            Missed::Skip if self.is_in_time(due.last_ms, now_ms) => {
                (Some(due.last_ms), due.count - 1)
            }
            Missed::Skip => (None, due.count),
            Missed::All { calls_max } => self.oldest(due, u64::from(calls_max.max(1))),
        };
        if passed > 0 {
            let passed = passed.min(COUNTED_MAX);
            self.missed = self.missed.saturating_add(passed).min(COUNTED_MAX);
            found.passed.push(Passed { index, count: passed, failed: false });
        }
        self.settle(due_ms.unwrap_or(due.last_ms));
        if let Some(due_ms) = due_ms {
            let missed = std::mem::take(&mut self.missed);
            self.call(index, Attempt { due_ms, missed, retries: 0 }, found);
        }
    }

    fn call(&mut self, index: usize, attempt: Attempt, found: &mut Found) {
        self.state = State::Running(attempt);
        let Attempt { due_ms, missed, .. } = attempt;
        let name = self.schedule.name.clone();
        found.calls.push(Call { index, tick: Tick { name, due_ms, missed } });
    }

    pub(super) fn ended(&mut self, well: bool, now_ms: u64) -> Ended {
        let State::Running(attempt) = self.state else { return Ended::Settled };
        self.free_since_ms = now_ms;
        self.state = State::Idle;
        if well {
            return Ended::Settled;
        }
        if attempt.retries >= self.schedule.retries_max {
            return Ended::GivenUp { due_ms: attempt.due_ms };
        }
        let at_ms = now_ms.saturating_add(self.backoff_ms(attempt.retries));
        self.state = State::Waiting { attempt, at_ms };
        Ended::Again { at_ms }
    }

    /// Time before the next retry, after so many.
    fn backoff_ms(&self, retries: u32) -> u64 {
        let factor = 1u64.checked_shl(retries).unwrap_or(u64::MAX);
        self.schedule.backoff_ms.saturating_mul(factor).min(BACKOFF_MS_MAX)
    }

    fn settle(&mut self, due_ms: u64) {
        self.settled_ms = self.settled_ms.max(due_ms);
        self.next_ms = self.schedule.next(self.settled_ms);
    }

    /// Whether a call that is made now is made when it was due.
    fn is_in_time(&self, due_ms: u64, now_ms: u64) -> bool {
        let at_ms = due_ms.saturating_add(self.jitter_ms);
        at_ms >= self.free_since_ms && now_ms.saturating_sub(at_ms) <= LATE_MS_MAX
    }

    /// What is due and not settled, up to `until_ms`.
    fn due(&self, until_ms: u64) -> Option<Due> {
        let first_ms = self.next_ms.filter(|first_ms| *first_ms <= until_ms)?;
        let (mut last_ms, mut count) = (first_ms, 1);
        while let Some(next_ms) = self.schedule.next(last_ms).filter(|next| *next <= until_ms) {
            last_ms = next_ms;
            count += 1;
            if count > COUNTED_MAX {
                last_ms = self.last(last_ms, until_ms);
                break;
            }
        }
        Some(Due { first_ms, last_ms, count })
    }

    /// The last time that is due up to `until_ms`, of which `some_ms` is one: the earlier a
    /// time, the earlier the next that is due, so that it is found by bisection.
    fn last(&self, some_ms: u64, until_ms: u64) -> u64 {
        let (mut last_ms, mut end_ms) = (some_ms, until_ms);
        // Nothing is due after `end_ms`.
        while last_ms < end_ms {
            let middle_ms = last_ms + (end_ms - last_ms) / 2;
            match self.schedule.next(middle_ms).filter(|next| *next <= until_ms) {
                Some(next_ms) => last_ms = next_ms,
                None => end_ms = middle_ms,
            }
        }
        last_ms
    }

    /// The oldest of the latest `calls_max` times that are due, and how many are older.
    fn oldest(&self, due: Due, calls_max: u64) -> (Option<u64>, u64) {
        if due.count <= COUNTED_MAX {
            let passed = due.count.saturating_sub(calls_max);
            let mut at_ms = due.first_ms;
            for _ in 0..passed {
                at_ms = self.schedule.next(at_ms).unwrap_or(due.last_ms);
            }
            return (Some(at_ms), passed);
        }
        // Too many to count from the first one: backwards from the last.
        let mut at_ms = due.last_ms;
        for _ in 1..calls_max {
            match at_ms.checked_sub(1).filter(|until_ms| *until_ms >= due.first_ms) {
                Some(until_ms) => at_ms = self.last(due.first_ms, until_ms),
                None => break,
            }
        }
        (Some(at_ms), COUNTED_MAX)
    }
}

/// FNV-1a, then mixed by the last step of SplitMix64 (Steele, Lea and Flood, 2014), so that names
/// that differ in their last letter are far apart.
fn hash(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}
