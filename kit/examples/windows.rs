//! Measures the window operator beside a plain map of sums, in one thread:
//! `cargo run --release -p sedge-kit --example windows [EVENTS]`. Lines of tabs: what, nanoseconds
//! for each event, results, bytes for each key.

use std::collections::HashMap;
use std::hint::black_box;
use std::time::Instant;

use sedge_kit::sketch::hash::xxh64;
use sedge_kit::windows::{Aggregate, Event, Kind, Measure, Plan, Scalar, Scope, Windows};

const KEYS: usize = 10_000;
/// A millisecond of the events' time has so many events: ten of each key in ten seconds.
const EVENTS_PER_MS: usize = 10;

/// What is measured: made before, so that making it is not.
struct Events {
    names: Vec<String>,
    keys: Vec<u32>,
    values: Vec<f64>,
}

impl Events {
    fn new(count: usize) -> Self {
        let random = |at: usize| xxh64(&at.to_le_bytes(), 7);
        Events {
            names: (0..KEYS).map(|at| format!("plant/{}/sensor/{at}", at % 40)).collect(),
            keys: (0..count).map(|at| (random(at) % KEYS as u64) as u32).collect(),
            values: (0..4_096).map(|at| random(at) as f64 / 1e18).collect(),
        }
    }

    fn each(&self, mut take: impl FnMut(&str, i64, f64)) {
        for (at, key) in self.keys.iter().enumerate() {
            let time_ms = 1_767_225_600_000 + (at / EVENTS_PER_MS) as i64;
            take(&self.names[*key as usize], time_ms, self.values[at % 4_096]);
        }
    }
}

fn tell(what: &str, events: &Events, begin: Instant, results: u64, bytes: usize) {
    let ns = begin.elapsed().as_nanos() as f64 / events.keys.len() as f64;
    println!("{what}\t{ns:.1}\t{results}\t{}", bytes / KEYS);
}

/// The least that could be done: one map, sum and number, told when an event is of the next
/// window; no disorder, no lateness, no bounds, nothing to restart from.
fn plain(events: &Events) {
    let mut windows: HashMap<String, (i64, f64, u64)> = HashMap::new();
    let (mut results, mut told) = (0, 0.0);
    let begin = Instant::now();
    events.each(|key, time_ms, value| {
        let start_ms = time_ms.div_euclid(10_000) * 10_000;
        let Some(window) = windows.get_mut(key) else {
            windows.insert(key.to_owned(), (start_ms, value, 1));
            return;
        };
        if window.0 != start_ms {
            told += window.1 / window.2 as f64;
            results += 1;
            *window = (start_ms, 0.0, 0);
        }
        window.1 += value;
        window.2 += 1;
    });
    black_box(told);
    tell("plain map, tumbling mean", events, begin, results, 0);
}

fn operator(what: &str, events: &Events, plan: Plan) {
    let Ok(mut windows) = Windows::new(plan, 1) else { return };
    let (mut results, mut told) = (0, 0.0);
    let begin = Instant::now();
    events.each(|key, time_ms, value| {
        let values = [Some(Scalar::Number(value))];
        let device = if windows.plan().scope == Scope::Key { key } else { "gateway" };
        let event = Event { key, device, time_ms, values: &values };
        black_box(windows.observe(time_ms, &event, &mut |fired| {
            told += fired.values[0].unwrap_or(0.0);
            results += 1;
        }));
    });
    black_box(told);
    tell(what, events, begin, results, windows.bytes());
}

fn main() {
    let count = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(5_000_000);
    let events = Events::new(count);
    let of = |kind, measure| Plan::new(kind, 1, vec![Aggregate { measure, field: Some(0) }]);
    let tumbling = Kind::tumbling(10_000);
    let sliding = Kind::Sliding { size_ms: 60_000, slide_ms: 5_000, offset_ms: 0 };
    plain(&events);
    operator("tumbling mean", &events, of(tumbling, Measure::Mean));
    let of_all = Plan { scope: Scope::Stream, ..of(tumbling, Measure::Mean) };
    operator("tumbling mean, one watermark", &events, of_all);
    let late = Plan { disorder_ms: 2_000, lateness_ms: 10_000, ..of(tumbling, Measure::Mean) };
    operator("tumbling mean, disorder and lateness", &events, late);
    operator("sliding mean, 12 panes", &events, of(sliding, Measure::Mean));
    operator("session mean", &events, of(Kind::Session { gap_ms: 3_000 }, Measure::Mean));
    let count = Kind::Count { size: 10, slide: 10 };
    operator("mean of ten events", &events, of(count, Measure::Mean));
    operator("tumbling 95 %", &events, of(tumbling, Measure::Quantile(0.95)));
}
