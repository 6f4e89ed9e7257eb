//! Deterministic bucketing: a visitor's identity and a seed give a number in [0, 1), and
//! ranges of such numbers belong to variations.
//!
//! Source: GrowthBook's "Build Your Own SDK", version 0.7, sections `hash`, `inRange`,
//! `inNamespace`, `getEqualWeights`, `getBucketRanges`, `chooseVariation`. The hash is the
//! 32-bit FNV-1a (Fowler, Noll & Vo; draft-eastlake-fnv), taken over UTF-16 code units as the
//! reference in JavaScript does. For ASCII that is the same as over bytes.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

/// The version of the hash that is meant where none is named.
pub const HASH_VERSION_DEFAULT: u32 = 1;

/// Weights that add up to 1 within this much are taken as they are.
const WEIGHTS_SLACK: f64 = 0.01;

/// Where `value` falls in [0, 1) under `seed`; none if there is no hash of this version.
///
/// Version 1 has thousandths, and joins value and seed so that tests which run beside each
/// other are not independent; version 2 has ten-thousandths and hashes twice.
pub fn bucket(seed: &str, value: &str, version: u32) -> Option<f64> {
    match version {
        1 => {
            let hash = fnv1a(value.encode_utf16().chain(seed.encode_utf16()));
            Some(f64::from(hash % 1_000) / 1_000.0)
        }
        2 => {
            let hash = twice(seed.encode_utf16().chain(value.encode_utf16()));
            Some(f64::from(hash % 10_000) / 10_000.0)
        }
        _ => None,
    }
}

/// The hash behind version 2, of seed and value in one text: its remainder by 10,000 is where
/// the value falls, in ten-thousandths.
pub fn user_hash(text: &str) -> u32 {
    twice(text.encode_utf16())
}

/// The hash of the digits of the hash, since the first one alone spreads the last letters
/// badly.
fn twice(units: impl Iterator<Item = u16>) -> u32 {
    fnv1a(digits(fnv1a(units)))
}

fn fnv1a(units: impl Iterator<Item = u16>) -> u32 {
    units.fold(0x811c_9dc5, |hash: u32, unit| (hash ^ u32::from(unit)).wrapping_mul(0x0100_0193))
}

/// The decimal digits of a number, the first one first.
fn digits(number: u32) -> impl Iterator<Item = u16> {
    let (mut rest, mut digits, mut first) = (number, [0; 10], 10);
    loop {
        first -= 1;
        digits[first] = u16::from(b'0') + (rest % 10) as u16;
        rest /= 10;
        if rest == 0 {
            return digits.into_iter().skip(first);
        }
    }
}

/// A part of [0, 1): from its start up to, but without, its end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// The least number in it.
    pub start: f64,
    /// The least number above it.
    pub end: f64,
}

impl Range {
    /// Whether a number lies in it.
    pub fn contains(self, number: f64) -> bool {
        number >= self.start && number < self.end
    }

    /// How much of [0, 1) it takes.
    pub fn share(self) -> f64 {
        (self.end.min(1.0) - self.start.max(0.0)).max(0.0)
    }
}

/// Weights of `count` variations that are the same; they add up to 1.
pub fn equal_weights(count: usize) -> Vec<f64> {
    vec![1.0 / count as f64; count]
}

/// The ranges of `count` variations. `coverage` is the share of visitors that take part and is
/// brought into [0, 1]. Weights that are not one for each variation, or do not add up to about
/// 1, count as equal ones. Each variation has the first part of its share, so that a larger
/// coverage moves nobody to another variation.
pub fn bucket_ranges(count: usize, coverage: f64, weights: Option<&[f64]>) -> Vec<Range> {
    let coverage = if coverage.is_nan() { 0.0 } else { coverage.clamp(0.0, 1.0) };
    let equal;
    let weights = match weights {
        Some(weights) if weights.len() == count && adds_up(weights) => weights,
        _ => {
            equal = equal_weights(count);
            &equal
        }
    };
    let mut sum = 0.0;
    let mut ranges = Vec::with_capacity(count);
    for weight in weights {
        ranges.push(Range { start: sum, end: sum + coverage * weight });
        sum += weight;
    }
    ranges
}

/// Whether weights add up to about 1.
pub(super) fn adds_up(weights: &[f64]) -> bool {
    let sum: f64 = weights.iter().sum();
    (1.0 - WEIGHTS_SLACK..=1.0 + WEIGHTS_SLACK).contains(&sum)
}

