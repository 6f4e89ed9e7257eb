//! Compare-and-swap with a handle.

use super::{Bucket, KvError};
use sedge_store::{Applied, Change, StoreError, Swap, Version};
use thiserror::Error;

/// A value as it was seen, to be replaced only if nobody else did meanwhile.
/// What counts is whether the key was written, not whether its value differs.
pub struct Cas {
    bucket: Bucket,
    key: String,
    version: Version,
    value: Option<Vec<u8>>,
}

/// Why a swap failed.
#[derive(Error)]
pub enum CasError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] KvError),
    /// Somebody else wrote first; the handle has seen what, and can try again.
    #[error("the value has changed since it was seen")]
    Stale(Cas),
}

impl std::fmt::Debug for CasError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl Cas {
    /// Looks at a key.
    ///
    /// # Errors
    /// [`KvError::Other`].
    pub async fn new(bucket: &Bucket, key: &str) -> Result<Self, KvError> {
        let seen = bucket.get_versioned(key)?;
        let (bucket, key) = (bucket.clone(), key.to_owned());
        Ok(Cas { bucket, key, version: seen.version, value: seen.value })
    }

    /// The value that was seen; `None` if the key was absent.
    pub fn current(&self) -> Option<&[u8]> {
        self.value.as_deref()
    }

    /// Replaces the value if nobody wrote the key since it was seen.
    ///
    /// # Errors
    /// [`CasError`].
    pub async fn swap(self, value: Vec<u8>) -> Result<(), CasError> {
        let change =
            Change::Swap { key: self.key.clone(), expected: self.version, value, ttl: None };
        match self.bucket.write(change).await? {
            Applied::Swap(Swap::Swapped) => Ok(()),
            Applied::Swap(Swap::Stale { version, value }) => {
                Err(CasError::Stale(Cas { version, value, ..self }))
            }
            Applied::Done | Applied::Sum(_) => {
                Err(CasError::Store(KvError::Other(StoreError::Closed)))
            }
        }
    }
}
