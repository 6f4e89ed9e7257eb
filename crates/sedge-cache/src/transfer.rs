//! A body that arrives once and that many read while it arrives.
//!
//! 1. [`Writer`]: appends what arrives, and says how it ended.
//! 2. [`Reader`]: one of many, each at its own position; a body.
//! 3. [`Transfer`]: what new readers are made of.
//!
//! As long as a transfer is *kept*, every byte stays, because it is going to be
//! stored: the writer then runs as fast as what it reads from, and no reader can
//! hold up another or the store. What bounds memory is the size that an object may
//! have, and a [`Budget`] that all transfers share. Past either, the transfer is no
//! longer kept: what all readers have read is dropped, the writer stays a window
//! ahead of the slowest of them, and nobody can join.

mod budget;
mod reader;
mod state;
mod writer;

pub use budget::Budget;
pub use reader::Reader;
pub use state::NotKept;
pub use writer::{Abandoned, Whole, Writer};

use crate::pages::Pages;
use state::State;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A body of at most this many bytes is stored as one piece, put together when it is
/// whole.
pub const ONE_PIECE_BYTES_MAX: u64 = 256 << 10;

/// What bounds one transfer.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes that a body may have and be kept.
    pub object_bytes_max: u64,
    /// How far the writer of one that is not kept may be ahead of its slowest reader.
    pub window_bytes: u64,
    /// Bytes that may still arrive of one that is kept after its last reader has
    /// left.
    pub alone_bytes_max: u64,
}

/// Both ends' view.
struct Shared {
    state: Mutex<State>,
    budget: Arc<Budget>,
    /// Where the pieces of a large body are put.
    pages: Option<Arc<Pages>>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.budget.give(state.reserved());
    }
}

/// A transfer that readers can join.
#[derive(Clone)]
pub struct Transfer(Arc<Shared>);

impl Transfer {
    /// Begins one of `announced` bytes, if that is known, with a first reader. It is
    /// kept, unless it is known to be too large; large ones where they can be sent from
    /// without a copy, if there is such a place.
    pub fn begin(
        announced: Option<u64>,
        bounds: Bounds,
        budget: &Arc<Budget>,
        pages: Option<&Arc<Pages>>,
    ) -> (Writer, Transfer, Reader) {
        let (state, slot) = State::new(announced, bounds);
        let (state, budget) = (Mutex::new(state), Arc::clone(budget));
        let shared = Arc::new(Shared { state, budget, pages: pages.cloned() });
        let reader = Reader::new(Arc::clone(&shared), slot);
        (Writer::new(Arc::clone(&shared)), Transfer(shared), reader)
    }

    /// One more reader, from the first byte. `None` if bytes that it needs are gone,
    /// or if the transfer has failed.
    pub fn reader(&self) -> Option<Reader> {
        let slot = self.0.lock().join()?;
        Some(Reader::new(Arc::clone(&self.0), slot))
    }

    /// Lets nobody join any more, so that what all readers have read can be dropped.
    pub fn close(&self) {
        let mut state = self.0.lock();
        state.close();
        let freed = state.settle();
        drop(state);
        self.0.budget.give(freed);
    }

    /// Bytes that have arrived.
    pub fn received(&self) -> u64 {
        self.0.lock().received()
    }

    /// Bytes that were announced, or that there are, if all have arrived.
    pub fn length(&self) -> Option<u64> {
        self.0.lock().length()
    }
}

#[cfg(test)]
mod tests;
