//! The node behind the traits of the pure part.

use super::bindings::sedge::keyvalue::expiry;
use super::bindings::sedge::stream::{output, state, types};
use super::bindings::wasi::keyvalue::atomics::{self, Cas, CasError};
use super::bindings::wasi::keyvalue::store::{self, Bucket};
use crate::host::{Host, HostError};
use crate::settings::Settings;
use crate::vault::{Vault, VaultError};

/// A namespace of the key-value store, which is opened when it is first asked.
pub(super) struct Kv {
    bucket: Bucket,
}

impl Kv {
    pub(super) fn open(settings: &Settings) -> Result<Self, VaultError> {
        let bucket = store::open(&settings.kv).map_err(|error| match error {
            store::Error::AccessDenied | store::Error::NoSuchStore => {
                let grant = format!("capabilities.kv = [{:?}]", settings.kv);
                VaultError(format!("the manifest does not grant it: {grant}"))
            }
            store::Error::Other(what) => VaultError(what),
        })?;
        Ok(Kv { bucket })
    }
}

fn told(error: store::Error) -> VaultError {
    match error {
        store::Error::Other(what) => VaultError(what),
        store::Error::NoSuchStore => VaultError("there is no such namespace".to_owned()),
        store::Error::AccessDenied => VaultError("the node denies it".to_owned()),
    }
}

impl Vault for Kv {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, VaultError> {
        self.bucket.get(key).map_err(told)
    }

    fn set(&self, key: &str, value: &[u8]) -> Result<(), VaultError> {
        self.bucket.set(key, value).map_err(told)
    }

    fn create(&self, key: &str, value: &[u8]) -> Result<bool, VaultError> {
        let cas = Cas::new(&self.bucket, key).map_err(told)?;
        if cas.current().map_err(told)?.is_some() {
            return Ok(false);
        }
        match atomics::swap(cas, value) {
            Ok(()) => Ok(true),
            Err(CasError::CasFailed(_)) => Ok(false),
            Err(CasError::StoreError(error)) => Err(told(error)),
        }
    }

    fn set_for(&self, key: &str, value: &[u8], rest_ms: u64) -> Result<(), VaultError> {
        expiry::set(&self.bucket, key, value, rest_ms).map_err(told)
    }

    fn delete(&self, key: &str) -> Result<(), VaultError> {
        self.bucket.delete(key).map_err(told)
    }

    fn keys(&self) -> Result<Vec<String>, VaultError> {
        let mut keys = Vec::new();
        let mut cursor = None;
        loop {
            let page = self.bucket.list_keys(cursor.as_deref()).map_err(told)?;
            keys.extend(page.keys);
            if page.cursor.is_none() {
                return Ok(keys);
            }
            cursor = page.cursor;
        }
    }
}

/// The node as the consumer has it.
pub(super) struct Node<'s> {
    settings: &'s Settings,
    kv: Option<Kv>,
}

impl<'s> Node<'s> {
    pub(super) fn new(settings: &'s Settings) -> Self {
        Node { settings, kv: None }
    }
}

impl Host for Node<'_> {
    fn get(&mut self, key: &str) -> Result<Option<Vec<u8>>, HostError> {
        state::get(key).map_err(failed)
    }

    fn set(&mut self, key: &str, value: &[u8]) -> Result<(), HostError> {
        state::set(key, value).map_err(failed)
    }

    fn emit(&mut self, topic: &str, content_type: &str, payload: &[u8]) -> Result<(), HostError> {
        emit(topic, content_type, payload).map_err(failed)
    }

    fn publish(&mut self, topic: &str, payload: &[u8]) -> Result<(), HostError> {
        output::publish(topic, payload, output::Delivery::Durable, false).map_err(failed)
    }

    fn show(&mut self, key: &str, value: &[u8]) -> Result<(), HostError> {
        let failed = |VaultError(reason)| HostError { reason, permanent: false };
        let kv = match self.kv.take() {
            Some(kv) => kv,
            None => Kv::open(self.settings).map_err(failed)?,
        };
        self.kv.insert(kv).set(key, value).map_err(failed)
    }

    fn now_ms(&mut self) -> i64 {
        super::now_ms()
    }

    fn log(&mut self, line: &str) {
        eprintln!("{line}");
    }
}

/// Appends to a topic of the log. All is of one device and has one key, so that it stays in its
/// order.
pub(super) fn emit(topic: &str, content_type: &str, payload: &[u8]) -> Result<(), types::Error> {
    output::emit(topic, &[], Some(content_type), payload)
}

/// What the node refuses may be granted before the next try; what cannot be never can.
pub(super) fn failed(error: types::Error) -> HostError {
    let (reason, permanent) = match error {
        types::Error::AccessDenied(what) => {
            (format!("the manifest does not grant it: {what}"), false)
        }
        types::Error::Invalid(what) => (format!("the node finds it invalid: {what}"), true),
        types::Error::TooLarge(what) => (format!("the node finds it too large: {what}"), false),
        types::Error::NoHandler => ("the node takes nothing from such a call".to_owned(), false),
        types::Error::Other(what) => (format!("the node failed: {what}"), false),
    };
    HostError { reason, permanent }
}
