//! What the function `sensors` does with messages: settings of an operator, payloads of anybody,
//! and a node that keeps what it is told to.
//!
//! An input is settings, rules, and messages, each ended by a zero byte. The first byte of a
//! message says from whom it comes, when, and as what.

use sensors::watch::call::Request;
use sensors::watch::config::Config;
use sensors::watch::handler::Watch;
use sensors::watch::host::{Delivery, Host, HostError, Message};
use std::collections::BTreeMap;

/// Words of settings, rules and payloads.
pub(super) const WORDS: &[&str] = &[
    "\0",
    "\n# ",
    "field=* ",
    "by=topic ",
    "silent=1s ",
    "stuck=2 ",
    "gaps=1 ",
    "learn=0 ",
    "critical_high=9 ",
    "raise_after=1 ",
    "cycle=none ",
    "assessed=on ",
    "snapshot_every=1 ",
    "alerts=a/{device}/{name}",
    "when value > 1 on # publish {value} to a/{device} every 0s",
    "when level >= warning on # call https://a/b with {cause}",
    "[{\"n\":\"a\",\"v\":",
    "{\"value\":",
    "\"time\":",
    "4070908800",
    "null",
    "1e308",
];

/// Messages of an input.
const MESSAGES_MAX: usize = 24;
/// What one call may do, and what a node takes as a key, a value and a topic.
const STEPS_MAX: usize = 1_000;
const CALL_BYTES_MAX: usize = 2 << 20;
const KEY_BYTES_MAX: usize = 512;
const VALUE_BYTES_MAX: usize = 1 << 20;
const TOPIC_BYTES_MAX: usize = 65_535;
/// Characters of a reason that a dead letter tells.
const REASON_CHARS_MAX: usize = 4_096;

const BEGIN_MS: u64 = 1_700_000_000_000;

pub(super) fn plants() -> Vec<Vec<u8>> {
    super::texts(&[
        "\0\0",
        "# critical_high=9 assessed=on\0when value > 9 on # publish x to y/{device}\0a1\0a12\0b5\0",
        "# field=* silent=5s learn=0\0when level >= warning on # call https://a/b\0a{\"value\":1,\"u\":null}\0q[1,2,3]\0",
        "# by=topic stuck=2 gaps=1 snapshot_every=1\0\0a1\0b1\0c1\0dNaN\0e1\0",
        "# cycle=hour\0\0!{\"time\":\"2023-11-14T22:13:20Z\",\"value\":1}\0#{\"time\":4070908800,\"value\":2}\0a[{\"n\":\"t\",\"v\":1}]\0",
    ])
}

/// A node: what it refuses, and what it was told.
#[derive(Default)]
struct Node {
    state: BTreeMap<String, Vec<u8>>,
    emitted: Vec<(String, String, Vec<u8>)>,
    published: Vec<(String, Vec<u8>, bool)>,
    lines: Vec<String>,
    now_ms: u64,
    steps: usize,
    bytes: usize,
}

impl Node {
    fn charge(&mut self, bytes: usize) -> Result<(), HostError> {
        (self.steps, self.bytes) = (self.steps + 1, self.bytes + bytes);
        if self.steps <= STEPS_MAX && self.bytes <= CALL_BYTES_MAX {
            return Ok(());
        }
        Err(HostError { reason: "more than one call may do".to_owned(), permanent: false })
    }

    /// One call, of which nothing takes effect if it fails.
    fn call<T>(&mut self, call: impl FnOnce(&mut Node) -> (T, bool)) -> T {
        (self.steps, self.bytes) = (0, 0);
        let before = (self.state.clone(), self.emitted.len(), self.published.len());
        let (told, is_done) = call(self);
        if !is_done {
            self.state = before.0;
            self.emitted.truncate(before.1);
            self.published.truncate(before.2);
        }
        told
    }
}

fn check_topic(topic: &str) {
    assert!(!topic.is_empty() && topic.len() <= TOPIC_BYTES_MAX, "{topic:?}");
    assert!(!topic.contains(['+', '#', '\0']) && !topic.starts_with('$'), "{topic:?}");
}

impl Host for Node {
    fn get(&mut self, key: &str) -> Result<Option<Vec<u8>>, HostError> {
        assert!(!key.is_empty() && key.len() <= KEY_BYTES_MAX && !key.starts_with('$'), "{key:?}");
        self.charge(key.len())?;
        Ok(self.state.get(key).cloned())
    }

    fn set(&mut self, key: &str, value: &[u8]) -> Result<(), HostError> {
        assert!(!key.is_empty() && key.len() <= KEY_BYTES_MAX && !key.starts_with('$'), "{key:?}");
        assert!(value.len() <= VALUE_BYTES_MAX, "{key:?}: {}", value.len());
        self.charge(key.len() + value.len())?;
        self.state.insert(key.to_owned(), value.to_vec());
        Ok(())
    }

