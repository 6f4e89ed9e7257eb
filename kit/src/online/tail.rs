//! How improbable a size is, by the sizes that came before: far into the tail, and without
//! assuming a distribution.
//!
//! Sizes are counted in bins of an eighth of an octave, older ones the less the older they
//! are. Within what was seen, the probability of a size or a larger one is the share that
//! was. Beyond the largest fiftieth it is extended by a power law whose exponent is taken
//! from that fiftieth (Hill, Annals of Statistics 3, 1975): the tails of real measurements
//! are seldom lighter, so this errs towards caution.
//!
//! The measure is *evidence*: −log₁₀ of how many such sizes are expected by chance among
//! as many readings as the memory holds (the "number of false alarms" of Desolneux, Moisan
//! & Morel, *Meaningful Alignments*, IJCV 40, 2000). It is 0 for what is expected once, 2
//! for what is expected once in a hundred such times, and it means the same for every
//! series, whatever its unit and its noise.

use alloc::vec;
use alloc::vec::Vec;

use crate::state::{Reader, StateError, Writer};

const BINS: usize = 1024;
const BINS_PER_OCTAVE: f64 = 8.0;

/// The share of the largest sizes that the power law is taken from, and at least how many.
const TAIL_SHARE: f64 = 0.02;
const TAIL_COUNT_MIN: f64 = 5.0;
/// The exponent is held to what measurements have.
const EXPONENT_MIN: f64 = 0.5;
const EXPONENT_MAX: f64 = 8.0;
/// Fewer sizes than this say nothing.
const COUNT_MIN: f64 = 32.0;
/// Chance is given at least this many readings: what is a record among thirty is none yet.
const READINGS_MIN: f64 = 256.0;
/// The weight of a new size grows, instead of all others shrinking, up to this.
const WEIGHT_MAX: f64 = 1e9;

/// No evidence at all.
pub const NO_EVIDENCE: f64 = -9.0;
/// Evidence is held to this.
pub const EVIDENCE_MAX: f64 = 30.0;

/// The sizes that were seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Tail {
    /// How many readings back a size counts 1/e.
    memory: f64,
    /// Bin 0 holds zeros.
    bins: Vec<f64>,
    /// No bin above this one holds anything.
    highest: usize,
    total: f64,
    weight: f64,
    /// Octave of the middle bin: that of the first size above zero.
    middle: Option<f64>,
}

impl Tail {
    /// Remembers about as many sizes as `memory`.
    pub fn new(memory: usize) -> Self {
        let memory = (memory as f64).max(2.0);
        let bins = vec![0.0; BINS];
        Tail { memory, bins, highest: 0, total: 0.0, weight: 1.0, middle: None }
    }

    /// Evidence that `size` is no chance, [`NO_EVIDENCE`] to [`EVIDENCE_MAX`], by the sizes
    /// before it; then counts it. What is not finite or negative counts as zero.
    pub fn observe(&mut self, size: f64) -> f64 {
        let evidence = self.evidence(size);
        self.push(size);
        evidence
    }

    /// See [`Tail::observe`].
    pub fn evidence(&self, size: f64) -> f64 {
        let count = self.count();
        if count < COUNT_MIN {
            return NO_EVIDENCE;
        }
        let probability = self.probability(size, count).clamp(1e-300, 1.0);
        let expected = count.max(READINGS_MIN) * probability;
        (-libm::log10(expected)).clamp(NO_EVIDENCE, EVIDENCE_MAX)
    }

    /// How many sizes are remembered, older ones counted for less.
    pub(crate) fn count(&self) -> f64 {
        self.total / self.weight
    }

    fn probability(&self, size: f64, count: f64) -> f64 {
        let place = self.place(size);
        let bin = bin_of(place);
        let wanted = (TAIL_SHARE * count).max(TAIL_COUNT_MIN).min(count / 2.0) * self.weight;
        // From the largest size down to where the tail begins.
        let (mut held, mut first) = (0.0, 0);
        let held_ones = &self.bins[..=self.highest];
        for (index, weight) in held_ones.iter().enumerate().skip(1).rev() {
            if *weight > 0.0 {
                held += weight;
                first = index;
                if held >= wanted {
                    break;
                }
            }
        }
        if bin == 0 {
            return 1.0;
        }
        if bin <= first {
            let above: f64 = held_ones[bin + 1..].iter().sum();
            return ((above + self.bins[bin] / 2.0) / self.weight + 0.5) / (count + 1.0);
        }
        if first == 0 {
            return 1.0 / (count + 1.0);
        }
        let begin = first as f64 + 0.5;
        let octaves = |place: f64| (place - begin).max(0.0) / BINS_PER_OCTAVE;
        let excess: f64 = held_ones[first..]
            .iter()
            .enumerate()
            .map(|(above, weight)| weight * (above as f64 + 0.5))
            .sum::<f64>()
            / self.weight
            * core::f64::consts::LN_2
            / BINS_PER_OCTAVE;
        // One size and a little excess more than there were: a guard for the first few.
        let exponent = (held / self.weight + 1.0) / (excess + 0.05);
        let exponent = exponent.clamp(EXPONENT_MIN, EXPONENT_MAX);
        held / self.weight / (count + 1.0) * libm::exp2(-exponent * octaves(place))
    }

