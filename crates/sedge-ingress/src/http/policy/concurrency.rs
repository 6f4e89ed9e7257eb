//! Requests of one rule under way at one time.

use sedge_model::failure::{Failure, Kind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// A count with a bound.
pub(super) struct Concurrency {
    max: u32,
    active: AtomicU32,
}

/// One request; it leaves when this is dropped, with the end of its answer.
pub(in crate::http) struct Slot(Arc<Concurrency>);

impl Concurrency {
    pub(super) fn new(max: u32) -> Self {
        Concurrency { max, active: AtomicU32::new(0) }
    }

    pub(super) fn enter(self: &Arc<Self>) -> Result<Slot, Failure> {
        if self.active.fetch_add(1, Relaxed) >= self.max {
            self.active.fetch_sub(1, Relaxed);
            return Err(Failure::new(Kind::ConcurrencyLimit, "concurrency_max reached"));
        }
        Ok(Slot(Arc::clone(self)))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_more_is_refused_until_one_leaves() {
        let concurrency = Arc::new(Concurrency::new(2));
        let first = concurrency.enter().ok();
        let second = concurrency.enter().ok();
        assert!(first.is_some() && second.is_some());
        for _ in 0..3 {
            let kind = concurrency.enter().err().map(|failure| failure.kind);
            assert_eq!(kind, Some(Kind::ConcurrencyLimit));
        }
        drop(first);
        assert!(concurrency.enter().is_ok());
    }
}
