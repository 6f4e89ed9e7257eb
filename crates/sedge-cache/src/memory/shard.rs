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
/// counters (up to 32), and the two counts of its `Arc` with the allocator's rounding.
pub const OVERHEAD_BYTES: u64 = 176;

/// A victim counts as asked for so much less often: its own first request was one of the
/// counted, and of those that were asked for once most are never asked for again.
const VICTIM_LESS: f32 = 0.5;

/// Part of what is not window that protects what was asked for again.
const PROTECTED: f64 = 0.8;

pub(super) struct Shard<V> {
    nodes: Nodes<V>,
    table: Table,
    sketch: Sketch,
    climber: Climber,
    bytes_max: u64,
    window_max: u64,
    main_max: u64,
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
            main_max: 0,
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

    /// Divides the bytes by the size of the window. What is too much in the main part
    /// then goes to the window, which has the room.
    fn divide(&mut self) {
        let all = self.bytes_max as f64;
        self.window_max = (all * self.climber.window()) as u64;
        self.main_max = self.bytes_max - self.window_max;
        self.protected_max = (self.main_max as f64 * PROTECTED) as u64;
        self.demote();
        while self.main_weight() > self.main_max {
            let Some(oldest) = self.oldest_of_main() else { return };
            self.nodes.move_to(oldest, List::Window);
        }
    }

    /// Brings both parts within their bounds.
    fn settle(&mut self, evicted: &mut Vec<Evicted<V>>) {
        while self.nodes.weight(List::Window) > self.window_max {
            let Some(candidate) = self.nodes.oldest(List::Window) else { break };
            self.nodes.move_to(candidate, List::Probation);
            if self.main_weight() > self.main_max {
                self.contest(candidate, evicted);
            }
        }
        // A replacement that is larger than what was there may still be too much.
        while self.main_weight() > self.main_max {
            let Some(oldest) = self.oldest_of_main() else { return };
            self.counters.evicted += 1;
            self.evict(oldest, evicted);
        }
    }

    fn main_weight(&self) -> u64 {
        self.nodes.weight(List::Probation) + self.nodes.weight(List::Protected)
    }

    fn oldest_of_main(&self) -> Option<u32> {
        self.nodes.oldest(List::Probation).or_else(|| self.nodes.oldest(List::Protected))
    }

    /// Lets the candidate stay if it is worth more than all together that would have to
    /// leave for it.
    fn contest(&mut self, candidate: u32, evicted: &mut Vec<Evicted<V>>) {
        let excess = self.main_weight() - self.main_max;
        let node = self.nodes.node(candidate);
        let stake = worth(f32::from(self.sketch.estimate(node.hash)), node.weight);
        let (mut freed, mut against) = (0, 0.0);
        let mut victims = std::mem::take(&mut self.victims);
        let mut next = self.nodes.oldest(List::Probation);
        let mut list = List::Probation;
        while freed < excess && against < stake {
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
                let asked = f32::from(self.sketch.estimate(node.hash)) - VICTIM_LESS;
                against += worth(asked.max(0.0), node.weight);
                victims.push(victim);
            }
        }
        if freed >= excess && stake > against {
            self.counters.admitted += 1;
            self.counters.evicted += victims.len() as u64;
            for victim in victims.drain(..) {
                self.evict(victim, evicted);
            }
        } else {
            self.counters.rejected += 1;
            self.evict(candidate, evicted);
            // They have stood a contest: others are to stand the next one.
            for victim in victims.drain(..) {
                self.nodes.move_to(victim, self.nodes.list(victim));
            }
        }
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

/// What an object is worth: how often it was asked for, times the root of its size. By
/// the frequency alone small objects would win, and few bytes be answered from memory; by
/// the bytes asked for, large ones would.
fn worth(asked: f32, weight: u32) -> f32 {
    asked * (weight as f32).sqrt()
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
