//! What a feature is for a visitor: the first of its rules that applies, or its default.
//!
//! Source: GrowthBook's "Build Your Own SDK", version 0.7, section `evalFeature`. Evaluation
//! ends for every payload: a feature that others depend on is evaluated once for a visitor,
//! and prerequisites that lead back to a feature, or deeper than [`PREREQUISITES_DEEP_MAX`],
//! end it. Its time is at most the size of the payload times that of the attributes, which
//! are for the caller to bound.

use super::assign::Assignment;
use super::bucket::bucket;
use super::definitions::{Definitions, Effect, Experiment, Extent, Filter, Force, Parent, Rollout};
use super::sticky::{StickyAssignment, StickyDocuments};
use super::url::Url;
use super::value::{self, NULL, is_truthy};
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use serde_json::Value;

/// How many features may depend on each other in a row.
pub const PREREQUISITES_DEEP_MAX: usize = 32;
/// Exposures that are noted; those beyond are counted.
pub const EXPOSURES_MAX: usize = 1_000;

/// Who asks, and where.
#[derive(Clone, Copy, Debug)]
pub struct Visitor<'a> {
    /// An object: `id`, `country`, whatever conditions name.
    pub attributes: &'a Value,
    /// The URL of the request; empty if there is none.
    pub url: &'a str,
    /// Variations, by the key of the experiment, that are forced; for trying things out.
    pub forced: Option<&'a BTreeMap<String, i64>>,
    /// What is remembered of the visitor; none if nobody stays in a variation.
    pub sticky: Option<&'a StickyDocuments>,
    /// Whether there are experiments at all. Rules that force a value apply in any case.
    pub is_enabled: bool,
    /// Whether nobody gets a variation by chance.
    pub is_qa: bool,
    /// Whether a parameter of the URL may ask for a variation.
    pub may_override: bool,
}

impl<'a> Visitor<'a> {
    /// A visitor with these attributes, for whom everything is as usual.
    pub fn new(attributes: &'a Value) -> Self {
        Visitor {
            attributes,
            url: "",
            forced: None,
            sticky: None,
            is_enabled: true,
            is_qa: false,
            may_override: true,
        }
    }
}

/// What follows from evaluations besides their values.
#[derive(Clone, Debug, Default)]
pub struct Notes<'a> {
    /// Variations that the visitor has been put into, each once: the first
    /// [`EXPOSURES_MAX`] of them.
    pub exposures: Vec<Exposure<'a>>,
    /// How many more there were; they may have been there before.
    pub exposures_more: usize,
    /// What is to be remembered of the visitor from now on; at most [`EXPOSURES_MAX`].
    pub sticky: Vec<StickyAssignment<'a>>,
}

/// A visitor saw a variation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exposure<'a> {
    /// The key of the experiment.
    pub experiment: &'a str,
    /// The key of the variation.
    pub variation: &'a str,
    /// Its index.
    pub variation_index: usize,
    /// The attribute by which the visitor is known.
    pub attribute: &'a str,
    /// Its value: a text, a number or a truth.
    pub value: &'a Value,
    /// The feature whose rule it was.
    pub feature: Option<&'a str>,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// There is no such feature.
    UnknownFeature,
    /// No rule applies.
    DefaultValue,
    /// A rule forces it.
    Force,
    /// An experiment.
    Experiment,
    /// Another feature does not have the value that it must have.
    Prerequisite,
    /// Features depend on each other in a circle, or more than [`PREREQUISITES_DEEP_MAX`]
    /// deep.
    CyclicPrerequisite,
}

impl Source {
    /// As the format names it.
    pub fn name(self) -> &'static str {
        match self {
            Source::UnknownFeature => "unknownFeature",
            Source::DefaultValue => "defaultValue",
            Source::Force => "force",
            Source::Experiment => "experiment",
            Source::Prerequisite => "prerequisite",
            Source::CyclicPrerequisite => "cyclicPrerequisite",
        }
    }
}

