//! What is published arrives, over each of the transports.

use crate::{lasting, open};
use sedge_tests::mqtt::{PATIENCE, Paho, publish, receive, subscriber};
use sedge_tests::tls::{Authority, Subject};
use sedge_tests::{Scenario, wait_for};
use serde_json::{Value, json};
use std::net::SocketAddr;

#[test]
fn mosquittos_clients_understand_it_with_every_qos_and_both_versions() {
    let node = open("").start();
    let at = node.mqtt[0];
    for version in ["mqttv311", "mqttv5"] {
        for qos in ["0", "1", "2"] {
            let topic = format!("t/{version}/{qos}");
            let words = ["-V", version, "-q", qos, "-t", &topic];
            let child = subscriber(at, &[&words[..], &["-C", "3", "-W", "30"]].concat());
            let wanted = |node: &sedge_tests::Node| {
                node.metrics().sum("sedge_mqtt_subscriptions", &[]) >= 1.0
            };
            wait_for(PATIENCE, || wanted(&node)).expect("it has subscribed");
            for payload in ["one", "two", "three"] {
                let output = publish(at, &[&words[..], &["-m", payload]].concat());
                assert!(output.status.success(), "{output:?}");
            }
            let output = child.wait_with_output().expect("it ends");
            assert_eq!(String::from_utf8_lossy(&output.stdout), "one\ntwo\nthree\n", "{topic}");
            wait_for(PATIENCE, || !wanted(&node)).expect("it has left");
        }
    }
}

