//! How fast a connection is read.

use std::time::{Duration, Instant};

/// What may come at once is a second's worth.
const BURST: Duration = Duration::from_secs(1);
/// How long to pause at least, so that it is not read byte by byte.
const PAUSE: Duration = Duration::from_millis(100);

/// A generic cell rate algorithm (ITU-T I.371): what was read is due at the rate's pace, and
/// may be ahead of it by a burst.
pub(super) struct Throttle {
    per_second: u64,
    due: Instant,
}

impl Throttle {
    pub(super) fn new(per_second: u64, now: Instant) -> Self {
        Throttle { per_second: per_second.max(1), due: now }
    }

    /// How many bytes may be read now, at least one; if none, from when on.
    pub(super) fn check(&self, now: Instant) -> Result<usize, Instant> {
        let ahead = (now + BURST).saturating_duration_since(self.due);
        let most = ahead.min(BURST).as_nanos() * u128::from(self.per_second) / 1_000_000_000;
        match usize::try_from(most).unwrap_or(usize::MAX) {
            0 => Err(self.due.max(now) - BURST + PAUSE),
            most => Ok(most),
        }
    }

    /// Counts what was read.
    pub(super) fn take(&mut self, bytes: usize, now: Instant) {
        let nanos = bytes as u128 * 1_000_000_000 / u128::from(self.per_second);
        let nanos = u64::try_from(nanos).unwrap_or(u64::MAX);
        self.due = self.due.max(now) + Duration::from_nanos(nanos);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seconds_worth_comes_at_once_and_then_no_more_than_that_per_second() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut throttle = Throttle::new(1_000, start);
        assert_eq!(throttle.check(at(0)), Ok(1_000));
        throttle.take(400, at(0));
        assert_eq!(throttle.check(at(0)), Ok(600));
        throttle.take(600, at(0));
        assert_eq!(throttle.check(at(0)), Err(at(100)));
        assert_eq!(throttle.check(at(100)), Ok(100));
        throttle.take(100, at(100));
        assert_eq!(throttle.check(at(100)), Err(at(200)));
        // A long pause earns no more than a second's worth.
        assert_eq!(throttle.check(at(60_000)), Ok(1_000));
        throttle.take(1_000, at(60_000));
        assert_eq!(throttle.check(at(60_000)), Err(at(60_100)));
    }
}
