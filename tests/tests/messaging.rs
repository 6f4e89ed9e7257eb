//! A function that speaks `wasi:messaging`, the standard's interface: what it is handed, what it
//! sends, what it is told of what it may not, and what becomes of its errors; with the real binary
//! and clients of other makers.
//!
//! The function is `relay`. A second one of the same artifact, `echo`, publishes what is told of
//! each message in the node's log to `seen/TOPIC`, where a client sees it.

use sedge_tests::mqtt::{PATIENCE, Paho, publish, subscriber};
use sedge_tests::{Node, Scenario, client, wait_for};
use serde_json::{Value, json};

const FRONT: &str = "[[mqtt]]\nlisten = \"127.0.0.1:0\"\n[broker]\nanonymous = true\n";
const HASTY: &str = "retries_max = 2\nbackoff_ms = 10\nbackoff_ms_max = 20";
const MIB: usize = 1 << 20;

/// The functions `relay` and `echo`, with more lines for the trigger of `relay`.
fn manifest(trigger: &str) -> String {
    format!(
        r#"
        [app]
        name = "plant"
        [[function]]
        name = "relay"
        source = "{{guests}}/relay.wasm"
        limits = {{ memory_bytes_max = "32 MiB" }}
        [function.capabilities]
        emit = ["relay/#"]
        publish = ["valves/#"]
        [function.trigger.message]
        topics = ["jobs/+", "ingest/#"]
        {trigger}
        [[function]]
        name = "echo"
        source = "{{guests}}/relay.wasm"
        environment = {{ RELAY_ECHO = "seen" }}
        [function.capabilities]
        publish = ["seen/#"]
        [function.trigger.message]
        topics = ["relay/#", "dead-letters/plant/relay"]
        dead_letters = "given-up/echo"
        "#
    )
}

/// A node with these two.
fn plant(trigger: &str) -> Scenario {
    Scenario::new().config(FRONT).app("plant", &manifest(trigger))
}

/// A client that sees what is published below a topic.
fn watcher(node: &Node, filter: &str) -> Paho {
    let mut watcher = Paho::connected(node.mqtt[0], "watcher", json!({}));
    assert!(watcher.subscribe(filter, 1) <= 1);
    watcher
}

