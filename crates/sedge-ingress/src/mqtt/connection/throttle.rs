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

    /// Whether anything may be read now; if not, from when on.
    pub(super) fn check(&self, now: Instant) -> Result<(), Instant> {
        if self.due <= now + BURST { Ok(()) } else { Err(self.due - BURST + PAUSE) }
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
        throttle.take(1_000, at(0));
        assert_eq!(throttle.check(at(0)), Ok(()));
        throttle.take(1, at(0));
        assert_eq!(throttle.check(at(0)), Err(at(101)));
        assert_eq!(throttle.check(at(101)), Ok(()));
        throttle.take(200, at(101));
        assert_eq!(throttle.check(at(101)), Err(at(301)));
        // A long pause earns no more than a second's worth.
        throttle.take(1_000, at(60_000));
        assert_eq!(throttle.check(at(60_000)), Ok(()));
        throttle.take(1, at(60_000));
        assert!(throttle.check(at(60_000)).is_err());
    }
}
