use super::*;
use crate::watch::handler::Watch;
use crate::watch::handler::tests::Fake;
use crate::watch::host::Message;
use proptest::prelude::*;
use serde_json::json;

const BEGIN_MS: u64 = 1_700_000_000_000;
const SECOND_MS: u64 = 1_000;

/// A function, its node, and the time.
struct Plant {
    watch: Watch,
    host: Fake,
    position: u64,
}

impl Plant {
    fn new(settings: &str, rules: &str) -> Self {
        let mut watch = Watch::new(Config::parse(settings, rules));
        let mut host = Fake { now_ms: BEGIN_MS, ..Fake::default() };
        watch.look(&mut host, false).expect("the first look");
        Plant { watch, host, position: 0 }
    }

    /// Another revision, which has other settings.
    fn set(&mut self, settings: &str) {
        self.watch = Watch::new(Config::parse(settings, ""));
    }

    fn wait(&mut self, ms: u64) {
        self.host.now_ms += ms;
    }

    fn say(&mut self, device: &str, payload: &str) {
        self.position += 1;
        let message = Message {
            position: self.position,
            topic: format!("plant/{device}/t"),
            device: device.to_owned(),
            time_ms: self.host.now_ms,
            content_type: None,
            payload: payload.as_bytes().to_vec(),
        };
        assert_eq!(self.watch.handle(&mut self.host, &[message]), []);
    }

    /// Somebody looks: what was told.
    fn look(&mut self) -> Vec<String> {
        self.looked(false)
    }

    fn looked(&mut self, missed: bool) -> Vec<String> {
        self.host.emitted.clear();
        self.watch.look(&mut self.host, missed).expect("a look");
        self.told()
    }

    /// What was told since, as `topic level cause`.
    fn told(&mut self) -> Vec<String> {
        let all = self.host.emitted.drain(..).map(|(topic, _, _, record)| {
            let text = |key: &str| record[key].as_str().unwrap_or("?").to_owned();
            format!("{topic} {} {}", text("level"), text("cause"))
        });
        all.collect()
    }
}

#[test]
fn lists_that_are_not_understood_are_told_and_any_bytes_survived() {
    let mut plant = Plant::new("# silent=5s", "");
    plant.say("a", "1");
    assert!(plant.look().is_empty());
    let good =
        plant.host.state.iter().find(|(key, _)| key.starts_with("silence/")).expect("a list");
    let (key, good) = (good.0.clone(), good.1.clone());
    for length in 0..good.len() {
        assert_eq!(List::read(&good[..length]), None, "{length}");
    }
    assert_eq!(List::read(&[&good[..], &[0]].concat()), None);
    assert_eq!(List::read(&[&[VERSION + 1], &good[1..]].concat()), None);
    plant.host.state.insert(key.clone(), good[1..].to_vec());
    let error = plant.watch.look(&mut plant.host, false).unwrap_err();
    assert!(error.contains(&key) && error.contains("is not understood"), "{error}");
    // Notes of which nothing is understood are begun anew.
    plant.host.state.insert(key, good);
    plant.host.state.insert(NOTES_KEY.to_owned(), vec![9; 3]);
    plant.wait(6 * SECOND_MS);
    assert!(plant.look().is_empty());
}

#[test]
fn wrong_settings_and_a_node_that_fails_fail_the_look() {
    let error = Watch::new(Config::parse("# silent=5", "")).look(&mut Fake::default(), false);
    assert!(error.unwrap_err().contains("SENSORS_WATCH, line 1: silent must be a duration"));
    for what in ["get", "set", "emit"] {
        let mut plant = Plant::new("# silent=5s", "");
        plant.say("a", "1");
        plant.look();
        plant.wait(6 * SECOND_MS);
        let reason = format!("no {what}");
        let error = HostError { reason: reason.clone(), permanent: false };
        let before = plant.host.state.clone();
        plant.host.fails = Some((what, error));
        assert_eq!(plant.watch.look(&mut plant.host, false), Err(reason));
        // Nothing of it took effect; the next one tells it.
        (plant.host.fails, plant.host.state) = (None, before);
        assert_eq!(plant.look(), ["alerts/a/t warning silent"]);
    }
}

