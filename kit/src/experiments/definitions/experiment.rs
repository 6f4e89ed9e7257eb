//! From JSON to experiments.
//!
//! An experiment with a mistake that leaves its meaning open is not active: nobody is put
//! into a variation by chance, and what does not fit an experiment is told.

use super::super::bucket::{HASH_VERSION_DEFAULT, Namespace, adds_up, bucket_ranges};
use super::super::condition::Condition;
use super::super::reader::{Findings, Reader, SavedGroups};
use super::super::url::Target;
use super::limits::{ITEMS_MAX, VARIATIONS_MAX};
use super::{Experiment, Variation};
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde_json::{Map, Value};

/// What an experiment may have. Some of it is for those who show it only.
pub(super) const MEMBERS: [&str; 28] = [
    "key",
    "name",
    "phase",
    "variations",
    "weights",
    "coverage",
    "ranges",
    "seed",
    "hashVersion",
    "hashAttribute",
    "fallbackAttribute",
    "disableStickyBucketing",
    "bucketVersion",
    "minBucketVersion",
    "condition",
    "parentConditions",
    "filters",
    "namespace",
    "force",
    "active",
    "status",
    "meta",
    "urlPatterns",
    "persistQueryString",
    "manual",
    "changeId",
    "project",
    "groups",
];

/// The key of a variation that has none.
pub(super) fn index_key(index: usize) -> Box<str> {
    index.to_string().into()
}

impl Experiment {
    /// Reads an experiment that stands for itself.
    pub fn read(value: &Value, groups: &SavedGroups) -> (Option<Self>, Findings) {
        let mut reader = Reader::with_groups(groups);
        let experiment = reader.experiment(value);
        (experiment, reader.finish())
    }
}

impl Reader {
    /// Reads an experiment on URLs.
    pub(super) fn experiment(&mut self, value: &Value) -> Option<Experiment> {
        let members = self.object(value)?;
        self.note_unknown(members, &MEMBERS);
        let open = self.open();
        let mut experiment = self.experiment_members(members, None)?;
        experiment.parents = self.parents(members);
        experiment.filters = self.filters(members);
        experiment.force = self.member(members, "force", Self::index).flatten();
        experiment.url_targets = self.member(members, "urlPatterns", |reader, value| {
            reader.at_most(value, ITEMS_MAX);
            let targets = reader.items(value, Self::target).unwrap_or_default();
            targets.into_iter().flatten().take(ITEMS_MAX).collect()
        });
        experiment.keeps_query = self.flag(members, "persistQueryString");
        experiment.is_manual = self.flag(members, "manual");
        let active = self.member(members, "active", Self::truth).flatten();
        let status = self.name(members, "status").unwrap_or_default();
        experiment.is_stopped = &*status == "stopped";
        experiment.is_active = active != Some(false) && &*status != "draft" && self.open() == open;
        Some(experiment)
    }

    /// Reads the experiment of a feature's rule, whose prerequisites and filters are the
    /// rule's.
    pub(super) fn experiment_of_rule(
        &mut self,
        feature: &str,
        members: &Map<String, Value>,
    ) -> Option<Experiment> {
        self.note_unknown_in_rule(members);
        self.experiment_members(members, Some(feature))
    }

    /// What experiments of both kinds have.
    fn experiment_members(
        &mut self,
        members: &Map<String, Value>,
        feature: Option<&str>,
    ) -> Option<Experiment> {
        let key = self.name(members, "key").or_else(|| feature.map(Box::from));
        let Some(key) = key else {
            self.wrong("the key of an experiment is expected");
            return None;
        };
        let variations = self.variations(members)?;
        let whole = |reader: &mut Self, name| reader.member(members, name, Self::whole).flatten();
        let bucket_version = whole(self, "bucketVersion").unwrap_or(0);
        let bucket_version_min = whole(self, "minBucketVersion").unwrap_or(0);
        Some(Experiment {
            name: self.name(members, "name"),
            phase: self.name(members, "phase"),
            ranges: self.variation_ranges(members, variations.len()),
            seed: self.name(members, "seed").unwrap_or_else(|| key.clone()),
            hash_version: self.hash_version(members, HASH_VERSION_DEFAULT),
            identity: self.identity(members),
            bucket_version,
            bucket_version_min,
            condition: self.member(members, "condition", Condition::read_in),
            parents: Vec::new(),
            filters: None,
            namespace: self.member(members, "namespace", Self::namespace).flatten(),
            force: None,
            is_active: true,
            is_stopped: false,
            is_manual: false,
            url_targets: None,
            keeps_query: false,
            key,
            variations,
        })
    }

