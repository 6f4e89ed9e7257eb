//! What a payload says: features, their rules, and experiments.
//!
//! Source: GrowthBook's "Build Your Own SDK", version 0.7, section "Data structures". Names of
//! members are those of the format, written as Rust writes them.

mod experiment;
mod limits;
mod payload;
mod read;

pub use limits::{
    EXPERIMENTS_MAX, FEATURES_MAX, PAYLOAD_BYTES_MAX, RULES_MAX, TEXT_BYTES_MAX, VARIATIONS_MAX,
};
pub use payload::Unreadable;

use super::bucket::{Namespace, Range};
use super::condition::Condition;
use super::url::Target;
use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use serde_json::Value;

/// A payload that was read and checked, to be evaluated for any number of visitors.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Definitions {
    /// By name, in order.
    pub(super) features: Vec<Feature>,
    pub(super) experiments: Vec<Experiment>,
    /// Attributes by which visitors stay in a variation.
    pub(super) sticky_attributes: BTreeSet<Box<str>>,
}

impl Definitions {
    /// The features, by name in order.
    pub fn features(&self) -> &[Feature] {
        &self.features
    }

    /// Experiments on URLs, in the order in which they are tried.
    pub fn experiments(&self) -> &[Experiment] {
        &self.experiments
    }

    /// Every experiment: those on URLs, and those in rules of features. A key may be there
    /// more than once.
    pub fn all_experiments(&self) -> impl Iterator<Item = &Experiment> {
        let rules = self.features.iter().flat_map(|feature| &feature.rules);
        let in_rules = rules.filter_map(|rule| match &rule.effect {
            Effect::Experiment(experiment) => Some(&**experiment),
            Effect::Force(_) | Effect::Nothing => None,
        });
        self.experiments.iter().chain(in_rules)
    }

    pub(super) fn feature_at(&self, id: &str) -> Option<usize> {
        self.features.binary_search_by(|feature| (*feature.id).cmp(id)).ok()
    }
}

/// A feature: a value, and rules that override it.
#[derive(Clone, Debug, PartialEq)]
pub struct Feature {
    pub(super) id: Box<str>,
    pub(super) default: Value,
    pub(super) rules: Vec<Rule>,
}

impl Feature {
    /// Its name.
    pub fn id(&self) -> &str {
        &self.id
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rule {
    /// Empty if it has none.
    pub(super) id: Box<str>,
    pub(super) parents: Vec<Parent>,
    pub(super) filters: Vec<Filter>,
    pub(super) effect: Effect,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Effect {
    Force(Box<Force>),
    Experiment(Box<Experiment>),
    /// The rule has only prerequisites.
    Nothing,
}

/// A value for all who meet a condition and belong to a share of the visitors.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Force {
    pub(super) value: Value,
    pub(super) condition: Option<Condition>,
    pub(super) rollout: Option<Rollout>,
    pub(super) tracks: Vec<Track>,
}

/// A share of the visitors.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rollout {
    pub(super) seed: Box<str>,
    pub(super) identity: Identity,
    pub(super) hash_version: u32,
    pub(super) extent: Extent,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Extent {
    Range(Range),
    Coverage(f64),
}

/// A visitor who was put into a variation elsewhere, when the payload was made for this one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Track {
    pub(super) experiment: Box<str>,
    pub(super) variation: Box<str>,
    pub(super) variation_index: usize,
    pub(super) hash_attribute: Box<str>,
    pub(super) hash_value: Value,
}

/// A feature whose value must meet a condition.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Parent {
    pub(super) id: Box<str>,
    pub(super) condition: Condition,
    /// Whether the whole feature has no value if it does not.
    pub(super) is_gate: bool,
}

/// Ranges to which a visitor must belong, under a seed of their own.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Filter {
    pub(super) seed: Box<str>,
    pub(super) attribute: Box<str>,
    pub(super) hash_version: u32,
    pub(super) ranges: Vec<Range>,
}

/// By which attributes a visitor is known.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Identity {
    pub(super) attribute: Box<str>,
    /// Taken if there is none of the first, and visitors stay in their variations.
    pub(super) fallback: Option<Box<str>>,
    pub(super) is_sticky: bool,
}

/// An experiment: variations, and who gets which.
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment {
    pub(super) key: Box<str>,
    pub(super) name: Option<Box<str>>,
    pub(super) phase: Option<Box<str>>,
    /// Not empty.
    pub(super) variations: Vec<Variation>,
    pub(super) ranges: Vec<Range>,
    pub(super) seed: Box<str>,
    pub(super) hash_version: u32,
    pub(super) identity: Identity,
    pub(super) bucket_version: u32,
    pub(super) bucket_version_min: u32,
    pub(super) condition: Option<Condition>,
    pub(super) parents: Vec<Parent>,
    pub(super) filters: Option<Vec<Filter>>,
    pub(super) namespace: Option<Namespace>,
    pub(super) force: Option<i64>,
    pub(super) is_active: bool,
    pub(super) is_stopped: bool,
    pub(super) is_manual: bool,
    pub(super) url_targets: Option<Vec<Target>>,
    pub(super) keeps_query: bool,
}

impl Experiment {
    /// By which it is known in exposures.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// How people call it.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The phase in which it is; a new one has other visitors.
    pub fn phase(&self) -> Option<&str> {
        self.phase.as_deref()
    }

    /// Its variations, at least one; the first is the control.
    pub fn variations(&self) -> &[Variation] {
        &self.variations
    }

    /// The ranges of buckets, one for each variation. Their shares are what exposures are
    /// checked against.
    pub fn ranges(&self) -> &[Range] {
        &self.ranges
    }
}

/// What some visitors of an experiment get.
#[derive(Clone, Debug, PartialEq)]
pub struct Variation {
    pub(super) value: Value,
    pub(super) key: Box<str>,
    pub(super) name: Option<Box<str>>,
    pub(super) is_passthrough: bool,
}

impl Variation {
    /// What they get.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// By which it is known in exposures: its index if it has no key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// How people call it.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Whether those who get it go on to the next rule. That is how holdouts are made: an
    /// experiment before all others, whose other variation keeps visitors out of them.
    pub fn is_passthrough(&self) -> bool {
        self.is_passthrough
    }
}

#[cfg(test)]
mod tests;
