//! The ready-made function `sensors` on messages: what is calm, what is told, what is done about
//! it, and what a kill, a bad payload or a bad clock changes about that; with the real binary and
//! clients of other makers.
//!
//! What it emits lies in the node's log. A second function, `echo`, publishes it to `seen/TOPIC`,
//! where a client sees it; a third one makes the calls of webhooks.

#[path = "sensors_live/alerts.rs"]
mod alerts;
#[path = "sensors_live/faults.rs"]
mod faults;
#[path = "sensors_live/hook.rs"]
mod hook;
#[path = "sensors_live/silence.rs"]
mod silence;
#[path = "sensors_live/threads.rs"]
mod threads;

use sedge_tests::mqtt::Paho;
use sedge_tests::{Node, Scenario};
use serde_json::{Value, json};
use std::net::SocketAddr;

const FRONT: &str = "[[mqtt]]\nlisten = \"127.0.0.1:0\"\n[broker]\nanonymous = true\n";

/// What is watched and done, and where webhooks are.
#[derive(Clone, Copy, Default)]
struct Plant<'a> {
    /// `SENSORS_WATCH`.
    watch: &'a str,
    /// `SENSORS_RULES`.
    rules: &'a str,
    /// More lines for the trigger of `sensors`.
    trigger: &'a str,
    /// Of the webhooks.
    hook: Option<SocketAddr>,
}

impl Plant<'_> {
    fn manifest(&self) -> String {
        let Plant { watch, rules, trigger, hook } = self;
        let webhooks = hook.map(|hook| {
            format!(
                r#"
                [[function]]
                name = "webhooks"
                source = "{{guests}}/sensors.wasm"
                environment = {{ SENSORS_RULES = """{rules}""" }}
                [function.capabilities]
                outbound = [{{ to = "http://{hook}", private = true }}]
                [function.trigger.message]
                topics = ["calls/#"]
                batch_messages_max = 1
                backoff_ms = 10
                backoff_ms_max = 50
                "#
            )
        });
        format!(
            r#"
            [app]
            name = "plant"
            [[function]]
            name = "sensors"
            source = "{{guests}}/sensors.wasm"
            isolation = "instance"
            [function.environment]
            SENSORS_WATCH = """{watch}"""
            SENSORS_RULES = """{rules}"""
            [function.capabilities]
            emit = ["alerts/#", "assessed/#", "calls/#"]
            publish = ["actuators/#"]
            state = true
            [function.trigger.message]
            topics = ["plant/#"]
            {trigger}
            [[function]]
            name = "echo"
            source = "{{guests}}/tally.wasm"
            environment = {{ TALLY_ECHO = "seen" }}
            [function.capabilities]
            publish = ["seen/#"]
            [function.trigger.message]
            topics = ["alerts/#", "assessed/#", "dead-letters/#"]
            dead_letters = "given-up/echo"
            {webhooks}
            "#,
            webhooks = webhooks.unwrap_or_default()
        )
    }

    fn scenario(&self) -> Scenario {
        Scenario::new().share_code().config(FRONT).app("plant", &self.manifest())
    }

    fn start(&self) -> Node {
        self.scenario().start()
    }
}

/// A client that sees what is published below a topic, also of messages that come while it has
/// no connection.
fn watcher(node: &Node, filter: &str) -> Paho {
    let more = json!({ "clean": false, "expiry": 600 });
    let mut watcher = Paho::connected(node.mqtt[0], &filter.replace('#', "all"), more);
    assert!(watcher.subscribe(filter, 1) <= 1);
    watcher
}

/// A sensor.
fn device(node: &Node, name: &str) -> Paho {
    Paho::connected(node.mqtt[0], name, json!({}))
}

/// Sends readings, each as a message of its own, in their order.
fn send(device: &mut Paho, topic: &str, readings: impl IntoIterator<Item = f64>) {
    for reading in readings {
        assert_eq!(device.publish(topic, &reading.to_string(), 1), 0);
    }
}

/// What a calm sensor says: around `level`, by no more than half of `wide`, and never twice the
/// same in a row.
fn calm(level: f64, wide: f64, count: usize) -> impl Iterator<Item = f64> {
    // A permutation of 0 to 100 that looks like chance.
    (0..count).map(move |step| {
        let part = ((step * 37 + step * step * 11) % 101) as f64 / 101.0 - 0.5;
        ((level + wide * part) * 100.0).round() / 100.0
    })
}

/// The next thing that `echo` has seen: its topic, and what was said.
fn seen(watcher: &mut Paho) -> (String, Value) {
    let (topic, text, _) = watcher.message();
    let told = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    (topic, told)
}

/// The next alert, which must be of this series and say this.
fn alert(watcher: &mut Paho, of: &str, level: &str, cause: &str) -> Value {
    let (topic, alert) = seen(watcher);
    let told = (topic.as_str(), alert["level"].as_str(), alert["cause"].as_str());
    let wanted = (format!("seen/alerts/{of}"), Some(level), Some(cause));
    assert_eq!(told, (wanted.0.as_str(), wanted.1, wanted.2), "{alert}");
    alert
}

/// What is counted of a function.
fn counted(node: &Node, function: &str, outcome: &str) -> f64 {
    let labels = [("function", function), ("outcome", outcome)];
    node.metrics().sum("sedge_trigger_messages_total", &labels)
}
