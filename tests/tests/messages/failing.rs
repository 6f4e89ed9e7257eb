//! Messages that fail: tried again, given up, and in nobody's way.

use crate::{counted, device, plant, watcher};
use sedge_tests::mqtt::PATIENCE;
use sedge_tests::wait_for;
use serde_json::{Value, json};

const HASTY: &str = "retries_max = 2\nbackoff_ms = 10\nbackoff_ms_max = 20";

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn what_fails_is_tried_again_and_becomes_a_dead_letter_that_says_why() {
    let node = plant(HASTY).allow("given up").allow("guest:").start();
    let mut watcher = watcher(&node, "seen/#");
    let mut bad = device(&node, "bad");
    for (payload, reason, tries) in [
        ("fail", "it shall fail", 3),
        ("never", "it shall never do", 1),
        ("nonsense", "\"nonsense\" is no word of mine", 1),
        ("trap", "trap: ", 3),
        ("spin", "cpu_limit: ", 3),
        ("grow", "memory_limit: ", 3),
        ("flood", "one call emits, publishes and keeps 1000 things", 1),
    ] {
        assert_eq!(bad.publish("jobs/bad", payload, 1), 0, "{payload}");
        let (topic, letter, _) = watcher.message();
        assert_eq!(topic, "seen/dead-letters/plant/tally", "{payload}: {letter}");
        let letter = parsed(&letter);
        let told = letter["reason"].as_str().expect("a reason");
        assert!(told.contains(reason), "{payload}: {told}");
        assert_eq!(letter["tries"], tries, "{payload}");
        assert_eq!(letter["function"], "plant/tally");
        let message = &letter["message"];
        assert_eq!((&message["payload"], &message["device"]), (&json!(payload), &json!("bad")));
        assert_eq!(message["topic"], "jobs/bad");
    }
    assert_eq!(bad.publish_with("jobs/bad", "", 1, json!({})), 0);
    let letter = parsed(&watcher.payload());
    assert_eq!(letter["message"]["payload"], "");
    let name = "sedge_trigger_messages_total";
    assert_eq!(counted(&node, "tally", name, &[("outcome", "dead")]), 8.0);
    assert_eq!(counted(&node, "tally", name, &[("outcome", "retried")]), 8.0);
}

#[test]
fn what_is_not_granted_is_refused_with_a_hint_and_harms_nothing() {
    let node = plant("").start();
    let mut watcher = watcher(&node, "seen/#");
    let mut one = device(&node, "one");
    assert_eq!(one.publish("jobs/one", "forbidden", 1), 0);
    let told = watcher.payload();
    for part in [
        "hint: capabilities.emit = ",
        "hint: capabilities.publish = ",
        "is a filter, not a topic",
        "keys of the state that begin with `$`",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[test]
fn a_poison_message_holds_up_its_device_until_its_tries_are_over_and_nobody_else() {
    let slow =
        "retries_max = 2\nbackoff_ms = 3000\nbackoff_ms_max = 3000\nwindow_messages_max = 64";
    let node = plant(slow).allow("given up").start();
    let mut watcher = watcher(&node, "seen/#");
    let (mut bad, mut good) = (device(&node, "bad"), device(&node, "good"));
    assert_eq!(bad.publish("jobs/bad", "fail", 1), 0);
    assert_eq!(bad.publish("jobs/bad", "count", 1), 0);
    for expected in 1..=20 {
        assert_eq!(good.publish("jobs/good", "count", 1), 0);
        assert_eq!(watcher.message().1, expected.to_string());
    }
    // What was behind it comes after it.
    let (topic, _, _) = watcher.message();
    assert_eq!(topic, "seen/dead-letters/plant/tally");
    assert_eq!(watcher.message(), ("seen/tally/bad".to_owned(), "1".to_owned(), false));
    let open =
        wait_for(PATIENCE, || counted(&node, "tally", "sedge_trigger_open_messages", &[]) == 0.0);
    assert!(open.is_some());
}
