//! What cannot be run is told before anything is served; what cannot be read, or comes too
//! late, is told on a topic.

use crate::{events, plant, said, tumbling};
use sedge_tests::mqtt::{PATIENCE, Paho};
use sedge_tests::wait_for;
use serde_json::json;

#[test]
fn a_window_that_cannot_be_is_told_with_its_lines() {
    let more = "late = \"in/late\"\nemit = { change = \"median\" }\n\
                [[window]]\nname = \"q\"\nsql = \"SELECT device FROM t WHERE a > 1\"\n\
                [[window]]\nname = \"fine\"\nfrom = [\"x\"]\nhop = { slide_ms = 1, size_ms = \
                \"1 h\" }\naggregates = [{ compute = \"count\" }]";
    let (status, log) = plant(&tumbling(more)).allow("").fail_to_start();
    assert!(!status.success());
    for message in [
        "the window would be fed with its own late events",
        "no aggregate has the name `median`",
        "there are `mean` and `count`",
        "a window has no WHERE (line 1, column 28)",
        "a window is more than 1,440 times its common measure with the slide",
    ] {
        assert!(log.contains(message), "{message}: {log}");
    }
}

#[test]
fn what_is_in_no_window_lies_on_a_topic_with_its_reason() {
    let node = plant(&tumbling("late = \"aside\"\nfuture_ms_max = \"1 min\"")).start();
    let mut oven = Paho::connected(node.mqtt[0], "oven", json!({}));
    let now_ms = std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_millis() as u64;
    let far = format!(r#"{{"v": 1, "time": {}}}"#, now_ms + 3_600_000);
    for (payload, reason) in [
        ("not json", "format"),
        ("NaN", "format"),
        (r#"{"v": NaN}"#, "format"),
        (r#"{"v": 1"#, "format"),
        (r#"{"other": 1}"#, "field"),
        (r#"{"v": "hot"}"#, "value"),
        (r#"{"v": 1e200}"#, "value"),
        (r#"{"v": 1, "time": "yesterday"}"#, "time"),
        (&far, "future"),
        // Two that are well, and one that is too late for them.
        (r#"[{"v": 1, "time": 100}, {"v": 2, "time": 120}, {"v": 3, "time": 105}]"#, "late"),
    ] {
        assert_eq!(oven.publish("in/oven", payload, 1), 0);
        assert!(wait_for(PATIENCE, || events(&node, reason) > 0.0).is_some(), "{payload}");
    }
    let letters = said(&node, "aside", 10);
    let reasons: Vec<_> = letters.iter().map(|one| one["reason"].as_str().expect("one")).collect();
    let wanted = [
        "format", "format", "format", "format", "field", "value", "value", "time", "future", "late",
    ];
    assert_eq!(reasons, wanted);
    assert_eq!(letters[0]["message"]["payload"], "not json");
    assert_eq!(letters[0]["message"]["device"], "oven");
    assert_eq!(letters[0]["window"], "plant/windows/w");
    let late = &letters[9];
    assert_eq!(late["events"], json!([{ "index": 2, "reason": "late", "time_ms": 105_000 }]));
    let results = said(&node, "windows/plant/w", 1);
    let wanted = json!({ "device": "oven", "window_start": 100_000, "window_end": 110_000,
                         "mean": 1.0, "count": 1, "late": false });
    assert_eq!(results, [wanted]);
    assert_eq!((events(&node, "added"), events(&node, "format")), (2.0, 4.0));
    assert_eq!(node.metrics().sum("sedge_window_results_total", &[]), 1.0);
    assert_eq!(node.metrics().sum("sedge_window_stopped", &[]), 0.0);
}
