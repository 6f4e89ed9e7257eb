use super::super::reader::SavedGroups;
use super::*;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;
use serde_json::json;

#[track_caller]
fn experiment(value: Value) -> Experiment {
    let (experiment, findings) = Experiment::read(&value, &SavedGroups::default());
    assert_eq!(findings.mistakes, [], "{value}");
    experiment.expect("an experiment")
}

/// What a visitor gets: the index of the variation, if any, and how many exposures.
fn get(experiment: &Experiment, visitor: &Visitor<'_>) -> (Option<usize>, usize) {
    let definitions = Definitions::default();
    let mut notes = Notes::default();
    let assignment = definitions.assign(experiment, visitor, &mut notes);
    (assignment.is_in.then_some(assignment.index), notes.exposures.len())
}

#[test]
fn visitors_are_divided_by_the_weights() {
    let experiment = experiment(
        json!({"key": "e", "variations": [0, 1, 2], "weights": [0.2, 0.3, 0.5], "hashVersion": 2}),
    );
    let mut counts = [0_i32; 3];
    for n in 0..10_000 {
        let attributes = json!({"id": format!("v{n}")});
        let (index, exposures) = get(&experiment, &Visitor::new(&attributes));
        counts[index.expect("everybody takes part")] += 1;
        assert_eq!(exposures, 1);
    }
    for (count, expected) in counts.iter().zip([2_000, 3_000, 5_000]) {
        // Four standard deviations of a binomial count are at most 200.
        assert!((count - expected).abs() < 200, "{counts:?}");
    }
}

#[test]
fn experiments_beside_each_other_are_independent() {
    let [one, other] = ["one", "other"]
        .map(|key| experiment(json!({"key": key, "variations": [0, 1], "hashVersion": 2})));
    let mut counts = [0_i32; 4];
    for n in 0..10_000 {
        let attributes = json!({"id": format!("v{n}")});
        let index = |experiment| get(experiment, &Visitor::new(&attributes)).0.expect("in");
        counts[index(&one) * 2 + index(&other)] += 1;
    }
    assert!(counts.iter().all(|count| (count - 2_500).abs() < 180), "{counts:?}");
}

#[test]
fn who_decides_comes_before_chance_and_is_no_exposure() {
    let experiment = experiment(json!({"key": "e", "variations": [0, 1], "weights": [1, 0]}));
    let attributes = json!({"id": "ann"});
    let visitor = Visitor::new(&attributes);
    assert_eq!(get(&experiment, &visitor), (Some(0), 1));
    let asks = Visitor { url: "/?e=1", ..visitor };
    assert_eq!(get(&experiment, &asks), (Some(1), 0));
    assert_eq!(get(&experiment, &Visitor { may_override: false, ..asks }), (Some(0), 1));
    for (index, got) in [(1, Some(1)), (2, None), (-1, None), (i64::MIN, None)] {
        let forced = BTreeMap::from([("e".into(), index)]);
        let visitor = Visitor { forced: Some(&forced), ..visitor };
        assert_eq!(get(&experiment, &visitor), (got, 0));
        assert_eq!(get(&experiment, &Visitor { url: "/?e=0", ..visitor }), (Some(0), 0));
    }
    assert_eq!(get(&experiment, &Visitor { is_qa: true, ..visitor }), (None, 0));
    assert_eq!(get(&experiment, &Visitor { is_enabled: false, ..asks }), (None, 0));
}

#[test]
fn who_is_not_meant_takes_no_part() {
    let with = |members: Value| {
        let mut value = json!({"key": "e", "variations": [0, 1]});
        value.as_object_mut().expect("an object").extend(members.as_object().expect("one").clone());
        experiment(value)
    };
    let attributes = json!({"id": "ann", "country": "DE", "zero": 0, "list": ["x"]});
    let visitor = Visitor { url: "https://a.org/shop", ..Visitor::new(&attributes) };
    for (members, is_in) in [
        (json!({}), true),
        (json!({"condition": {"country": "DE"}}), true),
        (json!({"condition": {"country": "FR"}}), false),
        (json!({"hashAttribute": "zero"}), false),
        (json!({"hashAttribute": "list"}), false),
        (json!({"hashAttribute": "none", "fallbackAttribute": "id"}), false),
        (json!({"active": false}), false),
        (json!({"status": "draft"}), false),
        (json!({"status": "stopped"}), false),
        (json!({"status": "stopped", "force": 1}), true),
        (json!({"coverage": 0}), false),
        (json!({"coverage": 0, "force": 1}), false),
        (json!({"namespace": ["n", 0, 1]}), true),
        (json!({"namespace": ["n", 0, 0]}), false),
        (json!({"filters": [], "namespace": ["n", 0, 0]}), true),
        (json!({"filters": [{"seed": "s", "ranges": []}]}), false),
        (json!({"filters": [{"seed": "s", "ranges": [[0, 1]], "attribute": "none"}]}), false),
        (json!({"parentConditions": [{"id": "none", "condition": {"value": null}}]}), true),
        (json!({"parentConditions": [{"id": "none", "condition": {"value": 1}}]}), false),
        (json!({"urlPatterns": [{"type": "regex", "pattern": "^/shop$"}]}), true),
        (json!({"urlPatterns": [{"type": "simple", "pattern": "/blog/*"}]}), false),
        (json!({"urlPatterns": []}), false),
        (json!({"variations": [1]}), false),
        (json!({"ranges": [[0, 0], [0, 0], [0, 1]]}), false),
    ] {
        let experiment = match members.get("ranges") {
            // One range too many is a mistake that is told; it puts nobody anywhere.
            Some(_) => Experiment::read(
                &json!({"key": "e", "variations": [0, 1], "ranges": members["ranges"]}),
                &SavedGroups::default(),
            )
            .0
            .expect("an experiment"),
            None => with(members.clone()),
        };
        assert_eq!(get(&experiment, &visitor).0.is_some(), is_in, "{members}");
    }
}

#[test]
fn redirects_do_not_lead_in_a_circle() {
    let page = |key: &str, pattern: &str, to: &str| {
        json!({"key": key, "variations": [{}, {"urlRedirect": to}], "weights": [0, 1],
               "urlPatterns": [{"type": "simple", "pattern": pattern}], "persistQueryString": true})
    };
    let (definitions, _) = Definitions::read(&json!({"experiments": [
        {"key": "visual", "variations": [{}, {"css": "a"}], "urlPatterns": [{"type": "simple", "pattern": "/*"}]},
        page("circle", "/a*", "/a2"),
        page("control", "/b", "/c"),
        page("good", "/a", "/new#top"),
    ]}));
    let attributes = json!({"id": "ann"});
    let visitor = Visitor { url: "https://x.org/a?q=1", ..Visitor::new(&attributes) };
    let mut notes = Notes::default();
    let redirect = definitions.redirect(&visitor, &mut notes).expect("a redirect");
    assert_eq!((redirect.experiment.key(), &*redirect.url), ("good", "/new?q=1#top"));
    let seen: Vec<_> = notes.exposures.iter().map(|one| one.experiment).collect();
    assert_eq!(seen, ["circle", "good"]);
    let elsewhere = Visitor { url: "https://x.org/", ..visitor };
    assert!(definitions.redirect(&elsewhere, &mut Notes::default()).is_none());
}
