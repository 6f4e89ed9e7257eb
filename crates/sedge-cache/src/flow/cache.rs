//! What all caching links of a node share: what is stored, and what is under way.

use super::disk::Disk;
use super::flights::Flights;
use super::object::{Entry, Marks, Object};
use super::purging::{KeepPurges, Keeping};
use super::runtime::Runtime;
use crate::key::Key;
use crate::memory::{Counters, Evicted, Inserted, Memory, MemoryOptions};
use crate::pages::Pages;
use crate::purge::{Purge, PurgeTable};
use crate::rules::{Policy, StoredHead, Variants};
use crate::transfer::{Bounds, Budget};
use http::HeaderMap;
use sedge_store::segments::{Segments, SegmentsCounters};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The share of the memory that one object may have: an eighth.
const OBJECT_SHARE: u32 = 8;

/// The share of the memory that may be on its way into it besides: a quarter.
const ARRIVING_SHARE: u64 = 4;

/// How far a body that is not stored may be ahead of its slowest reader.
const WINDOW_BYTES: u64 = 256 << 10;

/// What may still be fetched for the store alone, after everybody has left.
const ALONE_BYTES_MAX: u64 = 8 << 20;

/// Locks and epochs, each for the keys whose last bytes it is for; a power of two.
const STRIPES: usize = 1024;

/// What a cache may hold, and where.
pub struct CacheOptions {
    /// Bytes in memory; an object may have an eighth of them. A quarter of it besides
    /// may be on its way into it.
    pub memory_bytes_max: u64,
    /// Where large bodies lie, so that they can be sent without a copy; without it, where
    /// all others do.
    pub pages: Option<Arc<Pages>>,
    /// The tier on the disk, if there is one.
    pub disk: Option<Segments>,
    /// What was purged before this node was started.
    pub purges: PurgeTable,
    /// Keeps what is purged, if there is a tier on the disk.
    pub keep_purges: Option<KeepPurges>,
    /// Tasks, threads and time.
    pub runtime: Runtime,
}

/// Stored responses, and fetches under way. One for a node.
pub struct Cache {
    pub(super) runtime: Runtime,
    pub(super) memory: Memory<Entry>,
    pub(super) pages: Option<Arc<Pages>>,
    pub(super) disk: Option<Disk>,
    pub(super) flights: Arc<Flights>,
    /// Of what is on its way into the memory.
    pub(super) arriving: Arc<Budget>,
    pub(super) bounds: Bounds,
    pub(super) purges: PurgeTable,
    pub(super) keep: Option<KeepPurges>,
    pub(super) keeping: Keeping,
    stripes: Box<[Stripe]>,
}

/// What is counted and locked for some keys.
#[derive(Default)]
struct Stripe {
    /// Held while the list of a key's variants is changed.
    variants: Mutex<()>,
    /// Goes up when a key is made invalid: what was asked for before is not stored.
    epoch: AtomicU64,
}

/// What is stored under a key and fits a request.
pub(super) enum Found {
    /// A response, and the key that it lies under.
    Object(Key, Arc<Object>),
    /// Responses for other requests; the key that one for this would lie under.
    Variant(Key, Arc<Variants>),
    /// Requests go alone.
    Uncollapsed,
    Nothing,
}

/// What the tiers hold and have done.
#[derive(Clone, Copy, Debug, Default)]
pub struct CacheFigures {
    /// The tier in memory.
    pub memory: Counters,
    /// The tier on the disk.
    pub disk: Option<SegmentsCounters>,
    /// Bytes on their way into the memory.
    pub arriving_bytes: u64,
    /// Fetches under way that others may wait for.
    pub flights: usize,
}

impl Cache {
    /// An empty cache, but for what the disk has.
    pub fn new(options: CacheOptions) -> Arc<Self> {
        let CacheOptions { memory_bytes_max, pages, disk, purges, keep_purges, runtime } = options;
        let memory =
            MemoryOptions { bytes_max: memory_bytes_max, object_share: OBJECT_SHARE, shards: None };
        Arc::new(Cache {
            runtime,
            memory: Memory::new(&memory),
            disk: disk.map(|segments| Disk::new(segments, pages.clone())),
            pages,
            flights: Flights::new(),
            arriving: Arc::new(Budget::new(memory_bytes_max / ARRIVING_SHARE)),
            bounds: Bounds {
                object_bytes_max: memory_bytes_max / u64::from(OBJECT_SHARE),
                window_bytes: WINDOW_BYTES,
                alone_bytes_max: ALONE_BYTES_MAX,
            },
            purges,
            keep: keep_purges,
            keeping: Keeping::default(),
            stripes: (0..STRIPES).map(|_| Stripe::default()).collect(),
        })
    }

