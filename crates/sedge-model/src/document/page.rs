//! Prints a schema as a Markdown page: one table for each section of the file.

#[cfg(test)]
use super::child;
use super::quantity::Unit;
use super::schema::{allows, alternatives, properties, required, resolve, words};
use serde_json::Value;
use std::fmt::Write;

/// A page: who made it, the introduction, an example, and a table for each
/// section in the order of the types.
pub(crate) fn print(schema: &Value, intro: &str, example: &str) -> String {
    let mut page = Page { root: schema, text: String::new() };
    let source = "<!-- Generated from the types of crates/sedge-model; a test keeps it fresh. -->";
    let title = schema["title"].as_str().unwrap_or_default();
    page.line(&format!("{source}\n\n{}", intro.trim_end()));
    page.line(&format!("\n## Every key of `{title}`, by example\n\n```toml\n{example}```\n"));
    page.section(title, "", schema);
    page.text.truncate(page.text.trim_end().len());
    page.text + "\n"
}

struct Page<'s> {
    root: &'s Value,
    text: String,
}

impl<'s> Page<'s> {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// A section's table, then the sections within it.
    fn section(&mut self, header: &str, path: &str, schema: &'s Value) {
        let description = schema["description"].as_str().unwrap_or_default();
        self.line(&format!("## `{header}`\n\n{description}\n"));
        self.line("| key | value | default | meaning |\n|---|---|---|---|");
        for (name, property) in properties(schema) {
            let default = if required(schema).any(|one| one == name) {
                "required".to_owned()
            } else {
                self.default(property)
            };
            let (value, meaning) = (self.value(property), self.meaning(property));
            self.line(&row(&[&format!("`{name}`"), &value, &default, &meaning]));
        }
        self.line("");
        for (name, property) in properties(schema) {
            let inner = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            self.inner_section(&inner, property);
        }
    }

    /// The sections that a property may hold: a table, tables in a list, or
    /// tables under names of the person's choice.
    fn inner_section(&mut self, path: &str, property: &'s Value) {
        for schema in alternatives(self.root, property) {
            if schema.get("properties").is_some() {
                self.section(&format!("[{path}]"), path, schema);
            }
            let items = schema.get("items").map(|items| alternatives(self.root, items));
            for items in items.into_iter().flatten().filter(|one| one.get("properties").is_some()) {
                self.section(&format!("[[{path}]]"), path, items);
            }
            let entries = schema.get("additionalProperties");
            let entries = entries.map(|entries| resolve(self.root, entries));
            if let Some(entries) = entries.filter(|one| one.get("properties").is_some()) {
                self.section(&format!("[{path}.NAME]"), &format!("{path}.NAME"), entries);
            }
        }
    }

    /// What may be written, in words.
    fn value(&self, schema: &Value) -> String {
        let all = alternatives(self.root, schema);
        if let Some(unit) = all.first().copied().and_then(Unit::of) {
            return format!("{}, {}", unit.noun(), bounds(all[0], |number| unit.show(number)));
        }
        let mut kinds: Vec<String> = Vec::new();
        if let Some(words) = words(&all) {
            kinds.extend(words.iter().map(|word| format!("`\"{word}\"`")));
        }
        for one in &all {
            let is_word = one.get("const").is_some() || one.get("enum").is_some();
            match () {
                () if is_word => {}
                () if allows(one, "string") => kinds.push("string".to_owned()),
                () if allows(one, "boolean") => kinds.push("boolean".to_owned()),
                () if allows(one, "number") => {
                    kinds.push(format!("number, {}", bounds(one, |number| number.to_string())));
                }
                () if allows(one, "integer") => {
                    kinds.push(format!("integer, {}", bounds(one, |number| number.to_string())));
                }
                () if allows(one, "array") => {
                    kinds.push(format!("list of {}", plural(&self.value(&one["items"]))));
                }
                () if one["additionalProperties"].is_object() => {
                    let entries = self.value(&one["additionalProperties"]);
                    kinds.push(format!("table of {}", plural(&entries)));
                }
                () => kinds.push("table".to_owned()),
            }
        }
        kinds.join(" or ")
    }

    /// The description, and what each word means where the value is one of a
    /// few words.
    fn meaning(&self, schema: &Value) -> String {
        let mut meaning = schema["description"].as_str().unwrap_or_default().to_owned();
        for one in alternatives(self.root, schema) {
            if let (Some(word), Some(text)) = (one["const"].as_str(), one["description"].as_str()) {
                let _ = write!(meaning, " `{word}`: {text}");
            }
        }
        meaning
    }

    /// The default as it would be written.
    fn default(&self, schema: &Value) -> String {
        let unit = alternatives(self.root, schema).first().copied().and_then(Unit::of);
        match (schema.get("default"), unit) {
            (Some(Value::Number(number)), Some(unit)) => {
                format!("`\"{}\"`", unit.show(number.as_u64().unwrap_or_default()))
            }
            (Some(Value::Array(list)), _) if list.is_empty() => "none".to_owned(),
            (Some(Value::Object(_)) | None, _) => "–".to_owned(),
            (Some(value), _) => format!("`{value}`"),
        }
    }
}

fn bounds(schema: &Value, show: impl Fn(u64) -> String) -> String {
    let bound = |name: &str| schema.get(name).and_then(Value::as_u64);
    let max = bound("maximum").map_or_else(|| "∞".to_owned(), &show);
    format!("{} to {max}", show(bound("minimum").unwrap_or(0)))
}

fn plural(words: &str) -> String {
    words.split(" or ").map(|word| format!("{word}s")).collect::<Vec<_>>().join(" or ")
}

fn row(cells: &[&str]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    format!("| {} |", cells.join(" | "))
}

/// The keys of a schema that an example does not use, by pointer.
#[cfg(test)]
pub(crate) fn keys_missing_in(example: &str, schema: &Value) -> Vec<String> {
    fn visit(
        root: &Value,
        at: &str,
        schema: &Value,
        found: &[&toml::Value],
        missing: &mut Vec<String>,
    ) {
        for one in alternatives(root, schema) {
            for (name, property) in properties(one) {
                let at = child(at, name);
                let inner: Vec<_> = found.iter().filter_map(|value| value.get(name)).collect();
                if inner.is_empty() {
                    missing.push(at.clone());
                }
                visit(root, &at, property, &inner, missing);
            }
            if let Some(items) = one.get("items") {
                let inner = found.iter().filter_map(|value| value.as_array()).flatten();
                visit(root, at, items, &inner.collect::<Vec<_>>(), missing);
            }
            if let Some(entries) = one.get("additionalProperties").filter(|one| one.is_object()) {
                let inner = found.iter().filter_map(|value| value.as_table());
                let inner = inner.flat_map(|table| table.values());
                visit(root, at, entries, &inner.collect::<Vec<_>>(), missing);
            }
        }
    }
    let example = toml::Value::Table(example.parse().expect("the example is TOML"));
    let mut missing = Vec::new();
    visit(schema, "", schema, &[&example], &mut missing);
    missing
}
