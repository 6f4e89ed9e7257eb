//! The ready-made function `sensors` on a node, over real temperatures.

use sedge_tests::{Node, client};
use serde_json::{Value, json};
use std::path::Path;

const MANIFEST: &str = r#"
[app]
name = "sensors"
[[function]]
name = "sensors"
source = "{guests}/sensors.wasm"
routes = ["/*"]
"#;

/// Posts readings and gives the report.
fn assess(node: &Node, target: &str, media: &str, body: &str) -> Value {
    let fields = [("content-type", media)];
    let answer = client::call(node.listen, "POST", target, &fields, body.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn score(report: &Value) -> f64 {
    let score = report["anomaly_score"].as_f64().unwrap_or_else(|| panic!("no score: {report}"));
    assert!((0.0..=1.0).contains(&score), "{report}");
    score
}

#[test]
fn readings_become_a_decision() {
    let node = Node::start_sharing(MANIFEST);
    wrong_input_is_the_clients_fault(&node);
    constant_history_has_a_score(&node);
    real_temperatures_are_calm_and_a_spike_is_not(&node);
}

fn wrong_input_is_the_clients_fault(node: &Node) {
    let cases = [
        ("application/json", "{"),
        ("application/json", "[1, 2"),
        ("application/json", "\"text\""),
        ("application/octet-stream", "\0\0"),
    ];
    for (media, body) in cases {
        let fields = [("content-type", media)];
        let answer = client::call(node.listen, "POST", "/", &fields, body.as_bytes());
        assert!((400..500).contains(&answer.status), "{media} {body}: {}", answer.status);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    }
}

fn constant_history_has_a_score(node: &Node) {
    for count in [0, 1, 2, 3, 50] {
        let body = json!(vec![20.0; count]).to_string();
        let report = assess(node, "/", "application/json", &body);
        assert_eq!(score(&report), 0.0, "{count}: {report}");
        assert!(!report.to_string().contains("NaN"));
    }
    let mut readings = vec![20.0; 50];
    readings.push(20.5);
    let jump = assess(node, "/", "application/json", &json!(readings).to_string());
    assert!(score(&jump) > 0.5, "a change after a constant is no surprise: {jump}");
}

fn real_temperatures_are_calm_and_a_spike_is_not(node: &Node) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/sensors/seattle-temps.csv");
    let series = std::fs::read_to_string(path).expect("the example's series");
    let calm = assess(node, "/?unit=F", "text/csv", &series);
    assert_eq!(calm["predictions"].as_array().map(Vec::len), Some(3), "{calm}");
    for prediction in calm["predictions"].as_array().into_iter().flatten() {
        let number = |key: &str| prediction[key].as_f64().unwrap_or(f64::NAN);
        assert!(number("low") <= number("value") && number("value") <= number("high"), "{calm}");
        assert!((20.0..100.0).contains(&number("value")), "{calm}");
    }
    assert_eq!(calm["action_required"], false, "{calm}");
    let spike = format!("{}\n2010/04/01 00:00,95.0\n", series.trim_end());
    let hot = assess(node, "/?unit=F", "text/csv", &spike);
    assert!(score(&hot) > score(&calm) && score(&hot) > 0.8, "{hot}");
    assert_ne!(hot["alert_level"], "normal", "{hot}");
}
