//! One open namespace.

use super::KvError;
use futures_channel::oneshot;
use sedge_store::{Applied, Change, KeyPage, Namespace, Store, StoreError, Versioned, Write};
use std::time::Duration;

/// Keys in one page of [`Bucket::list_keys`], at most.
const PAGE_KEYS_MAX: usize = 1_000;

/// An open namespace. Cheap to clone.
#[derive(Clone)]
pub struct Bucket {
    store: Store,
    namespace: Namespace,
}

impl Bucket {
    pub(super) fn new(store: Store, namespace: Namespace) -> Self {
        Bucket { store, namespace }
    }

    /// The value of a key; `None` if it is absent or has expired.
    ///
    /// # Errors
    /// [`KvError::Other`].
    pub async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KvError> {
        Ok(self.store.get(&self.namespace, key)?)
    }

    /// The value of a key with its version.
    pub(super) fn get_versioned(&self, key: &str) -> Result<Versioned, KvError> {
        Ok(self.store.get_versioned(&self.namespace, key)?)
    }

    /// Sets a value, replacing what was there; `ttl` is how long it lives.
    ///
    /// # Errors
    /// [`KvError::Other`].
    pub async fn set(
        &self,
        key: &str,
        value: Vec<u8>,
        ttl: Option<Duration>,
    ) -> Result<(), KvError> {
        self.set_many(vec![(key.to_owned(), value)], ttl).await
    }

    /// Removes a key; an absent one is no error.
    ///
    /// # Errors
    /// [`KvError::Other`].
    pub async fn delete(&self, key: &str) -> Result<(), KvError> {
        self.delete_many(vec![key.to_owned()]).await
    }

    /// Whether the key is present.
    ///
    /// # Errors
    /// [`KvError::Other`].
    pub async fn exists(&self, key: &str) -> Result<bool, KvError> {
        Ok(self.store.exists(&self.namespace, key)?)
    }

    /// A page of keys, from the cursor that the page before gave.
    ///
    /// # Errors
    /// [`KvError::Other`].
    pub async fn list_keys(&self, cursor: Option<&str>) -> Result<KeyPage, KvError> {
        Ok(self.store.keys(&self.namespace, cursor, PAGE_KEYS_MAX)?)
    }

    /// The values of several keys, in their order, as of one moment.
    ///
    /// # Errors
    /// [`KvError::Other`].
    pub async fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, KvError> {
        Ok(self.store.get_many(&self.namespace, keys)?)
    }

    /// Sets several keys: all or none.
    ///
    /// # Errors
    /// [`KvError::Other`].
    pub async fn set_many(
        &self,
        entries: Vec<(String, Vec<u8>)>,
        ttl: Option<Duration>,
    ) -> Result<(), KvError> {
        self.write(Change::Set { entries, ttl }).await.map(drop)
    }

    /// Removes several keys: all or none.
    ///
    /// # Errors
    /// [`KvError::Other`].
    pub async fn delete_many(&self, keys: Vec<String>) -> Result<(), KvError> {
        self.write(Change::Delete { keys }).await.map(drop)
    }

    /// Adds to a decimal number and returns the sum; an absent key counts as
    /// zero.
    ///
    /// # Errors
    /// [`KvError::Other`].
    pub async fn increment(&self, key: &str, delta: i64) -> Result<i64, KvError> {
        match self.write(Change::Increment { key: key.to_owned(), delta }).await? {
            Applied::Sum(sum) => Ok(sum),
            Applied::Done | Applied::Swap(_) => Err(StoreError::Closed.into()),
        }
    }

    /// Hands a change to the store's writer and awaits its outcome.
    pub(super) async fn write(&self, change: Change) -> Result<Applied, KvError> {
        let (sender, receiver) = oneshot::channel();
        let write = Write { namespace: self.namespace.clone(), change };
        // A caller that went away does not want the outcome.
        self.store.submit(write, Box::new(move |outcome| drop(sender.send(outcome))));
        Ok(receiver.await.unwrap_or(Err(StoreError::Closed))?)
    }
}
