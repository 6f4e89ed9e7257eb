//! Which models are believed, and how far their forecasts may be off.
//!
//! Each model is asked at several places of the past what comes next (a rolling origin:
//! Tashman, International Journal of Forecasting 16, 2000), from what was known there. Models
//! that did clearly worse than the best are left out; the forecast is the median of the
//! others. Such simple combinations did better than any single model in the M3 and M4
//! competitions (Petropoulos & Svetunkov, *A simple combination of univariate models*,
//! International Journal of Forecasting 36, 2020). Intervals are made of the errors that the
//! same combination made at the same places.

use super::adjust::Adjusted;
use super::model::{Chosen, Model};
use super::spread::{Miss, Spread};
use crate::baseline::Scaled;
use alloc::vec::Vec;

/// How many places of the past are tried, and how many of a past that is long: each costs
/// work in proportion to it.
const ORIGINS_MAX: usize = 12;
const LONG: usize = 4_000;
const ORIGINS_OF_LONG: usize = 6;
/// How many steps are tried at each.
const STEPS_MAX: usize = 48;
/// Values before a place that a model sees at most, unless its cycles need more.
const WINDOW: usize = 2_000;
/// The models of a combination.
const MEMBERS: [Model; 4] =
    [Model::Theta, Model::OptimizedTheta, Model::Ets, Model::Autoregression];
/// Those that may replace it, where they are clearly better.
const RIVALS: [Model; 4] = [Model::Naive, Model::SeasonalNaive, Model::Drift, Model::Mstl];
/// How much worse than the best a member may be, and how much better a rival must be.
const WORSE_MAX: f64 = 1.5;
const BETTER_MIN: f64 = 0.85;

/// A model that was tried.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tried {
    pub(super) chosen: Chosen,
    /// Mean size of its errors at all places; `None` if it could not be tried.
    pub(super) error: Option<f64>,
    /// Whether it is part of the forecast.
    pub(super) used: bool,
}

/// The models of a forecast, and what they did in the past.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Choice {
    pub(super) tried: Vec<Tried>,
    /// `None` for less than three values.
    pub(super) spread: Option<Spread>,
    /// At how many places of the past models were tried.
    pub(super) origins: usize,
    /// Mean size of the errors of what was chosen.
    pub(super) error: Option<f64>,
}

impl Choice {
    /// Chooses for `values`, all finite. Only `model`, if it is given: `None` if it has
    /// nothing to say of these values. Also returns the forecast.
    pub(super) fn new(
        values: &[f64],
        periods: &[usize],
        horizon: usize,
        model: Option<Model>,
    ) -> Option<(Choice, Vec<f64>)> {
        let values = window(values, periods);
        let series = Adjusted::new(values, periods);
        let wanted: Vec<Model> = match model {
            Some(model) => alloc::vec![model],
            None => MEMBERS.into_iter().chain(RIVALS).collect(),
        };
        let mut chosen = Vec::new();
        let mut now = Vec::new();
        for model in wanted {
            // On curves, exponential smoothing is MSTL already.
            if model == Model::Mstl && wanted_twice(&series, &chosen) {
                continue;
            }
            if let Some((one, forecast)) = Chosen::new(model, &series, horizon) {
                chosen.push(one);
                now.push(forecast);
            }
        }
        let past = Past::new(values, periods, &chosen, horizon);
        let errors: Vec<Option<f64>> = (0..chosen.len()).map(|one| past.error(&[one])).collect();
        let used = used(&chosen, &errors, &past);
        let forecast = combined(used.iter().map(|one| &now[*one]))?;
        let misses = past.misses(&used);
        let choice = Choice {
            spread: Spread::new(&misses).or_else(|| Spread::of_steps(values)),
            origins: past.origins.len(),
            error: past.error(&used),
            tried: chosen
                .into_iter()
                .zip(errors)
                .enumerate()
                .map(|(index, (chosen, error))| Tried {
                    chosen,
                    error,
                    used: used.contains(&index),
                })
                .collect(),
        };
        Some((choice, forecast))
    }

