//! Which attributes a schema knows. What a caller tells beyond them is ignored, since callers may
//! tell what one policy decision point wants and another does not; what it tells among them has
//! to be of their types.

use cedar_policy::SchemaFragment;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The names of attributes, by what has them. What is not in it has a shape that could not be
/// followed: of such nothing is left out, and Cedar refuses what it does not know.
#[derive(Debug, Default)]
pub(super) struct Shapes {
    /// By the full name of a type.
    pub(super) kinds: BTreeMap<String, BTreeSet<String>>,
    /// Of contexts, by the full name of an action: `Shop::Action::"read"`.
    pub(super) contexts: BTreeMap<String, BTreeSet<String>>,
}

impl Shapes {
    /// # Errors
    /// What is wrong with the schema.
    pub(super) fn read(schema: &str) -> Result<Self, String> {
        let (fragment, _) = SchemaFragment::from_cedarschema_str(schema)
            .map_err(|error| format!("authzen_schema: {error}"))?;
        let told = fragment.to_json_value().map_err(|error| format!("authzen_schema: {error}"))?;
        let mut shapes = Shapes::default();
        let members = |value: &Value| value.as_object().cloned().unwrap_or_default();
        for (space, declared) in members(&told) {
            let of_space = |name: &str| match space.is_empty() {
                true => name.to_owned(),
                false => format!("{space}::{name}"),
            };
            let names = |shape: &Value| match shape {
                // An entity or an action that says nothing has no attributes.
                Value::Null => Some(BTreeSet::new()),
                shape => attributes(&told, &space, shape),
            };
            for (name, kind) in members(&declared["entityTypes"]) {
                shapes.kinds.extend(names(&kind["shape"]).map(|it| (of_space(&name), it)));
            }
            for (name, action) in members(&declared["actions"]) {
                let context = names(&action["appliesTo"]["context"]);
                let full = format!("{}::{}", of_space("Action"), Value::from(name));
                shapes.contexts.extend(context.map(|it| (full, it)));
            }
        }
        Ok(shapes)
    }
}

/// The names of a record's attributes, or of a common type that is one.
fn attributes(told: &Value, space: &str, shape: &Value) -> Option<BTreeSet<String>> {
    // A common type may be another one's name; Cedar allows no circles, and here is an end.
    let mut shape = shape;
    for _ in 0..16 {
        if let Value::Object(attributes) = &shape["attributes"] {
            return Some(attributes.keys().cloned().collect());
        }
        let name = shape["name"].as_str().or_else(|| shape["type"].as_str())?;
        let (of, name) = name.rsplit_once("::").unwrap_or((space, name));
        shape = match &told[of]["commonTypes"][name] {
            Value::Null => &told[""]["commonTypes"][name],
            found => found,
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_schema_knows_is_found_through_its_names() {
        let shapes = Shapes::read(
            "entity user = { role?: String, \"odd name\"?: Long };
             entity record { status: String }; entity bare; entity hue enum [\"red\"];
             type Base = { till: Long }; type Also = Base;
             namespace Shop { type Facts = Also; entity Till;
                 action buy, \"s\\\"ell\" appliesTo
                     { principal: [Till], resource: [Till], context: Facts }; }
             action read appliesTo { principal: [user], resource: [record] };",
        )
        .expect("a schema");
        let names = |all: &BTreeMap<String, BTreeSet<String>>, of: &str| {
            all.get(of).map(|it| it.iter().cloned().collect::<Vec<_>>().join(","))
        };
        assert_eq!(names(&shapes.kinds, "user").as_deref(), Some("odd name,role"));
        assert_eq!(names(&shapes.kinds, "record").as_deref(), Some("status"));
        for kind in ["bare", "hue", "Shop::Till"] {
            assert_eq!(names(&shapes.kinds, kind).as_deref(), Some(""), "{kind}");
        }
        assert_eq!(names(&shapes.contexts, "Action::\"read\"").as_deref(), Some(""));
        for action in ["Shop::Action::\"buy\"", "Shop::Action::\"s\\\"ell\""] {
            assert_eq!(names(&shapes.contexts, action).as_deref(), Some("till"), "{shapes:?}");
        }
        assert!(Shapes::read("entity").is_err());
    }
}
