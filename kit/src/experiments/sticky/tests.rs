use super::super::evaluate::{Notes, Visitor};
use super::super::reader::SavedGroups;
use super::*;
use proptest::prelude::*;

fn experiment(members: Value) -> Experiment {
    let mut value = json!({
        "key": "e", "variations": ["a", "b", "c"], "hashAttribute": "user",
        "fallbackAttribute": "device", "weights": [1, 0, 0],
    });
    value.as_object_mut().expect("an object").extend(members.as_object().expect("one").clone());
    Experiment::read(&value, &SavedGroups::default()).0.expect("an experiment")
}

/// What a visitor gets, and what is remembered then.
fn get(
    experiment: &Experiment,
    attributes: &Value,
    sticky: &StickyDocuments,
) -> (Option<usize>, StickyDocuments) {
    let definitions = Definitions::default();
    let visitor = Visitor { sticky: Some(sticky), ..Visitor::new(attributes) };
    let mut notes = Notes::default();
    let assignment = definitions.assign(experiment, &visitor, &mut notes);
    let mut after = sticky.clone();
    for assignment in &notes.sticky {
        assert!(after.remember(assignment));
    }
    (assignment.is_in.then_some(assignment.index), after)
}

fn remembered(attribute: &str, value: &str, assignments: Value) -> StickyDocuments {
    StickyDocuments::read(&json!([
        {"attributeName": attribute, "attributeValue": value, "assignments": assignments},
    ]))
}

#[test]
fn visitors_stay_whatever_changes() {
    let sticky = remembered("user", "ann", json!({"e__0": "2"}));
    let ann = json!({"user": "ann"});
    for members in [
        json!({}),
        json!({"coverage": 0}),
        json!({"condition": {"country": "DE"}}),
        json!({"namespace": ["n", 0, 0]}),
    ] {
        assert_eq!(get(&experiment(members.clone()), &ann, &sticky), (Some(2), sticky.clone()));
        let without = experiment(json!({"disableStickyBucketing": true}));
        assert_eq!(get(&without, &ann, &sticky).0, Some(0), "{members}");
    }
    assert_eq!(get(&experiment(json!({})), &json!({"user": "bob"}), &sticky).0, Some(0));
}

#[test]
fn who_signs_in_stays_and_is_known_by_both() {
    let experiment = experiment(json!({"weights": [0, 1, 0]}));
    let before = json!({"device": "d1"});
    let (first, sticky) = get(&experiment, &before, &StickyDocuments::default());
    assert_eq!(first, Some(1));
    let changed = self::experiment(json!({"weights": [0, 0, 1]}));
    let signed_in = json!({"device": "d1", "user": 7});
    let (second, sticky) = get(&changed, &signed_in, &sticky);
    assert_eq!(second, Some(1));
    let (third, _) = get(&changed, &json!({"user": 7}), &sticky);
    assert_eq!(third, Some(1));
    assert_eq!(
        sticky.to_json(),
        json!({
            "device||d1": {"attributeName": "device", "attributeValue": "d1", "assignments": {"e__0": "1"}},
            "user||7": {"attributeName": "user", "attributeValue": "7", "assignments": {"e__0": "1"}},
        })
    );
}

#[test]
fn a_new_version_begins_anew_and_may_keep_the_old_visitors_out() {
    let ann = json!({"user": "ann"});
    let old =
        remembered("user", "ann", json!({"e__1": "2", "e__x": "2", "e__": "1", "else__0": "1"}));
    assert_eq!(get(&experiment(json!({"bucketVersion": 2})), &ann, &old).0, Some(0));
    let blocking = |min: u32| experiment(json!({"bucketVersion": 2, "minBucketVersion": min}));
    assert_eq!(get(&blocking(1), &ann, &old).0, Some(0));
    assert_eq!(get(&blocking(2), &ann, &old), (None, old.clone()));
    // A huge version is no reason to count up to it.
    assert_eq!(get(&blocking(u32::MAX), &ann, &old).0, None);
}

#[test]
fn what_is_odd_or_too_much_is_left_out() {
    let long = "x".repeat(PART_BYTES_MAX + 1);
    let documents: Vec<Value> = (0..DOCUMENTS_MAX + 5)
        .map(|n| json!({"attributeName": "a", "attributeValue": n.to_string(), "assignments": {"e__0": "0"}}))
        .collect();
    let kept = StickyDocuments::read(&json!(documents));
    assert_eq!(kept.documents.len(), DOCUMENTS_MAX);
    let assignments: BTreeMap<String, &str> =
        (0..ASSIGNMENTS_MAX + 5).map(|n| (format!("e__{n}"), "0")).collect();
    let mut full = remembered("a", "b", json!(assignments));
    assert_eq!(full.of(&json!({"a": "b"}), "a").expect("a document").len(), ASSIGNMENTS_MAX);
    let again = StickyAssignment {
        attribute: "a",
        value: "b".into(),
        experiment: "e__1".into(),
        variation: "1",
    };
    assert!(full.remember(&again) && full.has(&again), "what is known may change");
    assert!(!full.remember(&StickyAssignment { experiment: "new__0".into(), ..again.clone() }));
    for odd in [
        json!(null),
        json!("x"),
        json!([1, {"attributeName": "a"}, {"attributeName": 1, "attributeValue": "b"}]),
        json!({"k": {"attributeName": "a", "attributeValue": "b", "assignments": {"e__0": 1}}}),
        json!([{"attributeName": "a", "attributeValue": long, "assignments": {"e__0": "0"}}]),
    ] {
        assert_eq!(StickyDocuments::read(&odd), StickyDocuments::default(), "{odd}");
    }
    // A variation that there is no more is as good as none.
    assert_eq!(
        get(
            &experiment(json!({})),
            &json!({"user": "ann"}),
            &remembered("user", "ann", json!({"e__0": "9"}))
        )
        .0,
        Some(0)
    );
}

#[test]
fn the_documents_that_matter_are_known_before() {
    let (definitions, _) = Definitions::read(&json!({"features": {"f": {"rules": [
        {"variations": [1, 2], "hashAttribute": "user", "fallbackAttribute": "device"},
        {"variations": [1, 2]},
    ]}}}));
    let keys = definitions.sticky_keys(&json!({"user": "ann", "id": 5, "device": null, "x": 1}));
    assert_eq!(keys, ["id||5", "user||ann"]);
    let mut sticky = remembered("user", "ann", json!({"e__0": "1"}));
    sticky.retain(&keys);
    assert_eq!(sticky.documents.len(), 1);
    sticky.retain(&[]);
    assert_eq!(sticky, StickyDocuments::default());
}

proptest! {
    #[test]
    fn what_is_written_is_read(parts in prop::collection::vec(("[a-c]", "[|a-z]{0,3}", "[a-z_0-9]{1,5}", "[0-9]"), 0..20)) {
        let mut sticky = StickyDocuments::default();
        for (attribute, value, experiment, variation) in &parts {
            let assignment = StickyAssignment {
                attribute, value: value.clone(), experiment: experiment.clone(), variation,
            };
            prop_assert_eq!(sticky.remember(&assignment), sticky.has(&assignment));
        }
        prop_assert_eq!(StickyDocuments::read(&sticky.to_json()), sticky);
    }
}