#[test]
fn silence_is_told_once_and_its_end_and_readings_clear_it() {
    let mut plant = Plant::new("# silent=60s clear_after=2", "");
    plant.say("a", "20");
    plant.say("b", "20");
    for _ in 0..11 {
        plant.wait(5 * SECOND_MS);
        plant.say("b", "20");
        assert!(plant.look().is_empty());
    }
    plant.wait(5 * SECOND_MS);
    plant.host.emitted.clear();
    plant.watch.look(&mut plant.host, false).expect("a look");
    let (topic, key, media, told) = plant.host.emitted[0].clone();
    assert_eq!((topic.as_str(), media.as_str()), ("alerts/a/t", RECORD_MEDIA_TYPE));
    assert_eq!(key, identity("a", "plant/a/t", ""));
    for (key, want) in [
        ("level", json!("warning")),
        ("before", json!("normal")),
        ("cause", json!("silent")),
        ("device", json!("a")),
        ("topic", json!("plant/a/t")),
        ("name", json!("t")),
        ("value", json!(null)),
        ("readings", json!(1)),
        ("since_ms", json!(BEGIN_MS)),
        ("time_ms", json!(BEGIN_MS + 60 * SECOND_MS)),
        ("time", json!("2023-11-14T22:14:20Z")),
    ] {
        assert_eq!(told[key], want, "{key} in {told}");
    }
    assert!(told.get("position").is_none());
    for _ in 0..30 {
        plant.wait(3_600 * SECOND_MS);
        plant.say("b", "20");
        assert!(plant.look().is_empty(), "once");
    }
    plant.say("a", "20");
    assert_eq!(plant.told(), ["alerts/a/t warning recovered"]);
    plant.say("a", "20.5");
    assert_eq!(plant.told(), ["alerts/a/t normal clear"]);
    // And again.
    plant.wait(61 * SECOND_MS);
    plant.say("b", "20");
    assert_eq!(plant.look(), ["alerts/a/t warning silent"]);
}

#[test]
fn what_is_usual_is_learned_and_one_who_was_never_regular_is_left_alone() {
    let mut plant = Plant::new("", "");
    for step in 0..40 {
        plant.wait(10 * SECOND_MS);
        plant.say("a", "20");
        if step < 3 {
            plant.say("new", "20");
        }
        assert!(plant.look().is_empty());
    }
    plant.wait(60 * SECOND_MS);
    assert!(plant.look().is_empty());
    plant.wait(6 * SECOND_MS);
    assert_eq!(plant.look(), ["alerts/a/t warning silent"]);
    // Three messages tell nothing of how often there is one.
    (0..100).for_each(|_| {
        plant.wait(86_400 * SECOND_MS);
        assert!(plant.look().is_empty());
    });
}

#[test]
fn looks_that_were_missed_blame_nobody() {
    let mut plant = Plant::new("# silent=60s", "");
    plant.say("a", "20");
    plant.say("b", "20");
    assert!(plant.look().is_empty());
    // The node was off for a day, and so was the network.
    plant.wait(86_400 * SECOND_MS);
    assert!(plant.looked(true).is_empty());
    plant.wait(59 * SECOND_MS);
    assert!(plant.look().is_empty());
    plant.say("b", "20");
    plant.wait(SECOND_MS);
    assert_eq!(plant.look(), ["alerts/a/t warning silent"]);
    // A clock that was set ahead while one spoke, and back: nobody is blamed for that, and
    // the time runs from then.
    plant.wait(3_600 * SECOND_MS);
    plant.say("b", "20");
    plant.host.now_ms -= 3_000 * SECOND_MS;
    assert!(plant.look().is_empty());
    plant.wait(59 * SECOND_MS);
    assert!(plant.look().is_empty());
    plant.wait(SECOND_MS);
    assert_eq!(plant.look(), ["alerts/b/t warning silent"]);
}

#[test]
fn other_settings_count_from_the_next_look() {
    let mut plant = Plant::new("# silent=24h", "");
    plant.say("a", "20");
    plant.say("b", "20");
    plant.wait(60 * SECOND_MS);
    assert!(plant.look().is_empty());
    plant.set("plant/a/# silent=30s\nplant/b/# silent=off");
    assert_eq!(plant.look(), ["alerts/a/t warning silent"]);
    plant.wait(90_000 * SECOND_MS);
    assert!(plant.look().is_empty());
    plant.set("# silent=30s alerts=off");
    assert!(plant.look().is_empty());
    plant.say("b", "20");
    assert!(plant.told().is_empty(), "alerts are off");
}

