//! What can be written, and what a write answers.

use crate::error::StoreError;
use crate::namespace::Namespace;
use crate::options::Options;
use std::time::Duration;

/// One atomic change of one namespace: it happens as a whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Where.
    pub namespace: Namespace,
    /// What.
    pub change: Change,
}

/// The kinds of change. A key that has expired counts as absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Sets keys, replacing values and times to live. If a key occurs twice,
    /// the last value stays. Answers [`Applied::Done`].
    Set {
        /// Keys and values.
        entries: Vec<(String, Vec<u8>)>,
        /// How long they live; `None`: until they are replaced or deleted.
        ttl: Option<Duration>,
    },
    /// Removes keys; an absent key is no error. Answers [`Applied::Done`].
    Delete {
        /// The keys.
        keys: Vec<String>,
    },
    /// Adds to a decimal number; an absent key counts as zero. The time to
    /// live stays what it was. Answers [`Applied::Sum`].
    Increment {
        /// The key.
        key: String,
        /// What to add.
        delta: i64,
    },
    /// Sets a key if its version is still the expected one. Answers
    /// [`Applied::Swap`].
    Swap {
        /// The key.
        key: String,
        /// As seen by [`Store::get_versioned`](crate::Store::get_versioned).
        expected: Version,
        /// The new value.
        value: Vec<u8>,
        /// How long it lives.
        ttl: Option<Duration>,
    },
}

/// How one key was seen, to tell later whether it was written since. Absence is
/// seen at a moment too: a key that was set and removed again in the meantime is
/// not the same absence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Version(pub(crate) Seen);

/// No two writes in the life of a store have the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Seen {
    /// With the value of this write.
    Written(u64),
    /// Absent or expired, when this was the newest write of the store.
    AbsentAfter(u64),
}

/// What an applied [`Change`] answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It is done.
    Done,
    /// The number after [`Change::Increment`].
    Sum(i64),
    /// How [`Change::Swap`] went.
    Swap(Swap),
}

/// How a compare-and-swap went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Swap {
    /// The value was replaced.
    Swapped,
    /// Somebody else wrote first; nothing was changed.
    Stale {
        /// The version to expect in the next attempt.
        version: Version,
        /// The value now; `None` if the key is absent.
        value: Option<Vec<u8>>,
    },
}

impl Write {
    /// Bytes of keys and values, for the bounds of queue and transaction. Keys
    /// that only name something count too: they occupy memory while waiting.
    pub(crate) fn bytes(&self) -> usize {
        match &self.change {
            Change::Set { entries, .. } => entries.iter().map(|(k, v)| k.len() + v.len()).sum(),
            Change::Delete { keys } => keys.iter().map(String::len).sum(),
            Change::Increment { key, .. } => key.len() + 20,
            Change::Swap { key, value, .. } => key.len() + value.len(),
        }
    }

    /// Checks everything that needs no look at the disk.
    pub(crate) fn check(&self, options: &Options) -> Result<(), StoreError> {
        let entries = match &self.change {
            Change::Set { entries, .. } => {
                for (key, value) in entries {
                    check_key(key, options)?;
                    check_value(value, options)?;
                }
                entries.len()
            }
            Change::Delete { keys } => {
                keys.iter().try_for_each(|key| check_key(key, options))?;
                keys.len()
            }
            Change::Increment { key, .. } => {
                check_key(key, options)?;
                1
            }
            Change::Swap { key, value, .. } => {
                check_key(key, options)?;
                check_value(value, options)?;
                1
            }
        };
        let (entries_max, bytes_max) = (options.batch_entries_max, options.queue_bytes_max);
        let bytes = self.bytes();
        if entries > entries_max || bytes > bytes_max {
            return Err(StoreError::BatchTooLarge { entries, entries_max, bytes, bytes_max });
        }
        Ok(())
    }
}

/// A key must be there and not too long.
pub(crate) fn check_key(key: &str, options: &Options) -> Result<(), StoreError> {
    let (bytes, bytes_max) = (key.len(), options.key_bytes_max);
    if bytes == 0 || bytes > bytes_max {
        return Err(StoreError::InvalidKey { bytes, bytes_max });
    }
    Ok(())
}

fn check_value(value: &[u8], options: &Options) -> Result<(), StoreError> {
    let (bytes, bytes_max) = (value.len(), options.value_bytes_max);
    if bytes > bytes_max {
        return Err(StoreError::ValueTooLarge { bytes, bytes_max });
    }
    Ok(())
}
