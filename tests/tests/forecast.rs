//! The ready-made function `forecast` on a node, over a series that everybody knows: monthly
//! totals of airline passengers, 1957 to 1959 (Box & Jenkins 1970, series G).

use sedge_tests::{Node, client};
use serde_json::{Value, json};

const MANIFEST: &str = r#"
[app]
name = "forecast"
[[function]]
name = "forecast"
source = "{guests}/forecast.wasm"
routes = ["/*"]
"#;

const PASSENGERS: [u32; 36] = [
    315, 301, 356, 348, 355, 422, 465, 467, 404, 347, 305, 336, 340, 318, 362, 348, 363, 435, 491,
    505, 404, 359, 310, 337, 360, 342, 406, 396, 420, 472, 548, 559, 463, 407, 362, 405,
];
/// What came then.
const NEXT: [f64; 3] = [417.0, 391.0, 419.0];

fn ask(node: &Node, question: &Value) -> client::Answer {
    let fields = [("content-type", "application/json")];
    client::call(node.listen, "POST", "/", &fields, question.to_string().as_bytes())
}

#[test]
fn a_series_becomes_a_forecast() {
    let node = Node::start_sharing(MANIFEST);
    wrong_questions_are_the_clients_fault(&node);
    short_series_are_answered(&node);
    passengers_are_forecast(&node);
}

fn wrong_questions_are_the_clients_fault(node: &Node) {
    for (question, status) in [
        (json!([1, 2, 3]), 400),
        (json!({"values": "1,2,3"}), 400),
        (json!({"values": [1, 2], "horizon": 0}), 400),
        (json!({"values": [1, 2], "model": "oracle"}), 400),
        (json!({"values": []}), 422),
        (json!({"values": [null, null]}), 422),
        (json!({"values": vec![0; 20_001]}), 413),
    ] {
        let answer = ask(node, &question);
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    }
    let csv = client::call(node.listen, "POST", "/", &[("content-type", "text/csv")], b"1,2");
    assert_eq!(csv.status, 415);
    let usage = client::call(node.listen, "GET", "/", &[], b"");
    assert!(usage.status == 200 && usage.text().contains("coverages"), "{}", usage.text());
}

fn short_series_are_answered(node: &Node) {
    for count in 1..4 {
        let answer = ask(node, &json!({"values": vec![7.5; count], "horizon": 2}));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let value = answer.json()["forecast"][1]["value"].as_f64();
        assert!(value.is_some_and(|value| (value - 7.5).abs() < 1e-6), "{}", answer.text());
    }
}

fn passengers_are_forecast(node: &Node) {
    let question =
        json!({"values": PASSENGERS.to_vec(), "horizon": 3, "coverages": [0.9], "periods": [12]});
    let answer = ask(node, &question);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let report = answer.json();
    let strength = report["periods"][0]["strength"].as_f64();
    assert!(strength > Some(0.9), "the cycle is strong: {report}");
    for (step, came) in NEXT.into_iter().enumerate() {
        let said = &report["forecast"][step];
        let value = said["value"].as_f64().expect("a value");
        assert!((value - came).abs() < 0.1 * came, "{step}: {said}, {came} came");
        let bound = |name: &str| said["intervals"][0][name].as_f64().expect("a bound");
        assert!((bound("low")..=bound("high")).contains(&value), "{said}");
    }
}
