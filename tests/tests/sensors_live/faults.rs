//! Sensors that are stuck, have gaps, wrong clocks or nonsense to say, and nodes that are killed.

use crate::{Plant, alert, calm, counted, device, seen, send, watcher};
use sedge_tests::mqtt::PATIENCE;
use sedge_tests::wait_for;
use serde_json::{Value, json};

#[test]
fn a_value_that_does_not_move_and_readings_without_a_value_are_told() {
    let watch = "plant/+/t stuck=6\nplant/+/u gaps=3";
    let node = Plant { watch, ..Plant::default() }.start();
    let mut alerts = watcher(&node, "seen/#");
    let mut oven = device(&node, "oven");
    send(&mut oven, "plant/oven/t", calm(20.0, 2.0, 20).chain([20.25; 5]));
    // One by one: the value is the sixth of its kind now.
    alerts.silence();
    send(&mut oven, "plant/oven/t", [20.25]);
    let told = alert(&mut alerts, "oven/t", "warning", "stuck");
    assert_eq!((&told["run"], &told["value"]), (&json!(6), &json!(20.25)));
    send(&mut oven, "plant/oven/t", calm(20.0, 2.0, 5));
    alert(&mut alerts, "oven/t", "normal", "clear");
    send(&mut oven, "plant/oven/u", calm(5.0, 1.0, 20));
    for nothing in ["null", "NaN"] {
        assert_eq!(oven.publish("plant/oven/u", nothing, 1), 0);
    }
    alerts.silence();
    assert_eq!(oven.publish("plant/oven/u", r#"{"value": null}"#, 1), 0);
    // Another series: a field has a name.
    alerts.silence();
    assert_eq!(oven.publish("plant/oven/u", "inf", 1), 0);
    let told = alert(&mut alerts, "oven/u", "warning", "gap");
    assert_eq!(told["value"], Value::Null);
    send(&mut oven, "plant/oven/u", calm(5.0, 1.0, 5));
    alert(&mut alerts, "oven/u", "normal", "clear");
}

#[test]
fn what_is_known_of_a_sensor_survives_kills() {
    let watch =
        "plant/+/t learn=100 warning_score=0.6 critical_high=80 snapshot_every=16 assessed=on";
    let rules = "when level = critical on # publish closed to actuators/{device}/valve every 0s";
    let mut node = Plant { watch, rules, ..Plant::default() }.start();
    let (mut seen_all, mut actuators) = (watcher(&node, "seen/#"), watcher(&node, "actuators/#"));
    let mut oven = device(&node, "oven");
    let values: Vec<f64> = calm(20.0, 2.0, 140).collect();
    let mut told = Told::default();
    // Critical from the 120th reading on, and killed three times before and within that.
    for (index, value) in values.iter().enumerate() {
        if [50, 117, 122].contains(&index) {
            node.kill9();
            node.restart();
            (seen_all, actuators) = (watcher(&node, "seen/#"), actuators_again(&node, actuators));
            oven = device(&node, "oven");
        }
        let value = if (120..125).contains(&index) { value + 70.0 } else { *value };
        send(&mut oven, "plant/oven/t", [value]);
        told.until(&mut seen_all, index as u64 + 1);
    }
    // Each reading was judged once, with all that was known before it.
    let readings: Vec<u64> =
        told.assessed.iter().map(|one| one["readings"].as_u64().expect("a number")).collect();
    assert_eq!(readings, (1..=140).collect::<Vec<u64>>());
    let levels: Vec<_> = told.alerts.iter().map(|one| (&one["level"], &one["cause"])).collect();
    assert_eq!(levels[0], (&json!("critical"), &json!("high")), "{levels:?}");
    assert_eq!(levels[1], (&json!("normal"), &json!("clear")), "{levels:?}");
    assert_eq!(levels.len(), 2, "{levels:?}");
    assert_eq!(told.alerts[0]["readings"], json!(121));
    let expected = told.alerts[0]["expected"].as_f64().expect("a number");
    assert!((18.0..22.0).contains(&expected), "{expected}");
    // The valve was told once that matters; once more where the node died before it knew.
    assert_eq!(actuators.payload(), "closed");
}

/// A subscription lives as long as its session, which survives the node.
fn actuators_again(
    node: &sedge_tests::Node,
    before: sedge_tests::mqtt::Paho,
) -> sedge_tests::mqtt::Paho {
    drop(before);
    watcher(node, "actuators/#")
}

/// What was told of a series.
#[derive(Default)]
struct Told {
    assessed: Vec<Value>,
    alerts: Vec<Value>,
}

impl Told {
    /// Reads until so many readings were judged. What was published before a kill may be
    /// published again: QoS 1.
    fn until(&mut self, watcher: &mut sedge_tests::mqtt::Paho, readings: u64) {
        let known = |list: &[Value], one: &Value| {
            list.iter().any(|known| known["position"] == one["position"])
        };
        while self.assessed.last().is_none_or(|last| last["readings"] != json!(readings)) {
            let (topic, told) = seen(watcher);
            let list = if topic.starts_with("seen/alerts/") {
                &mut self.alerts
            } else {
                &mut self.assessed
            };
            if !known(list, &told) {
                list.push(told);
            }
        }
    }
}

#[test]
fn nonsense_becomes_a_dead_letter_and_neighbors_are_watched_on() {
    let plant = Plant { watch: "# critical_high=80", ..Plant::default() };
    let node = plant.scenario().allow("given up").start();
    let mut watching = watcher(&node, "seen/#");
    let (mut bad, mut good) = (device(&node, "bad"), device(&node, "good"));
    let large = format!("[{}1]", "1,".repeat(600));
    let name = format!(r#"[{{"n": "{}", "v": 1}}]"#, "n".repeat(300));
    for (payload, reason) in [
        ("21.5 C", "is not a number; send the number alone, without its unit"),
        ("", "is not a number"),
        ("{", "the payload is not JSON"),
        (r#"{"humidity": 4}"#, "the reading has no field"),
        (r#"{"value": true}"#, "it is a boolean, not a number"),
        (r#"{"value": "warm"}"#, "is not a number"),
        (large.as_str(), "more than 500 readings"),
        (name.as_str(), "its name has more than 256 bytes"),
    ] {
        assert_eq!(bad.publish("plant/bad/t", payload, 1), 0);
        send(&mut good, "plant/good/t", calm(20.0, 2.0, 2));
        let (topic, letter) = seen(&mut watching);
        assert_eq!(topic, "seen/dead-letters/plant/sensors", "{payload:.40}: {letter}");
        let told = letter["reason"].as_str().expect("a reason");
        assert!(told.contains(reason), "{payload:.40}: {told}");
        // It can never be read, so it is not tried again.
        assert_eq!((&letter["tries"], &letter["message"]["device"]), (&json!(1), &json!("bad")));
    }
    // Both are watched on, with all that was good.
    send(&mut good, "plant/good/t", [95.0]);
    assert_eq!(alert(&mut watching, "good/t", "critical", "high")["readings"], json!(17));
    send(&mut bad, "plant/bad/t", [95.0]);
    assert_eq!(alert(&mut watching, "bad/t", "critical", "high")["readings"], json!(1));
    assert_eq!(counted(&node, "sensors", "dead"), 8.0);
}

#[test]
fn a_clock_in_the_past_or_future_changes_nothing_but_what_is_told_of_it() {
    let node = Plant { watch: "# critical_high=80 assessed=on", ..Plant::default() }.start();
    let mut watching = watcher(&node, "seen/#");
    let mut oven = device(&node, "oven");
    let now_s = 1_795_856_400.0;
    let mut count = 0;
    for (phase, clock_s) in [now_s, 0.0, 4_070_908_800.0, now_s].into_iter().enumerate() {
        for (step, value) in calm(20.0, 2.0, 10).enumerate() {
            let hot = phase != 0 && step == 5;
            let value = if hot { 95.0 } else { value };
            let time_s = clock_s + (phase * 100 + step) as f64 * 60.0;
            let payload = json!({ "value": value, "timestamp": time_s }).to_string();
            assert_eq!(oven.publish("plant/oven/t", &payload, 1), 0);
            count += 1;
            let level = loop {
                let (topic, told) = seen(&mut watching);
                if topic == "seen/assessed/oven/value" {
                    assert_eq!((&told["readings"], &told["value"]), (&json!(count), &json!(value)));
                    assert_eq!(told["time_ms"].as_f64(), Some(time_s * 1000.0), "{told}");
                    break told["level"].clone();
                }
                assert_eq!(topic, "seen/alerts/oven/value", "{told}");
            };
            let wanted = if phase != 0 && step >= 5 { "critical" } else { "normal" };
            assert_eq!(level, wanted, "phase {phase}, step {step}");
        }
        // Until the level is normal again.
        for (step, value) in calm(20.0, 2.0, 6).enumerate() {
            let time_s = clock_s + (phase * 100 + 20 + step) as f64 * 60.0;
            let payload = json!({ "value": value, "timestamp": time_s }).to_string();
            assert_eq!(oven.publish("plant/oven/t", &payload, 1), 0);
            count += 1;
        }
        let all = wait_for(PATIENCE, || counted(&node, "sensors", "handled") == f64::from(count));
        assert!(all.is_some());
        while seen(&mut watching).1["readings"] != json!(count) {}
    }
}
