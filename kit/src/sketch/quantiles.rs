//! Which share of a stream lies below what: DDSketch (Masson, Rim & Lee, *DDSketch: A Fast and
//! Fully-Mergeable Quantile Sketch with Relative-Error Guarantees*, PVLDB 12(12), 2019).
//!
//! **Error.** A quantile is at most the share α of itself away from the value of that rank in
//! the stream: 0.99 to 1.01 seconds for a true second at α = 0.01. That holds of every quantile
//! of every stream, whatever its distribution and however it was merged, as long as the sizes
//! lie within the [`Quantiles::guaranteed_from`] of the sketch and its largest one.
//!
//! **Room.** Eight bytes for each bin between the smallest and the largest size, positive and
//! negative ones apart, and never more than `bins_max` bins each: when more are needed, those
//! of the sizes nearest to zero are joined, since it is the large ones that hurt. Sizes then span
//! a factor of about e^(2·α·`bins_max`): 256 bins at 0.02 are from a millisecond to 28 seconds.
//!
//! **Hostile input.** Who sends one huge value pushes the small ones together: clamp what
//! strangers send to what makes sense before it is inserted.

mod bins;
mod mapping;

use alloc::vec::Vec;

use crate::state::{Reader, StateError, Writer, seal, unseal};
use bins::Bins;
use mapping::Mapping;

/// What a written sketch begins with, and its version.
const KIND: [u8; 4] = *b"skqu";
const VERSION: u8 = 1;

/// The range of α.
pub const ACCURACY_MIN: f64 = 1e-4;
/// The range of α.
pub const ACCURACY_MAX: f64 = 0.5;
/// The range of the number of bins.
pub const BINS_MAX: usize = 65_536;

/// A distribution, to a relative accuracy.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantiles {
    mapping: Mapping,
    bins_max: usize,
    positive: Bins,
    negative: Bins,
    /// Zero, and what is too small to be a normal number.
    zeros: u64,
    least: f64,
    largest: f64,
}

impl Quantiles {
    /// Nothing yet. `accuracy` is α, clamped to [`ACCURACY_MIN`] and [`ACCURACY_MAX`] (0.01 if it
    /// is no number); `bins_max` is clamped to 2 and [`BINS_MAX`].
    pub fn new(accuracy: f64, bins_max: usize) -> Self {
        let accuracy = if accuracy.is_nan() { 0.01 } else { accuracy };
        Quantiles {
            mapping: Mapping::new(accuracy.clamp(ACCURACY_MIN, ACCURACY_MAX)),
            bins_max: bins_max.clamp(2, BINS_MAX),
            positive: Bins::default(),
            negative: Bins::default(),
            zeros: 0,
            least: f64::INFINITY,
            largest: f64::NEG_INFINITY,
        }
    }

    /// α.
    pub fn accuracy(&self) -> f64 {
        self.mapping.accuracy()
    }

    /// Takes one more value; whether it was one: NaN and infinities are refused.
    pub fn insert(&mut self, value: f64) -> bool {
        if !value.is_finite() {
            return false;
        }
        // Either branch is rare: a size that is a new extreme.
        if value < self.least {
            self.least = value;
        }
        if value > self.largest {
            self.largest = value;
        }
        if value >= f64::MIN_POSITIVE {
            self.positive.add(self.mapping.index(value), 1, self.bins_max);
        } else if value <= -f64::MIN_POSITIVE {
            self.negative.add(self.mapping.index(-value), 1, self.bins_max);
        } else {
            self.zeros = self.zeros.saturating_add(1);
        }
        true
    }

    /// Adds all that `other` has seen, if its α is the same; whether it was. The smaller limit of
    /// bins is the limit then.
    pub fn merge(&mut self, other: &Quantiles) -> bool {
        if self.mapping != other.mapping {
            return false;
        }
        self.bins_max = self.bins_max.min(other.bins_max);
        self.positive.merge(&other.positive, self.bins_max);
        self.negative.merge(&other.negative, self.bins_max);
        self.zeros = self.zeros.saturating_add(other.zeros);
        self.least = self.least.min(other.least);
        self.largest = self.largest.max(other.largest);
        true
    }

    /// How many values there were.
    pub fn count(&self) -> u64 {
        self.zeros.saturating_add(self.positive.total()).saturating_add(self.negative.total())
    }

    /// The smallest value, exactly.
    pub fn min(&self) -> Option<f64> {
        (self.least <= self.largest).then_some(self.least)
    }

