//! The objects of a shard, in three lists from most to least recent.

use crate::key::Key;
use std::sync::Arc;

/// No node.
const NONE: u32 = u32::MAX;

/// A list that a node is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum List {
    /// Newcomers.
    Window,
    /// Let in, and not asked for since.
    Probation,
    /// Let in, and asked for.
    Protected,
}

/// An object.
pub(super) struct Node<V> {
    pub(super) key: Key,
    pub(super) hash: u64,
    /// `None`: the node is free.
    pub(super) value: Option<Arc<V>>,
    /// With the overhead.
    pub(super) weight: u32,
    list: List,
    newer: u32,
    older: u32,
}

#[derive(Clone, Copy)]
struct Ends {
    newest: u32,
    oldest: u32,
    weight: u64,
}

/// Nodes by number. Free ones are used again, the last freed first.
pub(super) struct Nodes<V> {
    all: Vec<Node<V>>,
    ends: [Ends; 3],
    /// The first of the free ones, linked by `older`.
    free: u32,
    used: usize,
}

impl<V> Nodes<V> {
    pub(super) fn new() -> Self {
        let ends = Ends { newest: NONE, oldest: NONE, weight: 0 };
        Nodes { all: Vec::new(), ends: [ends; 3], free: NONE, used: 0 }
    }

    /// Objects there.
    pub(super) fn len(&self) -> usize {
        self.used
    }

    /// Weight of a list.
    pub(super) fn weight(&self, list: List) -> u64 {
        self.ends[list as usize].weight
    }

    /// Weight of all.
    pub(super) fn weight_of_all(&self) -> u64 {
        self.ends.iter().map(|ends| ends.weight).sum()
    }

    pub(super) fn node(&self, number: u32) -> &Node<V> {
        &self.all[number as usize]
    }

    pub(super) fn list(&self, number: u32) -> List {
        self.node(number).list
    }

    /// The least recent of a list.
    pub(super) fn oldest(&self, list: List) -> Option<u32> {
        some(self.ends[list as usize].oldest)
    }

    /// The next more recent of the same list.
    pub(super) fn newer(&self, number: u32) -> Option<u32> {
        some(self.node(number).newer)
    }

    /// Adds an object as the most recent of a list; `None`: there are 2^32 - 1 already.
    pub(super) fn add(
        &mut self,
        list: List,
        key: Key,
        hash: u64,
        value: Arc<V>,
        weight: u32,
    ) -> Option<u32> {
        let node = Node { key, hash, value: Some(value), weight, list, newer: NONE, older: NONE };
        let number = match some(self.free) {
            Some(number) => {
                self.free = self.node(number).older;
                self.all[number as usize] = node;
                number
            }
            None => {
                let number = u32::try_from(self.all.len()).ok().and_then(some)?;
                self.all.push(node);
                number
            }
        };
        self.used += 1;
        self.link(number, list);
        Some(number)
    }

    /// Takes an object out.
    pub(super) fn take(&mut self, number: u32) -> Option<Arc<V>> {
        let value = self.all[number as usize].value.take()?;
        self.unlink(number);
        self.all[number as usize].older = self.free;
        self.free = number;
        self.used -= 1;
        Some(value)
    }

    /// Makes an object the most recent of a list.
    pub(super) fn move_to(&mut self, number: u32, list: List) {
        if self.ends[list as usize].newest == number {
            return;
        }
        self.unlink(number);
        self.link(number, list);
    }

    /// Changes an object where it stands; what it was.
    pub(super) fn change(&mut self, number: u32, value: Arc<V>, weight: u32) -> Option<Arc<V>> {
        let node = &mut self.all[number as usize];
        let ends = &mut self.ends[node.list as usize];
        ends.weight = ends.weight - u64::from(node.weight) + u64::from(weight);
        node.weight = weight;
        node.value.replace(value)
    }

    /// What it takes in memory.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.all.capacity() * size_of::<Node<V>>()
    }

    fn link(&mut self, number: u32, list: List) {
        let ends = &mut self.ends[list as usize];
        let newest = std::mem::replace(&mut ends.newest, number);
        let node = &mut self.all[number as usize];
        (node.list, node.newer, node.older) = (list, NONE, newest);
        ends.weight += u64::from(node.weight);
        match some(newest) {
            Some(newest) => self.all[newest as usize].newer = number,
            None => ends.oldest = number,
        }
    }

    fn unlink(&mut self, number: u32) {
        let node = &self.all[number as usize];
        let (list, newer, older, weight) = (node.list, node.newer, node.older, node.weight);
        let ends = &mut self.ends[list as usize];
        ends.weight -= u64::from(weight);
        match some(newer) {
            Some(newer) => self.all[newer as usize].older = older,
            None => ends.newest = older,
        }
        match some(older) {
            Some(older) => self.all[older as usize].newer = newer,
            None => ends.oldest = newer,
        }
    }
}

fn some(number: u32) -> Option<u32> {
    (number != NONE).then_some(number)
}
