//! Visitors who stay in the variation that they once had, although weights, coverage or
//! targeting have changed since, or they have signed in.
//!
//! Source: GrowthBook's "Build Your Own SDK", version 0.7, section "Sticky Bucketing". What is
//! remembered is a document for each identity (an attribute and its value), in which
//! assignments have the key `EXPERIMENT__VERSION` and the key of a variation as value. Where
//! documents are kept is not said here: they are small enough for a cookie.

use super::definitions::{Definitions, Experiment};
use super::value;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde_json::{Value, json};

/// Documents that are kept together.
pub const DOCUMENTS_MAX: usize = 16;
/// Assignments of one document.
pub const ASSIGNMENTS_MAX: usize = 500;
/// Bytes of an attribute's name, its value, or the key of an experiment or variation.
pub const PART_BYTES_MAX: usize = 1_000;

/// What is remembered of a visitor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StickyDocuments {
    documents: BTreeMap<String, Document>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Document {
    attribute: String,
    value: String,
    assignments: BTreeMap<String, String>,
}

/// A variation in which a visitor is to stay from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StickyAssignment<'a> {
    /// The attribute by which the visitor is known.
    pub attribute: &'a str,
    /// Its value.
    pub value: String,
    /// The key of the experiment, with its version: `EXPERIMENT__VERSION`.
    pub experiment: String,
    /// The key of the variation.
    pub variation: &'a str,
}

impl StickyDocuments {
    /// Reads documents: a list of objects with `attributeName`, `attributeValue` and
    /// `assignments`, or an object of them. They may come from a visitor, so what is odd is
    /// left out, and so is what is too much.
    pub fn read(value: &Value) -> Self {
        let mut documents = StickyDocuments::default();
        match value {
            Value::Array(items) => items.iter().for_each(|item| documents.add(item)),
            Value::Object(members) => members.values().for_each(|item| documents.add(item)),
            _ => {}
        }
        documents
    }

    fn add(&mut self, document: &Value) {
        let text = |name: &str| document.get(name).and_then(Value::as_str);
        let (Some(attribute), Some(value)) = (text("attributeName"), text("attributeValue")) else {
            return;
        };
        let assignments = document.get("assignments").and_then(Value::as_object);
        for (experiment, variation) in assignments.into_iter().flatten() {
            if let Some(variation) = variation.as_str() {
                self.assign(attribute, value, experiment, variation);
            }
        }
    }

    /// The documents as an object, by `ATTRIBUTE||VALUE`.
    pub fn to_json(&self) -> Value {
        let document = |document: &Document| {
            json!({
                "attributeName": document.attribute,
                "attributeValue": document.value,
                "assignments": document.assignments,
            })
        };
        let documents = self.documents.iter();
        Value::Object(documents.map(|(key, one)| (key.clone(), document(one))).collect())
    }

    /// Keeps only the documents with these keys.
    pub fn retain(&mut self, keys: &[String]) {
        self.documents.retain(|key, _| keys.contains(key));
    }

    /// Remembers a variation; whether there was room for it.
    pub fn remember(&mut self, assignment: &StickyAssignment<'_>) -> bool {
        let StickyAssignment { attribute, value, experiment, variation } = assignment;
        self.assign(attribute, value, experiment, variation)
    }

    fn assign(&mut self, attribute: &str, value: &str, experiment: &str, variation: &str) -> bool {
        let parts = [attribute, value, experiment, variation];
        if parts.iter().any(|part| part.len() > PART_BYTES_MAX) {
            return false;
        }
        let key = document_key(attribute, value);
        if self.documents.len() >= DOCUMENTS_MAX && !self.documents.contains_key(&key) {
            return false;
        }
        let document = self.documents.entry(key).or_insert_with(|| Document {
            attribute: attribute.to_string(),
            value: value.to_string(),
            assignments: BTreeMap::new(),
        });
        let assignments = &mut document.assignments;
        let is_room = assignments.len() < ASSIGNMENTS_MAX || assignments.contains_key(experiment);
        if is_room {
            assignments.insert(experiment.to_string(), variation.to_string());
        }
        is_room
    }

    fn of(&self, attributes: &Value, name: &str) -> Option<&BTreeMap<String, String>> {
        let key = identity_key(attributes, name)?;
        self.documents.get(&key).map(|document| &document.assignments)
    }

    /// The variation that a document of these has for an experiment.
    pub(super) fn find(&self, experiment: &Experiment, attributes: &Value) -> Found {
        let identity = &experiment.identity;
        // What is known by the attribute goes before what is known by the other one.
        let names = [Some(&identity.attribute), identity.fallback.as_ref()];
        let documents: Vec<_> =
            names.into_iter().flatten().filter_map(|name| self.of(attributes, name)).collect();
        let is_blocked = |key: &String| {
            let version = key.strip_prefix(&*experiment.key).and_then(|key| key.strip_prefix("__"));
            let version = version.and_then(|version| version.parse().ok());
            version.is_some_and(|version: u32| version < experiment.bucket_version_min)
        };
        if documents.iter().any(|assignments| assignments.keys().any(is_blocked)) {
            return Found::Blocked;
        }
        let key = assignment_key(experiment);
        let variation = documents.iter().find_map(|assignments| assignments.get(&key));
        let index = variation.and_then(|variation| {
            experiment.variations.iter().position(|other| *other.key == **variation)
        });
        index.map_or(Found::Nothing, Found::Variation)
    }

    /// Whether a variation is remembered already.
    pub(super) fn has(&self, assignment: &StickyAssignment<'_>) -> bool {
        let key = document_key(assignment.attribute, &assignment.value);
        let document = self.documents.get(&key);
        let variation = document.and_then(|one| one.assignments.get(&assignment.experiment));
        variation.is_some_and(|variation| variation == assignment.variation)
    }
}

/// What is remembered for an experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    Variation(usize),
    /// The visitor was in a version of the experiment whose visitors take no further part.
    Blocked,
}

impl Definitions {
    /// The keys of all documents that matter to a visitor: these must be at hand before an
    /// evaluation, wherever they are kept.
    pub fn sticky_keys(&self, attributes: &Value) -> Vec<String> {
        let names = self.sticky_attributes.iter();
        names.filter_map(|name| identity_key(attributes, name)).collect()
    }
}

fn identity_key(attributes: &Value, name: &str) -> Option<String> {
    let value = value::text(value::attribute(attributes, name))?;
    Some(document_key(name, &value))
}

fn document_key(attribute: &str, value: &str) -> String {
    format!("{attribute}||{value}")
}

/// The key of an experiment's assignments in its present version.
pub(super) fn assignment_key(experiment: &Experiment) -> String {
    format!("{}__{}", experiment.key, experiment.bucket_version)
}

#[cfg(test)]
mod tests;
