use super::*;
use serde_json::json;

/// Cases of ours: one of each group.
fn cases() -> Value {
    json!({
        "specVersion": "0.7.9",
        "evalCondition": [["staff", {"id": {"$inGroup": "g"}}, {"id": 1}, true, {"g": [1]}]],
        "hash": [["", "a", 7, null]],
        "getBucketRange": [["thirds", [3, 1, null], [[0, 0.33333333], [0.33333333, 0.66666667], [0.66666667, 1]]]],
        "feature": [["none", {}, "x", {"value": null, "on": false, "off": true, "source": "unknownFeature", "ruleId": ""}]],
        "run": [["one", {}, {"key": "k", "variations": [{"a": 1}]}, {"a": 1.0}, false, false]],
        "chooseVariation": [["none", 0.5, [[0, 0.5]], -1]],
        "getQueryStringOverride": [["one", "k", "?k=1", 2, 1]],
        "inNamespace": [["all", "x", ["n", 0, 1], true]],
        "getEqualWeights": [[-3, []]],
        "decrypt": [["nothing", "", "", null]],
        "stickyBucket": [["nothing", {}, [], "x", null, {}]],
        "urlRedirect": [["nowhere", {"url": "/"}, []]],
    })
}

#[test]
fn every_group_is_judged() {
    for outcome in outcomes(&cases()).expect("groups") {
        assert!(outcome.failed.is_empty(), "{:?}", outcome.failed);
        assert_eq!(outcome.passed, 1, "{}", outcome.group);
    }
}

#[test]
fn what_is_not_as_expected_fails() {
    let mut cases = cases();
    for (group, _) in GROUPS {
        let case = cases[*group][0].as_array_mut().expect("a case");
        let last = if *group == "evalCondition" { 3 } else { case.len() - 1 };
        case[last] = json!("something else");
    }
    for outcome in outcomes(&cases).expect("groups") {
        assert_eq!((outcome.passed, outcome.failed.len()), (0, 1), "{}", outcome.group);
    }
}

#[test]
fn groups_that_are_missing_or_unknown_are_errors() {
    let mut fewer = cases();
    fewer.as_object_mut().expect("an object").remove("hash");
    let mut more = cases();
    more["bandit"] = json!([]);
    let mut odd = cases();
    odd["hash"][0] = json!([1]);
    for (cases, told) in [
        (fewer, "`hash`"),
        (more, "`bandit`"),
        (odd, "a case of `hash`"),
        (json!([]), "not an object"),
    ] {
        let error = format!("{:#}", outcomes(&cases).map(|_| ()).expect_err("an error"));
        assert!(error.contains(told), "{error}");
    }
}
