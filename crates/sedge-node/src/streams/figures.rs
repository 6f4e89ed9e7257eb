//! What is counted of messages that were to be appended.

use super::Incoming;
use sedge_store::log::{LogError, Outcome, Reply};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Why records were refused, in the order in which [`Figures`] counts them.
pub(crate) const REFUSALS: [&str; 6] = ["full", "busy", "failed", "too_old", "devices", "invalid"];

/// Counted since the log was opened.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// Records that were stored.
    pub(crate) stored: AtomicU64,
    /// Records that had been stored before.
    pub(crate) duplicates: AtomicU64,
    /// Bytes of topics and payloads of batches that were committed.
    pub(crate) bytes: AtomicU64,
    /// Records that were refused, by [`REFUSALS`].
    pub(crate) refused: [AtomicU64; REFUSALS.len()],
    /// MQTT messages of QoS 0 that were not kept; nobody was told.
    pub(crate) unkept: AtomicU64,
}

fn reason(error: &LogError) -> usize {
    match error {
        LogError::Full => 0,
        LogError::Busy => 1,
        LogError::TooOld { .. } => 3,
        LogError::TooManyDevices | LogError::TooManyCursors => 4,
        LogError::InvalidName { .. }
        | LogError::TooLarge { .. }
        | LogError::InvalidCursor { .. } => 5,
        LogError::InUse { .. }
        | LogError::Corrupt { .. }
        | LogError::Io { .. }
        | LogError::Poisoned { .. }
        | LogError::Closed => 2,
    }
}

impl Figures {
    /// Counts what became of these messages, and then calls `reply`.
    pub(super) fn counting(self: &Arc<Self>, messages: &[Incoming], reply: Reply) -> Reply {
        let figures = Arc::clone(self);
        let records = messages.len() as u64;
        let bytes: usize = messages.iter().map(|one| one.topic.len() + one.payload.len()).sum();
        Box::new(move |result| {
            match &result {
                Ok(outcomes) => {
                    let stored =
                        outcomes.iter().filter(|one| matches!(one, Outcome::Stored(_))).count();
                    let stored = stored as u64;
                    figures.stored.fetch_add(stored, Relaxed);
                    figures.duplicates.fetch_add(records.saturating_sub(stored), Relaxed);
                    figures.bytes.fetch_add(bytes as u64, Relaxed);
                }
                Err(error) => {
                    figures.refused[reason(error)].fetch_add(records, Relaxed);
                }
            }
            reply(result);
        })
    }
}
