//! What is counted of encodings, for the whole node.

use super::Format;
use sedge_model::metrics::Histogram;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What came of a picture that was to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Encoded.
    Done,
    /// Something about it or the options cannot be.
    Refused,
    /// Too much waited already.
    Busy,
    /// Not in time.
    TimedOut,
    /// The guest was gone before.
    Canceled,
    /// The encoder failed.
    Failed,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 6] =
        [Self::Done, Self::Refused, Self::Busy, Self::TimedOut, Self::Canceled, Self::Failed];

    /// The name, in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Busy => "busy",
            Self::TimedOut => "timed_out",
            Self::Canceled => "canceled",
            Self::Failed => "failed",
        }
    }
}

/// The counters; none of them is locked.
#[derive(Default)]
pub struct CodecMetrics {
    formats: [OfFormat; Format::ALL.len()],
    /// Pictures that were not taken over for want of memory.
    pub memory_full: AtomicU64,
    /// Bytes of pixels that are held.
    pub bytes_held: AtomicU64,
    /// Pictures that wait for a thread.
    pub waiting: AtomicU64,
    /// Pictures that are being encoded.
    pub running: AtomicU64,
}

#[derive(Default)]
struct OfFormat {
    outcomes: [AtomicU64; Outcome::ALL.len()],
    encodings: AtomicU64,
    duration: Histogram,
}

impl CodecMetrics {
    pub(super) fn count(&self, format: Format, outcome: Outcome) {
        self.formats[format as usize].outcomes[outcome as usize].fetch_add(1, Relaxed);
    }

    pub(super) fn encoded(&self, format: Format, encodings: u8, took: std::time::Duration) {
        let counted = &self.formats[format as usize];
        counted.encodings.fetch_add(encodings.into(), Relaxed);
        counted.duration.record(took);
    }

    /// How often each outcome was counted.
    pub fn outcomes(&self, format: Format) -> impl Iterator<Item = (Outcome, u64)> + '_ {
        let outcomes = &self.formats[format as usize].outcomes;
        Outcome::ALL.iter().map(|&outcome| (outcome, outcomes[outcome as usize].load(Relaxed)))
    }

    /// Encodings of pictures that were done, those of a search included.
    pub fn encodings(&self, format: Format) -> u64 {
        self.formats[format as usize].encodings.load(Relaxed)
    }

    /// Time on a thread of pictures that were done.
    pub fn duration(&self, format: Format) -> &Histogram {
        &self.formats[format as usize].duration
    }
}
