//! What MQTT clients publish, with `mosquitto_pub` and paho.

use crate::records;
use sedge_tests::mqtt::{Paho, publish};
use sedge_tests::{Node, Scenario};
use serde_json::{Value, json};

const KEPT: &str = "[[mqtt]]\nlisten = \"127.0.0.1:0\"\n[broker]\nanonymous = true\n\
                    [streams]\ntopics = [\"kept/#\"]\n";

fn start(more: &str) -> Node {
    Scenario::new().config(&format!("{KEPT}{more}")).start()
}

#[test]
fn what_the_full_log_does_not_take_is_refused() {
    let mut node = start("bytes_max = \"1 MiB\"\nrecord_bytes_max = \"16 KiB\"\n");
    let mut client = Paho::connected(node.mqtt[0], "c", json!({}));
    let payload = "x".repeat(12 << 10);
    let stored = (0..1_000).take_while(|_| client.publish("kept/a", &payload, 1) != 0x97).count();
    assert!((10..1_000).contains(&stored), "{stored}");
    // This client releases what was refused with QoS 2; the node knows nothing of it (0x92).
    assert_eq!(client.publish("kept/a", &payload, 2), 0x92);
    // Others are not concerned.
    assert_ne!(client.publish("other/a", &payload, 1), 0x97);
    assert_eq!(records(&node, "").len(), stored);
    // Nor is what the client was told undone by a restart.
    node.kill9();
    node.restart();
    assert_eq!(records(&node, "").len(), stored);
}

#[test]
fn acknowledged_messages_are_in_the_log_after_a_kill() {
    let mut node = start("");
    let mut expected = Vec::new();
    for life in 0..3 {
        for index in 0..5 {
            let payload = format!("{life} {index}");
            let words = ["-V", "5", "-i", "sensor-1", "-q", "1", "-t", "kept/temp", "-m", &payload];
            let output = publish(node.mqtt[0], &words);
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            expected.push(payload);
        }
        assert!(publish(node.mqtt[0], &["-q", "1", "-t", "other", "-m", "x"]).status.success());
        node.kill9();
        node.restart();
    }
    let records = records(&node, "");
    let payloads: Vec<&str> =
        records.iter().map(|one| one["payload"].as_str().expect("text")).collect();
    assert_eq!(payloads, expected);
    assert!(records.iter().all(|one| one["topic"] == "kept/temp" && one["device"] == "sensor-1"));
}

#[test]
fn subscribers_get_what_is_kept_and_numbers_and_types_are_kept_with_it() {
    let node = start("");
    let mut subscriber = Paho::connected(node.mqtt[0], "s", json!({}));
    subscriber.subscribe("kept/#", 1);
    let numbered = |epoch: &str, sequence: &str| {
        [
            "-V",
            "5",
            "-i",
            "d",
            "-q",
            "1",
            "-t",
            "kept/a",
            "-m",
            "x",
            "-D",
            "publish",
            "user-property",
            "sedge-epoch",
            epoch,
            "-D",
            "publish",
            "user-property",
            "sedge-sequence",
            sequence,
            "-D",
            "publish",
            "content-type",
            "text/plain",
        ]
        .map(str::to_owned)
    };
    let send = |epoch: &str, sequence: &str| {
        let words = numbered(epoch, sequence);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        publish(node.mqtt[0], &words)
    };
    // A number that is none is refused, and goes nowhere.
    send("x", "1");
    send("9223372036854775808", "1");
    subscriber.silence();
    // What comes again is stored once; MQTT passes it on as ever.
    for _ in 0..2 {
        assert!(send("4", "9").status.success());
        assert_eq!(subscriber.payload(), "x");
    }
    let records = records(&node, "");
    assert_eq!(records.len(), 1, "{records:?}");
    let told = |name: &str| records[0][name].clone();
    assert_eq!((told("epoch"), told("sequence")), (json!(4), json!(9)));
    assert_eq!((told("content_type"), told("device")), (json!("text/plain"), json!("d")));
    // QoS 0 is kept, too, as far as possible; nobody waits for it.
    assert!(publish(node.mqtt[0], &["-q", "0", "-t", "kept/b", "-m", "y"]).status.success());
    let found = sedge_tests::wait_for(sedge_tests::mqtt::PATIENCE, || {
        let records = crate::records(&node, "&topic=kept/b");
        (records.len() == 1).then(|| records[0]["payload"].clone())
    });
    assert_eq!(found, Some(Value::from("y")));
}

#[test]
fn a_log_that_is_not_synced_survives_a_kill() {
    let mut node = start("sync = \"never\"\n");
    assert!(publish(node.mqtt[0], &["-q", "1", "-t", "kept/a", "-m", "x"]).status.success());
    node.kill9();
    node.restart();
    assert_eq!(records(&node, "").len(), 1);
}
