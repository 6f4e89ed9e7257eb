use super::super::encrypted::DecryptError;
use super::super::evaluate::{Notes, Source, Visitor};
use super::super::reader::{Findings, Mistake, SavedGroups};
use super::*;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use serde_json::json;

fn told(findings: &Findings) -> Vec<String> {
    findings.mistakes.iter().map(Mistake::to_string).collect()
}

#[test]
fn what_says_nothing_at_all_is_an_error() {
    let deep = "[".repeat(200);
    let large = " ".repeat(PAYLOAD_BYTES_MAX + 1);
    let encrypted = r#"{"encryptedFeatures": "a.b"}"#;
    let wrong = |text: &str, key| Definitions::parse(text, key).expect_err("nothing").to_string();
    assert!(wrong("", None).starts_with("the definitions are not JSON"));
    assert!(wrong(&deep, None).contains("recursion limit"));
    assert_eq!(wrong("[]", None), "the definitions are not an object");
    assert_eq!(wrong(&large, None), "the definitions have more than 8388608 bytes");
    assert!(wrong(encrypted, None).contains("no key\nhint: "));
    assert!(wrong(encrypted, Some("AAAA")).contains(&DecryptError::Key.to_string()));
    let (nothing, findings) = Definitions::read(&json!(3));
    assert_eq!(told(&findings), ["/: an object is expected"]);
    assert!(nothing.features().is_empty());
}

#[test]
fn all_mistakes_are_told_with_their_place() {
    let (definitions, findings) = Definitions::read(&json!({
        "savedGroups": {"a": 1},
        "features": {
            "odd/one": {"rules": [
                {"force": 1, "condition": {"id": {"$near": 1}}},
                {"force": 1, "coverage": "half"},
                {"force": 1, "coverage": 1.5, "range": [0.5, 0.2]},
                {"variations": [1, 2], "weights": [0.2, 0.2], "hashVersion": 3},
                {"variations": [], "key": "k"},
                {"variations": [1, 2], "namespace": ["n", 0]},
                {"variations": [1, 2], "minBucketVersion": 1.5},
                {"parentConditions": [{"condition": {}}], "force": 1},
                {"force": 1, "tracks": [{"experiment": {"key": "e"}}]},
                {"variations": [1, 2], "filters": 1},
                7,
            ]},
            "no-object": [],
        },
        "experiments": [
            {"variations": [1, 2]},
            {"key": "e", "variations": [1, 2], "urlPatterns": [{"type": "exact", "pattern": "/"}]},
        ],
    }));
    // Objects are read in the order of the text or of their keys, as serde_json was built.
    let told: BTreeSet<String> = told(&findings).into_iter().collect();
    assert_eq!(
        told.iter().map(String::as_str).collect::<BTreeSet<_>>(),
        BTreeSet::from([
            "/savedGroups/a: a list is expected",
            "/features/no-object: an object is expected",
            "/features/odd~1one/rules/0/condition/id/$near: there is no operator of this name",
            "/features/odd~1one/rules/1/coverage: a number is expected",
            "/features/odd~1one/rules/2/range: a range lies between 0 and 1 and ends behind its start",
            "/features/odd~1one/rules/2/coverage: a share lies between 0 and 1",
            "/features/odd~1one/rules/3/weights: weights are one for each variation and add up to 1; equal ones are used",
            "/features/odd~1one/rules/3/hashVersion: there is no hash of this version, so nobody is in",
            "/features/odd~1one/rules/4: a list of variations is expected",
            "/features/odd~1one/rules/5/namespace: a list of a name, a start and an end is expected",
            "/features/odd~1one/rules/6/minBucketVersion: a whole number from 0 is expected",
            "/features/odd~1one/rules/7/parentConditions/0: the id of a feature is expected",
            "/features/odd~1one/rules/8/tracks/0: an experiment with its key and a result with its variation are expected",
            "/features/odd~1one/rules/9/filters: a list is expected",
            "/features/odd~1one/rules/10: an object is expected",
            "/experiments/0: the key of an experiment is expected",
            "/experiments/1/urlPatterns/0: the type of a target is simple or regex",
        ])
    );
    // Rules that are understood are there; those that are not do nothing and are gone.
    assert_eq!(definitions.features()[0].rules.len(), 2);
    assert!(!definitions.experiments()[0].is_active);
}

