//! What all transfers together may hold.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Bytes of memory that the transfers of a cache share.
#[derive(Debug)]
pub struct Budget {
    bytes_max: u64,
    used: AtomicU64,
}

impl Budget {
    /// A budget of which nothing is used.
    pub fn new(bytes_max: u64) -> Self {
        Budget { bytes_max, used: AtomicU64::new(0) }
    }

    /// Bytes in use.
    pub fn used(&self) -> u64 {
        self.used.load(Relaxed)
    }

    /// Takes bytes out, all or none.
    pub(super) fn take(&self, bytes: u64) -> bool {
        let taken = self.used.fetch_update(Relaxed, Relaxed, |used| {
            used.checked_add(bytes).filter(|used| *used <= self.bytes_max)
        });
        taken.is_ok()
    }

    /// Gives back what was taken.
    pub(super) fn give(&self, bytes: u64) {
        if bytes > 0 {
            self.used.fetch_sub(bytes, Relaxed);
        }
    }
}
