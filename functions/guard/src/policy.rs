//! Policies in Cedar, and what they come to: allow, step up, or block.
//!
//! Cedar itself knows two answers. A `forbid` policy says by an annotation when it only wants more
//! to be proved:
//!
//! ```cedar
//! @id("admin-needs-mfa") @outcome("step-up") @acr("urn:example:mfa") @max_age("300")
//! forbid (principal, action, resource in Path::"/admin")
//! unless { context has acr && context.acr == "urn:example:mfa" };
//! ```
//!
//! If Cedar denies because of `forbid` policies that all say so, the outcome is to step up. If one
//! of them does not, or nothing permits, it is to block. **A policy whose evaluation fails** is
//! skipped by Cedar, which for a `forbid` would let in whom it was written against; here any such
//! failure blocks, and says so.
//!
//! Everything that is wrong with policies, entities or their schema is told when they are read.

mod annotation;

mod question;

mod scope;

pub use annotation::StepUp;
pub use question::Question;

use annotation::Meaning;
use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityUid, PolicySet, Request, Schema,
    ValidationMode, Validator,
};
use sedge_kit::guard::decision::Outcome;
use std::collections::BTreeMap;

/// The most bytes of policies, of entities, and of a schema each.
pub const TEXT_BYTES_MAX: usize = 256 << 10;
/// The most policies.
pub const POLICIES_MAX: usize = 1_000;
/// More mistakes are not told.
const MISTAKES_MAX: usize = 50;

/// The schema of what the guard tells policies, in Cedar's own language.
pub const SCHEMA: &str = include_str!("policy/guard.cedarschema");

/// Policies that were read and checked.
pub struct Policies {
    set: PolicySet,
    entities: Entities,
    /// A schema that is not ours, by which requests have to be checked: what policies were
    /// checked by says nothing of requests of another shape.
    schema: Option<Schema>,
    meanings: BTreeMap<String, Meaning>,
}

/// What policies come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgment {
    /// The outcome.
    pub outcome: Outcome,
    /// The policies that decided, by their `@id`, else `policy` and their number.
    pub reasons: Vec<String>,
    /// The policies whose evaluation failed.
    pub errors: Vec<String>,
    /// What has to be proved, to step up.
    pub step_up: StepUp,
    /// What deciding policies say is to be done (`@action`).
    pub actions: Vec<String>,
}

/// What Cedar itself says: see [`Policies::ask`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whether it permits.
    pub is_allowed: bool,
    /// Ids of policies that decided, sorted.
    pub reasons: Vec<String>,
    /// Ids of policies whose evaluation failed, sorted.
    pub errors: Vec<String>,
}

impl Policies {
    /// Reads policies of requests; entities (JSON) that they name; and a schema of all that.
    /// Without a schema, [`SCHEMA`] is that.
    ///
    /// # Errors
    /// All that is wrong.
    pub fn read(
        policies: &str,
        entities: Option<&str>,
        schema: Option<&str>,
    ) -> Result<Self, Vec<String>> {
        let is_own = schema.is_some();
        let schema = read_schema(schema.unwrap_or(SCHEMA)).map_err(|wrong| vec![wrong])?;
        let read = Self::read_any(policies, entities, &schema)?;
        // What the guard says of a user comes from a token, for each request anew.
        let is_ours = |entity: &&Entity| {
            let kind = entity.uid().type_name().to_string();
            ["User", "Workload", "Anonymous", "Path"].contains(&&*kind)
        };
        if let Some(ours) = read.entities.iter().find(is_ours) {
            let told = "is made by the guard for each request";
            return Err(vec![format!("entities: {} {told}", ours.uid())]);
        }
        Ok(Policies { schema: is_own.then_some(schema), ..read })
    }

    /// The same for policies of anything, of which the caller checks requests by the schema.
    ///
    /// # Errors
    /// All that is wrong.
    pub fn read_any(
        policies: &str,
        entities: Option<&str>,
        schema: &Schema,
    ) -> Result<Self, Vec<String>> {
        let set = read_set(policies)?;
        let mut wrong = mistakes(&set, schema);
        if set.is_empty() {
            wrong.push("policies: there is none, so that nothing is permitted".into());
        }
        let mut meanings = BTreeMap::new();
        for policy in set.policies() {
            match Meaning::of(policy) {
                Ok(meaning) => {
                    meanings.insert(policy.id().to_string(), meaning);
                }
                Err(told) => wrong.push(told),
            }
        }
        // Without entities too: which groups an action is in is said by the schema, and a
        // `forbid` of a group would hold for none of its actions else.
        let entities = read_entities(entities.unwrap_or("[]"), Some(schema));
        let entities = entities.unwrap_or_else(|told| {
            wrong.push(told);
            Entities::empty()
        });
        wrong.truncate(MISTAKES_MAX);
        if wrong.is_empty() {
            Ok(Policies { set, entities, schema: None, meanings })
        } else {
            Err(wrong)
        }
    }

    /// The entities that policies name.
    pub fn entities(&self) -> &Entities {
        &self.entities
    }

