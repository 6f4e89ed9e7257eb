//! Compares a spanned TOML document with a schema: keeps what is right, reports
//! the rest.

use super::quantity::Unit;
use super::schema::{allows, alternatives, properties, required, resolve, words};
use super::{Draft, Found, Invalid, Place, child, suggest};
use serde_json::{Map, Value};
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeArray, DeInteger, DeTable, DeValue};

/// Reads a whole document. What is returned meets the schema, except that
/// refused and missing keys are absent.
pub(super) fn document(root: &Value, table: &DeTable<'_>) -> (Value, Draft) {
    let mut walk = Walk { root, draft: Draft::default() };
    let at = At { pointer: String::new(), subject: "the file".to_owned(), span: 0..0 };
    let kept = walk.table(root, table, &at);
    (kept, walk.draft)
}

/// Where the walk is, and how to call the place in a sentence.
struct At {
    pointer: String,
    subject: String,
    span: Range<usize>,
}

struct Walk<'s> {
    root: &'s Value,
    draft: Draft,
}

impl<'s> Walk<'s> {
    fn report(&mut self, span: Range<usize>, message: String, hint: Option<String>) {
        self.draft.found.push(Found { span, message, hint });
    }

    /// The value as JSON, or `None` if it is of the wrong type or out of bounds.
    fn value(&mut self, schema: &'s Value, value: &DeValue<'_>, at: &At) -> Option<Value> {
        let all = alternatives(self.root, schema);
        let name = type_name(value);
        let Some(fitting) = all.iter().find(|one| allows(one, name)) else {
            self.wrong_type(&all, value, at);
            return None;
        };
        let checked = match value {
            DeValue::String(text) => check_text(&all, fitting, text, at),
            DeValue::Integer(integer) => check_integer(fitting, integer, at),
            DeValue::Boolean(truth) => Ok(Value::Bool(*truth)),
            DeValue::Array(array) => return Some(self.array(fitting, array, at)),
            DeValue::Table(table) => return Some(self.table(fitting, table, at)),
            DeValue::Float(float) => check_float(fitting, float.as_str(), at),
            // No schema of ours allows a date; `wrong_type` has reported it.
            DeValue::Datetime(_) => return None,
        };
        match checked {
            Ok(value) => Some(value),
            Err(Invalid { message, hint }) => {
                self.report(at.span.clone(), message, hint);
                None
            }
        }
    }

    fn table(&mut self, schema: &'s Value, table: &DeTable<'_>, at: &At) -> Value {
        let mut kept = Map::new();
        let entries = schema.get("additionalProperties").filter(|one| one.is_object());
        let mut misspelled = Vec::new();
        for (key, value) in in_order(table) {
            let name = key.get_ref().as_ref();
            let known = schema.get("properties").and_then(|all| all.get(name));
            let Some(schema) = known.or(entries) else {
                misspelled.extend(self.unknown_key(schema, name, key.span()));
                self.draft.incomplete.insert(at.pointer.clone());
                continue;
            };
            let subject = format!("`{name}`");
            let inner = At { pointer: child(&at.pointer, name), subject, span: value.span() };
            if let Some(value) = self.value(schema, value.get_ref(), &inner) {
                let place = Place { key: key.span(), value: inner.span };
                self.draft.places.insert(inner.pointer, place);
                kept.insert(name.to_owned(), value);
            } else {
                self.draft.incomplete.insert(at.pointer.clone());
            }
        }
        let max = schema.get("maxProperties").and_then(Value::as_u64).unwrap_or(u64::MAX);
        if table.len() as u64 > max {
            let message = format!("{} has {} entries, more than {max}", at.subject, table.len());
            self.report(at.span.clone(), message, None);
        }
        for name in required(schema) {
            // A slip in the key is one mistake, not two.
            if !misspelled.contains(&name) && !table.keys().any(|key| key.get_ref() == name) {
                self.missing_key(schema, name, at);
            }
        }
        Value::Object(kept)
    }