    /// The largest value, exactly.
    pub fn max(&self) -> Option<f64> {
        (self.least <= self.largest).then_some(self.largest)
    }

    /// The value of rank ⌊1 + share·(n − 1)⌋ of n in order (the paper's lower quantile), to the
    /// accuracy; `None` of an empty sketch. `share` is clamped to [0, 1].
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let (least, largest) = (self.min()?, self.max()?);
        let count = self.count();
        let share = if share > 0.0 { share.min(1.0) } else { 0.0 };
        // Rounding must not lead beyond the last one.
        let before = (libm::floor(share * (count - 1) as f64) as u64).min(count - 1);
        match before {
            0 => Some(least),
            _ if before == count - 1 => Some(largest),
            _ => Some(self.at_rank(before).clamp(least, largest)),
        }
    }

    /// The value that has so many before it.
    fn at_rank(&self, before: u64) -> f64 {
        let negative = self.negative.total();
        if before < negative {
            // The largest size is the smallest number.
            return -self.mapping.value(self.negative.at_rank(negative - 1 - before));
        }
        let before = before - negative;
        if before < self.zeros {
            return 0.0;
        }
        self.mapping.value(self.positive.at_rank(before - self.zeros))
    }

    /// The smallest size of which the accuracy holds, where bins had to be joined; smaller ones
    /// are told as about this one. `None` if none had to.
    pub fn guaranteed_from(&self) -> Option<f64> {
        let joined = [&self.positive, &self.negative];
        joined
            .iter()
            .filter_map(|bins| bins.joined())
            .map(|index| self.mapping.lower(index + 1))
            .reduce(f64::max)
    }

    /// Bytes in memory.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.positive.heap_bytes() + self.negative.heap_bytes()
    }

    /// The sketch as bytes, for [`Quantiles::from_bytes`].
    pub fn to_bytes(&self) -> Vec<u8> {
        seal(KIND, VERSION, |out| self.write(out))
    }

    /// What [`Quantiles::to_bytes`] gave.
    ///
    /// # Errors
    ///
    /// If the bytes are not such a sketch.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StateError> {
        unseal(bytes, KIND, VERSION, Quantiles::read)
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        out.f64(self.accuracy());
        out.varint(self.bins_max as u64);
        out.varint(self.zeros);
        self.positive.write(out);
        self.negative.write(out);
        if let (Some(least), Some(largest)) = (self.min(), self.max()) {
            out.f64(least);
            out.f64(largest);
        }
    }

    pub(crate) fn read(input: &mut Reader) -> Result<Self, StateError> {
        let accuracy = input.f64_within(ACCURACY_MIN, ACCURACY_MAX)?;
        let bins_max = input.varcount(BINS_MAX)?;
        if bins_max < 2 {
            return Err(StateError::Value);
        }
        let mut sketch = Quantiles::new(accuracy, bins_max);
        sketch.zeros = input.varint()?;
        let indexes = sketch.mapping.index(f64::MIN_POSITIVE)..=sketch.mapping.index(f64::MAX);
        sketch.positive = Bins::read(input, bins_max, indexes.clone())?;
        sketch.negative = Bins::read(input, bins_max, indexes)?;
        if sketch.count() > 0 {
            sketch.least = input.f64()?;
            sketch.largest = input.f64_within(sketch.least, f64::MAX)?;
            sketch.check_ends()?;
        }
        Ok(sketch)
    }

    /// The smallest and the largest must be of the bins that are there.
    fn check_ends(&self) -> Result<(), StateError> {
        let largest = self.is_end(self.largest, &self.positive, &self.negative);
        // Seen from the other side, the least is the largest.
        let least = self.is_end(-self.least, &self.negative, &self.positive);
        if largest && least { Ok(()) } else { Err(StateError::Value) }
    }

    /// Whether `value` can be the largest, where sizes above zero lie in `above` and those below
    /// it in `below`.
    fn is_end(&self, value: f64, above: &Bins, below: &Bins) -> bool {
        if let Some(highest) = above.highest() {
            return value >= f64::MIN_POSITIVE && self.mapping.index(value) == highest;
        }
        if self.zeros > 0 || value > -f64::MIN_POSITIVE {
            return self.zeros > 0 && value.abs() < f64::MIN_POSITIVE;
        }
        let index = self.mapping.index(-value);
        below.lowest() == Some(index) || below.joined().is_some_and(|lowest| index < lowest)
    }
}

#[cfg(test)]
mod tests;
