//! The key-value service.
//!
//! Namespaces belong to an app: two apps that both grant `default` have two
//! namespaces. On disk they are `<app>/<namespace>`; app names have no `/`.
//!
//! Reads answer at once, from memory or the disk's cache as a rule. Writes are
//! awaited without occupying the thread, and are on disk when they return. A
//! write whose future is dropped may still happen.

mod admin;
mod atomics;
mod bucket;

pub use admin::{AppNamespace, admin_bucket, namespaces};
pub use atomics::{Cas, CasError};
pub use bucket::Bucket;

use sedge_store::{Namespace, Store, StoreError};
use std::collections::BTreeMap;
use std::sync::Arc;
use thiserror::Error;

/// What a guest means that opens a namespace without a name.
pub const DEFAULT_NAMESPACE: &str = "default";

/// The namespaces that one function may open. Cheap to clone.
#[derive(Clone)]
pub struct Kv {
    store: Store,
    granted: Arc<BTreeMap<String, Namespace>>,
}

/// Why a key-value operation failed. The text is fit for guests: it tells
/// nothing of the node's inside. The cause within is for the operator.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum KvError {
    /// No namespace can have this name.
    #[error("there is no such namespace")]
    NoSuchStore,
    /// The function's manifest does not grant this namespace, whether or not
    /// there is one.
    #[error("the manifest does not grant this namespace")]
    AccessDenied,
    /// Anything else.
    #[error("{}", public(.0))]
    Other(StoreError),
}

impl From<StoreError> for KvError {
    fn from(error: StoreError) -> Self {
        KvError::Other(error)
    }
}

impl KvError {
    /// Whether the node is to blame rather than the function.
    pub fn is_platform(&self) -> bool {
        matches!(self, KvError::Other(error) if is_platform(error))
    }
}

fn is_platform(error: &StoreError) -> bool {
    match error {
        StoreError::InUse { .. }
        | StoreError::Corrupt { .. }
        | StoreError::NotAStore { .. }
        | StoreError::DiskFull { .. }
        | StoreError::Io { .. }
        | StoreError::Busy
        | StoreError::Closed => true,
        StoreError::InvalidNamespace { .. }
        | StoreError::InvalidKey { .. }
        | StoreError::ValueTooLarge { .. }
        | StoreError::BatchTooLarge { .. }
        | StoreError::QuotaExceeded { .. }
        | StoreError::NotANumber
        | StoreError::Overflow => false,
    }
}

fn public(error: &StoreError) -> String {
    match error {
        StoreError::Busy => "the store is overloaded".to_owned(),
        error if is_platform(error) => "the store failed".to_owned(),
        error => error.to_string(),
    }
}

/// A granted name that no namespace can have.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("key-value {0}")]
pub struct KvNameError(pub StoreError);

impl Kv {
    /// The namespaces of an app that a function was granted.
    ///
    /// # Errors
    /// A [`KvNameError`] for each name that no namespace can have.
    pub fn new(store: &Store, app: &str, granted: &[String]) -> Result<Self, Vec<KvNameError>> {
        let (mut namespaces, mut errors) = (BTreeMap::new(), Vec::new());
        for name in granted {
            match of_app(app, name) {
                Ok(namespace) => drop(namespaces.insert(name.clone(), namespace)),
                Err(error) => errors.push(KvNameError(error)),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Kv { store: store.clone(), granted: Arc::new(namespaces) })
    }

    /// The same store, of which nothing may be opened.
    pub fn without_grants(&self) -> Self {
        Kv { store: self.store.clone(), granted: Arc::default() }
    }

    /// Opens a namespace; no name at all means [`DEFAULT_NAMESPACE`].
    ///
    /// # Errors
    /// [`KvError::NoSuchStore`] or [`KvError::AccessDenied`].
    pub fn open(&self, name: &str) -> Result<Bucket, KvError> {
        let name = if name.is_empty() { DEFAULT_NAMESPACE } else { name };
        match self.granted.get(name) {
            Some(namespace) => Ok(Bucket::new(self.store.clone(), namespace.clone())),
            None if Namespace::new(name).is_err() => Err(KvError::NoSuchStore),
            None => Err(KvError::AccessDenied),
        }
    }
}

/// The namespace on disk of an app's namespace.
fn of_app(app: &str, name: &str) -> Result<Namespace, StoreError> {
    // Checked alone first, so that the message quotes what the manifest says.
    Namespace::new(name)?;
    if app.contains('/') {
        return Err(StoreError::InvalidNamespace { name: app.escape_debug().to_string() });
    }
    Namespace::new(&format!("{app}/{name}"))
}

#[cfg(test)]
mod tests;
