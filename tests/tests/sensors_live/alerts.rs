//! What is told and done, and when.

use crate::hook::Hook;
use crate::{FRONT, Plant, alert, calm, counted, device, seen, send, watcher};
use sedge_tests::mqtt::{PATIENCE, publish};
use sedge_tests::{Node, Scenario, wait_for};
use serde_json::json;

const OVENS: &str = "plant/+/temperature critical_high=80 warning_high=70";

/// The example in `examples/sensors/live`, as it stands but for how it is built, and what its
/// guide says that happens.
#[test]
fn the_example_does_what_its_guide_says() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/sensors/live/sedge.toml");
    let text = std::fs::read_to_string(example).expect("the example");
    let (before, rest) = text.split_once("[function.build]").expect("how it is built");
    let (_, after) = rest.split_once("\n\n").expect("an end of that");
    let source = |line: &str| line.starts_with("source = ");
    let lines = before.lines().map(|line| if source(line) { SOURCE } else { line });
    let manifest = lines.chain(after.lines()).collect::<Vec<_>>().join("\n");
    const SOURCE: &str = "source = \"{guests}/sensors.wasm\"";
    let node = Scenario::new().share_code().config(FRONT).app("live", &manifest).start();
    let mut actuators = watcher(&node, "actuators/#");
    for value in ["21", "21.2", "20.9", "95"] {
        let words = ["-q", "1", "-i", "oven", "-t", "plant/oven/temperature", "-m", value];
        let output = publish(node.mqtt[0], &words);
        assert!(output.status.success(), "{output:?}");
    }
    let (topic, payload, retained) = actuators.message();
    assert_eq!((topic.as_str(), retained), ("actuators/oven/valve", false));
    assert_eq!(payload, r#"{"valve": "closed", "because": 95}"#);
    let records = sedge_tests::client::get(node.admin, "/v1/streams/records?from=0");
    let text = records.text();
    assert!(text.contains("\"alerts/oven/temperature\""), "{text}");
    // A GET says what is wrong with the settings: nothing.
    assert!(!node.text("/").contains("SENSORS_WATCH, "), "{}", node.text("/"));
}

#[test]
fn a_spike_is_an_alert_with_its_reason_an_action_and_a_call_and_calm_is_none() {
    // It cannot be reached twice, and then it can.
    let hook = Hook::start(&[503, 429]);
    let rules = format!(
        r#"
when level = critical on plant/+/temperature publish '{{"close": {{value}}, "by": "{{device}}"}}' to actuators/{{device}}/valve
when value > 90 on plant/+/temperature publish OFF to actuators/{{device}}/heater at-once
when level >= warning on plant/# call http://{}/hook?a=1
"#,
        hook.address
    );
    let node = Plant { watch: OVENS, rules: &rules, hook: Some(hook.address), ..Plant::default() };
    let node = node.start();
    let (mut alerts, mut actuators) = (watcher(&node, "seen/#"), watcher(&node, "actuators/#"));
    let mut oven = device(&node, "oven");
    send(&mut oven, "plant/oven/temperature", calm(21.0, 2.0, 40));
    assert!(wait_for(PATIENCE, || counted(&node, "sensors", "handled") == 40.0).is_some());
    alerts.silence();
    actuators.silence();
    hook.silence();
    send(&mut oven, "plant/oven/temperature", [95.0]);
    let told = alert(&mut alerts, "oven/temperature", "critical", "high");
    for (key, want) in [
        ("before", json!("normal")),
        ("device", json!("oven")),
        ("topic", json!("plant/oven/temperature")),
        ("value", json!(95.0)),
        ("readings", json!(41)),
    ] {
        assert_eq!(told[key], want, "{key} in {told}");
    }
    assert!((18.0..24.0).contains(&told["expected"].as_f64().expect("a number")), "{told}");
    let mut acted = [actuators.message(), actuators.message()];
    acted.sort();
    let heater = ("actuators/oven/heater".to_owned(), "OFF".to_owned(), false);
    let closed = r#"{"close": 95, "by": "oven"}"#.to_owned();
    assert_eq!(acted, [heater, ("actuators/oven/valve".to_owned(), closed, false)]);
    // The call is made until it was taken, by one key.
    let tries = [hook.call(), hook.call(), hook.call()];
    for call in &tries {
        assert!(call.head.starts_with("post /hook?a=1 http/1.1\r\n"), "{call:?}");
        let key = call.field("idempotency-key").expect("a key");
        assert_eq!(Some(key), tries[0].field("idempotency-key"));
        let body: serde_json::Value = serde_json::from_str(&call.body).expect("JSON");
        assert_eq!((&body["level"], &body["value"]), (&json!("critical"), &json!(95.0)));
    }
    hook.silence();
    assert_eq!(counted(&node, "webhooks", "retried"), 2.0);
    assert_eq!(counted(&node, "webhooks", "dead"), 0.0);
}

