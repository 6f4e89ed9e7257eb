//! Edge nodes of Sparkplug B, by the Python library pysparkplug.

use sedge_tests::mqtt::{EdgeNode, PATIENCE, Paho, publish};
use sedge_tests::{Node, Scenario, client, wait_for};
use serde_json::{Value, json};

const CONFIG: &str = "[[mqtt]]\nlisten = \"127.0.0.1:0\"\n[broker]\nanonymous = true\n\
                      [streams.sparkplug]\nhost = \"gate\"\n";

/// What the log has: topic, device, and the value of the reading.
fn readings(node: &Node) -> Vec<(String, String, Value)> {
    let page = client::get(node.admin, "/v1/streams/records?from=0");
    assert_eq!(page.status, 200, "{}", page.text());
    let page = page.json();
    let items = page["items"].as_array().expect("a list").iter();
    let reading = |item: &Value| {
        assert_eq!(item["content_type"], "application/senml+json", "{item}");
        let payload = item["payload"].as_str().expect("text");
        let pack: Value = serde_json::from_str(payload).expect("SenML");
        let text = |name: &str| item[name].as_str().expect("text").to_owned();
        let value = ["v", "vb", "vs"].iter().find_map(|key| pack[0].get(*key)).cloned();
        (text("topic"), text("device"), value.unwrap_or_default())
    };
    items.map(reading).collect()
}

/// Waits until the last reading of a topic has this value.
fn wait_last(node: &Node, topic: &str, value: &Value) {
    wait_for(PATIENCE, || {
        let readings = readings(node);
        let last = readings.iter().rfind(|(of, ..)| of == topic);
        last.is_some_and(|(.., last)| last == value)
    })
    .unwrap_or_else(|| panic!("{topic} is not {value}: {:?}", readings(node)));
}

#[test]
fn what_edge_nodes_say_becomes_readings() {
    let mut node = Scenario::new().config(CONFIG).start();
    let mut edge = EdgeNode::new(node.mqtt[0]);
    edge.tell(json!({ "do": "connect" }));
    wait_last(&node, "sparkplug/data/plant/press/pump/flow/in", &json!(7));
    let births = readings(&node);
    let state = |name: &str| (format!("sparkplug/state/{name}"), format!("spBv1.0/{name}"));
    for name in ["plant/press", "plant/press/pump"] {
        let (topic, device) = state(name);
        assert!(births.contains(&(topic, device, json!(true))), "{births:?}");
    }
    edge.tell(json!({ "do": "temp", "value": 21.25 }));
    edge.tell(json!({ "do": "flow", "value": -3 }));
    wait_last(&node, "sparkplug/data/plant/press/temp", &json!(21.25));
    wait_last(&node, "sparkplug/data/plant/press/pump/flow/in", &json!(-3));
    // A device that is taken away; then the whole node, of which the server sends the will.
    edge.tell(json!({ "do": "remove" }));
    wait_last(&node, "sparkplug/state/plant/press/pump", &json!(false));
    drop(edge);
    wait_last(&node, "sparkplug/state/plant/press", &json!(false));
    let before = readings(&node);
    node.kill9();
    node.restart();
    assert_eq!(readings(&node), before);
}

#[test]
fn a_node_whose_message_is_missing_is_asked_to_be_born_again() {
    let node = Scenario::new().config(CONFIG).start();
    let mut edge = EdgeNode::new(node.mqtt[0]);
    edge.tell(json!({ "do": "connect" }));
    // The last of what it says when it is born.
    wait_last(&node, "sparkplug/data/plant/press/pump/flow/in", &json!(7));
    edge.tell(json!({ "do": "lose" }));
    edge.tell(json!({ "do": "temp", "value": 30.0 }));
    edge.tell(json!({ "do": "temp", "value": 31.0 }));
    let command = edge.command();
    assert_eq!(command["Node Control/Rebirth"], true, "{command}");
    // What was sent after the gap is there all the same, and it was asked once.
    wait_last(&node, "sparkplug/data/plant/press/temp", &json!(31.0));
    let metrics = node.metrics();
    assert_eq!(metrics.sum("sedge_sparkplug_rebirths_total", &[]), 1.0);
    assert_eq!(metrics.sum("sedge_sparkplug_edge_nodes", &[]), 1.0);
}

#[test]
fn what_cannot_be_read_is_counted_and_passed_on() {
    let node = Scenario::new().config(CONFIG).start();
    let mut subscriber = Paho::connected(node.mqtt[0], "s", json!({}));
    // Not to commands: the last of the messages below asks for one.
    for kind in ["NBIRTH", "XBIRTH", "NDATA"] {
        subscriber.subscribe(&format!("spBv1.0/g/{kind}/n"), 1);
    }
    for (topic, payload) in [
        ("spBv1.0/g/NBIRTH/n", "no protobuf"),
        ("spBv1.0/g/XBIRTH/n", "x"),
        // Well formed, and of a node that was not born: sequence 5, no metrics.
        ("spBv1.0/g/NDATA/n", "\u{18}\u{5}"),
    ] {
        let words = ["-V", "5", "-q", "1", "-t", topic, "-m", payload];
        assert!(publish(node.mqtt[0], &words).status.success(), "{topic}");
        assert_eq!(subscriber.payload(), payload, "{topic}");
    }
    assert_eq!(readings(&node), []);
    let count =
        |outcome| node.metrics().sum("sedge_sparkplug_messages_total", &[("outcome", outcome)]);
    assert_eq!((count("malformed"), count("unborn"), count("read")), (2.0, 1.0, 0.0));
}

#[test]
fn the_host_says_whether_it_is_there() {
    let mut node = Scenario::new().config(CONFIG).start();
    let state = |node: &Node| {
        let mut subscriber = Paho::connected(node.mqtt[0], "s", json!({}));
        subscriber.subscribe("spBv1.0/STATE/gate", 1);
        let state: Value = serde_json::from_str(&subscriber.payload()).expect("JSON");
        (state["online"].clone(), state["timestamp"].as_u64().expect("milliseconds"), subscriber)
    };
    let (online, since, mut subscriber) = state(&node);
    assert_eq!(online, true);
    node.stop();
    let last: Value = serde_json::from_str(&subscriber.payload()).expect("JSON");
    assert_eq!(last["online"], false);
    node.restart();
    let (online, again, _) = state(&node);
    assert!(online == true && again > since, "{again} {since}");
}
