//! From JSON to rules.
//!
//! A rule with a mistake that leaves its meaning open does nothing: it is better that nobody
//! gets a value than that everybody does. Its prerequisites stay, since they only forbid.

use super::super::bucket::{HASH_VERSION_DEFAULT, Range};
use super::super::condition::Condition;
use super::super::reader::Reader;
use super::limits::ITEMS_MAX;
use super::{Effect, Experiment, Extent, Filter, Force, Identity, Parent, Rollout, Rule, Track};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use serde_json::{Map, Value};

/// The attribute by which visitors are known if none is named.
const ATTRIBUTE_DEFAULT: &str = "id";
/// The hash of filters if none is named.
const FILTER_HASH_VERSION_DEFAULT: u32 = 2;

/// Members of rules that experiments do not have.
const RULE_MEMBERS: [&str; 5] = ["id", "force", "range", "tracks", "description"];

impl Reader {
    /// Reads a rule of a feature.
    pub(super) fn rule(&mut self, feature: &str, value: &Value) -> Option<Rule> {
        let members = self.object(value)?;
        let open = self.open();
        let id = self.name(members, "id").unwrap_or_default();
        let parents = self.parents(members);
        let filters = self.filters(members);
        let effect = if members.contains_key("force") {
            self.note_unknown_in_rule(members);
            Effect::Force(Box::new(self.force(feature, members)))
        } else if members.get("variations").is_some_and(|variations| !variations.is_null()) {
            match self.experiment_of_rule(feature, members) {
                Some(experiment) => {
                    let experiment = Experiment { filters: filters.clone(), ..experiment };
                    Effect::Experiment(Box::new(experiment))
                }
                None => Effect::Nothing,
            }
        } else {
            self.note_unknown_in_rule(members);
            Effect::Nothing
        };
        let effect = if self.open() > open { Effect::Nothing } else { effect };
        Some(Rule { id, parents, filters: filters.unwrap_or_default(), effect })
    }

    pub(super) fn note_unknown_in_rule(&mut self, members: &Map<String, Value>) {
        let known: Vec<&str> =
            RULE_MEMBERS.iter().chain(&super::experiment::MEMBERS).copied().collect();
        self.note_unknown(members, &known);
    }

    fn force(&mut self, feature: &str, members: &Map<String, Value>) -> Force {
        let condition = self.member(members, "condition", Condition::read_in);
        let range = self.member(members, "range", Self::range).flatten();
        let coverage = self.member(members, "coverage", Self::share).flatten();
        let extent = range.map(Extent::Range).or(coverage.map(Extent::Coverage));
        let seed = self.name(members, "seed").unwrap_or_else(|| feature.into());
        let identity = self.identity(members);
        let hash_version = self.hash_version(members, HASH_VERSION_DEFAULT);
        let rollout = extent.map(|extent| Rollout { seed, identity, hash_version, extent });
        let tracks = self.member(members, "tracks", |reader, value| {
            reader.at_most(value, ITEMS_MAX);
            reader.items(value, Self::track)
        });
        Force {
            value: members.get("force").cloned().unwrap_or_default(),
            condition,
            rollout,
            tracks: tracks.flatten().unwrap_or_default().into_iter().flatten().collect(),
        }
    }

    /// The experiment that put a visitor into a variation, and which.
    fn track(&mut self, value: &Value) -> Option<Track> {
        let members = self.object(value)?;
        let experiment = self.member(members, "experiment", |reader, value| {
            let members = reader.object(value)?;
            reader.name(members, "key")
        });
        let result = self.member(members, "result", |reader, value| {
            let members = reader.object(value)?;
            let index = reader.member(members, "variationId", Self::whole).flatten()?;
            let key = reader.name(members, "key");
            let attribute = reader.name(members, "hashAttribute");
            let value = members.get("hashValue").cloned().unwrap_or_default();
            Some((index as usize, key, attribute, value))
        });
        let (Some(experiment), Some((variation_index, key, attribute, hash_value))) =
            (experiment.flatten(), result.flatten())
        else {
            self.wrong("an experiment with its key and a result with its variation are expected");
            return None;
        };
        Some(Track {
            experiment,
            variation: key.unwrap_or_else(|| super::experiment::index_key(variation_index)),
            variation_index,
            hash_attribute: attribute.unwrap_or_else(|| ATTRIBUTE_DEFAULT.into()),
            hash_value,
        })
    }

