//! Where the calls of one function begin: on the thread that received the
//! request, or in the background.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use tokio::runtime::Handle;

/// Quick calls in a row after which a function is trusted with a request thread
/// again. Each time, it may hold up its neighbors for a tick.
const PROBATION: u32 = 16;

/// A function's claim to request threads, guessed from its last calls.
///
/// A function that resizes images costs milliseconds each time; to find that
/// out anew for every call would cost its neighbors a tick for every call.
pub struct Lane {
    background: Handle,
    /// Calls that must be quick before the next one begins on a request thread.
    probation: AtomicU32,
}

impl Lane {
    /// The lane of a function that nothing is known about yet.
    pub fn new(background: Handle) -> Self {
        Lane { background, probation: AtomicU32::new(0) }
    }

    pub(super) fn background(&self) -> &Handle {
        &self.background
    }

    /// Whether the next call should begin in the background.
    pub fn is_heavy(&self) -> bool {
        self.probation.load(Relaxed) > 0
    }

    /// A call was hot, or has ended without being so. Calls that end at the
    /// same time may count as one: it is a guess.
    pub(super) fn record(&self, hot: bool) {
        let probation = self.probation.load(Relaxed);
        if hot {
            self.probation.store(PROBATION, Relaxed);
        } else if probation > 0 {
            self.probation.store(probation - 1, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_hot_call_puts_a_function_on_probation() {
        let lane = Lane::new(Handle::current());
        lane.record(false);
        assert!(!lane.is_heavy());
        for _ in 0..3 {
            lane.record(true);
        }
        for quick in 0..PROBATION {
            assert!(lane.is_heavy(), "after {quick} quick calls");
            lane.record(false);
        }
        assert!(!lane.is_heavy());
    }
}
