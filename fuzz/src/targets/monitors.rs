//! A series that is watched for years: what sensors say, and the state that was written down.

use sedge_kit::online::monitor::{Monitor, MonitorOptions};

/// Numbers as they lie in memory: infinity, the largest, less than any, none, an hour.
pub(super) const NUMBERS: &[&str] = &[
    "\0\0\0\0\0\0\0\0",
    "\x01\0\0\0\0\0\0\0",
    "\0\0\0\0\0\x20\x54\x40",
    "\0\0\0\0\0\x20\x2c\x40",
    "\x01\0\0\0",
];

/// Readings beyond which a series is not taken.
const READINGS_MAX: usize = 300;

fn wave(count: usize) -> impl Iterator<Item = (f64, f64)> {
    (0..count).map(|at| (at as f64 * 3_600.0, ((at % 24) as f64 - 12.0).abs()))
}

pub(super) fn series() -> Vec<Vec<u8>> {
    let bytes = |(time_s, value): (f64, f64)| [time_s, value].map(f64::to_le_bytes).concat();
    [0, 1, 60].map(|count| wave(count).flat_map(bytes).collect()).to_vec()
}

/// Whatever a sensor says when: scores are scores, and a state that was written is read as the
/// same.
pub(super) fn readings(data: &[u8]) {
    let mut monitor = Monitor::new(MonitorOptions::default());
    let numbers: Vec<f64> =
        data.as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
    for reading in numbers.as_chunks::<2>().0.iter().take(READINGS_MAX) {
        observe(&mut monitor, *reading);
    }
    let bytes = monitor.to_bytes();
    let again = Monitor::from_bytes(&bytes, MonitorOptions::default());
    assert!(again.as_ref().is_ok_and(|again| again.to_bytes() == bytes), "{:?}", again.err());
}

pub(super) fn states() -> Vec<Vec<u8>> {
    let state = |count: usize| {
        let mut monitor = Monitor::new(MonitorOptions::default());
        for (time_s, value) in wave(count) {
            monitor.observe(time_s, value);
        }
        monitor.to_bytes()
    };
    [0, 3, 50].map(state).to_vec()
}

/// A state that is taken is one to go on from, and is written as it was read.
pub(super) fn state(data: &[u8]) {
    let Ok(mut monitor) = Monitor::from_bytes(data, MonitorOptions::default()) else { return };
    let bytes = monitor.to_bytes();
    let again = Monitor::from_bytes(&bytes, MonitorOptions::default());
    assert!(again.as_ref().is_ok_and(|again| again.to_bytes() == bytes), "{:?}", again.err());
    for (time_s, value) in wave(5).chain([(f64::NAN, 1e308), (-1e300, -1e308), (0.0, f64::NAN)]) {
        observe(&mut monitor, [time_s, value]);
    }
}

fn observe(monitor: &mut Monitor, [time_s, value]: [f64; 2]) {
    let seen = monitor.observe(time_s, value);
    assert!((0.0..=1.0).contains(&seen.verdict.score), "{time_s} {value}: {}", seen.verdict.score);
    assert!(monitor.memory_bytes() < 1_000_000, "{} bytes", monitor.memory_bytes());
}
