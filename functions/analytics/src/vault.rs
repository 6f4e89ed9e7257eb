//! The node's key-value store, as a trait: the node behind it in `wasi`, one in memory in tests.

/// Why the store did not do what was asked, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultError(pub String);

/// A namespace of the store.
pub trait Vault {
    /// The value of a key.
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, VaultError>;
    /// Sets it.
    fn set(&self, key: &str, value: &[u8]) -> Result<(), VaultError>;
    /// Sets it if there is none; whether there was none.
    fn create(&self, key: &str, value: &[u8]) -> Result<bool, VaultError>;
    /// Sets it for some time.
    fn set_for(&self, key: &str, value: &[u8], rest_ms: u64) -> Result<(), VaultError>;
    /// Deletes it.
    fn delete(&self, key: &str) -> Result<(), VaultError>;
    /// All keys.
    fn keys(&self) -> Result<Vec<String>, VaultError>;
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::cell::{Cell, RefCell};
    use std::collections::BTreeMap;

    /// A value, and for how long it is there if that is not for ever.
    type Kept = (Vec<u8>, Option<u64>);

    /// A store in memory.
    #[derive(Default)]
    pub(crate) struct Memory {
        values: RefCell<BTreeMap<String, Kept>>,
        /// What another one puts there just before a key is created.
        race: RefCell<Option<(String, Vec<u8>)>>,
        fails: Cell<bool>,
    }

    impl Memory {
        pub(crate) fn rest_ms(&self, key: &str) -> Option<u64> {
            self.values.borrow().get(key)?.1
        }

        pub(crate) fn race(&self, key: &str, value: &[u8]) {
            *self.race.borrow_mut() = Some((key.to_owned(), value.to_vec()));
        }

        pub(crate) fn fail(&self) {
            self.fails.set(true);
        }

        fn checked(&self) -> Result<(), VaultError> {
            if self.fails.get() { Err(VaultError("it shall fail".to_owned())) } else { Ok(()) }
        }

        fn put(&self, key: &str, value: &[u8], rest_ms: Option<u64>) -> Result<(), VaultError> {
            self.checked()?;
            self.values.borrow_mut().insert(key.to_owned(), (value.to_vec(), rest_ms));
            Ok(())
        }
    }

    impl Vault for Memory {
        fn get(&self, key: &str) -> Result<Option<Vec<u8>>, VaultError> {
            self.checked()?;
            Ok(self.values.borrow().get(key).map(|(value, _)| value.clone()))
        }

        fn set(&self, key: &str, value: &[u8]) -> Result<(), VaultError> {
            self.put(key, value, None)
        }

        fn create(&self, key: &str, value: &[u8]) -> Result<bool, VaultError> {
            if let Some((key, value)) = self.race.borrow_mut().take() {
                self.put(&key, &value, None)?;
            }
            let is_new = self.get(key)?.is_none();
            if is_new {
                self.put(key, value, None)?;
            }
            Ok(is_new)
        }

        fn set_for(&self, key: &str, value: &[u8], rest_ms: u64) -> Result<(), VaultError> {
            self.put(key, value, Some(rest_ms))
        }

        fn delete(&self, key: &str) -> Result<(), VaultError> {
            self.checked()?;
            self.values.borrow_mut().remove(key);
            Ok(())
        }

        fn keys(&self) -> Result<Vec<String>, VaultError> {
            self.checked()?;
            Ok(self.values.borrow().keys().cloned().collect())
        }
    }
}
