//! How new two readings in a row are, when each of them alone is not: the distance of the
//! last two to the most similar two before (the discords of Keogh, Lin & Fu, *HOT SAX*,
//! ICDM 2005), and how improbable a distance so large is.

use alloc::vec::Vec;

use super::nearest::SIZE_MAX;
use super::ranked::Ranked;
use super::tail::{NO_EVIDENCE, Tail};
use crate::state::{Reader, StateError, Writer};

/// Two readings in a row, the later one first.
type Pair = [f64; 2];

/// The last few thousand pairs.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    /// The last three readings, latest first; a pair is learned when none of its readings
    /// is part of the last one any more.
    last: Vec<f64>,
    /// By the later reading, then by the earlier one.
    pairs: Ranked<Pair>,
    distances: Tail,
}

impl Pattern {
    /// Remembers `capacity` pairs, at least one and at most 65,536.
    pub fn new(capacity: usize) -> Self {
        Pattern {
            last: Vec::with_capacity(4),
            pairs: Ranked::new(capacity),
            distances: Tail::new(capacity),
        }
    }

    /// Takes the next reading, which must be finite; evidence that it and the one before
    /// are new as a pair, as in [`Tail::evidence`].
    pub fn observe(&mut self, value: f64) -> f64 {
        // Adding zero makes the negative one positive: the two orders of pairs must agree.
        self.last.insert(0, value.clamp(-SIZE_MAX, SIZE_MAX) + 0.0);
        if let [_, _, later, earlier] = self.last[..] {
            self.pairs.push([later, earlier]);
            self.last.truncate(3);
        }
        let distance = self.distance();
        distance.map_or(NO_EVIDENCE, |distance| self.distances.observe(distance))
    }

    /// Distance of the last pair to the nearest one that is remembered. Looks outwards from
    /// the later reading, and no further than the nearest pair so far: at a few dozen pairs
    /// usually, at all of them at worst.
    fn distance(&self) -> Option<f64> {
        let &[later, earlier, ..] = &self.last[..] else { return None };
        let pair = [later, earlier];
        let (below, above) = self.pairs.sorted().split_at(self.pairs.below(pair));
        let best = nearest(below.iter().rev(), pair, f64::INFINITY);
        let best = nearest(above.iter(), pair, best);
        best.is_finite().then(|| libm::sqrt(best))
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.pairs.heap_bytes()
            + size_of::<f64>() * self.last.capacity()
            + self.distances.heap_bytes()
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        out.floats(self.last.iter().copied());
        out.u32(2 * self.pairs.len() as u32);
        self.pairs.arrivals().flatten().for_each(|value| out.f64(value));
        self.pairs.write_order(out);
        self.distances.write(out);
    }

    pub(crate) fn read(input: &mut Reader, capacity: usize) -> Result<Self, StateError> {
        let mut pattern = Pattern::new(capacity);
        pattern.last = input.floats(3, SIZE_MAX)?;
        let values = input.floats(2 * pattern.pairs.capacity(), SIZE_MAX)?;
        let (pairs, rest) = values.as_chunks();
        if !rest.is_empty() {
            return Err(StateError::Length);
        }
        pattern.pairs = Ranked::read_order(input, pairs.to_vec(), capacity)?;
        pattern.distances = Tail::read(input, capacity)?;
        Ok(pattern)
    }
}

/// The least of `best` and the squared distances of `pair` to others, which come in the
/// order of the distance of their later readings.
fn nearest<'a>(others: impl Iterator<Item = &'a Pair>, pair: Pair, mut best: f64) -> f64 {
    for other in others {
        let across = (other[0] - pair[0]) * (other[0] - pair[0]);
        if across >= best {
            break;
        }
        best = best.min(across + (other[1] - pair[1]) * (other[1] - pair[1]));
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_few_readings_are_compared_with_nothing() {
        let mut pattern = Pattern::new(0);
        for step in 0..7 {
            assert_eq!(pattern.observe(f64::from(step)), NO_EVIDENCE);
        }
        for _ in 0..100 {
            assert!(pattern.observe(f64::MAX).is_finite());
            assert!(pattern.observe(f64::MIN).is_finite());
        }
    }

    #[test]
    fn a_fall_is_new_where_everything_rises() {
        let mut pattern = Pattern::new(1000);
        // A saw: every value is common, and so is the jump down from 9 to 0.
        for step in 0..3005 {
            pattern.observe(f64::from(step % 10));
        }
        assert!(pattern.observe(5.0) < -2.0);
        assert!(pattern.observe(2.0) > -0.5, "2 never follows 5");
    }

    proptest! {
        #[test]
        fn agrees_with_a_plain_search(
            values in proptest::collection::vec(-9i32..9, 0..60), capacity in 1usize..20,
        ) {
            let mut pattern = Pattern::new(capacity);
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            values.iter().for_each(|value| { pattern.observe(*value); });
            let pairs: Vec<&[f64]> = values.windows(2).collect();
            let before = pairs.len().saturating_sub(2);
            let known = &pairs[before.saturating_sub(capacity)..before];
            let want = known.iter().map(|pair| {
                let last = pairs[pairs.len() - 1];
                libm::hypot(pair[0] - last[0], pair[1] - last[1])
            });
            let (want, got) = (want.reduce(f64::min), pattern.distance());
            prop_assert_eq!(want.is_some(), got.is_some());
            prop_assert!((want.unwrap_or(0.0) - got.unwrap_or(0.0)).abs() < 1e-9);
            let mut out = Writer::default();
            pattern.write(&mut out);
            let bytes = out.finish();
            let again = Pattern::read(&mut Reader::new(&bytes), capacity).unwrap();
            prop_assert_eq!(again.distance(), got);
        }
    }
}
