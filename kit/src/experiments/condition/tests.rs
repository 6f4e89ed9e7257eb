use super::super::reader::SavedGroups;
use super::read::DEPTH_MAX;
use super::*;
use alloc::string::{String, ToString};
use proptest::prelude::*;
use serde_json::json;

/// Reads a condition that has no mistakes.
#[track_caller]
fn condition(value: Value) -> Condition {
    let groups = SavedGroups::read(&json!({"staff": ["ann", 7]})).0;
    let (condition, findings) = Condition::read(&value, &groups);
    assert_eq!(findings.mistakes, [], "{value}");
    condition
}

#[track_caller]
fn check(condition_: Value, holding: &[Value], others: &[Value]) {
    let condition = condition(condition_);
    for attributes in holding {
        assert!(condition.holds(attributes), "{condition:?} {attributes}");
    }
    for attributes in others {
        assert!(!condition.holds(attributes), "{condition:?} {attributes}");
    }
}

#[track_caller]
fn mistakes(value: Value) -> Vec<String> {
    let (condition, findings) = Condition::read(&value, &SavedGroups::default());
    assert!(!condition.holds(&json!({"a": 1})), "{value}");
    findings.mistakes.iter().map(ToString::to_string).collect()
}

#[test]
fn what_cannot_be_understood_is_told_and_never_holds() {
    assert_eq!(mistakes(json!(7)), ["/: an object is expected"]);
    assert_eq!(
        mistakes(json!({"a": {"$gte": 1, "$nearly": 1}})),
        ["/a/$nearly: there is no operator of this name"]
    );
    assert_eq!(
        mistakes(json!({"$and": 1, "$or": [{"b": {"$in": "x"}}, 2]})),
        [
            "/$and: a list is expected",
            "/$or/0/b/$in: a list is expected",
            "/$or/1: an object is expected"
        ]
    );
    assert_eq!(mistakes(json!({"$not": []})), ["/$not: an object is expected"]);
    assert_eq!(
        mistakes(json!({"$nor": [{"a": {"$not": {"$regex": "("}}}]})).len(),
        1,
        "nor does the opposite"
    );
    assert_eq!(
        mistakes(json!({"a": {"$type": "int"}})),
        ["/a/$type: there is no type of this name"]
    );
    assert_eq!(
        mistakes(json!({"a": {"$inGroup": "nobody"}})),
        ["/a/$inGroup: there is no saved group of this name"]
    );
}

#[test]
fn depth_is_bounded() {
    let nest = |levels: usize, wrap: fn(Value) -> Value| {
        (0..levels).fold(json!({"a": 1}), |inner, _| wrap(inner))
    };
    let wraps: [fn(Value) -> Value; 3] = [
        |inner| json!({"$not": inner}),
        |inner| json!({"$and": [inner]}),
        |inner| json!({"a": {"$elemMatch": inner}}),
    ];
    for wrap in wraps {
        condition(nest(DEPTH_MAX - 1, wrap));
        let value = nest(DEPTH_MAX + 1, wrap);
        let (_, findings) = Condition::read(&value, &SavedGroups::default());
        assert_eq!(findings.mistakes.len(), 1, "{value}");
        assert!(findings.mistakes[0].message.contains("32 deep"));
    }
}

#[test]
fn a_plain_value_is_compared_with_coercion() {
    check(json!({"n": "8"}), &[json!({"n": 8}), json!({"n": "8"})], &[json!({"n": 8.5})]);
    check(
        json!({"n": 0}),
        &[json!({"n": "0"}), json!({"n": -0.0})],
        &[json!({}), json!({"n": false}), json!({"n": null}), json!({"n": []})],
    );
    check(
        json!({"t": true}),
        &[json!({"t": "x"}), json!({"t": 1})],
        &[json!({"t": ""}), json!({})],
    );
    check(
        json!({"t": "true"}),
        &[json!({"t": true})],
        &[json!({"t": false}), json!({"t": ["true"]})],
    );
    check(json!({"t": "null"}), &[], &[json!({}), json!({"t": null})]);
    check(json!({"t": {}}), &[json!({"t": {}})], &[json!({}), json!({"t": {"a": 1}})]);
}

