//! Writes JSON as YAML that a person can read.

use serde_json::Value;

/// A document in block style.
pub fn write(value: &Value) -> String {
    let mut text = String::new();
    block(value, 0, &mut text);
    text
}

fn block(value: &Value, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (key, value) in fields {
                out.push_str(&format!("{indent}{}:", plain(key)));
                below(value, depth, out);
            }
        }
        Value::Array(list) if !list.is_empty() => {
            for value in list {
                let mut inner = String::new();
                block(value, depth + 1, &mut inner);
                let inner = inner.strip_prefix(&"  ".repeat(depth + 1)).unwrap_or(&inner);
                out.push_str(&format!("{indent}- {inner}"));
            }
        }
        scalar => out.push_str(&format!("{indent}{}\n", self::scalar(scalar))),
    }
}

fn below(value: &Value, depth: usize, out: &mut String) {
    let is_block = value.as_object().is_some_and(|fields| !fields.is_empty())
        || value.as_array().is_some_and(|list| !list.is_empty());
    if is_block {
        out.push('\n');
        block(value, depth + 1, out);
    } else {
        out.push_str(&format!(" {}\n", scalar(value)));
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => plain(text),
        Value::Object(_) => "{}".to_owned(),
        Value::Array(_) => "[]".to_owned(),
        other => other.to_string(),
    }
}

/// Without quotes where nobody could read it as something else.
fn plain(text: &str) -> String {
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let known = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let is_word = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word));
    if begins && text.chars().all(known) && !is_word {
        text.to_owned()
    } else {
        Value::String(text.to_owned()).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_could_be_read_otherwise_is_quoted() {
        for text in ["", "true", "No", "1s", "*.a", "a: b", "#x", "a b", "- a", "{}", "\\1"] {
            assert_eq!(plain(text), format!("{:?}", text), "{text}");
        }
        assert_eq!(plain("/a/b.c-d_e"), "/a/b.c-d_e");
    }

    #[test]
    fn lists_and_objects_are_blocks() {
        let value = json!({ "a": [{ "b": 1, "c": [] }, "x"], "d": {}, "e": [[1, 2]] });
        let text = "a:\n  - b: 1\n    c: []\n  - x\nd: {}\ne:\n  - - 1\n    - 2\n";
        assert_eq!(write(&value), text);
    }
}
