use super::super::definitions::Definitions;
use super::*;
use alloc::format;
use proptest::prelude::*;
use serde_json::{Map, json};

#[track_caller]
fn definitions(payload: Value) -> Definitions {
    let (definitions, findings) = Definitions::read(&payload);
    assert_eq!(findings.mistakes, [], "{payload}");
    definitions
}

/// Features in a row, each of which needs the next to be true, the last of which is.
fn row(length: usize) -> Value {
    let feature = |n: usize| {
        let needs = json!([
            {"id": format!("f{}", n + 1), "condition": {"value": true}, "gate": true},
            {"id": format!("f{}", n + 1), "condition": {"value": {"$ne": 1}}},
        ]);
        let rules = match n + 1 < length {
            true => {
                json!([{"parentConditions": needs.clone()}, {"parentConditions": needs, "force": true}])
            }
            false => json!([]),
        };
        (format!("f{n}"), json!({"defaultValue": n + 1 == length, "rules": rules}))
    };
    json!({"features": (0..length).map(feature).collect::<Map<_, _>>()})
}

#[test]
fn many_ways_to_the_same_feature_take_no_time() {
    // Each of 32 features asks four times for the next one: 4³² ways.
    let definitions = definitions(row(PREREQUISITES_DEEP_MAX));
    let attributes = json!({});
    let evaluation = definitions.evaluate("f0", &Visitor::new(&attributes), &mut Notes::default());
    assert_eq!((evaluation.value, evaluation.source), (&json!(true), Source::Force));
}

#[test]
fn a_row_that_is_too_long_ends() {
    let definitions = definitions(row(PREREQUISITES_DEEP_MAX + 2));
    let attributes = json!({});
    let evaluation = definitions.evaluate("f0", &Visitor::new(&attributes), &mut Notes::default());
    assert_eq!(evaluation.source, Source::CyclicPrerequisite);
    let evaluation = definitions.evaluate("f2", &Visitor::new(&attributes), &mut Notes::default());
    assert_eq!(evaluation.source, Source::Force);
}

#[test]
fn a_circle_ends_for_all_in_it_and_for_nobody_else() {
    let needs = |id: &str| json!([{"parentConditions": [{"id": id, "condition": {}}], "force": 1}]);
    let definitions = definitions(json!({"features": {
        "a": {"rules": needs("b")},
        "b": {"rules": needs("a")},
        "self": {"rules": needs("self")},
        "outside": {"rules": [{"force": 2}, needs("a")[0]]},
        "unknown": {"rules": needs("nowhere")},
    }}));
    let attributes = json!({});
    for (feature, source) in [
        ("a", Source::CyclicPrerequisite),
        ("b", Source::CyclicPrerequisite),
        ("self", Source::CyclicPrerequisite),
        ("outside", Source::Force),
        ("unknown", Source::Force),
        ("nowhere", Source::UnknownFeature),
    ] {
        let evaluation =
            definitions.evaluate(feature, &Visitor::new(&attributes), &mut Notes::default());
        assert_eq!(evaluation.source, source, "{feature}");
    }
}

#[test]
fn exposures_of_prerequisites_and_holdouts_are_noted_once() {
    let definitions = definitions(json!({"features": {
        "parent": {"rules": [{"key": "p", "variations": [1, 1]}]},
        "child": {"rules": [
            {"parentConditions": [{"id": "parent", "condition": {"value": 1}}],
             "key": "holdout", "variations": [0, 0], "ranges": [[0, 0], [0, 1]],
             "meta": [{}, {"passthrough": true, "key": "rest"}]},
            {"parentConditions": [{"id": "parent", "condition": {"value": 1}}],
             "key": "c", "variations": ["x", "x"], "id": "rule"},
        ]},
    }}));
    let attributes = json!({"id": 7});
    let mut notes = Notes::default();
    let evaluation = definitions.evaluate("child", &Visitor::new(&attributes), &mut notes);
    definitions.evaluate("parent", &Visitor::new(&attributes), &mut notes);
    assert_eq!((evaluation.value, evaluation.rule), (&json!("x"), "rule"));
    let seen: Vec<_> = notes.exposures.iter().map(|one| (one.experiment, one.feature)).collect();
    let child = Some("child");
    assert_eq!(seen, [("p", Some("parent")), ("holdout", child), ("c", child)]);
    assert_eq!(notes.exposures[1].variation, "rest");
    assert_eq!(notes.exposures[1].value, 7);
}

