//! From JSON to tests.

use super::super::members::Members;
use super::super::reader::{Findings, Reader, SavedGroups};
use super::super::value::is_truthy;
use super::super::version::version_text;
use super::{Accepted, Clause, Condition, Operand, Operator, Test, Type};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use serde_json::{Map, Value};

/// How deep conditions and operators may be nested in each other.
pub(in super::super) const DEPTH_MAX: usize = 32;

const LESS: Accepted = Accepted { less: true, equal: false, greater: false };
const LESS_OR_EQUAL: Accepted = Accepted { less: true, equal: true, greater: false };
const EQUAL: Accepted = Accepted { less: false, equal: true, greater: false };
const UNEQUAL: Accepted = Accepted { less: true, equal: false, greater: true };
const GREATER_OR_EQUAL: Accepted = Accepted { less: false, equal: true, greater: true };
const GREATER: Accepted = Accepted { less: false, equal: false, greater: true };

impl Condition {
    /// Reads a condition. What cannot be understood is told, and then the whole never holds:
    /// the opposite of what nobody understands would be as dangerous.
    pub fn read(value: &Value, groups: &SavedGroups) -> (Self, Findings) {
        let mut reader = Reader::with_groups(groups);
        let condition = Condition::read_in(&mut reader, value);
        (condition, reader.finish())
    }

    /// The same, as a part of something larger.
    pub(in super::super) fn read_in(reader: &mut Reader, value: &Value) -> Self {
        let open = reader.open();
        let condition = condition(reader, value, 0);
        if reader.open() > open { Condition::never() } else { condition }
    }
}

fn condition(reader: &mut Reader, value: &Value, depth: usize) -> Condition {
    if is_too_deep(reader, depth) {
        return Condition::never();
    }
    let Some(members) = reader.object(value) else { return Condition::never() };
    let clauses = members
        .iter()
        .map(|(name, value)| reader.within(name, |reader| clause(reader, name, value, depth)));
    Condition { clauses: clauses.collect() }
}

fn is_too_deep(reader: &mut Reader, depth: usize) -> bool {
    let is_too_deep = depth >= DEPTH_MAX;
    if is_too_deep {
        reader.wrong(format!("conditions are nested more than {DEPTH_MAX} deep"));
    }
    is_too_deep
}

fn clause(reader: &mut Reader, name: &str, value: &Value, depth: usize) -> Clause {
    let mut conditions = || {
        let read = |reader: &mut Reader, value: &Value| condition(reader, value, depth + 1);
        reader.items(value, read).unwrap_or_default()
    };
    match name {
        "$or" => Clause::Any(conditions()),
        "$nor" => Clause::NotAny(conditions()),
        "$and" => Clause::All(conditions()),
        "$not" => Clause::Not(condition(reader, value, depth + 1)),
        path => Clause::At(path.split('.').map(Box::from).collect(), test(reader, value, depth)),
    }
}

fn test(reader: &mut Reader, value: &Value, depth: usize) -> Test {
    match value {
        Value::Null => Test::Null,
        Value::Bool(truth) => Test::Truth(*truth),
        Value::Number(number) => Test::Number(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => Test::Text(text.as_str().into()),
        Value::Object(members) if has_operators(members) => {
            if is_too_deep(reader, depth) {
                return Test::Null;
            }
            let operators = members.iter().filter_map(|(name, value)| {
                reader.within(name, |reader| operator(reader, name, value, depth))
            });
            Test::Operators(operators.collect())
        }
        Value::Array(_) | Value::Object(_) => Test::Same(value.clone()),
    }
}

/// Whether an object has operators, and nothing else.
fn has_operators(members: &Map<String, Value>) -> bool {
    !members.is_empty() && members.keys().all(|name| name.starts_with('$'))
}

/// Reads an operator; none if it cannot be understood, which has been told then.
fn operator(reader: &mut Reader, name: &str, value: &Value, depth: usize) -> Option<Operator> {
    let order = |accepted| Some(Operator::Order(accepted, Operand::of(value)));
    let version = |accepted| Some(Operator::Version(accepted, version_text(value).into()));
    match name {
        "$eq" => Some(Operator::Equal(value.clone())),
        "$ne" => Some(Operator::Unequal(value.clone())),
        "$lt" => order(LESS),
        "$lte" => order(LESS_OR_EQUAL),
        "$gt" => order(GREATER),
        "$gte" => order(GREATER_OR_EQUAL),
        "$veq" => version(EQUAL),
        "$vne" => version(UNEQUAL),
        "$vlt" => version(LESS),
        "$vlte" => version(LESS_OR_EQUAL),
        "$vgt" => version(GREATER),
        "$vgte" => version(GREATER_OR_EQUAL),
        "$exists" => Some(Operator::Exists(is_truthy(value))),
        "$in" => members(reader, value, Members::new).map(Operator::In),
        "$nin" => members(reader, value, Members::new).map(Operator::NotIn),
        "$ini" => members(reader, value, Members::folded).map(Operator::In),
        "$nini" => members(reader, value, Members::folded).map(Operator::NotIn),
        "$inGroup" => Some(Operator::In(reader.group(value))),
        "$notInGroup" => Some(Operator::NotIn(reader.group(value))),
        "$all" => {
            let tests = reader.items(value, |reader, value| test(reader, value, depth + 1));
            tests.map(Operator::All)
        }
        "$alli" => {
            let tests = reader.items(value, |reader, value| folded(test(reader, value, depth + 1)));
            tests.map(Operator::All)
        }
        "$not" => Some(Operator::Not(test(reader, value, depth + 1))),
        "$size" => Some(Operator::Size(test(reader, value, depth + 1))),
        "$elemMatch" => Some(match value {
            Value::Object(members) if !has_operators(members) => {
                Operator::ItemLike(condition(reader, value, depth + 1))
            }
            _ => Operator::Item(test(reader, value, depth + 1)),
        }),
        "$regex" => reader.pattern(value, false).map(Operator::Found),
        "$regexi" => reader.pattern(value, true).map(Operator::Found),
        "$notRegex" => reader.pattern(value, false).map(Operator::NotFound),
        "$notRegexi" => reader.pattern(value, true).map(Operator::NotFound),
        "$type" => {
            let named = Type::named(value);
            if named.is_none() {
                reader.wrong("there is no type of this name");
            }
            named.map(Operator::Type)
        }
        _ => {
            reader.wrong("there is no operator of this name");
            None
        }
    }
}

fn members(
    reader: &mut Reader,
    value: &Value,
    of: fn(&[Value]) -> Members,
) -> Option<Arc<Members>> {
    let Some(values) = value.as_array() else {
        reader.wrong("a list is expected");
        return None;
    };
    Some(Arc::new(of(values)))
}

/// The same test without regard to case, if it is for a text.
fn folded(test: Test) -> Test {
    match test {
        Test::Text(text) => {
            let text: String = text.chars().flat_map(char::to_lowercase).collect();
            Test::FoldedText(text.into())
        }
        other => other,
    }
}
