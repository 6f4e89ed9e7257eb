//! What is taken is stored, once, and is there after a kill.

use crate::{open, records, sedge, send};
use sedge_tests::Node;
use serde_json::{Value, json};

/// Topics and payloads, as JSON.
fn kept(node: &Node) -> Vec<(String, Value)> {
    let records = records(node, "");
    let one = |record: &Value| {
        let payload = record["payload"].as_str().expect("text");
        let topic = record["topic"].as_str().expect("a topic").to_owned();
        assert_eq!(record["content_type"], "application/senml+json");
        (topic, serde_json::from_str(payload).expect("JSON"))
    };
    records.iter().map(one).collect()
}

#[test]
fn every_format_becomes_resolved_readings() {
    let mut node = open("").start();
    let senml = br#"[{"bn":"urn:dev:a:","bt":1732800000,"n":"temp","u":"Cel","v":21.5},
                     {"n":"on","t":-1,"vb":true}]"#;
    for (device, media_type, body) in [
        ("a", "application/senml+json", &senml[..]),
        ("b", "application/json", br#"{"time":1732800000,"temp":21.5,"mode":"auto"}"#),
        ("c", "text/csv; charset=utf-8", b"time,temp,hum\n1732800000,21.5,40\n1732800001,,41\n"),
        // {"time": 1(1732800000), "x": h'fbff'}
        ("d", "application/cbor", b"\xa2\x64time\xc1\x1a\x67\x48\x6e\x00\x61x\x42\xfb\xff"),
    ] {
        let told = send(&node, device, media_type, &[], body);
        assert_eq!(told.status, 200, "{device}: {}", told.body);
        assert_eq!(told.json()["duplicates"], 0);
    }
    let t = 1_732_800_000u64;
    let expected: Vec<(String, Value)> = [
        ("a/urn:dev:a:temp", json!({"n": "urn:dev:a:temp", "u": "Cel", "t": t, "v": 21.5})),
        ("a/urn:dev:a:on", json!({"n": "urn:dev:a:on", "t": t - 1, "vb": true})),
        ("b/temp", json!({"n": "temp", "t": t, "v": 21.5})),
        ("b/mode", json!({"n": "mode", "t": t, "vs": "auto"})),
        ("c/temp", json!({"n": "temp", "t": t, "v": 21.5})),
        ("c/hum", json!({"n": "hum", "t": t, "v": 40})),
        ("c/hum", json!({"n": "hum", "t": t + 1, "v": 41})),
        ("d/x", json!({"n": "x", "t": t, "vd": "-_8"})),
    ]
    .map(|(topic, record)| (format!("ingest/{topic}"), json!([record])))
    .into();
    assert_eq!(kept(&node), expected);
    let times: Vec<Value> =
        records(&node, "&topic=ingest/a/%23").iter().map(|one| one["time_ms"].clone()).collect();
    assert_eq!(times, [t * 1_000, t * 1_000 - 1_000]);
    node.kill9();
    node.restart();
    assert_eq!(kept(&node), expected);
}

#[test]
fn numbered_readings_are_stored_once_whatever_happens_in_between() {
    let mut node = open("").start();
    let body = br#"[{"a":1,"b":2},{"a":3}]"#;
    let words = ["-H", "sedge-epoch: 3", "-H", "sedge-sequence: 10"];
    let told = send(&node, "pump-7", "application/json", &words, body).json();
    assert_eq!(told, json!({"stored": 3, "duplicates": 0}));
    node.kill9();
    node.restart();
    let told = send(&node, "pump-7", "application/json", &words, body).json();
    assert_eq!(told, json!({"stored": 0, "duplicates": 3}));
    // One of them is new.
    let words = ["-H", "sedge-epoch: 3", "-H", "sedge-sequence: 11"];
    let told = send(&node, "pump-7", "application/json", &words, body).json();
    assert_eq!(told, json!({"stored": 1, "duplicates": 2}));
    let numbers: Vec<(u64, u64)> = records(&node, "")
        .iter()
        .map(|one| (one["epoch"].as_u64().expect("one"), one["sequence"].as_u64().expect("one")))
        .collect();
    assert_eq!(numbers, [(3, 10), (3, 11), (3, 12), (3, 13)]);
    // Another device has numbers of its own.
    let told = send(&node, "pump-8", "application/json", &words, body).json();
    assert_eq!(told, json!({"stored": 3, "duplicates": 0}));
}

#[test]
fn a_device_without_numbers_is_numbered_and_higher_after_a_restart() {
    let mut node = open("").start();
    for _ in 0..2 {
        for _ in 0..2 {
            let told = send(&node, "p%2F%2B", "application/json", &[], b"{\"a\":1}");
            assert_eq!(told.status, 400, "a device has no slash: {}", told.body);
            let told = send(&node, "p%2B%C3%BC", "application/json", &[], b"{\"a\":1}");
            assert_eq!(told.status, 200, "{}", told.body);
        }
        node.kill9();
        node.restart();
    }
    let records = records(&node, "");
    assert!(records.iter().all(|one| one["topic"] == "ingest/p%2Bü/a" && one["device"] == "p+ü"));
    let sequences: Vec<&Value> = records.iter().map(|one| &one["sequence"]).collect();
    assert_eq!(sequences, [0, 1, 0, 1]);
    let epochs: Vec<u64> = records.iter().map(|one| one["epoch"].as_u64().expect("one")).collect();
    assert!(epochs[0] == epochs[1] && epochs[1] < epochs[2], "{epochs:?}");
}

#[test]
fn the_command_line_shows_reads_and_forgets() {
    let node = open("").start();
    for index in 0..5 {
        let body = format!("{{\"a\":{index}}}");
        assert_eq!(send(&node, "d", "application/json", &[], body.as_bytes()).status, 200);
    }
    let run = |words: &[&str]| {
        let output = sedge(node.folder(), words);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.success(), text(&output.stdout), text(&output.stderr))
    };
    let (fine, shown, _) = run(&["streams"]);
    assert!(fine && shown.contains("records") && shown.contains("0 to 5"), "{shown}");
    let (fine, shown, _) = run(&["streams", "--json"]);
    let usage: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!((fine, &usage["end"], &usage["cursors"]), (true, &json!(5), &json!([])));
    for (words, positions) in [
        (&["--from", "2", "--limit", "2"][..], &[2, 3][..]),
        (&["--from", "99"], &[]),
        (&["--topic", "other/#"], &[]),
        (&["--topic", "ingest/+/a"], &[0, 1, 2, 3, 4]),
        // It ends with what it was to print.
        (&["--follow", "--from", "3", "--limit", "2"], &[3, 4]),
    ] {
        let (fine, lines, errors) = run(&[&["streams", "read"], words].concat());
        assert!(fine, "{errors}");
        let position = |line: &str| {
            let record: Value = serde_json::from_str(line).expect("JSON");
            record["position"].as_u64().expect("a position")
        };
        assert_eq!(lines.lines().map(position).collect::<Vec<_>>(), positions, "{words:?}");
    }
    let (fine, _, told) = run(&["streams", "read", "--topic", "a/#/b"]);
    assert!(!fine && told.contains("wildcard"), "{told}");
    for words in [&["streams", "forget", "shop/f"][..], &["streams", "forget", "shop/f", "--yes"]] {
        let (fine, _, told) = run(words);
        assert!(!fine && told.contains("there is no reader"), "{told}");
    }
}
