//! Whether any guest runs, so that the thread that advances the epochs can rest
//! on an idle node: a thousand wake-ups per second are three percent of a small
//! machine.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::thread::Thread;
use std::time::Duration;

/// How long a resting ticker sleeps at most. A guest whose first beat is missed
/// in the instant in which the ticker lies down gets its first tick this late,
/// which is why the flags need no stronger order than `Relaxed`.
const REST: Duration = Duration::from_millis(50);

/// Shared by all engines of a process.
pub(crate) static PULSE: Pulse = Pulse {
    busy: AtomicBool::new(false),
    resting: AtomicUsize::new(0),
    threads: Mutex::new(Vec::new()),
};

/// A flag that running guests raise and tickers lower.
pub(crate) struct Pulse {
    busy: AtomicBool,
    resting: AtomicUsize,
    threads: Mutex<Vec<Thread>>,
}

impl Pulse {
    /// A guest begins to run, or was found running. Mostly two reads of a line
    /// that nobody writes.
    pub(super) fn beat(&self) {
        if !self.busy.load(Relaxed) {
            self.busy.store(true, Relaxed);
        }
        if self.resting.load(Relaxed) > 0 {
            self.wake();
        }
    }

    #[cold]
    fn wake(&self) {
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        threads.iter().for_each(Thread::unpark);
    }

    /// Whether a guest ran since the last call.
    pub(crate) fn take(&self) -> bool {
        self.busy.swap(false, Relaxed)
    }

    /// Sleeps until a guest runs, or for a while.
    pub(crate) fn rest(&self) {
        let threads = || self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        let this = std::thread::current();
        threads().push(this.clone());
        self.resting.fetch_add(1, Relaxed);
        if !self.busy.load(Relaxed) {
            std::thread::park_timeout(REST);
        }
        self.resting.fetch_sub(1, Relaxed);
        threads().retain(|thread| thread.id() != this.id());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::time::Instant;

    #[test]
    fn a_beat_wakes_who_rests() {
        let pulse = Arc::new(Pulse {
            busy: AtomicBool::new(false),
            resting: AtomicUsize::new(0),
            threads: Mutex::new(Vec::new()),
        });
        let ticker = pulse.clone();
        let rested = std::thread::spawn(move || {
            let limit = Instant::now() + Duration::from_secs(20);
            while !ticker.take() {
                assert!(Instant::now() < limit, "never woken");
                ticker.rest();
            }
        });
        while pulse.resting.load(Relaxed) == 0 {
            std::thread::yield_now();
        }
        pulse.beat();
        rested.join().expect("woken");
        assert_eq!(pulse.resting.load(Relaxed), 0);
        assert!(pulse.threads.lock().expect("not poisoned").is_empty());
    }
}
