//! Whether variations have the sizes that they should have ("sample ratio mismatch").
//!
//! If they do not, something between the assignment and the count loses visitors of one
//! variation, and those who are left are not like those who were lost. The test is that of
//! Lindon & Malek ("Anytime-valid inference for multinomial count data", NeurIPS 2022): a
//! Bayes factor of the multinomial distribution with Dirichlet-distributed shares against the
//! multinomial distribution with the shares that are meant. It is a martingale if these are
//! true, so that it ever exceeds 1/α with probability α at most, for any number of visitors
//! and looks; nothing about it is approximate.

use alloc::vec::Vec;

/// How near to the intended shares others are expected to be: as near as shares estimated
/// from this many visitors. Shares that are one or two hundredths off are found soonest.
const CONCENTRATION: f64 = 1_000.0;

/// How probable it is, if these are the true shares, that sizes are ever at least as odd as
/// these: at most this. `shares` are in any unit, one for each count. None if they make no
/// sense or nobody was counted.
pub fn ratio_p(counts: &[u64], shares: &[f64]) -> Option<f64> {
    let whole: f64 = shares.iter().sum();
    let is_sensible = shares.iter().all(|share| *share >= 0.0) && whole.is_normal();
    let total: f64 = counts.iter().map(|count| *count as f64).sum();
    if counts.len() != shares.len() || !is_sensible || total == 0.0 {
        return None;
    }
    let pairs: Vec<(f64, f64)> =
        counts.iter().zip(shares).map(|(count, share)| (*count as f64, share / whole)).collect();
    if pairs.iter().any(|(count, share)| *share == 0.0 && *count > 0.0) {
        return Some(0.0);
    }
    let mut log_factor = libm::lgamma(CONCENTRATION) - libm::lgamma(CONCENTRATION + total);
    for (count, share) in pairs.into_iter().filter(|(_, share)| *share > 0.0) {
        let prior = CONCENTRATION * share;
        log_factor += libm::lgamma(prior + count) - libm::lgamma(prior) - count * libm::log(share);
    }
    Some(libm::exp(-log_factor).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_makes_no_sense_has_no_answer() {
        for (counts, shares) in [
            (&[][..], &[][..]),
            (&[0, 0], &[1.0, 1.0]),
            (&[1], &[0.5, 0.5]),
            (&[1, 1], &[0.0, 0.0]),
            (&[1, 1], &[-1.0, 2.0]),
            (&[1, 1], &[f64::NAN, 1.0]),
            (&[1, 1], &[f64::INFINITY, 1.0]),
        ] {
            assert_eq!(ratio_p(counts, shares), None, "{counts:?} {shares:?}");
        }
    }

    #[test]
    fn nobody_can_be_where_nobody_should_be() {
        assert_eq!(ratio_p(&[100, 1], &[1.0, 0.0]), Some(0.0));
        assert_eq!(ratio_p(&[100, 0], &[1.0, 0.0]), Some(1.0));
    }

    #[test]
    fn large_numbers_that_fit_are_nothing_odd() {
        for n in [1, 1_000, 1_000_000, 1_000_000_000, 1_000_000_000_000] {
            let p = ratio_p(&[n, 2 * n, n], &[25.0, 50.0, 25.0]).expect("sensible");
            assert!(p > 0.9, "{n} {p}");
            let p = ratio_p(&[n, 2 * n, n], &[1.0, 1.0, 1.0]).expect("sensible");
            assert!(n < 1_000 || p < 1e-9, "{n} {p}");
        }
    }

    proptest! {
        /// What makes it a martingale: whatever was seen, the next visitor is expected to
        /// leave the factor, which is 1/p where that is below 1, as it is.
        #[test]
        fn the_factor_is_a_martingale(a in 300..500_u64, b in 600..900_u64, share in 0.4..0.7) {
            let factor = |a: u64, b: u64| ratio_p(&[a, b], &[share, 1.0 - share]).map(|p| 1.0 / p);
            let now = factor(a, b).expect("sensible");
            let (one, other) = (factor(a + 1, b), factor(a, b + 1));
            let next = share * one.expect("sensible") + (1.0 - share) * other.expect("sensible");
            if now > 1.5 {
                prop_assert!((next / now - 1.0).abs() < 1e-6, "{now} {next}");
            }
        }
    }
}
