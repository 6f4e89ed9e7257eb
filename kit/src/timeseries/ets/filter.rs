//! The recursion of all forms: from a state and a value to the next state.

use super::{Form, PERIOD_MAX, Part, Trend};
use crate::timeseries::minimize::Point;
use alloc::vec::Vec;

/// What is smoothed how much.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parameters {
    /// Of the level.
    pub(super) alpha: f64,
    /// Of the trend, at most `alpha`.
    beta: f64,
    /// Of the cycle, at most `1 − alpha`.
    gamma: f64,
    /// How much of the trend is left after each step.
    phi: f64,
}

/// What is known after a value.
#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    pub(super) level: f64,
    pub(super) slope: f64,
    /// By place; the next value is at `place`.
    pub(super) season: [f64; PERIOD_MAX],
    pub(super) period: usize,
    place: usize,
}

impl Default for State {
    fn default() -> Self {
        State { level: 0.0, slope: 0.0, season: [0.0; PERIOD_MAX], period: 1, place: 0 }
    }
}

impl Parameters {
    /// What a point of the search means; its order is that of `super::space`.
    pub(super) fn at(form: Form, point: &Point, start: &State) -> (Parameters, State) {
        let mut coordinates = point.iter().copied();
        let mut next = || coordinates.next().unwrap_or(0.0);
        let mut state = *start;
        let alpha = next();
        state.level = next();
        let mut parameters = Parameters { alpha, beta: 0.0, gamma: 0.0, phi: 1.0 };
        if form.trend != Trend::None {
            parameters.beta = next() * alpha;
            state.slope = next();
        }
        if form.season != Part::None {
            parameters.gamma = next() * (1.0 - alpha);
        }
        if form.trend == Trend::Damped {
            parameters.phi = next();
        }
        (parameters, state)
    }
}

/// Minus twice the logarithm of the likelihood of `values`, without its constant; `state`
/// is then the one behind them. Infinite where the form breaks down: a level or a cycle that
/// multiplies has become zero.
pub(super) fn deviance(
    form: Form,
    parameters: &Parameters,
    state: &mut State,
    values: &[f64],
) -> f64 {
    let relative = form.error == Part::Multiplicative;
    let Parameters { alpha, beta, gamma, phi } = *parameters;
    let (mut squares, mut logs, mut product) = (0.0, 0.0, 1.0);
    for value in values {
        let slope = phi * state.slope;
        let trend = state.level + slope;
        let cycle = state.season[state.place];
        let (expected, adjusted) = match form.season {
            Part::None => (trend, *value),
            Part::Additive => (trend + cycle, value - cycle),
            Part::Multiplicative => (trend * cycle, value / cycle),
        };
        let error = value - expected;
        if relative {
            // Neither holds of what is no number.
            let has_cycle = form.season != Part::Multiplicative || cycle > 1e-6;
            if !(has_cycle && expected > 1e-150) {
                return f64::INFINITY;
            }
            let share = error / expected;
            squares += share * share;
            // One logarithm for many values: they are what costs most here.
            product *= expected;
            if !(1e-100..1e100).contains(&product) {
                logs += libm::log(product);
                product = 1.0;
            }
        } else {
            squares += error * error;
        }
        let surprise = adjusted - trend;
        state.level = trend + alpha * surprise;
        state.slope = slope + beta * surprise;
        match form.season {
            Part::None => {}
            Part::Additive => state.season[state.place] = cycle + gamma * surprise,
            Part::Multiplicative => {
                state.season[state.place] = cycle + gamma * (value / trend - cycle);
            }
        }
        state.place = if state.place + 1 < state.period { state.place + 1 } else { 0 };
    }
    if relative {
        logs += libm::log(product);
    }
    let count = values.len() as f64;
    // A perfect fit has no logarithm; below this, errors are rounding.
    count * libm::log(squares.max(count * 1e-30)) + 2.0 * logs
}

/// What follows a state, without further errors.
pub(super) fn project(
    form: Form,
    parameters: &Parameters,
    state: &State,
    horizon: usize,
) -> Vec<f64> {
    let (mut reach, mut weight) = (0.0, 1.0);
    (0..horizon)
        .map(|step| {
            weight *= parameters.phi;
            reach += weight;
            let trend = state.level + reach * state.slope;
            let cycle = state.season[(state.place + step) % state.period];
            match form.season {
                Part::None => trend,
                Part::Additive => trend + cycle,
                Part::Multiplicative => trend * cycle,
            }
        })
        .collect()
}
