//! The tier in memory: a sharded W-TinyLFU that knows sizes.
//!
//! An object is let in if it is asked for more often than what would have to leave for
//! it (Einziger, Friedman and Manes, "TinyLFU: A Highly Efficient Cache Admission
//! Policy", ACM Transactions on Storage 2017), counted for all of what leaves together
//! (Einziger, Eytan, Friedman and Manes, "Lightweight Robust Size Aware Cache
//! Management", ACM Transactions on Storage 2022), and weighed by the root of its size.
//! The example `hit_ratio` shows what that is worth. [`shard`] holds a share of the
//! objects and its policy; [`sketch`] counts how often a key was asked for; [`climber`]
//! sizes the window in which newcomers are tried; [`nodes`] and [`table`] keep the
//! objects in order and find them.
//!
//! Time is unknown here: who finds an object expired removes it.

mod climber;
mod nodes;
mod shard;
mod sketch;
mod table;

use crate::key::Key;
use shard::Shard;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use shard::OVERHEAD_BYTES;

/// How the tier is bounded.
#[derive(Clone, Debug)]
pub struct MemoryOptions {
    /// Bytes of all objects, with [`OVERHEAD_BYTES`] for each.
    pub bytes_max: u64,
    /// An object may take this part of `bytes_max`: 8 means an eighth. It may take no
    /// more than half a shard in any case.
    pub object_share: u32,
    /// Shards, rounded up to a power of two, at most [`SHARDS_MAX`]; `None`: one for
    /// each 32 MiB.
    pub shards: Option<usize>,
}

/// Shards that a tier may have.
pub const SHARDS_MAX: usize = 256;

/// Bytes for which the default adds a shard: enough that an object of some MiB fits and
/// that each shard's policy sees its share of what is popular.
const SHARD_BYTES: u64 = 32 << 20;

impl Default for MemoryOptions {
    fn default() -> Self {
        MemoryOptions { bytes_max: 256 << 20, object_share: 8, shards: None }
    }
}

/// Objects by key, bounded by bytes. A call holds the lock of one shard while it looks
/// up and moves a few links; values are dropped outside it.
pub struct Memory<V> {
    shards: Box<[Line<Mutex<Shard<V>>>]>,
    /// Which shard, slot and counters a key has is unknown outside the process: keys are
    /// digests of what an attacker chooses, and could be made to meet otherwise.
    seed: RandomState,
    object_bytes_max: u64,
}

/// Two lines of the processor's cache, which are fetched together: the locks of two
/// shards do not share them.
#[repr(align(128))]
struct Line<T>(T);

/// What became of an insertion.
#[derive(Debug)]
#[must_use = "what was evicted may belong into another tier"]
pub struct Inserted<V> {
    /// Whether the object is there now.
    pub stored: bool,
    /// What had to leave, the inserted object itself if it was refused. What was
    /// replaced under the same key is not among it.
    pub evicted: Vec<Evicted<V>>,
}

/// An object that had to leave, or was not let in.
#[derive(Debug)]
pub struct Evicted<V> {
    /// Its key.
    pub key: Key,
    /// Its value.
    pub value: Arc<V>,
    /// Its size as it was inserted, bytes.
    pub bytes: u64,
    /// About how often it was asked for lately, found or not, 0 to 15.
    pub frequency: u8,
}

/// A place in the walk of [`Memory::page`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    shard: usize,
    /// The hash of the last key of the page before; `None`: the shard begins.
    after: Option<u64>,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.after {
            None => write!(f, "{:x}", self.shard),
            Some(hash) => write!(f, "{:x}.{hash:x}", self.shard),
        }
    }
}

impl Cursor {
    /// Reads what a cursor was printed as.
    pub fn parse(text: &str) -> Option<Cursor> {
        let (shard, after) = match text.split_once('.') {
            None => (text, None),
            Some((shard, hash)) => (shard, Some(u64::from_str_radix(hash, 16).ok()?)),
        };
        Some(Cursor { shard: usize::from_str_radix(shard, 16).ok()?, after })
    }
}