    /// Where large bodies lie, if not where all others do.
    pub fn pages(&self) -> Option<&Arc<Pages>> {
        self.pages.as_ref()
    }

    /// What the tiers hold.
    pub fn figures(&self) -> CacheFigures {
        CacheFigures {
            memory: self.memory.counters(),
            disk: self.disk.as_ref().map(Disk::counters),
            arriving_bytes: self.arriving.used(),
            flights: self.flights.count(),
        }
    }

    fn stripe(&self, key: &Key) -> &Stripe {
        let number = usize::from(u16::from_le_bytes([key.0[14], key.0[15]]));
        &self.stripes[number % STRIPES]
    }

    fn lock_variants(&self, key: &Key) -> MutexGuard<'_, ()> {
        self.stripe(key).variants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be noted before a response is asked for that is going to be stored.
    pub(super) fn epoch(&self, primary: &Key) -> u64 {
        self.stripe(primary).epoch.load(SeqCst)
    }

    /// What memory has for a request.
    pub(super) fn find(
        &self,
        primary: Key,
        headers: &HeaderMap,
        policy: &Policy,
        now_ms: u64,
    ) -> Found {
        let found = self.memory.get(&primary);
        let variants = match found.as_deref() {
            None => return Found::Nothing,
            Some(Entry::Variants(variants)) => variants,
            Some(entry) => return self.single(primary, entry, now_ms).unwrap_or(Found::Nothing),
        };
        let (key, is_stored) = match variants.select(headers, policy) {
            Some(key) => (key, true),
            None => (variants.key_for(primary, headers, policy), false),
        };
        match self.memory.get(&key).as_deref() {
            // A response that is not on the list is of a time before it.
            Some(Entry::Object(_)) if !is_stored => Found::Variant(key, Arc::clone(variants)),
            Some(entry) => {
                let found = self.single(key, entry, now_ms);
                found.unwrap_or_else(|| Found::Variant(key, Arc::clone(variants)))
            }
            None => Found::Variant(key, Arc::clone(variants)),
        }
    }

    /// Whether requests for this very key go alone.
    pub(super) fn is_uncollapsed(&self, key: &Key, now_ms: u64) -> bool {
        let entry = self.memory.peek(key);
        matches!(entry.as_deref(), Some(Entry::Uncollapsed { until_ms }) if now_ms < *until_ms)
    }

    /// What memory has for a request, without a word to its policy.
    pub(super) fn peek(
        &self,
        primary: Key,
        headers: &HeaderMap,
        policy: &Policy,
    ) -> Option<Arc<Object>> {
        let mut entry = self.memory.peek(&primary)?;
        if let Entry::Variants(variants) = &*entry {
            entry = self.memory.peek(&variants.select(headers, policy)?)?;
        }
        match &*entry {
            Entry::Object(object) => Some(Arc::clone(object)),
            Entry::Variants(_) | Entry::Uncollapsed { .. } => None,
        }
    }

    /// The response under this very key, in memory.
    pub(super) fn object(&self, key: &Key) -> Option<Arc<Object>> {
        match &*self.memory.peek(key)? {
            Entry::Object(object) => Some(Arc::clone(object)),
            Entry::Variants(_) | Entry::Uncollapsed { .. } => None,
        }
    }

    fn single(&self, key: Key, entry: &Entry, now_ms: u64) -> Option<Found> {
        match entry {
            Entry::Object(object) => {
                if self.is_gone(&object.head, &object.marks) {
                    self.memory.remove(&key);
                    return None;
                }
                Some(Found::Object(key, Arc::clone(object)))
            }
            Entry::Uncollapsed { until_ms } if now_ms < *until_ms => Some(Found::Uncollapsed),
            Entry::Uncollapsed { .. } | Entry::Variants(_) => None,
        }
    }

    /// Whether a response was purged for good since it was asked for.
    pub(super) fn is_gone(&self, head: &StoredHead, marks: &Marks) -> bool {
        let since_ms = head.times.request_ms;
        self.purges.is_purged(&marks.tags, &marks.url, since_ms) == Some(Purge::Hard)
    }

    /// Whether an object was purged since it was asked for.
    pub(super) fn purged(&self, object: &Object) -> Option<Purge> {
        let since_ms = object.head.times.request_ms;
        self.purges.is_purged(&object.marks.tags, &object.marks.url, since_ms)
    }

