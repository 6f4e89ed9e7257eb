//! Evidence that something has changed, with a false-alarm rate that is proven and not tuned.
//!
//! Each observation is turned into a *factor*: a number that is 1 or less on average as long as
//! all is well, whatever the past was (an e-value). The evidence is the Shiryaev–Roberts sum of
//! them, R ← (R + 1)·factor. While all is well, R is at most the number of observations on
//! average, so the average number of observations until R reaches a threshold A is at least A
//! (Shin, Ramdas & Rinaldo, *E-detectors: a nonparametric framework for sequential change
//! detection*, arXiv:2203.03532, 2022). After an alarm it begins at 0 again. So there is at most
//! one false alarm in A observations in the long run, and rates of several series add up, however
//! they depend on each other; nothing needs to be corrected for looking at many of them.
//!
//! A factor says how much is *bet* on a change. A small bet finds a small change late and a large
//! one finds a large change at once, so several are placed and their sums averaged, which leaves
//! the guarantee as it is.

use crate::state::{Reader, StateError, Writer};

/// How many bets are placed beside each other.
pub const BETS: usize = 3;
/// Factors, one for each bet.
pub type Factors = [f64; BETS];

/// Shares of all that can be bet on a share of hits.
const STAKES: [f64; BETS] = [0.1, 0.4, 0.9];
/// Bets on a count that rises, as shares of the largest for which the mean exists.
const RISES: [f64; BETS] = [0.15, 0.4, 0.7];
/// Bets on a count that falls.
const FALLS: [f64; BETS] = [0.5, 2.0, 8.0];

/// Sums are held to this.
const SUM_MAX: f64 = 1e100;

/// Hits among trials that are expected to be at most the share `limit` of them. Nothing else is
/// assumed: a minute's trials may all hit or fail together (betting on a bounded mean: Waudby-Smith
/// & Ramdas, JRSS B 86, 2024). No trials say nothing. `limit` lies in (0, 1).
pub fn share(hits: u64, trials: u64, limit: f64) -> Factors {
    if trials == 0 {
        return [1.0; BETS];
    }
    let excess = hits.min(trials) as f64 / trials as f64 / limit - 1.0;
    STAKES.map(|stake| 1.0 + stake * excess)
}

/// A count whose mean is expected to be at most `mean_max`: negative binomial with a shape of at
/// least `shape`, which is a Poisson count whose rate itself wobbles by up to 1/√`shape`. The
/// factor is zⁿ divided by its mean under the worst of these.
pub fn rise(count: u64, mean_max: f64, shape: f64) -> Factors {
    RISES.map(|bet| {
        let grow = libm::log1p(bet * shape / mean_max);
        bounded(shape * libm::log1p(-bet) + count as f64 * grow)
    })
}

/// The same for a count whose mean is expected to be at least `mean_min`.
pub fn fall(count: u64, mean_min: f64, shape: f64) -> Factors {
    FALLS.map(|bet| {
        let less = (bet * shape / mean_min).min(1.0);
        let shrink = if count == 0 { 0.0 } else { count as f64 * libm::log1p(-less) };
        bounded(shape * libm::log1p(less * mean_min / shape) + shrink)
    })
}

fn bounded(logarithm: f64) -> f64 {
    // Neither infinite nor NaN, even if the logarithm is −∞.
    libm::exp(logarithm.clamp(-200.0, 200.0))
}

/// What has come together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Evidence {
    sums: [f64; BETS],
}

impl Evidence {
    /// Takes the factors of one more observation.
    pub fn add(&mut self, factors: Factors) {
        for (sum, factor) in self.sums.iter_mut().zip(factors) {
            *sum = ((*sum + 1.0) * factor).clamp(0.0, SUM_MAX);
        }
    }

    /// R.
    pub fn sum(&self) -> f64 {
        self.sums.iter().sum::<f64>() / BETS as f64
    }

    pub(super) fn write(&self, out: &mut Writer) {
        self.sums.iter().for_each(|sum| out.f64(*sum));
    }

    pub(super) fn read(input: &mut Reader) -> Result<Self, StateError> {
        let mut evidence = Evidence::default();
        for sum in &mut evidence.sums {
            *sum = input.f64_within(0.0, SUM_MAX)?;
        }
        Ok(evidence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Probabilities of a negative binomial, from zero on, until nothing is left.
    fn negative_binomial(mean: f64, shape: f64) -> impl Iterator<Item = f64> {
        let success = mean / (mean + shape);
        let mut next = libm::pow(1.0 - success, shape);
        (0..20_000).map(move |count| {
            let now = next;
            next *= success * (shape + f64::from(count)) / f64::from(count + 1);
            now
        })
    }

    /// Of every distribution that counts as well, the mean of every factor is at most one; and of
    /// the worst one it is one, so nothing is given away.
    #[test]
    fn factors_are_one_on_average_at_worst() {
        let mean_of = |mean, shape, factors: &dyn Fn(u64) -> Factors| {
            let mut means = [0.0; BETS];
            for (count, probability) in negative_binomial(mean, shape).enumerate() {
                for (sum, factor) in means.iter_mut().zip(factors(count as u64)) {
                    *sum += probability * factor;
                }
            }
            means
        };
        for limit in [0.5, 7.0, 60.0] {
            for (mean, shape, worst) in
                [(1.0, 4.0, true), (0.9, 4.0, false), (1.0, 20.0, false), (0.1, 4.0, false)]
            {
                let rises = mean_of(limit * mean, shape, &|count| rise(count, limit, 4.0));
                assert!(rises.iter().all(|mean| *mean < 1.0 + 1e-6), "{rises:?}");
                assert!(!worst || rises.iter().all(|mean| *mean > 0.99), "{rises:?}");
                let falls = mean_of(limit / mean, shape, &|count| fall(count, limit, 4.0));
                assert!(falls.iter().all(|mean| *mean < 1.0 + 1e-6), "{falls:?}");
                assert!(!worst || falls.iter().all(|mean| *mean > 0.99), "{falls:?}");
            }
        }
    }

    #[test]
    fn a_share_that_is_as_expected_says_nothing() {
        // One in ten, told one by one, and all at once in every tenth minute.
        for (hits, trials) in [(1, 10), (5, 50)] {
            assert_eq!(share(hits, trials, 0.1), [1.0; BETS]);
        }
        let together = share(10, 10, 0.1).map(|factor| factor / 10.0);
        let apart = share(0, 10, 0.1).map(|factor| factor * 0.9);
        for (hit, miss) in together.iter().zip(apart) {
            assert!((hit + miss - 1.0).abs() < 1e-12);
        }
        assert_eq!(share(0, 0, 0.1), [1.0; BETS]);
    }

    #[test]
    fn extremes_stay_numbers() {
        let mut evidence = Evidence::default();
        for factors in [
            share(u64::MAX, 1, 1e-9),
            rise(u64::MAX, 1e-9, 4.0),
            fall(0, 1e300, 4.0),
            fall(u64::MAX, 1e300, 4.0),
            rise(0, 1e300, 4.0),
            fall(u64::MAX, 1e-300, 4.0),
        ] {
            assert!(factors.iter().all(|factor| (0.0..1e99).contains(factor)), "{factors:?}");
            evidence.add(factors);
            assert!(evidence.sum().is_finite());
        }
    }
}
