//! What windows tell, and when.

use crate::{Log, events, manifest, payload, plant, said, tumbling};
use sedge_tests::mqtt::{PATIENCE, Paho};
use sedge_tests::{Node, client, wait_for};
use serde_json::{Value, json};

/// Publishes objects `{"time": …, "v": …}`, one message each, and waits until they are kept.
fn say(device: &mut Paho, topic: &str, events: &[(u64, f64)]) {
    for (time_s, value) in events {
        let payload = json!({ "time": time_s, "v": value }).to_string();
        assert_eq!(device.publish(topic, &payload, 1), 0);
    }
}

fn column(results: &[Value], name: &str) -> Vec<f64> {
    results.iter().map(|one| one[name].as_f64().expect("a number")).collect()
}

#[test]
fn sql_and_keys_give_the_same_by_http_and_by_mqtt() {
    let sql = r#"
        [[window]]
        name = "sql"
        start = "earliest"
        sql = """SELECT device, window_start, window_end, AVG(v) AS mean, COUNT(*)
                 FROM "in/#" GROUP BY device, TUMBLE(time, INTERVAL '10' SECOND)"""
        [[window]]
        name = "http"
        start = "earliest"
        sql = """SELECT device, window_start, window_end, AVG(value) AS mean, COUNT(*)
                 FROM "ingest/+/v" GROUP BY device, TUMBLE(time, '10 s')"""
        "#;
    let node = plant(&tumbling(sql)).start();
    let events: Vec<(u64, f64)> = (0..60).map(|at| (1_000 + at, (at * at % 17) as f64)).collect();
    for name in ["one", "two"] {
        say(&mut Paho::connected(node.mqtt[0], name, json!({})), "in/x", &events);
        let body: Vec<_> = events.iter().map(|(time, v)| json!({ "time": time, "v": v })).collect();
        let body = Value::from(body).to_string();
        let fields = [("content-type", "application/json")];
        let target = format!("/v1/ingest/{name}");
        let answer = client::call(node.listen, "POST", &target, &fields, body.as_bytes());
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let results = said(&node, "windows/plant/w", 10);
    let expected: Vec<f64> = events[..50]
        .chunks(10)
        .map(|ten| ten.iter().map(|(_, value)| value).sum::<f64>() / 10.0)
        .collect();
    assert_eq!(column(&results[..5], "mean"), expected);
    assert_eq!(column(&results[..5], "window_start")[..2], [1_000_000.0, 1_010_000.0]);
    assert_eq!(column(&results, "count"), [10.0; 10]);
    assert_eq!(said(&node, "windows/plant/sql", 10), results);
    assert_eq!(said(&node, "windows/plant/http", 10), results);
}

#[test]
fn late_events_are_told_again_and_results_go_to_mqtt_clients() {
    let more = "lateness_ms = \"1 min\"\npublish = true\nto = \"out/mean\"";
    let node = plant(&tumbling(more)).start();
    let mut watcher = Paho::connected(node.mqtt[0], "watcher", json!({}));
    assert!(watcher.subscribe("out/#", 1) <= 1);
    let mut oven = Paho::connected(node.mqtt[0], "oven", json!({}));
    say(&mut oven, "in/oven", &[(100, 1.0), (111, 5.0), (101, 3.0), (171, 0.0), (102, 9.0)]);
    let mut told = Vec::new();
    for _ in 0..3 {
        let text = watcher.payload();
        let one: Value = serde_json::from_str(&text).expect("JSON");
        told.push((one["mean"].as_f64(), one["count"].as_u64(), one["late"].as_bool()));
    }
    let wanted = [(1.0, 1, false), (2.0, 2, true), (5.0, 1, false)]
        .map(|(m, n, l)| (Some(m), Some(n), Some(l)));
    assert_eq!(told, wanted);
    let letters = said(&node, "late/plant/w", 1);
    assert_eq!(letters[0]["events"][0]["time_ms"], 102_000);
    assert_eq!(node.metrics().sum("sedge_window_results_late_total", &[]), 1.0);
}

#[test]
fn who_is_silent_holds_nobody_up_if_that_is_said() {
    let one_key = |more: &str| tumbling(more).replace("key = [\"device\"]", "key = []");
    let windows = one_key("") + &one_key("idle_ms = \"1 s\"").replace("\"w\"", "\"idle\"");
    let node = plant(&windows).start();
    let mut slow = Paho::connected(node.mqtt[0], "slow", json!({}));
    let mut oven = Paho::connected(node.mqtt[0], "oven", json!({}));
    say(&mut slow, "in/slow", &[(100, 1.0)]);
    say(&mut oven, "in/oven", &[(101, 3.0), (115, 8.0)]);
    // The latest time of all that are silent counts.
    let results = said(&node, "windows/plant/idle", 1);
    assert_eq!((&results[0]["mean"], &results[0]["count"]), (&json!(2.0), &json!(2)));
    said(&node, "windows/plant/w", 0);
}

#[test]
fn sessions_and_counts_are_told_by_key_of_several_fields() {
    let windows = r#"
        [[window]]
        name = "visits"
        start = "earliest"
        from = ["in/#"]
        key = ["site", "n"]
        session = { gap_ms = "5 s" }
        aggregates = [{ compute = "count", name = "many" }, { compute = "rate" }]
        [[window]]
        name = "last"
        start = "earliest"
        from = ["in/#"]
        count = { size = 4, slide = 2 }
        aggregates = [{ compute = "sum", field = "v" }, { compute = "last_value", field = "v" }]
        "#;
    let node = plant(windows).start();
    let mut door = Paho::connected(node.mqtt[0], "door", json!({}));
    for (time, site, n, v) in [(1, "a", 1, 1), (2, "a", 2, 2), (3, "a", 1, 3), (20, "a", 1, 4)] {
        let payload = json!({ "time": time, "site": site, "n": n, "v": v }).to_string();
        assert_eq!(door.publish("in/door", &payload, 1), 0);
    }
    let visits = said(&node, "windows/plant/visits", 1);
    let wanted = json!({ "site": "a", "n": 1, "window_start": 1_000, "window_end": 8_000,
                         "many": 2, "rate": 2.0 / 7.0, "late": false });
    assert_eq!(visits, [wanted]);
    let last = said(&node, "windows/plant/last", 2);
    assert_eq!(column(&last, "sum_v"), [3.0, 10.0]);
    assert_eq!(column(&last, "last_value_v"), [2.0, 4.0]);
}

#[test]
fn changes_and_anomalies_are_told_and_the_usual_is_not() {
    let windows = tumbling("emit = { change = \"mean\", absolute = 5 }")
        + &tumbling("emit = { anomaly = \"mean\" }").replace("\"w\"", "\"odd\"");
    let node = plant(&windows).start();
    let mut oven = Paho::connected(node.mqtt[0], "oven", json!({}));
    let level = |at: u64| if at == 35 { 90.0 } else { 20.0 + (at * 7 % 5) as f64 };
    let events: Vec<(u64, f64)> = (0..41).map(|at| (at * 10, level(at))).collect();
    say(&mut oven, "in/oven", &events);
    let changed = said(&node, "windows/plant/w", 3);
    assert_eq!(column(&changed, "mean"), [20.0, 90.0, 22.0]);
    let odd = said(&node, "windows/plant/odd", 1);
    assert_eq!(odd[0]["mean"], 90.0);
    assert!(odd[0]["score"].as_f64() >= Some(0.8), "{odd:?}");
    let held = node.metrics().sum("sedge_window_results_held_total", &[("window", "w")]);
    assert_eq!(held, 37.0);
}

/// Waits until a window was begun so often.
fn runs(node: &Node, times: usize) {
    let begun = || node.log().matches("a window runs").count();
    assert!(wait_for(PATIENCE, || begun() >= times).is_some(), "{}", node.log());
}

#[test]
fn another_declaration_begins_anew_and_another_topic_goes_on() {
    let mut node = plant(&tumbling("")).start();
    let mut oven = Paho::connected(node.mqtt[0], "oven", json!({}));
    say(&mut oven, "in/oven", &[(100, 1.0)]);
    assert!(wait_for(PATIENCE, || events(&node, "added") >= 1.0).is_some());
    // Where results go is nothing that the state depends on.
    node.rewrite("plant", &manifest(&tumbling("to = \"out\"\nlateness_ms = 5")));
    runs(&node, 2);
    say(&mut oven, "in/oven", &[(101, 3.0), (110, 7.0)]);
    assert_eq!(said(&node, "out", 1)[0]["mean"], 2.0);
    node.allow("a window begins anew");
    node.rewrite("plant", &manifest(&tumbling("to = \"out\"").replace("avg", "sum")));
    node.wait_log("a window begins anew: what was open is dropped", PATIENCE);
    runs(&node, 3);
    say(&mut oven, "in/oven", &[(112, 4.0), (120, 0.0)]);
    let all = said(&node, "out", 2);
    assert_eq!((&all[1]["mean"], &all[1]["count"]), (&json!(4.0), &json!(1)));
    // Whoever is not there any more says nothing.
    node.rewrite(
        "plant",
        "app.name = \"plant\"\n[[window]]\nname = \"other\"\nfrom = [\"y\"]\n\
                           tumble.size_ms = 1\naggregates = [{ compute = \"count\" }]\n",
    );
    runs(&node, 4);
    let before = events(&node, "added");
    for time in [200, 300] {
        // Nobody wants it, not even the log: 16.
        assert_eq!(oven.publish("in/oven", &format!(r#"{{"time": {time}, "v": 1}}"#), 1), 16);
    }
    assert_eq!(oven.publish("y", "1", 1), 0);
    assert!(wait_for(PATIENCE, || events(&node, "added") > before).is_some(), "it runs");
    let said: Vec<Value> = Log::default().more(&node);
    assert_eq!(said.iter().filter(|one| one["topic"] == "out").map(payload).count(), 2);
}
