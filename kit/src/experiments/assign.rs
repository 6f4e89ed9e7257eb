//! Which variation of an experiment a visitor gets, if any, and where an experiment on URLs
//! leads to.
//!
//! Source: GrowthBook's "Build Your Own SDK", version 0.7, section `run`, whose order of steps
//! is kept, and "URL targeting and redirects".

use super::bucket::{bucket, choose};
use super::definitions::{Definitions, Experiment, Identity, Variation};
use super::evaluate::{EXPOSURES_MAX, Exposure, Notes, Parents, Run, Visitor};
use super::sticky::{Found, StickyAssignment, assignment_key};
use super::url::{Url, is_targeted, query_override, with_query_of};
use super::value::{self, is_truthy};
use alloc::borrow::{Cow, ToOwned};
use alloc::string::String;
use serde_json::Value;

/// What a visitor gets of an experiment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Assignment<'a> {
    /// Whether the visitor takes part. If not, the variation is the first.
    pub is_in: bool,
    /// The index of the variation.
    pub index: usize,
    /// The variation.
    pub variation: &'a Variation,
    /// Whether chance decided, and not somebody: only then it is an exposure.
    pub is_by_hash: bool,
    /// The attribute by which the visitor is known.
    pub attribute: &'a str,
    /// Its value; null if the visitor has none.
    pub value: &'a Value,
    /// Where the visitor falls in [0, 1), if chance decided.
    pub bucket: Option<f64>,
    /// Whether the variation is one that the visitor had before; or whether the visitor is
    /// kept out because of one.
    pub is_sticky: bool,
    /// The feature whose rule the experiment is.
    pub feature: Option<&'a str>,
}

/// Where a visitor is sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Redirect<'a> {
    /// By which experiment.
    pub experiment: &'a Experiment,
    /// And which variation.
    pub assignment: Assignment<'a>,
    /// The URL as the variation has it.
    pub target: &'a str,
    /// The URL with the parameters that are taken along.
    pub url: String,
}

/// How a variation came about.
enum Decision {
    /// The visitor takes no part.
    Out,
    /// Kept out, because of a variation that the visitor had.
    Blocked,
    /// Somebody has decided; an index that there is not puts nobody into it.
    Forced(i64),
    Chance {
        index: usize,
        bucket: f64,
        is_sticky: bool,
    },
}

impl Definitions {
    /// What a visitor gets of an experiment that stands for itself.
    pub fn assign<'a>(
        &'a self,
        experiment: &'a Experiment,
        visitor: &Visitor<'a>,
        notes: &mut Notes<'a>,
    ) -> Assignment<'a> {
        Run::new(self, visitor, notes).experiment(experiment, None)
    }

    /// Where the first experiment on the visitor's URL sends the visitor. Those before it,
    /// whose variation leads nowhere, are exposures, too.
    pub fn redirect<'a>(
        &'a self,
        visitor: &Visitor<'a>,
        notes: &mut Notes<'a>,
    ) -> Option<Redirect<'a>> {
        let mut run = Run::new(self, visitor, notes);
        self.experiments.iter().find_map(|experiment| run.redirect(experiment))
    }
}

