//! What the last few readings have in common: their level, and how much they wobble.

use alloc::collections::VecDeque;

use super::nearest::SIZE_MAX;
use crate::state::{Reader, StateError, Writer};

/// Readings whose mean is compared, and readings before them that it is compared with.
pub const SHIFT_NEW: usize = 16;
/// See [`SHIFT_NEW`].
pub const SHIFT_OLD: usize = 128;
/// Readings whose standard deviation is watched.
pub const SPREAD: usize = 32;

/// No wobble at all counts as this share of the usual one: its logarithm is wanted.
const QUIET: f64 = 1e-3;
/// How fast the usual wobble follows.
const USUAL_GAIN: f64 = 1e-3;

/// The last readings.
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    recent: VecDeque<f64>,
    /// Mean of all standard deviations so far, or of about the last thousand.
    usual: f64,
    spreads: u64,
}

/// What they have in common.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Common {
    /// How far the mean of the last 16 readings lies above that of the 128 before; `None`
    /// while there are fewer.
    pub shift: Option<f64>,
    /// Octaves: the logarithm of the standard deviation of the last 32 readings. `None`
    /// while there are fewer, or while none of them has ever differed.
    pub spread: Option<f64>,
}

impl Default for Features {
    fn default() -> Self {
        let recent = VecDeque::with_capacity(SHIFT_NEW + SHIFT_OLD);
        Features { recent, usual: 0.0, spreads: 0 }
    }
}

impl Features {
    /// Takes the next reading, which must be finite.
    pub fn observe(&mut self, value: f64) -> Common {
        if self.recent.len() == SHIFT_NEW + SHIFT_OLD {
            self.recent.pop_front();
        }
        self.recent.push_back(value.clamp(-SIZE_MAX, SIZE_MAX));
        Common { shift: self.shift(), spread: self.spread() }
    }

    fn shift(&self) -> Option<f64> {
        if self.recent.len() < SHIFT_NEW + SHIFT_OLD {
            return None;
        }
        let old: f64 = self.recent.iter().take(SHIFT_OLD).sum();
        let new: f64 = self.recent.iter().skip(SHIFT_OLD).sum();
        Some(new / SHIFT_NEW as f64 - old / SHIFT_OLD as f64)
    }

    fn spread(&mut self) -> Option<f64> {
        let from = self.recent.len().checked_sub(SPREAD)?;
        let last = self.recent.iter().skip(from);
        let mean = last.clone().sum::<f64>() / SPREAD as f64;
        let squares: f64 = last.map(|value| (value - mean) * (value - mean)).sum();
        let deviation = libm::sqrt(squares / SPREAD as f64);
        self.spreads = self.spreads.saturating_add(1);
        let gain = (1.0 / self.spreads as f64).max(USUAL_GAIN);
        self.usual += gain * (deviation - self.usual);
        let floored = deviation + QUIET * self.usual;
        (floored > 0.0).then(|| libm::log2(floored))
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        size_of::<f64>() * self.recent.capacity()
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        out.floats(self.recent.iter().copied());
        out.f64(self.usual);
        out.u64(self.spreads);
    }

    pub(crate) fn read(input: &mut Reader) -> Result<Self, StateError> {
        let recent = input.floats(SHIFT_NEW + SHIFT_OLD, SIZE_MAX)?.into();
        let usual = input.f64_within(0.0, 2.0 * SIZE_MAX)?;
        Ok(Features { recent, usual, spreads: input.u64()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_readings_and_a_constant_have_nothing_in_common() {
        let mut features = Features::default();
        for _ in 0..SHIFT_NEW + SHIFT_OLD - 1 {
            assert_eq!(features.observe(7.0), Common { shift: None, spread: None });
        }
        assert_eq!(features.observe(7.0), Common { shift: Some(0.0), spread: None });
    }

    #[test]
    fn the_largest_numbers_stay_numbers() {
        let mut features = Features::default();
        for step in 0..500 {
            let common = features.observe(if step % 2 == 0 { f64::MAX } else { f64::MIN });
            assert!(common.shift.is_none_or(f64::is_finite));
            assert!(common.spread.is_none_or(f64::is_finite));
        }
    }

    #[test]
    fn levels_and_wobble_are_told() {
        let mut features = Features::default();
        let wave = |step: i32| f64::from(step % 4) - 1.5;
        let calm = (0..300).map(|step| features.observe(wave(step))).last().unwrap();
        assert!(calm.shift.unwrap().abs() < 0.1);
        let up = (0..16).map(|step| features.observe(10.0 + wave(step))).last().unwrap();
        assert!((up.shift.unwrap() - 10.0).abs() < 0.1);
        let wild = (0..32).map(|step| features.observe(8.0 * wave(step))).last().unwrap();
        assert!((wild.spread.unwrap() - calm.spread.unwrap() - 3.0).abs() < 0.1);
        let still = (0..32).map(|_| features.observe(0.0)).last().unwrap();
        assert!(still.spread.unwrap() < calm.spread.unwrap() - 5.0);
    }
}
