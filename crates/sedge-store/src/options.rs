//! How a store is bounded.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Tells the time in milliseconds since 1970-01-01 UTC.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// The machine's wall clock; 0 if it stands before 1970.
pub fn system_clock() -> Clock {
    Arc::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

/// Limits and settings of a [`Store`](crate::Store).
#[derive(Clone)]
pub struct Options {
    /// Longest key, bytes of UTF-8.
    pub key_bytes_max: usize,
    /// Largest value, bytes.
    pub value_bytes_max: usize,
    /// Keys and values of one namespace together, bytes; `None`: no quota.
    /// Expired entries count until they are swept.
    pub namespace_bytes_max: Option<u64>,
    /// Entries in one batch.
    pub batch_entries_max: usize,
    /// Writes that may wait for the disk.
    pub queue_writes_max: usize,
    /// Bytes of keys and values in the writes that wait for the disk, and in
    /// one transaction; also the bound of a single batch.
    pub queue_bytes_max: usize,
    /// Memory for pages of the file, bytes.
    pub cache_bytes_max: usize,
    /// Pause between two looks for expired entries.
    pub sweep_interval: Duration,
    /// Expired entries removed in one transaction.
    pub sweep_entries_max: usize,
    /// Whether opening verifies the checksum of every page, which reads the
    /// whole file. After an unclean stop this happens in any case.
    pub verify_on_open: bool,
    /// Called on the writer's thread before anything else: whoever has threads of several
    /// priorities says here which one it has.
    pub on_thread_start: fn(),
    /// What time it is.
    pub clock: Clock,
}

impl Default for Options {
    fn default() -> Self {
        const MIB: usize = 1024 * 1024;
        Options {
            key_bytes_max: 512,
            value_bytes_max: 25 * MIB,
            namespace_bytes_max: Some(1024 * MIB as u64),
            batch_entries_max: 1_000,
            queue_writes_max: 4_096,
            queue_bytes_max: 64 * MIB,
            cache_bytes_max: 8 * MIB,
            sweep_interval: Duration::from_secs(1),
            sweep_entries_max: 1_000,
            verify_on_open: false,
            on_thread_start: || {},
            clock: system_clock(),
        }
    }
}
