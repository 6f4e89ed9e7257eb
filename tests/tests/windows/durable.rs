//! Each result is told once, and is what it must be, however often the node is killed while
//! readings arrive. `SEDGE_WINDOW_KILLS` says how often; 20 times without it.

use crate::oracle::{Reading, expected};
use crate::{Log, manifest, payload};
use sedge_tests::mqtt::PATIENCE;
use sedge_tests::{Node, Scenario, client, wait_for};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

/// Devices that say a few things often.
const DEVICES: u64 = 4;
/// Readings of one request of theirs.
const READINGS: u64 = 20;
/// Names of what each of two others says rarely and all at once: as many as are in a request.
const NAMES: u64 = 900;
const BEGIN_MS: u64 = 1_700_000_000_000;

/// The same windows as keys and as SQL, and one over many keys with one watermark: when a
/// window of that closes, more follows from one reading than a batch of the log takes.
const WINDOWS: &str = r#"
    [[window]]
    name = "keys"
    start = "earliest"
    from = ["ingest/+/v"]
    key = ["device"]
    tumble = { size_ms = "1 s" }
    disorder_ms = 500
    aggregates = [
      { compute = "count", name = "count" },
      { compute = "sum", field = "value", name = "sum" },
      { compute = "min", field = "value", name = "min" },
      { compute = "max", field = "value", name = "max" },
    ]
    [[window]]
    name = "sql"
    start = "earliest"
    disorder_ms = 500
    sql = """
      SELECT device, window_start, window_end, COUNT(*) AS count, SUM(v) AS sum, MIN(v) AS min,
             MAX(v) AS max
      FROM "ingest/+/v" GROUP BY device, TUMBLE(time, INTERVAL '1' SECOND)
    """
    [[window]]
    name = "wide"
    start = "earliest"
    scope = "stream"
    disorder_ms = 500
    sql = """
      SELECT name AS device, window_start, COUNT(*) AS count, SUM(value) AS sum, MIN(value) AS min,
             MAX(value) AS max
      FROM "ingest/+/wide/+" GROUP BY name, TUMBLE(time, '1 s')
    """
"#;

/// A number that looks like chance.
fn mixed(one: u64, two: u64) -> u64 {
    let mut mixed =
        one.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ two.wrapping_mul(0xD6E8_FEB8_6659_FD93);
    mixed ^= mixed >> 32;
    mixed = mixed.wrapping_mul(0xD6E8_FEB8_6659_FD93);
    mixed ^ mixed >> 29
}

/// The request of a device with this number: its first sequence, and its body. Whoever asks
/// again gets the same.
fn request(device: u64, number: u64) -> (u64, String) {
    if device >= DEVICES {
        let time = BEGIN_MS + number * 1_000;
        let mut body = json!({ "time": time });
        for name in 0..NAMES {
            body[format!("wide/{device}n{name}")] = (mixed(number, name) % 100).into();
        }
        return (number * NAMES, body.to_string());
    }
    let first = number * READINGS;
    let reading = |sequence: u64| {
        let chance = mixed(device, sequence);
        // In disorder by up to 0.8 s, of which 0.5 are allowed for; and some much later.
        let behind = if chance.is_multiple_of(97) { 30_000 } else { chance % 800 };
        let time = BEGIN_MS + 100_000 + sequence * 50 - behind;
        json!({ "time": time, "v": (chance >> 20) % 1_000 })
    };
    let body: Vec<Value> = (first..first + READINGS).map(reading).collect();
    (first, Value::from(body).to_string())
}

/// Sends requests until it is told to stop or gets no answer; how many are acknowledged.
fn send(node: std::net::SocketAddr, device: u64, from: u64, to: u64, stop: &AtomicBool) -> u64 {
    let mut connection = client::Connection::open(node);
    for number in from..to {
        if stop.load(SeqCst) {
            return number;
        }
        let (sequence, body) = request(device, number);
        let sequence = sequence.to_string();
        let fields = [
            ("content-type", "application/json"),
            ("sedge-epoch", "1"),
            ("sedge-sequence", &sequence),
        ];
        let target = format!("/v1/ingest/d{device}");
        connection.request("POST", &target, &fields, body.as_bytes());
        let answer = connection.read_answer(false);
        if answer.status != 200 || !answer.whole {
            return number;
        }
    }
    to
}

/// What the log has had, by topic: read before what was dealt with goes.
#[derive(Default)]
struct Seen {
    log: Log,
    /// The position of the last reading.
    last: u64,
    readings: Vec<Reading>,
    wide: Vec<Reading>,
    said: BTreeMap<String, Vec<Value>>,
}

impl Seen {
    fn look(&mut self, node: &Node) {
        for record in self.log.more(node) {
            let topic = record["topic"].as_str().expect("a topic").to_owned();
            let payload = payload(&record);
            if !topic.starts_with("ingest/") {
                self.said.entry(topic).or_default().push(payload);
                continue;
            }
            self.last = record["position"].as_u64().expect("a position");
            let device = record["device"].as_str().expect("a device").to_owned();
            let name = payload[0]["n"].as_str().expect("a name").to_owned();
            let is_wide = name.starts_with("wide/");
            let reading = Reading {
                key: if is_wide { name } else { device.clone() },
                device,
                time_ms: record["time_ms"].as_i64().expect("a time"),
                value: payload[0]["v"].as_f64().expect("a value"),
            };
            let readings = if is_wide { &mut self.wide } else { &mut self.readings };
            readings.push(reading);
        }
    }

