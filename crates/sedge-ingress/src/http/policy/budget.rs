//! How many retries may be added to the load: a share of the requests of the
//! last ten seconds, and a few each second in any case (Linkerd's retry budget).

use sedge_model::routing::policy::Budget;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::time::Instant;

/// Seconds that count.
const WINDOW_S: u64 = 10;

/// Two counts for each of the last ten seconds.
pub(super) struct RetryBudget {
    budget: Budget,
    begin: Instant,
    requests: [AtomicU64; WINDOW_S as usize],
    retries: [AtomicU64; WINDOW_S as usize],
}

impl RetryBudget {
    pub(super) fn new(budget: Budget) -> Self {
        let zeros = || std::array::from_fn(|_| AtomicU64::new(0));
        RetryBudget { budget, begin: Instant::now(), requests: zeros(), retries: zeros() }
    }

    pub(super) fn note_request(&self) {
        self.note_at(self.second());
    }

    fn note_at(&self, second: u64) {
        add(&self.requests, second);
    }

    /// Takes one retry, if there is one left.
    pub(super) fn take(&self) -> bool {
        self.take_at(self.second())
    }

    fn take_at(&self, second: u64) -> bool {
        let share = self.budget.ratio * sum(&self.requests, second) as f64;
        let always = self.budget.minimum_per_s * WINDOW_S as f64;
        // Noted first, so that two at once cannot take the same one.
        add(&self.retries, second);
        let is_left = sum(&self.retries, second) as f64 <= share + always;
        if !is_left {
            self.retries[(second % WINDOW_S) as usize].fetch_sub(1, Relaxed);
        }
        is_left
    }

    /// From 1, because 0 is a second that was never written.
    fn second(&self) -> u64 {
        self.begin.elapsed().as_secs() + 1
    }
}

/// Counts in the slot of a second: its high half says which second it is.
fn add(slots: &[AtomicU64], second: u64) {
    let slot = &slots[(second % WINDOW_S) as usize];
    let _ = slot.fetch_update(Relaxed, Relaxed, |value| {
        Some(if value >> 32 == second { value + 1 } else { second << 32 | 1 })
    });
}

fn sum(slots: &[AtomicU64], second: u64) -> u64 {
    let values = slots.iter().map(|slot| slot.load(Relaxed));
    values.filter(|value| (value >> 32) + WINDOW_S > second).map(|value| value & 0xffff_ffff).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(budget: &RetryBudget, second: u64) -> usize {
        (0..1_000).take_while(|_| budget.take_at(second)).count()
    }

    #[test]
    fn retries_are_a_share_of_the_last_requests() {
        let budget = RetryBudget::new(Budget { ratio: 0.2, minimum_per_s: 0.0 });
        assert_eq!(taken(&budget, 1), 0);
        (0..100).for_each(|_| budget.note_at(1));
        assert_eq!(taken(&budget, 1), 20);
        (0..50).for_each(|_| budget.note_at(6));
        assert_eq!(taken(&budget, 6), 10);
        // The first hundred and their twenty no longer count.
        assert_eq!(taken(&budget, 12), 0);
        (0..5).for_each(|_| budget.note_at(12));
        assert_eq!(taken(&budget, 12), 1);
    }

    #[test]
    fn a_few_are_always_allowed() {
        let budget = RetryBudget::new(Budget { ratio: 0.0, minimum_per_s: 1.0 });
        assert_eq!(taken(&budget, 1), 10);
        assert_eq!(taken(&budget, 12), 10);
    }
}
