//! Two variations compared, as often as one likes.
//!
//! The interval is a confidence *sequence*: with the promised probability it holds the true
//! difference at all times at once, so that looking every day and stopping when something is
//! to be seen costs nothing. It is the mixture of sequential probability ratio tests (Robbins
//! 1970) with a normal mixture, as Johari, Koomen, Pekelis & Walsh use it ("Always Valid
//! Inference", Operations Research 70, 2022), with the variance estimated as in the
//! asymptotic confidence sequences of Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas
//! ("Time-uniform central limit theory and asymptotic confidence sequences", Annals of
//! Statistics 52, 2024, Theorem 2.2).
//!
//! For a difference *d* of means with variance *V*, *n* = *n₀n₁*/(*n₀*+*n₁*) and *r* = *nρ²*,
//! the likelihood ratio against no difference is Λ = (1+*r*)^−½ exp(*r*/(1+*r*) · *d*²/2*V*).
//! Without a difference it is ever larger than 1/α with probability α at most (Ville 1939).
//!
//! It is exact for normal observations of known variance, and in the limit for others. For
//! small counts ρ makes it wide, and below [`COUNT_MIN`] nothing is said.

use super::tally::Tally;

/// Fewer visitors in a variation say nothing.
pub const COUNT_MIN: u64 = 100;

/// What is asked of a comparison. It must be settled before the first look.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// How probable it may be that a difference is ever seen where there is none; above 0 and
    /// below 1.
    pub level: f64,
    /// At how many visitors of both variations together the interval is to be the narrowest
    /// that it can be. It is valid for any, and hardly wider for a third or three times as
    /// many.
    pub visitors_expected: u64,
}

impl Default for Plan {
    fn default() -> Self {
        Plan { level: 0.05, visitors_expected: 20_000 }
    }
}

impl Plan {
    fn level(&self) -> f64 {
        // NaN, too, becomes the strictest level that there is.
        if self.level > 1e-12 { self.level.min(0.999_999) } else { 1e-12 }
    }

    /// ρ², which makes the interval narrowest where it is wanted (Waudby-Smith et al., section
    /// B.1 of the supplement, by the approximation of Lambert's function).
    fn rho_squared(&self) -> f64 {
        let twice = -2.0 * libm::log(self.level());
        // Two variations of the same size: n₀n₁/(n₀+n₁) is a quarter of n₀+n₁.
        let effective = self.visitors_expected.max(4) as f64 / 4.0;
        (twice + libm::log(twice + 1.0)) / effective
    }
}

/// A difference, from a lower to an upper bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The least difference that is plausible.
    pub lower: f64,
    /// The largest one.
    pub upper: f64,
}

/// How a variation does beside the control.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// The mean of the variation less that of the control, in the unit of observations.
    pub difference: f64,
    /// Holds the true difference, at all times at once, with a probability of 1 less the
    /// level. None as long as too little is known.
    pub interval: Option<Interval>,
    /// How probable it is to see this much, ever, without a difference: at most this.
    pub p: f64,
    /// The level that the interval has.
    pub level: f64,
}

impl Comparison {
    /// Whether there is a difference, as far as the level says.
    pub fn is_decided(&self) -> bool {
        self.interval.is_some_and(|interval| interval.lower > 0.0 || interval.upper < 0.0)
    }
}

