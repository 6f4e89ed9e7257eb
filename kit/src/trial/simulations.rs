//! Experiments of which the truth is known, a thousand of each kind.

use super::*;
use crate::online::noise::Noise;

const TRIALS: usize = 1_000;
const DAYS: usize = 30;

/// What a visitor does.
type Behavior = fn(&mut Noise, f64) -> f64;

/// Buys with a probability of a twentieth, and some more.
fn buys(noise: &mut Noise, more: f64) -> f64 {
    f64::from(u8::from(noise.uniform() < 0.05 + more))
}

/// Does something rare.
fn signs_up(noise: &mut Noise, more: f64) -> f64 {
    f64::from(u8::from(noise.uniform() < 0.005 + more))
}

/// Spends a sum, most often a small one (lognormal; its mean is 1).
fn spends(noise: &mut Noise, more: f64) -> f64 {
    libm::exp(noise.normal() - 0.5) + more
}

/// Looks at an experiment at the end of each day. Gives how often a difference was seen, and
/// how often an interval missed the truth, on any day.
fn simulate(behave: Behavior, more: f64, visitors_a_day: usize, seed: u64) -> (usize, usize) {
    let plan = Plan::default();
    let mut noise = Noise::new(seed);
    let (mut seen, mut missed) = (0, 0);
    for _ in 0..TRIALS {
        let [mut control, mut variation] = [Tally::default(); 2];
        let (mut is_seen, mut is_missed) = (false, false);
        for _ in 0..DAYS {
            for _ in 0..visitors_a_day {
                control.observe(behave(&mut noise, 0.0));
                variation.observe(behave(&mut noise, more));
            }
            let comparison = compare(&control, &variation, &plan);
            is_seen |= comparison.is_decided();
            is_missed |= comparison
                .interval
                .is_some_and(|interval| more < interval.lower || more > interval.upper);
        }
        seen += usize::from(is_seen);
        missed += usize::from(is_missed);
    }
    (seen, missed)
}

#[test]
fn a_test_of_the_same_against_the_same_is_hardly_ever_decided() {
    for (behave, visitors_a_day, seed) in [
        (buys as Behavior, 20, 1),
        (buys, 200, 2),
        (signs_up, 200, 3),
        (spends, 20, 4),
        (spends, 200, 5),
    ] {
        let (seen, _) = simulate(behave, 0.0, visitors_a_day, seed);
        assert!(seen < TRIALS / 20, "{seed}: {seen} of {TRIALS}");
    }
}

#[test]
fn the_truth_is_in_every_interval() {
    for (behave, more, seed) in
        [(buys as Behavior, 0.02, 6), (signs_up, 0.005, 7), (spends, 0.1, 8)]
    {
        let (_, missed) = simulate(behave, more, 200, seed);
        assert!(missed <= TRIALS / 20, "{seed}: {missed} of {TRIALS}");
    }
}

#[test]
fn what_is_better_is_found() {
    // With 6,000 visitors on either side, standard errors of the differences are 0.0042 and
    // 0.024: the differences are nearly five of them.
    for (behave, more, seed) in [(buys as Behavior, 0.02, 9), (spends, 0.115, 10)] {
        let (seen, _) = simulate(behave, more, 200, seed);
        assert!(seen > TRIALS * 9 / 10, "{seed}: {seen} of {TRIALS}");
    }
}

#[test]
fn looking_every_day_with_a_fixed_test_would_not_do() {
    // That the simulation can tell: the usual interval of 1.96 standard errors.
    let mut noise = Noise::new(11);
    let mut seen = 0;
    for _ in 0..TRIALS {
        let [mut control, mut variation] = [Tally::default(); 2];
        let mut is_seen = false;
        for _ in 0..DAYS {
            for _ in 0..100 {
                control.observe(spends(&mut noise, 0.0));
                variation.observe(spends(&mut noise, 0.0));
            }
            let [one, other] = [control, variation]
                .map(|tally| tally.variance().expect("two") / tally.count() as f64);
            let difference = variation.mean() - control.mean();
            is_seen |= difference.abs() > 1.96 * libm::sqrt(one + other);
        }
        seen += usize::from(is_seen);
    }
    assert!(seen > TRIALS / 5, "{seen} of {TRIALS}");
}

/// Looks at the sizes of two variations after every twentieth visitor. Gives how often they were found
/// odd at a level, of a thousand times.
fn mismatches(share: f64, visitors: usize, level: f64, seed: u64) -> usize {
    let mut noise = Noise::new(seed);
    let mut found = 0;
    for _ in 0..TRIALS {
        let mut counts = [0; 2];
        let is_found = (0..visitors).any(|n| {
            counts[usize::from(noise.uniform() >= share)] += 1;
            n % 20 == 0 && ratio_p(&counts, &[0.5, 0.5]).is_some_and(|p| p < level)
        });
        found += usize::from(is_found);
    }
    found
}

#[test]
fn sizes_as_they_should_be_are_hardly_ever_found_odd() {
    let found = mismatches(0.5, 10_000, 0.05, 12);
    assert!(found < TRIALS / 20, "{found} of {TRIALS}");
    assert!(mismatches(0.5, 10_000, RATIO_LEVEL, 13) <= 4);
}

#[test]
fn fifty_two_to_forty_eight_is_found() {
    let found = mismatches(0.52, 20_000, RATIO_LEVEL, 14);
    assert!(found > TRIALS * 9 / 10, "{found} of {TRIALS}");
}

#[test]
fn all_comparisons_together_keep_the_level() {
    let mut noise = Noise::new(15);
    let mut seen = 0;
    for _ in 0..TRIALS {
        let mut variations = [Tally::default(); 5];
        let mut is_seen = false;
        for _ in 0..DAYS {
            for variation in &mut variations {
                (0..40).for_each(|_| variation.observe(buys(&mut noise, 0.0)));
            }
            let assessment = assess(&variations, &[1.0; 5], &Plan::default());
            is_seen |= assessment.comparisons.iter().any(Comparison::is_decided);
            assert!(!assessment.is_ratio_wrong());
        }
        seen += usize::from(is_seen);
    }
    assert!(seen < TRIALS / 20, "{seen} of {TRIALS}");
}

#[test]
fn without_variations_there_is_nothing_to_say() {
    let plan = Plan::default();
    let nothing = Assessment { comparisons: Vec::new(), ratio_p: None };
    assert_eq!(assess(&[], &[], &plan), nothing);
    let one = assess(&[Tally::of_conversions(500, 5)], &[1.0], &plan);
    assert_eq!((one.comparisons.len(), one.ratio_p), (0, Some(1.0)));
    let lost = assess(
        &[Tally::of_conversions(9_000, 9), Tally::of_conversions(8_000, 8)],
        &[1.0, 1.0],
        &plan,
    );
    assert!(lost.is_ratio_wrong());
}
