//! Times that a series can be watched by, whatever the device's clock does.
//!
//! What is usual at a time of day is learned by counting days. A clock that leaps to the year
//! 2099 and back would leave days behind that never come; so whole cycles are added to and
//! taken from the times, such that they move on by less than two cycles and fall behind by one
//! at most. The time of day stays what the device says.

/// The times of one series.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Clock {
    /// Whole cycles that are added.
    pub shift: i64,
    /// The latest time so far, shifted; seconds.
    pub latest_s: Option<f64>,
}

/// Beyond this a double does not tell seconds apart, and it is no time.
const SIZE_MAX_S: f64 = 1e12;

impl Clock {
    /// The time to watch a reading by; NaN if there is none. `cycle_s` is positive.
    pub fn take(&mut self, time_s: Option<f64>, cycle_s: f64) -> f64 {
        let Some(time_s) = time_s.filter(|time_s| time_s.abs() <= SIZE_MAX_S) else {
            return f64::NAN;
        };
        let Some(latest_s) = self.latest_s else {
            self.latest_s = Some(time_s);
            return time_s;
        };
        let mut shifted_s = time_s + self.shift as f64 * cycle_s;
        let ahead = ((shifted_s - latest_s) / cycle_s).floor();
        // From the cycle before to the one that follows, nothing is shifted. Longer gaps of
        // an honest clock count as one cycle: days in between would not be remembered anyway.
        if !(-1.0..=1.0).contains(&ahead) {
            let cycles = if ahead > 0.0 { ahead - 1.0 } else { ahead + 1.0 };
            // The cast saturates.
            self.shift = self.shift.saturating_sub(cycles as i64);
            shifted_s = time_s + self.shift as f64 * cycle_s;
        }
        self.latest_s = Some(latest_s.max(shifted_s));
        shifted_s
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY_S: f64 = 86_400.0;

    #[test]
    fn no_time_is_no_time() {
        let mut clock = Clock::default();
        for time_s in [None, Some(f64::NAN), Some(f64::INFINITY), Some(1e13), Some(-1e300)] {
            assert!(clock.take(time_s, DAY_S).is_nan());
        }
        assert_eq!(clock, Clock::default());
    }

    #[test]
    fn a_clock_that_leaps_and_returns_goes_on() {
        let mut clock = Clock::default();
        let begin_s = 1_700_000_000.0;
        clock.take(Some(begin_s), DAY_S);
        // Out of order, and a day without readings: as they are.
        assert_eq!(clock.take(Some(begin_s - 600.0), DAY_S), begin_s - 600.0);
        assert_eq!(clock.take(Some(begin_s + 1.5 * DAY_S), DAY_S), begin_s + 1.5 * DAY_S);
        let latest_s = begin_s + 1.5 * DAY_S;
        // To 2099 and back; to 1970 and back.
        for time_s in [4_070_908_800.0, begin_s + 1.6 * DAY_S, 60.0, begin_s + 1.7 * DAY_S] {
            let taken_s = clock.take(Some(time_s), DAY_S);
            assert!((taken_s - latest_s).abs() <= 5.0 * DAY_S, "{time_s}: {taken_s}");
            assert_eq!((taken_s - time_s).rem_euclid(DAY_S), 0.0, "the time of day is kept");
        }
    }

    proptest! {
        #[test]
        fn times_move_by_little(times in prop::collection::vec(-1e12f64..1e12, 2..50)) {
            let mut clock = Clock::default();
            clock.take(Some(times[0]), DAY_S);
            for time_s in &times[1..] {
                let latest_s = clock.latest_s.unwrap();
                let taken_s = clock.take(Some(*time_s), DAY_S);
                let moved = (taken_s - latest_s) / DAY_S;
                prop_assert!((-1.01..=2.01).contains(&moved), "{moved}");
            }
        }
    }
}
