//! Sets of values: the lists of `$in` and its kin, and saved groups, which may be large.

use super::value::{cmp_folded, float, is_same};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use serde_json::Value;

/// Values to which another one belongs or not. Texts and numbers are found by bisection.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Members {
    texts: Vec<Box<str>>,
    numbers: Vec<f64>,
    others: Vec<Value>,
    is_folded: bool,
}

impl Members {
    /// The set of these values.
    pub(super) fn new(values: &[Value]) -> Self {
        Self::of(values, false)
    }

    /// The same without regard to case.
    pub(super) fn folded(values: &[Value]) -> Self {
        Self::of(values, true)
    }

    fn of(values: &[Value], is_folded: bool) -> Self {
        let mut members = Members { is_folded, ..Members::default() };
        for value in values {
            match value {
                Value::String(text) if is_folded => {
                    let text: String = text.chars().flat_map(char::to_lowercase).collect();
                    members.texts.push(text.into());
                }
                Value::String(text) => members.texts.push(text.as_str().into()),
                // The sum turns -0 into 0, which is the same number.
                Value::Number(number) => members.numbers.push(float(number) + 0.0),
                Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
                    members.others.push(value.clone());
                }
            }
        }
        members.texts.sort_unstable();
        members.texts.dedup();
        members.numbers.sort_unstable_by(f64::total_cmp);
        members.numbers.dedup();
        members
    }

    /// Whether a value belongs to the set; a list does if one of its items does.
    pub(super) fn contain(&self, value: &Value) -> bool {
        match value {
            Value::Array(items) => items.iter().any(|item| self.contains_one(item)),
            _ => self.contains_one(value),
        }
    }

    fn contains_one(&self, value: &Value) -> bool {
        match value {
            Value::String(text) if self.is_folded => {
                self.texts.binary_search_by(|member| cmp_folded(text, member).reverse()).is_ok()
            }
            Value::String(text) => {
                self.texts.binary_search_by(|member| (**member).cmp(text.as_str())).is_ok()
            }
            Value::Number(number) => {
                let number = float(number) + 0.0;
                self.numbers.binary_search_by(|member| member.total_cmp(&number)).is_ok()
            }
            _ => self.others.iter().any(|member| is_same(member, value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn members(values: &Value) -> Members {
        Members::new(values.as_array().expect("a list"))
    }

    #[test]
    fn types_matter_and_kinds_of_numbers_do_not() {
        let set = members(&json!(["2", 1, 0, true, null, {"a": 1}]));
        for inside in [json!("2"), json!(1.0), json!(-0.0), json!(true), json!(null)] {
            assert!(set.contain(&inside), "{inside}");
        }
        assert!(set.contain(&json!({"a": 1.0})));
        for outside in [json!(2), json!("1"), json!(false), json!({}), json!("")] {
            assert!(!set.contain(&outside), "{outside}");
        }
    }

    #[test]
    fn a_list_is_in_it_with_any_item() {
        let set = members(&json!(["a", "b"]));
        assert!(set.contain(&json!(["x", "b"])));
        assert!(!set.contain(&json!([])) && !set.contain(&json!([["a"]])));
        assert!(!Members::default().contain(&json!(null)));
    }

    #[test]
    fn case_is_folded_on_both_sides() {
        let set = Members::folded(&[json!("STRASSE"), json!("Ünder"), json!(1)]);
        for inside in ["strasse", "Strasse", "ÜNDER", "ünder"] {
            assert!(set.contain(&json!(inside)), "{inside}");
        }
        assert!(!set.contain(&json!("str")) && set.contain(&json!([1])));
    }

    proptest! {
        #[test]
        fn bisection_finds_what_a_walk_finds(texts: Vec<String>, probe: String) {
            let values: Vec<Value> = texts.iter().map(|text| json!(text)).collect();
            let set = Members::new(&values);
            prop_assert_eq!(set.contain(&json!(probe)), texts.contains(&probe));
            let folded = Members::folded(&values);
            for text in &texts {
                prop_assert!(set.contain(&json!(text)) && folded.contain(&json!(text)));
            }
            let lower = |text: &str| text.chars().flat_map(char::to_lowercase).collect::<String>();
            let is_there = texts.iter().any(|text| lower(text) == lower(&probe));
            prop_assert_eq!(folded.contain(&json!(probe)), is_there);
        }
    }
}
