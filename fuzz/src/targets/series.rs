//! What the function `forecast` is posted: whatever a body says, the answer is a problem, or a
//! forecast that is made of numbers.

use super::texts;
use forecast::exchange;
use serde_json::Value;

/// Words of a body.
pub(super) const WORDS: &[&str] = &[
    "values",
    "times_s",
    "horizon",
    "periods",
    "coverages",
    "model",
    "null",
    "1e308",
    "-1e308",
    "5e-324",
    "theta",
    "mstl",
    "[[",
    "{\"",
];

pub(super) fn bodies() -> Vec<Vec<u8>> {
    texts(&[
        "{\"values\": [1, 2, null, 4, 1, 2, 3, 4, 1, 2, 3, 4], \"horizon\": 3}",
        "{\"values\": [1e308, -1e308, 0, 5e-324], \"coverages\": [0.5, 0.99], \"model\": \"ets\"}",
        "{\"values\": [3, 1, 2, 9], \"times_s\": [180, 60, 120, 1e300], \"periods\": [2]}",
        "{\"values\": [1, 2, 1, 2, 1, 2, 1, 2], \"periods\": [2, 3], \"model\": \"mstl\"}",
        "{\"values\": []}",
    ])
}

/// A body.
pub(super) fn body(data: &[u8]) {
    let reply = exchange::answer(data);
    let json: Value = serde_json::from_slice(&reply.body).expect("an answer is JSON");
    if reply.status != 200 {
        assert!((400..500).contains(&reply.status), "{}", reply.status);
        assert_eq!(json["status"], reply.status);
        return;
    }
    let steps = json["forecast"].as_array().expect("an answer has a forecast");
    assert!(!steps.is_empty());
    for step in steps {
        // What is not finite would have been written as null.
        let value = step["value"].as_f64().expect("a value is a number");
        for interval in step["intervals"].as_array().into_iter().flatten() {
            let bound = |name: &str| interval[name].as_f64().expect("a bound is a number");
            assert!(bound("low") <= value && value <= bound("high"), "{step}");
        }
    }
}
