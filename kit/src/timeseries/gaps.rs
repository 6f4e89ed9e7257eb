//! Values where there were none.

use super::decompose::{self, Joint};
use alloc::vec::Vec;

/// `values` without the gaps at both ends, and with lines through those within. `period`: the
/// line is drawn through what a cycle of this length leaves, so that a gap as long as half a
/// day does not cut off its noon.
pub(super) fn filled(values: &[f64], period: Option<usize>) -> Vec<f64> {
    let is_value = |value: &f64| value.is_finite();
    let Some(first) = values.iter().position(is_value) else { return Vec::new() };
    let last = values.iter().rposition(is_value).unwrap_or(first);
    let values = &values[first..=last];
    let straight = by_lines(values);
    if straight.len() == values.iter().filter(|value| value.is_finite()).count() {
        return straight;
    }
    let Some(period) = period else { return straight };
    let Some(mut cycle) = decompose::classical(&straight, period, Joint::Sum) else {
        return straight;
    };
    // Lines that were drawn through gaps have flattened the first cycle: once more.
    for _ in 0..2 {
        let again = without(values, &cycle, period);
        match decompose::classical(&again, period, Joint::Sum) {
            Some(better) => cycle = better,
            None => break,
        }
    }
    without(values, &cycle, period)
}

fn without(values: &[f64], cycle: &[f64], period: usize) -> Vec<f64> {
    let rest: Vec<f64> =
        values.iter().enumerate().map(|(place, value)| value - cycle[place % period]).collect();
    let filled = by_lines(&rest);
    let restored = |(place, rest): (usize, &f64)| {
        // What was there stays as it was, to the last bit.
        if values[place].is_finite() { values[place] } else { rest + cycle[place % period] }
    };
    filled.iter().enumerate().map(restored).collect()
}

/// The first and the last of `values` are finite.
fn by_lines(values: &[f64]) -> Vec<f64> {
    let mut filled = values.to_vec();
    let mut before: Option<usize> = None;
    for place in 0..values.len() {
        if !values[place].is_finite() {
            continue;
        }
        if let Some(before) = before {
            let (from, to) = (values[before], values[place]);
            for (index, slot) in filled[before..place].iter_mut().enumerate().skip(1) {
                *slot = from + (to - from) * (index as f64 / (place - before) as f64);
            }
        }
        before = Some(place);
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAP: f64 = f64::NAN;

    #[test]
    fn lines_go_through_gaps_and_ends_are_left_out() {
        assert!(filled(&[], None).is_empty());
        assert!(filled(&[GAP, f64::INFINITY], Some(4)).is_empty());
        assert_eq!(filled(&[GAP, 1.0, GAP, GAP, 4.0, GAP], None), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(filled(&[7.0, GAP], Some(2)), [7.0]);
    }

    #[test]
    fn a_gap_keeps_the_cycle() {
        let wave = |x: usize| libm::sin(core::f64::consts::TAU * x as f64 / 24.0);
        let mut values: Vec<f64> = (0..240).map(wave).collect();
        values[100..112].fill(GAP);
        let straight = filled(&values, None);
        let cyclic = filled(&values, Some(24));
        let worst =
            |filled: &[f64]| (100..112).map(|x| (filled[x] - wave(x)).abs()).fold(0.0, f64::max);
        assert!(worst(&straight) > 0.5);
        assert!(worst(&cyclic) < 0.1, "{}", worst(&cyclic));
        assert!((0..240).filter(|x| !(100..112).contains(x)).all(|x| cyclic[x] == values[x]));
    }
}
