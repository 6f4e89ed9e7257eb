//! What is asked: subject, action, resource and context (sections 5 to 7), read from JSON.
//!
//! Members that are not known are ignored (section 10.1.1), and members that are there twice are
//! an error (section 11.5).

use serde_json::{Map, Value};

/// The most questions of a request.
pub const QUESTIONS_MAX: usize = 100;
/// The most bytes of a type or of the name of an action.
const NAME_BYTES_MAX: usize = 256;
/// The most bytes of an id.
const ID_BYTES_MAX: usize = 1_024;
/// The most properties of anything.
const PROPERTIES_MAX: usize = 256;

/// One question.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// Who wants to do it (section 5.1).
    pub subject: Thing,
    /// What (section 5.3): its name.
    pub action: String,
    /// What else is told of that.
    pub action_properties: Map<String, Value>,
    /// With what (section 5.2).
    pub resource: Thing,
    /// What else is told (section 5.4).
    pub context: Map<String, Value>,
}

/// A subject or a resource.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Thing {
    /// Its type.
    pub kind: String,
    /// Which of that type.
    pub id: String,
    /// What is told of it. None of them is `null`, which is as if it were not there (section
    /// 11.5).
    pub properties: Map<String, Value>,
}

/// One question, or many.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    /// One.
    One(Box<Question>),
    /// Many, some of which may be wrong.
    Many(Vec<Result<Question, String>>, Semantic),
}

/// How many of many questions are decided (section 7.1.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Semantic {
    /// All.
    #[default]
    ExecuteAll,
    /// Up to the first that is denied.
    DenyOnFirstDeny,
    /// Up to the first that is permitted.
    PermitOnFirstPermit,
}

/// Reads a request. `may_be_many`: it was sent to where many may be asked.
///
/// # Errors
/// What is wrong with the whole of it, in words.
pub fn read(body: &[u8], may_be_many: bool) -> Result<Asked, String> {
    let Value::Object(members) = sedge_kit::guard::json::read(body)
        .map_err(|error| format!("the request is not JSON: {error}"))?
    else {
        return Err("the request is not an object".into());
    };
    // What all have in common has to be right, too, although each may say it otherwise.
    let common = Parts::read(&members).map_err(|told| format!("/{told}"))?;
    let list = match members.get("evaluations").filter(|list| may_be_many && !list.is_null()) {
        None => &[][..],
        Some(Value::Array(list)) if list.len() <= QUESTIONS_MAX => list,
        Some(_) => {
            return Err(format!("/evaluations: not a list of at most {QUESTIONS_MAX} questions"));
        }
    };
    let semantic =
        if may_be_many { semantic(members.get("options"))? } else { Semantic::default() };
    if list.is_empty() {
        let question = common.question().map_err(|told| format!("/{told}"))?;
        return Ok(Asked::One(Box::new(question)));
    }
    let read = |(at, item): (usize, &Value)| {
        let parts = match item {
            Value::Object(members) => Parts::read(members),
            _ => return Err(format!("/evaluations/{at}: not an object")),
        };
        let question = parts.and_then(|parts| parts.or(&common).question());
        question.map_err(|told| format!("/evaluations/{at}/{told}"))
    };
    Ok(Asked::Many(list.iter().enumerate().map(read).collect(), semantic))
}

fn semantic(options: Option<&Value>) -> Result<Semantic, String> {
    let chosen = match options.filter(|options| !options.is_null()) {
        None => return Ok(Semantic::default()),
        Some(Value::Object(options)) => options.get("evaluations_semantic"),
        Some(_) => return Err("/options: not an object".into()),
    };
    match chosen.map(Value::as_str) {
        None | Some(Some("execute_all")) => Ok(Semantic::ExecuteAll),
        Some(Some("deny_on_first_deny")) => Ok(Semantic::DenyOnFirstDeny),
        Some(Some("permit_on_first_permit")) => Ok(Semantic::PermitOnFirstPermit),
        Some(_) => Err("/options/evaluations_semantic: not one of execute_all, \
                        deny_on_first_deny, permit_on_first_permit"
            .into()),
    }
}

/// A question of which something may be missing.
#[derive(Clone, Default)]
struct Parts {
    subject: Option<Thing>,
    action: Option<(String, Map<String, Value>)>,
    resource: Option<Thing>,
    context: Option<Map<String, Value>>,
}

impl Parts {
    fn read(members: &Map<String, Value>) -> Result<Self, String> {
        let part = |name: &str| match members.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(part)) => Ok(Some(part)),
            Some(_) => Err(format!("{name}: not an object")),
        };
        let thing = |name: &str| {
            let Some(part) = part(name)? else { return Ok(None) };
            let thing = Thing {
                kind: text(part, name, "type", NAME_BYTES_MAX)?,
                id: text(part, name, "id", ID_BYTES_MAX)?,
                properties: properties(part.get("properties"), &format!("{name}/properties"))?,
            };
            Ok::<_, String>(Some(thing))
        };
        let action = part("action")?.map(|part| {
            let name = text(part, "action", "name", NAME_BYTES_MAX)?;
            Ok::<_, String>((name, properties(part.get("properties"), "action/properties")?))
        });
        let context = match part("context")? {
            None => None,
            Some(_) => Some(properties(members.get("context"), "context")?),
        };
        let (subject, resource) = (thing("subject")?, thing("resource")?);
        Ok(Parts { subject, action: action.transpose()?, resource, context })
    }

    /// What is missing is that of `other`; parts are taken whole, and never mixed (section
    /// 7.1.1).
    fn or(self, other: &Self) -> Self {
        Parts {
            subject: self.subject.or_else(|| other.subject.clone()),
            action: self.action.or_else(|| other.action.clone()),
            resource: self.resource.or_else(|| other.resource.clone()),
            context: self.context.or_else(|| other.context.clone()),
        }
    }

    fn question(self) -> Result<Question, String> {
        let (action, action_properties) = self.action.ok_or("action: missing")?;
        Ok(Question {
            subject: self.subject.ok_or("subject: missing")?,
            action,
            action_properties,
            resource: self.resource.ok_or("resource: missing")?,
            context: self.context.unwrap_or_default(),
        })
    }
}

fn text(
    part: &Map<String, Value>,
    of: &str,
    name: &str,
    bytes_max: usize,
) -> Result<String, String> {
    match part.get(name) {
        None | Some(Value::Null) => Err(format!("{of}/{name}: missing")),
        Some(Value::String(text)) if (1..=bytes_max).contains(&text.len()) => Ok(text.clone()),
        Some(_) => Err(format!("{of}/{name}: not a text of 1 to {bytes_max} bytes")),
    }
}

/// The members of an object, without those that are `null`.
fn properties(value: Option<&Value>, of: &str) -> Result<Map<String, Value>, String> {
    match value {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(members)) if members.len() <= PROPERTIES_MAX => {
            let known = members.iter().filter(|(_, value)| !value.is_null());
            Ok(known.map(|(name, value)| (name.clone(), value.clone())).collect())
        }
        Some(_) => Err(format!("{of}: not an object of at most {PROPERTIES_MAX} members")),
    }
}
