//! Where a state begins, before any value was seen.

use super::filter::State;
use super::{Form, Part, Trend};
use crate::timeseries::decompose::{self, Joint};

/// The state before the first value, from the first few: the cycle of a classical
/// decomposition, and a line through what it leaves (section 3 of Hyndman et al. 2002).
/// `None` if a cycle is wanted and there are not two.
pub(super) fn state(form: Form, values: &[f64], period: usize) -> Option<State> {
    let mut state = State::default();
    state.period = period;
    let mut adjusted = [0.0; 4 * super::PERIOD_MAX];
    let used = (2 * period).max(10).min(values.len()).min(adjusted.len());
    let adjusted = &mut adjusted[..used];
    adjusted.copy_from_slice(&values[..used]);
    if form.season != Part::None {
        let joint = if form.season == Part::Additive { Joint::Sum } else { Joint::Product };
        let cycles = values.len().min(4 * period);
        let cycle = decompose::classical(&values[..cycles], period, joint)?;
        for (index, value) in adjusted.iter_mut().enumerate() {
            match joint {
                Joint::Sum => *value -= cycle[index % period],
                Joint::Product => *value /= cycle[index % period].max(1e-2),
            }
        }
        for (slot, share) in state.season.iter_mut().zip(cycle) {
            *slot = if joint == Joint::Product { share.max(1e-2) } else { share };
        }
    }
    match form.trend {
        Trend::None => state.level = adjusted.iter().sum::<f64>() / used as f64,
        _ => (state.level, state.slope) = line(adjusted),
    }
    // A level that multiplies may not begin at zero or below.
    if form.is_multiplicative() && state.level <= 0.0 {
        state.level = adjusted[0].max(f64::MIN_POSITIVE);
    }
    Some(state)
}

/// Level one step before the first of `values`, and slope, of the least squares' line.
fn line(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let middle = (count - 1.0) / 2.0;
    let (mut both, mut spread) = (0.0, 0.0);
    for (index, value) in values.iter().enumerate() {
        let x = index as f64 - middle;
        both += x * (value - mean);
        spread += x * x;
    }
    let slope = if spread > 0.0 { both / spread } else { 0.0 };
    (mean - slope * (middle + 1.0), slope)
}
