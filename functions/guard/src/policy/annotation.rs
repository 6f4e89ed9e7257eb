//! What policies say besides whom they permit or forbid: their annotations.

use cedar_policy::{Effect, Policy};

/// What annotations of a policy mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Meaning {
    /// By which it is told.
    pub(super) name: String,
    pub(super) is_step_up: bool,
    pub(super) step_up: StepUp,
    pub(super) action: Option<String>,
}

/// What has to be proved (RFC 9470).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepUp {
    /// Values of `acr` of which one will do, the preferred ones first.
    pub context_classes: Vec<String>,
    /// Within how many seconds the user must have authenticated.
    pub age_s_max: Option<u64>,
}

impl StepUp {
    /// What satisfies all: all that they name, and the shortest time.
    pub(super) fn joined<'a>(all: impl Iterator<Item = &'a StepUp>) -> Self {
        let mut joined = StepUp::default();
        for one in all {
            for class in &one.context_classes {
                if !joined.context_classes.contains(class) {
                    joined.context_classes.push(class.clone());
                }
            }
            joined.age_s_max = match (joined.age_s_max, one.age_s_max) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
        joined
    }
}

impl Meaning {
    /// # Errors
    /// What is wrong with the annotations. Those of other names are for people.
    pub(super) fn of(policy: &Policy) -> Result<Self, String> {
        let id = policy.id().to_string();
        let name = policy.annotation("id").unwrap_or(&id);
        let wrong = |what: &str| Err(format!("policies: {name}: {what}"));
        if !is_token(name) || name.len() > 64 {
            return wrong("@id is not 1 to 64 letters, digits, or any of _-.:/");
        }
        let is_step_up = match policy.annotation("outcome") {
            None | Some("block") => false,
            Some("step-up") => true,
            Some(_) => return wrong("@outcome is neither block nor step-up"),
        };
        if policy.annotation("outcome").is_some() && policy.effect() == Effect::Permit {
            return wrong("@outcome is for forbid only");
        }
        let classes = policy.annotation("acr").map(str::split_whitespace);
        let classes: Vec<String> = classes.into_iter().flatten().map(str::to_owned).collect();
        if !classes.iter().all(|class| is_token(class)) {
            return wrong("@acr has a character that cannot stand in a header field");
        }
        let age_s_max = match policy.annotation("max_age").map(str::parse::<u64>) {
            None => None,
            Some(Ok(age_s)) => Some(age_s),
            Some(Err(_)) => return wrong("@max_age is no number of seconds"),
        };
        if !is_step_up && (age_s_max.is_some() || policy.annotation("acr").is_some()) {
            return wrong("@acr and @max_age are for @outcome(\"step-up\") only");
        }
        let action = policy.annotation("action").map(str::to_owned);
        if action.as_ref().is_some_and(|action| !is_token(action) || action.len() > 64) {
            return wrong("@action is not 1 to 64 letters, digits, or any of _-.:/");
        }
        let step_up = StepUp { context_classes: classes, age_s_max };
        Ok(Meaning { name: name.to_owned(), is_step_up, step_up, action })
    }
}

/// Letters, digits and what URNs and URLs need: all that can stand in a quoted string of a
/// header field without a second thought.
fn is_token(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:/".contains(&byte);
    !text.is_empty() && text.bytes().all(is_plain)
}