#[test]
fn a_rule_that_is_not_understood_gives_nobody_anything() {
    for rule in [
        json!({"force": 1, "condition": []}),
        json!({"force": 1, "condition": {"$not": {"a": {"$regex": "("}}}}),
        json!({"force": 1, "coverage": true}),
        json!({"force": 1, "range": [0]}),
        json!({"force": 1, "filters": {}}),
        json!({"force": 1, "filters": [{"ranges": [[0]]}]}),
        json!({"force": 1, "parentConditions": "x"}),
        json!({"force": 1, "hashAttribute": 7}),
        json!({"variations": [1, 2], "ranges": 1}),
        json!({"variations": [1, 2], "weights": ["a", "b"]}),
    ] {
        let (definitions, findings) =
            Definitions::read(&json!({"features": {"f": {"defaultValue": 0, "rules": [rule]}}}));
        assert!(!findings.mistakes.is_empty(), "{rule}");
        let attributes = json!({"id": "ann"});
        let mut notes = Notes::default();
        let evaluation = definitions.evaluate("f", &Visitor::new(&attributes), &mut notes);
        assert_eq!(
            (evaluation.value, evaluation.source),
            (&json!(0), Source::DefaultValue),
            "{rule}"
        );
        assert!(notes.exposures.is_empty());
    }
}

#[test]
fn a_gate_that_is_not_understood_stays_shut() {
    let (definitions, _) = Definitions::read(&json!({"features": {
        "parent": {"defaultValue": true},
        "child": {"defaultValue": true, "rules": [
            {"parentConditions": [{"id": "parent", "condition": {"value": {"$is": 1}}, "gate": true}]},
        ]},
    }}));
    let attributes = json!({});
    let evaluation =
        definitions.evaluate("child", &Visitor::new(&attributes), &mut Notes::default());
    assert_eq!(evaluation.source, Source::Prerequisite);
}

#[test]
fn members_of_another_time_are_named_and_do_no_harm() {
    let (definitions, findings) = Definitions::read(&json!({"features": {
        "f": {"defaultValue": 1, "colour": 2, "rules": [{"force": 3, "condtion": {}}]},
    }}));
    assert_eq!(findings.mistakes, []);
    assert_eq!(findings.unknown, ["/features/f/colour", "/features/f/rules/0/condtion"]);
    assert_eq!(definitions.features()[0].id(), "f");
}

#[test]
fn limits_hold() {
    let many = |count: usize, one: Value| Value::Array(alloc::vec![one; count]);
    let features: serde_json::Map<String, Value> =
        (0..=FEATURES_MAX).map(|n| (format!("{n:05}"), json!({}))).collect();
    let (definitions, findings) = Definitions::read(&json!({"features": features}));
    assert_eq!(definitions.features().len(), FEATURES_MAX);
    assert_eq!(told(&findings), ["/features: there are more than 10000 features"]);

    let half = json!({"rules": many(RULES_MAX / 2 + 1, json!({"force": 1}))});
    let (definitions, findings) = Definitions::read(&json!({"features": {"a": half, "b": half}}));
    assert_eq!(
        told(&findings),
        ["/features/b/rules: there are more than 50000 rules in all features"]
    );
    assert!(definitions.features()[1].rules.is_empty());

    let experiment = json!({"key": "k", "variations": many(VARIATIONS_MAX + 1, json!(1))});
    let (experiment, findings) = Experiment::read(&experiment, &SavedGroups::default());
    assert_eq!(told(&findings), ["/variations: there are more than 100 items"]);
    let experiment = experiment.expect("an experiment");
    assert!(experiment.variations().len() == VARIATIONS_MAX && !experiment.is_active);

    let long = "k".repeat(TEXT_BYTES_MAX + 1);
    let (experiment, findings) =
        Experiment::read(&json!({"key": long, "variations": [1]}), &SavedGroups::default());
    assert!(experiment.is_none() && told(&findings)[0].contains("more than 1000 bytes"));
}

#[test]
fn what_is_meant_by_default() {
    let value = json!({"key": "k", "variations": ["a", "b"], "meta": [{"name": "old"}, null]});
    let (experiment, findings) = Experiment::read(&value, &SavedGroups::default());
    let experiment = experiment.expect("an experiment");
    assert_eq!(told(&findings), ["/meta/1: an object is expected"]);
    assert_eq!(experiment.variations()[0].name(), Some("old"));
    assert_eq!(experiment.variations()[1].key(), "1");
    assert_eq!((&*experiment.seed, experiment.hash_version), ("k", 1));
    assert_eq!(&*experiment.identity.attribute, "id");
    assert_eq!(experiment.ranges()[1], Range { start: 0.5, end: 1.0 });
}
