//! Where the records are: a compact table in memory.
//!
//! A slot has 28 bytes, and one more in an array of tags, so that a search compares keys
//! hardly ever in vain and reads one or two lines of the processor's cache. A shard of
//! slots is between 75 % and 90 % full once it has grown, so an object takes 32 to 39
//! bytes, 35 in the middle.

use super::Key;
use super::format::u64_at;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Shards; a power of two, so that growing one stops others no longer than a 256th.
const SHARDS: usize = 256;

/// Slots of a shard that holds something.
const SLOTS_MIN: usize = 8;

/// The lower bits of a segment's number that a slot keeps.
const NUMBER_MASK: u32 = (1 << 30) - 1;
const HIT_SHIFT: u32 = 30;

/// Where a record lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The lower 30 bits of the segment's number.
    segment: u32,
    /// In units of 16 bytes from the segment's begin.
    pub(crate) at: u32,
    /// Bytes of the record, never 0.
    pub(crate) bytes: u32,
}

impl Place {
    pub(crate) fn new(segment: u64, at: u32, bytes: u32) -> Self {
        Place { segment: segment as u32 & NUMBER_MASK, at, bytes }
    }

    /// The segment's number, given that of the oldest there is: there are fewer than
    /// 2^30 at a time.
    pub(crate) fn segment(&self, oldest: u64) -> u64 {
        oldest + u64::from(self.segment.wrapping_sub(oldest as u32) & NUMBER_MASK)
    }

    fn is_in(&self, segment: u64) -> bool {
        self.segment == segment as u32 & NUMBER_MASK
    }
}

#[derive(Clone, Copy)]
struct Slot {
    key: Key,
    at: u32,
    bytes: u32,
    /// Two bits that count hits, and the segment.
    segment: u32,
}

const FREE: Slot = Slot { key: [0; 16], at: 0, bytes: 0, segment: 0 };

impl Slot {
    fn place(&self) -> Place {
        Place { segment: self.segment & NUMBER_MASK, at: self.at, bytes: self.bytes }
    }

    fn hits(&self) -> u8 {
        (self.segment >> HIT_SHIFT) as u8
    }
}

#[derive(Default)]
struct Shard {
    slots: Box<[Slot]>,
    /// For each slot eight bits of its key's hash, or 0: the slot is free.
    tags: Box<[u8]>,
    used: usize,
    /// Bytes of the records.
    bytes: u64,
}

/// A place in the walk of [`Index::page`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    shard: usize,
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

pub(crate) struct Index {
    shards: Box<[Mutex<Shard>]>,
    /// Keys may be digests of what an attacker chooses: where one lies is not to be
    /// foreseen.
    seed: [u64; 2],
}

