//! Which tests were passed, counted as the suite's own pages count them.

use crate::json;
use anyhow::Result;
use serde_json::Value;
use std::collections::BTreeMap;

/// One test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Test {
    pub(super) id: String,
    pub(super) name: String,
    suite: String,
    /// `required`, `optimal` or `check`.
    kind: String,
    /// Tests without which this one says nothing.
    needs: Vec<String>,
}

impl Test {
    /// The tests of a list `[{ id, name, suite, kind, needs }]`.
    pub(super) fn all(listed: &Value) -> Result<Vec<Test>> {
        let listed = listed.as_array().map(Vec::as_slice).unwrap_or_default();
        listed
            .iter()
            .map(|one| {
                let text = |key| json::text(one, key).map(str::to_owned);
                let needs = json::list(one, "needs")?.iter().filter_map(Value::as_str);
                Ok(Test {
                    id: text("id")?,
                    name: text("name")?,
                    suite: text("suite")?,
                    kind: text("kind")?,
                    needs: needs.map(str::to_owned).collect(),
                })
            })
            .collect()
    }
}

/// How each test ended: `None`, if it was passed, or why not.
#[derive(Clone, Debug)]
pub(super) struct Tally(Vec<(Test, Option<String>)>);

impl Tally {
    /// Of the results of the suite's client: `true`, or a list of a kind of error and
    /// its message, by id.
    pub(super) fn of(tests: &[Test], results: &Value) -> Self {
        let by_id = tests.iter().map(|test| (test.id.as_str(), test)).collect();
        let ended = tests.iter().map(|test| (test.clone(), why_not(test, &by_id, results, 0)));
        Tally(ended.collect())
    }

    /// How many tests of a kind, in a part of the suite or in all of it, were passed,
    /// and of how many.
    pub(super) fn count(&self, kind: &str, suite: Option<&str>) -> (usize, usize) {
        let counted = self
            .0
            .iter()
            .filter(|(test, _)| test.kind == kind && suite.is_none_or(|suite| test.suite == suite));
        let passed = counted.clone().filter(|(_, why)| why.is_none()).count();
        (passed, counted.count())
    }

    /// Tests of a kind that were not passed, and why.
    pub(super) fn misses(&self, kind: &str) -> impl Iterator<Item = (&Test, &str)> {
        let of_kind = self.0.iter().filter(move |(test, _)| test.kind == kind);
        of_kind.filter_map(|(test, why)| Some((test, why.as_deref()?)))
    }
}

/// Why a test was not passed. What it needs must have been passed, too: else it says
/// nothing.
fn why_not(
    test: &Test,
    by_id: &BTreeMap<&str, &Test>,
    results: &Value,
    depth: usize,
) -> Option<String> {
    for needed in test.needs.iter().filter(|_| depth < by_id.len()) {
        let passed = by_id
            .get(needed.as_str())
            .is_some_and(|needed| why_not(needed, by_id, results, depth + 1).is_none());
        if !passed {
            return Some(format!("says nothing, because {needed} was not passed"));
        }
    }
    match &results[&test.id] {
        Value::Bool(true) => None,
        Value::Null => Some("was not run".to_owned()),
        Value::Array(told) => {
            let told: Vec<&str> = told.iter().filter_map(Value::as_str).collect();
            Some(told.join(": "))
        }
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn tests() -> Vec<Test> {
        let listed = json!([
            { "id": "a", "name": "A", "suite": "s", "kind": "required", "needs": [] },
            { "id": "b", "name": "B", "suite": "s", "kind": "required", "needs": ["a"] },
            { "id": "c", "name": "C", "suite": "t", "kind": "required", "needs": ["b"] },
            { "id": "d", "name": "D", "suite": "t", "kind": "optimal", "needs": ["d"] },
        ]);
        Test::all(&listed).expect("valid")
    }

    #[test]
    fn what_is_in_another_form_is_an_error() {
        assert!(Test::all(&json!([{ "id": "a" }])).is_err());
        assert!(Test::all(&json!([7])).is_err());
        assert!(Test::all(&json!({})).expect("none").is_empty());
    }

    #[test]
    fn what_was_not_run_or_failed_is_not_passed_nor_is_what_needs_it() {
        let tally = Tally::of(&tests(), &json!({ "a": ["Assertion", "no"], "b": true, "c": true }));
        assert_eq!((tally.count("required", None), tally.count("optimal", None)), ((0, 3), (0, 1)));
        let why: Vec<&str> = tally.misses("required").map(|(_, why)| why).collect();
        assert_eq!(why[0], "Assertion: no");
        assert_eq!(why[1], "says nothing, because a was not passed");
        assert_eq!(why[2], "says nothing, because b was not passed");
    }

    #[test]
    fn counts_by_kind_and_part() {
        let tally = Tally::of(&tests(), &json!({ "a": true, "b": true, "c": ["Setup", "x"] }));
        assert_eq!(tally.count("required", None), (2, 3));
        assert_eq!(tally.count("required", Some("t")), (0, 1));
        // A test that needs itself does not end in a circle.
        assert_eq!(tally.misses("optimal").count(), 1);
    }
}
