use super::*;
use crate::alerts::Told;
use crate::counted::tests::{NOON_MS, minute, options, request, routes};
use crate::host::tests::Fake;

fn settings() -> Settings {
    Settings {
        routes: routes(),
        options: options(),
        publish: Some("alerts/analytics".to_owned()),
        ..Settings::default()
    }
}

fn take(consumer: &mut Consumer, host: &mut Fake, batch: &[Vec<u8>]) -> Result<(), HostError> {
    let payloads: Vec<_> = batch.iter().map(|record| &record[..]).collect();
    let taken = consumer.take(host, &settings(), &payloads);
    host.end(taken.is_ok());
    taken
}

/// Twenty requests of a minute.
fn batch(at: i64, status: u16) -> Vec<Vec<u8>> {
    let now_ms = NOON_MS + at * 60_000;
    let requests = (0..20).map(|user| request(now_ms + 1, user, "shop", status));
    std::iter::once(minute(now_ms)).chain(requests).collect()
}

fn requests(host: &Fake) -> u64 {
    let view: View = serde_json::from_slice(&host.shown[view::KEY]).expect("a view");
    view.totals.get("shop").map_or(0, |total| total.requests())
}

/// Whatever instances live how long, and whatever is undone and tried again, what was counted
/// and told is the same.
#[test]
fn instances_come_and_go_and_batches_are_tried_again() {
    let mut ends = Vec::new();
    for every in [u64::MAX, 7, 1] {
        let (mut consumer, mut host) = (Consumer::default(), Fake::default());
        for at in 0..300_u64 {
            host.now_ms = NOON_MS + at as i64 * 60_000 + 500;
            if at % every == every - 1 {
                consumer = Consumer::default();
            }
            let batch = batch(at as i64, if (200..230).contains(&at) { 502 } else { 200 });
            if every != u64::MAX {
                // It breaks somewhere, mostly in the middle.
                host.fails_after = Some(at as usize % 9);
                let is_broken = take(&mut consumer, &mut host, &batch).is_err();
                host.fails_after = None;
                if !is_broken {
                    continue;
                }
            }
            take(&mut consumer, &mut host, &batch).expect("taken");
        }
        assert_eq!(requests(&host), 6_000, "{every}");
        let head = Head::load(&mut host).expect("a head");
        assert_eq!(head.next, 300);
        let told: Vec<Told> = host
            .emitted
            .iter()
            .map(|(_, json)| serde_json::from_slice(json).expect("an alert"))
            .collect();
        assert_eq!(host.published.len(), told.len());
        assert_eq!(host.lines, Vec::<String>::new());
        assert!(host.committed.len() <= 256 + 1 + 2, "{}", host.committed.len());
        ends.push((told, host.shown));
    }
    assert!(ends[0].0.len() >= 4, "{:?}", ends[0].0);
    assert_eq!(ends[0], ends[1]);
    assert_eq!(ends[0], ends[2]);
}

#[test]
fn what_is_shown_is_written_now_and_then_and_again_if_that_failed() {
    struct Mute(Fake, bool, usize);
    impl Host for Mute {
        fn get(&mut self, key: &str) -> Result<Option<Vec<u8>>, HostError> {
            self.0.get(key)
        }
        fn set(&mut self, key: &str, value: &[u8]) -> Result<(), HostError> {
            self.0.set(key, value)
        }
        fn emit(&mut self, topic: &str, media: &str, said: &[u8]) -> Result<(), HostError> {
            self.0.emit(topic, media, said)
        }
        fn publish(&mut self, topic: &str, said: &[u8]) -> Result<(), HostError> {
            self.0.publish(topic, said)
        }
        fn show(&mut self, key: &str, value: &[u8]) -> Result<(), HostError> {
            if self.1 {
                return Err(HostError { reason: "the store is full".into(), permanent: false });
            }
            self.2 += 1;
            self.0.show(key, value)
        }
        fn now_ms(&mut self) -> i64 {
            self.0.now_ms
        }
        fn log(&mut self, line: &str) {
            self.0.log(line);
        }
    }
    let mut host = Mute(Fake { now_ms: NOON_MS, ..Fake::default() }, true, 0);
    let mut consumer = Consumer::default();
    let mut go = |host: &mut Mute, step_ms| {
        host.0.now_ms += step_ms;
        let record = request(host.0.now_ms, 1, "api", 200);
        consumer.take(host, &settings(), &[&record]).expect("taken");
        host.0.end(true);
        host.2
    };
    assert_eq!(go(&mut host, 0), 0);
    assert_eq!(host.0.lines, ["what was counted cannot be shown: the store is full"]);
    host.1 = false;
    // All requests, one class, and the rest; then nothing for a while.
    assert_eq!([4_999, 1, 4_999, 1].map(|step_ms| go(&mut host, step_ms)), [0, 3, 3, 6]);
    // A clock that was set back.
    assert_eq!(go(&mut host, -60_000), 9);
}

#[test]
fn a_state_that_is_damaged_begins_anew_and_says_so() {
    let mut host = Fake { now_ms: NOON_MS + 210 * 60_000, ..Fake::default() };
    let mut consumer = Consumer::default();
    for at in 0..200 {
        take(&mut consumer, &mut host, &batch(at, 200)).expect("taken");
    }
    let good = std::mem::take(&mut host.committed);
    let keys = ["head", "snapshot/0/0", "tail/199"];
    for (key, bad) in keys.iter().flat_map(|key| [(key, None), (key, Some(b"bad".to_vec()))]) {
        host.committed = good.clone();
        host.lines.clear();
        match &bad {
            None => host.committed.remove(*key),
            Some(bad) => host.committed.insert(key.to_string(), bad.clone()),
        };
        host.now_ms += 60_000;
        for at in 200..203 {
            take(&mut Consumer::default(), &mut host, &batch(at, 200)).expect("taken");
        }
        // Without a head there is nothing to complain about.
        let is_told = host.lines.len() == 1;
        assert_eq!(is_told, (*key, bad.is_some()) != ("head", false), "{key} {:?}", host.lines);
        let head = Head::load(&mut host).expect("a head");
        let kept = Kept::load(&mut host, &mut head.clone(), options(), &routes()).expect("kept");
        assert_eq!(kept.counted.beside.totals["shop"].requests(), 60, "{key}");
        host.end(false);
    }
}
