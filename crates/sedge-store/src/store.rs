//! The key-value store as its callers see it.

use crate::database::{Database, Failed};
use crate::error::StoreError;
use crate::namespace::Namespace;
use crate::options::Options;
use crate::queue::{Pending, Queue};
use crate::record::{
    ENTRIES, META, META_VERSION, NO_VERSION, Record, USAGE, Usage, entry_key, namespace_end,
    split_entry_key, split_u64,
};
use crate::write::{Applied, Change, Seen, Swap, Version, Write, check_key};
use crate::writer::Shared;
use redb::{ReadTransaction, ReadableTable};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

/// Called once with a write's outcome, on the writer's thread: it must be quick
/// and must not call back into the store's blocking methods.
pub type Reply = Box<dyn FnOnce(Result<Applied, StoreError>) + Send>;

/// Rows that one page of keys looks at, at most: expired ones are skipped.
const PAGE_ROWS_MAX: usize = 10_000;
/// Bytes of values that one page of keys passes over, at most: they lie between
/// the keys.
const PAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A durable key-value store in one file: namespaces of keys with values and
/// times to live.
///
/// A write that has returned `Ok` is on disk. A write that was refused was not
/// kept. A write during which the disk failed ([`StoreError::DiskFull`],
/// [`StoreError::Io`]) was kept as a whole or not at all, and a read tells
/// which; the file is opened again by itself. Reads see every write that was acknowledged before they
/// began. Expiry is judged by the wall clock: an entry set with a time to live
/// is visible as long as the clock is before the moment, computed when it was
/// written, at which it ends. A clock that is set forward ends entries early; a
/// clock that is set back keeps them longer and shows those again that had
/// expired but were not yet swept.
///
/// Cheap to clone. When the last clone is dropped, the writes that wait are
/// finished and the file is closed.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

/// A value with the version to expect in a compare-and-swap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned {
    /// Tells whether the key was written since, absent or not.
    pub version: Version,
    /// The value; `None` if the key is absent or has expired.
    pub value: Option<Vec<u8>>,
}

/// One page of keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyPage {
    /// In byte order. May be shorter than asked for, even empty, with more to
    /// come: only the cursor tells the end.
    pub keys: Vec<String>,
    /// Where the next page begins; `None` after the last one.
    pub cursor: Option<String>,
}

/// What one namespace holds, expired entries included until they are swept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespaceUsage {
    /// Its name.
    pub name: String,
    /// Number of keys.
    pub keys: u64,
    /// Keys and values together, bytes.
    pub bytes: u64,
}

