//! Conditions on attributes, in a syntax like that of MongoDB's queries.
//!
//! Source: GrowthBook's "Build Your Own SDK", version 0.7, section "Evaluating Conditions".
//! [`Condition::read`] turns JSON into tests once; [`Condition::holds`] then neither parses
//! nor, but for a number that is searched by a pattern or read as a version, allocates.

mod read;

use super::members::Members;
use super::pattern::Pattern;
use super::value::{self, NULL, at, is_same, is_text, is_truthy};
use super::version::{self, version_text};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Ordering;
use serde_json::Value;

/// What attributes must be like; all of its clauses must hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Condition {
    clauses: Vec<Clause>,
}

#[derive(Clone, Debug, PartialEq)]
enum Clause {
    /// At least one holds, or there is none.
    Any(Vec<Condition>),
    /// Not at least one holds.
    NotAny(Vec<Condition>),
    All(Vec<Condition>),
    Not(Condition),
    /// What lies at a path of names passes a test.
    At(Box<[Box<str>]>, Test),
    /// The condition cannot be understood.
    Never,
}

/// What a value must be like.
#[derive(Clone, Debug, PartialEq)]
enum Test {
    Text(Box<str>),
    /// A text in lower case, compared without regard to case.
    FoldedText(Box<str>),
    Number(f64),
    Truth(bool),
    Null,
    Same(Value),
    Operators(Vec<Operator>),
}

#[derive(Clone, Debug, PartialEq)]
enum Operator {
    Equal(Value),
    Unequal(Value),
    Order(Accepted, Operand),
    Version(Accepted, Box<str>),
    Exists(bool),
    In(Arc<Members>),
    NotIn(Arc<Members>),
    All(Vec<Test>),
    Not(Test),
    Size(Test),
    /// An item of a list, which is an object, meets a condition.
    ItemLike(Condition),
    /// An item of a list passes a test.
    Item(Test),
    Found(Pattern),
    NotFound(Pattern),
    Type(Type),
}

/// Orders of value and operand that pass.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Accepted {
    less: bool,
    equal: bool,
    greater: bool,
}

impl Accepted {
    fn has(self, order: Ordering) -> bool {
        match order {
            Ordering::Less => self.less,
            Ordering::Equal => self.equal,
            Ordering::Greater => self.greater,
        }
    }
}

/// What a value is ordered by: texts with texts, everything else as numbers.
#[derive(Clone, Debug, PartialEq)]
struct Operand {
    text: Option<Box<str>>,
    number: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Type {
    Null,
    Truth,
    Number,
    Text,
    List,
    Object,
}

impl Condition {
    /// One that never holds.
    pub(super) fn never() -> Self {
        Condition { clauses: Vec::from([Clause::Never]) }
    }

    /// Whether these attributes, an object, are like that. What is no object has no
    /// attributes.
    pub fn holds(&self, attributes: &Value) -> bool {
        self.holds_of(Subject::Attributes(attributes))
    }

    /// Whether a feature's value, as the attribute `value`, is like that.
    pub(super) fn holds_of_value(&self, value: &Value) -> bool {
        self.holds_of(Subject::Value(value))
    }