impl<'a> Run<'a, '_> {
    /// What the visitor gets of an experiment.
    pub(super) fn experiment(
        &mut self,
        experiment: &'a Experiment,
        feature: Option<&'a str>,
    ) -> Assignment<'a> {
        let (attribute, value) = self.identity(&experiment.identity);
        let (decided, by_hash, is_sticky) = match self.decide(experiment, value) {
            Decision::Out => (None, None, false),
            Decision::Blocked => (None, None, true),
            Decision::Forced(index) => (usize::try_from(index).ok(), None, false),
            Decision::Chance { index, bucket, is_sticky } => (Some(index), Some(bucket), is_sticky),
        };
        let decided = decided.filter(|index| *index < experiment.variations.len());
        let index = decided.unwrap_or(0);
        let assignment = Assignment {
            is_in: decided.is_some(),
            index,
            variation: &experiment.variations[index],
            is_by_hash: by_hash.is_some() && decided.is_some(),
            attribute,
            value,
            bucket: by_hash,
            is_sticky,
            feature,
        };
        if assignment.is_by_hash {
            self.remember(experiment, &assignment);
            self.expose(Exposure {
                experiment: &experiment.key,
                variation: assignment.variation.key(),
                variation_index: index,
                attribute,
                value,
                feature,
            });
        }
        assignment
    }

    fn decide(&mut self, experiment: &'a Experiment, value: &'a Value) -> Decision {
        let count = experiment.variations.len();
        if count < 2 || !self.visitor.is_enabled || !self.is_targeted(experiment) {
            return Decision::Out;
        }
        if self.visitor.may_override
            && let Some(index) = query_override(&experiment.key, self.visitor.url, count)
        {
            return Decision::Forced(index as i64);
        }
        if let Some(index) = self.visitor.forced.and_then(|forced| forced.get(&*experiment.key)) {
            return Decision::Forced(*index);
        }
        let Some(text) = value::text(value).filter(|_| is_truthy(value)) else {
            return Decision::Out;
        };
        if !experiment.is_active {
            return Decision::Out;
        }
        let found = match self.visitor.sticky.filter(|_| experiment.identity.is_sticky) {
            Some(sticky) => sticky.find(experiment, self.visitor.attributes),
            None => Found::Nothing,
        };
        if !matches!(found, Found::Variation(_)) && !self.is_eligible(experiment, &text) {
            return Decision::Out;
        }
        let Some(bucket) = bucket(&experiment.seed, &text, experiment.hash_version) else {
            return Decision::Out;
        };
        let index = match found {
            Found::Blocked => return Decision::Blocked,
            Found::Variation(index) => Some(index),
            Found::Nothing => choose(bucket, &experiment.ranges),
        };
        match (index, experiment.force) {
            (None, _) => Decision::Out,
            (Some(_), Some(index)) => Decision::Forced(index),
            (Some(_), None) if self.visitor.is_qa || experiment.is_stopped => Decision::Out,
            (Some(index), None) => {
                Decision::Chance { index, bucket, is_sticky: found != Found::Nothing }
            }
        }
    }

    fn is_targeted(&mut self, experiment: &Experiment) -> bool {
        let targets = experiment.url_targets.as_ref();
        targets.is_none_or(|targets| is_targeted(self.url(), targets))
    }

    /// Whether a visitor who is not in the experiment yet may come in.
    fn is_eligible(&mut self, experiment: &'a Experiment, value: &str) -> bool {
        let is_outside = match (&experiment.filters, &experiment.namespace) {
            (Some(filters), _) => self.is_filtered_out(filters),
            (None, Some(namespace)) => !namespace.contains(value),
            (None, None) => false,
        };
        let condition = experiment.condition.as_ref();
        !is_outside
            && condition.is_none_or(|condition| condition.holds(self.visitor.attributes))
            && (experiment.parents.is_empty()
                || self.parents(&experiment.parents, None) == Parents::Met)
    }

    /// The attribute by which a visitor is known, and its value.
    pub(super) fn identity(&self, identity: &'a Identity) -> (&'a str, &'a Value) {
        let attributes = self.visitor.attributes;
        let value = value::attribute(attributes, &identity.attribute);
        let is_sticky = identity.is_sticky && self.visitor.sticky.is_some();
        if let Some(fallback) = identity.fallback.as_deref()
            && is_sticky
            && !is_truthy(value)
        {
            let other = value::attribute(attributes, fallback);
            if is_truthy(other) {
                return (fallback, other);
            }
        }
        (&identity.attribute, value)
    }

    /// Notes that the visitor stays in a variation, if that is not known already.
    fn remember(&mut self, experiment: &'a Experiment, assignment: &Assignment<'a>) {
        let Some(sticky) = self.visitor.sticky.filter(|_| experiment.identity.is_sticky) else {
            return;
        };
        let assignment = StickyAssignment {
            attribute: assignment.attribute,
            value: value::text(assignment.value).map_or_else(String::new, Cow::into_owned),
            experiment: assignment_key(experiment),
            variation: assignment.variation.key(),
        };
        let noted = &mut self.notes.sticky;
        let is_room = noted.len() < EXPOSURES_MAX;
        if is_room && !sticky.has(&assignment) && !noted.contains(&assignment) {
            noted.push(assignment);
        }
    }

    fn redirect(&mut self, experiment: &'a Experiment) -> Option<Redirect<'a>> {
        let targets = experiment.url_targets.as_ref()?;
        let leads = |variation: &'a Variation| variation.value.get("urlRedirect")?.as_str();
        if experiment.is_manual || !experiment.variations.iter().any(|one| leads(one).is_some()) {
            return None;
        }
        let assignment = self.experiment(experiment, None);
        let target = leads(assignment.variation).filter(|_| assignment.is_in)?;
        let url = match self.url() {
            Some(from) if experiment.keeps_query => with_query_of(target, from),
            _ => target.to_owned(),
        };
        // A redirect to where the experiment is again would not end.
        let is_circle = is_targeted(Url::of_visitor(&url).as_ref(), targets);
        (!is_circle).then_some(Redirect { experiment, assignment, target, url })
    }
}

#[cfg(test)]
mod tests;
