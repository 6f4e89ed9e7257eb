//! A share of the objects and the policy over it: W-TinyLFU with aggregated victims.

use super::climber::Climber;
use super::nodes::{List, Node, Nodes};
use super::sketch::Sketch;
use super::table::Table;
use super::{Counters, Evicted, Inserted};
use crate::key::Key;
use std::sync::Arc;

/// Bytes that the tier counts for each object beside its own: its node (up to twice 48,
/// as a vector that has just grown is half empty), its slots in the table (up to 11), its
/// counters (up to 16), and the two counts of its `Arc` with the allocator's rounding.
pub const OVERHEAD_BYTES: u64 = 160;

/// Part of what is not window that protects what was asked for again.
const PROTECTED: f64 = 0.8;

pub(super) struct Shard<V> {
    nodes: Nodes<V>,
    table: Table,
    sketch: Sketch,
    climber: Climber,
    bytes_max: u64,
    window_max: u64,
    protected_max: u64,
    counters: Counters,
    /// Victims of one contest; kept so that a contest allocates nothing.
    victims: Vec<u32>,
}

impl<V> Shard<V> {
    pub(super) fn new(bytes_max: u64) -> Self {
        let mut shard = Shard {
            nodes: Nodes::new(),
            table: Table::new(),
            sketch: Sketch::new(),
            climber: Climber::new(),
            bytes_max,
            window_max: 0,
            protected_max: 0,
            counters: Counters::default(),
            victims: Vec::new(),
        };
        shard.divide();
        shard
    }

    pub(super) fn get(&mut self, key: &Key, hash: u64) -> Option<Arc<V>> {
        let found = self.find(key, hash);
        self.sketch.increment(hash, self.nodes.len());
        if self.climber.note(found.is_some(), self.nodes.len()) {
            self.divide();
        }
        let Some(node) = found else {
            self.counters.misses += 1;
            return None;
        };
        self.counters.hits += 1;
        self.touch(node);
        self.nodes.node(node).value.clone()
    }

    pub(super) fn peek(&self, key: &Key, hash: u64) -> Option<Arc<V>> {
        self.find(key, hash).and_then(|node| self.nodes.node(node).value.clone())
    }

    /// Inserts or replaces; what was under the key.
    pub(super) fn insert(
        &mut self,
        key: Key,
        hash: u64,
        value: Arc<V>,
        weight: u32,
    ) -> (Inserted<V>, Option<Arc<V>>) {
        let mut evicted = Vec::new();
        let (node, replaced) = match self.find(&key, hash) {
            Some(node) => {
                self.counters.replaced += 1;
                (Some(node), self.nodes.change(node, value, weight))
            }
            None => {
                // A shard of 2^32 - 1 objects would be larger than any machine; were it
                // full, the object would be lost, as any object may be.
                let node = self.nodes.add(List::Window, key, hash, value, weight);
                if let Some(node) = node {
                    self.counters.inserted += 1;
                    self.table.insert(hash, node, |node| self.nodes.node(node).hash);
                    self.sketch.make_room(self.nodes.len());
                }
                (node, None)
            }
        };
        self.settle(&mut evicted);
        let stored = node.is_some() && !evicted.iter().any(|evicted| evicted.key == key);
        (Inserted { stored, evicted }, replaced)
    }

    /// Counts an object that is too large, and takes out what is under its key.
    pub(super) fn refuse(&mut self, key: &Key, hash: u64) -> (u8, Option<Arc<V>>) {
        self.counters.rejected += 1;
        let replaced = self.remove(key, hash, |_| true);
        (self.sketch.estimate(hash), replaced)
    }

    pub(super) fn remove(
        &mut self,
        key: &Key,
        hash: u64,
        is: impl FnOnce(&Arc<V>) -> bool,
    ) -> Option<Arc<V>> {
        let node = self.find(key, hash)?;
        if !self.nodes.node(node).value.as_ref().is_some_and(is) {
            return None;
        }
        self.counters.removed += 1;
        self.take(node)
    }

    /// Takes out what is not kept; the caller drops it.
    pub(super) fn retain(&mut self, keep: &mut dyn FnMut(&Key, &Arc<V>) -> bool) -> Vec<Arc<V>> {
        let gone = |node: &u32| {
            let node = self.nodes.node(*node);
            node.value.as_ref().is_some_and(|value| !keep(&node.key, value))
        };
        let nodes: Vec<u32> = self.table.iter().filter(gone).collect();
        self.counters.removed += nodes.len() as u64;
        nodes.into_iter().filter_map(|node| self.take(node)).collect()
    }