    /// Its errors in the unit of the series, and not as that was scaled: a later value may
    /// change the scale.
    pub(super) fn rescaled(mut self, scaled: &Scaled) -> Self {
        if let Some(spread) = &mut self.spread {
            spread.scores.iter_mut().for_each(|score| *score = scaled.restore(*score));
        }
        self
    }

    /// A forecast of the same models for a series that has gone on.
    pub(super) fn forecast(
        &self,
        values: &[f64],
        periods: &[usize],
        horizon: usize,
    ) -> Option<Vec<f64>> {
        let series = Adjusted::new(window(values, periods), periods);
        let used = self.tried.iter().filter(|tried| tried.used);
        let forecasts: Vec<Vec<f64>> =
            used.filter_map(|tried| tried.chosen.forecast(&series, horizon)).collect();
        combined(forecasts.iter())
    }
}

fn wanted_twice(series: &Adjusted, chosen: &[Chosen]) -> bool {
    series.has_curves() && chosen.iter().any(|chosen| chosen.model == Model::Ets)
}

/// The last values that models look at.
fn window<'a>(values: &'a [f64], periods: &[usize]) -> &'a [f64] {
    let longest = periods.iter().copied().max().unwrap_or(1);
    let count = WINDOW.max(longest.saturating_mul(6));
    &values[values.len().saturating_sub(count)..]
}

/// The places of the models that the forecast is made of.
fn used(chosen: &[Chosen], errors: &[Option<f64>], past: &Past) -> Vec<usize> {
    let is_member = |index: &usize| MEMBERS.contains(&chosen[*index].model);
    let (members, rivals): (Vec<usize>, Vec<usize>) = (0..chosen.len()).partition(is_member);
    let least = members.iter().filter_map(|one| errors[*one]).fold(f64::INFINITY, f64::min);
    let good = |one: &usize| errors[*one].is_none_or(|error| error <= WORSE_MAX * least);
    let kept: Vec<usize> = members.into_iter().filter(good).collect();
    let rival = rivals
        .iter()
        .filter_map(|one| errors[*one].map(|error| (*one, error)))
        .min_by(|one, other| one.1.total_cmp(&other.1));
    match (rival, past.error(&kept)) {
        (Some((rival, error)), Some(kept)) if error < BETTER_MIN * kept => alloc::vec![rival],
        _ if kept.is_empty() => rivals.into_iter().take(1).collect(),
        _ => kept,
    }
}

/// The median of forecasts at each step; `None` if there are none.
fn combined<'a>(forecasts: impl Iterator<Item = &'a Vec<f64>> + Clone) -> Option<Vec<f64>> {
    let steps = forecasts.clone().map(Vec::len).min()?;
    let mut row = Vec::new();
    let median = |step: usize| {
        row.clear();
        row.extend(forecasts.clone().map(|forecast| forecast[step]));
        crate::robust::median_in_place(&mut row)
    };
    (0..steps).map(median).collect()
}

/// What models said in the past.
struct Past<'a> {
    values: &'a [f64],
    /// How many values were known at each place.
    origins: Vec<usize>,
    /// By place and model; `None` if it had nothing to say there.
    said: Vec<Vec<Option<Vec<f64>>>>,
}

impl<'a> Past<'a> {
    fn new(values: &'a [f64], periods: &[usize], chosen: &[Chosen], horizon: usize) -> Self {
        let origins = origins(values.len(), periods, horizon);
        let said = |known: &usize| {
            let series = Adjusted::new(&values[..*known], periods);
            let steps = horizon.min(values.len() - known).min(STEPS_MAX);
            chosen.iter().map(|one| one.forecast(&series, steps)).collect()
        };
        let said = origins.iter().map(said).collect();
        Past { values, origins, said }
    }