impl Index {
    pub(crate) fn new() -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        let seed = RandomState::new();
        Index { shards, seed: [0, 1].map(|i| seed.hash_one(i)) }
    }

    pub(crate) fn contains(&self, key: &Key) -> bool {
        let (shard, hash) = self.shard(key);
        shard.find(key, hash).is_some()
    }

    /// Where the record is; notes that it was asked for.
    pub(crate) fn touch(&self, key: &Key) -> Option<Place> {
        let (mut shard, hash) = self.shard(key);
        let at = shard.find(key, hash)?;
        let slot = &mut shard.slots[at];
        if slot.hits() < 3 {
            slot.segment += 1 << HIT_SHIFT;
        }
        Some(slot.place())
    }

    /// How often it was asked for since it was put, up to 3, if it is at this place.
    pub(crate) fn hits(&self, key: &Key, place: Place) -> Option<u8> {
        let (shard, hash) = self.shard(key);
        let slot = shard.slots[shard.find(key, hash)?];
        (slot.place() == place).then(|| slot.hits())
    }

    /// Puts a record; where the older one is.
    pub(crate) fn put(&self, key: &Key, place: Place) -> Option<Place> {
        let (mut shard, hash) = self.shard(key);
        let slot = Slot { key: *key, at: place.at, bytes: place.bytes, segment: place.segment };
        shard.bytes += u64::from(place.bytes);
        if let Some(at) = shard.find(key, hash) {
            let old = std::mem::replace(&mut shard.slots[at], slot).place();
            shard.bytes -= u64::from(old.bytes);
            return Some(old);
        }
        if (shard.used + 1) * 10 > shard.slots.len() * 9 {
            let slots = (shard.slots.len() + shard.slots.len().div_ceil(5)).max(SLOTS_MIN);
            shard.resize(slots, |key| self.hash(key));
        }
        shard.place(hash, slot);
        shard.used += 1;
        None
    }

    /// Gives a record another place, not yet asked for, if it is at this one. Whether it
    /// was.
    pub(crate) fn move_to(&self, key: &Key, from: Place, to: Place) -> bool {
        let (mut shard, hash) = self.shard(key);
        let Some(at) = shard.find(key, hash).filter(|&at| shard.slots[at].place() == from) else {
            return false;
        };
        shard.slots[at] = Slot { key: *key, at: to.at, bytes: to.bytes, segment: to.segment };
        shard.bytes = shard.bytes - u64::from(from.bytes) + u64::from(to.bytes);
        true
    }

    /// Removes what is under the key.
    pub(crate) fn remove(&self, key: &Key) -> Option<Place> {
        self.remove_where(key, |_| true)
    }

    /// Removes what is under the key if it is at this place.
    pub(crate) fn remove_at(&self, key: &Key, place: Place) -> bool {
        self.remove_where(key, |slot| slot.place() == place).is_some()
    }

    /// Removes all that lie in a segment, shard by shard; how many.
    pub(crate) fn remove_segment(&self, segment: u64) -> u64 {
        let mut removed = 0;
        for shard in &self.shards {
            let mut shard = lock(shard);
            let inside: Vec<Key> = shard
                .iter()
                .filter(|slot| slot.place().is_in(segment))
                .map(|slot| slot.key)
                .collect();
            removed += inside.len() as u64;
            for key in inside {
                shard.remove(&key, self.hash(&key), |_| true, |key| self.hash(key));
            }
        }
        removed
    }

    /// Makes room for so many records, if none are there; more than will come are cared
    /// for by [`Index::fit`].
    pub(crate) fn reserve(&self, records: u64) {
        let slots = usize::try_from(records).unwrap_or(0) / SHARDS * 5 / 4;
        for shard in &self.shards {
            let mut shard = lock(shard);
            if shard.used == 0 && slots > shard.slots.len() {
                shard.resize(slots, |key| self.hash(key));
            }
        }
    }

    /// Gives back the room that was reserved in vain.
    pub(crate) fn fit(&self) {
        for shard in &self.shards {
            let mut shard = lock(shard);
            if shard.used * 4 < shard.slots.len() * 3 {
                // Not quite full afterwards, as few that come would make it grow.
                let slots = (shard.used * 5 / 4).max(SLOTS_MIN);
                shard.resize(slots, |key| self.hash(key));
            }
        }
    }

    pub(crate) fn clear(&self) {
        for shard in &self.shards {
            // Its memory is given back too: the next records may be few.
            *lock(shard) = Shard::default();
        }
    }

    /// Records, and their bytes.
    pub(crate) fn usage(&self) -> (u64, u64) {
        self.shards.iter().fold((0, 0), |(records, bytes), shard| {
            let shard = lock(shard);
            (records + shard.used as u64, bytes + shard.bytes)
        })
    }

    /// Bytes of memory that the slots take.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let slots: usize = self.shards.iter().map(|shard| lock(shard).slots.len()).sum();
        (slots * (size_of::<Slot>() + 1)) as u64
    }

    /// Up to `max` keys with their records' bytes, and where the next page begins.
    pub(crate) fn page(
        &self,
        after: Option<Cursor>,
        max: usize,
    ) -> (Vec<(Key, u32)>, Option<Cursor>) {
        let mut at = after.unwrap_or(Cursor { shard: 0, after: None });
        let mut found = Vec::new();
        while at.shard < SHARDS && found.len() < max {
            let mut here: Vec<(u64, Key, u32)> = lock(&self.shards[at.shard])
                .iter()
                .map(|slot| (self.hash(&slot.key), slot.key, slot.bytes))
                .filter(|slot| at.after.is_none_or(|after| slot.0 > after))
                .collect();
            here.sort_unstable();
            let room = max - found.len();
            let last = (here.len() > room).then(|| here[room - 1].0);
            found.extend(here.into_iter().take(room).map(|(_, key, bytes)| (key, bytes)));
            at = match last {
                Some(hash) => Cursor { after: Some(hash), ..at },
                None => Cursor { shard: at.shard + 1, after: None },
            };
        }
        (found, (at.shard < SHARDS).then_some(at))
    }

    fn remove_where(&self, key: &Key, is: impl FnOnce(&Slot) -> bool) -> Option<Place> {
        let (mut shard, hash) = self.shard(key);
        shard.remove(key, hash, is, |key| self.hash(key))
    }

    fn hash(&self, key: &Key) -> u64 {
        // One multiplication of secret numbers to twice their length, as in wyhash: who
        // does not know the seed cannot aim at a slot.
        let [one, two] = [0, 1].map(|i| u64_at(key, i * 8) ^ self.seed[i]);
        let product = u128::from(one) * u128::from(two);
        (product >> 64) as u64 ^ product as u64
    }

    fn shard(&self, key: &Key) -> (MutexGuard<'_, Shard>, u64) {
        let hash = self.hash(key);
        (lock(&self.shards[(hash >> 32) as usize % SHARDS]), hash)
    }
}

