//! A series as level, cycles and the rest: the classical decomposition for one period, and
//! MSTL for several (Bandara, Hyndman & Bergmeir, *MSTL: A Seasonal-Trend Decomposition
//! Algorithm for Time Series with Multiple Seasonal Patterns*, 2021), made of STL (Cleveland
//! et al., *STL: A Seasonal-Trend Decomposition Procedure Based on Loess*, Journal of Official
//! Statistics 6, 1990).

use super::loess;
use alloc::vec;
use alloc::vec::Vec;

/// Passes over all periods, and inner passes of each STL, as in the R function `mstl`.
const OUTER_PASSES: usize = 2;
const INNER_PASSES: usize = 2;

/// The centered moving average over `period` values: at both ends, where it does not reach,
/// there are `period / 2` values less. Empty if there are too few values.
pub(super) fn centered_average(values: &[f64], period: usize) -> Vec<f64> {
    let averages = moving_average(values, period);
    // Over an even number, the average lies between two places.
    if period.is_multiple_of(2) { moving_average(&averages, 2) } else { averages }
}

fn moving_average(values: &[f64], width: usize) -> Vec<f64> {
    let Some(first) = values.get(..width).filter(|_| width > 0) else { return Vec::new() };
    let mut sum: f64 = first.iter().sum();
    let mut averages = vec![sum / width as f64];
    for (index, (left, joined)) in values.iter().zip(&values[width..]).enumerate() {
        sum += joined - left;
        // A running sum drifts by rounding; now and then it is made anew.
        if index % 512 == 511 {
            sum = values[index + 1..=index + width].iter().sum();
        }
        averages.push(sum / width as f64);
    }
    averages
}

/// How a cycle joins the level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Joint {
    /// It is added.
    Sum,
    /// It is multiplied: of positive series whose swings grow with the level.
    Product,
}

/// The classical decomposition: what each place of the cycle adds to the level (mean 0), or
/// multiplies it by (mean 1), beginning with the place of the first value. `None` with
/// less than two cycles, and where a factor would not be clearly positive.
pub(super) fn classical(values: &[f64], period: usize, joint: Joint) -> Option<Vec<f64>> {
    if period < 2 || values.len() < period.checked_mul(2)? {
        return None;
    }
    let levels = centered_average(values, period);
    let mut sums = vec![0.0; period];
    let mut counts = vec![0.0_f64; period];
    for (index, level) in levels.iter().enumerate() {
        let place = index + period / 2;
        let share = match joint {
            Joint::Sum => values[place] - level,
            Joint::Product if *level > 0.0 => values[place] / level,
            Joint::Product => return None,
        };
        sums[place % period] += share;
        counts[place % period] += 1.0;
    }
    for (sum, count) in sums.iter_mut().zip(&counts) {
        *sum /= count.max(1.0);
    }
    let mean = sums.iter().sum::<f64>() / period as f64;
    for sum in &mut sums {
        match joint {
            Joint::Sum => *sum -= mean,
            Joint::Product => *sum /= mean,
        }
    }
    let good = |share: &f64| share.is_finite() && (joint == Joint::Sum || *share > 1e-3);
    sums.iter().all(good).then_some(sums)
}

/// The seasonal part of one STL at each place, of values whose other cycles were removed.
fn stl_season(values: &[f64], period: usize, season_window: usize) -> Vec<f64> {
    let count = values.len();
    // Cleveland's advice for the window of the trend, the next odd number.
    let wide = 1.5 * period as f64 / (1.0 - 1.5 / season_window as f64);
    let trend_window = (libm::ceil(wide) as usize) | 1;
    let mut trend = vec![0.0; count];
    let mut season = vec![0.0; count];
    for pass in 0..INNER_PASSES {
        // One value of each place before the first cycle and behind the last, so that the
        // averages below reach the ends.
        let mut extended = vec![0.0; count + 2 * period];
        let mut places = Vec::new();
        for phase in 0..period {
            places.clear();
            places.extend((phase..count).step_by(period).map(|at| values[at] - trend[at]));
            for step in 0..places.len() + 2 {
                let at = step as f64 - 1.0;
                extended[phase + step * period] = loess::at(&places, at, season_window, true);
            }
        }
        let low = moving_average(&extended, period);
        let low = moving_average(&moving_average(&low, period), 3);
        let low = loess::smooth(&low, period | 1);
        for (index, slot) in season.iter_mut().enumerate() {
            *slot = extended[index + period] - low[index];
        }
        if pass + 1 < INNER_PASSES {
            let rest: Vec<f64> =
                values.iter().zip(&season).map(|(all, cycle)| all - cycle).collect();
            trend = loess::smooth(&rest, trend_window);
        }
    }
    season
}

