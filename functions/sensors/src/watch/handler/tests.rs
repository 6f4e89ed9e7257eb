use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::watch::call::Request;
use crate::watch::host::Delivery;

/// A node in memory. Each batch takes effect as a whole or not at all.
#[derive(Default)]
pub struct Fake {
    pub state: BTreeMap<String, Vec<u8>>,
    /// Topic, key, content type and payload.
    pub emitted: Vec<(String, String, String, Value)>,
    /// Topic, payload, delivery and retain.
    pub published: Vec<(String, String, Delivery, bool)>,
    pub calls: Vec<(String, String, String)>,
    pub lines: Vec<String>,
    pub now_ms: u64,
    /// Which question fails, and how.
    pub fails: Option<(&'static str, HostError)>,
    pub gets: Vec<String>,
    pub bytes_set: usize,
}

impl Fake {
    fn ask(&self, what: &str) -> Result<(), HostError> {
        match &self.fails {
            Some((fails, error)) if *fails == what => Err(error.clone()),
            _ => Ok(()),
        }
    }

    /// Alerts only, as level and cause.
    fn alerts(&self) -> Vec<(&str, &str)> {
        let alerts = self.emitted.iter().filter(|(topic, ..)| topic.starts_with("alerts/"));
        alerts
            .map(|(_, _, _, record)| {
                (record["level"].as_str().unwrap(), record["cause"].as_str().unwrap())
            })
            .collect()
    }
}

impl Host for Fake {
    fn get(&mut self, key: &str) -> Result<Option<Vec<u8>>, HostError> {
        self.ask("get")?;
        self.gets.push(key.to_owned());
        Ok(self.state.get(key).cloned())
    }

    fn set(&mut self, key: &str, value: &[u8]) -> Result<(), HostError> {
        self.ask("set")?;
        assert!(key.len() <= 512 && value.len() <= 1 << 20, "{} {}", key.len(), value.len());
        self.bytes_set += value.len();
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
        self.ask("emit")?;
        assert!(topic.len() <= 1024 && key.len() <= 512 && !topic.contains(['+', '#']));
        let record = serde_json::from_slice(payload).unwrap();
        self.emitted.push((topic.to_owned(), key.to_owned(), content_type.to_owned(), record));
        Ok(())
    }

    fn publish(
        &mut self,
        topic: &str,
        payload: &[u8],
        delivery: Delivery,
        retain: bool,
    ) -> Result<(), HostError> {
        self.ask("publish")?;
        let payload = String::from_utf8(payload.to_vec()).unwrap();
        self.published.push((topic.to_owned(), payload, delivery, retain));
        Ok(())
    }

    fn call(&mut self, request: &Request<'_>) -> Result<(), HostError> {
        self.ask("call")?;
        let body = String::from_utf8(request.body.to_vec()).unwrap();
        let url = format!("{}{}", request.url.authority, request.url.path_with_query);
        self.calls.push((url, request.idempotency_key.to_owned(), body));
        Ok(())
    }

    fn now_ms(&mut self) -> u64 {
        self.now_ms
    }

