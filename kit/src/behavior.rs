//! How unusual a visitor's session is, from three counts.
//!
//! Two things give a script away: it fails more often than a person does, and
//! it acts faster. Each is turned into a score in [0, 1] and the two are joined
//! as independent reasons, 1 − (1 − a)(1 − b):
//!
//! - **Failures.** f is the *lower* bound of the 95 % Wilson interval (Wilson,
//!   JASA 22, 1927) of the share of events that failed, so three failures in
//!   three events say less than thirty in thirty; a = f² / (f² + 0.25²).
//! - **Haste.** r is events per second; b = r² / (r² + 5²).
//!
//! A score of 0.5 is thus reached at a quarter of events surely failing, or at
//! five events per second; fewer than [`EVENTS_MIN`] events score 0.

use crate::robust;

/// Sessions with fewer events score 0: there is too little to judge.
pub const EVENTS_MIN: u32 = 10;

const FAILURES_AT_HALF: f64 = 0.25;
const EVENTS_PER_SECOND_AT_HALF: f64 = 5.0;

/// Anomaly score in [0, 1] of a session of `total_events` events, of which
/// `error_count` failed (more than there were events count as all), over
/// `duration_ms` milliseconds (0, negative or not finite: unknown, and then
/// haste is not judged). Never NaN.
pub fn session_score(total_events: u32, duration_ms: f64, error_count: u32) -> f64 {
    if total_events < EVENTS_MIN {
        return 0.0;
    }
    let events = f64::from(total_events);
    let failures = wilson_lower(f64::from(error_count.min(total_events)), events);
    let rate = if duration_ms.is_finite() && duration_ms > 0.0 {
        (events / duration_ms * 1000.0).min(1e9)
    } else {
        0.0
    };
    let calm = (1.0 - saturate(failures, FAILURES_AT_HALF))
        * (1.0 - saturate(rate, EVENTS_PER_SECOND_AT_HALF));
    (1.0 - calm).clamp(0.0, 1.0)
}

/// Lower bound of the 95 % Wilson score interval of `hits` in `trials`.
fn wilson_lower(hits: f64, trials: f64) -> f64 {
    let z = robust::normal_half_width(0.95);
    let share = hits / trials;
    let square = z * z / trials;
    let margin = libm::sqrt(square * (share * (1.0 - share) + square / 4.0));
    ((share + square / 2.0 - margin) / (1.0 + square)).max(0.0)
}

/// x² / (x² + half²): 0 at 0, 0.5 at `half`, towards 1 beyond.
fn saturate(x: f64, half: f64) -> f64 {
    x * x / (x * x + half * half)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sessions_of_known_kinds() {
        for (events, duration_ms, errors, low, high) in [
            (0, 0.0, 0, 0.0, 0.0),
            (9, 1.0, 9, 0.0, 0.0),
            // A person: forty clicks in five minutes, one failed.
            (40, 300_000.0, 1, 0.0, 0.01),
            // A person with a broken page.
            (40, 300_000.0, 10, 0.15, 0.5),
            // A scanner: nothing that it asks for exists.
            (200, 60_000.0, 190, 0.9, 1.0),
            // A scraper: a hundred pages in five seconds, all fine.
            (100, 5_000.0, 0, 0.9, 1.0),
            (100, f64::NAN, 0, 0.0, 0.0),
            (u32::MAX, 1e-300, u32::MAX, 0.99, 1.0),
        ] {
            let score = session_score(events, duration_ms, errors);
            assert!((low..=high).contains(&score), "{events} {duration_ms} {errors}: {score}");
        }
    }

    proptest! {
        #[test]
        fn bounded_and_grows_with_errors_and_haste(
            events in 10u32..100_000, ms in 1.0..1e7, errors in 0u32..1000, more in 0u32..1000,
        ) {
            let score = session_score(events, ms, errors);
            prop_assert!((0.0..=1.0).contains(&score));
            prop_assert!(session_score(events, ms, errors + more) + 1e-12 >= score);
            prop_assert!(session_score(events, ms / 2.0, errors) + 1e-12 >= score);
        }

        #[test]
        fn never_nan(events: u32, ms in proptest::num::f64::ANY, errors: u32) {
            prop_assert!((0.0..=1.0).contains(&session_score(events, ms, errors)));
        }
    }
}
