//! All subscriptions, so that a topic finds its own without looking at the others.
//!
//! A level of a filter is a node. A topic walks down by its levels, and at each node into two
//! children at most: the one of its level and the one of `+`. So what is visited are beginnings
//! of filters that are subscribed and that match: never more nodes than the trie has, whatever
//! wildcards there are.

use super::journal::Subscription;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Somebody who subscribes.
pub(crate) trait Subscriber {
    /// The same for the same one, and for nobody else.
    fn id(&self) -> u64;
}

/// All subscriptions.
pub(crate) struct Trie<S> {
    root: Node<S>,
    subscriptions: usize,
}

struct Node<S> {
    children: HashMap<Box<str>, Node<S>>,
    plus: Option<Box<Node<S>>>,
    /// Of filters that end here.
    here: Leaf<S>,
    /// Of filters that go on with `#` here.
    rest: Leaf<S>,
}

struct Leaf<S> {
    each: HashMap<u64, (S, Subscription)>,
    shared: HashMap<Box<str>, Group<S>>,
}

/// Those who share a filter under one name.
pub(crate) struct Group<S> {
    members: Vec<(S, Subscription)>,
    turn: AtomicUsize,
}

impl<S> Default for Trie<S> {
    fn default() -> Self {
        Trie { root: Node::default(), subscriptions: 0 }
    }
}

impl<S> Default for Node<S> {
    fn default() -> Self {
        let (here, rest) = (Leaf::default(), Leaf::default());
        Node { children: HashMap::new(), plus: None, here, rest }
    }
}

impl<S> Default for Leaf<S> {
    fn default() -> Self {
        Leaf { each: HashMap::new(), shared: HashMap::new() }
    }
}

impl<S> Default for Group<S> {
    fn default() -> Self {
        Group { members: Vec::new(), turn: AtomicUsize::new(0) }
    }
}

impl<S> Group<S> {
    /// All members, beginning with the one whose turn it is.
    pub(crate) fn in_turn(&self) -> impl Iterator<Item = &(S, Subscription)> {
        let first = self.turn.fetch_add(1, Relaxed) % self.members.len().max(1);
        let (later, sooner) = self.members.split_at(first);
        sooner.iter().chain(later)
    }
}

/// What a topic finds.
pub(crate) enum Found<'a, S> {
    /// Somebody's own subscription.
    One(&'a S, &'a Subscription),
    /// One of these gets it.
    Group(&'a Group<S>),
}

impl<S: Subscriber> Leaf<S> {
    fn is_empty(&self) -> bool {
        self.each.is_empty() && self.shared.is_empty()
    }

    /// Whether it is new.
    fn insert(&mut self, group: Option<&str>, who: S, options: Subscription) -> bool {
        let Some(group) = group else {
            return self.each.insert(who.id(), (who, options)).is_none();
        };
        let members = &mut self.shared.entry(group.into()).or_default().members;
        match members.iter_mut().find(|(member, _)| member.id() == who.id()) {
            Some((_, old)) => {
                *old = options;
                false
            }
            None => {
                members.push((who, options));
                true
            }
        }
    }

    fn remove(&mut self, group: Option<&str>, id: u64) -> bool {
        let Some(name) = group else { return self.each.remove(&id).is_some() };
        let Some(group) = self.shared.get_mut(name) else { return false };
        let before = group.members.len();
        group.members.retain(|(member, _)| member.id() != id);
        let is_removed = group.members.len() < before;
        if group.members.is_empty() {
            self.shared.remove(name);
        }
        is_removed
    }

    fn tell<'a>(&'a self, found: &mut impl FnMut(Found<'a, S>)) {
        for (who, options) in self.each.values() {
            found(Found::One(who, options));
        }
        self.shared.values().for_each(|group| found(Found::Group(group)));
    }
}

impl<S: Subscriber> Trie<S> {
    /// How many subscriptions there are.
    pub(crate) fn len(&self) -> usize {
        self.subscriptions
    }

    /// Adds a subscription, or changes its options. Whether it is new.
    pub(crate) fn insert(
        &mut self,
        group: Option<&str>,
        filter: &str,
        who: S,
        options: Subscription,
    ) -> bool {
        let (path, is_rest) = split(filter);
        let mut node = &mut self.root;
        for level in path.into_iter().flat_map(|path| path.split('/')) {
            node = match level {
                "+" => node.plus.get_or_insert_default(),
                _ => node.children.entry(level.into()).or_default(),
            };
        }
        let leaf = if is_rest { &mut node.rest } else { &mut node.here };
        let is_new = leaf.insert(group, who, options);
        self.subscriptions += usize::from(is_new);
        is_new
    }

    /// Takes a subscription away, and what is not needed any more. Whether it was there.
    pub(crate) fn remove(&mut self, group: Option<&str>, filter: &str, id: u64) -> bool {
        let (path, is_rest) = split(filter);
        let levels: Vec<&str> = path.into_iter().flat_map(|path| path.split('/')).collect();
        let is_removed = remove(&mut self.root, &levels, is_rest, group, id);
        self.subscriptions -= usize::from(is_removed);
        is_removed
    }

    /// Tells of each subscription that is for this topic, in no order; a subscriber with
    /// several filters is told of several times.
    pub(crate) fn find<'a>(&'a self, topic: &str, mut found: impl FnMut(Found<'a, S>)) {
        let is_reserved = topic.starts_with('$');
        find(&self.root, Some(topic), is_reserved, &mut found);
    }
}

/// The levels before a final `#`, and whether there is one.
fn split(filter: &str) -> (Option<&str>, bool) {
    match filter {
        "#" => (None, true),
        _ => match filter.strip_suffix("/#") {
            Some(path) => (Some(path), true),
            None => (Some(filter), false),
        },
    }
}

/// `topic` is what is left of it; `None`: nothing. `is_reserved`: wildcards do not stand for
/// its first level (MQTT 5.0 §4.7.2). Filters are as deep as `topic_levels_max` allows, and
/// so is this.
fn find<'a, S: Subscriber>(
    node: &'a Node<S>,
    topic: Option<&str>,
    is_reserved: bool,
    found: &mut impl FnMut(Found<'a, S>),
) {
    if !is_reserved && !node.rest.is_empty() {
        node.rest.tell(found);
    }
    let Some(topic) = topic else { return node.here.tell(found) };
    let (level, left) = match topic.split_once('/') {
        Some((level, left)) => (level, Some(left)),
        None => (topic, None),
    };
    if let Some(child) = node.children.get(level) {
        find(child, left, false, found);
    }
    if let Some(plus) = node.plus.as_ref().filter(|_| !is_reserved) {
        find(plus, left, false, found);
    }
}

fn remove<S: Subscriber>(
    node: &mut Node<S>,
    levels: &[&str],
    is_rest: bool,
    group: Option<&str>,
    id: u64,
) -> bool {
    let Some((level, left)) = levels.split_first() else {
        let leaf = if is_rest { &mut node.rest } else { &mut node.here };
        return leaf.remove(group, id);
    };
    let child = match *level {
        "+" => node.plus.as_deref_mut(),
        level => node.children.get_mut(level),
    };
    let Some(child) = child else { return false };
    let is_removed = remove(child, left, is_rest, group, id);
    if is_removed && child.is_empty() {
        match *level {
            "+" => node.plus = None,
            level => drop(node.children.remove(level)),
        }
    }
    is_removed
}

impl<S: Subscriber> Node<S> {
    fn is_empty(&self) -> bool {
        self.children.is_empty()
            && self.plus.is_none()
            && self.here.is_empty()
            && self.rest.is_empty()
    }
}

#[cfg(test)]
mod tests;
