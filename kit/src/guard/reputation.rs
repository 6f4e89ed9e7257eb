//! How far a device is trusted: a number from 0 to 1 that what it does moves, and time moves
//! back.
//!
//! A device that nobody knows has [`UNKNOWN`]. Each good deed takes it a twentieth of the way to
//! 1, each bad one leaves six tenths of it: trust is lost in two steps and earned in many. Half
//! of the distance to [`UNKNOWN`] is forgotten in [`HALF_LIFE_MS`], in both directions, so that
//! neither a past attack nor a past good name is for ever. A clock that was set back forgets
//! nothing.

use crate::state::{StateError, seal, unseal};
use alloc::vec::Vec;

/// What a device has of which nothing is known.
pub const UNKNOWN: f64 = 0.5;
/// In which time half of the rest is forgotten: 14 days.
pub const HALF_LIFE_MS: i64 = 14 * 86_400_000;

const GOOD: f64 = 0.05;
const BAD: f64 = 0.6;
const KIND: [u8; 4] = *b"rptn";
const VERSION: u8 = 1;

/// What a device has done, as one number at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reputation {
    score: f64,
    time_ms: i64,
}

impl Reputation {
    /// Of a device that is seen first at this time, in milliseconds since 1970.
    pub fn new(now_ms: i64) -> Self {
        Reputation { score: UNKNOWN, time_ms: now_ms }
    }

    /// What it is now, 0 to 1.
    pub fn score(&self, now_ms: i64) -> f64 {
        let age_ms = now_ms.saturating_sub(self.time_ms).max(0);
        let left = libm::exp2(-(age_ms as f64) / HALF_LIFE_MS as f64);
        UNKNOWN + (self.score - UNKNOWN) * left
    }

    /// When it was changed last, in milliseconds since 1970.
    pub fn time_ms(&self) -> i64 {
        self.time_ms
    }

    /// After something good or bad.
    #[must_use]
    pub fn after(&self, now_ms: i64, is_good: bool) -> Self {
        let score = self.score(now_ms);
        let score = if is_good { score + (1.0 - score) * GOOD } else { score * BAD };
        // A clock that was set back stands until it has caught up, else a device could
        // forget by it.
        Reputation { score, time_ms: now_ms.max(self.time_ms) }
    }

    /// As bytes, for [`Reputation::from_bytes`].
    pub fn to_bytes(&self) -> Vec<u8> {
        seal(KIND, VERSION, |out| {
            out.f64(self.score);
            out.signed(self.time_ms);
        })
    }

    /// What [`Reputation::to_bytes`] gave.
    ///
    /// # Errors
    ///
    /// If the bytes are no reputation.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StateError> {
        unseal(bytes, KIND, VERSION, |input| {
            Ok(Reputation { score: input.f64_within(0.0, 1.0)?, time_ms: input.signed()? })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn trust_is_lost_in_two_steps_and_earned_in_many() {
        let known = Reputation::new(0);
        let bad = known.after(0, false).after(0, false);
        assert!(bad.score(0) < 0.2);
        let mut again = bad;
        let steps = (0..).take_while(|_| {
            again = again.after(0, true);
            again.score(0) < UNKNOWN
        });
        assert!((8..12).contains(&steps.count()));
    }

    #[test]
    fn time_forgets_and_the_clock_does_not() {
        let bad = Reputation::new(0).after(0, false);
        assert!((bad.score(0) - 0.3).abs() < 1e-12);
        assert!((bad.score(HALF_LIFE_MS) - 0.4).abs() < 1e-12);
        assert!((bad.score(i64::MAX) - UNKNOWN).abs() < 1e-12);
        assert_eq!(bad.score(i64::MIN), bad.score(0));
        // Set back by a year and on again, nothing has aged.
        let year_ms = 365 * 86_400_000;
        let later = Reputation { score: 0.1, time_ms: year_ms }.after(0, false);
        assert!((later.score(year_ms) - 0.06).abs() < 1e-12);
    }

    #[test]
    fn damaged_bytes_are_an_error() {
        let bytes = Reputation::new(1).to_bytes();
        for at in 0..bytes.len() {
            assert!(Reputation::from_bytes(&bytes[..at]).is_err());
            let mut other = bytes.clone();
            other[at] ^= 1;
            assert!(Reputation::from_bytes(&other).is_err());
        }
    }

    proptest! {
        #[test]
        fn it_stays_within_bounds_and_comes_back(deeds: Vec<(i64, bool)>) {
            let mut device = Reputation::new(0);
            for (now_ms, is_good) in deeds {
                device = device.after(now_ms, is_good);
                prop_assert!((0.0..=1.0).contains(&device.score(now_ms)));
            }
            prop_assert_eq!(Reputation::from_bytes(&device.to_bytes()), Ok(device));
        }
    }
}