    /// What follows for a request.
    pub fn judge(&self, question: &Question) -> Judgment {
        let schema = self.schema.as_ref();
        let asked = question.request(schema).and_then(|request| {
            let entities = self.entities.clone();
            let entities = entities.add_entities(question.entities()?, schema);
            Ok((request, entities.map_err(|error| chain(&error))?))
        });
        match asked {
            Ok((request, entities)) => self.weigh(&request, &entities),
            Err(error) => Judgment::failed(vec![format!("request: {error}")]),
        }
    }

    /// What follows for a request of Cedar's, among these entities.
    pub fn weigh(&self, request: &Request, entities: &Entities) -> Judgment {
        let answer = ask(&self.set, request, entities);
        if !answer.errors.is_empty() {
            return Judgment::failed(self.names(&answer.errors));
        }
        let meanings = answer.reasons.iter().filter_map(|id| self.meanings.get(id));
        let is_step_up = !answer.reasons.is_empty() && meanings.clone().all(|it| it.is_step_up);
        let outcome = match answer.is_allowed {
            true => Outcome::Allow,
            false if is_step_up => Outcome::StepUp,
            false => Outcome::Block,
        };
        Judgment {
            outcome,
            reasons: self.names(&answer.reasons),
            errors: Vec::new(),
            step_up: StepUp::joined(meanings.clone().map(|it| &it.step_up)),
            actions: meanings.filter_map(|it| it.action.clone()).collect(),
        }
    }

    fn names(&self, ids: &[String]) -> Vec<String> {
        ids.iter()
            .map(|id| self.meanings.get(id).map_or(id, |meaning| &meaning.name).clone())
            .collect()
    }
}

impl Judgment {
    /// Where policies failed, nobody passes.
    fn failed(errors: Vec<String>) -> Self {
        Judgment {
            outcome: Outcome::Block,
            reasons: Vec::new(),
            errors,
            step_up: StepUp::default(),
            actions: Vec::new(),
        }
    }
}

/// What Cedar says to a request.
pub fn ask(set: &PolicySet, request: &Request, entities: &Entities) -> Answer {
    let response = Authorizer::new().is_authorized(request, set, entities);
    let mut reasons: Vec<_> = response.diagnostics().reason().map(ToString::to_string).collect();
    let failed = response.diagnostics().errors().map(|error| match error {
        cedar_policy::AuthorizationError::PolicyEvaluationError(error) => {
            error.policy_id().to_string()
        }
    });
    let mut errors: Vec<_> = failed.collect();
    reasons.sort_unstable();
    errors.sort_unstable();
    Answer { is_allowed: response.decision() == Decision::Allow, reasons, errors }
}

/// Reads policies.
///
/// # Errors
/// All mistakes of their grammar.
pub fn read_set(text: &str) -> Result<PolicySet, Vec<String>> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(vec![format!("policies: more than {TEXT_BYTES_MAX} bytes")]);
    }
    scope::check(text).map_err(|told| vec![format!("policies: {told}")])?;
    let set: PolicySet = text.parse().map_err(|errors: cedar_policy::ParseErrors| {
        errors
            .iter()
            .take(MISTAKES_MAX)
            .map(|error| format!("policies: {error}"))
            .collect::<Vec<_>>()
    })?;
    if set.policies().count() + set.templates().count() > POLICIES_MAX {
        return Err(vec![format!("policies: more than {POLICIES_MAX}")]);
    }
    Ok(set)
}

/// Reads a schema in Cedar's own language.
///
/// # Errors
/// What is wrong.
pub fn read_schema(text: &str) -> Result<Schema, String> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(format!("schema: more than {TEXT_BYTES_MAX} bytes"));
    }
    scope::check(text).map_err(|told| format!("schema: {told}"))?;
    let read = Schema::from_cedarschema_str(text).map(|(schema, _)| schema);
    read.map_err(|error| format!("schema: {error}"))
}

/// Reads entities in JSON.
///
/// # Errors
/// What is wrong.
pub fn read_entities(text: &str, schema: Option<&Schema>) -> Result<Entities, String> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(format!("entities: more than {TEXT_BYTES_MAX} bytes"));
    }
    Entities::from_json_str(text, schema).map_err(|error| format!("entities: {}", chain(&error)))
}

/// What speaks against policies by a schema, and against all templates, which nothing links.
pub fn mistakes(set: &PolicySet, schema: &Schema) -> Vec<String> {
    let validator = Validator::new(schema.clone());
    let result = validator.validate(set, ValidationMode::Strict);
    let mut told: Vec<_> =
        result.validation_errors().map(|error| format!("policies: {error}")).collect();
    told.sort_unstable();
    let templates = set
        .templates()
        .map(|template| format!("policies: {} is a template, which nothing links", template.id()));
    told.extend(templates);
    told
}

/// An error with what it came from.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        told += &format!(": {error}");
        source = error.source();
    }
    told
}

/// The name of an entity, made of any text.
fn uid(kind: &str, id: &str) -> Result<EntityUid, String> {
    let kind = kind.parse().map_err(|error| format!("{kind:?}: {error}"))?;
    Ok(EntityUid::from_type_name_and_id(kind, cedar_policy::EntityId::new(id)))
}

/// A request with a context of these values.
fn request(
    uids: [EntityUid; 3],
    context: Context,
    schema: Option<&Schema>,
) -> Result<Request, String> {
    let [principal, action, resource] = uids;
    Request::new(principal, action, resource, context, schema).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
