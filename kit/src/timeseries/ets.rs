//! Exponential smoothing in state space form: Hyndman, Koehler, Snyder & Grose (*A state space
//! framework for automatic forecasting using exponential smoothing methods*, International
//! Journal of Forecasting 18, 2002). Holt's and Winters' methods are members of it.
//!
//! A form says whether errors and the cycle are added or multiplied, and whether there is a
//! trend and whether it fades. Parameters are those of the greatest likelihood; the form is
//! that of the least corrected information criterion (AICc). Trends that multiply are left
//! out, and so are added errors with a cycle that multiplies: their variance may be infinite
//! (Hyndman, Koehler, Ord & Snyder, *Forecasting with Exponential Smoothing*, 2008, chapter
//! 15.2).

mod filter;
mod start;

use super::minimize::{self, Space};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;
use filter::{Parameters, State};

/// The longest cycle that a state holds; longer ones are removed before (`super::adjust`).
pub(super) const PERIOD_MAX: usize = 24;

/// What a trend is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trend {
    /// There is none.
    None,
    /// It goes on.
    Additive,
    /// It fades.
    Damped,
}

/// Whether something is there, and how it joins the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// It is not there.
    None,
    /// It is added.
    Additive,
    /// It is multiplied.
    Multiplicative,
}

/// A form of the family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Form {
    /// How errors join; never [`Part::None`].
    pub(super) error: Part,
    pub(super) trend: Trend,
    pub(super) season: Part,
}

impl Form {
    /// In the notation of the book: `ETS(M,Ad,M)`.
    pub(super) fn name(self) -> String {
        let part = |part| match part {
            Part::None => "N",
            Part::Additive => "A",
            Part::Multiplicative => "M",
        };
        let trend = match self.trend {
            Trend::None => "N",
            Trend::Additive => "A",
            Trend::Damped => "Ad",
        };
        let mut name = String::new();
        // Writing to a string does not fail.
        let _ = write!(name, "ETS({},{trend},{})", part(self.error), part(self.season));
        name
    }

    /// How many numbers are estimated, the variance among them.
    fn freedoms(self, period: usize) -> usize {
        let trend = match self.trend {
            Trend::None => 0,
            Trend::Additive => 2,
            Trend::Damped => 3,
        };
        let season = if self.season == Part::None { 0 } else { period };
        3 + trend + season
    }

    fn is_multiplicative(self) -> bool {
        self.error == Part::Multiplicative || self.season == Part::Multiplicative
    }
}

const fn form(error: Part, trend: Trend, season: Part) -> Form {
    Form { error, trend, season }
}

/// All forms; those with a cycle come last.
const ALL: [Form; 15] = {
    use Part::{Additive as A, Multiplicative as M, None as N};
    [
        form(A, Trend::None, N),
        form(A, Trend::Additive, N),
        form(A, Trend::Damped, N),
        form(M, Trend::None, N),
        form(M, Trend::Additive, N),
        form(M, Trend::Damped, N),
        form(A, Trend::None, A),
        form(A, Trend::Additive, A),
        form(A, Trend::Damped, A),
        form(M, Trend::None, A),
        form(M, Trend::Additive, A),
        form(M, Trend::Damped, A),
        form(M, Trend::None, M),
        form(M, Trend::Additive, M),
        form(M, Trend::Damped, M),
    ]
};

/// The simplest form: a level that moves.
pub(super) const LEVEL: Form = ALL[0];

/// The forms of a family that are worth trying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// All of them.
    Any,
    /// Holt's method, or Winters' if there is a cycle: with a trend that goes on.
    HoltWinters,
}

impl Family {
    fn has(self, form: Form, period: usize) -> bool {
        match self {
            Family::Any => true,
            Family::HoltWinters => {
                form.trend == Trend::Additive && (period < 2) == (form.season == Part::None)
            }
        }
    }
}

