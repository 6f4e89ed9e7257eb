//! What the visitors of a variation did, in three numbers.

/// Count, mean and spread of observations, one for each visitor. Those of several nodes or
/// days can be joined, in any order.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    count: u64,
    mean: f64,
    /// The sum of squared distances from the mean.
    squares: f64,
}

impl Tally {
    /// Visitors of whom some did something, for instance bought: observations of 0 and 1. More
    /// than there were count as all.
    pub fn of_conversions(visitors: u64, conversions: u64) -> Self {
        if visitors == 0 {
            return Tally::default();
        }
        let mean = conversions.min(visitors) as f64 / visitors as f64;
        Tally { count: visitors, mean, squares: visitors as f64 * mean * (1.0 - mean) }
    }

    /// Observations of which only the sum and the sum of squares are known; none if these
    /// cannot be of so many observations.
    pub fn of_sums(count: u64, sum: f64, sum_of_squares: f64) -> Option<Self> {
        if count == 0 {
            return (sum == 0.0 && sum_of_squares == 0.0).then(Tally::default);
        }
        let mean = sum / count as f64;
        let squares = sum_of_squares - sum * mean;
        // What rounding takes away is nothing beside the sum of squares.
        let slack = sum_of_squares * 1e-9;
        let is_possible = mean.is_finite() && squares.is_finite() && squares >= -slack;
        is_possible.then_some(Tally { count, mean, squares: squares.max(0.0) })
    }

    /// Adds what a visitor did. What is not finite is left out.
    pub fn observe(&mut self, value: f64) {
        self.merge(&Tally { count: 1, mean: value, squares: 0.0 });
    }

    /// Adds the observations of another tally (Chan, Golub & LeVeque 1983). One that would
    /// make this one infinite is left out.
    pub fn merge(&mut self, other: &Tally) {
        let Some(count) = self.count.checked_add(other.count) else { return };
        if other.count == 0 {
            return;
        }
        // The mean of nothing is no number to measure from.
        let distance = if self.count == 0 { 0.0 } else { other.mean - self.mean };
        let share = other.count as f64 / count as f64;
        let mean = if self.count == 0 { other.mean } else { self.mean + distance * share };
        let squares =
            self.squares + other.squares + distance * distance * share * self.count as f64;
        if mean.is_finite() && squares.is_finite() {
            *self = Tally { count, mean, squares };
        }
    }

    /// How many observations there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their mean; 0 if there are none.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// The variance that they suggest; none of fewer than two.
    pub fn variance(&self) -> Option<f64> {
        (self.count > 1).then(|| self.squares / (self.count - 1) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn of(values: &[f64]) -> Tally {
        let mut tally = Tally::default();
        values.iter().for_each(|value| tally.observe(*value));
        tally
    }

    #[test]
    fn what_is_not_a_number_is_left_out() {
        let tally = of(&[1.0, f64::NAN, f64::INFINITY, 3.0, f64::NEG_INFINITY]);
        assert_eq!((tally.count(), tally.mean(), tally.variance()), (2, 2.0, Some(2.0)));
        let mut huge = of(&[f64::MAX]);
        huge.observe(f64::MIN);
        assert_eq!(huge.count(), 1);
        assert_eq!(Tally::default().variance(), None);
        assert_eq!(of(&[5.0]).variance(), None);
    }

    #[test]
    fn sums_that_cannot_be_are_refused() {
        assert_eq!(Tally::of_sums(0, 1.0, 1.0), None);
        assert_eq!(Tally::of_sums(2, 10.0, 1.0), None);
        assert_eq!(Tally::of_sums(2, f64::NAN, 1.0), None);
        assert_eq!(Tally::of_sums(2, 1.0, f64::INFINITY), None);
        assert_eq!(Tally::of_sums(0, 0.0, 0.0), Some(Tally::default()));
        assert_eq!(Tally::of_sums(3, 6.0, 14.0), Some(of(&[1.0, 2.0, 3.0])));
        assert_eq!(Tally::of_conversions(4, 9), Tally::of_conversions(4, 4));
        assert_eq!(Tally::of_conversions(0, 9), Tally::default());
    }

    #[test]
    fn conversions_are_zeros_and_ones() {
        let (one, other) = (Tally::of_conversions(4, 1), of(&[0.0, 0.0, 1.0, 0.0]));
        assert_eq!((one.count(), one.mean()), (other.count(), other.mean()));
        assert!((one.variance().unwrap() - other.variance().unwrap()).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn parts_in_any_order_make_the_whole(
            values in prop::collection::vec(-1e6..1e6, 2..60), cut in 0..60_usize,
        ) {
            let cut = cut.min(values.len());
            let (first, second) = values.split_at(cut);
            let mut joined = of(second);
            joined.merge(&of(first));
            let whole = of(&values);
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let squares: Vec<f64> = values.iter().map(|v| (v - mean) * (v - mean)).collect();
            let variance = squares.iter().sum::<f64>() / (values.len() - 1) as f64;
            for tally in [joined, whole] {
                prop_assert_eq!(tally.count(), values.len() as u64);
                prop_assert!((tally.mean() - mean).abs() <= 1e-6);
                let got = tally.variance().expect("more than one");
                prop_assert!((got - variance).abs() <= 1e-6 * (1.0 + variance), "{got} {variance}");
            }
        }

        #[test]
        fn nothing_becomes_infinite(values: Vec<f64>) {
            let tally = of(&values);
            prop_assert!(tally.mean().is_finite());
            prop_assert!(tally.variance().is_none_or(|variance| variance >= 0.0));
        }
    }
}