impl Shard {
    /// The slot where a hash's path begins.
    fn home(&self, hash: u64) -> usize {
        (((hash & 0xFFFF_FFFF) * self.slots.len() as u64) >> 32) as usize
    }

    fn next(&self, at: usize) -> usize {
        if at + 1 == self.slots.len() { 0 } else { at + 1 }
    }

    fn find(&self, key: &Key, hash: u64) -> Option<usize> {
        let mut at = self.home(hash);
        let wanted = tag(hash);
        loop {
            // An empty shard has no slot; another one has a free slot.
            match *self.tags.get(at)? {
                0 => return None,
                tag if tag == wanted && self.slots[at].key == *key => return Some(at),
                _ => at = self.next(at),
            }
        }
    }

    fn place(&mut self, hash: u64, slot: Slot) {
        let mut at = self.home(hash);
        while self.tags[at] != 0 {
            at = self.next(at);
        }
        (self.slots[at], self.tags[at]) = (slot, tag(hash));
    }

    fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().zip(&self.tags).filter(|(_, tag)| **tag != 0).map(|(slot, _)| slot)
    }

    fn remove(
        &mut self,
        key: &Key,
        hash: u64,
        is: impl FnOnce(&Slot) -> bool,
        hash_of: impl Fn(&Key) -> u64,
    ) -> Option<Place> {
        let mut gap = self.find(key, hash)?;
        let removed = self.slots[gap];
        if !is(&removed) {
            return None;
        }
        // What lies behind it moves up, so that no gap is left in a path.
        let mut at = self.next(gap);
        while self.tags[at] != 0 {
            let home = self.home(hash_of(&self.slots[at].key));
            let behind = |from: usize| (at + self.slots.len() - from) % self.slots.len();
            if behind(home) >= behind(gap) {
                (self.slots[gap], self.tags[gap]) = (self.slots[at], self.tags[at]);
                gap = at;
            }
            at = self.next(at);
        }
        self.tags[gap] = 0;
        self.used -= 1;
        self.bytes -= u64::from(removed.bytes);
        Some(removed.place())
    }

    fn resize(&mut self, slots: usize, hash_of: impl Fn(&Key) -> u64) {
        let new = Shard { slots: vec![FREE; slots].into(), tags: vec![0; slots].into(), ..*self };
        let old = std::mem::replace(self, new);
        for slot in old.iter() {
            self.place(hash_of(&slot.key), *slot);
        }
    }
}

/// Eight bits of the hash that neither choose the shard nor, much, the slot; never 0.
fn tag(hash: u64) -> u8 {
    ((hash >> 40) as u8).max(1)
}

/// A shard is whole between any two calls, and nothing in one panics.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