    /// The attributes by which visitors are known.
    pub(super) fn identity(&mut self, members: &Map<String, Value>) -> Identity {
        Identity {
            attribute: self
                .name(members, "hashAttribute")
                .unwrap_or_else(|| ATTRIBUTE_DEFAULT.into()),
            fallback: self.name(members, "fallbackAttribute"),
            is_sticky: !self.flag(members, "disableStickyBucketing"),
        }
    }

    pub(super) fn hash_version(&mut self, members: &Map<String, Value>, default: u32) -> u32 {
        let version = self.member(members, "hashVersion", |reader, value| {
            let version = reader.whole(value)?;
            if version > 2 {
                reader.odd("there is no hash of this version, so nobody is in");
            }
            Some(version)
        });
        version.flatten().filter(|version| *version != 0).unwrap_or(default)
    }

    /// The features that must have a value of some kind.
    pub(super) fn parents(&mut self, members: &Map<String, Value>) -> Vec<Parent> {
        let parents = self.member(members, "parentConditions", |reader, value| {
            reader.at_most(value, ITEMS_MAX);
            reader.items(value, |reader, value| {
                let members = reader.object(value)?;
                let Some(id) = reader.name(members, "id") else {
                    reader.wrong("the id of a feature is expected");
                    return None;
                };
                let condition = reader.member(members, "condition", Condition::read_in);
                let is_gate = reader.flag(members, "gate");
                Some(Parent { id, condition: condition.unwrap_or_default(), is_gate })
            })
        });
        let parents = parents.flatten().unwrap_or_default().into_iter().flatten();
        parents.take(ITEMS_MAX).collect()
    }

    /// The ranges to which a visitor must belong; none if nothing is said about them.
    pub(super) fn filters(&mut self, members: &Map<String, Value>) -> Option<Vec<Filter>> {
        self.member(members, "filters", |reader, value| {
            reader.at_most(value, ITEMS_MAX);
            let filters = reader.items(value, |reader, value| {
                let members = reader.object(value)?;
                Some(Filter {
                    seed: reader.name(members, "seed").unwrap_or_default(),
                    attribute: reader
                        .name(members, "attribute")
                        .unwrap_or_else(|| ATTRIBUTE_DEFAULT.into()),
                    hash_version: reader.hash_version(members, FILTER_HASH_VERSION_DEFAULT),
                    ranges: reader.ranges(members).unwrap_or_default(),
                })
            });
            filters.unwrap_or_default().into_iter().flatten().take(ITEMS_MAX).collect()
        })
    }

    pub(super) fn ranges(&mut self, members: &Map<String, Value>) -> Option<Vec<Range>> {
        let ranges = self.member(members, "ranges", |reader, value| {
            reader.at_most(value, ITEMS_MAX);
            reader.items(value, Self::range)
        });
        // One that is wrong makes the rule do nothing, so that the order does not matter.
        Some(ranges.flatten()?.into_iter().flatten().take(ITEMS_MAX).collect())
    }

    fn range(&mut self, value: &Value) -> Option<Range> {
        match value.as_array().map(Vec::as_slice) {
            Some([start, end]) => self.range_of(start, end),
            _ => {
                self.wrong("a list of a start and an end is expected");
                None
            }
        }
    }

    pub(super) fn range_of(&mut self, start: &Value, end: &Value) -> Option<Range> {
        let (start, end) = (self.number(start)?, self.number(end)?);
        if start > end || start < 0.0 || end > 1.0 {
            self.odd("a range lies between 0 and 1 and ends behind its start");
        }
        Some(Range { start, end })
    }

    /// A share of all visitors. One outside of 0 and 1 counts as the nearer of both.
    pub(super) fn share(&mut self, value: &Value) -> Option<f64> {
        let share = self.number(value)?;
        if !(0.0..=1.0).contains(&share) {
            self.odd("a share lies between 0 and 1");
        }
        Some(share.clamp(0.0, 1.0))
    }

    /// A whole number from 0.
    pub(super) fn whole(&mut self, value: &Value) -> Option<u32> {
        let number = self.number(value)?;
        let whole = number as u32;
        if f64::from(whole) != number {
            self.wrong("a whole number from 0 is expected");
            return None;
        }
        Some(whole)
    }
}
