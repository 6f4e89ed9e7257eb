//! How a log of segments is bounded.

use crate::options::{Clock, system_clock};
use std::time::Duration;

/// Limits and settings of [`Segments`](super::Segments).
#[derive(Clone)]
pub struct SegmentsOptions {
    /// Bytes of all files together, those apart that a reader still holds (see
    /// `pinned_bytes_max`). At least four segments.
    pub bytes_max: u64,
    /// Bytes of a segment, 1 KiB to 1 GiB, no more than an eighth of `bytes_max`, and no
    /// less than a 512th, as each of them is a file that is held open.
    /// Also the bound of a record with all that belongs to it.
    pub segment_bytes: u64,
    /// Bytes of the records that wait for the writer; as many may be on their way to the
    /// disk.
    pub queue_bytes_max: usize,
    /// Records that wait for the writer.
    pub queue_records_max: usize,
    /// Removals that wait for the writer.
    pub queue_removals_max: usize,
    /// Part of a new segment that may go to records of the oldest one that were read
    /// since they were written, percent, 0 to 75.
    pub second_chance_percent: u8,
    /// What was written reaches the disk after this time at the latest.
    pub sync_interval: Duration,
    /// Bytes of files that are evicted, but that readers still hold. Beyond them the
    /// oldest is cut off, and its readers fail.
    pub pinned_bytes_max: u64,
    /// What time it is.
    pub clock: Clock,
}

const KIB: u64 = 1_024;
const MIB: u64 = 1_024 * KIB;

/// The smallest and the largest segment.
const SEGMENT_BYTES: std::ops::RangeInclusive<u64> = KIB..=1_024 * MIB;

impl Default for SegmentsOptions {
    fn default() -> Self {
        SegmentsOptions {
            bytes_max: 10 * 1_024 * MIB,
            segment_bytes: 64 * MIB,
            queue_bytes_max: 64 * MIB as usize,
            queue_records_max: 65_536,
            queue_removals_max: 65_536,
            second_chance_percent: 50,
            sync_interval: Duration::from_secs(5),
            pinned_bytes_max: 1_024 * MIB,
            clock: system_clock(),
        }
    }
}

impl SegmentsOptions {
    /// The same with every setting within its range.
    pub(crate) fn within_range(mut self) -> Self {
        let (min, max) = (*SEGMENT_BYTES.start(), *SEGMENT_BYTES.end());
        let [least, most] = [512, 8].map(|part| (self.bytes_max / part).clamp(min, max));
        self.segment_bytes = self.segment_bytes.clamp(least, most);
        self.bytes_max = self.bytes_max.max(4 * self.segment_bytes);
        self.second_chance_percent = self.second_chance_percent.min(75);
        self
    }
}