    /// Up to `max` objects with the least hashes above `after`, and the last one's hash
    /// if there are more.
    #[expect(clippy::type_complexity, reason = "a page of the caller's and where it ends")]
    pub(super) fn page(
        &self,
        after: Option<u64>,
        max: usize,
    ) -> (Vec<(Key, Arc<V>, u64)>, Option<u64>) {
        let behind = |node: &u32| after.is_none_or(|after| self.nodes.node(*node).hash > after);
        let mut found: Vec<u32> = self.table.iter().filter(behind).collect();
        found.sort_unstable_by_key(|&node| self.nodes.node(node).hash);
        let more = found.len() > max;
        found.truncate(max);
        let last = found.last().map(|&node| self.nodes.node(node).hash).filter(|_| more);
        let object = |node: &u32| {
            let node = self.nodes.node(*node);
            let value = node.value.clone()?;
            Some((node.key, value, bytes_of(node.weight)))
        };
        (found.iter().filter_map(object).collect(), last)
    }

    pub(super) fn counters(&self) -> Counters {
        Counters {
            bytes: self.nodes.weight_of_all(),
            objects: self.nodes.len() as u64,
            ..self.counters
        }
    }

    fn find(&self, key: &Key, hash: u64) -> Option<u32> {
        self.table.find(hash, |node| {
            let node = self.nodes.node(node);
            node.hash == hash && node.key == *key
        })
    }

    /// An object was asked for.
    fn touch(&mut self, node: u32) {
        match self.nodes.list(node) {
            List::Window => self.nodes.move_to(node, List::Window),
            List::Probation | List::Protected => {
                self.nodes.move_to(node, List::Protected);
                self.demote();
            }
        }
    }

    /// What has been protected longest without being asked for makes room for others.
    fn demote(&mut self) {
        while self.nodes.weight(List::Protected) > self.protected_max {
            let Some(oldest) = self.nodes.oldest(List::Protected) else { return };
            self.nodes.move_to(oldest, List::Probation);
        }
    }

    /// Divides the bytes by the size of the window.
    fn divide(&mut self) {
        let all = self.bytes_max as f64;
        self.window_max = (all * self.climber.window()) as u64;
        self.protected_max = ((all - self.window_max as f64) * PROTECTED) as u64;
        self.demote();
    }

    /// Brings the window and the whole within their bounds.
    fn settle(&mut self, evicted: &mut Vec<Evicted<V>>) {
        while self.nodes.weight(List::Window) > self.window_max {
            let Some(candidate) = self.nodes.oldest(List::Window) else { break };
            self.nodes.move_to(candidate, List::Probation);
            if self.nodes.weight_of_all() > self.bytes_max {
                self.contest(candidate, evicted);
            }
        }
        // A replacement that is larger than what was there may still be too much.
        while self.nodes.weight_of_all() > self.bytes_max {
            let lists = [List::Probation, List::Protected, List::Window];
            let Some(oldest) = lists.into_iter().find_map(|list| self.nodes.oldest(list)) else {
                return;
            };
            self.counters.evicted += 1;
            self.evict(oldest, evicted);
        }
    }

    /// Lets the candidate stay if it was asked for more often than all together that
    /// would have to leave for it.
    fn contest(&mut self, candidate: u32, evicted: &mut Vec<Evicted<V>>) {
        let excess = self.nodes.weight_of_all() - self.bytes_max;
        let asked = u64::from(self.sketch.estimate(self.nodes.node(candidate).hash));
        let (mut freed, mut against) = (0, 0);
        let mut victims = std::mem::take(&mut self.victims);
        let mut next = self.nodes.oldest(List::Probation);
        let mut list = List::Probation;
        while freed < excess && against < asked {
            let Some(victim) = next else {
                if list == List::Protected {
                    break;
                }
                list = List::Protected;
                next = self.nodes.oldest(list);
                continue;
            };
            next = self.nodes.newer(victim);
            if victim != candidate {
                let node = self.nodes.node(victim);
                freed += u64::from(node.weight);
                against += u64::from(self.sketch.estimate(node.hash));
                victims.push(victim);
            }
        }
        if freed >= excess && asked > against {
            self.counters.admitted += 1;
            self.counters.evicted += victims.len() as u64;
            for victim in victims.drain(..) {
                self.evict(victim, evicted);
            }
        } else {
            self.counters.rejected += 1;
            self.evict(candidate, evicted);
        }
        victims.clear();
        self.victims = victims;
    }

    fn evict(&mut self, node: u32, evicted: &mut Vec<Evicted<V>>) {
        let Node { key, hash, weight, .. } = *self.nodes.node(node);
        let frequency = self.sketch.estimate(hash);
        if let Some(value) = self.take(node) {
            evicted.push(Evicted { key, value, bytes: bytes_of(weight), frequency });
        }
    }

    fn take(&mut self, node: u32) -> Option<Arc<V>> {
        let hash = self.nodes.node(node).hash;
        self.table.remove(hash, node, |node| self.nodes.node(node).hash);
        self.nodes.take(node)
    }
}

/// An object's own bytes.
fn bytes_of(weight: u32) -> u64 {
    u64::from(weight).saturating_sub(OVERHEAD_BYTES)
}

#[cfg(test)]
impl<V> Shard<V> {
    /// What the shard takes in memory beside the values.
    pub(super) fn bytes_taken(&self) -> usize {
        self.nodes.bytes() + self.table.bytes() + self.sketch.bytes()
    }
}
