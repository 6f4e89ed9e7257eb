//! What is counted, for whoever shows it.

use super::record::Lost;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What has happened to a log since it was opened.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) removed_segments: AtomicU64,
    pub(crate) gap_records: AtomicU64,
    pub(crate) lost_positions: AtomicU64,
}

impl Counters {
    pub(crate) fn lost(&self, lost: &[Lost]) {
        let positions = lost.iter().map(|lost| lost.to - lost.from).sum();
        self.lost_positions.fetch_add(positions, Relaxed);
    }
}

/// How a log stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogUsage {
    /// The first position that is there.
    pub oldest: u64,
    /// The position of the next record.
    pub end: u64,
    /// Files.
    pub segments: usize,
    /// Bytes of the files.
    pub bytes: u64,
    /// Segments that were removed since it was opened.
    pub removed_segments: u64,
    /// Records that were removed unread since it was opened, as gap records say.
    pub gap_records: u64,
    /// Positions that were found damaged or missing since it was opened; those that were
    /// found again count again.
    pub lost_positions: u64,
}
