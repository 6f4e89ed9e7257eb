//! How JSON values are compared and turned into one another.
//!
//! The format was made in JavaScript, so that its coercions are part of it, as far as the
//! specification or its cases show them: numbers and texts are compared with each other, and a
//! missing attribute is 0 to an order. Coercions that only surprise (`null` as the text
//! "null", a list as its only element) are left out.

use alloc::borrow::Cow;
use alloc::format;
use core::cmp::Ordering;
use core::fmt::Write;
use serde_json::{Map, Number, Value};

/// What is missing.
pub(super) static NULL: Value = Value::Null;

/// Whether a value counts as true: all do but null, false, 0 and the empty text.
pub(super) fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(truth) => *truth,
        Value::Number(number) => float(number) != 0.0,
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

/// A number as a double, which is the only number that JavaScript has.
pub(super) fn float(number: &Number) -> f64 {
    number.as_f64().unwrap_or(f64::NAN)
}

/// Whether two values are the same; 1 and 1.0 are.
pub(super) fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => float(one) == float(other),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| is_same(a, b))
        }
        (Value::Object(one), Value::Object(other)) => is_same_object(one, other),
        _ => one == other,
    }
}

fn is_same_object(
    one: &Map<alloc::string::String, Value>,
    other: &Map<alloc::string::String, Value>,
) -> bool {
    one.len() == other.len()
        && one.iter().all(|(name, value)| other.get(name).is_some_and(|b| is_same(value, b)))
}

/// A value as a number for an order: a missing one is 0, a text is what it says, and NaN
/// stands for what is no number.
pub(super) fn number(value: &Value) -> f64 {
    match value {
        Value::Null => 0.0,
        Value::Bool(truth) => f64::from(u8::from(*truth)),
        Value::Number(number) => float(number),
        Value::String(text) => text_number(text),
        Value::Array(_) | Value::Object(_) => f64::NAN,
    }
}

/// The number that a text says in decimal. Rust would take "inf" and "nan", too.
pub(super) fn text_number(text: &str) -> f64 {
    let text = text.trim();
    let is_decimal = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
    match text {
        "" => 0.0,
        _ if text.bytes().all(is_decimal) => text.parse().unwrap_or(f64::NAN),
        _ => f64::NAN,
    }
}

/// A value as text, as JavaScript writes it; none for null, lists and objects, which name
/// nobody.
pub(super) fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Bool(truth) => Some(Cow::Borrowed(if *truth { "true" } else { "false" })),
        Value::Number(number) => Some(Cow::Owned(format!("{}", Decimal(float(number))))),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Whether a value, as text, is this text. Nothing is allocated.
pub(super) fn is_text(value: &Value, expected: &str) -> bool {
    match value {
        Value::String(text) => text == expected,
        Value::Bool(truth) => expected == if *truth { "true" } else { "false" },
        Value::Number(number) => {
            let mut rest = Rest(expected);
            write!(rest, "{}", Decimal(float(number))).is_ok() && rest.0.is_empty()
        }
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

/// What is left of a text that is compared with what is written.
struct Rest<'a>(&'a str);

impl Write for Rest<'_> {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        self.0 = self.0.strip_prefix(text).ok_or(core::fmt::Error)?;
        Ok(())
    }
}

/// A number as JavaScript writes it (ECMA-262, Number::toString): the shortest digits that
/// are read as the same number, with an exponent where it is far from 1.
struct Decimal(f64);

impl core::fmt::Display for Decimal {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let number = self.0;
        match number.abs() {
            0.0 => out.write_str("0"),
            1e-6..1e21 => write!(out, "{number}"),
            size if size >= 1e21 => {
                // "1.5e21" is written "1.5e+21".
                let text = format!("{number:e}");
                let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
                write!(out, "{digits}e+{exponent}")
            }
            _ => write!(out, "{number:e}"),
        }
    }
}

/// Compares texts without regard to case.
pub(super) fn cmp_folded(one: &str, folded: &str) -> Ordering {
    one.chars().flat_map(char::to_lowercase).cmp(folded.chars())
}