#[test]
fn exposures_without_end_are_counted() {
    let rule = |n: usize| {
        json!({"key": format!("k{n}"), "variations": [0, 0],
               "meta": [{"passthrough": true}, {"passthrough": true}]})
    };
    let rules: Vec<Value> = (0..EXPOSURES_MAX + 7).map(rule).collect();
    let definitions = definitions(json!({"features": {"f": {"rules": rules}}}));
    let attributes = json!({"id": "ann"});
    let mut notes = Notes::default();
    definitions.evaluate("f", &Visitor::new(&attributes), &mut notes);
    assert_eq!((notes.exposures.len(), notes.exposures_more), (EXPOSURES_MAX, 7));
}

#[test]
fn what_was_decided_elsewhere_is_an_exposure() {
    let definitions = definitions(json!({"features": {"f": {"rules": [{"force": "b", "tracks": [
        {"experiment": {"key": "e"}, "result": {"variationId": 1, "hashValue": "ann"}},
    ]}]}}}));
    let attributes = json!({});
    let mut notes = Notes::default();
    assert!(definitions.evaluate("f", &Visitor::new(&attributes), &mut notes).is_on());
    let exposure = notes.exposures[0];
    assert_eq!((exposure.experiment, exposure.variation, exposure.variation_index), ("e", "1", 1));
    assert_eq!((exposure.attribute, exposure.value), ("id", &json!("ann")));
}

#[test]
fn a_rollout_takes_its_share_and_those_who_were_in_stay_in() {
    let shares = [0.1, 0.5];
    let [few, many] = shares.map(|coverage| {
        definitions(json!({"features": {"f": {"rules": [
            {"force": true, "coverage": coverage, "hashVersion": 2},
        ]}}}))
    });
    let mut counts = [0; 2];
    for n in 0..4_000 {
        let attributes = json!({"id": format!("visitor-{n}")});
        let is_on = [&few, &many].map(|definitions| {
            definitions.evaluate("f", &Visitor::new(&attributes), &mut Notes::default()).is_on()
        });
        assert!(is_on[1] || !is_on[0]);
        counts = [0, 1].map(|at| counts[at] + usize::from(is_on[at]));
    }
    assert!((320..480).contains(&counts[0]) && (1_880..2_120).contains(&counts[1]), "{counts:?}");
}

#[test]
fn nobody_without_identity_is_rolled_out() {
    let definitions = definitions(json!({"features": {"f": {"rules": [
        {"force": true, "coverage": 1, "hashAttribute": "user.id"},
    ]}}}));
    for (attributes, is_on) in [
        (json!({}), false),
        (json!({"user": {"id": ""}}), false),
        (json!({"user": {"id": 0}}), false),
        (json!({"user": {"id": ["a"]}}), false),
        (json!({"user": {"id": "a"}}), true),
        (json!({"user.id": true}), true),
        (json!("a"), false),
    ] {
        let evaluation =
            definitions.evaluate("f", &Visitor::new(&attributes), &mut Notes::default());
        assert_eq!(evaluation.is_on(), is_on, "{attributes}");
    }
}

/// Payloads in which features depend on each other at random.
fn any_features() -> impl Strategy<Value = Value> {
    let id = || (0..6_u8).prop_map(|n| format!("f{n}"));
    let rule = (prop::collection::vec((id(), any::<bool>(), any::<bool>()), 0..3), 0..4_u8);
    let rule = rule.prop_map(|(parents, kind)| {
        let parents: Vec<Value> = parents
            .into_iter()
            .map(|(id, gate, want)| json!({"id": id, "gate": gate, "condition": {"value": want}}))
            .collect();
        match kind {
            0 => json!({"parentConditions": parents}),
            1 => json!({"parentConditions": parents, "force": true, "coverage": 0.5}),
            _ => json!({"parentConditions": parents, "variations": [true, false]}),
        }
    });
    let feature = prop::collection::vec(rule, 0..4)
        .prop_map(|rules| json!({"defaultValue": false, "rules": rules}));
    prop::collection::btree_map(id(), feature, 0..6)
        .prop_map(|features| json!({"features": features}))
}

proptest! {
    #[test]
    fn every_feature_has_a_value_and_the_same_one_each_time(payload in any_features(), id: u16) {
        let (definitions, _) = Definitions::read(&payload);
        let attributes = json!({"id": id});
        let visitor = Visitor::new(&attributes);
        for feature in definitions.features() {
            let mut notes = Notes::default();
            let one = definitions.evaluate(feature.id(), &visitor, &mut notes);
            let count = notes.exposures.len();
            prop_assert_eq!(&one, &definitions.evaluate(feature.id(), &visitor, &mut notes));
            prop_assert_eq!(count, notes.exposures.len());
            prop_assert_eq!(one.source == Source::Experiment, one.experiment.is_some());
        }
    }
}
