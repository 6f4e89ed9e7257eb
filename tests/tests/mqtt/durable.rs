//! What was acknowledged is there, however the node ends. `SEDGE_MQTT_KILLS` says how often the
//! node is killed under load; a handful of times without it.

use crate::{lasting, open};
use sedge_tests::mqtt::{PATIENCE, Paho};
use sedge_tests::pebble::free_port;
use sedge_tests::{Node, Scenario, wait_for};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

#[test]
fn sessions_and_retained_messages_survive_a_kill_and_a_clean_stop() {
    let mut node = open("").start();
    for how in ["kill", "stop", "kill"] {
        let mut client = lasting(&node, "c");
        client.subscribe("t/#", 2);
        client.disconnect();
        let mut publisher = Paho::connected(node.mqtt[0], "p", json!({}));
        for qos in 1..3 {
            assert_eq!(publisher.publish("t/a", &format!("{how} {qos}"), qos), 0);
        }
        let retained = json!({ "retain": true });
        // It is acknowledged as soon as it is durable, with or without a subscriber.
        assert_ne!(publisher.publish_with("state", how, 1, retained), 0x97);
        match how {
            "kill" => node.kill9(),
            _ => {
                let mut watcher = Paho::connected(node.mqtt[0], "w", json!({}));
                node.terminate();
                assert_eq!(watcher.event("disconnected")["code"], 0x8b, "server shutting down");
                assert!(node.wait_exit().success());
            }
        }
        node.restart();
        let mut client = Paho::new();
        let connected = client.connect(node.mqtt[0], "c", json!({ "clean": false, "expiry": 600 }));
        assert_eq!(connected["present"], true, "{how}");
        assert_eq!((client.payload(), client.payload()), (format!("{how} 1"), format!("{how} 2")));
        client.silence();
        client.disconnect();
        let mut other = Paho::connected(node.mqtt[0], "o", json!({}));
        other.subscribe("state", 1);
        assert_eq!(other.message(), ("state".to_owned(), how.to_owned(), true));
    }
    assert!(sum(&node, "sedge_mqtt_journal_lost_total") == 0.0);
}

fn sum(node: &Node, name: &str) -> f64 {
    node.metrics().sum(name, &[])
}

/// A client that floods a topic with numbers until it is told to stop.
struct Publisher {
    client: Paho,
    topic: String,
    qos: u8,
}

impl Publisher {
    fn start(at: SocketAddr, index: usize) -> Self {
        let qos = if index.is_multiple_of(2) { 1 } else { 2 };
        let id = format!("publisher-{index}");
        let more = json!({ "clean": false, "expiry": 600, "inflight": 16 });
        let mut client = Paho::connected(at, &id, more);
        let topic = format!("ledger/{index}");
        client.tell(
            &json!({ "do": "flood", "topic": topic, "prefix": "", "qos": qos, "inflight": 16 }),
        );
        client.event("flooding");
        Publisher { client, topic, qos }
    }

    /// Comes back, with what was not acknowledged.
    fn reconnect(&mut self) {
        self.client.tell(&json!({ "do": "reconnect" }));
        self.client.event("reconnected");
    }

    /// How many it has sent, and the numbers that were acknowledged.
    fn calm(&mut self) -> (u64, Vec<u64>) {
        self.client.tell(&json!({ "do": "calm" }));
        let calm = self.client.event("calm");
        let list = calm["acknowledged"].as_array().expect("a list");
        let list = list.iter().map(|number| number.as_u64().expect("a number"));
        (calm["sent"].as_u64().expect("a number"), list.collect())
    }
}

/// What a session was sent, by topic, in its order.
fn drain(at: SocketAddr, id: &str) -> BTreeMap<String, Vec<u64>> {
    let mut client = Paho::new();
    let connected = client.connect(at, id, json!({ "clean": false, "expiry": 600 }));
    assert_eq!(connected["present"], true, "{connected}");
    let mut found = BTreeMap::<String, Vec<u64>>::new();
    // The last thing that it is sent, as it is published now.
    let mut publisher = Paho::connected(at, "end", json!({}));
    publisher.publish("ledger/end", "0", 2);
    loop {
        let (topic, payload, _) = client.message();
        if topic == "ledger/end" {
            return found;
        }
        found.entry(topic).or_default().push(payload.parse().expect("a number"));
    }
}

#[test]
fn what_was_acknowledged_under_load_survives_kill_nine() {
    let kills = std::env::var("SEDGE_MQTT_KILLS").ok().and_then(|kills| kills.parse().ok());
    let kills: u64 = kills.unwrap_or(4);
    let port = free_port();
    let at = SocketAddr::from(([127, 0, 0, 1], port));
    let mut node = Scenario::new()
        .config(&format!(
            "[[mqtt]]\nlisten = \"{at}\"\n[broker]\nanonymous = true\nqueue_messages_max = 60_000\n\
             queue_bytes_max = \"256 MiB\"\n"
        ))
        .start();
    let mut acknowledged_in_all = 0;
    for round in 0..kills {
        let mut reader = lasting(&node, "reader");
        assert_eq!(reader.subscribe("ledger/#", 2), 2);
        reader.disconnect();
        let mut publishers: Vec<_> = (0..4).map(|index| Publisher::start(at, index)).collect();
        // Later in each round, so that the kill meets the log in different states.
        std::thread::sleep(Duration::from_millis(300 + 137 * (round % 5)));
        node.kill9();
        node.restart();
        publishers.iter_mut().for_each(Publisher::reconnect);
        let told: Vec<(u64, Vec<u64>)> = publishers.iter_mut().map(Publisher::calm).collect();
        let found = drain(at, "reader");
        for (publisher, (sent, acknowledged)) in publishers.iter().zip(&told) {
            acknowledged_in_all += acknowledged.len();
            let found = found.get(&publisher.topic).map_or(&[][..], Vec::as_slice);
            check(round, publisher, *sent, acknowledged, found);
        }
        for mut publisher in publishers {
            publisher.client.disconnect();
        }
        assert_eq!(sum(&node, "sedge_mqtt_journal_lost_total"), 0.0);
    }
    eprintln!("{acknowledged_in_all} acknowledged messages in {kills} rounds, none lost");
}

