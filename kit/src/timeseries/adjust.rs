//! A series without its cycles, and the way back: most models know only level and trend.

use super::decompose::{self, Cycles, Joint};
use super::ets;
use alloc::vec::Vec;

/// How the cycles of a series are removed.
enum Cycle {
    /// There are none.
    None,
    /// What each place of one cycle adds, or multiplies by.
    Places(Joint, Vec<f64>),
    /// Curves that change from cycle to cycle.
    Curves(Cycles),
}

/// A series whose cycles were removed.
pub(super) struct Adjusted<'a> {
    /// As it was.
    pub(super) values: &'a [f64],
    /// The periods that it was told to have, ascending, each at least 2 and there twice.
    pub(super) periods: Vec<usize>,
    /// Without cycles.
    pub(super) rest: Vec<f64>,
    cycle: Cycle,
}

impl<'a> Adjusted<'a> {
    /// Removes the cycles of `periods` that are really there: one short cycle as the Theta
    /// method does it, by the classical decomposition; a long one or several by MSTL.
    pub(super) fn new(values: &'a [f64], periods: &[usize]) -> Self {
        let fits = |period: &usize| *period >= 2 && values.len() >= 2 * period;
        let periods: Vec<usize> = periods.iter().copied().filter(fits).collect();
        let there: Vec<usize> =
            periods.iter().copied().filter(|period| is_seasonal(values, *period)).collect();
        let cycle = match there[..] {
            [] => Cycle::None,
            [period] if period <= ets::PERIOD_MAX => places(values, period),
            _ => Cycle::Curves(Cycles::new(values, &there)),
        };
        Adjusted::by(values, periods, cycle)
    }

    /// Removes the cycles of all `periods` by MSTL.
    pub(super) fn by_curves(values: &'a [f64], periods: &[usize]) -> Self {
        let cycle = Cycle::Curves(Cycles::new(values, periods));
        Adjusted::by(values, periods.to_vec(), cycle)
    }

    fn by(values: &'a [f64], periods: Vec<usize>, cycle: Cycle) -> Self {
        let rest = values.iter().enumerate().map(|(place, value)| match &cycle {
            Cycle::None => *value,
            Cycle::Places(Joint::Sum, places) => value - places[place % places.len()],
            Cycle::Places(Joint::Product, places) => value / places[place % places.len()],
            Cycle::Curves(cycles) => value - cycles.at(place),
        });
        Adjusted { values, periods, rest: rest.collect(), cycle }
    }

    /// Whether several cycles or a long one were removed.
    pub(super) fn has_curves(&self) -> bool {
        matches!(self.cycle, Cycle::Curves(_))
    }

    /// The longest period.
    pub(super) fn period(&self) -> Option<usize> {
        self.periods.last().copied()
    }

    /// A forecast of the rest, with the cycles.
    pub(super) fn restore(&self, mut forecast: Vec<f64>) -> Vec<f64> {
        for (step, value) in forecast.iter_mut().enumerate() {
            let place = self.values.len() + step;
            match &self.cycle {
                Cycle::None => {}
                Cycle::Places(Joint::Sum, places) => *value += places[place % places.len()],
                Cycle::Places(Joint::Product, places) => *value *= places[place % places.len()],
                Cycle::Curves(cycles) => *value += cycles.at(place),
            }
        }
        forecast
    }
}

fn places(values: &[f64], period: usize) -> Cycle {
    let product = ets::is_clearly_positive(values)
        .then(|| decompose::classical(values, period, Joint::Product))
        .flatten();
    if let Some(places) = product {
        return Cycle::Places(Joint::Product, places);
    }
    match decompose::classical(values, period, Joint::Sum) {
        Some(places) => Cycle::Places(Joint::Sum, places),
        None => Cycle::None,
    }
}

/// The test of the Theta method: whether the autocorrelation at the period is more than
/// chance would make it in one of ten series, by Bartlett's formula.
fn is_seasonal(values: &[f64], period: usize) -> bool {
    let count = values.len();
    if count <= 2 * period {
        return false;
    }
    let mean = values.iter().sum::<f64>() / count as f64;
    let together = |lag: usize| -> f64 {
        values.iter().zip(&values[lag..]).map(|(one, other)| (one - mean) * (other - mean)).sum()
    };
    let variance = together(0);
    if variance <= f64::MIN_POSITIVE {
        return false;
    }
    // Autocorrelations beyond a few hundred lags add little, and cost much.
    let squares: f64 =
        (1..period.min(400)).map(|lag| together(lag) / variance).map(|r| r * r).sum();
    let limit = 1.645 * libm::sqrt((1.0 + 2.0 * squares) / count as f64);
    (together(period) / variance).abs() > limit
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::online::noise::Noise;

    fn wave(x: usize, period: usize) -> f64 {
        libm::sin(core::f64::consts::TAU * x as f64 / period as f64)
    }

    #[test]
    fn what_has_no_cycle_stays_as_it_is() {
        let mut noise = Noise::new(2);
        let values: Vec<f64> = (0..100).map(|_| noise.normal()).collect();
        for periods in [&[][..], &[0, 1, 51][..], &[usize::MAX / 2][..]] {
            let adjusted = Adjusted::new(&values, periods);
            assert_eq!(adjusted.rest, values);
            assert_eq!(adjusted.period(), None);
        }
        assert!(!is_seasonal(&[3.0; 60], 12));
    }

    #[test]
    fn cycles_go_and_come_back() {
        let level = |x: usize| 1.0 + 0.01 * x as f64;
        let product: Vec<f64> = (0..120).map(|x| level(x) * (1.0 + 0.4 * wave(x, 12))).collect();
        let several: Vec<f64> =
            (0..700).map(|x| 0.002 * x as f64 + wave(x, 24) + 0.5 * wave(x, 70)).collect();
        for (values, periods) in [(&product, &[12][..]), (&several, &[24, 70][..])] {
            let adjusted = Adjusted::new(values, periods);
            assert_eq!(adjusted.has_curves(), periods.len() > 1);
            let count = values.len();
            let middle = adjusted.rest[count / 4..3 * count / 4].windows(2);
            assert!(middle.clone().all(|pair| (pair[1] - pair[0]).abs() < 0.05), "no waves left");
            let next = adjusted.restore(alloc::vec![adjusted.rest[count - 1]; 24]);
            let swing = next.iter().copied().fold(f64::MIN, f64::max)
                - next.iter().copied().fold(f64::MAX, f64::min);
            assert!(swing > 0.8, "the cycle is back: {swing}");
        }
    }
}
