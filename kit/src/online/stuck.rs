//! A value that stays exactly the same for longer than it ever did: a sensor that froze.

use super::tail::{NO_EVIDENCE, Tail};
use crate::state::{Reader, StateError, Writer};

/// How many runs of equal readings are remembered.
const RUNS: usize = 2048;
/// A shorter run is none, and fewer runs than this do not tell what is usual.
const RUN_MIN: u64 = 8;
const RUNS_MIN: f64 = 64.0;

/// The present run of equal readings, and the lengths of those before.
#[derive(Clone, Debug, PartialEq)]
pub struct Stuck {
    last: f64,
    run: u64,
    runs: Tail,
}

impl Default for Stuck {
    fn default() -> Self {
        Stuck { last: 0.0, run: 0, runs: Tail::new(RUNS) }
    }
}

impl Stuck {
    /// Takes the next reading, which must be finite; evidence that it has frozen, as in
    /// [`Tail::evidence`]. It is looked at when a run has lasted for 8, 16, 32, … readings,
    /// so that a run is not a reading's worth of evidence every time. A sensor that never
    /// moved is none that froze.
    pub fn observe(&mut self, value: f64) -> f64 {
        if self.run > 0 && value == self.last {
            self.run = self.run.saturating_add(1);
            let known = self.runs.count() >= RUNS_MIN;
            if known && self.run >= RUN_MIN && self.run.is_power_of_two() {
                return self.runs.evidence(self.run as f64);
            }
            return NO_EVIDENCE;
        }
        if self.run > 0 {
            self.runs.observe(self.run as f64);
        }
        (self.last, self.run) = (value, 1);
        NO_EVIDENCE
    }

    /// For how many readings the value has been the same.
    pub fn run(&self) -> u64 {
        self.run
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.runs.heap_bytes()
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        out.f64(self.last);
        out.u64(self.run);
        self.runs.write(out);
    }

    pub(crate) fn read(input: &mut Reader) -> Result<Self, StateError> {
        Ok(Stuck { last: input.f64()?, run: input.u64()?, runs: Tail::read(input, RUNS)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_never_froze() {
        let mut stuck = Stuck::default();
        assert!((0..5000).all(|_| stuck.observe(3.0) == NO_EVIDENCE));
        assert_eq!(stuck.run(), 5000);
    }

    #[test]
    fn a_moving_value_that_stands_still_froze() {
        let mut stuck = Stuck::default();
        for step in 0..1000 {
            assert!(stuck.observe(f64::from(step % 13) / 2.0) < -1.0);
        }
        let frozen: f64 = (0..40).map(|_| stuck.observe(2.5)).fold(NO_EVIDENCE, f64::max);
        assert!(frozen > 2.0, "{frozen}");
    }

    #[test]
    fn a_switch_that_stands_still_did_not() {
        let mut stuck = Stuck::default();
        for step in 0..20_000 {
            let evidence = stuck.observe(f64::from(step / 40 % 2));
            assert!(evidence < 0.0, "{step}: {evidence}");
        }
    }
}
