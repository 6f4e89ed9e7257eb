//! Curves that were measured, by their points.

/// The value of a curve at `x`: on the lines between its points, the outer ones drawn on.
/// `points` are at least two, by growing x.
pub(super) fn at(points: &[(f64, f64)], x: f64) -> f64 {
    let last = points.len() - 1;
    let above = points.iter().position(|point| point.0 >= x).unwrap_or(last).max(1);
    let (from, to) = (points[above - 1], points[above]);
    from.1 + (x - from.0) * (to.1 - from.1) / (to.0 - from.0)
}

#[cfg(test)]
mod tests {
    use super::at;

    #[test]
    fn a_curve_goes_through_its_points_and_on() {
        let points = [(1.0, 10.0), (2.0, 20.0), (4.0, 0.0)];
        for (x, y) in [(1.0, 10.0), (2.0, 20.0), (4.0, 0.0), (1.5, 15.0), (3.0, 10.0)] {
            assert_eq!(at(&points, x), y, "{x}");
        }
        assert_eq!((at(&points, 0.0), at(&points, 5.0)), (0.0, -10.0));
    }
}
