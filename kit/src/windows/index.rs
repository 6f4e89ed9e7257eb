//! From the name of a key to its place: a table of places with open addressing and linear
//! probing (Knuth, *The Art of Computer Programming* 3, §6.4), from which what is removed leaves
//! no trace (algorithm R there).
//!
//! Names come from strangers, so that the hash has a seed: who does not know it cannot make
//! names meet. Nothing that is told depends on the order of the table.

use alloc::vec;
use alloc::vec::Vec;

use crate::sketch::hash::xxh64;

/// No place.
const NONE: u32 = u32::MAX;
const LENGTH_MIN: usize = 16;

/// A place, and its name's hash, whose lowest bits say where it belongs.
#[derive(Clone, Copy)]
struct Entry {
    hash: u64,
    place: u32,
}

const EMPTY: Entry = Entry { hash: 0, place: NONE };

/// Places by their names' hashes.
#[derive(Clone)]
pub(super) struct Index {
    /// As many as a power of two, at most half of them in use.
    entries: Vec<Entry>,
    count: usize,
    seed: u64,
}

impl Index {
    pub(super) fn new(seed: u64) -> Self {
        Index { entries: vec![EMPTY; LENGTH_MIN], count: 0, seed }
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    fn hash(&self, name: &str) -> u64 {
        xxh64(name.as_bytes(), self.seed)
    }

    fn step(&self, at: usize) -> usize {
        (at + 1) & (self.entries.len() - 1)
    }

    fn home(&self, hash: u64) -> usize {
        hash as usize & (self.entries.len() - 1)
    }

    /// The place that has this name, among those that `is` says have it.
    pub(super) fn get(&self, name: &str, is: impl Fn(u32) -> bool) -> Option<u32> {
        let hash = self.hash(name);
        let mut at = self.home(hash);
        // Half of all entries are empty, so that this ends.
        loop {
            let entry = self.entries[at];
            if entry.place == NONE {
                return None;
            }
            if entry.hash == hash && is(entry.place) {
                return Some(entry.place);
            }
            at = self.step(at);
        }
    }

    /// Adds a place whose name is not there.
    pub(super) fn insert(&mut self, name: &str, place: u32) {
        if (self.count + 1) * 2 > self.entries.len() {
            let length = self.entries.len() * 2;
            let entries = core::mem::replace(&mut self.entries, vec![EMPTY; length]);
            entries.into_iter().filter(|entry| entry.place != NONE).for_each(|one| self.put(one));
        }
        self.put(Entry { hash: self.hash(name), place });
        self.count += 1;
    }

    fn put(&mut self, entry: Entry) {
        let mut at = self.home(entry.hash);
        while self.entries[at].place != NONE {
            at = self.step(at);
        }
        self.entries[at] = entry;
    }

    /// Removes a place, if it is there.
    pub(super) fn remove(&mut self, name: &str, place: u32) {
        let mut at = self.home(self.hash(name));
        while self.entries[at].place != place {
            if self.entries[at].place == NONE {
                return;
            }
            at = self.step(at);
        }
        self.count -= 1;
        // What comes behind moves up, unless it would stand before where it belongs.
        let mut hole = at;
        loop {
            at = self.step(at);
            let entry = self.entries[at];
            if entry.place == NONE {
                break;
            }
            let mask = self.entries.len() - 1;
            let (from_home, from_hole) =
                (at.wrapping_sub(self.home(entry.hash)) & mask, at.wrapping_sub(hole) & mask);
            if from_home >= from_hole {
                self.entries[hole] = entry;
                hole = at;
            }
        }
        self.entries[hole] = EMPTY;
    }

    /// All places, in no order.
    pub(super) fn places(&self) -> impl Iterator<Item = u32> {
        self.entries.iter().map(|entry| entry.place).filter(|place| *place != NONE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use alloc::format;
    use alloc::string::String;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_has_what_was_inserted_and_not_removed(
            steps in proptest::collection::vec((any::<bool>(), 0_u32..60), 1..400), seed in any::<u64>(),
        ) {
            let names: Vec<String> = (0..60).map(|at| format!("name {at}")).collect();
            let (mut index, mut known) = (Index::new(seed), BTreeMap::new());
            for (adds, place) in steps {
                let name = &names[place as usize];
                match (adds, known.contains_key(&place)) {
                    (true, false) => {
                        index.insert(name, place);
                        known.insert(place, ());
                    }
                    (false, _) => {
                        index.remove(name, place);
                        known.remove(&place);
                    }
                    _ => {}
                }
                for (place, name) in (0..).zip(&names) {
                    let found = index.get(name, |_| true);
                    prop_assert_eq!(found, known.contains_key(&place).then_some(place));
                }
                prop_assert_eq!(index.len(), known.len());
                let mut places: Vec<u32> = index.places().collect();
                places.sort();
                prop_assert_eq!(places, known.keys().copied().collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn names_that_meet_are_told_apart() {
        let mut index = Index::new(0);
        // The same hash, and two places: only whoever knows the names can tell.
        index.insert("a", 1);
        index.insert("a", 2);
        assert_eq!(index.get("a", |place| place == 2), Some(2));
        assert_eq!(index.get("a", |_| false), None);
        index.remove("a", 1);
        assert_eq!(index.get("a", |_| true), Some(2));
    }
}
