//! Sensors that say nothing any more: somebody looks, called by a schedule.

use crate::{Plant, alert, calm, counted, device, send, watcher};
use sedge_tests::mqtt::PATIENCE;
use sedge_tests::wait_for;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A look each second. The lines of a trigger come last in the function's table.
const LOOKS: &str = "[[function.trigger.schedule]]\nname = \"silence\"\ncron = \"* * * * * *\"";

fn ms(alert: &Value, key: &str) -> u64 {
    alert[key].as_u64().unwrap_or_else(|| panic!("no {key}: {alert}"))
}

#[test]
fn a_sensor_that_falls_silent_is_told_once_and_so_is_its_return() {
    let rules = "when level >= warning on # publish '{cause} {value}' to actuators/{device}/horn";
    let watch = "# silent=8s\nplant/quiet/# silent=off";
    let node = Plant { watch, rules, trigger: LOOKS, ..Plant::default() }.start();
    let (mut alerts, mut horns) = (watcher(&node, "seen/#"), watcher(&node, "actuators/#"));
    let [mut one, mut two, mut quiet] = ["one", "two", "quiet"].map(|name| device(&node, name));
    send(&mut quiet, "plant/quiet/t", [20.0]);
    send(&mut one, "plant/one/t", calm(20.0, 2.0, 3));
    let said = Instant::now();
    let mut calm_two = calm(20.0, 2.0, 100);
    // The other one speaks on, and nothing is told of it.
    while said.elapsed() < Duration::from_secs(3) {
        send(&mut two, "plant/two/t", calm_two.next());
        std::thread::sleep(Duration::from_millis(200));
    }
    alerts.silence();
    let silent = loop {
        send(&mut two, "plant/two/t", calm_two.next());
        std::thread::sleep(Duration::from_millis(200));
        if counted(&node, "echo", "handled") > 0.0 {
            break alert(&mut alerts, "one/t", "warning", "silent");
        }
        assert!(said.elapsed() < PATIENCE, "it was not noticed\n{}", node.log());
    };
    let silence_ms = ms(&silent, "time_ms") - ms(&silent, "since_ms");
    assert!(silence_ms >= 8_000, "{silent}");
    assert_eq!((&silent["value"], &silent["readings"]), (&Value::Null, &json!(3)));
    assert_eq!(silent["before"], "normal");
    assert_eq!(horns.message(), ("actuators/one/horn".into(), "silent null".into(), false));
    // Once, though there are more looks.
    for _ in 0..10 {
        send(&mut two, "plant/two/t", calm_two.next());
        std::thread::sleep(Duration::from_millis(200));
    }
    alerts.silence();
    send(&mut one, "plant/one/t", calm(20.0, 2.0, 5));
    let back = alert(&mut alerts, "one/t", "warning", "recovered");
    assert_eq!(ms(&back, "since_ms"), ms(&silent, "since_ms"));
    let cleared = alert(&mut alerts, "one/t", "normal", "clear");
    assert_eq!(cleared["readings"], json!(8));
    horns.silence();
    assert_eq!(counted(&node, "sensors", "dead"), 0.0);
    assert_eq!(
        node.metrics().sum("sedge_trigger_ticks_failed_total", &[("function", "sensors")]),
        0.0
    );
}

/// What was told before a kill is not told again, and who has spoken is not blamed for the time
/// in which nobody was there to hear it.
#[test]
fn silence_is_told_once_over_kills_and_never_for_the_time_that_the_node_was_off() {
    let mut node = Plant { watch: "# silent=6s", trigger: LOOKS, ..Plant::default() }.start();
    let mut alerts = watcher(&node, "seen/#");
    let mut one = device(&node, "one");
    send(&mut one, "plant/one/t", calm(20.0, 2.0, 3));
    alert(&mut alerts, "one/t", "warning", "silent");
    let mut two = device(&node, "two");
    send(&mut two, "plant/two/t", calm(20.0, 2.0, 3));
    node.kill9();
    std::thread::sleep(Duration::from_secs(8));
    node.restart();
    let begin = Instant::now();
    let mut alerts = watcher(&node, "seen/#");
    let mut two = device(&node, "two");
    let mut sent = 0;
    for value in calm(20.0, 2.0, 100) {
        send(&mut two, "plant/two/t", [value]);
        sent += 1;
        if begin.elapsed() > Duration::from_secs(9) {
            break;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    let handled = wait_for(PATIENCE, || counted(&node, "sensors", "handled") >= f64::from(sent));
    assert!(handled.is_some());
    // At least once: what was published just before the kill may come again.
    let told = told_of(&mut alerts);
    assert!(told.iter().all(|(device, cause)| device == "one" && cause == "silent"), "{told:?}");
    assert!(told.len() <= 1, "{told:?}");
    // Who falls silent now is told, and the other one, when it is back.
    let mut one = device(&node, "one");
    send(&mut one, "plant/one/t", [20.5]);
    alert(&mut alerts, "one/t", "warning", "recovered");
    let mut both = [(); 2].map(|()| {
        let (topic, told) = crate::seen(&mut alerts);
        assert_eq!(told["cause"], "silent", "{told}");
        topic
    });
    both.sort();
    assert_eq!(both, ["seen/alerts/one/t", "seen/alerts/two/t"]);
}

/// What has been told so far, as device and cause: a message of the test's own ends it.
fn told_of(alerts: &mut sedge_tests::mqtt::Paho) -> Vec<(String, String)> {
    alerts.tell(&json!({ "do": "publish", "topic": "seen/end", "payload": "\"end\"", "qos": 1 }));
    let mut all = Vec::new();
    loop {
        let (topic, told) = crate::seen(alerts);
        if topic == "seen/end" {
            return all;
        }
        let text = |key: &str| told[key].as_str().unwrap_or("?").to_owned();
        all.push((text("device"), text("cause")));
    }
}