/// Some objects, in no order that means something.
#[derive(Debug)]
pub struct Page<V> {
    /// Key, value and size in bytes.
    pub objects: Vec<(Key, Arc<V>, u64)>,
    /// Where the next page begins; `None`: this is the last.
    pub next: Option<Cursor>,
}

/// What the tier has done since it was made, and what it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Calls of [`Memory::get`] that found something.
    pub hits: u64,
    /// Calls of [`Memory::get`] that found nothing.
    pub misses: u64,
    /// Objects that were inserted under a key that was not there.
    pub inserted: u64,
    /// Objects that replaced one under the same key.
    pub replaced: u64,
    /// Objects that passed from the window to the main part against others.
    pub admitted: u64,
    /// Objects that were too large, or less asked for than what would have had to leave.
    pub rejected: u64,
    /// Objects that left for others.
    pub evicted: u64,
    /// Objects that were removed by the caller.
    pub removed: u64,
    /// Bytes of the objects that are there, with [`OVERHEAD_BYTES`] for each.
    pub bytes: u64,
    /// Objects that are there.
    pub objects: u64,
}

impl Counters {
    fn add(&mut self, other: &Counters) {
        self.hits += other.hits;
        self.misses += other.misses;
        self.inserted += other.inserted;
        self.replaced += other.replaced;
        self.admitted += other.admitted;
        self.rejected += other.rejected;
        self.evicted += other.evicted;
        self.removed += other.removed;
        self.bytes += other.bytes;
        self.objects += other.objects;
    }
}

impl<V> Memory<V> {
    /// An empty tier.
    pub fn new(options: &MemoryOptions) -> Self {
        let fitting = usize::try_from(options.bytes_max / SHARD_BYTES).unwrap_or(SHARDS_MAX);
        let wanted = options.shards.unwrap_or(fitting).clamp(1, SHARDS_MAX);
        let count = wanted.next_power_of_two();
        let shard_bytes = options.bytes_max / count as u64;
        let object_bytes_max = options.bytes_max / u64::from(options.object_share.max(1));
        let shards = (0..count).map(|_| Line(Mutex::new(Shard::new(shard_bytes)))).collect();
        Memory {
            shards,
            seed: RandomState::new(),
            object_bytes_max: object_bytes_max.min(shard_bytes / 2).min(u64::from(u32::MAX)),
        }
    }

    /// The largest object that is taken, with [`OVERHEAD_BYTES`], bytes.
    pub fn object_bytes_max(&self) -> u64 {
        self.object_bytes_max
    }

    /// What is there under the key. Counted, and told to the policy.
    pub fn get(&self, key: &Key) -> Option<Arc<V>> {
        let hash = self.hash(key);
        self.shard(hash).get(key, hash)
    }

    /// What is there under the key; neither counted nor told to the policy.
    pub fn peek(&self, key: &Key) -> Option<Arc<V>> {
        let hash = self.hash(key);
        self.shard(hash).peek(key, hash)
    }

    /// Puts an object there, replacing what is under the key, or refuses it. `bytes` is
    /// what the value takes in memory. What is too large takes what is under the key
    /// with it: it would be out of date.
    pub fn insert(&self, key: Key, value: Arc<V>, bytes: u64) -> Inserted<V> {
        let hash = self.hash(&key);
        let Some(weight) = self.weight(bytes) else { return self.refuse(key, hash, value, bytes) };
        // What was replaced is dropped after the lock: the variable outlives the guard.
        let (inserted, _replaced) = self.shard(hash).insert(key, hash, value, weight);
        inserted
    }

