//! Where the calls of one function begin: on the thread that received the
//! request, or in the background.

use super::Weight;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use tokio::runtime::Handle;

/// Light calls in a row after which a function is trusted with a request thread
/// again. Each time, it may hold up its neighbors for a tick.
const PROBATION: u32 = 16;

/// A function's claim to request threads, guessed from its last calls.
///
/// A function that resizes images costs milliseconds each time; to find that
/// out anew for every call would cost its neighbors a tick for every call.
pub struct Lane {
    background: Handle,
    /// Calls that must be light before the next one begins on a request thread.
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
        self.probation.load(Relaxed) > 0
    }

    /// Whether the next call should be measured exactly.
    pub(super) fn is_doubtful(&self) -> bool {
        self.is_heavy() || self.suspect.load(Relaxed)
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
            Weight::Heavy => self.probation.store(PROBATION, Relaxed),
            _ if probation > 0 => self.probation.store(probation - 1, Relaxed),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_hot_call_puts_a_function_on_probation() {
        let lane = Lane::new(Handle::current());
        lane.record(Weight::Light);
        assert!(!lane.is_heavy());
        for _ in 0..3 {
            lane.record(Weight::Heavy);
        }
        for quick in 0..PROBATION {
            assert!(lane.is_heavy(), "after {quick} quick calls");
            assert!(lane.is_doubtful());
            lane.record(Weight::Light);
        }
        assert!(!lane.is_heavy() && !lane.is_doubtful());
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
