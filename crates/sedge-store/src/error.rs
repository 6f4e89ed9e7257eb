//! What can go wrong in the store.

use std::path::PathBuf;
use thiserror::Error;

/// Why an operation of the [`Store`](crate::Store) failed. It can be cloned,
/// because one failed transaction fails every write in it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum StoreError {
    /// Another process has the file open.
    #[error("the store {} is in use by another process", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file is a store, but its content is damaged. It was left as it is.
    #[error("the store {} is corrupt: {detail}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        detail: String,
    },
    /// The file is something else than a store of this version.
    #[error("{} is not a store that this version can read: {detail}", path.display())]
    NotAStore {
        /// The file.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// The disk, a quota of the file system, or a file size limit is exhausted.
    /// Everything that was acknowledged is safe.
    #[error("no space is left for the store {}", path.display())]
    DiskFull {
        /// The file.
        path: PathBuf,
    },
    /// Input or output failed.
    #[error("reading or writing the store {} failed: {detail}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The operating system's words.
        detail: String,
    },
    /// More writes wait for the disk than may; nothing was written.
    #[error("too many writes wait for the disk")]
    Busy,
    /// The store is being closed; nothing was written.
    #[error("the store is closed")]
    Closed,
    /// The name is not a namespace's.
    #[error(
        "`{name}` is not a namespace name: use letters, digits, `-`, `_`, `.`, and `/` between segments"
    )]
    InvalidNamespace {
        /// The name, escaped and cut to 64 characters.
        name: String,
    },
    /// The key is empty or too long.
    #[error("a key has {bytes} bytes, but must have 1 to {bytes_max}")]
    InvalidKey {
        /// Its length.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// The value is too large.
    #[error("a value has {bytes} bytes, but may have {bytes_max}")]
    ValueTooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// The batch has too many entries or bytes.
    #[error(
        "a batch has {entries} entries and {bytes} bytes, but may have {entries_max} and {bytes_max}"
    )]
    BatchTooLarge {
        /// Its entries.
        entries: usize,
        /// The limit of entries.
        entries_max: usize,
        /// Its bytes of keys and values.
        bytes: usize,
        /// The limit of bytes.
        bytes_max: usize,
    },
    /// The write would take the namespace over its quota.
    #[error("namespace `{namespace}` would have {bytes} bytes, but may have {bytes_max}")]
    QuotaExceeded {
        /// The namespace.
        namespace: String,
        /// Its size after the write.
        bytes: u64,
        /// The quota.
        bytes_max: u64,
    },
    /// The value to increment is not a decimal number of 64 bits.
    #[error("the value is not a decimal number, so it cannot be incremented")]
    NotANumber,
    /// The sum does not fit in 64 bits; the value is unchanged.
    #[error("the sum does not fit in 64 bits")]
    Overflow,
}

impl StoreError {
    /// What a person can do about it, where that is known.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            StoreError::InUse { .. } => {
                Some("stop the node that uses this data folder, or choose another with --data")
            }
            StoreError::Corrupt { .. } => Some(
                "the file was left as it is: copy it away, then restore a backup or remove it to begin anew",
            ),
            StoreError::NotAStore { .. } => {
                Some("choose another data folder with --data, or move the file away")
            }
            StoreError::DiskFull { .. } => {
                Some("free space on the disk: the store goes on by itself, without a restart")
            }
            _ => None,
        }
    }
}

/// Why an operation of [`Blobs`](crate::Blobs) failed.
#[derive(Debug, Error)]
pub enum BlobError {
    /// Input or output failed.
    #[error("{action} {} failed", path.display())]
    Io {
        /// What was tried, as a verb phrase.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// The file's content does not have the digest that its name says.
    #[error("the file {} is damaged: its content does not match its name", path.display())]
    Damaged {
        /// The file, left as it is.
        path: PathBuf,
    },
}