/// The first range that holds a number.
pub fn choose(number: f64, ranges: &[Range]) -> Option<usize> {
    ranges.iter().position(|range| range.contains(number))
}

/// A part of a name space: experiments whose parts do not overlap share no visitor.
#[derive(Clone, Debug, PartialEq)]
pub struct Namespace {
    /// The name, which is the seed.
    pub id: Box<str>,
    /// The part.
    pub range: Range,
}

impl Namespace {
    /// Whether a visitor belongs to this part.
    pub fn contains(&self, value: &str) -> bool {
        let units = value.encode_utf16().chain("__".encode_utf16()).chain(self.id.encode_utf16());
        self.range.contains(f64::from(fnv1a(units) % 1_000) / 1_000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;
    use proptest::prelude::*;

    #[test]
    fn fnv1a_is_that_of_its_authors() {
        // From the test vectors of draft-eastlake-fnv.
        assert_eq!(fnv1a("".encode_utf16()), 0x811c_9dc5);
        assert_eq!(fnv1a("a".encode_utf16()), 0xe40c_292c);
        assert_eq!(fnv1a("foobar".encode_utf16()), 0xbf9c_f968);
    }

    #[test]
    fn versions_join_value_and_seed_in_other_ways() {
        let first = f64::from(fnv1a("visitorseed".encode_utf16()) % 1_000) / 1_000.0;
        assert_eq!(bucket("seed", "visitor", 1), Some(first));
        let twice = format!("{}", fnv1a("seedvisitor".encode_utf16()));
        let second = f64::from(fnv1a(twice.encode_utf16()) % 10_000) / 10_000.0;
        assert_eq!(bucket("seed", "visitor", 2), Some(second));
        for version in [0, 3, u32::MAX] {
            assert_eq!(bucket("seed", "visitor", version), None);
        }
    }

    #[test]
    fn weights_that_make_no_sense_are_equal() {
        let halves = [Range { start: 0.0, end: 0.5 }, Range { start: 0.5, end: 1.0 }];
        for weights in [&[0.2, 0.2][..], &[0.9, 0.2], &[1.0], &[f64::NAN, 0.5], &[]] {
            assert_eq!(bucket_ranges(2, 1.0, Some(weights)), halves, "{weights:?}");
        }
        assert_eq!(bucket_ranges(2, 7.0, None), halves);
        assert!(bucket_ranges(2, f64::NAN, None).iter().all(|range| range.share() == 0.0));
        assert!(bucket_ranges(0, 1.0, None).is_empty() && equal_weights(0).is_empty());
    }

    #[test]
    fn the_first_of_ranges_that_overlap_is_chosen() {
        let ranges = [Range { start: 0.2, end: 0.6 }, Range { start: 0.4, end: 0.8 }];
        assert_eq!(choose(0.5, &ranges), Some(0));
        assert_eq!(choose(0.6, &ranges), Some(1));
        assert_eq!(choose(0.8, &ranges), None);
        assert_eq!(choose(f64::NAN, &ranges), None);
    }

    #[test]
    fn parts_of_a_name_space_share_nobody_and_miss_nobody() {
        let part = |start, end| Namespace { id: "checkout".into(), range: Range { start, end } };
        let (low, high) = (part(0.0, 0.3), part(0.3, 1.0));
        let count = (0..2_000).filter(|n| low.contains(&format!("{n}"))).count();
        assert!((500..700).contains(&count), "{count}");
        for n in 0..2_000 {
            let id = format!("{n}");
            assert_ne!(low.contains(&id), high.contains(&id));
        }
    }

    proptest! {
        #[test]
        fn a_bucket_is_in_its_interval(seed: String, value: String) {
            for version in [1, 2] {
                let bucket = bucket(&seed, &value, version).expect("there is such a version");
                prop_assert!((0.0..1.0).contains(&bucket));
            }
        }

        #[test]
        fn a_larger_coverage_moves_nobody(small in 0.0..1.0, more in 0.0..1.0, at in 0.0..1.0) {
            let few = choose(at, &bucket_ranges(3, small, None));
            let many = choose(at, &bucket_ranges(3, small.max(more), None));
            prop_assert!(few.is_none() || few == many);
        }
    }
}
