//! How long is waited between tries.

use std::time::Duration;

/// Pauses that double, up to a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Before the second try.
    pub first: Duration,
    /// The longest.
    pub longest: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(60) }
    }
}

impl Backoff {
    /// The pause after so many tries that failed, at least one; `seed` takes up to a quarter
    /// off, so that what has failed together does not come again together.
    pub fn after(&self, tries: u32, seed: u64) -> Duration {
        let doubled = 2_u32.checked_pow(tries.saturating_sub(1));
        let pause = doubled.and_then(|factor| self.first.checked_mul(factor));
        let pause = pause.map_or(self.longest, |pause| pause.min(self.longest));
        // The upper half of a multiplication by the golden ratio's digits spreads numbers that
        // follow each other (Knuth, TAOCP 3, §6.4).
        let spread = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56;
        pause - pause / 4 * spread as u32 / 256
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_their_bound_whatever_is_asked() {
        let backoff =
            Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(1) };
        let exact: Vec<_> = (1..=5).map(|tries| backoff.after(tries, 0).as_millis()).collect();
        assert_eq!(exact, [100, 200, 400, 800, 1_000]);
        for tries in [0, 33, u32::MAX] {
            for seed in [0, 1, u64::MAX] {
                let pause = backoff.after(tries, seed);
                assert!(pause <= backoff.longest && pause >= backoff.first * 3 / 4, "{pause:?}");
            }
        }
        assert_ne!(backoff.after(1, 1), backoff.after(1, 2));
        let none = Backoff { first: Duration::ZERO, longest: Duration::ZERO };
        assert_eq!(none.after(u32::MAX, 7), Duration::ZERO);
    }
}