/// A form with its parameters, and the state behind the last value.
#[derive(Clone, Debug)]
pub(super) struct Fit {
    pub(super) form: Form,
    parameters: Parameters,
    state: State,
    /// Minus twice the logarithm of the likelihood, without its constant.
    deviance: f64,
}

impl Fit {
    /// The best of a family for values in which every `period`-th is at the same place of a
    /// cycle (below 2: there is none). `None` if there are too few values for any.
    pub(super) fn best(family: Family, values: &[f64], period: usize) -> Option<Fit> {
        let fits = ALL.into_iter().filter(|form| family.has(*form, period));
        let criterion = |fit: &Fit| fit.criterion(values.len(), period);
        fits.filter_map(|form| Fit::new(form, values, period))
            .min_by(|one, other| criterion(one).total_cmp(&criterion(other)))
    }

    /// The likeliest parameters of a form. `None` if the values are too few, or not positive
    /// where the form multiplies.
    pub(super) fn new(form: Form, values: &[f64], period: usize) -> Option<Fit> {
        let seasonal = form.season != Part::None;
        if seasonal && !(2..=PERIOD_MAX).contains(&period) {
            return None;
        }
        let period = if seasonal { period } else { 1 };
        // The corrected criterion needs two values more than there are freedoms.
        if values.len() < form.freedoms(period) + 2 && form != LEVEL || values.is_empty() {
            return None;
        }
        if form.is_multiplicative() && !is_clearly_positive(values) {
            return None;
        }
        let start = start::state(form, values, period)?;
        let (space, first) = space(form, &start, values);
        let evaluations_max = 60 * space.dimensions;
        let found = minimize::minimize(&space, first, evaluations_max, |point| {
            let (parameters, mut state) = Parameters::at(form, point, &start);
            filter::deviance(form, &parameters, &mut state, values)
        });
        let (parameters, mut state) = Parameters::at(form, &found.point, &start);
        let deviance = filter::deviance(form, &parameters, &mut state, values);
        deviance.is_finite().then_some(Fit { form, parameters, state, deviance })
    }

    /// Akaike's criterion with its correction for few values.
    fn criterion(&self, count: usize, period: usize) -> f64 {
        let freedoms = self.form.freedoms(period) as f64;
        let spare = count as f64 - freedoms - 1.0;
        if spare <= 0.0 {
            return f64::MAX;
        }
        self.deviance + 2.0 * freedoms + 2.0 * freedoms * (freedoms + 1.0) / spare
    }

    /// The next values.
    pub(super) fn forecast(&self, horizon: usize) -> Vec<f64> {
        filter::project(self.form, &self.parameters, &self.state, horizon)
    }

    /// How much of an error the level takes over.
    pub(super) fn alpha(&self) -> f64 {
        self.parameters.alpha
    }
}

/// Whether shares of values mean something: none is zero or below, or next to it.
pub(super) fn is_clearly_positive(values: &[f64]) -> bool {
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    values.iter().all(|value| *value > mean * 1e-3 && *value > 0.0)
}

/// What is searched: shares of the parameters, and where level and trend begin.
fn space(form: Form, start: &State, values: &[f64]) -> (Space, minimize::Point) {
    let mut space = Space::default();
    let mut first = [0.0; minimize::DIMENSIONS];
    let mut add = |low: f64, high: f64, at: f64| {
        first[space.dimensions.min(minimize::DIMENSIONS - 1)] = at;
        space.add(low, high);
    };
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let room = high - low;
    // α; β as a share of α; γ as a share of 1 − α; φ, as in the R function `ets`.
    add(1e-4, 0.9999, if form.season == Part::None { 0.4 } else { 0.3 });
    add(start.level - room, start.level + room, start.level);
    if form.trend != Trend::None {
        add(1e-4, 0.9999, 0.1);
        add(start.slope - room, start.slope + room, start.slope);
    }
    if form.season != Part::None {
        add(1e-4, 0.9999, 0.1);
    }
    if form.trend == Trend::Damped {
        add(0.8, 0.98, 0.95);
    }
    (space, first)
}

#[cfg(test)]
mod tests;
