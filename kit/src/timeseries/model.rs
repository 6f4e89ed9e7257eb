//! The models by their names.

use super::adjust::Adjusted;
use super::{autoregression, ets, theta};
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

/// A way to tell what comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// The last value.
    Naive,
    /// The line through the first and the last value.
    Drift,
    /// The value one cycle ago.
    SeasonalNaive,
    /// The Theta method of 2000.
    Theta,
    /// The dynamic optimized Theta method of 2016.
    OptimizedTheta,
    /// Exponential smoothing, in the form that fits best.
    Ets,
    /// Holt's method, or Winters' if there is a cycle.
    HoltWinters,
    /// A sum of shares of the last values, or of their differences.
    Autoregression,
    /// Cycles by MSTL, and exponential smoothing of the rest.
    Mstl,
}

impl Model {
    /// All of them.
    pub const ALL: [Model; 9] = [
        Model::Naive,
        Model::Drift,
        Model::SeasonalNaive,
        Model::Theta,
        Model::OptimizedTheta,
        Model::Ets,
        Model::HoltWinters,
        Model::Autoregression,
        Model::Mstl,
    ];

    /// As it is called in requests and results.
    pub const fn name(self) -> &'static str {
        match self {
            Model::Naive => "naive",
            Model::Drift => "drift",
            Model::SeasonalNaive => "seasonal-naive",
            Model::Theta => "theta",
            Model::OptimizedTheta => "optimized-theta",
            Model::Ets => "ets",
            Model::HoltWinters => "holt-winters",
            Model::Autoregression => "autoregression",
            Model::Mstl => "mstl",
        }
    }

    /// The model of a name.
    pub fn of_name(name: &str) -> Option<Model> {
        Model::ALL.into_iter().find(|model| model.name() == name)
    }
}

/// A model, and what of it need not be chosen again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Chosen {
    pub(super) model: Model,
    /// The form of exponential smoothing.
    pub(super) form: Option<ets::Form>,
}

impl Chosen {
    /// Chooses the form for a series, and tells what comes next. `None` if the model has
    /// nothing to say: there are too few values, or no cycle.
    pub(super) fn new(model: Model, series: &Adjusted, horizon: usize) -> Option<(Self, Vec<f64>)> {
        let (form, values) = forecast(model, series, horizon, None)?;
        values.iter().all(|value| value.is_finite()).then_some((Chosen { model, form }, values))
    }

    /// Tells what comes next; parameters are fitted, the form is not chosen again.
    pub(super) fn forecast(&self, series: &Adjusted, horizon: usize) -> Option<Vec<f64>> {
        let (_, values) = forecast(self.model, series, horizon, self.form)?;
        values.iter().all(|value| value.is_finite()).then_some(values)
    }

    /// The name, with the form if there is one.
    pub(super) fn name(&self) -> String {
        self.form.map_or_else(|| self.model.name().to_owned(), ets::Form::name)
    }
}

type Forecast = (Option<ets::Form>, Vec<f64>);

/// How many values parameters are fitted to. What lies before tells of cycles, and no longer of
/// where the level goes.
const FITTED_MAX: usize = 1_000;

fn latest(values: &[f64]) -> &[f64] {
    &values[values.len().saturating_sub(FITTED_MAX)..]
}

fn forecast(
    model: Model,
    series: &Adjusted,
    horizon: usize,
    form: Option<ets::Form>,
) -> Option<Forecast> {
    let values = series.values;
    let last = *values.last()?;
    let without_form = match model {
        Model::Naive => Some(alloc::vec![last; horizon]),
        Model::Drift => {
            let slope = (last - values.first()?) / (values.len() - 1).max(1) as f64;
            Some((1..=horizon).map(|step| last + slope * step as f64).collect())
        }
        Model::SeasonalNaive => {
            let cycle = &values[values.len() - series.period()?..];
            Some(cycle.iter().copied().cycle().take(horizon).collect())
        }
        Model::Theta => Some(series.restore(theta::standard(latest(&series.rest), horizon)?)),
        Model::OptimizedTheta => {
            Some(series.restore(theta::optimized(latest(&series.rest), horizon)?))
        }
        Model::Autoregression => {
            Some(series.restore(autoregression::forecast(latest(&series.rest), horizon)?))
        }
        Model::Ets | Model::HoltWinters | Model::Mstl => None,
    };
    if let Some(values) = without_form {
        return Some((None, values));
    }
    let family =
        if model == Model::HoltWinters { ets::Family::HoltWinters } else { ets::Family::Any };
    let fit = |values: &[f64], period: usize| match form {
        Some(form) => ets::Fit::new(form, latest(values), period),
        None => ets::Fit::best(family, latest(values), period),
    };
    if model == Model::Mstl {
        series.period()?;
    }
    if model == Model::Mstl && !series.has_curves() {
        let curves = Adjusted::by_curves(values, &series.periods);
        let fit = fit(&curves.rest, 1)?;
        return Some((Some(fit.form), curves.restore(fit.forecast(horizon))));
    }
    if series.has_curves() {
        let fit = fit(&series.rest, 1)?;
        return Some((Some(fit.form), series.restore(fit.forecast(horizon))));
    }
    let period = series.period().filter(|period| *period <= ets::PERIOD_MAX).unwrap_or(1);
    let fit = fit(values, period).or_else(|| fit(values, 1))?;
    Some((Some(fit.form), fit.forecast(horizon)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart() {
        for model in Model::ALL {
            assert_eq!(Model::of_name(model.name()), Some(model));
        }
        assert_eq!(Model::of_name("Theta"), None);
    }

    #[test]
    fn nothing_is_not_continued_and_a_constant_is_by_all() {
        for model in Model::ALL {
            assert!(Chosen::new(model, &Adjusted::new(&[], &[4]), 3).is_none(), "{model:?}");
            let constant = [0.5; 60];
            let series = Adjusted::new(&constant, &[4]);
            let (chosen, values) = Chosen::new(model, &series, 9).expect("a forecast");
            assert!(values.iter().all(|value| (value - 0.5).abs() < 1e-6), "{model:?} {values:?}");
            assert_eq!(chosen.forecast(&series, 9), Some(values), "{model:?}");
        }
    }

    #[test]
    fn benchmarks_are_what_they_are_called() {
        let values = [1.0, 5.0, 2.0, 6.0, 3.0, 7.0];
        let series = Adjusted::new(&values, &[2]);
        let ahead = |model| Chosen::new(model, &series, 3).map(|(_, values)| values);
        assert_eq!(ahead(Model::Naive), Some(alloc::vec![7.0, 7.0, 7.0]));
        assert_eq!(ahead(Model::SeasonalNaive), Some(alloc::vec![3.0, 7.0, 3.0]));
        let drift = ahead(Model::Drift).expect("a line");
        assert!((drift[2] - (7.0 + 3.0 * 1.2)).abs() < 1e-12);
    }
}
