//! A made trace of requests to a cache: the same in every run, and for every cache.
//!
//! How often an object is asked for follows Zipf's law, as requests to web caches do
//! (Breslau, Cao, Fan, Phillips and Shenker, "Web Caching and Zipf-like Distributions",
//! INFOCOM 1999); sizes are lognormal, and do not hang on how popular an object is.

use anyhow::{Context, Result};
use std::fmt::Write as _;
use std::path::Path;

/// Bytes of a body: half are below, and the mean is twice as much.
const BYTES_MEDIAN: f64 = 4_000.0;
/// The logarithm's standard deviation with which the mean is twice the median: √(2 ln 2).
const DEVIATION: f64 = 1.177_410_022_515_474_6;
/// Bytes of the smallest and the largest body.
const BYTES_MIN: f64 = 100.0;
const BYTES_MAX: f64 = 400_000.0;

/// Requests for objects, which are numbers from 0.
#[derive(Debug, PartialEq, Eq)]
pub struct Trace {
    /// Bytes of each object's body.
    pub bytes: Vec<u32>,
    /// The objects that are asked for, one after another.
    pub requests: Vec<u32>,
}

impl Trace {
    /// `requests` requests for `objects` objects, of which the one of rank *r* is asked
    /// for in proportion to *r* to the power of −`exponent`.
    pub fn zipf(objects: u32, requests: usize, exponent: f64) -> Self {
        let mut random = Random(0x5ED6E);
        let bytes = (0..objects).map(|_| random.size()).collect();
        let mut sum = 0.0;
        let cumulated: Vec<f64> = (1..=objects)
            .map(|rank| {
                sum += f64::from(rank).powf(-exponent);
                sum
            })
            .collect();
        let draw = |_| {
            let at = random.unit() * sum;
            // Rounding may lead past the last one.
            cumulated.partition_point(|&until| until <= at).min(cumulated.len() - 1) as u32
        };
        let requests = if objects == 0 { 0 } else { requests };
        Trace { bytes, requests: (0..requests).map(draw).collect() }
    }

    /// Bytes of all objects.
    pub fn bytes_total(&self) -> u64 {
        self.bytes.iter().map(|&bytes| u64::from(bytes)).sum()
    }

    /// The same requests for objects that are each so many bytes larger.
    #[must_use]
    pub fn enlarged(&self, by: u32) -> Self {
        let bytes = self.bytes.iter().map(|bytes| bytes.saturating_add(by)).collect();
        Trace { bytes, requests: self.requests.clone() }
    }

    /// Writes the paths for `trace-player`, one in a line: `/BYTES/NUMBER`, as
    /// [`crate::origin::Content::ByPath`] understands it.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn write(&self, file: &Path) -> Result<()> {
        let mut text = String::new();
        for &object in &self.requests {
            writeln!(text, "/{}/{object}", self.bytes[object as usize])?;
        }
        std::fs::write(file, text).context("writing the trace")
    }
}

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to 1, without 1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Lognormal, by Box and Muller's way to a normal number.
    fn size(&mut self) -> u32 {
        let (radius, angle) = (1.0 - self.unit(), self.unit());
        let normal = (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos();
        (BYTES_MEDIAN * (DEVIATION * normal).exp()).clamp(BYTES_MIN, BYTES_MAX) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_to_ask_for_is_an_empty_trace() {
        for (objects, requests) in [(0, 10), (10, 0)] {
            let trace = Trace::zipf(objects, requests, 0.9);
            assert_eq!((trace.bytes.len(), trace.requests.len()), (objects as usize, 0));
        }
        let one = Trace::zipf(1, 5, 0.9);
        assert_eq!(one.requests, [0; 5]);
        one.write(Path::new("/nowhere/at/all")).expect_err("no such folder");
    }

    #[test]
    fn the_same_in_every_run() {
        let trace = Trace::zipf(1_000, 10_000, 0.9);
        assert_eq!(trace, Trace::zipf(1_000, 10_000, 0.9));
        let file = std::env::temp_dir().join(format!("sedge-trace-{}", std::process::id()));
        trace.write(&file).expect("a temporary file");
        let text = std::fs::read_to_string(&file).expect("written");
        std::fs::remove_file(&file).expect("written");
        let first = trace.requests[0];
        let expected = format!("/{}/{first}", trace.bytes[first as usize]);
        assert_eq!(text.lines().next(), Some(expected.as_str()));
        assert_eq!(text.lines().count(), 10_000);
    }

    #[test]
    fn ranks_follow_zipf_and_sizes_are_lognormal() {
        let trace = Trace::zipf(10_000, 200_000, 0.9);
        let count = |object| trace.requests.iter().filter(|&&one| one == object).count() as f64;
        let ratio = count(0) / count(9);
        assert!((6.5..9.7).contains(&ratio), "{ratio}, not 10 to the power of 0.9");
        assert!(trace.requests.iter().all(|&object| object < 10_000));
        let mean = trace.bytes_total() as f64 / 10_000.0;
        assert!((7_500.0..8_500.0).contains(&mean), "{mean}");
        let below = trace.bytes.iter().filter(|&&bytes| bytes < 4_000).count();
        assert!((4_700..5_300).contains(&below), "{below}");
    }
}
