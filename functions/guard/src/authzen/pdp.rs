//! The policy decision point: questions as requests of Cedar, and what it says as decisions.

use super::questions::{Question, Thing};
use super::shape::Shapes;
use crate::policy::{self, Judgment, Policies};
use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, Schema,
};
use sedge_kit::guard::decision::Outcome;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The member of Cedar's context that has the properties of the action, since actions have no
/// attributes there.
const ACTION: &str = "action";

/// Policies for AuthZEN, and the schema that says what can be asked.
pub struct Pdp {
    policies: Policies,
    schema: Schema,
    shapes: Shapes,
    kinds: BTreeMap<String, EntityTypeName>,
    /// By their full name, and by their id where only one has it.
    actions: BTreeMap<String, EntityUid>,
}

impl Pdp {
    /// Reads `authzen_policies`, `authzen_schema` and, if there is one, `authzen_entities` of the
    /// configuration. There has to be a schema: without one, a property of another type than was
    /// meant would not be found, and what forbids by it would not hold.
    ///
    /// # Errors
    /// All that is wrong, in one text.
    pub fn read(config: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let needed = |name: &str| config(name).ok_or(format!("{name}: not in the configuration"));
        let (policies, text) = (needed("authzen_policies")?, needed("authzen_schema")?);
        let schema = policy::read_schema(&text).map_err(|told| format!("authzen_{told}"))?;
        let shapes = Shapes::read(&text)?;
        let entities = config("authzen_entities");
        let policies = Policies::read_any(&policies, entities.as_deref(), &schema)
            .map_err(|told| format!("authzen_{}", told.join("; authzen_")))?;
        let kinds = schema.entity_types().map(|kind| (kind.to_string(), kind.clone())).collect();
        let mut actions = BTreeMap::new();
        let mut ambiguous = BTreeSet::new();
        for action in schema.actions() {
            let id = action.id().unescaped().to_owned();
            if actions.insert(id.clone(), action.clone()).is_some() {
                ambiguous.insert(id);
            }
        }
        actions.retain(|id, _| !ambiguous.contains(id));
        actions.extend(schema.actions().map(|action| (action.to_string(), action.clone())));
        Ok(Pdp { policies, schema, shapes, kinds, actions })
    }

    /// The decision on a question (section 5.5), with its reasons as its context.
    ///
    /// # Errors
    /// Why the question cannot be put to the policies, in words.
    pub fn decide(&self, question: &Question) -> Result<Value, String> {
        let subject = self.uid(&question.subject, "subject")?;
        let resource = self.uid(&question.resource, "resource")?;
        let action = self.actions.get(&question.action);
        let action = action.ok_or("action/name: the schema has no such action")?.clone();
        let context = self.context(question, &action)?;
        let entities = self.entities(&[
            (&subject, &question.subject, "subject"),
            (&resource, &question.resource, "resource"),
        ])?;
        let request = Request::new(subject, action, resource, context, Some(&self.schema));
        let request = request.map_err(|error| error.to_string())?;
        let entities = entities.as_ref().unwrap_or(self.policies.entities());
        Ok(told(&self.policies.weigh(&request, entities)))
    }

    fn uid(&self, thing: &Thing, part: &str) -> Result<EntityUid, String> {
        let kind = self.kinds.get(&thing.kind);
        let kind = kind.ok_or_else(|| format!("{part}/type: the schema has no such type"))?;
        Ok(EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(&thing.id)))
    }

    /// Caller's context and the action's properties, as far as the schema knows them.
    fn context(&self, question: &Question, action: &EntityUid) -> Result<Context, String> {
        let known = self.shapes.contexts.get(&action.to_string());
        let mut members = among(&question.context, known);
        if known.is_none_or(|it| it.contains(ACTION)) {
            // One of the two could be somebody else's word.
            if members.contains_key(ACTION) {
                return Err("context/action: this is told by the properties of the action".into());
            }
            if !question.action_properties.is_empty() {
                members.insert(ACTION.into(), Value::Object(question.action_properties.clone()));
            }
        }
        Context::from_json_value(Value::Object(members), Some((&self.schema, action)))
            .map_err(|error| format!("context: {}", policy::chain(&error)))
    }

    /// The entities of the configuration with what is told of these; `None` if that adds nothing.
    /// What the configuration says of one is not changed by what a caller says.
    fn entities(&self, told: &[(&EntityUid, &Thing, &str)]) -> Result<Option<Entities>, String> {
        let mut new: Vec<Entity> = Vec::new();
        for (uid, thing, part) in told {
            let wrong = |error: &dyn std::error::Error| {
                format!("{part}/properties: {}", policy::chain(error))
            };
            let given = among(&thing.properties, self.shapes.kinds.get(&thing.kind));
            let configured = self.policies.entities().get(uid);
            if configured.is_some() && given.is_empty() {
                continue;
            }
            let mut entity = match configured {
                Some(entity) => entity.to_json_value().map_err(|error| wrong(&error))?,
                None => json!({
                    "uid": { "type": thing.kind, "id": thing.id }, "attrs": {}, "parents": [],
                }),
            };
            let Value::Object(attributes) = &mut entity["attrs"] else {
                return Err(format!("{part}/properties: cannot be told"));
            };
            for (name, value) in given {
                attributes.entry(name).or_insert(value);
            }
            let entity = Entity::from_json_value(entity, Some(&self.schema));
            let entity = entity.map_err(|error| wrong(&error))?;
            // Somebody may ask what it may do with itself; what is told first counts.
            if new.iter().all(|other| other.uid() != entity.uid()) {
                new.push(entity);
            }
        }
        if new.is_empty() {
            return Ok(None);
        }
        let entities = self.policies.entities().clone();
        let entities = entities.upsert_entities(new, Some(&self.schema));
        entities.map(Some).map_err(|error| policy::chain(&error))
    }
}

/// Those members that are known.
fn among(members: &Map<String, Value>, known: Option<&BTreeSet<String>>) -> Map<String, Value> {
    let is_known = |name: &&String| known.is_none_or(|known| known.contains(*name));
    let known = members.iter().filter(|(name, _)| is_known(name));
    known.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// A decision as it is told. To step up is no permission: who can satisfy `acr_values` and
/// `max_age` (as the third example of section 5.5.1 has them) may ask again.
fn told(judgment: &Judgment) -> Value {
    if !judgment.errors.is_empty() {
        let error = json!({ "status": 500, "message": "a policy could not be evaluated" });
        let failed = &judgment.errors;
        return json!({
            "decision": false,
            "context": { "reason": "undecided", "policies_failed": failed, "error": error },
        });
    }
    let reason = match judgment.outcome {
        Outcome::Allow => "permitted",
        Outcome::StepUp => "step_up",
        Outcome::Block if judgment.reasons.is_empty() => "not_permitted",
        Outcome::Block => "forbidden",
    };
    let mut context = json!({ "reason": reason, "policies": judgment.reasons });
    if judgment.outcome == Outcome::StepUp {
        if !judgment.step_up.context_classes.is_empty() {
            context["acr_values"] = judgment.step_up.context_classes.join(" ").into();
        }
        if let Some(age_s) = judgment.step_up.age_s_max {
            context["max_age"] = age_s.into();
        }
    }
    if judgment.outcome != Outcome::Allow && !judgment.actions.is_empty() {
        context["actions"] = judgment.actions.clone().into();
    }
    json!({ "decision": judgment.outcome == Outcome::Allow, "context": context })
}
