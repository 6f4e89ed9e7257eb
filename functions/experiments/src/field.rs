//! What those behind the link are told: a dictionary of structured fields (RFC 9651 §3.2) of
//! features and their values.

use serde_json::Value;
use std::fmt::Write;

/// Bytes of the whole field; features beyond are left out.
pub const FIELD_BYTES_MAX: usize = 4096;
/// Bytes of a value that is a text.
const TEXT_BYTES_MAX: usize = 1024;
/// The largest whole number that a structured field has (RFC 9651 §3.3.1).
const INTEGER_MAX: i64 = 999_999_999_999_999;
/// Likewise of a decimal, before its point (RFC 9651 §3.3.2).
const DECIMAL_MAX: f64 = 999_999_999_999.0;

/// Whether a text can be a key of a dictionary.
pub fn is_key(text: &str) -> bool {
    let is_first = |byte: &u8| byte.is_ascii_lowercase() || *byte == b'*';
    let is_other =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.*".contains(&byte);
    text.as_bytes().first().is_some_and(is_first) && text.bytes().all(is_other)
}

/// A dictionary that is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dictionary(String);

impl Dictionary {
    /// Adds a member; whether it could be written. Null is no value.
    pub fn add(&mut self, key: &str, value: &Value) -> bool {
        let written = self.0.len();
        if !self.0.is_empty() {
            self.0.push_str(", ");
        }
        let is_written = is_key(key) && {
            self.0.push_str(key);
            // True is what a key alone says.
            *value == Value::Bool(true) || {
                self.0.push('=');
                item(&mut self.0, value).is_some()
            }
        };
        if !is_written || self.0.len() > FIELD_BYTES_MAX {
            self.0.truncate(written);
            return false;
        }
        true
    }

    /// The value of the field; empty: there is none to be sent.
    pub fn into_text(self) -> String {
        self.0
    }
}

/// Writes a bare item. Lists and objects are written as texts of JSON.
fn item(out: &mut String, value: &Value) -> Option<()> {
    match value {
        Value::Null => None,
        Value::Bool(truth) => write!(out, "?{}", u8::from(*truth)).ok(),
        Value::Number(number) => {
            let whole = number.as_i64().filter(|whole| whole.abs() <= INTEGER_MAX);
            match whole {
                Some(whole) => write!(out, "{whole}").ok(),
                None => decimal(out, number.as_f64()?),
            }
        }
        Value::String(value) => text(out, value),
        Value::Array(_) | Value::Object(_) => text(out, &value.to_string()),
    }
}

/// Three digits behind the point are what a decimal has.
fn decimal(out: &mut String, number: f64) -> Option<()> {
    if !(-DECIMAL_MAX..=DECIMAL_MAX).contains(&number) {
        return None;
    }
    let start = out.len();
    write!(out, "{number:.3}").ok()?;
    let digits = out[start..].trim_end_matches('0').len();
    let end = start + digits;
    out.truncate(end);
    if out.ends_with('.') {
        out.push('0');
    }
    Some(())
}

/// A string (§3.3.3), or a display string (§3.3.8) if there is more in it than ASCII.
fn text(out: &mut String, text: &str) -> Option<()> {
    if text.len() > TEXT_BYTES_MAX {
        return None;
    }
    let is_plain = |byte: u8| (b' '..=b'~').contains(&byte);
    if text.bytes().all(is_plain) {
        out.push('"');
        for letter in text.chars() {
            if matches!(letter, '"' | '\\') {
                out.push('\\');
            }
            out.push(letter);
        }
    } else {
        out.push_str("%\"");
        for byte in text.bytes() {
            match byte {
                b'%' | b'"' => write!(out, "%{byte:02x}").ok()?,
                byte if is_plain(byte) => out.push(char::from(byte)),
                byte => write!(out, "%{byte:02x}").ok()?,
            }
        }
    }
    out.push('"');
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn written(value: &Value) -> Option<String> {
        let mut dictionary = Dictionary::default();
        dictionary.add("a", value).then(|| dictionary.into_text())
    }

    #[test]
    fn what_cannot_be_written_is_left_out() {
        assert_eq!(written(&Value::Null), None);
        assert_eq!(written(&json!(1e300)), None);
        assert_eq!(written(&json!("x".repeat(TEXT_BYTES_MAX + 1))), None);
        for key in ["", "A", "1a", "a b", "ä", "a=b", "a,"] {
            assert!(!Dictionary::default().add(key, &json!(1)), "{key}");
        }
        let mut dictionary = Dictionary::default();
        assert!(dictionary.add("a", &json!(1)) && !dictionary.add("B", &json!(2)));
        assert!(dictionary.add("c", &json!(false)));
        let long = json!("x".repeat(1000));
        let added = (0..10).filter(|n| dictionary.add(&format!("k{n}"), &long)).count();
        assert_eq!(added, 4);
        let text = dictionary.into_text();
        assert!(text.starts_with("a=1, c=?0, k0=\"xx") && text.len() <= FIELD_BYTES_MAX);
    }

    #[test]
    fn values_by_their_kinds() {
        for (value, wanted) in [
            (json!(true), "a"),
            (json!(false), "a=?0"),
            (json!(-7), "a=-7"),
            (json!(999_999_999_999_999_i64), "a=999999999999999"),
            (json!(0.25), "a=0.25"),
            (json!(1.0), "a=1.0"),
            (json!(2.0006), "a=2.001"),
            (json!("blue \"\\"), "a=\"blue \\\"\\\\\""),
            (json!("füü%\""), "a=%\"f%c3%bc%c3%bc%25%22\""),
            (json!("a\r\nset-cookie: x"), "a=%\"a%0d%0aset-cookie: x\""),
            (json!(["x", 1]), "a=\"[\\\"x\\\",1]\""),
        ] {
            assert_eq!(written(&value).as_deref(), Some(wanted));
        }
    }
}