#[test]
fn a_retained_message_is_there_for_who_comes_later_until_it_is_taken_back() {
    let node = open("").start();
    let at = node.mqtt[0];
    assert!(publish(at, &["-t", "state/door", "-m", "open", "-r", "-q", "1"]).status.success());
    let output = receive(at, &["-t", "state/#", "-C", "1", "-W", "30"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "open\n");
    assert!(publish(at, &["-t", "state/door", "-n", "-r", "-q", "1"]).status.success());
    let mut late = Paho::connected(at, "late", json!({}));
    late.subscribe("state/#", 1);
    late.silence();
}

/// What every transport must do: a message each way with each QoS, in its order.
fn exchange(at: SocketAddr, more: &Value) {
    let mut one = Paho::connected(at, "one", more.clone());
    let mut other = Paho::connected(at, "other", more.clone());
    assert_eq!(other.subscribe("a/+", 2), 2);
    for qos in 0..3 {
        let payload = format!("message {qos} {}", "x".repeat(100_000));
        assert_eq!(one.publish("a/b", &payload, qos), 0);
        assert_eq!(other.message(), ("a/b".to_owned(), payload, false));
    }
}

#[test]
fn websocket_and_tls_carry_the_same() {
    let scenario = Scenario::new();
    let folder = scenario.folder().to_owned();
    let authority = Authority::new(&folder, "ca");
    authority.issue("site", Subject { hosts: &["127.0.0.1"], ..Subject::default() });
    let pair = "[[mqtt.certificate]]\ncertificate = \"site.pem\"\nkey = \"site-key.pem\"\n";
    let one = "[[mqtt]]\nlisten = \"127.0.0.1:0\"\n";
    let path = "websocket = \"/mqtt\"\n";
    let config =
        format!("{one}{one}{path}{one}{pair}{one}{path}{pair}[broker]\nanonymous = true\n");
    let node = scenario.config(&config).start();
    let ca = folder.join("ca.pem").display().to_string();
    for (index, more) in [
        json!({}),
        json!({ "websocket": "/mqtt" }),
        json!({ "ca": ca }),
        json!({ "ca": ca, "websocket": "/mqtt" }),
    ]
    .iter()
    .enumerate()
    {
        exchange(node.mqtt[index], more);
        let mut older = more.clone();
        older["version"] = 4.into();
        exchange(node.mqtt[index], &older);
    }
    let refused = Paho::new().connect(node.mqtt[1], "c", json!({ "websocket": "/other" }));
    assert_ne!(refused["event"], "connected", "{refused}");
}

#[test]
fn a_will_is_published_when_its_client_dies_and_not_when_it_says_goodbye() {
    let node = open("").start();
    let at = node.mqtt[0];
    let mut heir = Paho::connected(at, "heir", json!({}));
    heir.subscribe("wills/#", 1);
    let will = |topic: &str, delay: u32| {
        json!({ "will": { "topic": topic, "payload": "dead", "qos": 1, "delay": delay },
                "expiry": 60 })
    };
    let mut polite = Paho::connected(at, "polite", will("wills/polite", 0));
    polite.disconnect();
    let mut delayed = Paho::connected(at, "delayed", will("wills/delayed", 1));
    let mut sudden = Paho::connected(at, "sudden", will("wills/sudden", 0));
    delayed.vanish();
    sudden.vanish();
    assert_eq!(heir.message().0, "wills/sudden");
    assert_eq!(heir.message().0, "wills/delayed");
    // Who is back in time is not dead.
    let mut back = Paho::connected(at, "back", will("wills/back", 60));
    back.vanish();
    let _back = Paho::connected(at, "back", json!({ "clean": false }));
    heir.silence();
}

#[test]
fn a_session_waits_for_its_client() {
    let node = open("").start();
    let mut client = lasting(&node, "c");
    client.subscribe("t/#", 2);
    client.disconnect();
    let mut publisher = Paho::connected(node.mqtt[0], "p", json!({}));
    for (payload, qos) in [("lost", 0), ("one", 1), ("two", 2)] {
        publisher.publish("t/a", payload, qos);
    }
    let mut client = Paho::new();
    let connected = client.connect(node.mqtt[0], "c", json!({ "clean": false, "expiry": 600 }));
    assert_eq!(connected["present"], true);
    assert_eq!((client.payload(), client.payload()), ("one".to_owned(), "two".to_owned()));
    client.silence();
    // Another connection of the same name takes it over.
    let mut other = lasting(&node, "c");
    assert_eq!(client.event("disconnected")["code"], 0x8e);
    publisher.publish("t/a", "three", 1);
    assert_eq!(other.payload(), "three");
    // A clean start forgets it.
    other.disconnect();
    let connected = Paho::new().connect(node.mqtt[0], "c", json!({ "clean": true }));
    assert_eq!(connected["present"], false);
}

#[test]
fn members_of_a_group_share_what_is_published() {
    let node = open("").start();
    let at = node.mqtt[0];
    let mut members: Vec<Paho> =
        (0..3).map(|index| Paho::connected(at, &format!("m{index}"), json!({}))).collect();
    for member in &mut members {
        assert_eq!(member.subscribe("$share/workers/jobs/#", 1), 1);
    }
    let mut publisher = Paho::connected(at, "p", json!({}));
    for index in 0..9 {
        assert_eq!(publisher.publish("jobs/a", &index.to_string(), 1), 0);
    }
    let mut all: Vec<String> = members
        .iter_mut()
        .flat_map(|member| [member.payload(), member.payload(), member.payload()])
        .collect();
    all.sort();
    assert_eq!(all, (0..9).map(|index| index.to_string()).collect::<Vec<_>>());
    members.iter_mut().for_each(Paho::silence);
}

#[test]
fn a_message_that_is_too_old_is_not_delivered() {
    let node = open("").start();
    let mut client = lasting(&node, "c");
    client.subscribe("t", 1);
    client.disconnect();
    let mut publisher = Paho::connected(node.mqtt[0], "p", json!({}));
    publisher.publish_with("t", "short", 1, json!({ "expiry": 1 }));
    publisher.publish_with("t", "long", 1, json!({ "expiry": 600 }));
    std::thread::sleep(std::time::Duration::from_millis(1_200));
    let mut client = lasting(&node, "c");
    assert_eq!(client.payload(), "long");
    client.silence();
}
