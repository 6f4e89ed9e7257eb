//! How far from a forecast the values may be.
//!
//! A model was asked at several places of the past what would come, and erred. Its errors,
//! each divided by what is usual so many steps ahead, are one sample for all steps; the width
//! of an interval is a quantile of them (conformal prediction: Vovk, Gammerman & Shafer,
//! *Algorithmic Learning in a Random World*, 2005). What is usual grows with a power of the
//! steps: 0 for values around a level, ½ for a random walk, 1 for a trend that breaks. It so
//! never narrows, and reaches further than the past did.
//!
//! Errors that were made at the same place are much alike. So the sample is worth less than
//! its number says, and while places are few, Student's t stands in for what it cannot show.

use crate::robust;
use alloc::vec::Vec;

/// How many errors are kept.
pub(super) const SCORES_MAX: usize = 256;
/// The power that is believed before anything is known (trends break more often than a
/// random walk's ½ would say), and how many errors that is worth.
const GROWTH: f64 = 0.7;
const GROWTH_WEIGHT: f64 = 12.0;
/// How many places were spent on the scale, the power, and the choice of models.
const LEARNED: f64 = 3.0;

/// An error at `step` (1 is the first) of a forecast that was made at one place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Miss {
    /// Which place.
    pub(super) origin: usize,
    pub(super) step: usize,
    /// How far off, without sign.
    pub(super) size: f64,
}

/// The widths of all intervals.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Spread {
    /// Errors as if all were one step ahead, ascending.
    pub(super) scores: Vec<f64>,
    /// The power.
    pub(super) growth: f64,
    /// How many independent errors these are worth.
    pub(super) worth: f64,
}

impl Spread {
    /// From errors. `None` without any.
    pub(super) fn new(misses: &[Miss]) -> Option<Spread> {
        let steps_max = misses.iter().map(|miss| miss.step).max()?;
        let mut places: Vec<usize> = misses.iter().map(|miss| miss.origin).collect();
        places.sort_unstable();
        places.dedup();
        let growth = growth(misses, steps_max);
        let score = |miss: &Miss| miss.size / libm::pow(miss.step as f64, growth);
        let mut scores: Vec<f64> = misses.iter().map(score).collect();
        scores.sort_unstable_by(f64::total_cmp);
        thin(&mut scores);
        let worth = (places.len() as f64 - LEARNED).max(1.0);
        Some(Spread { scores, growth, worth })
    }

    /// From the steps between `values`, when a model could not be tried: as if they were a
    /// random walk. `None` from less than three.
    pub(super) fn of_steps(values: &[f64]) -> Option<Spread> {
        if values.len() < 3 {
            return None;
        }
        let step = |pair: &[f64]| (pair[1] - pair[0]).abs();
        let mut scores: Vec<f64> = values.windows(2).map(step).collect();
        scores.sort_unstable_by(f64::total_cmp);
        thin(&mut scores);
        let worth = scores.len() as f64;
        Some(Spread { scores, growth: GROWTH, worth })
    }

    /// Half the width of the interval at `step` that holds `share` of the values; never
    /// smaller for a larger step or share.
    pub(super) fn half_width(&self, step: usize, share: f64) -> f64 {
        self.quantile(share) * libm::pow(step.max(1) as f64, self.growth)
    }

    fn quantile(&self, share: f64) -> f64 {
        let count = self.scores.len() as f64;
        // By the largest, whose square alone may be too large for a number.
        let largest = self.scores.last().copied().unwrap_or(0.0).max(f64::MIN_POSITIVE);
        let share_of = |score: &f64| score / largest;
        let squares: f64 = self.scores.iter().map(share_of).map(|part| part * part).sum();
        let sigma = largest * libm::sqrt(squares / count.max(1.0));
        let t = sigma * robust::student_t(robust::normal_half_width(share), self.worth.max(1.0));
        // The rank counts places, not errors: one in twenty cannot be seen in ten.
        let rank = (self.worth + 1.0) * share / self.worth;
        let index = libm::ceil(rank * count) as usize;
        match self.scores.get(index.saturating_sub(1)) {
            Some(score) if rank <= 1.0 => score.max(t.min(2.0 * score)).max(0.0),
            _ => t.max(self.scores.last().copied().unwrap_or(0.0)),
        }
    }
}