    /// Where a size lies among the bins; 0 for none.
    fn place(&self, size: f64) -> f64 {
        let Some(middle) = self.middle.filter(|_| size > 0.0 && size.is_finite()) else {
            // Before the first size above zero, any is as good as the middle one.
            return if size > 0.0 && size.is_finite() { (BINS / 2) as f64 } else { 0.0 };
        };
        let place = (libm::log2(size) - middle) * BINS_PER_OCTAVE + (BINS / 2) as f64;
        place.clamp(1.0, (BINS - 1) as f64)
    }

    fn push(&mut self, size: f64) {
        if self.middle.is_none() && size > 0.0 && size.is_finite() {
            self.middle = Some(libm::log2(size));
        }
        let bin = bin_of(self.place(size));
        self.bins[bin] += self.weight;
        self.highest = self.highest.max(bin);
        self.total += self.weight;
        self.weight /= 1.0 - 1.0 / self.memory;
        if self.weight > WEIGHT_MAX {
            self.bins.iter_mut().for_each(|held| *held /= self.weight);
            self.weight = 1.0;
            self.total = self.bins.iter().sum();
        }
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        size_of::<f64>() * self.bins.capacity()
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        out.f64(self.weight);
        out.u8(u8::from(self.middle.is_some()));
        out.f64(self.middle.unwrap_or(0.0));
        let held = self.bins.iter().enumerate().filter(|(_, weight)| **weight > 0.0);
        out.u32(held.clone().count() as u32);
        for (index, weight) in held {
            out.u32(index as u32);
            out.f64(*weight);
        }
    }

    pub(crate) fn read(input: &mut Reader, memory: usize) -> Result<Self, StateError> {
        let mut tail = Tail::new(memory);
        tail.weight = input.f64_within(1.0, WEIGHT_MAX)?;
        let known = input.bool()?;
        let middle = input.f64_within(-1100.0, 1100.0)?;
        tail.middle = known.then_some(middle);
        for _ in 0..input.count(BINS)? {
            let index = input.count(BINS - 1)?;
            // No bin can hold more than all that is remembered.
            tail.highest = tail.highest.max(index);
            tail.bins[index] = input.f64_within(0.0, WEIGHT_MAX * tail.memory)?;
        }
        tail.total = tail.bins.iter().sum();
        Ok(tail)
    }
}

/// The cast cannot leave the bins: a place lies in 0..BINS.
fn bin_of(place: f64) -> usize {
    (place as usize).min(BINS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{Reader, Writer};
    use proptest::prelude::*;

    /// Sizes of a generator that is the same everywhere: uniform in (0, 1).
    fn uniform(count: usize) -> impl Iterator<Item = f64> {
        let mut state = 1_u64;
        (0..count).map(move |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            ((state >> 40) as f64 + 0.5) / (1_u64 << 24) as f64
        })
    }

    #[test]
    fn what_is_no_size_is_no_evidence() {
        let mut tail = Tail::new(100);
        assert_eq!(tail.evidence(1e300), NO_EVIDENCE, "nothing is known yet");
        uniform(100).for_each(|size| tail.push(size));
        for odd in [0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(tail.observe(odd) < -2.0, "{odd}");
        }
        assert!(tail.evidence(f64::MAX) > 0.0);
        assert!(tail.evidence(f64::MIN_POSITIVE) < -2.0);
    }

    #[test]
    fn probabilities_are_those_of_the_distribution() {
        // Pareto with exponent 2: P(X > x) = x⁻².
        let mut tail = Tail::new(100_000);
        uniform(50_000).for_each(|u| tail.push(1.0 / libm::sqrt(u)));
        for (x, want) in [(1.5, 0.444), (3.0, 0.111), (10.0, 0.01), (100.0, 1e-4), (1e4, 1e-8)] {
            let got = tail.probability(x, tail.count());
            assert!((libm::log10(got) - libm::log10(want)).abs() < 0.6, "{x}: {got} {want}");
        }
    }

    #[test]
    fn a_change_after_nothing_but_zeros_is_expected_once() {
        let mut tail = Tail::new(10_000);
        (0..2_000).for_each(|_| tail.push(0.0));
        let evidence = tail.evidence(1e-9);
        assert!(evidence.abs() < 0.2, "{evidence}");
    }

    #[test]
    fn old_sizes_are_forgotten() {
        let mut tail = Tail::new(50);
        (0..100).for_each(|_| tail.push(1000.0));
        uniform(2_000).for_each(|size| tail.push(size));
        assert!(tail.evidence(1000.0) > 3.0);
        assert!(tail.count() < 51.0);
    }

    proptest! {
        #[test]
        fn evidence_grows_with_size_and_does_not_mind_the_unit(
            seeds in proptest::collection::vec(0.001f64..9.0, 40..200), x in 0.0f64..99.0,
            more in 0.0f64..99.0, unit in -40i32..40,
        ) {
            let (mut tail, mut scaled) = (Tail::new(500), Tail::new(500));
            for size in &seeds {
                tail.push(*size);
                scaled.push(libm::scalbn(*size, unit));
            }
            let evidence = tail.evidence(x);
            prop_assert!(tail.evidence(x + more) >= evidence - 0.4);
            prop_assert!((scaled.evidence(libm::scalbn(x, unit)) - evidence).abs() < 1e-9);
            let mut out = Writer::default();
            tail.write(&mut out);
            let bytes = out.finish();
            let again = Tail::read(&mut Reader::new(&bytes), 500).unwrap();
            prop_assert!((again.evidence(x) - evidence).abs() < 1e-9);
        }
    }
}
