//! What a function remembers between calls, by keys.
//!
//! It is durable in the log, by records that are committed with the function's progress; here
//! it is what calls read. A change is *accepted* when a call's effects are, in their order:
//! from then on other calls see it. It is *committed* when the log has it. Only then is it
//! written to the tables, in the background, and lies over them until it is there. What a
//! crash takes of that is read from the log again.

use super::transaction::StreamError;
use bytes::Bytes;
use sedge_store::{Change, Namespace, Store, StoreError, Write};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Keys that are looked up in the tables at once.
const KEYS_AT_ONCE: usize = 1_000;

/// What became of one key: a value, or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateChange {
    /// The key.
    pub key: String,
    /// Its new value; `None`: it is gone.
    pub value: Option<Bytes>,
}

/// The state of one function. Cheap to clone.
#[derive(Clone)]
pub struct KeyedState(Arc<Inner>);

struct Inner {
    store: Store,
    namespace: Namespace,
    held: Mutex<Held>,
    flush_errors: AtomicU64,
}

#[derive(Default)]
struct Held {
    /// Grows with each call whose changes were accepted.
    version: u64,
    /// What may not be in the tables.
    overlay: HashMap<String, Kept>,
    overlay_bytes: usize,
    /// The version at which a key was changed last; only of keys that a call that is under
    /// way may have seen before.
    changed: HashMap<String, u64>,
    /// Writes that the tables have not answered.
    flushing: usize,
    failed: Option<StoreError>,
}

/// What is known of a key that the tables may not know.
struct Kept {
    /// What calls see.
    latest: Versioned,
    /// What the log has, if the tables do not.
    committed: Option<Versioned>,
}

#[derive(Clone)]
struct Versioned {
    version: u64,
    value: Option<Bytes>,
}

impl KeyedState {
    /// The state of a function of an app, in these tables.
    ///
    /// # Errors
    /// The names can be none of a namespace.
    pub fn new(store: &Store, app: &str, function: &str) -> Result<Self, StoreError> {
        let namespace = Namespace::new(&format!("{app}/{function}/state"))?;
        let store = store.clone();
        let (held, flush_errors) = (Mutex::default(), AtomicU64::new(0));
        Ok(KeyedState(Arc::new(Inner { store, namespace, held, flush_errors })))
    }

    /// How many changes were accepted so far: what a call that begins now sees.
    pub fn version(&self) -> u64 {
        self.held().version
    }

    /// The value of a key.
    ///
    /// # Errors
    /// The tables cannot be read.
    pub fn get(&self, key: &str) -> Result<Option<Bytes>, StreamError> {
        if let Some(kept) = self.held().overlay.get(key) {
            return Ok(kept.latest.value.clone());
        }
        let value = self.0.store.get(&self.0.namespace, key);
        value.map(|value| value.map(Bytes::from)).map_err(|error| {
            tracing::error!(%error, "a function's state cannot be read");
            StreamError::Other("the node cannot read the state".to_owned())
        })
    }

    /// Every key that has a value, with it, as calls see them now; in no order. For whoever
    /// begins: nothing else may be accepted meanwhile.
    ///
    /// # Errors
    /// The tables cannot be read.
    pub fn entries(&self) -> Result<Vec<(String, Bytes)>, StoreError> {
        // What lies over the tables is looked at before them: it only moves there.
        let over: HashMap<String, Option<Bytes>> = {
            let held = self.held();
            let latest = |kept: &Kept| kept.latest.value.clone();
            held.overlay.iter().map(|(key, kept)| (key.clone(), latest(kept))).collect()
        };
        let mut entries = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let page = self.0.store.keys(&self.0.namespace, cursor.as_deref(), KEYS_AT_ONCE)?;
            for key in page.keys.into_iter().filter(|key| !over.contains_key(key)) {
                let value = self.0.store.get(&self.0.namespace, &key)?;
                entries.extend(value.map(|value| (key, Bytes::from(value))));
            }
            match page.cursor {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        entries.extend(over.into_iter().filter_map(|(key, value)| Some((key, value?))));
        Ok(entries)
    }

    /// Whether any of these keys was changed after a call had begun.
    pub fn has_changed<'k>(&self, since: u64, keys: impl IntoIterator<Item = &'k str>) -> bool {
        let held = self.held();
        keys.into_iter().any(|key| held.changed.get(key).is_some_and(|version| *version > since))
    }

    /// Accepts what a call has changed; by what it is committed.
    pub fn accept(&self, changes: &[StateChange]) -> u64 {
        let mut held = self.held();
        if !changes.is_empty() {
            held.version += 1;
        }
        let version = held.version;
        for StateChange { key, value } in changes {
            held.changed.insert(key.clone(), version);
            held.accept(key, Versioned { version, value: value.clone() });
        }
        version
    }

    /// Notes that the log has what was accepted as this version.
    pub fn commit(&self, changes: &[StateChange], version: u64) {
        let mut held = self.held();
        for StateChange { key, value } in changes {
            if let Some(kept) = held.overlay.get_mut(key) {
                kept.committed = Some(Versioned { version, value: value.clone() });
            }
        }
    }

