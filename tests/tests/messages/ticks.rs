//! Functions that the clock starts.

use crate::{FRONT, counted, manifest};
use sedge_tests::mqtt::{PATIENCE, Paho};
use sedge_tests::{Node, Scenario, wait_for};
use serde_json::json;

const BEAT: &str = r#"
    [[function.trigger.schedule]]
    name = "beat"
    cron = "* * * * * *"
"#;

fn beating(schedule: &str) -> Scenario {
    let manifest = manifest("").replace(
        "[[function]]\n        name = \"echo\"",
        &format!("{schedule}\n[[function]]\nname = \"echo\""),
    );
    assert!(manifest.contains("schedule"), "{manifest}");
    Scenario::new().config(FRONT).app("plant", &manifest)
}

/// What `tally` has said of a tick: its count, when it was due and how many were missed.
fn tick(watcher: &mut Paho) -> (u64, u64, u64) {
    let said = watcher.payload();
    let numbers: Vec<u64> = said.split(' ').skip(1).map(|one| one.parse().expect(&said)).collect();
    let [count, due_ms, missed] = numbers[..] else { panic!("{said}") };
    (count, due_ms, missed)
}

fn watch(node: &Node) -> Paho {
    let mut watcher = Paho::connected(node.mqtt[0], "watcher", json!({}));
    watcher.subscribe("seen/tally/ticks", 1);
    watcher
}

#[test]
fn the_clock_calls_once_for_each_time_over_a_kill_and_a_stop() {
    let mut node = beating(BEAT).start();
    let mut watcher = watch(&node);
    let mut last = tick(&mut watcher);
    assert_eq!(last.1 % 1_000, 0, "whole seconds");
    for how in ["kill", "stop", "none"] {
        for _ in 0..2 {
            let next = loop {
                let next = tick(&mut watcher);
                // What was published before a kill may be published again: QoS 1.
                if next.0 > last.0 {
                    break next;
                }
                assert!(next.1 <= last.1, "{next:?} after {last:?}");
            };
            // Ticks that nobody watched have their own counts; each has a time of its own.
            assert!(next.1 > last.1, "{next:?} after {last:?}");
            let seconds = (next.1 - last.1) / 1_000;
            assert!(next.0 - last.0 + next.2 <= seconds, "{next:?} after {last:?}");
            last = next;
        }
        match how {
            "kill" => node.kill9(),
            "stop" => {
                node.terminate();
                assert!(node.wait_exit().success());
            }
            _ => break,
        }
        node.restart();
        watcher = watch(&node);
    }
}

#[test]
fn a_tick_that_fails_has_no_effect_is_tried_again_and_given_up() {
    let fails =
        BEAT.replace("beat", "fails") + "retries_max = 1\nbackoff_ms = 10\nmissed = \"skip\"";
    let node = beating(&fails).allow("a call by the clock").start();
    let name = "sedge_trigger_ticks_given_up_total";
    let given_up = wait_for(PATIENCE, || counted(&node, "tally", name, &[]) >= 2.0);
    assert!(given_up.is_some(), "{}", node.log());
    assert!(counted(&node, "tally", "sedge_trigger_ticks_failed_total", &[]) >= 4.0);
    // It emits before it fails, and nothing of that is there.
    let mut watcher = watch(&node);
    watcher.silence();
    assert_eq!(
        counted(&node, "echo", "sedge_trigger_messages_total", &[("outcome", "handled")]),
        0.0
    );
}
