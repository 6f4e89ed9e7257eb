//! Finds a node by its key's hash: open addressing with linear probing.

/// Numbers of nodes by hash. It does not hold the hashes: the nodes do.
pub(super) struct Table {
    /// The number of a node and one, or 0: the slot is free. A power of two of them.
    slots: Box<[u32]>,
    used: usize,
}

/// Slots of an empty table.
const SLOTS_MIN: usize = 16;

impl Table {
    pub(super) fn new() -> Self {
        Table { slots: vec![0; SLOTS_MIN].into(), used: 0 }
    }

    /// The first node on the hash's path that is the one.
    pub(super) fn find(&self, hash: u64, mut is: impl FnMut(u32) -> bool) -> Option<u32> {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        while let Some(node) = self.slots[at].checked_sub(1) {
            if is(node) {
                return Some(node);
            }
            at = (at + 1) & mask;
        }
        None
    }

    /// Adds a node, which must not be there. `hash_of` tells a node's hash.
    pub(super) fn insert(&mut self, hash: u64, node: u32, hash_of: impl Fn(u32) -> u64) {
        // A load of at most 3/4 keeps paths short: about 2.5 slots for a hit, 8.5 for a
        // miss at worst.
        if (self.used + 1) * 4 > self.slots.len() * 3 {
            self.resize(self.slots.len() * 2, hash_of);
        }
        self.place(hash, node);
        self.used += 1;
    }

    /// Removes a node. What lies behind it moves up, so that no gap is left in a path.
    pub(super) fn remove(&mut self, hash: u64, node: u32, hash_of: impl Fn(u32) -> u64) {
        let mask = self.slots.len() - 1;
        let mut gap = hash as usize & mask;
        while self.slots[gap] != node + 1 {
            if self.slots[gap] == 0 {
                return;
            }
            gap = (gap + 1) & mask;
        }
        let mut at = gap;
        loop {
            at = (at + 1) & mask;
            let Some(other) = self.slots[at].checked_sub(1) else { break };
            let home = hash_of(other) as usize & mask;
            // It may move to the gap unless its home lies behind the gap.
            if (at.wrapping_sub(home) & mask) >= (at.wrapping_sub(gap) & mask) {
                self.slots[gap] = self.slots[at];
                gap = at;
            }
        }
        self.slots[gap] = 0;
        self.used -= 1;
    }

    /// Every node, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.slots.iter().filter_map(|slot| slot.checked_sub(1))
    }

    /// What it takes in memory.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.slots.len() * size_of::<u32>()
    }

    fn place(&mut self, hash: u64, node: u32) {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        while self.slots[at] != 0 {
            at = (at + 1) & mask;
        }
        self.slots[at] = node + 1;
    }

    fn resize(&mut self, slots: usize, hash_of: impl Fn(u32) -> u64) {
        let old = std::mem::replace(&mut self.slots, vec![0; slots].into());
        for node in old.iter().filter_map(|slot| slot.checked_sub(1)) {
            self.place(hash_of(node), node);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        /// Against a map, with hashes of which many meet.
        #[test]
        fn is_a_map(steps in prop::collection::vec((0..60_u32, any::<bool>()), 0..400)) {
            let hash = |node: u32| u64::from(node % 7) << 2;
            let (mut table, mut model) = (Table::new(), BTreeMap::new());
            for (node, add) in steps {
                match (add, model.contains_key(&node)) {
                    (true, false) => {
                        table.insert(hash(node), node, hash);
                        model.insert(node, ());
                    }
                    (false, true) => {
                        table.remove(hash(node), node, hash);
                        model.remove(&node);
                    }
                    (true, true) => {}
                    (false, false) => table.remove(hash(node), node, hash),
                }
                for node in 0..60 {
                    let found = table.find(hash(node), |other| other == node);
                    prop_assert_eq!(found.is_some(), model.contains_key(&node));
                }
                prop_assert_eq!(table.iter().count(), model.len());
            }
        }
    }
}