#[test]
fn orders_are_of_texts_or_of_numbers() {
    check(
        json!({"a": {"$gt": "10"}}),
        &[json!({"a": "9"}), json!({"a": 11})],
        &[json!({"a": "1"}), json!({"a": 9}), json!({"a": "0"}), json!({"a": [11]})],
    );
    check(json!({"a": {"$lte": 0}}), &[json!({}), json!({"a": false})], &[json!({"a": "b"})]);
    check(json!({"a": {"$ne": 1}}), &[json!({}), json!({"a": "1"})], &[json!({"a": 1.0})]);
}

#[test]
fn lists_and_their_items() {
    check(
        json!({"a": {"$elemMatch": {"b.c": {"$gte": 2}, "d": null}}}),
        &[json!({"a": [0, {"b": {"c": 2}}]})],
        &[json!({"a": [{"b": {"c": 2}, "d": 1}]}), json!({"a": {"b": {"c": 2}}}), json!({"a": []})],
    );
    check(json!({"a": {"$elemMatch": {"$lt": 1}}}), &[json!({"a": [5, 0]})], &[json!({"a": [5]})]);
    check(json!({"a": {"$size": {"$gt": 1}}}), &[json!({"a": [1, 2]})], &[json!({"a": "ab"})]);
    check(
        json!({"a": {"$alli": ["X", {"$gt": 5}]}}),
        &[json!({"a": ["x", 6]})],
        &[json!({"a": ["x"]}), json!({"a": "x"})],
    );
    check(json!({"a.1": "y"}), &[json!({"a": ["x", "y"]})], &[json!({"a": ["y"]})]);
}

#[test]
fn groups_patterns_and_types() {
    check(
        json!({"id": {"$inGroup": "staff"}}),
        &[json!({"id": "ann"}), json!({"id": 7})],
        &[json!({"id": "7"}), json!({})],
    );
    check(
        json!({"id": {"$notInGroup": "staff"}}),
        &[json!({"id": "bob"}), json!({})],
        &[json!({"id": 7})],
    );
    check(
        json!({"u": {"$notRegex": "bot"}}),
        &[json!({"u": "BOT"}), json!({})],
        &[json!({"u": "bot"})],
    );
    check(
        json!({"u": {"$regexi": "^b"}}),
        &[json!({"u": "Bot"})],
        &[json!({}), json!({"u": ["b"]})],
    );
    check(
        json!({"u": {"$type": "undefined"}}),
        &[json!({}), json!({"u": null})],
        &[json!({"u": 0})],
    );
    check(json!({"u": {"$exists": 0}}), &[json!({})], &[json!({"u": false})]);
}

#[test]
fn attributes_that_are_no_object_have_nothing() {
    let missing = condition(json!({"a": {"$exists": false}}));
    for attributes in [json!(null), json!([1]), json!("a"), json!(3)] {
        assert!(missing.holds(&attributes), "{attributes}");
    }
}

/// JSON of all kinds, with names that mean something here.
fn any_json() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(
        &[
            "a",
            "b",
            "a.b",
            "$and",
            "$or",
            "$nor",
            "$not",
            "$eq",
            "$gt",
            "$in",
            "$alli",
            "$regex",
            "$elemMatch",
            "$size",
            "$vgt",
            "$type",
            "$inGroup",
            "$exists",
        ][..],
    );
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-c.0-9(*v-]{0,4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name.clone().prop_map(String::from), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_condition_and_attributes_have_an_answer(value in any_json(), attributes in any_json()) {
        let groups = SavedGroups::default();
        let (one, findings) = Condition::read(&value, &groups);
        let is_understood = findings.mistakes.iter().all(|one| one.message.contains("saved group"));
        for opposite in [json!({"$nor": [value.clone()]}), json!({"$not": value})] {
            let (opposite, _) = Condition::read(&opposite, &groups);
            let both = [one.holds(&attributes), opposite.holds(&attributes)];
            prop_assert_eq!(both.contains(&true), is_understood);
            prop_assert!(both.contains(&false));
        }
    }
}