/// One reading above a warning threshold is none yet; two in a row are.
#[test]
fn a_warning_waits_for_a_second_reading_and_its_end_for_the_fifth() {
    let node = Plant { watch: OVENS, ..Plant::default() }.start();
    let mut alerts = watcher(&node, "seen/#");
    let mut oven = device(&node, "oven");
    let topic = "plant/oven/temperature";
    send(&mut oven, topic, calm(60.0, 2.0, 20).chain([75.0, 60.2, 75.1, 60.4]));
    assert!(wait_for(PATIENCE, || counted(&node, "sensors", "handled") == 24.0).is_some());
    alerts.silence();
    send(&mut oven, topic, [75.0, 75.5]);
    let raised = alert(&mut alerts, "oven/temperature", "warning", "high");
    assert_eq!((&raised["value"], &raised["readings"]), (&json!(75.5), &json!(26)));
    assert!(raised["since_ms"].as_u64() <= raised["time_ms"].as_u64(), "{raised}");
    send(&mut oven, topic, calm(50.0, 2.0, 4));
    alerts.silence();
    send(&mut oven, topic, [50.1]);
    let cleared = alert(&mut alerts, "oven/temperature", "normal", "clear");
    assert_eq!((&cleared["before"], &cleared["readings"]), (&json!("warning"), &json!(31)));
}

#[test]
fn a_value_that_is_noisy_around_its_threshold_is_told_once() {
    let rules = "when level = critical on # publish closed to actuators/{device}/valve every 0s\n\
                 when level = normal on # publish open to actuators/{device}/valve every 0s";
    let node = Plant { watch: OVENS, rules, ..Plant::default() }.start();
    let (mut alerts, mut actuators) = (watcher(&node, "seen/#"), watcher(&node, "actuators/#"));
    let mut oven = device(&node, "oven");
    let topic = "plant/oven/temperature";
    // Around 80 by 3 either way, so that half of them are beyond.
    let noisy: Vec<f64> = calm(80.0, 6.0, 120).collect();
    let crossings = noisy.windows(2).filter(|two| (two[0] > 80.0) != (two[1] > 80.0)).count();
    assert!(crossings > 30, "it is not noisy: {crossings}");
    send(&mut oven, topic, noisy);
    assert!(wait_for(PATIENCE, || counted(&node, "sensors", "handled") == 120.0).is_some());
    let (_, first) = seen(&mut alerts);
    // It may have been a warning before the first reading beyond 80.
    if first["level"] == "warning" {
        alert(&mut alerts, "oven/temperature", "critical", "high");
    }
    alerts.silence();
    assert_eq!(actuators.payload(), "closed");
    actuators.silence();
    send(&mut oven, topic, calm(40.0, 6.0, 30));
    loop {
        let (_, told) = seen(&mut alerts);
        assert_eq!(told["cause"], "clear", "{told}");
        if told["level"] == "normal" {
            break;
        }
    }
    assert_eq!(actuators.payload(), "open");
    alerts.silence();
    actuators.silence();
}

/// Two sensors on topics of one pattern, and two values of one message.
#[test]
fn series_do_not_mix() {
    let watch = "plant/+/temperature critical_high=80\nplant/+/pack field=* critical_high=10";
    let rules = "when level = critical on # publish {name} to actuators/{device}/valve";
    let node = Plant { watch, rules, ..Plant::default() }.start();
    let (mut alerts, mut actuators) = (watcher(&node, "seen/#"), watcher(&node, "actuators/#"));
    let (mut one, mut two) = (device(&node, "one"), device(&node, "two"));
    for (cold, hot) in calm(20.0, 2.0, 30).zip(calm(75.0, 2.0, 30)) {
        send(&mut one, "plant/one/temperature", [cold]);
        send(&mut two, "plant/two/temperature", [hot]);
    }
    assert!(wait_for(PATIENCE, || counted(&node, "sensors", "handled") == 60.0).is_some());
    alerts.silence();
    send(&mut two, "plant/two/temperature", [95.0]);
    let told = alert(&mut alerts, "two/temperature", "critical", "high");
    assert!((70.0..80.0).contains(&told["expected"].as_f64().expect("a number")), "{told}");
    assert_eq!((&told["device"], &told["readings"]), (&json!("two"), &json!(31)));
    let acted = ("actuators/two/valve".to_owned(), "temperature".to_owned(), false);
    assert_eq!(actuators.message(), acted);
    send(&mut one, "plant/one/temperature", [20.5]);
    // Who speaks on another's topic has a series of its own, which is not critical.
    send(&mut one, "plant/two/temperature", [30.0]);
    assert_eq!(one.publish("plant/one/pack", r#"{"a": 1, "b": 99, "note": "x"}"#, 1), 0);
    let told = alert(&mut alerts, "one/b", "critical", "high");
    assert_eq!((&told["readings"], &told["before"]), (&json!(1), &json!("normal")));
    assert_eq!(actuators.payload(), "b");
    alerts.silence();
    actuators.silence();
}

/// Readings that were sent again by a device that numbers them are one reading.
#[test]
fn what_is_sent_again_is_one_reading() {
    let node: Node = Plant { watch: "# assessed=on", ..Plant::default() }.start();
    let mut assessed = watcher(&node, "seen/assessed/#");
    let mut pump = device(&node, "pump");
    for sequence in [0, 1, 1, 0, 2] {
        let user =
            json!({ "user": [["sedge-epoch", "7"], ["sedge-sequence", sequence.to_string()]] });
        let value = format!("2{sequence}.5");
        assert_eq!(pump.publish_with("plant/pump/bar", &value, 1, user), 0);
    }
    for reading in 1..=3 {
        let (_, told) = seen(&mut assessed);
        let value = f64::from(19 + reading) + 0.5;
        assert_eq!((&told["readings"], &told["value"]), (&json!(reading), &json!(value)));
    }
    assessed.silence();
}
