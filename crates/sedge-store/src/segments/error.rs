//! What can go wrong in a log of segments.

use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Why an operation of [`Segments`](super::Segments) failed. It can be cloned, because
/// one failed write fails all that were in it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SegmentsError {
    /// Another process uses the folder.
    #[error("the folder {} is in use by another process", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// Input or output failed.
    #[error("{action} {} failed: {detail}", path.display())]
    Io {
        /// What was tried, as a verb phrase.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's words.
        detail: String,
    },
    /// More removals wait for the disk than may. The record is gone from memory, but may
    /// come back when the log is opened again.
    #[error("too many removals wait for the disk")]
    Busy,
    /// The log is being closed.
    #[error("the log is closed")]
    Closed,
}

/// Why a block of a record cannot be had. The record is gone then.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ReadError {
    /// The block does not have the check that its record says.
    #[error("a block of the record is damaged")]
    Damaged,
    /// The record was evicted, and its file cut off because too many were held.
    #[error("the record's file was cut off")]
    CutOff,
    /// Input failed.
    #[error("reading a block of the record failed: {0}")]
    Io(String),
    /// The record has no such block.
    #[error("the record has no such block")]
    OutOfRange,
}

/// An error of the operating system, told with what was tried.
pub(crate) fn failed(
    action: &'static str,
    path: impl Into<PathBuf>,
) -> impl FnOnce(io::Error) -> SegmentsError {
    let path = path.into();
    move |error| SegmentsError::Io { action, path, detail: error.to_string() }
}