/// The cycles of a series, for periods in ascending order of which each fits twice.
#[derive(Clone, Debug)]
pub(super) struct Cycles {
    /// Each period, and its part of each value.
    parts: Vec<(usize, Vec<f64>)>,
}

impl Cycles {
    /// MSTL: one STL after another, each on what the others leave, twice over.
    pub(super) fn new(values: &[f64], periods: &[usize]) -> Self {
        let fits = |period: &&usize| **period >= 2 && values.len() >= 2 * **period;
        let mut parts: Vec<(usize, Vec<f64>)> =
            periods.iter().filter(fits).map(|period| (*period, vec![0.0; values.len()])).collect();
        let mut rest = values.to_vec();
        let passes = if parts.len() > 1 { OUTER_PASSES } else { 1 };
        for _ in 0..passes {
            for (order, (period, part)) in parts.iter_mut().enumerate() {
                for (value, cycle) in rest.iter_mut().zip(part.iter()) {
                    *value += cycle;
                }
                *part = stl_season(&rest, *period, 11 + 4 * order);
                for (value, cycle) in rest.iter_mut().zip(part.iter()) {
                    *value -= cycle;
                }
            }
        }
        Cycles { parts }
    }

    /// The sum of all cycles at a place, from 0 on; behind the last value, the last cycle of
    /// each goes on.
    pub(super) fn at(&self, place: usize) -> f64 {
        let part = |(period, part): &(usize, Vec<f64>)| {
            let beyond = place.saturating_sub(part.len() - 1).div_ceil(*period);
            part[place - beyond * period]
        };
        self.parts.iter().map(part).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_little_has_no_cycle() {
        assert_eq!(classical(&[1.0; 7], 4, Joint::Sum), None);
        assert_eq!(classical(&[1.0; 7], 1, Joint::Sum), None);
        assert_eq!(classical(&[1.0; 7], usize::MAX, Joint::Sum), None);
        assert_eq!(classical(&[0.0; 12], 4, Joint::Product), None);
        assert_eq!(Cycles::new(&[1.0, 2.0, 3.0], &[0, 1, 2, 9]).at(100), 0.0);
        assert!(centered_average(&[], 4).is_empty());
    }

    #[test]
    fn the_classical_decomposition_finds_what_was_put_in() {
        let cycle = [3.0, -1.0, -4.0, 2.0];
        let sum: Vec<f64> = (0..22).map(|x| 10.0 + x as f64 + cycle[x % 4]).collect();
        let found = classical(&sum, 4, Joint::Sum).unwrap();
        assert!(found.iter().zip(cycle).all(|(got, want)| (got - want).abs() < 1e-9), "{found:?}");
        let factors = [1.5, 0.5, 0.8, 1.2];
        let product: Vec<f64> = (0..22).map(|x| 40.0 * factors[x % 4]).collect();
        let found = classical(&product, 4, Joint::Product).unwrap();
        assert!(found.iter().zip(factors).all(|(got, want)| (got - want).abs() < 1e-9));
    }

    #[test]
    fn two_cycles_are_told_apart_and_go_on() {
        let wave = |x: usize, period: usize| {
            libm::sin(core::f64::consts::TAU * (x % period) as f64 / period as f64)
        };
        let value = |x: usize| 0.01 * x as f64 + 2.0 * wave(x, 12) + wave(x, 35);
        let values: Vec<f64> = (0..350).map(value).collect();
        let cycles = Cycles::new(&values, &[12, 35]);
        for place in 20..420 {
            let want = 2.0 * wave(place, 12) + wave(place, 35);
            assert!((cycles.at(place) - want).abs() < 0.15, "{place}: {} {want}", cycles.at(place));
        }
    }

    #[test]
    fn running_sums_do_not_drift() {
        let values: Vec<f64> = (0..5_000).map(|x| if x == 700 { 1e15 } else { 0.1 }).collect();
        let averages = moving_average(&values, 24);
        assert_eq!(averages.len(), 4_977);
        assert!((averages.last().unwrap() - 0.1).abs() < 1e-9);
    }
}
