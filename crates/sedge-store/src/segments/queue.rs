//! The bounded queue before a log's writer.
//!
//! Records are refused when it is full: a cache may lose them. Removals have bounds of
//! their own, so that no flood of records keeps one out.

use super::Key;
use super::error::SegmentsError;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Called by the writer when something has been done.
pub(crate) type Reply = Box<dyn FnOnce(Result<(), SegmentsError>) + Send>;

/// What the writer is to do.
pub(crate) enum Job {
    /// Write a record.
    Put { key: Key, head: Bytes, body: Vec<Bytes> },
    /// Write that nothing is under the key; `known` says that something was.
    Remove { key: Key, known: bool, reply: Reply },
    /// Write that nothing is under any key.
    RemoveAll { reply: Reply },
    /// Bring all that was written to the disk.
    Sync { reply: Reply },
}

/// What the writer does next.
pub(crate) enum Next {
    /// Do these, in this order.
    Jobs(VecDeque<Job>),
    /// Nothing came in time.
    Idle,
    /// The queue is closed and empty.
    Closed,
}

/// Why a job was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Full,
    Closed,
}

pub(crate) struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    bytes_max: usize,
    records_max: usize,
    removals_max: usize,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    bytes: usize,
    records: usize,
    closed: bool,
}

impl Queue {
    pub(crate) fn new(bytes_max: usize, records_max: usize, removals_max: usize) -> Self {
        Queue {
            state: Mutex::default(),
            filled: Condvar::new(),
            bytes_max,
            records_max,
            removals_max,
        }
    }

    /// Adds a record of so many bytes.
    pub(crate) fn put(&self, job: Job, bytes: usize) -> Result<(), Refusal> {
        let mut state = self.lock();
        if state.closed {
            return Err(Refusal::Closed);
        }
        let fits = state.bytes.saturating_add(bytes) <= self.bytes_max;
        if !fits || state.records >= self.records_max {
            return Err(Refusal::Full);
        }
        state.bytes += bytes;
        state.records += 1;
        self.add(&mut state, job);
        Ok(())
    }

    /// Adds something else than a record.
    pub(crate) fn push(&self, job: Job) -> Result<(), (Job, Refusal)> {
        let mut state = self.lock();
        if state.closed {
            return Err((job, Refusal::Closed));
        }
        if state.waiting.len() - state.records >= self.removals_max {
            return Err((job, Refusal::Full));
        }
        self.add(&mut state, job);
        Ok(())
    }

    /// Takes everything that waits, waiting up to `idle` for the first.
    pub(crate) fn take(&self, idle: Duration) -> Next {
        let until = Instant::now() + idle;
        let mut state = self.lock();
        while state.waiting.is_empty() {
            if state.closed {
                return Next::Closed;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Next::Idle;
            }
            let waited = self.filled.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        (state.bytes, state.records) = (0, 0);
        Next::Jobs(std::mem::take(&mut state.waiting))
    }

    /// Refuses what comes; what waits is still taken.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
    }

    fn add(&self, state: &mut State, job: Job) {
        state.waiting.push_back(job);
        if state.waiting.len() == 1 {
            self.filled.notify_one();
        }
    }

    /// The state is consistent between any two statements.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put() -> Job {
        Job::Put { key: [0; 16], head: Bytes::new(), body: Vec::new() }
    }

    fn remove() -> Job {
        Job::Remove { key: [0; 16], known: true, reply: Box::new(|_| {}) }
    }

    #[test]
    fn a_flood_of_records_keeps_no_removal_out() {
        let queue = Queue::new(100, 3, 2);
        assert_eq!(queue.put(put(), 101), Err(Refusal::Full));
        assert_eq!(queue.put(put(), 100), Ok(()));
        assert_eq!(queue.put(put(), 1), Err(Refusal::Full));
        assert_eq!([queue.put(put(), 0), queue.put(put(), 0)], [Ok(()), Ok(())]);
        assert_eq!(queue.put(put(), 0), Err(Refusal::Full));
        assert!(queue.push(remove()).is_ok() && queue.push(remove()).is_ok());
        assert!(matches!(queue.push(remove()), Err((_, Refusal::Full))));
        assert!(matches!(queue.take(Duration::ZERO), Next::Jobs(jobs) if jobs.len() == 5));
        assert!(matches!(queue.take(Duration::ZERO), Next::Idle));
        assert_eq!(queue.put(put(), 100), Ok(()));
    }

    #[test]
    fn closing_refuses_what_comes_and_keeps_what_waits() {
        let queue = Queue::new(100, 3, 2);
        assert_eq!(queue.put(put(), 1), Ok(()));
        queue.close();
        assert_eq!(queue.put(put(), 1), Err(Refusal::Closed));
        assert!(matches!(queue.push(remove()), Err((_, Refusal::Closed))));
        assert!(matches!(queue.take(Duration::ZERO), Next::Jobs(jobs) if jobs.len() == 1));
        assert!(matches!(queue.take(Duration::from_secs(60)), Next::Closed));
    }
}
