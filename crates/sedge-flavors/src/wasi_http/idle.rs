//! Instances that wait for their next request (`isolation = "instance"`).

use super::instance::Instance;
use super::state::State;
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use wasmtime::Store;

/// A power of two at least as large as the threads of common machines. Each
/// thread has a shelf of its own, so that cores share no lock that is busy.
const SHELVES: usize = 16;

/// An instance between two requests.
pub(super) struct IdleInstance {
    pub(super) store: Store<State>,
    pub(super) instance: Instance,
    /// Requests that it has answered.
    pub(super) requests: u32,
    /// The generation of the code that it runs.
    pub(super) generation: u64,
    pub(super) since: Instant,
}

/// The idle instances of one function.
#[derive(Default)]
pub(super) struct IdleInstances {
    shelves: [Mutex<Vec<IdleInstance>>; SHELVES],
}

/// The thread on which a call has begun, as a number of a shelf. An instance goes back there,
/// also if it ends in the background: the next call of its function begins where this one did,
/// and would find neither its memory nor what it remembers elsewhere.
#[derive(Clone, Copy)]
pub(super) struct Home(usize);

impl Home {
    /// The calling thread.
    pub(super) fn here() -> Self {
        Home(this_thread())
    }
}

impl IdleInstances {
    /// The instance that was used last by calls from there: its memory is warmest.
    pub(super) fn take(
        &self,
        home: Home,
        generation: u64,
        idle_max: Duration,
    ) -> Option<IdleInstance> {
        let mut shelf = self.shelf(home.0);
        while let Some(idle) = shelf.pop() {
            if idle.generation == generation && idle.since.elapsed() < idle_max {
                return Some(idle);
            }
        }
        None
    }

    /// Keeps an instance for the next request.
    pub(super) fn put(&self, home: Home, idle: IdleInstance) {
        self.shelf(home.0).push(idle);
    }

    /// Drops what has been idle for too long, or all of it.
    pub(super) fn drop_older_than(&self, idle_max: Duration) {
        for index in 0..SHELVES {
            // Dropped after the lock is released: instances take a while.
            let old: Vec<_> =
                self.shelf(index).extract_if(.., |idle| idle.since.elapsed() >= idle_max).collect();
            drop(old);
        }
    }

    fn shelf(&self, index: usize) -> MutexGuard<'_, Vec<IdleInstance>> {
        self.shelves[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A small number for the calling thread.
fn this_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static INDEX: Cell<usize> = Cell::new(NEXT.fetch_add(1, Relaxed) % SHELVES);
    }
    INDEX.get()
}
