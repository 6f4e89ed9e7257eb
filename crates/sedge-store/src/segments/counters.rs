//! What a log of segments has done.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Defines the counters and their snapshot alike.
macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        #[derive(Default)]
        pub(crate) struct Counters { $(pub(crate) $name: AtomicU64,)* }

        /// What a log has done since it was opened, and what it holds.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct SegmentsCounters {
            $($(#[$doc])* pub $name: u64,)*
            /// Records that are there.
            pub records: u64,
            /// Bytes of the records that are there.
            pub record_bytes: u64,
            /// Bytes of all files.
            pub file_bytes: u64,
            /// Files.
            pub segments: u64,
            /// Bytes of memory that the index takes.
            pub index_bytes: u64,
        }

        impl Counters {
            pub(crate) fn snapshot(&self) -> SegmentsCounters {
                SegmentsCounters {
                    $($name: self.$name.load(Relaxed),)*
                    ..SegmentsCounters::default()
                }
            }
        }
    };
}

counters! {
    /// Calls that found a record.
    hits,
    /// Calls that found none, or a damaged one.
    misses,
    /// Records that were written.
    written,
    /// Bytes that were written.
    written_bytes,
    /// Records that were refused because too much waited for the writer.
    refused_full,
    /// Records that were refused because they do not fit into a segment.
    refused_large,
    /// Records that were taken, but lost because writing failed.
    lost,
    /// Records that were removed by the caller.
    removed,
    /// Records that left with their segment.
    evicted,
    /// Records of an evicted segment that were written again.
    rewritten,
    /// Records and blocks that did not have their check.
    damaged,
    /// Reads that failed.
    read_errors,
    /// Writes, syncs and removals of files that failed.
    write_errors,
    /// Segments at opening that this version does not read, or that belong to no or
    /// another log; they were removed.
    foreign,
    /// Segments at opening without an intact footer, whose records were walked through.
    scanned,
    /// Times at opening that records were missing, so that all older ones were forgotten.
    forgotten,
    /// Evicted files that were cut off although readers held them.
    cut_off,
    /// Times that what was written was brought to the disk.
    synced,
}

/// Adds one.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}