/// What a feature is for a visitor.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation<'a> {
    /// Its value; null if it has none.
    pub value: &'a Value,
    /// Where the value comes from.
    pub source: Source,
    /// The id of the rule that gave it; empty if it has none.
    pub rule: &'a str,
    /// The experiment that gave it, and the variation.
    pub experiment: Option<(&'a Experiment, Assignment<'a>)>,
}

impl<'a> Evaluation<'a> {
    fn plain(value: &'a Value, source: Source) -> Self {
        Evaluation { value, source, rule: "", experiment: None }
    }

    /// Whether the value counts as true.
    pub fn is_on(&self) -> bool {
        is_truthy(self.value)
    }
}

impl Definitions {
    /// What a feature is for a visitor.
    pub fn evaluate<'a>(
        &'a self,
        feature: &str,
        visitor: &Visitor<'a>,
        notes: &mut Notes<'a>,
    ) -> Evaluation<'a> {
        Run::new(self, visitor, notes).feature(feature)
    }
}

/// One evaluation.
pub(super) struct Run<'a, 'r> {
    pub(super) definitions: &'a Definitions,
    pub(super) visitor: &'r Visitor<'a>,
    pub(super) notes: &'r mut Notes<'a>,
    /// The features that wait for others, outermost first.
    waiting: Vec<usize>,
    /// Values of features that others depend on, by their index; empty until there is one.
    known: Vec<Option<&'a Value>>,
    url: Option<Option<Url>>,
}

impl<'a, 'r> Run<'a, 'r> {
    pub(super) fn new(
        definitions: &'a Definitions,
        visitor: &'r Visitor<'a>,
        notes: &'r mut Notes<'a>,
    ) -> Self {
        Run { definitions, visitor, notes, waiting: Vec::new(), known: Vec::new(), url: None }
    }

    /// The visitor's URL, which is taken apart when the first one asks.
    pub(super) fn url(&mut self) -> Option<&Url> {
        let text = self.visitor.url;
        self.url.get_or_insert_with(|| Url::of_visitor(text)).as_ref()
    }

