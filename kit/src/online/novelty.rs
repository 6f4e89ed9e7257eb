//! How new a number is: its distance to the nearest one that is remembered, and how
//! improbable a distance so large is.
//!
//! What was never near to anything before is new, wherever it lies: above all, below all,
//! or in a gap between two levels that a machine runs at. What was seen is learned at once,
//! so a second reading of the same kind is not new any more.

use super::nearest::{Nearest, SIZE_MAX};
use super::tail::{NO_EVIDENCE, Tail};
use crate::state::{Reader, StateError, Writer};

/// Numbers that were seen, and how far each was from those before it.
#[derive(Clone, Debug, PartialEq)]
pub struct Novelty {
    seen: Nearest,
    distances: Tail,
}

impl Novelty {
    /// Remembers `capacity` numbers.
    pub fn new(capacity: usize) -> Self {
        Novelty { seen: Nearest::new(capacity), distances: Tail::new(capacity) }
    }

    /// Evidence that `value` is new, as in [`Tail::evidence`]; then learns it. What is not
    /// finite is neither.
    pub fn observe(&mut self, value: f64) -> f64 {
        if !value.is_finite() {
            return NO_EVIDENCE;
        }
        let value = value.clamp(-SIZE_MAX, SIZE_MAX);
        let distance = self.seen.distance(value);
        self.seen.push(value);
        distance.map_or(NO_EVIDENCE, |distance| self.distances.observe(distance))
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.seen.heap_bytes() + self.distances.heap_bytes()
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        self.seen.write(out);
        self.distances.write(out);
    }

    pub(crate) fn read(input: &mut Reader, capacity: usize) -> Result<Self, StateError> {
        let seen = Nearest::read(input, capacity)?;
        Ok(Novelty { seen, distances: Tail::read(input, capacity)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_is_not_learned() {
        let mut novelty = Novelty::new(10);
        for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(novelty.observe(odd), NO_EVIDENCE);
        }
        assert!(novelty.seen.is_empty());
        for _ in 0..50 {
            novelty.observe(f64::MAX);
        }
        assert!(novelty.observe(f64::MIN).is_finite());
    }

    #[test]
    fn between_two_levels_is_new_once() {
        let mut novelty = Novelty::new(1000);
        for step in 0..500 {
            let wobble = f64::from(step % 7) / 10.0;
            novelty.observe(if step / 20 % 2 == 0 { wobble } else { 50.0 + wobble });
        }
        assert!(novelty.observe(25.0) > 0.0);
        assert!(novelty.observe(25.0) < -2.0);
        assert!(novelty.observe(50.1) < -2.0);
    }
}