    /// Forgets what no call needs that has begun at this version or later.
    pub fn forget_before(&self, version: u64) {
        self.held().changed.retain(|_, changed| *changed > version);
    }

    /// Bytes that are not in the tables yet.
    pub fn unwritten_bytes(&self) -> usize {
        self.held().overlay_bytes
    }

    /// Why the last write to the tables failed, if it did.
    pub fn failure(&self) -> Option<StoreError> {
        self.held().failed.clone()
    }

    /// How often the tables did not take what they were handed.
    pub fn flush_errors(&self) -> u64 {
        self.0.flush_errors.load(Relaxed)
    }

    /// Hands what is committed to the tables. Does not block; a write that fails is handed
    /// over again by the next flush. Whether nothing was left to do.
    pub fn flush(&self) -> bool {
        let mut held = self.held();
        if held.flushing > 0 {
            return false;
        }
        held.failed = None;
        let mut batches = Batches::default();
        let options = self.0.store.options();
        let (bytes_max, entries_max) = (options.queue_bytes_max / 4, options.batch_entries_max);
        for (key, kept) in &held.overlay {
            if let Some(committed) = &kept.committed {
                batches.add(key, committed, bytes_max, entries_max);
            }
        }
        let batches = batches.end();
        held.flushing = batches.len();
        drop(held);
        let is_done = batches.is_empty();
        for (keys, change) in batches {
            let write = Write { namespace: self.0.namespace.clone(), change };
            let state = self.clone();
            let reply = move |result: Result<_, StoreError>| state.flushed(&keys, result.map(drop));
            self.0.store.submit(write, Box::new(reply));
        }
        is_done
    }

    fn flushed(&self, keys: &[(String, u64)], result: Result<(), StoreError>) {
        let mut held = self.held();
        held.flushing = held.flushing.saturating_sub(1);
        match result {
            Ok(()) => keys.iter().for_each(|(key, version)| held.written(key, *version)),
            Err(error) => {
                if self.0.flush_errors.fetch_add(1, Relaxed) == 0 {
                    let namespace = self.0.namespace.as_str();
                    tracing::warn!(%error, namespace, "a function's state waits in memory");
                }
                held.failed = Some(error);
            }
        }
    }

    /// Whether the tables have not answered all that the last flush has handed over.
    pub fn is_flushing(&self) -> bool {
        self.held().flushing > 0
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn accept(&mut self, key: &str, latest: Versioned) {
        self.overlay_bytes += bytes(key, &latest);
        match self.overlay.get_mut(key) {
            Some(kept) => {
                self.overlay_bytes -= bytes(key, &kept.latest);
                kept.latest = latest;
            }
            None => {
                self.overlay.insert(key.to_owned(), Kept { latest, committed: None });
            }
        }
    }

    /// The tables have a key as of this version; what came since stays.
    fn written(&mut self, key: &str, version: u64) {
        let Some(kept) = self.overlay.get_mut(key) else { return };
        if kept.committed.as_ref().is_some_and(|committed| committed.version == version) {
            kept.committed = None;
        }
        if kept.latest.version == version
            && let Some(kept) = self.overlay.remove(key)
        {
            self.overlay_bytes -= bytes(key, &kept.latest);
        }
    }
}

fn bytes(key: &str, versioned: &Versioned) -> usize {
    key.len() + versioned.value.as_ref().map_or(0, Bytes::len)
}

/// Keys with their versions.
type Keys = Vec<(String, u64)>;

/// Keys, and the change that writes them.
type Batch = (Keys, Change);

/// Changes, in pieces that the tables take.
#[derive(Default)]
struct Batches {
    done: Vec<Batch>,
    set: (Keys, Vec<(String, Vec<u8>)>),
    set_bytes: usize,
    deleted: Keys,
}

impl Batches {
    fn add(&mut self, key: &str, kept: &Versioned, bytes_max: usize, entries_max: usize) {
        let noted = (key.to_owned(), kept.version);
        match &kept.value {
            Some(value) => {
                let bytes = key.len() + value.len();
                if self.set.0.len() >= entries_max || self.set_bytes + bytes > bytes_max {
                    self.end_set();
                }
                self.set_bytes += bytes;
                self.set.0.push(noted);
                self.set.1.push((key.to_owned(), value.to_vec()));
            }
            None => {
                if self.deleted.len() >= entries_max {
                    self.end_deleted();
                }
                self.deleted.push(noted);
            }
        }
    }

    fn end_set(&mut self) {
        self.set_bytes = 0;
        let (keys, entries) = std::mem::take(&mut self.set);
        if !keys.is_empty() {
            self.done.push((keys, Change::Set { entries, ttl: None }));
        }
    }

    fn end_deleted(&mut self) {
        let deleted = std::mem::take(&mut self.deleted);
        if !deleted.is_empty() {
            let keys = deleted.iter().map(|(key, _)| key.clone()).collect();
            self.done.push((deleted, Change::Delete { keys }));
        }
    }

    fn end(mut self) -> Vec<Batch> {
        self.end_set();
        self.end_deleted();
        self.done
    }
}