/// The value at a path of names; an index leads into a list. Null where nothing is.
pub(super) fn at<'a, 'p>(value: &'a Value, path: impl IntoIterator<Item = &'p str>) -> &'a Value {
    let mut at = value;
    for step in path {
        let next = match at {
            Value::Object(members) => members.get(step),
            Value::Array(items) => step.parse().ok().and_then(|index: usize| items.get(index)),
            _ => None,
        };
        match next {
            Some(next) => at = next,
            None => return &NULL,
        }
    }
    at
}

/// An attribute by its name; if there is none of this name, the name is a path with dots.
pub(super) fn attribute<'a>(attributes: &'a Value, name: &str) -> &'a Value {
    attributes.get(name).unwrap_or_else(|| at(attributes, name.split('.')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::{String, ToString};
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn numbers_are_written_as_javascript_does() {
        for (number, written) in [
            (json!(0), "0"),
            (json!(-0.0), "0"),
            (json!(123), "123"),
            (json!(1.0), "1"),
            (json!(-2.50), "-2.5"),
            (json!(0.000001), "0.000001"),
            (json!(0.0000001), "1e-7"),
            (json!(1e20), "100000000000000000000"),
            (json!(1.5e21), "1.5e+21"),
            (json!(-1e300), "-1e+300"),
            (json!(9007199254740993_u64), "9007199254740992"),
        ] {
            assert_eq!(text(&number).as_deref(), Some(written));
            assert!(is_text(&number, written));
            assert!(
                !is_text(&number, &written[1..]) && !is_text(&number, &(written.to_string() + "0"))
            );
        }
    }

    #[test]
    fn what_names_nobody_is_no_text() {
        for value in [json!(null), json!([]), json!(["a"]), json!({}), json!({"a": 1})] {
            assert_eq!(text(&value), None);
            assert!(!is_text(&value, "") && !is_text(&value, "null") && !is_text(&value, "a"));
        }
        assert_eq!(text(&json!(false)).as_deref(), Some("false"));
    }

    #[test]
    fn orders_see_numbers_in_texts() {
        assert_eq!(number(&json!(" 8.5 ")), 8.5);
        assert_eq!(number(&json!(null)), 0.0);
        assert_eq!(number(&json!("")), 0.0);
        assert_eq!(number(&json!(true)), 1.0);
        for odd in [json!("inf"), json!("NaN"), json!("8a"), json!("--1"), json!([1]), json!({})] {
            assert!(number(&odd).is_nan(), "{odd}");
        }
    }

    #[test]
    fn equality_is_deep_and_knows_one_kind_of_number() {
        assert!(is_same(&json!([1, {"a": 2}]), &json!([1.0, {"a": 2.0}])));
        for (one, other) in [
            (json!([1]), json!([1, 2])),
            (json!({"a": 1}), json!({"b": 1})),
            (json!({"a": 1}), json!({"a": 1, "b": 1})),
            (json!("1"), json!(1)),
            (json!(null), json!(false)),
        ] {
            assert!(!is_same(&one, &other) && !is_same(&other, &one), "{one} {other}");
        }
    }

    #[test]
    fn a_name_goes_before_a_path() {
        let attributes = json!({"a.b": "literal", "a": {"b": "nested", "c": [{"d": 1}]}});
        assert_eq!(attribute(&attributes, "a.b"), "literal");
        assert_eq!(attribute(&attributes, "a.c.0.d"), 1);
        for missing in ["", ".", "a.", "a.c.1", "a.c.-1", "a.b.c.d", "x"] {
            assert!(attribute(&attributes, missing).is_null(), "{missing}");
        }
        assert!(attribute(&json!("text"), "a").is_null());
    }

    proptest! {
        #[test]
        fn comparing_is_like_writing(number: f64, other: String) {
            let value = json!(number);
            let written = text(&value).map(Cow::into_owned);
            match written {
                Some(written) => {
                    prop_assert!(is_text(&value, &written));
                    prop_assert_eq!(is_text(&value, &other), written == other);
                    prop_assert_eq!(text_number(&written), number);
                }
                None => prop_assert!(!number.is_finite()),
            }
        }
    }
}
