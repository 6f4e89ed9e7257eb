//! How far a reading lies from what was predicted, and how improbable that is; and how much
//! the predictions are worth.
//!
//! A reading that no one would notice elsewhere is odd at a time when another one was
//! certain. But where nothing can be predicted, the error says what the value says already,
//! and is one more chance for a false alarm.

use super::nearest::SIZE_MAX;
use super::tail::{NO_EVIDENCE, Tail};
use crate::state::{Reader, StateError, Writer};

/// How fast the mean, the spread and the usual error follow once they are known.
const GAIN: f64 = 0.003;
/// An error counts at most so many usual ones.
const CLIP: f64 = 5.0;

/// The errors of the predictions of one series.
#[derive(Clone, Debug, PartialEq)]
pub struct Residual {
    errors: Tail,
    count: u64,
    mean: f64,
    /// Mean absolute distance from the mean, and from the predictions.
    spread: f64,
    error: f64,
}

impl Residual {
    /// Remembers about as many errors as `memory`.
    pub fn new(memory: usize) -> Self {
        Residual { errors: Tail::new(memory), count: 0, mean: 0.0, spread: 0.0, error: 0.0 }
    }

    /// Takes the next reading, which must be finite, and what was predicted for it;
    /// evidence that it is no usual error, as in [`Tail::evidence`].
    pub fn observe(&mut self, value: f64, expected: Option<f64>) -> f64 {
        let value = value.clamp(-SIZE_MAX, SIZE_MAX);
        self.count = self.count.saturating_add(1);
        let gain = (1.0 / self.count as f64).max(GAIN);
        let Some(expected) = expected.filter(|expected| expected.is_finite()) else {
            self.mean += gain * (value - self.mean);
            return NO_EVIDENCE;
        };
        let error = (value - expected).abs().min(SIZE_MAX);
        let distance = (value - self.mean).abs();
        let counted = if self.error > 0.0 { error.min(CLIP * self.error) } else { error };
        self.spread += gain * (distance - self.spread);
        self.error += gain * (counted - self.error);
        self.mean += gain * (value - self.mean);
        self.errors.observe(error)
    }

    /// Decades by which the predictions are closer than the mean: 0 if they are worth
    /// nothing, 1 if a tenth of the usual distance is left.
    pub fn worth(&self) -> f64 {
        if self.error > 0.0 && self.spread > 0.0 {
            libm::log10(self.spread / self.error)
        } else {
            0.0
        }
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.errors.heap_bytes()
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        self.errors.write(out);
        out.u64(self.count);
        for value in [self.mean, self.spread, self.error] {
            out.f64(value);
        }
    }

    pub(crate) fn read(input: &mut Reader, memory: usize) -> Result<Self, StateError> {
        let errors = Tail::read(input, memory)?;
        let count = input.u64()?;
        let mean = input.f64_within(-SIZE_MAX, SIZE_MAX)?;
        let spread = input.f64_within(0.0, 2.0 * SIZE_MAX)?;
        let error = input.f64_within(0.0, 2.0 * SIZE_MAX)?;
        Ok(Residual { errors, count, mean, spread, error })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::online::noise::Noise;

    #[test]
    fn without_a_prediction_there_is_no_error() {
        let mut residual = Residual::new(100);
        for expected in [None, Some(f64::NAN), Some(f64::INFINITY)] {
            assert_eq!(residual.observe(1.0, expected), NO_EVIDENCE);
        }
        assert_eq!(residual.worth(), 0.0);
        for step in 0..200 {
            let value = if step % 2 == 0 { f64::MAX } else { f64::MIN };
            assert!(residual.observe(value, Some(-value)).is_finite());
            assert!(residual.worth().is_finite());
        }
    }

    #[test]
    fn predictions_are_worth_what_they_save() {
        let mut noise = Noise::new(1);
        let (mut good, mut idle) = (Residual::new(1000), Residual::new(1000));
        for step in 0..3000 {
            let wave = 30.0 * libm::sin(f64::from(step) / 20.0);
            good.observe(wave + noise.normal(), Some(wave));
            idle.observe(noise.normal(), Some(0.0));
        }
        assert!(good.worth() > 1.0 && idle.worth().abs() < 0.1);
        assert!(good.observe(0.0, Some(8.0)) > 0.0, "eight deviations off, amid the range");
        assert!(good.observe(0.0, Some(1.0)) < -2.0);
    }
}