    fn array(&mut self, schema: &'s Value, array: &DeArray<'_>, at: &At) -> Value {
        let bound = |name: &str| schema.get(name).and_then(Value::as_u64);
        let max = bound("maxItems").unwrap_or(u64::MAX);
        let mut kept = Vec::new();
        for value in array.iter().take(usize::try_from(max).unwrap_or(usize::MAX)) {
            // Refused entries leave no gap, so that the pointers of the others
            // match the lists that serde builds from what was kept.
            let pointer = child(&at.pointer, kept.len());
            let subject = format!("an entry of {}", at.subject);
            let inner = At { pointer, subject, span: value.span() };
            let Some(items) = schema.get("items") else { continue };
            if let Some(value) = self.value(items, value.get_ref(), &inner) {
                let place = Place { key: inner.span.clone(), value: inner.span };
                self.draft.places.insert(inner.pointer, place);
                kept.push(value);
            }
        }
        let len = array.len() as u64;
        if len > max {
            let message = format!("{} has {len} entries, more than {max}", at.subject);
            self.report(at.span.clone(), message, None);
        }
        if bound("minItems").is_some_and(|min| len < min) {
            let message = format!("{} is empty", at.subject);
            self.report(at.span.clone(), message, example(schema, ""));
        }
        Value::Array(kept)
    }

    fn wrong_type(&mut self, all: &[&Value], value: &DeValue<'_>, at: &At) {
        let found = type_name(value);
        let mut wanted: Vec<&str> = Vec::new();
        for name in ["integer", "boolean", "string", "array", "object"] {
            if all.iter().any(|one| allows(one, name)) {
                let is_number = name == "integer" && all.iter().any(|one| allows(one, "number"));
                wanted.push(if is_number { "a number" } else { with_article(name) });
            }
        }
        let key = at.subject.trim_matches('`');
        let hint = match (value, &wanted[..]) {
            (DeValue::Integer(number), [.., "a string"]) => Some(format!("write \"{number}\"")),
            (DeValue::Float(number), [.., "a string"]) => Some(format!("write \"{number}\"")),
            (DeValue::Boolean(truth), [.., "a string"]) => Some(format!("write \"{truth}\"")),
            (DeValue::Table(_), ["a list"]) => {
                Some(format!("a list of tables is written `[[{key}]]`"))
            }
            (DeValue::Array(_), ["a table"]) => Some(format!("one table is written `[{key}]`")),
            (DeValue::String(text), ["a list"]) => Some(format!("write [\"{text}\"]")),
            (DeValue::String(text), ["an integer"] | ["a boolean"])
                if text.parse::<i64>().is_ok() || text.parse::<bool>().is_ok() =>
            {
                Some(format!("write {text} without quotes"))
            }
            _ => None,
        };
        let message = format!(
            "{} must be {}, found {}",
            at.subject,
            wanted.join(" or "),
            with_article(found)
        );
        self.report(at.span.clone(), message, hint);
    }

    /// Reports a key; returns the key that was probably meant.
    fn unknown_key(
        &mut self,
        schema: &'s Value,
        name: &str,
        span: Range<usize>,
    ) -> Option<&'s str> {
        let known = || properties(schema).map(|(name, _)| name);
        let nearest = suggest::nearest(name, known());
        let hint = if let Some(near) = nearest {
            format!("did you mean `{near}`?")
        } else if let Some(section) = self.section_of(name) {
            format!("`{name}` belongs into `{section}`")
        } else {
            format!("known here: {}", suggest::list(known(), "and"))
        };
        self.report(span, format!("unknown key `{name}`"), Some(hint));
        nearest
    }

    fn missing_key(&mut self, schema: &'s Value, name: &str, at: &At) {
        let property = &schema["properties"][name];
        let resolved = resolve(self.root, property);
        let hint = example(property, &format!("{name} = "));
        let what = match &hint {
            None if allows(resolved, "array") => {
                let tables = allows(resolve(self.root, &resolved["items"]), "object");
                if tables { format!("table `[[{name}]]`") } else { format!("key `{name}`") }
            }
            None if allows(resolved, "object") => format!("table `[{name}]`"),
            _ => format!("key `{name}`"),
        };
        self.report(at.span.clone(), format!("missing {what}"), hint);
    }

    /// The header of the section that has a key of this name.
    fn section_of(&self, name: &str) -> Option<String> {
        let mut sections = vec![(String::new(), self.root)];
        // The list grows while it is read: breadth first, shallow sections win.
        let mut next = 0;
        while let Some((path, schema)) = sections.get(next).cloned() {
            next += 1;
            for (key, property) in properties(schema) {
                if key == name && !path.is_empty() {
                    return Some(path);
                }
                let bare = path.trim_matches(['[', ']']);
                let inner = if bare.is_empty() { key.to_owned() } else { format!("{bare}.{key}") };
                let property = resolve(self.root, property);
                let items = property.get("items").map(|items| resolve(self.root, items));
                if property.get("properties").is_some() {
                    sections.push((format!("[{inner}]"), property));
                } else if let Some(items) = items.filter(|items| items.get("properties").is_some())
                {
                    sections.push((format!("[[{inner}]]"), items));
                }
            }
        }
        None
    }
}

