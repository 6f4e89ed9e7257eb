//! When to ask for a certificate: pure functions of times.

use std::time::{Duration, SystemTime};

/// Wait after the first failure; three times as long after each further one.
/// That is five attempts in the first hour and a half, which Let's Encrypt's
/// limit of five failed validations an hour bears.
const BACKOFF_FIRST: Duration = Duration::from_secs(60);
/// The longest wait of our own.
const BACKOFF_MAX: Duration = Duration::from_secs(6 * 3_600);
/// The longest wait that an authority can impose: its rate limits are counted
/// over a week.
pub(super) const WAIT_MAX: Duration = Duration::from_secs(7 * 86_400);
/// Between two certificates, however short they live: an authority that issues
/// expired ones must not be asked without a pause.
pub(super) const PAUSE: Duration = Duration::from_secs(10);

/// When a certificate is to be renewed: `before` its end, or when two thirds of
/// its lifetime are over; earlier by up to a twentieth of its lifetime, by
/// `chance` in `0.0..1.0`, so that nodes that were started together do not ask
/// together.
pub(super) fn renew_at(
    not_before: SystemTime,
    not_after: SystemTime,
    before: Option<Duration>,
    chance: f64,
) -> SystemTime {
    let lifetime = not_after.duration_since(not_before).unwrap_or_default();
    // Whoever wants to renew earlier than after a tenth would renew all the time.
    let before = before.unwrap_or(lifetime / 3).min(lifetime.mul_f64(0.9));
    let jitter = (lifetime / 20).mul_f64(chance.clamp(0.0, 1.0));
    not_after - before - jitter.min(lifetime - before)
}

/// How long to wait after this many failures in a row, at least one; more or
/// less by a fifth.
pub(super) fn backoff(failures: u32, chance: f64) -> Duration {
    let factor = 3u32.saturating_pow(failures.saturating_sub(1).min(16));
    let wait = BACKOFF_FIRST.saturating_mul(factor).min(BACKOFF_MAX);
    wait.mul_f64(0.8 + 0.4 * chance.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn odd_lifetimes_give_a_time() {
        assert_eq!(renew_at(at(100), at(50), None, 0.5), at(50));
        assert_eq!(renew_at(at(100), at(100), None, 0.5), at(100));
        assert_eq!(renew_at(at(0), at(100), Some(Duration::from_secs(1_000)), 0.0), at(10));
        assert!(renew_at(at(0), at(u64::MAX >> 4), None, 7.0) > at(0));
    }

    #[test]
    fn a_third_of_the_lifetime_is_left() {
        assert_eq!(renew_at(at(0), at(90), None, 0.0), at(60));
        let early = renew_at(at(0), at(9_000), None, 1.0);
        assert_eq!(early, at(6_000 - 450));
        assert_eq!(renew_at(at(0), at(90), Some(Duration::from_secs(10)), 0.0), at(80));
    }

    #[test]
    fn waits_grow_and_are_bounded() {
        assert_eq!(backoff(1, 0.5), BACKOFF_FIRST);
        assert_eq!(backoff(3, 0.5), BACKOFF_FIRST * 9);
        assert!(backoff(u32::MAX, 1.0) <= BACKOFF_MAX.mul_f64(1.21));
        assert!(backoff(0, 0.0) >= BACKOFF_FIRST / 2);
    }
}
