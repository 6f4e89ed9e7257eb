//! Where the calls of one function begin: on the thread that received the
//! request, or in the background.

use super::Weight;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use tokio::runtime::Handle;

/// Light calls that make up for a heavy one. A function may have one heavy call in so many
/// and stay on request threads, where it holds up its neighbors for a tick; one that has more
/// begins in the background, until it has made up for all but one.
const PROBATION: u32 = 16;
/// As much as is held against a function: it is trusted again after `PROBATION` light calls.
const PROBATION_MAX: u32 = 2 * PROBATION;

/// A function's claim to request threads, guessed from its last calls.
///
/// A function that resizes images costs milliseconds each time; to find that
/// out anew for every call would cost its neighbors a tick for every call. One that is quick
/// but for a call now and then, such as one that writes down what it knows after every few
/// hundred messages, would pay with its reaction time if the next calls began in the
/// background: there it waits for everybody else's work.
pub struct Lane {
    background: Handle,
    /// Light calls that are to make up for heavy ones.
    probation: AtomicU32,
    /// Whether the last call may have been heavy.
    suspect: AtomicBool,
}

impl Lane {
    /// The lane of a function that nothing is known about yet.
    pub fn new(background: Handle) -> Self {
        Lane { background, probation: AtomicU32::new(0), suspect: AtomicBool::new(false) }
    }

    pub(super) fn background(&self) -> &Handle {
        &self.background
    }

    /// Whether the next call should begin in the background.
    pub fn is_heavy(&self) -> bool {
        self.probation.load(Relaxed) > PROBATION
    }

    /// Whether the next call should be measured exactly.
    pub(super) fn is_doubtful(&self) -> bool {
        self.probation.load(Relaxed) > 0 || self.suspect.load(Relaxed)
    }

    /// A call is hot, or has ended. Calls that end at the same time may count as
    /// one: it is a guess.
    pub(super) fn record(&self, weight: Weight) {
        let suspect = weight == Weight::Suspect;
        if self.suspect.load(Relaxed) != suspect {
            self.suspect.store(suspect, Relaxed);
        }
        let probation = self.probation.load(Relaxed);
        match weight {
            Weight::Heavy => {
                self.probation.store((probation + PROBATION).min(PROBATION_MAX), Relaxed);
            }
            _ if probation > 0 => self.probation.store(probation - 1, Relaxed),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hot_call_now_and_then_leaves_a_function_where_it_is() {
        let lane = Lane::new(Handle::current());
        for _ in 0..10 {
            lane.record(Weight::Heavy);
            for quick in 0..PROBATION {
                assert!(!lane.is_heavy() && lane.is_doubtful(), "after {quick} quick calls");
                lane.record(Weight::Light);
            }
            assert!(!lane.is_doubtful());
        }
    }

    #[tokio::test]
    async fn hot_calls_in_a_row_put_a_function_on_probation() {
        let lane = Lane::new(Handle::current());
        for _ in 0..10 {
            lane.record(Weight::Heavy);
        }
        for quick in 0..PROBATION {
            assert!(lane.is_heavy(), "after {quick} quick calls");
            assert!(lane.is_doubtful());
            lane.record(Weight::Light);
        }
        assert!(!lane.is_heavy() && lane.is_doubtful());
        // It is still known for what it was.
        lane.record(Weight::Heavy);
        assert!(lane.is_heavy());
    }

    #[tokio::test]
    async fn a_suspect_is_measured_once_where_it_was() {
        let lane = Lane::new(Handle::current());
        lane.record(Weight::Suspect);
        assert!(lane.is_doubtful() && !lane.is_heavy());
        lane.record(Weight::Light);
        assert!(!lane.is_doubtful());
    }
}