/// A hint with the schema's example, after `name = ` where a key is missing.
fn example(schema: &Value, key: &str) -> Option<String> {
    let example = schema.get("examples").and_then(|list| list.get(0))?;
    Some(format!("for example {key}{example}"))
}

/// A table's entries in the order of the text.
fn in_order<'t, 'i>(
    table: &'t DeTable<'i>,
) -> Vec<(&'t Spanned<toml::de::DeString<'i>>, &'t Spanned<DeValue<'i>>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

fn check_text(all: &[&Value], schema: &Value, text: &str, at: &At) -> Result<Value, Invalid> {
    if let Some(unit) = Unit::of(schema) {
        return check_bounds(schema, i128::from(unit.parse(text)?), at);
    }
    let subject = &at.subject;
    if let Some(words) = words(all).filter(|words| !words.contains(&text)) {
        let hint = match suggest::nearest(text, words.iter().copied()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("write one of {}", words.join(", ")),
        };
        return Err(Invalid::new(format!("`{text}` is not a value of {subject}"), hint));
    }
    let bound = |name: &str| schema.get(name).and_then(Value::as_u64);
    let length = text.chars().count() as u64;
    if let Some(max) = bound("maxLength").filter(|max| length > *max) {
        let message = format!("{subject} has {length} characters, more than {max}");
        return Err(Invalid { message, hint: None });
    }
    if bound("minLength").is_some_and(|min| length < min) {
        return Err(Invalid { message: format!("{subject} is empty"), hint: example(schema, "") });
    }
    if text.contains('\0') {
        let message = format!("{subject} contains the character NUL");
        return Err(Invalid { message, hint: None });
    }
    Ok(Value::String(text.to_owned()))
}

fn check_integer(schema: &Value, integer: &DeInteger<'_>, at: &At) -> Result<Value, Invalid> {
    match i128::from_str_radix(integer.as_str(), integer.radix()) {
        Ok(number) => check_bounds(schema, number, at),
        Err(_) => {
            Err(Invalid { message: format!("{} is out of every range", at.subject), hint: None })
        }
    }
}

fn check_float(schema: &Value, text: &str, at: &At) -> Result<Value, Invalid> {
    let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
    let (min, max) = (bound("minimum").unwrap_or(0.0), bound("maximum").unwrap_or(f64::MAX));
    match text.replace('_', "").parse::<f64>() {
        Ok(number) if (min..=max).contains(&number) => Ok(Value::from(number)),
        _ => Err(Invalid::new(
            format!("{} is {text}, which is out of range", at.subject),
            format!("it must be between {min} and {max}"),
        )),
    }
}

fn check_bounds(schema: &Value, number: i128, at: &At) -> Result<Value, Invalid> {
    let unit = Unit::of(schema);
    let show = |number: u64| unit.map_or_else(|| number.to_string(), |unit| unit.show(number));
    let bound = |name: &str| schema.get(name).and_then(Value::as_u64);
    let (min, max) = (bound("minimum").unwrap_or(0), bound("maximum").unwrap_or(u64::MAX));
    let subject = &at.subject;
    let range = format!("it must be between {} and {}", show(min), show(max));
    match u64::try_from(number) {
        Ok(number) if number < min => {
            Err(Invalid::new(format!("{subject} is {}, which is too small", show(number)), range))
        }
        Ok(number) if number > max => {
            Err(Invalid::new(format!("{subject} is {}, which is too large", show(number)), range))
        }
        Ok(number) => Ok(Value::from(number)),
        Err(_) => Err(Invalid::new(format!("{subject} is {number}, which is out of range"), range)),
    }
}

/// The JSON name of a TOML type.
fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "string",
        DeValue::Integer(_) => "integer",
        DeValue::Float(_) => "number",
        DeValue::Boolean(_) => "boolean",
        DeValue::Datetime(_) => "datetime",
        DeValue::Array(_) => "array",
        DeValue::Table(_) => "object",
    }
}

/// A JSON type in the words of a person.
pub(super) fn with_article(name: &str) -> &'static str {
    match name {
        "string" => "a string",
        "integer" => "an integer",
        "number" => "a float",
        "boolean" => "a boolean",
        "datetime" => "a date",
        "array" => "a list",
        "object" => "a table",
        _ => "another value",
    }
}
