//! The bounded queue between callers and a writer: of the tables, and of the log.

use crate::error::StoreError;
use crate::store::Reply;
use crate::write::Write;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A write that waits for the disk.
pub(crate) struct Pending {
    pub(crate) write: Write,
    pub(crate) reply: Reply,
}

/// Something that waits, and counts for the bound of bytes.
pub(crate) trait Waiting {
    /// What it occupies.
    fn bytes(&self) -> usize;
}

impl Waiting for Pending {
    fn bytes(&self) -> usize {
        self.write.bytes()
    }
}

/// Why something may not wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Too much waits.
    Busy,
    /// The queue is closed.
    Closed,
}

impl From<Refusal> for StoreError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Busy => StoreError::Busy,
            Refusal::Closed => StoreError::Closed,
        }
    }
}

/// What the writer does next.
pub(crate) enum Next<P> {
    /// Apply these in one transaction.
    Group(Vec<P>),
    /// Nothing came in time.
    Idle,
    /// The queue is closed and empty.
    Closed,
}

/// Bounded by number and by bytes. A write larger than the byte bound never
/// gets here (see `Write::check`), so that an empty queue takes any write.
pub(crate) struct Queue<P> {
    state: Mutex<State<P>>,
    filled: Condvar,
    drained: Condvar,
    writes_max: usize,
    bytes_max: usize,
}

struct State<P> {
    waiting: VecDeque<P>,
    bytes: usize,
    closed: bool,
}

impl<P: Waiting> Queue<P> {
    pub(crate) fn new(writes_max: usize, bytes_max: usize) -> Self {
        Queue {
            state: Mutex::new(State { waiting: VecDeque::new(), bytes: 0, closed: false }),
            filled: Condvar::new(),
            drained: Condvar::new(),
            writes_max: writes_max.max(1),
            bytes_max,
        }
    }

    /// Adds a write if there is room; otherwise gives it back with the reason.
    pub(crate) fn try_push(&self, pending: P) -> Result<(), (P, Refusal)> {
        let mut state = self.lock();
        if state.closed {
            return Err((pending, Refusal::Closed));
        }
        if !self.has_room(&state, pending.bytes()) {
            return Err((pending, Refusal::Busy));
        }
        self.add(&mut state, pending);
        Ok(())
    }

    /// Adds a write, waiting for room.
    pub(crate) fn push(&self, pending: P) -> Result<(), (P, Refusal)> {
        let bytes = pending.bytes();
        let mut state = self.lock();
        while !state.closed && !self.has_room(&state, bytes) {
            state = self.drained.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.closed {
            return Err((pending, Refusal::Closed));
        }
        self.add(&mut state, pending);
        Ok(())
    }

    /// Takes everything that waits, waiting up to `idle` for the first write.
    /// While the caller is at the disk, the next group gathers here.
    pub(crate) fn take(&self, idle: Duration) -> Next<P> {
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
        state.bytes = 0;
        let group = std::mem::take(&mut state.waiting);
        drop(state);
        self.drained.notify_all();
        Next::Group(group.into())
    }

    /// Refuses further writes; what waits is still taken.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
        self.drained.notify_all();
    }

    fn has_room(&self, state: &State<P>, bytes: usize) -> bool {
        let fits = state.bytes.saturating_add(bytes) <= self.bytes_max;
        state.waiting.is_empty() || (fits && state.waiting.len() < self.writes_max)
    }

    fn add(&self, state: &mut State<P>, pending: P) {
        state.bytes = state.bytes.saturating_add(pending.bytes());
        state.waiting.push_back(pending);
        self.filled.notify_one();
    }

    /// The state is consistent between any two statements, so a panic elsewhere
    /// in a holder leaves nothing half done.
    fn lock(&self) -> MutexGuard<'_, State<P>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Change, Namespace};

    fn pending(bytes: usize) -> Pending {
        let change = Change::Set { entries: vec![("k".into(), vec![0; bytes - 1])], ttl: None };
        let namespace = Namespace::new("n").expect("name");
        Pending { write: Write { namespace, change }, reply: Box::new(|_| {}) }
    }

    #[test]
    fn is_bounded_by_number_and_by_bytes() {
        let queue = Queue::new(2, 100);
        let reason = |result: Result<(), (Pending, Refusal)>| result.err().map(|e| e.1);
        assert_eq!(reason(queue.try_push(pending(60))), None);
        assert_eq!(reason(queue.try_push(pending(41))), Some(Refusal::Busy));
        assert_eq!(reason(queue.try_push(pending(40))), None);
        assert_eq!(reason(queue.try_push(pending(1))), Some(Refusal::Busy));
        assert!(matches!(queue.take(Duration::ZERO), Next::Group(group) if group.len() == 2));
        assert!(matches!(queue.take(Duration::ZERO), Next::Idle));
    }

    #[test]
    fn closing_refuses_what_comes_and_keeps_what_waits() {
        let queue = Queue::new(2, 100);
        assert!(queue.push(pending(1)).is_ok());
        queue.close();
        assert!(matches!(queue.push(pending(1)), Err((_, Refusal::Closed))));
        assert!(matches!(queue.take(Duration::ZERO), Next::Group(group) if group.len() == 1));
        assert!(matches!(queue.take(Duration::from_secs(60)), Next::Closed));
    }

    #[test]
    fn a_blocked_push_goes_on_when_there_is_room() {
        let queue = Queue::new(1, 100);
        assert!(queue.push(pending(1)).is_ok());
        std::thread::scope(|scope| {
            let second = scope.spawn(|| queue.push(pending(1)).is_ok());
            assert!(matches!(queue.take(Duration::from_secs(60)), Next::Group(_)));
            assert!(second.join().expect("pushed"));
        });
    }
}