    fn emit(
        &mut self,
        topic: &str,
        key: &str,
        content_type: &str,
        payload: &[u8],
    ) -> Result<(), HostError> {
        check_topic(topic);
        assert!(key.len() <= KEY_BYTES_MAX && payload.len() <= VALUE_BYTES_MAX);
        let told: serde_json::Value = serde_json::from_slice(payload).expect("JSON");
        if content_type.contains("sensor") {
            let score = told["score"].as_f64().expect("a score");
            assert!((0.0..=1.0).contains(&score), "{told}");
            assert!(
                ["normal", "warning", "critical"]
                    .contains(&told["level"].as_str().expect("a level"))
            );
        }
        self.charge(topic.len() + key.len() + payload.len())?;
        self.emitted.push((topic.to_owned(), key.to_owned(), payload.to_vec()));
        Ok(())
    }

    fn publish(
        &mut self,
        topic: &str,
        payload: &[u8],
        _: Delivery,
        retain: bool,
    ) -> Result<(), HostError> {
        check_topic(topic);
        self.charge(topic.len() + payload.len())?;
        self.published.push((topic.to_owned(), payload.to_vec(), retain));
        Ok(())
    }

    fn call(&mut self, request: &Request<'_>) -> Result<(), HostError> {
        assert!(request.idempotency_key.is_ascii() && !request.url.authority.is_empty());
        Ok(())
    }

    fn now_ms(&mut self) -> u64 {
        self.now_ms
    }

    fn log(&mut self, line: &str) {
        self.lines.push(line.to_owned());
    }
}

fn message((index, bytes): (usize, &[u8])) -> Message {
    let (how, payload) = bytes.split_first().map_or((0, bytes), |(how, payload)| (*how, payload));
    let types = [None, Some("application/json"), Some("application/senml+json"), Some("text/csv")];
    let device = ["one", "two", "a/+#", ""][usize::from(how & 3)].to_owned();
    Message {
        position: index as u64,
        topic: format!("plant/{}/t", how >> 7),
        device,
        time_ms: BEGIN_MS + index as u64 * 1_000 * u64::from(how >> 6 & 1),
        content_type: types[usize::from(how >> 4 & 3)].map(str::to_owned),
        payload: payload.to_vec(),
    }
}

/// Whatever is set and said: failures name messages, what is told is well formed, and whether
/// messages come together or alone, to an instance that is kept or to new ones, makes no
/// difference. Nothing that was kept is not understood. Who falls silent is told once.
pub(super) fn plant(data: &[u8]) {
    let mut parts = data.split(|byte| *byte == 0);
    let mut text = || String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let (settings, rules) = (text(), text());
    let batch: Vec<Message> = parts.take(MESSAGES_MAX).enumerate().map(message).collect();
    let new = || Watch::new(Config::parse(&settings, &rules));
    let node = || Node { now_ms: BEGIN_MS, ..Node::default() };
    let (mut kept, mut whole) = (new(), node());
    let failures = whole.call(|node| {
        let failures = kept.handle(node, &batch);
        let is_done = failures.is_empty();
        (failures, is_done)
    });
    for failure in &failures {
        assert!(failure.index < batch.len() && !failure.reason.is_empty(), "{failure:?}");
        assert!(failure.reason.chars().count() <= REASON_CHARS_MAX, "{}", failure.reason.len());
    }
    let mut alone = node();
    let mut all_alone = true;
    for one in batch.chunks(1) {
        all_alone &= alone.call(|node| {
            let is_done = new().handle(node, one).is_empty();
            (is_done, is_done)
        });
    }
    if failures.is_empty() && all_alone {
        // Series are taken one after the other; of each, all is told in its order.
        let sorted = |node: &Node| {
            let mut all = node.emitted.clone();
            all.sort_by(|one, other| one.1.cmp(&other.1));
            let mut published = node.published.clone();
            published.sort();
            (all, published)
        };
        assert_eq!(sorted(&whole), sorted(&alone));
    }
    for node in [&mut whole, &mut alone] {
        look(node, &mut new());
        assert!(!node.lines.iter().any(|line| line.contains("not understood")), "{:?}", node.lines);
    }
}

/// Looks until nobody can have anything left to say.
fn look(node: &mut Node, watch: &mut Watch) {
    for wait_ms in [0, 1_000, 3_600_000, 400 * 86_400_000, 0, 1_000] {
        node.now_ms += wait_ms;
        node.emitted.clear();
        let looked = node.call(|node| {
            let looked = watch.look(node, false);
            let is_done = looked.is_ok();
            (looked, is_done)
        });
        if let Err(reason) = looked {
            assert!(
                reason.contains("settings are wrong") || reason.contains("one call"),
                "{reason}"
            );
            return;
        }
    }
    assert!(node.emitted.is_empty(), "a silence was told again");
}