    fn on(&self, topic: &str) -> &[Value] {
        self.said.get(topic).map_or(&[], Vec::as_slice)
    }

    /// Compares what a window has told with what it must have told.
    fn check(&self, window: &str, readings: &[Reading], has_one_watermark: bool) {
        let expected = expected(readings, has_one_watermark);
        let results = self.on(&format!("windows/plant/{window}"));
        for (index, (told, wanted)) in results.iter().zip(&expected.results).enumerate() {
            let same = told["device"] == wanted.key.as_str()
                && told["window_start"] == wanted.start_ms
                && told["count"].as_f64() == Some(wanted.count)
                && told["sum"].as_f64() == Some(wanted.sum)
                && told["min"].as_f64() == Some(wanted.min)
                && told["max"].as_f64() == Some(wanted.max)
                && told["late"] == false;
            assert!(same, "{window}, result {index}: {told} is not {wanted:?}");
        }
        assert_eq!(results.len(), expected.results.len(), "{window}: so many were told");
        let letters = self.on(&format!("late/plant/{window}"));
        let late: Vec<(String, i64)> = letters
            .iter()
            .map(|letter| {
                assert_eq!(letter["reason"], "late", "{letter}");
                let time_ms = letter["events"][0]["time_ms"].as_i64().expect("a time");
                (letter["message"]["device"].as_str().expect("one").to_owned(), time_ms)
            })
            .collect();
        assert_eq!(late, expected.late, "{window}: what came late");
        assert!(!expected.results.is_empty(), "{window}: nothing was tested");
    }
}

/// Waits until the windows have dealt with all readings, and have said what follows.
fn settle(node: &Node, seen: &mut Seen) {
    seen.look(node);
    let last = seen.last;
    let is_read = || {
        let streams = client::get(node.admin, "/v1/streams").json();
        let cursors = streams["cursors"].as_array().expect("a list").iter();
        let own = cursors.filter(|one| {
            one["name"].as_str().is_some_and(|name| name.starts_with("plant/windows/"))
        });
        own.filter(|one| one["position"].as_u64() > Some(last)).count() == 3
    };
    assert!(wait_for(PATIENCE * 4, is_read).is_some(), "they do not read on: {}", node.log());
    // What a transaction has left to say follows at once.
    let is_said = || {
        let before: usize = seen.said.values().map(Vec::len).sum();
        std::thread::sleep(Duration::from_secs(1));
        seen.look(node);
        seen.said.values().map(Vec::len).sum::<usize>() == before
    };
    assert!(wait_for(PATIENCE * 4, is_said).is_some(), "they say more and more: {}", node.log());
}

#[test]
fn every_result_is_told_once_over_kills() {
    let kills = std::env::var("SEDGE_WINDOW_KILLS").ok().and_then(|text| text.parse().ok());
    let kills: u64 = kills.unwrap_or(20);
    // Batches have a megabyte in a log of this size.
    let config = "[ingest]\nanonymous = true\n[streams]\nbytes_max = \"64 MiB\"\n";
    let scenario = Scenario::new().config(config).app("plant", &manifest(WINDOWS));
    let mut node = scenario.start();
    let (mut seen, mut done) = (Seen::default(), vec![0; DEVICES as usize + 2]);
    for round in 0..kills {
        let stop = Arc::new(AtomicBool::new(false));
        let senders: Vec<_> = (0..DEVICES + 2)
            .map(|device| {
                let (listen, stop, from) = (node.listen, stop.clone(), done[device as usize]);
                let most = if device < DEVICES { 40 } else { 1 };
                std::thread::spawn(move || send(listen, device, from, from + most, &stop))
            })
            .collect();
        std::thread::sleep(Duration::from_millis(20 + mixed(round, 7) % 400));
        node.kill9();
        stop.store(true, SeqCst);
        for (done, sender) in done.iter_mut().zip(senders) {
            *done = sender.join().expect("a sender");
        }
        node.restart();
        seen.look(&node);
    }
    // What was not acknowledged is sent again, and more, so that windows close.
    let never = AtomicBool::new(false);
    for (device, from) in done.iter().enumerate() {
        let to = from + if (device as u64) < DEVICES { 8 } else { 2 };
        assert_eq!(send(node.listen, device as u64, *from, to, &never), to);
    }
    settle(&node, &mut seen);
    seen.check("keys", &seen.readings, false);
    seen.check("wide", &seen.wide, true);
    assert_eq!(seen.on("windows/plant/sql"), seen.on("windows/plant/keys"));
    let acknowledged: u64 = done[..DEVICES as usize].iter().map(|to| (to + 8) * READINGS).sum();
    assert_eq!(seen.readings.len() as u64, acknowledged, "each reading is there once");
    println!(
        "{kills} kills: {} readings, {} results, {} late; {} wide readings, {} results",
        seen.readings.len(),
        seen.on("windows/plant/keys").len(),
        seen.on("late/plant/keys").len(),
        seen.wide.len(),
        seen.on("windows/plant/wide").len(),
    );
}