/// Compares a variation with the control. It never panics and no figure is NaN.
pub fn compare(control: &Tally, variation: &Tally, plan: &Plan) -> Comparison {
    let difference = variation.mean() - control.mean();
    let level = plan.level();
    let unknown = Comparison { difference: finite(difference), interval: None, p: 1.0, level };
    let counts = [control.count(), variation.count()];
    let (Some(one), Some(other)) = (control.variance(), variation.variance()) else {
        return unknown;
    };
    let [n0, n1] = counts.map(|count| count as f64);
    let variance = one / n0 + other / n1;
    // Without any spread nothing is known about how sure the means are.
    let is_known = counts.iter().all(|count| *count >= COUNT_MIN);
    if !is_known || !variance.is_normal() || !difference.is_finite() {
        return unknown;
    }
    let r = n0 * (n1 / (n0 + n1)) * plan.rho_squared();
    let evidence = difference / libm::sqrt(variance);
    let log_ratio = (r / (1.0 + r)) * evidence * evidence / 2.0 - libm::log1p(r) / 2.0;
    let threshold = libm::log1p(r) / 2.0 - libm::log(level);
    let width = libm::sqrt(2.0 * variance * (1.0 + r) / r * threshold);
    let interval = Interval { lower: difference - width, upper: difference + width };
    Comparison {
        interval: width.is_finite().then_some(interval),
        p: libm::exp(-log_ratio).min(1.0),
        ..unknown
    }
}

fn finite(number: f64) -> f64 {
    if number.is_finite() { number } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn too_little_says_nothing() {
        let plan = Plan::default();
        let few = Tally::of_conversions(COUNT_MIN - 1, 50);
        let many = Tally::of_conversions(10_000, 100);
        let same = Tally::of_conversions(10_000, 0);
        for (control, variation) in
            [(few, many), (many, few), (Tally::default(), many), (same, same)]
        {
            let comparison = compare(&control, &variation, &plan);
            assert_eq!((comparison.interval, comparison.p), (None, 1.0));
            assert!(!comparison.is_decided());
        }
    }

    #[test]
    fn by_hand() {
        // Level 0.05, 4 · 2,500 visitors expected and there: r = 5.9915 + ln 6.9915.
        let plan = Plan { level: 0.05, visitors_expected: 10_000 };
        let control = Tally::of_conversions(5_000, 500);
        let variation = Tally::of_conversions(5_000, 600);
        let comparison = compare(&control, &variation, &plan);
        let r: f64 = 7.936_2;
        let variance = (0.1 * 0.9 + 0.12 * 0.88) / 4_999.0;
        let ratio =
            (1.0 + r).powf(-0.5) * ((r / (1.0 + r)) * 0.02_f64.powi(2) / 2.0 / variance).exp();
        assert!((comparison.p * ratio - 1.0).abs() < 1e-3, "{} {ratio}", comparison.p);
        let width = (2.0 * variance * (1.0 + r) / r * ((1.0 + r).sqrt() / 0.05).ln()).sqrt();
        let interval = comparison.interval.expect("enough is known");
        assert!((interval.upper - 0.02 - width).abs() < 1e-6, "{interval:?} {width}");
    }

    proptest! {
        #[test]
        fn interval_and_p_agree(
            n0 in 100..100_000_u64, n1 in 100..100_000_u64, c0 in 0.0..1.0, c1 in 0.0..1.0,
            level in 0.001..0.5, visitors_expected: u32,
        ) {
            let plan = Plan { level, visitors_expected: visitors_expected.into() };
            let tally = |n: u64, share: f64| Tally::of_conversions(n, (n as f64 * share) as u64);
            let comparison = compare(&tally(n0, c0), &tally(n1, c1), &plan);
            if (comparison.p - level).abs() > 1e-9 {
                prop_assert_eq!(comparison.is_decided(), comparison.p < level);
            }
            let other = compare(&tally(n1, c1), &tally(n0, c0), &plan);
            prop_assert_eq!(other.difference, -comparison.difference);
            prop_assert!((other.p - comparison.p).abs() < 1e-9);
        }

        #[test]
        fn no_figure_is_nan(a: (u64, f64, f64), b: (u64, f64, f64), level: f64, visitors_expected: u64) {
            let tally = |(count, sum, squares)| Tally::of_sums(count, sum, squares).unwrap_or_default();
            let comparison = compare(&tally(a), &tally(b), &Plan { level, visitors_expected });
            prop_assert!((0.0..=1.0).contains(&comparison.p));
            prop_assert!(comparison.difference.is_finite());
            if let Some(interval) = comparison.interval {
                prop_assert!(interval.lower <= interval.upper);
            }
        }
    }
}
