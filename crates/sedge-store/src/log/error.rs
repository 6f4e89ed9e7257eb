//! What can go wrong with a log.

use std::io::{self, ErrorKind};
use std::path::PathBuf;
use thiserror::Error;

/// Why a batch was refused, or a log not opened. Cloned for every batch that fails
/// together.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LogError {
    /// Another process has the log open.
    #[error("the log {} is in use by another process", path.display())]
    InUse {
        /// Its folder.
        path: PathBuf,
    },
    /// The files do not belong together; they were left as they are.
    #[error("the log is corrupt: {detail}")]
    Corrupt {
        /// What does not fit.
        detail: String,
    },
    /// There is no room, on the disk or by the log's own limit. Everything that was
    /// acknowledged is safe.
    #[error("no space is left for the log")]
    Full,
    /// Input or output failed; nothing of this was acknowledged.
    #[error("{action} of the log failed: {detail}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The operating system's words.
        detail: String,
    },
    /// An earlier write or sync failed. Nobody knows what the disk has of what was written
    /// since the last one that did not: nothing is accepted until the log is opened again.
    #[error("the log accepts nothing since its disk has failed: {detail}")]
    Poisoned {
        /// What had failed.
        detail: String,
    },
    /// More batches wait for the disk than may.
    #[error("too many batches wait for the disk")]
    Busy,
    /// The log is being closed.
    #[error("the log is closed")]
    Closed,
    /// A name or key is empty or too long.
    #[error("a {what} has {bytes} bytes, but must have {bytes_min} to {bytes_max}")]
    InvalidName {
        /// Of what.
        what: &'static str,
        /// Its length.
        bytes: usize,
        /// The least.
        bytes_min: usize,
        /// The most.
        bytes_max: usize,
    },
    /// A payload, a cursor's state or a batch is too large.
    #[error("a {what} has {bytes} bytes, but may have {bytes_max}")]
    TooLarge {
        /// What.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// The record's number is below all that is remembered of its device: it may have been
    /// stored or not. Nothing was stored.
    #[error("a record of `{device}` is so old that it may have been stored before")]
    TooOld {
        /// The device.
        device: String,
    },
    /// No more devices, or ranges of their sequences, can be remembered.
    #[error("more devices, or gaps in their sequences, than can be remembered")]
    TooManyDevices,
    /// No more cursors can be kept.
    #[error("more cursors, or bytes of their state, than may be kept")]
    TooManyCursors,
    /// A cursor can only go forward, and not beyond the log's end.
    #[error("the cursor `{name}` cannot go from {from} to {to}")]
    InvalidCursor {
        /// Its name.
        name: String,
        /// Where it is.
        from: u64,
        /// Where it was to go.
        to: u64,
    },
}

impl LogError {
    /// What a person can do about it, where that is known.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            LogError::InUse { .. } => {
                Some("stop the node that uses this data folder, or choose another with --data")
            }
            LogError::Full => Some(
                "free space on the disk, let readers catch up, or raise the log's limit: it goes on by itself",
            ),
            LogError::Poisoned { .. } => {
                Some("look at the disk and the system's log, then start the node again")
            }
            _ => None,
        }
    }
}

/// Makes an error of what the operating system says.
pub(crate) fn failed(action: &'static str) -> impl Fn(io::Error) -> LogError {
    move |error| {
        if is_full(&error) {
            LogError::Full
        } else {
            LogError::Io { action, detail: error.to_string() }
        }
    }
}

/// Whether there is no room.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge
    )
}
