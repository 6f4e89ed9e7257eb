//! What a message costs: `cargo run --release -p sensors --example cost`.
//!
//! One series with a daily cycle and noise; after 100, 1,000, … readings the handler is given
//! one message at a time, by an instance that is kept and by a new one for each message.

use std::collections::HashMap;
use std::time::Instant;

use sensors::watch::call::Request;
use sensors::watch::config::Config;
use sensors::watch::handler::Watch;
use sensors::watch::host::{Delivery, Host, HostError, Message};

const SETTINGS: &str = "# critical_high=80";
const RULES: &str = "when level = critical on # publish off to actuators/{device}";

#[derive(Default)]
struct Node {
    state: HashMap<String, Vec<u8>>,
    written: usize,
}

impl Host for Node {
    fn get(&mut self, key: &str) -> Result<Option<Vec<u8>>, HostError> {
        Ok(self.state.get(key).cloned())
    }

    fn set(&mut self, key: &str, value: &[u8]) -> Result<(), HostError> {
        self.written += key.len() + value.len();
        self.state.insert(key.to_owned(), value.to_vec());
        Ok(())
    }

    fn emit(&mut self, _: &str, _: &str, _: &str, _: &[u8]) -> Result<(), HostError> {
        Ok(())
    }

    fn publish(&mut self, _: &str, _: &[u8], _: Delivery, _: bool) -> Result<(), HostError> {
        Ok(())
    }

    fn call(&mut self, _: &Request<'_>) -> Result<(), HostError> {
        Ok(())
    }

    fn now_ms(&mut self) -> u64 {
        0
    }

    fn log(&mut self, line: &str) {
        eprintln!("{line}");
    }
}

/// The next messages, five minutes apart.
struct Sensor {
    state: u64,
    index: u64,
}

impl Sensor {
    fn uniform(&mut self) -> f64 {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        ((self.state >> 40) as f64 + 0.5) / (1_u64 << 24) as f64
    }

    fn next(&mut self) -> Message {
        let noise =
            (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos();
        let wave = (self.index as f64 / 288.0 * std::f64::consts::TAU).sin() * 10.0;
        self.index += 1;
        Message {
            position: self.index,
            topic: "plant/oven/temperature".to_owned(),
            device: "oven".to_owned(),
            time_ms: 1_700_000_000_000 + self.index * 300_000,
            content_type: None,
            payload: format!("{:.1}", 30.0 + wave + noise).into_bytes(),
        }
    }
}

/// Median, and the one in a hundred that takes the longest, in microseconds.
fn figures(mut took_us: Vec<f64>) -> String {
    took_us.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| took_us[((took_us.len() - 1) as f64 * share) as usize];
    format!("{:.0} / {:.0} µs", at(0.5), at(0.99))
}

fn main() {
    let config = || Config::parse(SETTINGS, RULES);
    let (mut node, mut sensor) = (Node::default(), Sensor { state: 1, index: 0 });
    let mut kept = Watch::new(config());
    for until in [100, 1_000, 10_000, 40_000] {
        while sensor.index < until {
            let batch: Vec<Message> = (0..50).map(|_| sensor.next()).collect();
            assert!(kept.handle(&mut node, &batch).is_empty());
        }
        node.written = 0;
        let mut took_us = [Vec::new(), Vec::new()];
        for (index, took_us) in took_us.iter_mut().enumerate() {
            for _ in 0..320 {
                let batch = [sensor.next()];
                let begun = Instant::now();
                if index == 1 {
                    kept = Watch::new(config());
                }
                assert!(kept.handle(&mut node, &batch).is_empty());
                took_us.push(begun.elapsed().as_secs_f64() * 1e6);
            }
        }
        let [warm_us, cold_us] = took_us;
        let size = |kind: &str| {
            let found = node.state.iter().find(|(key, _)| key.starts_with(kind));
            found.map_or(0, |(_, value)| value.len())
        };
        println!(
            "{until} readings: kept instance {}, new instance {} (p50 / p99); snapshot {} B, \
             {} B written per message",
            figures(warm_us),
            figures(cold_us),
            size("snapshot/"),
            node.written / 640,
        );
    }
}
