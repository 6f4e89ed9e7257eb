//! Drift: a level that creeps the same way for weeks, too slowly for any single reading to
//! be odd and for any change point to be found. A sensor that ages, a filter that clogs.
//!
//! The medians of the last [`BLOCKS`] blocks of readings (days, where there are times and a
//! cycle) are tested for a trend that goes one way (Mann, Econometrica 13, 1945; Kendall),
//! and its size is that of the line of Theil and Sen through them. Medians, ranks and
//! median slopes: no outlier makes a drift, nor hides one.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::nearest::SIZE_MAX;
use crate::robust;
use crate::state::{Reader, StateError, Writer};

/// Blocks that are compared, and how few may be.
pub const BLOCKS: usize = 24;
const BLOCKS_MIN: usize = 12;
/// Readings in a block where no cycle tells where it ends.
pub const BLOCK: u64 = 64;
/// Readings of a block that are kept; of longer ones every second, fourth, … is.
const KEPT: usize = 256;
/// Where a trend is no chance: one in fifteen thousand, if blocks are independent.
const SURE: f64 = 4.0;

/// A level that creeps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drifting {
    /// The line through the medians at the first block, and at the last one.
    pub from: f64,
    /// See [`Drifting::from`].
    pub to: f64,
    /// How many blocks lie between the two.
    pub blocks: usize,
    /// How many normal deviations the trend is from chance; its sign is the direction.
    pub deviate: f64,
}

/// The blocks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Drift {
    medians: VecDeque<f64>,
    /// Which block is being filled.
    block: i64,
    count: u64,
    /// One of so many readings is kept.
    stride: u64,
    kept: Vec<f64>,
    found: Option<Drifting>,
}

impl Drift {
    /// Takes the next reading, which must be finite, and the number of the cycle that it is
    /// from, if there are cycles. The drift as of the last whole block.
    pub fn observe(&mut self, cycle: Option<i64>, value: f64) -> Option<Drifting> {
        let full = match cycle {
            Some(cycle) => cycle != self.block,
            None => self.count >= BLOCK,
        };
        if full {
            self.close();
            self.block = cycle.unwrap_or(0);
        }
        let stride = self.stride.max(1);
        if self.count.is_multiple_of(stride) {
            if self.kept.len() == KEPT {
                let mut index = 0;
                self.kept.retain(|_| {
                    index += 1;
                    index % 2 == 1
                });
                self.stride = stride.saturating_mul(2);
            }
            self.kept.push(value.clamp(-SIZE_MAX, SIZE_MAX));
        }
        self.count = self.count.saturating_add(1);
        self.found
    }

    /// The drift as of the last whole block.
    pub fn found(&self) -> Option<Drifting> {
        self.found
    }

    fn close(&mut self) {
        if let Some(median) = robust::median_in_place(&mut self.kept) {
            if self.medians.len() == BLOCKS {
                self.medians.pop_front();
            }
            self.medians.push_back(median);
        }
        self.kept.clear();
        (self.count, self.stride) = (0, 1);
        self.found = self.test();
    }

    fn test(&self) -> Option<Drifting> {
        let count = self.medians.len();
        if count < BLOCKS_MIN {
            return None;
        }
        let mut balance = 0_i32;
        for (index, from) in self.medians.iter().enumerate() {
            for to in self.medians.iter().skip(index + 1) {
                balance += i32::from(to > from) - i32::from(to < from);
            }
        }
        let n = count as f64;
        let variance = n * (n - 1.0) * (2.0 * n + 5.0) / 18.0;
        let continued = f64::from(balance.abs() - 1).max(0.0) * f64::from(balance.signum());
        let deviate = continued / libm::sqrt(variance);
        if deviate.abs() < SURE {
            return None;
        }
        let medians: Vec<f64> = self.medians.iter().copied().collect();
        let (slope, from) = robust::theil_sen(&medians)?;
        let blocks = count - 1;
        Some(Drifting { from, to: from + slope * blocks as f64, blocks, deviate })
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        size_of::<f64>() * (self.medians.capacity() + self.kept.capacity())
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        out.floats(self.medians.iter().copied());
        out.u64(self.block.cast_unsigned());
        out.u64(self.count);
        out.u64(self.stride);
        out.floats(self.kept.iter().copied());
    }

    pub(crate) fn read(input: &mut Reader) -> Result<Self, StateError> {
        let medians = input.floats(BLOCKS, SIZE_MAX)?.into();
        let block = input.u64()?.cast_signed();
        let (count, stride) = (input.u64()?, input.u64()?);
        let kept = input.floats(KEPT, SIZE_MAX)?;
        let mut drift = Drift { medians, block, count, stride, kept, found: None };
        drift.found = drift.test();
        Ok(drift)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::online::noise::Noise;

    #[test]
    fn a_constant_noise_and_a_cycle_do_not_drift() {
        let mut noise = Noise::new(3);
        let mut constant = Drift::default();
        let mut noisy = Drift::default();
        let mut daily = Drift::default();
        for step in 0..20_000 {
            let day = step / 288;
            assert_eq!(constant.observe(None, 4.0), None);
            assert_eq!(noisy.observe(None, noise.normal()), None, "{step}");
            let wave = libm::sin(f64::from(step) / 288.0 * core::f64::consts::TAU);
            let value = 20.0 * wave + noise.normal();
            assert_eq!(daily.observe(Some(i64::from(day)), value), None, "{step}");
        }
    }

    #[test]
    fn a_creeping_level_drifts_in_spite_of_spikes() {
        let mut noise = Noise::new(4);
        let mut drift = Drift::default();
        let mut found = None;
        for step in 0..3000 {
            let spike = if step % 50 == 7 { 1e6 } else { 0.0 };
            found =
                drift.observe(None, 10.0 + f64::from(step) * 0.001 + noise.normal() / 2.0 + spike);
        }
        let found = found.expect("a drift");
        assert!(
            found.deviate > SURE && (found.to - found.from - 23.0 * 0.064).abs() < 0.3,
            "{found:?}"
        );
    }

    #[test]
    fn a_block_without_an_end_takes_no_more_room() {
        let mut drift = Drift::default();
        for step in 0..1_000_000 {
            drift.observe(Some(0), f64::from(step));
        }
        assert!(drift.kept.len() <= KEPT);
        drift.observe(Some(1), 0.0);
        let median = drift.medians[0];
        assert!((median - 5e5).abs() < 1e4, "{median}");
    }
}
