//! What is counted for each function: atomics without locks, read by the admin
//! pages.

use crate::failure::Kind;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Buckets per power of two of microseconds. Eight give quantiles that are at
/// most 12.5 % too high.
const STEPS: usize = 8;
/// Powers of two covered: up to 2^32 µs, 71 minutes.
const POWERS: usize = 32;

/// A log-linear histogram of durations, 2 KiB, written without locks.
pub struct Histogram {
    buckets: Box<[AtomicU64]>,
    sum_ns: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        let buckets = (0..STEPS * (POWERS + 1)).map(|_| AtomicU64::new(0)).collect();
        Histogram { buckets, sum_ns: AtomicU64::new(0) }
    }
}

impl Histogram {
    /// Counts one duration.
    pub fn record(&self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.buckets[bucket(micros)].fetch_add(1, Relaxed);
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.sum_ns.fetch_add(nanos, Relaxed);
    }

    /// How many durations were counted.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.load(Relaxed)).sum()
    }

    /// All durations together.
    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.sum_ns.load(Relaxed))
    }

    /// How many durations were at most `limit`, to the resolution of a bucket.
    pub fn count_at_most(&self, limit: Duration) -> u64 {
        let last = bucket(u64::try_from(limit.as_micros()).unwrap_or(u64::MAX));
        self.buckets[..=last].iter().map(|bucket| bucket.load(Relaxed)).sum()
    }

    /// The duration that a share `q` (0 to 1) of all did not exceed; zero if
    /// nothing was counted.
    pub fn quantile(&self, q: f64) -> Duration {
        let counts: Vec<u64> = self.buckets.iter().map(|bucket| bucket.load(Relaxed)).collect();
        let total: u64 = counts.iter().sum();
        let rank = (q.clamp(0.0, 1.0) * total as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (index, count) in counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Duration::from_micros(upper_micros(index));
            }
        }
        Duration::ZERO
    }
}

/// Values below `STEPS` have a bucket each; above, each power of two has
/// `STEPS` of equal width.
fn bucket(micros: u64) -> usize {
    if micros < STEPS as u64 {
        return micros as usize;
    }
    let power = micros.ilog2() as usize;
    let step = (micros >> (power - STEPS.ilog2() as usize)) as usize - STEPS;
    let index = (power - STEPS.ilog2() as usize + 1) * STEPS + step;
    index.min(STEPS * (POWERS + 1) - 1)
}

/// The largest value that falls into a bucket.
fn upper_micros(index: usize) -> u64 {
    if index < STEPS {
        return index as u64;
    }
    let power = index / STEPS - 1;
    let step = (index % STEPS) as u64;
    ((STEPS as u64 + step + 1) << power) - 1
}

/// What is counted for one function, over all its revisions.
pub struct FunctionMetrics {
    /// Requests that were begun.
    pub requests: AtomicU64,
    /// Requests in flight.
    pub active: AtomicU64,
    /// Time from request to the response's head, or to the failure.
    pub duration: Histogram,
    /// Time until an instance was ready, of those that were made.
    pub cold_start: Histogram,
    /// Instances that were made.
    pub instances: AtomicU64,
    /// Time on the CPU, nanoseconds.
    pub cpu_ns: AtomicU64,
    /// The most memory (linear memories and tables) one instance has had.
    pub memory_bytes_peak: AtomicU64,
    /// Log bytes that were dropped at the limit.
    pub log_bytes_dropped: AtomicU64,
    /// Requests that passed on although this link of a chain failed (`fail =
    /// "open"`).
    pub passed_open: AtomicU64,
    /// Requests that this link of a chain has decided on by its filter alone, which needs no
    /// handler (`sedge:link/filter`).
    pub filtered: AtomicU64,
    /// Compiled code loaded into memory from the disk cache.
    pub code_loads: AtomicU64,
    failures: Box<[AtomicU64]>,
}

impl Default for FunctionMetrics {
    fn default() -> Self {
        let zero = || AtomicU64::new(0);
        FunctionMetrics {
            requests: zero(),
            active: zero(),
            duration: Histogram::default(),
            cold_start: Histogram::default(),
            instances: zero(),
            cpu_ns: zero(),
            memory_bytes_peak: zero(),
            log_bytes_dropped: zero(),
            passed_open: zero(),
            filtered: zero(),
            code_loads: zero(),
            failures: Kind::ALL.iter().map(|_| zero()).collect(),
        }
    }
}

impl FunctionMetrics {
    /// Counts a failure.
    pub fn fail(&self, kind: Kind) {
        self.failures[kind as usize].fetch_add(1, Relaxed);
    }

    /// How often each kind of failure was counted, in the order of
    /// [`Kind::ALL`].
    pub fn failures(&self) -> impl Iterator<Item = (Kind, u64)> + '_ {
        Kind::ALL.iter().map(|&kind| (kind, self.failures[kind as usize].load(Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_ordered_and_contain_their_values() {
        let mut last = 0;
        for micros in (0..10_000).chain([1 << 20, (1 << 31) + 17, u64::MAX]) {
            let index = bucket(micros);
            assert!(index >= last, "{micros}");
            last = index;
            if micros < 1 << 32 {
                let upper = upper_micros(index);
                assert!(upper >= micros && upper <= micros + micros / 8, "{micros} in {upper}");
            }
        }
    }

    #[test]
    fn quantiles_of_nothing_are_zero_and_of_something_are_near() {
        let histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.99), Duration::ZERO);
        for micros in 1..=1000 {
            histogram.record(Duration::from_micros(micros));
        }
        assert_eq!(histogram.count(), 1000);
        let p50 = histogram.quantile(0.5).as_micros();
        assert!((500..=563).contains(&p50), "{p50}");
        assert_eq!(histogram.count_at_most(Duration::from_secs(1)), 1000);
    }
}