    /// Stores a response that was asked for at `epoch`. Gives whether it is there now;
    /// one that was made invalid meanwhile is not.
    pub(super) fn store(
        &self,
        primary: Key,
        object: Arc<Object>,
        epoch: u64,
        policy: &Policy,
    ) -> bool {
        if self.epoch(&primary) != epoch || self.is_gone(&object.head, &object.marks) {
            return false;
        }
        let head = Arc::clone(&object.head);
        let key = match head.vary.is_empty() {
            true => primary,
            false => self.list_variant(primary, &head, policy),
        };
        if let Some(disk) = &self.disk {
            // After a restart the older one would come back.
            disk.remove(&key);
        }
        self.insert_if(primary, key, Entry::Object(object), epoch)
    }

    /// Puts in an entry, and takes it out again if the key was made invalid meanwhile.
    pub(super) fn insert_if(&self, primary: Key, key: Key, entry: Entry, epoch: u64) -> bool {
        let is_stored = self.insert(key, entry);
        if self.epoch(&primary) != epoch {
            self.forget(&key);
            return false;
        }
        is_stored
    }

    /// Puts a response on the list of its primary key's variants.
    fn list_variant(&self, primary: Key, head: &StoredHead, policy: &Policy) -> Key {
        let _lock = self.lock_variants(&primary);
        let mut variants = match self.memory.peek(&primary).as_deref() {
            Some(Entry::Variants(variants)) => (**variants).clone(),
            _ => Variants::default(),
        };
        let (key, pushed_out) = variants.insert(head, primary, policy);
        self.insert(primary, Entry::Variants(Arc::new(variants)));
        pushed_out.iter().for_each(|key| drop(self.forget(key)));
        key
    }

    /// Puts a validated response in the place of the one that it was. Nothing is put
    /// in the place of one that was made invalid meanwhile.
    pub(super) fn freshen(&self, primary: Key, key: Key, object: Arc<Object>, epoch: u64) -> bool {
        if self.epoch(&primary) != epoch {
            return false;
        }
        self.insert_if(primary, key, Entry::Object(object), epoch)
    }

    /// From now on requests for this key do not wait for one another.
    pub(super) fn uncollapse(&self, key: Key, until_ms: u64) {
        self.insert(key, Entry::Uncollapsed { until_ms });
        if let Some(disk) = &self.disk {
            disk.remove(&key);
        }
    }

    fn insert(&self, key: Key, entry: Entry) -> bool {
        let bytes = entry.bytes();
        let Inserted { stored, evicted } = self.memory.insert(key, Arc::new(entry), bytes);
        if let Some(disk) = &self.disk {
            for Evicted { key, value, frequency, .. } in evicted {
                disk.keep(key, &value, frequency);
            }
        }
        stored
    }

    /// Takes a response out of all tiers.
    pub(super) fn forget(&self, key: &Key) -> Option<Arc<Entry>> {
        if let Some(disk) = &self.disk {
            disk.remove(key);
        }
        self.memory.remove(key)
    }

    /// Makes all responses of a primary key invalid, also those that were asked for
    /// and have not arrived (RFC 9111 §4.4). Gives those that memory had.
    pub(super) fn invalidate(&self, primary: Key) -> Vec<Arc<Object>> {
        self.stripe(&primary).epoch.fetch_add(1, SeqCst);
        let _lock = self.lock_variants(&primary);
        let removed = self.forget(&primary);
        let mut objects = Vec::new();
        match removed.as_deref() {
            Some(Entry::Object(object)) => objects.push(Arc::clone(object)),
            Some(Entry::Variants(variants)) => {
                objects.extend(variants.keys().filter_map(|key| match &*self.forget(&key)? {
                    Entry::Object(object) => Some(Arc::clone(object)),
                    Entry::Variants(_) | Entry::Uncollapsed { .. } => None,
                }));
            }
            Some(Entry::Uncollapsed { .. }) | None => {}
        }
        objects
    }

    /// Lets everything leave the memory for the disk.
    #[cfg(test)]
    pub(super) fn push_out(&self) {
        if let Some(disk) = &self.disk {
            let page = self.memory.page(None, usize::MAX);
            page.objects.iter().for_each(|(key, entry, _)| disk.keep(*key, entry, 15));
            disk.settle();
        }
        self.memory.clear();
    }

    /// Forgets all that is stored, at once.
    pub fn clear(&self) {
        for stripe in &self.stripes {
            stripe.epoch.fetch_add(1, SeqCst);
        }
        self.memory.clear();
        if let Some(disk) = &self.disk {
            disk.clear();
        }
    }
}