    /// What the median of some models missed by.
    fn misses(&self, models: &[usize]) -> Vec<Miss> {
        let mut misses = Vec::new();
        for (origin, known) in self.origins.iter().enumerate() {
            let said = models.iter().filter_map(|model| self.said[origin][*model].as_ref());
            let Some(forecast) = combined(said) else { continue };
            for (step, value) in forecast.iter().enumerate() {
                let size = (self.values[known + step] - value).abs();
                misses.push(Miss { origin, step: step + 1, size });
            }
        }
        misses
    }

    /// The mean of that. `None` if one of them had nothing to say somewhere: it cannot be
    /// compared with others.
    fn error(&self, models: &[usize]) -> Option<f64> {
        let all = self.said.iter().all(|said| models.iter().all(|model| said[*model].is_some()));
        let misses = self.misses(models);
        let sum: f64 = misses.iter().map(|miss| miss.size).sum();
        (all && !misses.is_empty()).then(|| sum / misses.len() as f64)
    }
}

/// How many values are known at each place that is tried, ascending: the second half of the
/// past, from where cycles were there twice, to where most steps can be compared.
fn origins(count: usize, periods: &[usize], horizon: usize) -> Vec<usize> {
    let longest = periods.iter().copied().filter(|period| count >= 3 * period).max().unwrap_or(1);
    let first = (count / 2).max(2 * longest + 3).max(4);
    if first >= count {
        return Vec::new();
    }
    let room = count - first;
    let last = count - horizon.min(room.div_ceil(3)).max(1);
    let most = if count > LONG { ORIGINS_OF_LONG } else { ORIGINS_MAX };
    let tried = (last - first + 1).min(most);
    (0..tried).map(|index| last - index * (last - first) / (tried - 1).max(1)).rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::online::noise::Noise;

    #[test]
    fn places_are_in_order_and_within() {
        for count in 0..300 {
            for (periods, horizon) in [(&[][..], 1), (&[12][..], 18), (&[4, 30][..], 500)] {
                let origins = origins(count, periods, horizon);
                assert!(origins.len() <= ORIGINS_MAX);
                assert!(origins.windows(2).all(|pair| pair[0] < pair[1]), "{count} {origins:?}");
                assert!(origins.iter().all(|known| (4..count).contains(known)), "{count}");
                assert!(count < 12 || !periods.is_empty() || origins.len() >= 3, "{count}");
            }
        }
    }

    #[test]
    fn nothing_is_not_chosen_for_and_one_value_is() {
        assert!(Choice::new(&[], &[], 3, None).is_none());
        assert!(Choice::new(&[1.0; 9], &[], 3, Some(Model::SeasonalNaive)).is_none());
        let (choice, forecast) = Choice::new(&[3.0], &[12], 2, None).expect("a choice");
        assert!(forecast.iter().all(|value| (value - 3.0).abs() < 1e-9), "{forecast:?}");
        assert_eq!((choice.spread, choice.origins), (None, 0));
    }

    #[test]
    fn a_cycle_beats_models_without_one() {
        let mut noise = Noise::new(1);
        let shape = [0.9, 0.1, 0.5, 0.2, 0.8, 0.3, 0.7];
        let values: Vec<f64> = (0..140).map(|x| shape[x % 7] + 0.01 * noise.normal()).collect();
        let (choice, forecast) = Choice::new(&values, &[7], 14, None).expect("a choice");
        for (step, value) in forecast.iter().enumerate() {
            assert!((value - shape[step % 7]).abs() < 0.03, "{step}: {value}");
        }
        assert!(choice.error.is_some_and(|error| error < 0.02), "{choice:?}");
        let naive = choice.tried.iter().find(|tried| tried.chosen.model == Model::Naive);
        assert!(naive.is_some_and(|naive| !naive.used && naive.error > Some(0.1)));
        assert_eq!(choice.forecast(&values, &[7], 14), Some(forecast));
    }

    #[test]
    fn the_median_of_none_is_none() {
        assert_eq!(combined([].iter()), None);
        let all = [alloc::vec![1.0, 2.0], alloc::vec![3.0, 9.0, 4.0], alloc::vec![2.0, 5.0]];
        assert_eq!(combined(all.iter()), Some(alloc::vec![2.0, 5.0]));
    }
}