fn check(round: u64, publisher: &Publisher, sent: u64, acknowledged: &[u64], found: &[u64]) {
    let Publisher { topic, qos, .. } = publisher;
    assert!(!acknowledged.is_empty(), "round {round}, {topic}: nothing was acknowledged");
    let missing: Vec<_> =
        acknowledged.iter().filter(|number| !found.contains(number)).take(10).collect();
    assert!(missing.is_empty(), "round {round}, {topic}: acknowledged and lost: {missing:?}");
    assert!(found.iter().all(|number| *number < sent), "round {round}, {topic}: never sent");
    // The first of each, which repeated ones of QoS 1 may follow.
    let mut seen = std::collections::BTreeSet::new();
    let firsts: Vec<u64> = found.iter().copied().filter(|number| seen.insert(*number)).collect();
    assert!(firsts.is_sorted(), "round {round}, {topic}: out of order");
    if *qos == 2 {
        assert_eq!(firsts.len(), found.len(), "round {round}, {topic}: more than once");
    }
}

#[test]
fn one_who_reads_while_the_node_dies_is_sent_everything_once_with_qos_2() {
    let port = free_port();
    let at = SocketAddr::from(([127, 0, 0, 1], port));
    let config = format!("[[mqtt]]\nlisten = \"{at}\"\n[broker]\nanonymous = true\n");
    let mut node = Scenario::new().config(&config).start();
    let more = json!({ "clean": false, "expiry": 600, "reconnect": true });
    let mut reader = Paho::connected(at, "reader", more);
    assert_eq!(reader.subscribe("ledger/#", 2), 2);
    let mut publisher = Publisher::start(at, 1);
    for _ in 0..3 {
        std::thread::sleep(Duration::from_millis(400));
        node.kill9();
        node.restart();
        publisher.reconnect();
    }
    let (_, acknowledged) = publisher.calm();
    Paho::connected(at, "end", json!({})).publish("ledger/end", "0", 2);
    let mut found = Vec::new();
    loop {
        let (topic, payload, _) = reader.message();
        if topic == "ledger/end" {
            break;
        }
        found.push(payload.parse::<u64>().expect("a number"));
    }
    // In their order, each once.
    assert!(found.windows(2).all(|pair| pair[0] < pair[1]), "{found:?}");
    let missing: Vec<_> =
        acknowledged.iter().filter(|one| found.binary_search(one).is_err()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn a_disk_that_takes_no_more_refuses_and_says_why_and_keeps_what_it_has() {
    let mut node = open("journal_bytes_max = \"64 MiB\"\nqueue_bytes_max = \"1 GiB\"").start();
    node.allow("is full");
    node.allow("snapshot of the MQTT sessions could not be written");
    let mut client = lasting(&node, "c");
    client.subscribe("t", 1);
    client.disconnect();
    // Without snapshots nothing of the log can go.
    let obstacle = node.folder().join("data/mqtt/snapshot.new");
    std::fs::create_dir(&obstacle).expect("made");
    let mut publisher = Paho::connected(node.mqtt[0], "p", json!({}));
    let payload = "x".repeat(500_000);
    let mut kept = 0;
    let code = loop {
        match publisher.publish("t", &format!("{kept} {payload}"), 1) {
            0 => kept += 1,
            code => break code,
        }
        assert!(kept < 1_000, "there is a bound");
    };
    assert_eq!(code, 0x97, "quota exceeded");
    assert!(kept > 20, "{kept}");
    node.kill9();
    std::fs::remove_dir(&obstacle).expect("removed");
    node.restart();
    let mut client = lasting(&node, "c");
    for number in 0..kept {
        let payload = client.payload();
        assert!(payload.starts_with(&format!("{number} ")), "{number}");
    }
    // What has been settled makes room again.
    let mut publisher = Paho::connected(node.mqtt[0], "p", json!({}));
    wait_for(PATIENCE, || publisher.publish("t", "more", 1) == 0).expect("there is room");
    assert_eq!(client.payload(), "more");
}

#[test]
fn in_memory_nothing_survives_and_nothing_is_written() {
    let mut node = open("journal = \"memory\"").start();
    let mut client = lasting(&node, "c");
    client.subscribe("t", 1);
    node.kill9();
    assert!(!node.folder().join("data/mqtt").exists());
    node.restart();
    let connected: Value = Paho::new().connect(node.mqtt[0], "c", json!({ "clean": false }));
    assert_eq!(connected["present"], false);
}