    fn variations(&mut self, members: &Map<String, Value>) -> Option<Vec<Variation>> {
        let values = self.member(members, "variations", |reader, value| {
            reader.at_most(value, VARIATIONS_MAX);
            reader.items(value, |_, value| value.clone())
        });
        let values = values.flatten().unwrap_or_default();
        if values.is_empty() {
            self.wrong("a list of variations is expected");
            return None;
        }
        let metas = self.member(members, "meta", |reader, value| {
            reader.at_most(value, VARIATIONS_MAX);
            reader.items(value, |reader, value| reader.object(value).map(|meta| reader.meta(meta)))
        });
        let mut metas = metas.flatten().unwrap_or_default().into_iter();
        let variation = |(index, value): (usize, Value)| {
            let (key, name, is_passthrough) = metas.next().flatten().unwrap_or_default();
            let key = key.unwrap_or_else(|| index_key(index));
            Variation { value, key, name, is_passthrough }
        };
        Some(values.into_iter().take(VARIATIONS_MAX).enumerate().map(variation).collect())
    }

    fn meta(&mut self, meta: &Map<String, Value>) -> (Option<Box<str>>, Option<Box<str>>, bool) {
        (self.name(meta, "key"), self.name(meta, "name"), self.flag(meta, "passthrough"))
    }

    /// The ranges that are there, or those that weights and coverage make.
    fn variation_ranges(
        &mut self,
        members: &Map<String, Value>,
        count: usize,
    ) -> Vec<super::super::bucket::Range> {
        let weights = self.member(members, "weights", |reader, value| {
            reader.at_most(value, VARIATIONS_MAX);
            let weights = reader.items(value, Self::number)?;
            let weights: Vec<f64> = weights.into_iter().flatten().collect();
            if weights.len() != count || !adds_up(&weights) {
                reader
                    .odd("weights are one for each variation and add up to 1; equal ones are used");
            }
            Some(weights)
        });
        let coverage = self.member(members, "coverage", Self::share).flatten();
        match self.ranges(members) {
            Some(ranges) => {
                if ranges.len() != count {
                    self.odd("ranges are one for each variation");
                }
                ranges
            }
            None => bucket_ranges(count, coverage.unwrap_or(1.0), weights.flatten().as_deref()),
        }
    }

    fn namespace(&mut self, value: &Value) -> Option<Namespace> {
        match value.as_array().map(Vec::as_slice) {
            Some([id, start, end]) => {
                let (id, range) = (self.text(id), self.range_of(start, end));
                Some(Namespace { id: id?, range: range? })
            }
            _ => {
                self.wrong("a list of a name, a start and an end is expected");
                None
            }
        }
    }

    /// An index of a variation; one that there is not puts nobody into the experiment.
    fn index(&mut self, value: &Value) -> Option<i64> {
        let index = value.as_i64();
        if index.is_none() {
            self.wrong("the index of a variation is expected");
        }
        index
    }

    fn target(&mut self, value: &Value) -> Option<Target> {
        let members = self.object(value)?;
        let pattern = self.name(members, "pattern").unwrap_or_default();
        let is_included = self.member(members, "include", Self::truth).flatten().unwrap_or(true);
        match self.name(members, "type").as_deref() {
            Some("simple") => Some(Target::simple(&pattern, is_included)),
            Some("regex") => {
                let value = Value::from(&*pattern);
                let pattern = self.within("pattern", |reader| reader.pattern(&value, false))?;
                Some(Target::pattern(pattern, is_included))
            }
            _ => {
                self.wrong("the type of a target is simple or regex");
                None
            }
        }
    }
}