impl Store {
    /// Opens the store in this file with default [`Options`]; creates file and
    /// folder if they are absent.
    ///
    /// # Errors
    /// [`StoreError::InUse`], [`StoreError::Corrupt`], [`StoreError::NotAStore`],
    /// [`StoreError::DiskFull`] or [`StoreError::Io`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_with(path, Options::default())
    }

    /// Opens the store in this file with these options.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_with(path: impl AsRef<Path>, options: Options) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let database = Database::open(path, &options)?;
        let queue = Queue::new(options.queue_writes_max, options.queue_bytes_max);
        let shared = Arc::new(Shared { queue, database, options });
        let running = shared.clone();
        let writer = std::thread::Builder::new()
            .name("sedge-store".to_owned())
            .spawn(move || {
                (running.options.on_thread_start)();
                running.run();
            })
            .map_err(|error| StoreError::Io { path: path.into(), detail: error.to_string() })?;
        Ok(Store { inner: Arc::new(Inner { shared, writer: Some(writer) }) })
    }

    /// The options it was opened with.
    pub fn options(&self) -> &Options {
        &self.inner.shared.options
    }

    /// Hands a write to the writer without blocking; `reply` is always called,
    /// at once with [`StoreError::Busy`] if the queue is full.
    pub fn submit(&self, write: Write, reply: Reply) {
        if let Err(error) = write.check(self.options()) {
            return reply(Err(error));
        }
        if let Err((pending, why)) = self.inner.shared.queue.try_push(Pending { write, reply }) {
            (pending.reply)(Err(why.into()));
        }
    }

    /// Writes and waits until it is on disk; waits for room in the queue.
    ///
    /// # Errors
    /// Those of the change, or of the disk.
    pub fn write(&self, write: Write) -> Result<Applied, StoreError> {
        write.check(self.options())?;
        let (sender, receiver) = mpsc::sync_channel(1);
        // The receiver waits below, so sending can only fail if it panicked.
        let reply: Reply = Box::new(move |result| drop(sender.send(result)));
        let pushed = self.inner.shared.queue.push(Pending { write, reply });
        pushed.map_err(|(_, why)| why)?;
        receiver.recv().unwrap_or(Err(StoreError::Closed))
    }

    /// The value of a key; `None` if it is absent or has expired.
    ///
    /// # Errors
    /// [`StoreError::InvalidKey`], or those of the disk.
    pub fn get(&self, namespace: &Namespace, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.look(namespace, key, |record| record.value.to_vec())
    }

    /// The value of a key and its version.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub fn get_versioned(&self, namespace: &Namespace, key: &str) -> Result<Versioned, StoreError> {
        check_key(key, self.options())?;
        self.inner.shared.database.read(|transaction| {
            let found = self.live(transaction, namespace, key, |record| Versioned {
                version: Version(Seen::Written(record.version)),
                value: Some(record.value.to_vec()),
            })?;
            match found {
                Some(found) => Ok(found),
                None => {
                    let version = Version(Seen::AbsentAfter(newest(transaction)?));
                    Ok(Versioned { version, value: None })
                }
            }
        })
    }

    /// Whether the key is present.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub fn exists(&self, namespace: &Namespace, key: &str) -> Result<bool, StoreError> {
        Ok(self.look(namespace, key, |_| ())?.is_some())
    }

    /// The values of several keys, in their order, from one snapshot.
    ///
    /// # Errors
    /// As [`Store::get`]; [`StoreError::BatchTooLarge`] if there are too many
    /// keys, or if their values together exceed what a batch may have.
    pub fn get_many(
        &self,
        namespace: &Namespace,
        keys: &[impl AsRef<str>],
    ) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let options = self.options();
        let (entries, entries_max) = (keys.len(), options.batch_entries_max);
        let bytes_max = options.queue_bytes_max;
        let too_large =
            |bytes| StoreError::BatchTooLarge { entries, entries_max, bytes, bytes_max };
        if entries > entries_max {
            return Err(too_large(0));
        }
        keys.iter().try_for_each(|key| check_key(key.as_ref(), options))?;
        self.inner.shared.database.read(|transaction| {
            let mut bytes = 0;
            let mut values = Vec::with_capacity(entries);
            for key in keys {
                let value =
                    self.live(transaction, namespace, key.as_ref(), |r| r.value.to_vec())?;
                bytes += value.as_ref().map_or(0, Vec::len);
                if bytes > bytes_max {
                    return Err(Failed::Store(too_large(bytes)));
                }
                values.push(value);
            }
            Ok(values)
        })
    }

    /// A page of at most `limit` keys, after `cursor`.
    ///
    /// # Errors
    /// Those of the disk. Any text is a valid cursor: the next page holds the
    /// keys that sort after it.
    pub fn keys(
        &self,
        namespace: &Namespace,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<KeyPage, StoreError> {
        let now_ms = (self.options().clock)();
        let mut begin = entry_key(namespace.as_str(), cursor.unwrap_or_default());
        if cursor.is_some() {
            // The smallest key that sorts after the cursor.
            begin.push(0);
        }
        let end = namespace_end(namespace.as_str());
        self.inner.shared.database.read(|transaction| {
            let entries = transaction.open_table(ENTRIES)?;
            let mut page = KeyPage::default();
            let mut last = None;
            let (mut rows, mut bytes) = (0, 0);
            for row in entries.range(begin.as_slice()..end.as_slice())? {
                if page.keys.len() >= limit.max(1)
                    || rows >= PAGE_ROWS_MAX
                    || bytes >= PAGE_BYTES_MAX
                {
                    page.cursor = last;
                    break;
                }
                let (key, value) = row?;
                let (_, key) =
                    split_entry_key(key.value()).ok_or(Failed::Corrupt("a key is not readable"))?;
                let record = Record::decode(value.value())
                    .ok_or(Failed::Corrupt("a record is too short"))?;
                rows += 1;
                bytes += record.value.len();
                if record.is_live(now_ms) {
                    page.keys.push(key.to_owned());
                }
                last = Some(key.to_owned());
            }
            Ok(page)
        })
    }

    /// All namespaces that hold something, in byte order.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn namespaces(&self) -> Result<Vec<NamespaceUsage>, StoreError> {
        self.inner.shared.database.read(|transaction| {
            let table = transaction.open_table(USAGE)?;
            let mut namespaces = Vec::new();
            for row in table.iter()? {
                let (name, usage) = row?;
                let name = std::str::from_utf8(name.value())
                    .map_err(|_| Failed::Corrupt("a namespace's name is not readable"))?;
                let Usage { keys, bytes } = Usage::decode(usage.value())
                    .ok_or(Failed::Corrupt("a namespace's usage has the wrong length"))?;
                namespaces.push(NamespaceUsage { name: name.to_owned(), keys, bytes });
            }
            Ok(namespaces)
        })
    }

    /// Sets one key and waits until it is on disk.
    ///
    /// # Errors
    /// [`StoreError::InvalidKey`], [`StoreError::ValueTooLarge`],
    /// [`StoreError::QuotaExceeded`], or those of the disk.
    pub fn set(
        &self,
        namespace: &Namespace,
        key: &str,
        value: impl Into<Vec<u8>>,
        ttl: Option<Duration>,
    ) -> Result<(), StoreError> {
        self.set_many(namespace, vec![(key.to_owned(), value.into())], ttl)
    }

    /// Sets several keys in one transaction and waits until it is on disk.
    ///
    /// # Errors
    /// As [`Store::set`], and [`StoreError::BatchTooLarge`].
    pub fn set_many(
        &self,
        namespace: &Namespace,
        entries: Vec<(String, Vec<u8>)>,
        ttl: Option<Duration>,
    ) -> Result<(), StoreError> {
        self.change(namespace, Change::Set { entries, ttl }).map(drop)
    }

    /// Removes one key; an absent one is no error.
    ///
    /// # Errors
    /// [`StoreError::InvalidKey`], or those of the disk.
    pub fn delete(&self, namespace: &Namespace, key: &str) -> Result<(), StoreError> {
        self.delete_many(namespace, vec![key.to_owned()])
    }

    /// Removes several keys in one transaction.
    ///
    /// # Errors
    /// As [`Store::delete`], and [`StoreError::BatchTooLarge`].
    pub fn delete_many(&self, namespace: &Namespace, keys: Vec<String>) -> Result<(), StoreError> {
        self.change(namespace, Change::Delete { keys }).map(drop)
    }

    /// Adds to a decimal number and returns the sum; an absent key counts as
    /// zero.
    ///
    /// # Errors
    /// [`StoreError::NotANumber`], [`StoreError::Overflow`], and those of
    /// [`Store::set`].
    pub fn increment(
        &self,
        namespace: &Namespace,
        key: &str,
        delta: i64,
    ) -> Result<i64, StoreError> {
        match self.change(namespace, Change::Increment { key: key.to_owned(), delta })? {
            Applied::Sum(sum) => Ok(sum),
            Applied::Done | Applied::Swap(_) => Err(StoreError::Closed),
        }
    }

    /// Sets a key if its version is still the expected one.
    ///
    /// # Errors
    /// Those of [`Store::set`]; a version that is not the expected one is no
    /// error but [`Swap::Stale`].
    pub fn compare_and_swap(
        &self,
        namespace: &Namespace,
        key: &str,
        expected: Version,
        value: impl Into<Vec<u8>>,
        ttl: Option<Duration>,
    ) -> Result<Swap, StoreError> {
        let (key, value) = (key.to_owned(), value.into());
        match self.change(namespace, Change::Swap { key, expected, value, ttl })? {
            Applied::Swap(swap) => Ok(swap),
            Applied::Done | Applied::Sum(_) => Err(StoreError::Closed),
        }
    }

    fn change(&self, namespace: &Namespace, change: Change) -> Result<Applied, StoreError> {
        self.write(Write { namespace: namespace.clone(), change })
    }

    fn look<T>(
        &self,
        namespace: &Namespace,
        key: &str,
        found: impl FnOnce(Record<'_>) -> T,
    ) -> Result<Option<T>, StoreError> {
        check_key(key, self.options())?;
        self.inner.shared.database.read(|transaction| self.live(transaction, namespace, key, found))
    }

    fn live<T>(
        &self,
        transaction: &ReadTransaction,
        namespace: &Namespace,
        key: &str,
        found: impl FnOnce(Record<'_>) -> T,
    ) -> Result<Option<T>, Failed> {
        let entries = transaction.open_table(ENTRIES)?;
        let Some(row) = entries.get(entry_key(namespace.as_str(), key).as_slice())? else {
            return Ok(None);
        };
        let record = Record::decode(row.value()).ok_or(Failed::Corrupt("a record is too short"))?;
        Ok(record.is_live((self.options().clock)()).then(|| found(record)))
    }
}

/// The number of the newest write in a snapshot.
fn newest(transaction: &ReadTransaction) -> Result<u64, Failed> {
    let meta = transaction.open_table(META)?;
    let version = meta.get(META_VERSION)?.and_then(|value| Some(split_u64(value.value())?.0));
    version.ok_or(Failed::Corrupt(NO_VERSION))
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.queue.close();
        let Some(writer) = self.writer.take() else { return };
        // A reply that held the last clone runs on the writer's own thread,
        // which must not wait for itself.
        if writer.thread().id() != std::thread::current().id() {
            drop(writer.join());
        }
    }
}