/// Says something as a device by `mosquitto_pub`.
fn say(node: &Node, device: &str, payload: &str, more: &[&str]) {
    let words = ["-V", "5", "-i", device, "-q", "1", "-t", "jobs/x", "-m", payload];
    let output = publish(node.mqtt[0], &[&words, more].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The next message that `echo` has seen: its topic, and what it says of it.
fn seen(watcher: &mut Paho) -> (String, Value) {
    let (topic, text, _) = watcher.message();
    let told = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    (topic, told)
}

/// What `relay` itself has told: the JSON in the data of what `echo` has seen.
fn told(watcher: &mut Paho) -> Value {
    let (topic, seen) = seen(watcher);
    assert_eq!(topic, "seen/relay/told", "{seen}");
    let text = seen["data"].as_str().unwrap_or_else(|| panic!("no text: {seen}"));
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The next dead letter of `relay`.
fn letter(watcher: &mut Paho) -> Value {
    let (topic, seen) = seen(watcher);
    assert_eq!(topic, "seen/dead-letters/plant/relay", "{seen}");
    let text = seen["data"].as_str().unwrap_or_else(|| panic!("no text: {seen}"));
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// What is told of a message under a name; null if it is not told, or more than once.
fn fact<'a>(told: &'a Value, name: &str) -> &'a Value {
    let all = told["metadata"].as_array().expect("a list");
    let mut found = all.iter().filter(|pair| pair[0] == name).map(|pair| &pair[1]);
    let first = found.next().unwrap_or(&Value::Null);
    if found.next().is_none() { first } else { &Value::Null }
}

fn counted(node: &Node, name: &str, labels: &[(&str, &str)]) -> f64 {
    node.metrics().sum(name, &[&[("function", "relay")], labels].concat())
}

#[test]
fn each_error_of_the_standard_is_tried_again_or_final_and_its_reason_is_in_the_dead_letter() {
    let node = plant(HASTY).allow("given up").allow("guest:").start();
    let mut watcher = watcher(&node, "seen/#");
    for (payload, reason, tries) in [
        ("late", "it took too long", 3),
        ("cut", "it shall be cut", 3),
        ("fail", "it shall fail", 3),
        ("never", "it shall never do", 1),
        ("nonsense", "\"nonsense\" is no word of mine", 1),
        ("trap", "trap: ", 3),
        ("chatter", "metadata", 3),
        // A batch that fails has sent nothing, nor has its last try.
        ("half log relay/half", "it shall fail after half", 3),
        ("half mqtt valves/half", "it shall fail after half", 3),
    ] {
        say(&node, "bad", payload, &[]);
        let letter = letter(&mut watcher);
        let told = letter["reason"].as_str().expect("a reason");
        assert!(told.contains(reason), "{payload}: {told}");
        assert_eq!((&letter["tries"], &letter["function"]), (&json!(tries), &json!("plant/relay")));
        let message = &letter["message"];
        assert_eq!((&message["payload"], &message["device"]), (&json!(payload), &json!("bad")));
    }
    assert_eq!(counted(&node, "sedge_trigger_messages_total", &[("outcome", "dead")]), 9.0);
    assert_eq!(counted(&node, "sedge_trigger_messages_total", &[("outcome", "handled")]), 0.0);
}

#[test]
fn what_is_sent_at_once_is_sent_with_each_try_and_the_rest_never_if_it_fails() {
    let node = plant(HASTY).allow("given up").start();
    let mut valve = watcher(&node, "valves/#");
    say(&node, "bad", "half mqtt valves/durable", &[]);
    say(&node, "bad", "half mqtt-at-once valves/hasty", &[]);
    for _ in 0..3 {
        assert_eq!(valve.message(), ("valves/hasty".into(), "half".into(), false));
    }
    let dead = || counted(&node, "sedge_trigger_messages_total", &[("outcome", "dead")]);
    assert!(wait_for(PATIENCE, || dead() == 2.0).is_some());
    valve.silence();
}

#[test]
fn what_is_not_granted_or_cannot_be_is_an_error_that_the_guest_can_read() {
    let node = plant("").start();
    let mut watcher = watcher(&node, "seen/#");
    say(&node, "one", "refused", &[]);
    let told = told(&mut watcher);
    let errors: Vec<&str> =
        told.as_array().expect("a list").iter().flat_map(Value::as_str).collect();
    let expected = [
        ("Connection", "there are the clients `log`, `mqtt` and `mqtt-at-once`"),
        ("PermissionDenied", r#"hint: capabilities.emit = [\"elsewhere\"]"#),
        ("PermissionDenied", r#"hint: capabilities.publish = [\"elsewhere\"]"#),
        ("PermissionDenied", r#"hint: capabilities.publish = [\"elsewhere\"]"#),
        ("Other", "is a filter, not a topic"),
        ("Other", "the topic "),
        ("Other", "a key has 600 bytes, but may have 512"),
        ("Other", "a content type has 600 bytes, but may have 255"),
        ("Other", "a content type is ASCII text"),
    ];
    assert_eq!(errors.len(), expected.len(), "{told}");
    for (error, (kind, text)) in errors.iter().zip(expected) {
        assert!(
            error.contains(&format!("::{kind}(")) && error.contains(text),
            "{kind} {text}: {error}"
        );
    }
    // The handler has read them and ended well.
    let handled = || counted(&node, "sedge_trigger_messages_total", &[("outcome", "handled")]);
    assert!(wait_for(PATIENCE, || handled() == 1.0).is_some());
}

/// Without listeners of MQTT there is nobody to publish to.
#[test]
fn a_node_without_an_mqtt_front_says_so_to_who_publishes() {
    let manifest = manifest("");
    let manifest = manifest.split("[[function]]\n        name = \"echo\"").next().expect("a part");
    let node = Scenario::new().config("[ingest]\nanonymous = true\n").app("plant", manifest);
    let node = node.allow("given up").start();
    // The names of readings are topics below; SenML is told of, which needs no MQTT.
    let fields = [("content-type", "application/json")];
    let path = "/v1/ingest/pump-7";
    let stored = client::call(node.listen, "POST", path, &fields, br#"{"t": 1}"#);
    assert_eq!(stored.status, 200, "{}", stored.text());
    let records = || client::get(node.admin, "/v1/streams/records?from=0&topic=relay/told").json();
    let found = wait_for(PATIENCE, || records()["items"].get(0).cloned()).expect("a record");
    assert!(
        found["payload"].as_str().is_some_and(|text| text.contains("ingest/pump-7/t")),
        "{found}"
    );
}

#[test]
fn messages_of_the_largest_size_pass_both_ways_and_one_byte_more_is_told() {
    let config = FRONT.to_owned() + "packet_bytes_max = \"4 MiB\"\n";
    let manifest = manifest(HASTY);
    let node = Scenario::new().config(&config).app("plant", &manifest).start();
    let mut watcher = watcher(&node, "seen/#");
    // Out: what the log takes, and one byte more.
    say(&node, "one", &format!("fill {MIB}"), &[]);
    let (topic, filled) = seen(&mut watcher);
    assert_eq!((topic.as_str(), &filled["bytes"]), ("seen/relay/filled", &json!(MIB)));
    assert_eq!(filled["sum"], json!(MIB as u64 * u64::from(b'x')));
    say(&node, "one", &format!("fill {}", MIB + 1), &[]);
    let error = told(&mut watcher).to_string();
    assert!(error.contains("Other") && error.contains("a payload has 1048577 bytes"), "{error}");
    // Empty, which is a message, too.
    say(&node, "one", "fill 0", &[]);
    assert_eq!(seen(&mut watcher).1["bytes"], json!(0));
    // In: a device's largest message reaches the handler whole; a larger one is refused, and
    // says so.
    let mut device = Paho::connected(node.mqtt[0], "large", json!({}));
    let largest = "[".repeat(MIB);
    assert_eq!(device.publish("jobs/x", &largest, 1), 0);
    let told = told(&mut watcher);
    assert_eq!((&told["bytes"], &told["data"]), (&json!(MIB), &Value::Null));
    assert_eq!(told["sum"], json!(MIB as u64 * u64::from(b'[')));
    let code = device.publish("jobs/x", &(largest + "["), 1);
    assert!(code >= 0x80, "{code:#x}");
    assert_eq!(counted(&node, "sedge_trigger_messages_total", &[("outcome", "dead")]), 0.0);
}

#[test]
fn what_is_told_of_a_message_comes_from_its_device_and_goes_on_with_it() {
    let node = plant("").start();
    let mut watcher = watcher(&node, "seen/#");
    let number =
        |name: &'static str, value: &'static str| ["-D", "publish", "user-property", name, value];
    let words = [
        &["-D", "publish", "content-type", "text/csv; header=absent"][..],
        &number("sedge-epoch", "4"),
        &number("sedge-sequence", "9"),
    ]
    .concat();
    say(&node, "oven/7", "told", &words);
    let told = told(&mut watcher);
    assert_eq!((&told["topic"], &told["data"]), (&json!("jobs/x"), &json!("told")));
    assert_eq!(told["content_type"], "text/csv; header=absent");
    for (name, value) in [("device", "oven/7"), ("epoch", "4"), ("sequence", "9")] {
        assert_eq!(fact(&told, name), value, "{told}");
    }
    let number = |name: &str| -> u64 {
        let text = fact(&told, name).as_str().unwrap_or_else(|| panic!("{name}: {told}"));
        text.parse().expect("a number")
    };
    assert!(number("time-ms") > 1_700_000_000_000 && number("position") < 1_000, "{told}");
    assert_eq!(fact(&told, "key"), &Value::Null);
    // It goes on as it is, with its content type, as the function's own.
    say(&node, "oven/7", "on log relay/on grüße, alle", &words[..4]);
    let (topic, on) = seen(&mut watcher);
    assert_eq!((topic.as_str(), &on["data"]), ("seen/relay/on", &json!("grüße, alle")));
    assert_eq!(on["content_type"], "text/csv; header=absent");
    assert_eq!(fact(&on, "device"), "plant/relay", "{on}");
    // A new one has what it was given.
    say(&node, "oven/7", "new default relay/new lot-17 hello", &[]);
    let (topic, new) = seen(&mut watcher);
    assert_eq!((topic.as_str(), &new["data"]), ("seen/relay/new", &json!("hello")));
    assert_eq!(
        (&new["content_type"], fact(&new, "key")),
        (&json!("text/x-relay"), &json!("lot-17"))
    );
    // Changes are seen by who makes them, and by nobody else.
    say(&node, "oven/7", "edit", &[]);
    let edited = self::told(&mut watcher);
    let now = &edited["edited"];
    assert_eq!((fact(now, "device"), fact(now, "mine")), (&json!("somebody-else"), &json!("2")));
    assert_eq!((fact(now, "epoch"), &now["content_type"]), (&Value::Null, &json!("text/x-edited")));
    assert_eq!(edited["nothing"]["metadata"], Value::Null, "{edited}");
    assert_eq!((&edited["set"], &edited["emptied"]), (&json!([["a", "b"]]), &Value::Null));
}

#[test]
fn readings_by_http_and_bytes_that_are_no_text_reach_the_handler() {
    let config = FRONT.to_owned() + "[ingest]\nanonymous = true\n";
    let manifest = manifest("");
    let node = Scenario::new().config(&config).app("plant", &manifest).start();
    let mut watcher = watcher(&node, "seen/#");
    let fields =
        [("content-type", "application/json"), ("sedge-epoch", "3"), ("sedge-sequence", "5")];
    let stored =
        client::call(node.listen, "POST", "/v1/ingest/pump-7", &fields, br#"{"bar": 3.25}"#);
    assert_eq!(stored.status, 200, "{}", stored.text());
    let reading = told(&mut watcher);
    assert_eq!(reading["topic"], "ingest/pump-7/bar", "{reading}");
    assert_eq!(reading["content_type"], "application/senml+json");
    for (name, value) in [("device", "pump-7"), ("epoch", "3"), ("sequence", "5")] {
        assert_eq!(fact(&reading, name), value, "{reading}");
    }
    let senml: Value = serde_json::from_str(reading["data"].as_str().expect("text")).expect("JSON");
    assert_eq!(senml[0]["v"], 3.25, "{senml}");
    // Bytes from a file, as `mosquitto_pub -f` sends them.
    let file = node.folder().join("bytes");
    let bytes = [b"[".to_vec(), (0..=255).collect()].concat();
    std::fs::write(&file, &bytes).expect("written");
    let words =
        ["-V", "5", "-i", "raw", "-q", "2", "-t", "jobs/x", "-f", file.to_str().expect("a name")];
    assert!(publish(node.mqtt[0], &words).status.success());
    let raw = told(&mut watcher);
    assert_eq!((&raw["bytes"], &raw["data"]), (&json!(257), &Value::Null));
    let sum: u64 = bytes.iter().map(|byte| u64::from(*byte)).sum();
    assert_eq!(raw["sum"], json!(sum));
}

#[test]
fn what_is_published_reaches_mosquitto_and_stays_if_it_is_retained() {
    let node = plant("").start();
    let words =
        ["-V", "5", "-q", "1", "-t", "valves/#", "-C", "4", "-W", "30", "-F", "%t %p %r %q"];
    let clients = || node.metrics().sum("sedge_mqtt_subscriptions", &[]);
    let before = clients();
    let child = subscriber(node.mqtt[0], &words);
    assert!(wait_for(PATIENCE, || clients() > before).is_some(), "nobody has subscribed");
    say(&node, "one", "new mqtt valves/1/set - open", &[]);
    say(&node, "one", "new mqtt-at-once valves/2/set - shut", &[]);
    say(
        &node,
        "one",
        "on mqtt valves/3/set half",
        &["-D", "publish", "content-type", "text/plain"],
    );
    say(&node, "one", "retained valves/4/set kept", &[]);
    let output = child.wait_with_output().expect("it ends");
    let text = String::from_utf8_lossy(&output.stdout);
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    let expected = [
        "valves/1/set open 0 1",
        "valves/2/set shut 0 0",
        "valves/3/set half 0 1",
        "valves/4/set kept 0 1",
    ];
    assert_eq!(lines, expected);
    // For who comes later there is what was retained.
    let mut late = watcher(&node, "valves/#");
    assert_eq!(late.message(), ("valves/4/set".into(), "kept".into(), true));
}

/// What was acknowledged is handled once, though the node is killed.
#[test]
fn messages_that_are_sent_on_take_effect_once_over_kills() {
    let mut node = plant("").start();
    let mut sequence = 0;
    for kill in 0..3 {
        let mut device = Paho::connected(node.mqtt[0], "pump", json!({}));
        for _ in 0..20 {
            let user =
                json!({ "user": [["sedge-epoch", "1"], ["sedge-sequence", sequence.to_string()]] });
            let text = format!("new log relay/once - {sequence}");
            assert_eq!(device.publish_with("jobs/x", &text, 1, user), 0);
            sequence += 1;
        }
        if kill < 2 {
            node.kill9();
            node.restart();
        }
    }
    let records = || client::get(node.admin, "/v1/streams/records?from=0&topic=relay/once").json();
    let all = wait_for(PATIENCE, || {
        let items = records()["items"].as_array().cloned().unwrap_or_default();
        (items.len() >= sequence).then_some(items)
    });
    let all: Vec<String> = all
        .unwrap_or_else(|| panic!("{}", records()))
        .iter()
        .map(|record| record["payload"].as_str().expect("text").to_owned())
        .collect();
    let expected: Vec<String> = (0..sequence).map(|one| one.to_string()).collect();
    assert_eq!(all, expected);
}

/// Messages lie in the node's memory, not in that of the guest that has made them.
#[test]
fn a_guest_that_keeps_messages_is_stopped_before_the_node_feels_it() {
    let node = plant("retries_max = 0").allow("given up").allow("guest:").start();
    let mut watcher = watcher(&node, "seen/#");
    say(&node, "one", "told", &[]);
    told(&mut watcher);
    let before = node.memory_bytes_peak();
    say(&node, "bad", "hoard", &[]);
    let letter = letter(&mut watcher);
    let grown = node.memory_bytes_peak().saturating_sub(before);
    assert!(
        letter["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("resource_limit: the guest holds messages")),
        "{letter}"
    );
    assert!(grown < 96 * MIB as u64, "{} MiB", grown / MIB as u64);
    // Others are served.
    say(&node, "one", "told", &[]);
    assert_eq!(told(&mut watcher)["data"], "told");
}
