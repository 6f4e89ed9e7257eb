//! What was purged, applied when an object is found.
//!
//! A purge by tag or prefix may concern any number of objects, in memory, on the disk,
//! and still on their way. Nothing is searched for: the purge is noted with its time, and
//! an object that was asked of its origin before is purged when it is found. That costs
//! a look into a hash table for its URL, each of its tags and each segment of its path,
//! and one atomic load as long as nothing was ever purged.
//!
//! Everything is bounded: what does not fit goes to the [`residue`], which may purge more
//! than was asked for, never less. [`encoded`] is how the table lies on the disk.

mod encoded;
mod names;
mod residue;

use arc_swap::ArcSwap;
use residue::Residue;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use encoded::PurgeError;
pub use names::tag_hash;

/// Tags that are noted one by one.
pub const TAGS_MAX: usize = 65_536;

/// URLs that are noted one by one.
pub const URLS_MAX: usize = 65_536;

/// Prefixes that are noted one by one.
pub const PREFIXES_MAX: usize = 4_096;

/// How an object is purged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purge {
    /// As if it were not there.
    Hard,
    /// As if it were stale: it may be validated, and used where stale ones may.
    Soft,
}

/// Purges with their times. Looking up takes no lock.
///
/// Times are milliseconds of one clock that does not go back; the table does not read it.
/// An object's time is when it was *asked of its origin*, not when it came: what was on
/// its way during a purge may be what the purge was about.
pub struct PurgeTable {
    /// Whether anything was ever purged.
    is_used: AtomicBool,
    tables: ArcSwap<Tables>,
    residue: Residue,
    /// The time of the last purge: an earlier one that comes later counts as it.
    latest: AtomicU64,
    /// Taken by who purges. What was noted, from the oldest on, with the time it had
    /// then; who was purged again since is behind once more.
    order: Mutex<[VecDeque<(u64, u64)>; KINDS]>,
}

/// What a purge is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Tag,
    Url,
    Prefix,
}

const KINDS: usize = 3;

impl Kind {
    const ALL: [Kind; KINDS] = [Kind::Tag, Kind::Url, Kind::Prefix];

    fn noted_max(self) -> usize {
        match self {
            Kind::Tag => TAGS_MAX,
            Kind::Url => URLS_MAX,
            Kind::Prefix => PREFIXES_MAX,
        }
    }

    /// The hash by which the residue knows it: it does not keep kinds apart.
    fn mixed(self, hash: u64) -> u64 {
        (hash ^ self as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29)
    }
}

/// When something was purged last; 0: never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Times {
    hard: u64,
    soft: u64,
}

impl Times {
    fn note(&mut self, purge: Purge, at_ms: u64) {
        let time = match purge {
            Purge::Hard => &mut self.hard,
            Purge::Soft => &mut self.soft,
        };
        *time = (*time).max(at_ms);
    }

    fn merge(&mut self, other: Times) {
        self.hard = self.hard.max(other.hard);
        self.soft = self.soft.max(other.soft);
    }

    fn last(&self) -> u64 {
        self.hard.max(self.soft)
    }

    fn purge(&self, asked_at_ms: u64) -> Option<Purge> {
        let is_in = |time: u64| time > 0 && asked_at_ms <= time;
        if is_in(self.hard) {
            return Some(Purge::Hard);
        }
        is_in(self.soft).then_some(Purge::Soft)
    }
}

/// Keys are hashes already.
#[derive(Default)]
struct Same(u64);

impl Hasher for Same {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _bytes: &[u8]) {}

    fn write_u64(&mut self, hash: u64) {
        // Names that somebody else hashed may differ in few bits only.
        self.0 = hash.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

type Part = HashMap<u64, Times, BuildHasherDefault<Same>>;

/// Parts of a table: a purge copies one of them and shares the others.
const PARTS: usize = 128;

#[derive(Clone)]
struct Tables {
    all: Times,
    tables: [Table; KINDS],
}

#[derive(Clone)]
struct Table {
    parts: Arc<[Arc<Part>]>,
    noted: usize,
}

impl Table {
    fn new() -> Self {
        let empty = Arc::new(Part::default());
        Table { parts: (0..PARTS).map(|_| empty.clone()).collect(), noted: 0 }
    }

    fn get(&self, hash: u64) -> Option<Times> {
        self.parts[part_of(hash)].get(&hash).copied()
    }

    /// Changes what is noted of a hash; `None` takes it out.
    fn set(&mut self, hash: u64, times: Option<Times>) {
        let mut parts = self.parts.to_vec();
        let part = Arc::make_mut(&mut parts[part_of(hash)]);
        let before = match times {
            Some(times) => part.insert(hash, times),
            None => part.remove(&hash),
        };
        self.noted = self.noted - usize::from(before.is_some()) + usize::from(times.is_some());
        self.parts = parts.into();
    }

    fn iter(&self) -> impl Iterator<Item = (u64, Times)> + '_ {
        self.parts.iter().flat_map(|part| part.iter()).map(|(hash, times)| (*hash, *times))
    }
}