    fn feature(&mut self, id: &str) -> Evaluation<'a> {
        match self.definitions.feature_at(id) {
            Some(index) => self.feature_at(index),
            None => Evaluation::plain(&NULL, Source::UnknownFeature),
        }
    }

    fn feature_at(&mut self, index: usize) -> Evaluation<'a> {
        let definitions = self.definitions;
        let feature = &definitions.features[index];
        for rule in &feature.rules {
            if !rule.parents.is_empty() {
                match self.parents(&rule.parents, Some(index)) {
                    Parents::Met => {}
                    Parents::NotMet => continue,
                    Parents::Gate => return Evaluation::plain(&NULL, Source::Prerequisite),
                    Parents::Cyclic => {
                        return Evaluation::plain(&NULL, Source::CyclicPrerequisite);
                    }
                }
            }
            if self.is_filtered_out(&rule.filters) {
                continue;
            }
            match &rule.effect {
                Effect::Force(force) if self.is_forced(force) => {
                    self.note_tracks(force, &feature.id);
                    let evaluation = Evaluation::plain(&force.value, Source::Force);
                    return Evaluation { rule: &rule.id, ..evaluation };
                }
                Effect::Experiment(experiment) => {
                    let assignment = self.experiment(experiment, Some(&feature.id));
                    if assignment.is_in && !assignment.variation.is_passthrough() {
                        return Evaluation {
                            value: assignment.variation.value(),
                            source: Source::Experiment,
                            rule: &rule.id,
                            experiment: Some((experiment, assignment)),
                        };
                    }
                }
                Effect::Force(_) | Effect::Nothing => {}
            }
        }
        Evaluation::plain(&feature.default, Source::DefaultValue)
    }

    /// Whether features have the values that they must have, for a feature or an experiment
    /// that stands for itself.
    pub(super) fn parents(&mut self, parents: &'a [Parent], of: Option<usize>) -> Parents {
        if self.waiting.len() >= PREREQUISITES_DEEP_MAX {
            return Parents::Cyclic;
        }
        self.waiting.extend(of);
        let verdict = self.parents_in_turn(parents);
        if of.is_some() {
            self.waiting.pop();
        }
        verdict
    }

    fn parents_in_turn(&mut self, parents: &'a [Parent]) -> Parents {
        for parent in parents {
            let Some(value) = self.parent_value(&parent.id) else { return Parents::Cyclic };
            if !parent.condition.holds_of_value(value) {
                return if parent.is_gate { Parents::Gate } else { Parents::NotMet };
            }
        }
        Parents::Met
    }

    /// The value of a feature on which another one depends; none if it leads back.
    ///
    /// A value that is known does not depend on who asked for it: had it led back to a feature
    /// that waits, everything would have ended then.
    fn parent_value(&mut self, id: &str) -> Option<&'a Value> {
        let Some(index) = self.definitions.feature_at(id) else { return Some(&NULL) };
        if self.waiting.contains(&index) {
            return None;
        }
        if let Some(Some(value)) = self.known.get(index) {
            return Some(value);
        }
        let evaluation = self.feature_at(index);
        if evaluation.source == Source::CyclicPrerequisite {
            return None;
        }
        self.known.resize(self.definitions.features.len(), None);
        self.known[index] = Some(evaluation.value);
        Some(evaluation.value)
    }

    pub(super) fn is_filtered_out(&self, filters: &[Filter]) -> bool {
        filters.iter().any(|filter| {
            let number = identity_text(self.visitor.attributes, &filter.attribute)
                .and_then(|value| bucket(&filter.seed, &value, filter.hash_version));
            number.is_none_or(|number| !filter.ranges.iter().any(|range| range.contains(number)))
        })
    }

    fn is_forced(&self, force: &'a Force) -> bool {
        let condition = force.condition.as_ref();
        condition.is_none_or(|condition| condition.holds(self.visitor.attributes))
            && force.rollout.as_ref().is_none_or(|rollout| self.is_rolled_out(rollout))
    }

    fn is_rolled_out(&self, rollout: &'a Rollout) -> bool {
        if rollout.extent == Extent::Coverage(0.0) {
            return false;
        }
        let (_, value) = self.identity(&rollout.identity);
        let number = value::text(value)
            .filter(|_| is_truthy(value))
            .and_then(|value| bucket(&rollout.seed, &value, rollout.hash_version));
        number.is_some_and(|number| match rollout.extent {
            Extent::Range(range) => range.contains(number),
            Extent::Coverage(coverage) => number <= coverage,
        })
    }

    /// Notes where this visitor was put when the payload was made.
    fn note_tracks(&mut self, force: &'a Force, feature: &'a str) {
        for track in &force.tracks {
            self.expose(Exposure {
                experiment: &track.experiment,
                variation: &track.variation,
                variation_index: track.variation_index,
                attribute: &track.hash_attribute,
                value: &track.hash_value,
                feature: Some(feature),
            });
        }
    }

    pub(super) fn expose(&mut self, exposure: Exposure<'a>) {
        let is_same = |other: &Exposure<'_>| {
            (other.experiment, other.variation_index)
                == (exposure.experiment, exposure.variation_index)
                && (other.attribute, other.value) == (exposure.attribute, exposure.value)
        };
        let exposures = &mut self.notes.exposures;
        if exposures.len() == EXPOSURES_MAX {
            self.notes.exposures_more += 1;
        } else if !exposures.iter().any(is_same) {
            exposures.push(exposure);
        }
    }
}

/// A visitor's attribute as text, if it says who it is.
fn identity_text<'a>(attributes: &'a Value, name: &str) -> Option<alloc::borrow::Cow<'a, str>> {
    let value = value::attribute(attributes, name);
    value::text(value).filter(|_| is_truthy(value))
}

/// Whether other features have the values that they must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parents {
    Met,
    NotMet,
    /// They do not, and nothing else counts.
    Gate,
    Cyclic,
}

#[cfg(test)]
mod tests;