    /// As [`Memory::insert`], but only if something is under the key; `None`: nothing
    /// was, and nothing was done.
    pub fn replace(&self, key: Key, value: Arc<V>, bytes: u64) -> Option<Inserted<V>> {
        let hash = self.hash(&key);
        let weight = self.weight(bytes);
        let mut shard = self.shard(hash);
        shard.peek(&key, hash)?;
        let Some(weight) = weight else {
            drop(shard);
            return Some(self.refuse(key, hash, value, bytes));
        };
        let (inserted, replaced) = shard.insert(key, hash, value, weight);
        drop(shard);
        drop(replaced);
        Some(inserted)
    }

    /// Removes what is under the key.
    pub fn remove(&self, key: &Key) -> Option<Arc<V>> {
        let hash = self.hash(key);
        self.shard(hash).remove(key, hash, |_| true)
    }

    /// Removes what is under the key if it is this very value, not one that has taken
    /// its place meanwhile. Whether it was.
    pub fn remove_if(&self, key: &Key, is: &Arc<V>) -> bool {
        let hash = self.hash(key);
        let removed = self.shard(hash).remove(key, hash, |value| Arc::ptr_eq(value, is));
        removed.is_some()
    }

    /// Removes all that `keep` does not keep, shard by shard; how many. `keep` runs while
    /// a shard is locked.
    pub fn retain(&self, mut keep: impl FnMut(&Key, &Arc<V>) -> bool) -> u64 {
        let mut removed = 0;
        for shard in &self.shards {
            // A statement of its own: the values are dropped after the lock.
            let gone = lock(&shard.0).retain(&mut keep);
            removed += gone.len() as u64;
        }
        removed
    }

    /// Removes everything; how many objects that were.
    pub fn clear(&self) -> u64 {
        self.retain(|_, _| false)
    }

    /// Up to `max` objects after the cursor. What is there during the whole walk is
    /// told once; it takes time in proportion to a shard.
    pub fn page(&self, after: Option<Cursor>, max: usize) -> Page<V> {
        let mut at = after.unwrap_or(Cursor { shard: 0, after: None });
        let mut objects = Vec::new();
        while at.shard < self.shards.len() && objects.len() < max {
            let (found, last) = lock(&self.shards[at.shard].0).page(at.after, max - objects.len());
            objects.extend(found);
            at = match last {
                Some(hash) => Cursor { after: Some(hash), ..at },
                None => Cursor { shard: at.shard + 1, after: None },
            };
        }
        Page { objects, next: (at.shard < self.shards.len()).then_some(at) }
    }

    /// What was done and what is there: a sum over the shards, not of one moment.
    pub fn counters(&self) -> Counters {
        let mut sum = Counters::default();
        for shard in &self.shards {
            sum.add(&lock(&shard.0).counters());
        }
        sum
    }

    /// The size with the tier's own share, if such an object is taken at all.
    fn weight(&self, bytes: u64) -> Option<u32> {
        let weight = bytes.saturating_add(OVERHEAD_BYTES);
        (weight <= self.object_bytes_max).then(|| u32::try_from(weight).ok()).flatten()
    }

    fn refuse(&self, key: Key, hash: u64, value: Arc<V>, bytes: u64) -> Inserted<V> {
        // Dropped after the lock.
        let (frequency, _replaced) = self.shard(hash).refuse(&key, hash);
        let evicted = vec![Evicted { key, value, bytes, frequency }];
        Inserted { stored: false, evicted }
    }

    fn hash(&self, key: &Key) -> u64 {
        self.seed.hash_one(key.0)
    }

    /// The shard of the hash's upper bits; the lower ones find the slot in it.
    fn shard(&self, hash: u64) -> MutexGuard<'_, Shard<V>> {
        lock(&self.shards[(hash >> 48) as usize & (self.shards.len() - 1)].0)
    }
}

/// A shard is whole between any two calls; a closure of the caller that panics, the only
/// code here that may, does so between them.
fn lock<V>(shard: &Mutex<Shard<V>>) -> MutexGuard<'_, Shard<V>> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