fn part_of(hash: u64) -> usize {
    (hash.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as usize % PARTS
}

impl Tables {
    fn new() -> Self {
        Tables { all: Times::default(), tables: [(); KINDS].map(|()| Table::new()) }
    }
}

impl Default for PurgeTable {
    fn default() -> Self {
        PurgeTable::new()
    }
}

impl PurgeTable {
    /// A table in which nothing is purged.
    pub fn new() -> Self {
        PurgeTable {
            is_used: AtomicBool::new(false),
            tables: ArcSwap::from_pointee(Tables::new()),
            residue: Residue::new(),
            latest: AtomicU64::new(0),
            order: Mutex::default(),
        }
    }

    /// Purges what carries a tag, by its [`tag_hash`] or another hash of 64 bits.
    pub fn purge_tag(&self, tag: u64, purge: Purge, now_ms: u64) {
        self.note(Kind::Tag, tag, purge, now_ms);
    }

    /// Purges one URL: `host/path?query`, as given to [`PurgeTable::is_purged`].
    pub fn purge_url(&self, url: &str, purge: Purge, now_ms: u64) {
        self.note(Kind::Url, names::url_hash(url), purge, now_ms);
    }

    /// Purges all URLs below a prefix: `host`, or `host/path` by whole segments.
    /// `host/a` is for `host/a`, `host/a/b` and `host/a?b`, not for `host/ab`. A query is
    /// left out.
    pub fn purge_prefix(&self, prefix: &str, purge: Purge, now_ms: u64) {
        self.note(Kind::Prefix, names::prefix_hash(prefix), purge, now_ms);
    }

    /// Purges everything.
    pub fn purge_all(&self, purge: Purge, now_ms: u64) {
        let mut order = self.lock();
        let mut tables = Tables::clone(&self.tables.load());
        tables.all.note(purge, self.time(now_ms));
        if purge == Purge::Hard {
            // Nothing that was noted before matters any more.
            *order = Default::default();
            tables = Tables { all: tables.all, ..Tables::new() };
        }
        self.publish(tables);
    }

    /// Whether an object is purged that was asked of its origin at that time: one with
    /// these tags and this URL (`host/path?query`).
    pub fn is_purged(&self, tags: &[u64], url: &str, asked_at_ms: u64) -> Option<Purge> {
        if !self.is_used.load(Ordering::Acquire) {
            return None;
        }
        let tables = self.tables.load();
        let [tag_table, url_table, prefix_table] = &tables.tables;
        let mut times = tables.all;
        let mut look = |kind: Kind, table: &Table, hash: u64| {
            if table.noted > 0
                && let Some(noted) = table.get(hash)
            {
                times.merge(noted);
            }
            times.hard = times.hard.max(self.residue.time(kind.mixed(hash)));
        };
        tags.iter().for_each(|&tag| look(Kind::Tag, tag_table, tag));
        if url_table.noted > 0 || prefix_table.noted > 0 || self.residue.is_used() {
            look(Kind::Url, url_table, names::url_hash(url));
            names::prefixes(url, |hash| look(Kind::Prefix, prefix_table, hash));
        }
        times.purge(asked_at_ms)
    }

    /// Leaves out what was purged before any object that is still there was asked for.
    pub fn forget_before(&self, asked_at_ms: u64) {
        let mut order = self.lock();
        let mut tables = Tables::clone(&self.tables.load());
        for kind in Kind::ALL {
            let order = &mut order[kind as usize];
            while order.front().is_some_and(|(time, _)| *time < asked_at_ms) {
                let Some((time, hash)) = order.pop_front() else { break };
                let table = &mut tables.tables[kind as usize];
                if table.get(hash).is_some_and(|times| times.last() == time) {
                    table.set(hash, None);
                }
            }
        }
        self.publish(tables);
    }

    fn note(&self, kind: Kind, hash: u64, purge: Purge, now_ms: u64) {
        let mut order = self.lock();
        let mut tables = Tables::clone(&self.tables.load());
        let time = self.time(now_ms);
        let table = &mut tables.tables[kind as usize];
        let before = table.get(hash).unwrap_or_default();
        let mut times = before;
        times.note(purge, time);
        table.set(hash, Some(times));
        let order = &mut order[kind as usize];
        // What was noted at this very time is in the order with it already.
        if before.last() != times.last() || before == Times::default() {
            order.push_back((times.last(), hash));
        }
        self.shed(kind, table, order);
        self.publish(tables);
    }

    /// Moves what was purged longest ago to the residue until the rest fits.
    fn shed(&self, kind: Kind, table: &mut Table, order: &mut VecDeque<(u64, u64)>) {
        let stands =
            |(time, hash): &(u64, u64)| table.get(*hash).is_some_and(|times| times.last() == *time);
        // What is noted anew leaves its older place behind.
        if order.len() > 2 * kind.noted_max() {
            order.retain(stands);
        }
        while table.noted > kind.noted_max() {
            let Some((time, hash)) = order.pop_front() else { return };
            let Some(times) = table.get(hash).filter(|times| times.last() == time) else {
                continue;
            };
            // Before it leaves the table, so that it is always in one of them.
            self.residue.note(kind.mixed(hash), times.last());
            table.set(hash, None);
        }
    }

    /// The time of a purge that is made now; not 0, which means never.
    fn time(&self, now_ms: u64) -> u64 {
        self.latest.fetch_max(now_ms, Ordering::Relaxed).max(now_ms).max(1)
    }

    fn publish(&self, tables: Tables) {
        self.tables.store(Arc::new(tables));
        self.is_used.store(true, Ordering::Release);
    }

    /// The order is only behind the tables if somebody panicked: then more is kept in
    /// them than is known to be old.
    fn lock(&self) -> MutexGuard<'_, [VecDeque<(u64, u64)>; KINDS]> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