/// Every so many of ascending scores, if there are too many; the largest in any case.
fn thin(scores: &mut Vec<f64>) {
    if scores.len() > SCORES_MAX {
        let last = scores.len() - 1;
        for index in 0..SCORES_MAX {
            scores[index] = scores[index * last / (SCORES_MAX - 1)];
        }
        scores.truncate(SCORES_MAX);
    }
}

/// The power of the steps that the errors grow with, by a line through the logarithms of
/// their root mean squares.
fn growth(misses: &[Miss], steps_max: usize) -> f64 {
    let mut squares = alloc::vec![(0.0, 0.0_f64); steps_max + 1];
    for miss in misses {
        let (sum, count) = &mut squares[miss.step];
        *sum += miss.size * miss.size;
        *count += 1.0;
    }
    let known = || {
        let points = squares.iter().enumerate().skip(1);
        points.filter(|(_, (sum, _))| *sum > f64::MIN_POSITIVE).map(|(step, (sum, count))| {
            (libm::log(step as f64), 0.5 * libm::log(sum / count), *count)
        })
    };
    let weight: f64 = known().map(|(.., count)| count).sum();
    if weight <= 0.0 {
        return GROWTH;
    }
    let x_mean = known().map(|(x, _, count)| x * count).sum::<f64>() / weight;
    let y_mean = known().map(|(_, y, count)| y * count).sum::<f64>() / weight;
    let both: f64 = known().map(|(x, y, count)| count * (x - x_mean) * (y - y_mean)).sum();
    let wide: f64 = known().map(|(x, _, count)| count * (x - x_mean) * (x - x_mean)).sum();
    ((both + GROWTH_WEIGHT * GROWTH) / (wide + GROWTH_WEIGHT)).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::online::noise::Noise;

    fn misses(places: usize, power: f64) -> Vec<Miss> {
        let mut noise = Noise::new(11);
        let mut misses = Vec::new();
        for origin in 0..places {
            for step in 1..=12 {
                let size = (noise.normal() * libm::pow(step as f64, power)).abs();
                misses.push(Miss { origin, step, size });
            }
        }
        misses
    }

    #[test]
    fn nothing_tells_no_width() {
        assert_eq!(Spread::new(&[]), None);
        assert_eq!(Spread::of_steps(&[1.0, 2.0]), None);
        let zero = Spread::new(&[Miss { origin: 0, step: 1, size: 0.0 }]).expect("a spread");
        assert_eq!(zero.half_width(5, 0.95), 0.0);
    }

    #[test]
    fn the_largest_steps_are_not_forgotten() {
        let mut values = alloc::vec![0.0; 1_000];
        values[500] = 9.0;
        let spread = Spread::of_steps(&values).expect("a spread");
        assert_eq!((spread.scores.len(), spread.scores.last()), (SCORES_MAX, Some(&9.0)));
    }

    #[test]
    fn the_power_is_found() {
        for power in [0.0, 0.5, 1.0] {
            let spread = Spread::new(&misses(60, power)).expect("a spread");
            assert!((spread.growth - power).abs() < 0.12, "{power}: {}", spread.growth);
            assert!(spread.scores.len() <= SCORES_MAX);
        }
    }

    #[test]
    fn many_errors_give_their_quantile_and_few_more() {
        let many = Spread::new(&misses(400, 0.5)).expect("a spread").half_width(1, 0.95);
        assert!((1.75..2.25).contains(&many), "{many}");
        let few = Spread::new(&misses(3, 0.5)).expect("a spread").half_width(1, 0.95);
        assert!(few > many, "{few} {many}");
    }

    #[test]
    fn widths_never_narrow() {
        let spread = Spread::new(&misses(9, 0.3)).expect("a spread");
        for step in 1..40 {
            assert!(spread.half_width(step + 1, 0.8) >= spread.half_width(step, 0.8));
            assert!(spread.half_width(step, 0.95) >= spread.half_width(step, 0.8));
        }
        let mut before = 0.0;
        for percent in 1..100 {
            let width = spread.half_width(1, f64::from(percent) / 100.0);
            assert!(width >= before, "{percent}");
            before = width;
        }
    }
}
