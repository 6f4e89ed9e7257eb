//! What an operator may do with all namespaces: no grants are asked.

use super::{Bucket, KvError, of_app};
use sedge_store::Store;

/// A namespace of some app, with what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppNamespace {
    /// The app.
    pub app: String,
    /// The namespace, as the app's manifest names it.
    pub name: String,
    /// Number of keys, those included that expired but were not yet swept.
    pub keys: u64,
    /// Keys and values together, bytes.
    pub bytes: u64,
}

/// All namespaces that hold something, by app and name.
///
/// # Errors
/// [`KvError::Other`].
pub fn namespaces(store: &Store) -> Result<Vec<AppNamespace>, KvError> {
    let all = store.namespaces()?.into_iter();
    // What is not of an app's form is some other part's state.
    let of_apps = all.filter_map(|usage| {
        let (app, name) = usage.name.split_once('/')?;
        let (app, name) = (app.to_owned(), name.to_owned());
        Some(AppNamespace { app, name, keys: usage.keys, bytes: usage.bytes })
    });
    Ok(of_apps.collect())
}

/// Opens a namespace of an app, granted or not.
///
/// # Errors
/// [`KvError::Other`] if the name is not one that a namespace can have.
pub fn admin_bucket(store: &Store, app: &str, name: &str) -> Result<Bucket, KvError> {
    Ok(Bucket::new(store.clone(), of_app(app, name)?))
}
