//! What is counted of one link.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// Reasons that are told apart; more would not be labels, but a log.
const REASONS_MAX: usize = 64;

/// The counters of one link, over all revisions of its chain.
#[derive(Debug, Default)]
pub struct CacheMetrics {
    /// Requests that a fresh stored response has answered.
    pub hits: AtomicU64,
    /// Requests that a stale one has answered.
    pub stale: AtomicU64,
    /// Requests that a stored response has answered once it was validated.
    pub revalidated: AtomicU64,
    /// Requests that were answered by what another has fetched meanwhile.
    pub collapsed: AtomicU64,
    /// Requests that had to be answered by what stands behind.
    pub misses: AtomicU64,
    /// Requests that are none of a cache's business.
    pub passed: AtomicU64,
    /// Requests that wanted an answer from the cache only, and got none.
    pub refused: AtomicU64,
    /// Requests that had waited for another's answer for too long.
    pub timed_out: AtomicU64,
    /// Requests that what stands behind has failed, where nothing stale was left.
    pub failed: AtomicU64,
    /// Validations and fetches that no request waited for.
    pub background: AtomicU64,
    /// Responses that were stored.
    pub stored: AtomicU64,
    /// Bytes of bodies that stored responses have served.
    pub bytes_served: AtomicU64,
    /// Bytes of bodies that came from behind, of responses that could be stored.
    pub bytes_fetched: AtomicU64,
    not_stored: Mutex<BTreeMap<&'static str, u64>>,
}

impl CacheMetrics {
    /// How often each outcome of a request was counted, by its label.
    pub fn outcomes(&self) -> [(&'static str, u64); 9] {
        [
            ("hit", &self.hits),
            ("stale", &self.stale),
            ("revalidated", &self.revalidated),
            ("collapsed", &self.collapsed),
            ("miss", &self.misses),
            ("passed", &self.passed),
            ("refused", &self.refused),
            ("timed_out", &self.timed_out),
            ("failed", &self.failed),
        ]
        .map(|(label, counter)| (label, counter.load(Relaxed)))
    }

    /// How often responses were not stored, by reason.
    pub fn not_stored(&self) -> Vec<(&'static str, u64)> {
        let counts = self.not_stored.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|(reason, count)| (*reason, *count)).collect()
    }

    pub(super) fn count_not_stored(&self, reason: &'static str) {
        let mut counts = self.not_stored.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = counts.len() >= REASONS_MAX;
        let reason = if is_full && !counts.contains_key(reason) { "other" } else { reason };
        *counts.entry(reason).or_default() += 1;
    }
}