#[test]
fn rules_act_on_silence_as_on_any_level() {
    let rules = "when level >= warning on plant/# publish '{\"why\":\"{cause}\",\"v\":{value}}' to act/{device}/horn retain\n\
                 when level >= warning on plant/# call https://pager.example/hook\n\
                 when value < 5 on # publish low to act/{device}/pump\n\
                 when level >= warning on other/# publish x to never";
    let mut plant = Plant::new("# silent=30s clear_after=1", rules);
    for _ in 0..2 {
        plant.say("a", "20");
        plant.told();
        plant.wait(31 * SECOND_MS);
        plant.host.emitted.clear();
        plant.watch.look(&mut plant.host, false).expect("a look");
        let (topic, _, _, call) = plant.host.emitted[0].clone();
        assert_eq!(topic, "calls/a/t");
        let body: serde_json::Value = serde_json::from_str(call["body"].as_str().unwrap()).unwrap();
        assert_eq!((&body["cause"], &body["value"]), (&json!("silent"), &json!(null)));
        let key = call["key"].as_str().unwrap().to_owned();
        assert!(!plant.host.lines.contains(&key), "each silence is a call of its own");
        plant.host.lines.push(key);
        let (topic, payload, _, retain) = plant.host.published.pop().expect("a message");
        assert_eq!((topic.as_str(), retain), ("act/a/horn", true));
        assert_eq!(payload, r#"{"why":"silent","v":null}"#);
        assert!(plant.host.published.is_empty());
    }
}

/// Series by the topic belong to who has spoken first.
#[test]
fn a_topic_that_is_one_series_is_silent_when_all_are() {
    let mut plant = Plant::new("# silent=30s by=topic", "");
    plant.say("a", "20");
    plant.wait(20 * SECOND_MS);
    plant.position += 1;
    let (position, time_ms) = (plant.position, plant.host.now_ms);
    let (topic, device) = ("plant/a/t".to_owned(), "other".to_owned());
    let message =
        Message { position, topic, device, time_ms, content_type: None, payload: b"20".to_vec() };
    assert!(plant.watch.handle(&mut plant.host, &[message]).is_empty());
    plant.wait(20 * SECOND_MS);
    assert!(plant.look().is_empty());
    plant.wait(20 * SECOND_MS);
    assert_eq!(plant.look(), ["alerts/a/t warning silent"]);
}

/// A look does no more than a call may, and what is left over is done by the next ones.
#[test]
fn many_that_fall_silent_at_once_are_told_within_some_looks() {
    const SERIES: usize = 2_000;
    let mut plant =
        Plant::new("# silent=30s", "when level >= warning on # publish x to act/{device}");
    for device in 0..SERIES {
        plant.say(&format!("sensor-{device}"), "20");
    }
    plant.wait(31 * SECOND_MS);
    let (mut told, mut looks) = (Vec::new(), 0);
    while told.len() < SERIES && looks < 20 {
        let (sets, gets) = (plant.host.bytes_set, plant.host.gets.len());
        plant.host.published.clear();
        let now = plant.look();
        let steps = plant.host.gets.len() - gets + 16 + 2 * now.len() + plant.host.published.len();
        assert!(steps < 1_000 && plant.host.bytes_set - sets < 3 << 19, "{steps}");
        assert_eq!(plant.host.published.len(), now.len());
        told.extend(now);
        looks += 1;
    }
    told.sort_unstable();
    told.dedup();
    assert_eq!(told.len(), SERIES, "in {looks} looks");
}

/// What changes while somebody looks makes the look void; so it touches few that are alive.
#[test]
fn a_look_reads_few_of_those_that_are_alive() {
    let mut plant = Plant::new("# silent=30s", "");
    for round in 0..20 {
        for device in 0..500 {
            plant.say(&format!("sensor-{device}"), "20");
        }
        let before = plant.host.gets.iter().filter(|key| key.starts_with("head/")).count();
        assert!(plant.look().is_empty());
        let after = plant.host.gets.iter().filter(|key| key.starts_with("head/")).count();
        assert!(after - before <= ALIVE_MAX, "round {round}: {}", after - before);
        plant.wait(5 * SECOND_MS);
    }
}

#[test]
fn a_list_that_is_full_is_told() {
    let mut plant = Plant::new("# field=*", "");
    let config = Config::parse("", "").unwrap();
    let topic = "t".repeat(1_000);
    let heard = |device: usize| Heard {
        device: device.to_string(),
        topic: topic.clone(),
        ..Heard::default()
    };
    for device in 0..5_000 {
        enlist(&mut plant.host, &config, vec![heard(device)]).expect("told, not failed");
    }
    let lists = plant.host.state.iter().filter(|(key, _)| key.starts_with("silence/"));
    assert!(lists.clone().all(|(_, list)| list.len() <= LIST_BYTES_MAX));
    assert_eq!(lists.count(), LISTS as usize);
    assert!(plant.host.lines.len() > 500, "{}", plant.host.lines.len());
    assert!(plant.host.lines[0].contains("too many series"), "{}", plant.host.lines[0]);
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = List::read(&bytes);
        let _ = List::read(&[&[VERSION], &bytes[..]].concat());
        let _ = Notes::read(&bytes);
    }
}
