//! How a log is bounded.

use crate::options::{Clock, system_clock};
use std::time::Duration;

/// What happens when there is no room for more records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// They are refused until there is.
    Refuse,
    /// The oldest segment is dropped, and a gap record left that says what it held.
    DropOldest,
}

/// Limits and settings of a [`Log`](super::Log).
#[derive(Clone)]
pub struct LogOptions {
    /// Bytes of all files together. Beyond them, what every reader has passed is removed;
    /// then `when_full` decides. At least four segments. A log that is opened when it is
    /// full may take up to a segment more, for cursors and gap records.
    pub bytes_max: u64,
    /// Bytes of a segment, 16 KiB to 1 GiB, no more than a quarter of `bytes_max`. The
    /// file has them from its beginning, so that a full disk shows when a segment begins.
    pub segment_bytes: u64,
    /// Segments whose last record was written before so long are removed, whether they
    /// were read or not; `None`: age alone removes nothing. The node's clock decides: if it
    /// is set forward, they go early.
    pub age_max: Option<Duration>,
    /// What happens when there is no room.
    pub when_full: WhenFull,
    /// Bytes of what is remembered of devices: for each its name, 80 bytes, and 24 for
    /// each range of its sequences, of which there are 32 at most. At most an eighth of a
    /// segment, because each segment begins with it, and so much is kept free at the end
    /// of each for gap records and cursors.
    pub devices_bytes_max: u64,
    /// Names of cursors.
    pub cursors_max: usize,
    /// Bytes that one cursor commits beside its position. All cursors together have no
    /// more than an eighth of a segment.
    pub cursor_state_bytes_max: usize,
    /// Bytes of a payload.
    pub payload_bytes_max: usize,
    /// Batches that wait for the disk.
    pub queue_batches_max: usize,
    /// Bytes of what waits for the disk; also the bound of one batch. At most an eighth of
    /// a segment.
    pub queue_bytes_max: usize,
    /// Pause between two looks at what has become too old.
    pub retain_interval: Duration,
    /// Called on the writer's thread before anything else: whoever has threads of several
    /// priorities says here which one it has.
    pub on_thread_start: fn(),
    /// What time it is.
    pub clock: Clock,
}

const KIB: u64 = 1_024;
const MIB: u64 = 1_024 * KIB;

impl Default for LogOptions {
    fn default() -> Self {
        LogOptions {
            bytes_max: 10 * 1_024 * MIB,
            segment_bytes: 64 * MIB,
            age_max: None,
            when_full: WhenFull::Refuse,
            devices_bytes_max: 8 * MIB,
            cursors_max: 256,
            cursor_state_bytes_max: 64 * KIB as usize,
            payload_bytes_max: MIB as usize,
            queue_batches_max: 65_536,
            queue_bytes_max: 8 * MIB as usize,
            retain_interval: Duration::from_secs(10),
            on_thread_start: || {},
            clock: system_clock(),
        }
    }
}

impl LogOptions {
    /// The same with every setting within its range.
    pub(crate) fn within_range(mut self) -> Self {
        let most = (self.bytes_max / 4).clamp(16 * KIB, 1_024 * MIB);
        self.segment_bytes = self.segment_bytes.clamp(16 * KIB, most);
        self.bytes_max = self.bytes_max.max(4 * self.segment_bytes);
        let eighth = self.segment_bytes / 8;
        self.devices_bytes_max = self.devices_bytes_max.min(eighth);
        self.queue_bytes_max = self.queue_bytes_max.min(eighth as usize);
        self.payload_bytes_max = self.payload_bytes_max.min(self.queue_bytes_max);
        self
    }

    /// Bytes of all cursors.
    pub(crate) fn cursors_bytes_max(&self) -> u64 {
        self.segment_bytes / 8
    }

    /// Bytes at the end of a segment that records of devices may not take.
    pub(crate) fn reserve_bytes(&self) -> u64 {
        self.segment_bytes / 8
    }
}
