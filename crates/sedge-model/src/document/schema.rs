//! The JSON Schema of a file, and the few questions that are asked of it.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value};

/// The schema of `T` (draft 2020-12), without what TOML cannot say.
pub(crate) fn of<T: JsonSchema>() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<T>().to_value();
    tidy(&mut schema);
    schema
}

/// TOML has no null: an optional key is absent, and a key that must be there has
/// no default. The prefix of the raw structs is of no interest to a reader, nor
/// are the line breaks of the source.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Array(list) => list.iter_mut().for_each(tidy),
        Value::Object(map) => {
            if let Some(Value::Array(types)) = map.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = &types[..] {
                    map["type"] = only.clone();
                }
            }
            if let Some(Value::Array(alternatives)) = map.get_mut("anyOf") {
                alternatives.retain(|alternative| alternative["type"] != "null");
                if let [Value::Object(only)] = &alternatives[..] {
                    let only = only.clone();
                    map.remove("anyOf");
                    map.extend(only);
                }
            }
            if map.get("default") == Some(&Value::Null) {
                map.remove("default");
            }
            if let Some(Value::String(text)) = map.get_mut("description") {
                *text = text.replace("\n\n", "\0").replace('\n', " ").replace('\0', "\n\n");
            }
            if let Some(Value::String(reference)) = map.get_mut("$ref") {
                *reference = reference.replace("/Raw", "/");
            }
            if let Some(Value::Object(definitions)) = map.get_mut("$defs") {
                let named = std::mem::take(definitions).into_iter();
                let bare = |name: String| name.trim_start_matches("Raw").to_owned();
                definitions.extend(named.map(|(name, schema)| (bare(name), schema)));
            }
            drop_defaults_of_required(map);
            map.values_mut().for_each(tidy);
        }
        _ => {}
    }
}

fn drop_defaults_of_required(map: &mut Map<String, Value>) {
    let Some(required) = map.get("required").and_then(Value::as_array).cloned() else { return };
    let Some(properties) = map.get_mut("properties") else { return };
    for name in required.iter().filter_map(Value::as_str) {
        if let Some(property) = properties.get_mut(name).and_then(Value::as_object_mut) {
            property.remove("default");
        }
    }
}

/// A map from names to texts.
pub(crate) fn text_map(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 256,
        "additionalProperties": { "type": "string", "maxLength": 32768 },
    })
}

/// A share in percent, with a fraction if need be.
pub(crate) fn percent(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "number", "minimum": 0, "maximum": 100 })
}

/// A part of a whole, 0 to 1.
pub(crate) fn share(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "number", "minimum": 0, "maximum": 1 })
}

/// A size in a unit that is not known here.
pub(crate) fn size(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "number", "minimum": 0, "maximum": 1e140 })
}

/// Follows a `$ref` into `$defs`.
pub(super) fn resolve<'s>(root: &'s Value, schema: &'s Value) -> &'s Value {
    match schema.get("$ref").and_then(Value::as_str) {
        Some(reference) => root.pointer(reference.trim_start_matches('#')).unwrap_or(schema),
        None => schema,
    }
}

/// The schemas of which a value must meet one: those of an untagged enum, or the
/// schema itself.
pub(super) fn alternatives<'s>(root: &'s Value, schema: &'s Value) -> Vec<&'s Value> {
    let schema = resolve(root, schema);
    let list = schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Value::as_array);
    match list {
        Some(list) => list.iter().flat_map(|one| alternatives(root, one)).collect(),
        None => vec![schema],
    }
}

/// Whether a schema allows values of a JSON type. A number may be an integer.
pub(super) fn allows(schema: &Value, name: &str) -> bool {
    match &schema["type"] {
        Value::String(only) if only == "number" => name == "number" || name == "integer",
        Value::String(only) => only == name,
        Value::Array(names) => names.iter().any(|one| one == name),
        _ => name == "string" && (schema.get("const").is_some() || schema.get("enum").is_some()),
    }
}

/// The strings that alternatives list, if none of them allows any string.
pub(super) fn words<'s>(alternatives: &[&'s Value]) -> Option<Vec<&'s str>> {
    let mut words = Vec::new();
    for schema in alternatives.iter().filter(|schema| allows(schema, "string")) {
        match (schema.get("const"), schema.get("enum").and_then(Value::as_array)) {
            (Some(word), _) => words.extend(word.as_str()),
            (None, Some(list)) => words.extend(list.iter().filter_map(Value::as_str)),
            (None, None) => return None,
        }
    }
    (!words.is_empty()).then_some(words)
}

/// The schema's properties; empty for maps and what is not a table.
pub(super) fn properties(schema: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let map = schema.get("properties").and_then(Value::as_object);
    map.into_iter().flatten().map(|(name, schema)| (name.as_str(), schema))
}

/// The keys that must be there.
pub(super) fn required(schema: &Value) -> impl Iterator<Item = &str> {
    let list = schema.get("required").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str)
}

/// Every number, text, list and map of a schema must have an upper bound. The
/// names of those that have none; for tests.
#[cfg(test)]
pub(crate) fn unbounded(schema: &Value) -> Vec<String> {
    fn visit(at: &str, schema: &Value, missing: &mut Vec<String>) {
        let Some(map) = schema.as_object() else { return };
        let enumerated = map.contains_key("const") || map.contains_key("enum");
        let is_map = schema.get("additionalProperties").is_some_and(Value::is_object);
        let needed = [
            ("integer", &["minimum", "maximum"][..], true),
            ("string", &["maxLength"][..], !enumerated),
            ("array", &["maxItems"][..], true),
            ("object", &["maxProperties"][..], is_map),
        ];
        for (name, keywords, applies) in needed {
            if applies && map.contains_key("type") && allows(schema, name) {
                let absent = keywords.iter().filter(|keyword| !map.contains_key(**keyword));
                missing.extend(absent.map(|keyword| format!("{at}: {keyword}")));
            }
        }
        for key in ["properties", "$defs"] {
            for (name, schema) in map.get(key).and_then(Value::as_object).into_iter().flatten() {
                visit(&format!("{at}/{name}"), schema, missing);
            }
        }
        for key in ["items", "additionalProperties"] {
            visit(&format!("{at}/{key}"), &schema[key], missing);
        }
        for schema in map.get("anyOf").and_then(Value::as_array).into_iter().flatten() {
            visit(at, schema, missing);
        }
    }
    let mut missing = Vec::new();
    visit("", schema, &mut missing);
    missing
}