    fn log(&mut self, line: &str) {
        self.lines.push(line.to_owned());
    }
}

fn watch(watch: &str, rules: &str) -> Watch {
    Watch::new(Config::parse(watch, rules))
}

fn message(device: &str, topic: &str, payload: &str) -> Message {
    let (topic, device, payload) =
        (topic.to_owned(), device.to_owned(), payload.as_bytes().to_vec());
    Message { topic, device, payload, ..Message::default() }
}

/// Readings a minute apart, on one topic of one device.
fn readings(values: impl IntoIterator<Item = f64>) -> Vec<Message> {
    let one = |(index, value): (usize, f64)| Message {
        position: index as u64,
        time_ms: 1_700_000_000_000 + index as u64 * 60_000,
        ..message("dev", "plant/t", &value.to_string())
    };
    values.into_iter().enumerate().map(one).collect()
}

#[test]
fn wrong_settings_fail_every_message_and_may_be_set_right() {
    let mut host = Fake::default();
    let mut wrong = watch("# colour=1", "when");
    let failures = wrong.handle(&mut host, &readings([1.0, 2.0]));
    assert_eq!(failures.len(), 2);
    assert!(failures[1].index == 1 && !failures[1].permanent);
    assert!(failures[0].reason.contains("SENSORS_WATCH, line 1: colour"), "{failures:?}");
    assert!(failures[0].reason.contains("SENSORS_RULES, line 1"), "{failures:?}");
    // Lines that contradict each other for one topic only.
    let mut partly = watch("# warning_high=9\nplant/# critical_high=8", "");
    assert!(partly.handle(&mut host, &[message("d", "x", "1")]).is_empty());
    let failures = partly.handle(&mut host, &readings([1.0]));
    assert!(failures[0].reason.contains("lines 1, 2 together"), "{failures:?}");
}

#[test]
fn bad_payloads_fail_for_good_and_before_anything_is_done() {
    let mut host = Fake::default();
    let mut batch = readings([99.0, 99.0, 99.0]);
    batch[1].payload = b"21.5 C".to_vec();
    let mut watch =
        watch("# critical_high=90", "when level = critical on # publish x to y at-once");
    let failures = watch.handle(&mut host, &batch);
    assert_eq!(failures.len(), 1);
    assert!(failures[0].index == 1 && failures[0].permanent, "{failures:?}");
    assert!(failures[0].reason.contains("without its unit"));
    assert!(host.state.is_empty() && host.published.is_empty() && host.emitted.is_empty());
}

#[test]
fn what_the_node_does_not_do_fails_the_batch() {
    for (what, permanent) in [("get", false), ("set", true), ("emit", false), ("publish", true)] {
        let error = HostError { reason: format!("no {what}"), permanent };
        let mut host = Fake { fails: Some((what, error)), ..Fake::default() };
        let mut watch = watch("# critical_high=90", "when level = critical on # publish x to y");
        let failures = watch.handle(&mut host, &readings([99.0]));
        assert_eq!(failures, [Failure { index: 0, reason: format!("no {what}"), permanent }]);
        // Nothing took effect; the next try is the first.
        let mut again = Fake::default();
        assert!(watch.handle(&mut again, &readings([99.0])).is_empty());
        assert_eq!(again.alerts(), [("critical", "high")]);
    }
}

#[test]
fn too_many_series_of_a_device_are_refused() {
    let mut host = Fake::default();
    let fields: Vec<String> = (0..70).map(|field| format!("\"f{field}\":1")).collect();
    let payload = format!("{{{}}}", fields.join(","));
    let failures = watch("# field=*", "").handle(&mut host, &[message("d", "t", &payload)]);
    assert!(failures[0].permanent && failures[0].reason.contains("64 series"), "{failures:?}");
}

#[test]
fn an_alert_says_what_when_and_why() {
    let mut host = Fake { now_ms: 5, ..Fake::default() };
    let mut watch = watch(
        "plant/# critical_high=80 clear_after=2",
        r#"when level = critical on plant/# publish '{"close":true,"by":"{device}","at":{value}}' to act/{device}/valve retain
        when level = normal on plant/# publish open to act/{device}/valve at-once
        when level = critical on other publish x to never"#,
    );
    let mut batch = readings((0..40).map(|step| 20.0 + f64::from(step % 3)));
    batch.extend(readings([95.0, 21.0, 21.0]));
    for (index, message) in batch.iter_mut().enumerate() {
        message.position = 100 + index as u64;
        message.time_ms = 1_700_000_000_000 + index as u64 * 60_000;
    }
    for part in batch.chunks(7) {
        assert!(watch.handle(&mut host, part).is_empty());
    }
    assert_eq!(host.alerts(), [("critical", "high"), ("normal", "clear")]);
    let (topic, _, media, alert) = &host.emitted[0];
    assert_eq!((topic.as_str(), media.as_str()), ("alerts/dev/t", RECORD_MEDIA_TYPE));
    for (key, want) in [
        ("level_code", json!(2)),
        ("before", json!("normal")),
        ("device", json!("dev")),
        ("topic", json!("plant/t")),
        ("name", json!("t")),
        ("value", json!(95.0)),
        ("run", json!(1)),
        ("time", json!("2023-11-14T22:53:20Z")),
        ("time_ms", json!(1_700_002_400_000_u64)),
        ("since_ms", json!(1_700_002_400_000_u64)),
        ("readings", json!(41)),
        ("position", json!(140)),
    ] {
        assert_eq!(alert[key], want, "{key} in {alert}");
    }
    let expected = alert["expected"].as_f64().unwrap();
    assert!((19.0..24.0).contains(&expected));
    assert!(
        alert["interval"][0].as_f64() < Some(expected)
            && alert["next"].as_array().unwrap().len() == 3
    );
    let valve = "act/dev/valve".to_owned();
    let closed = r#"{"close":true,"by":"dev","at":95}"#.to_owned();
    assert_eq!(
        host.published,
        [
            (valve.clone(), closed, Delivery::Durable, true),
            (valve, "open".to_owned(), Delivery::AtOnce, false),
        ]
    );
}

/// However the readings are cut into batches, and whether an instance is kept or not.
#[test]
fn batches_and_instances_make_no_difference() {
    let values: Vec<f64> = (0..400)
        .map(|step| {
            let wave = f64::from(step * 7919 % 101) / 10.0;
            if step % 90 == 89 { 99.0 } else { 20.0 + wave }
        })
        .collect();
    let settings = "# critical_high=80 assessed=on snapshot_every=16 learn=50";
    let rules = "when value > 90 on # publish {value} to y every 0s";
    let mut results = Vec::new();
    for (size, kept) in [(1, true), (1, false), (7, true), (64, false), (400, true)] {
        let mut host = Fake::default();
        let mut instance = watch(settings, rules);
        for batch in readings(values.iter().copied()).chunks(size) {
            if !kept {
                instance = watch(settings, rules);
            }
            assert!(instance.handle(&mut host, batch).is_empty());
        }
        assert_eq!(host.emitted.iter().filter(|one| one.0.starts_with("assessed/")).count(), 400);
        results.push((host.emitted, host.published));
    }
    assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(results[0].1.len(), 4);
}

#[test]
fn a_kept_instance_that_saw_what_was_undone_forgets_it() {
    let mut host = Fake::default();
    let mut instance = watch("# assessed=on", "");
    assert!(instance.handle(&mut host, &readings([1.0, 2.0, 3.0])).is_empty());
    let before = host.state.clone();
    assert!(instance.handle(&mut host, &readings([500.0])).is_empty());
    // The node could not keep that batch.
    host.state = before;
    host.emitted.clear();
    assert!(instance.handle(&mut host, &readings([4.0])).is_empty());
    let mut fresh = Fake { state: host.state.clone(), ..Fake::default() };
    assert_eq!(host.emitted[0].3["readings"], json!(4));
    assert!(instance.handle(&mut host, &readings([5.0])).is_empty());
    assert!(watch("# assessed=on", "").handle(&mut fresh, &readings([5.0])).is_empty());
    assert_eq!(host.emitted[1].3, fresh.emitted[0].3);
}

#[test]
fn series_are_told_apart_and_read_once_in_a_batch() {
    let mut host = Fake::default();
    let mut watch = watch("# field=* alerts=off assessed=a/{device}/{name}", "");
    let pack = r#"[{"bn":"x/","n":"t","v":1},{"n":"p","v":2},{"n":"mode","vs":"on"}]"#;
    let batch = [
        message("d", "in/a", r#"{"t": 1, "p": 2, "on": true}"#),
        message("d", "in/b", "3"),
        message("e", "in/a", r#"{"t": 4}"#),
        message("d", "in/a", r#"{"t": 5}"#),
        Message {
            content_type: Some("application/senml+json".to_owned()),
            ..message("d", "in/c", pack)
        },
    ];
    assert!(watch.handle(&mut host, &batch).is_empty());
    let told: Vec<_> =
        host.emitted.iter().map(|one| (one.0.as_str(), one.3["readings"].clone())).collect();
    let want = ["a/d/t", "a/d/t", "a/d/p", "a/d/b", "a/e/t", "a/d/x%2Ft", "a/d/x%2Fp"];
    let mut topics: Vec<_> = told.iter().map(|one| one.0).collect();
    topics.sort_unstable();
    let mut sorted = want.to_vec();
    sorted.sort_unstable();
    assert_eq!(topics, sorted);
    assert_eq!(host.gets.iter().filter(|key| key.starts_with("head/")).count(), 6);
    // What it says itself is no reading.
    let own = host.emitted.iter().map(|(topic, _, media, record)| Message {
        content_type: Some(media.clone()),
        ..message("app/sensors", topic, &record.to_string())
    });
    let own: Vec<_> = own.collect();
    host.gets.clear();
    assert!(watch.handle(&mut host, &own).is_empty() && host.gets.is_empty());
}

/// Clients of MQTT that have another identifier each time.
#[test]
fn a_topic_may_be_one_series_whoever_speaks() {
    let mut host = Fake::default();
    let mut watch = watch("# by=topic assessed=on", "");
    for client in ["a", "b", "c"] {
        assert!(watch.handle(&mut host, &[message(client, "t", "1")]).is_empty());
    }
    assert_eq!(host.emitted[2].3["readings"], json!(3));
    assert_eq!(host.emitted[2].0, "assessed/c/t");
    // In one batch, too, each is told as who has said it.
    let batch = ["d", "e"].map(|client| message(client, "t", "1"));
    assert!(watch.handle(&mut host, &batch).is_empty());
    assert_eq!(host.emitted[4].0, "assessed/e/t");
    assert_eq!(host.emitted[4].3["device"], json!("e"));
    // A head, the topic's series, and a list of who is to be heard.
    assert_eq!(host.state.len(), 3, "{:?}", host.state.keys());
}

#[test]
fn a_webhook_is_called_on_a_way_of_its_own() {
    let rules =
        "when level = critical on # call https://pager.example/hook?a=1 with '{\"hot\":{value}}'";
    let mut host = Fake::default();
    let mut sensors = watch("# critical_high=80", rules);
    assert!(sensors.handle(&mut host, &readings([99.0])).is_empty());
    assert!(host.calls.is_empty(), "the decision does not wait for it");
    let (topic, _, media, wanted) = host.emitted[0].clone();
    assert_eq!((topic.as_str(), media.as_str()), ("calls/dev/t", CALL_MEDIA_TYPE));
    let call = |payload: String| Message {
        content_type: Some(CALL_MEDIA_TYPE.to_owned()),
        ..message("app/sensors", "calls/dev/t", &payload)
    };
    // A webhook that is gone, then one that is there: tried again with the same key.
    let gone = HostError { reason: "gone".to_owned(), permanent: false };
    host.fails = Some(("call", gone));
    let failures = sensors.handle(&mut host, &[call(wanted.to_string())]);
    assert!(failures.len() == 1 && !failures[0].permanent, "{failures:?}");
    host.fails = None;
    assert!(sensors.handle(&mut host, &[call(wanted.to_string())]).is_empty());
    let (url, key, body) = &host.calls[0];
    assert_eq!((url.as_str(), body.as_str()), ("pager.example/hook?a=1", r#"{"hot":99}"#));
    assert_eq!(Some(key.as_str()), wanted["key"].as_str());
    // Others name no rule of the settings, or are no call at all.
    for (payload, word) in [
        ("{}", "is no call"),
        (r#"{"rule":1,"key":"a","body":"","url":"http://other"}"#, "is no call"),
        (r#"{"rule":1,"key":"a","body":""}"#, "is not in the settings"),
        (&format!(r#"{{"rule":{},"key":"a b","body":""}}"#, wanted["rule"]), "the key"),
    ] {
        let failures = sensors.handle(&mut host, &[call(payload.to_owned())]);
        assert!(failures[0].permanent && failures[0].reason.contains(word), "{failures:?}");
    }
    assert_eq!(host.calls.len(), 1);
}

#[test]
fn odd_times_are_survived_and_bounded() {
    let mut host = Fake::default();
    let mut watch = watch("# assessed=on", "");
    for time in ["0", "-1e300", "1e300", "4070908800", "1700000000", "1700000000", "\"x\"", "null"]
    {
        for value in ["1", "null", "1e308", "-1e308"] {
            let payload = format!(r#"{{"time": {time}, "value": {value}}}"#);
            assert!(
                watch.handle(&mut host, &[message("d", "t", &payload)]).is_empty(),
                "{payload}"
            );
        }
    }
    assert_eq!(host.emitted.iter().filter(|one| one.0.starts_with("assessed")).count(), 32);
    assert!(host.state.values().all(|value| value.len() < 20_000));
}