    fn holds_of(&self, subject: Subject<'_>) -> bool {
        self.clauses.iter().all(|clause| clause.holds(subject))
    }
}

/// What a condition is about.
#[derive(Clone, Copy)]
enum Subject<'v> {
    Attributes(&'v Value),
    /// An object with this value as its only member, which need not be made.
    Value(&'v Value),
}

impl<'v> Subject<'v> {
    fn at(self, path: &[Box<str>]) -> &'v Value {
        let steps = |path: &'_ [Box<str>], of| at(of, path.iter().map(|step| &**step));
        match (self, path) {
            (Subject::Attributes(attributes), _) => steps(path, attributes),
            (Subject::Value(value), [first, rest @ ..]) if **first == *"value" => {
                steps(rest, value)
            }
            (Subject::Value(_), _) => &NULL,
        }
    }
}

impl Clause {
    fn holds(&self, subject: Subject<'_>) -> bool {
        match self {
            Clause::Any(conditions) => is_any(conditions, subject),
            Clause::NotAny(conditions) => !is_any(conditions, subject),
            Clause::All(conditions) => conditions.iter().all(|one| one.holds_of(subject)),
            Clause::Not(condition) => !condition.holds_of(subject),
            Clause::At(path, test) => test.passes(subject.at(path)),
            Clause::Never => false,
        }
    }
}

fn is_any(conditions: &[Condition], subject: Subject<'_>) -> bool {
    conditions.is_empty() || conditions.iter().any(|one| one.holds_of(subject))
}

impl Test {
    fn passes(&self, value: &Value) -> bool {
        match self {
            Test::Text(expected) => is_text(value, expected),
            Test::FoldedText(expected) => value::text(value)
                .is_some_and(|text| value::cmp_folded(&text, expected) == Ordering::Equal),
            Test::Number(expected) => match value {
                Value::Number(_) | Value::String(_) => value::number(value) == *expected,
                _ => false,
            },
            Test::Truth(expected) => !value.is_null() && is_truthy(value) == *expected,
            Test::Null => value.is_null(),
            Test::Same(expected) => is_same(value, expected),
            Test::Operators(operators) => operators.iter().all(|one| one.passes(value)),
        }
    }
}

impl Operator {
    fn passes(&self, value: &Value) -> bool {
        match self {
            Operator::Equal(expected) => is_same(value, expected),
            Operator::Unequal(expected) => !is_same(value, expected),
            Operator::Order(accepted, operand) => {
                operand.order(value).is_some_and(|order| accepted.has(order))
            }
            Operator::Version(accepted, expected) => {
                accepted.has(version::cmp(&version_text(value), expected))
            }
            Operator::Exists(expected) => value.is_null() != *expected,
            Operator::In(members) => members.contain(value),
            Operator::NotIn(members) => !members.contain(value),
            Operator::All(tests) => value
                .as_array()
                .is_some_and(|items| tests.iter().all(|test| is_any_item(items, test))),
            Operator::Not(test) => !test.passes(value),
            Operator::Size(test) => {
                value.as_array().is_some_and(|items| test.passes(&Value::from(items.len())))
            }
            Operator::ItemLike(condition) => {
                value.as_array().is_some_and(|items| items.iter().any(|item| condition.holds(item)))
            }
            Operator::Item(test) => value.as_array().is_some_and(|items| is_any_item(items, test)),
            Operator::Found(pattern) => is_found(pattern, value),
            Operator::NotFound(pattern) => !is_found(pattern, value),
            Operator::Type(expected) => Type::of(value) == *expected,
        }
    }
}

fn is_any_item(items: &[Value], test: &Test) -> bool {
    items.iter().any(|item| test.passes(item))
}

fn is_found(pattern: &Pattern, value: &Value) -> bool {
    value::text(value).is_some_and(|text| pattern.is_found(&text))
}

impl Operand {
    fn of(value: &Value) -> Self {
        Operand { text: value.as_str().map(Box::from), number: value::number(value) }
    }

    /// How a value lies to it; none if they cannot be compared.
    fn order(&self, value: &Value) -> Option<Ordering> {
        match (value, &self.text) {
            (Value::String(text), Some(expected)) => Some(text.as_str().cmp(expected)),
            _ => value::number(value).partial_cmp(&self.number),
        }
    }
}

impl Type {
    fn of(value: &Value) -> Self {
        match value {
            Value::Null => Type::Null,
            Value::Bool(_) => Type::Truth,
            Value::Number(_) => Type::Number,
            Value::String(_) => Type::Text,
            Value::Array(_) => Type::List,
            Value::Object(_) => Type::Object,
        }
    }

    fn named(name: &Value) -> Option<Self> {
        Some(match name.as_str()? {
            "null" | "undefined" => Type::Null,
            "boolean" => Type::Truth,
            "number" => Type::Number,
            "string" => Type::Text,
            "array" => Type::List,
            "object" => Type::Object,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests;
