//! The least value of a function in a box, without derivatives: Nelder & Mead (*A Simplex
//! Method for Function Minimization*, Computer Journal 7, 1965).
//!
//! Parameters of smoothing have bounds, and their likelihood has kinks where a form breaks
//! down. Points outside of the box are moved to its wall, and a value that is no number
//! counts as the worst of all.

/// How many parameters there are at most.
pub(super) const DIMENSIONS: usize = 6;

/// A point; only the first few dimensions are used.
pub(super) type Point = [f64; DIMENSIONS];

/// Where a search may go.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Space {
    /// How many dimensions are used.
    pub(super) dimensions: usize,
    /// The walls.
    pub(super) low: Point,
    pub(super) high: Point,
}

impl Space {
    /// One dimension more; none beyond [`DIMENSIONS`].
    pub(super) fn add(&mut self, low: f64, high: f64) {
        if self.dimensions < DIMENSIONS {
            (self.low[self.dimensions], self.high[self.dimensions]) = (low, high);
            self.dimensions += 1;
        }
    }

    fn clamp(&self, mut point: Point) -> Point {
        for (axis, value) in point.iter_mut().enumerate().take(self.dimensions) {
            *value = value.max(self.low[axis]).min(self.high[axis]);
        }
        point
    }
}

/// What a search has found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    /// Where.
    pub(super) point: Point,
    /// The value there; infinite if the function has none anywhere that was looked.
    pub(super) value: f64,
}

/// Looks for the least value of `cost` from `start`, with about `evaluations_max` calls of it.
pub(super) fn minimize(
    space: &Space,
    start: Point,
    evaluations_max: usize,
    mut cost: impl FnMut(&Point) -> f64,
) -> Found {
    let mut evaluations = 0;
    let mut look = |point: Point| {
        evaluations += 1;
        let point = space.clamp(point);
        let value = cost(&point);
        (Found { point, value: if value.is_nan() { f64::INFINITY } else { value } }, evaluations)
    };
    let count = space.dimensions + 1;
    let mut simplex = [look(start).0; DIMENSIONS + 1];
    for axis in 0..space.dimensions {
        let mut point = simplex[0].point;
        // A fifth of the box, towards the side where there is room.
        let step = (space.high[axis] - space.low[axis]) * 0.2;
        let room = point[axis] + step <= space.high[axis];
        point[axis] += if room { step } else { -step };
        simplex[axis + 1] = look(point).0;
    }
    let simplex = &mut simplex[..count];
    loop {
        simplex.sort_by(|one, other| one.value.total_cmp(&other.value));
        let (best, worst) = (simplex[0], simplex[count - 1]);
        let close = (worst.value - best.value).abs() <= 1e-8 * (best.value.abs() + 1e-8);
        if close || count == 1 {
            return best;
        }
        let center = center(space, &simplex[..count - 1]);
        // At `center + factor · (center − worst)`.
        let along = |factor: f64| {
            core::array::from_fn(|axis| center[axis] + factor * (center[axis] - worst.point[axis]))
        };
        let (reflected, spent) = look(along(1.0));
        if spent >= evaluations_max {
            return if reflected.value < best.value { reflected } else { best };
        }
        let better = if reflected.value < best.value {
            let (expanded, _) = look(along(2.0));
            if expanded.value < reflected.value { expanded } else { reflected }
        } else if reflected.value < simplex[count - 2].value {
            reflected
        } else {
            let outside = reflected.value < worst.value;
            let (contracted, _) = look(along(if outside { 0.5 } else { -0.5 }));
            if contracted.value < worst.value.min(reflected.value) {
                contracted
            } else {
                for corner in &mut simplex[1..] {
                    let shrunk = core::array::from_fn(|axis| {
                        best.point[axis] + 0.5 * (corner.point[axis] - best.point[axis])
                    });
                    *corner = look(shrunk).0;
                }
                continue;
            }
        };
        simplex[count - 1] = better;
    }
}

fn center(space: &Space, corners: &[Found]) -> Point {
    let mut center = [0.0; DIMENSIONS];
    for corner in corners {
        for (sum, value) in center.iter_mut().zip(corner.point).take(space.dimensions) {
            *sum += value / corners.len() as f64;
        }
    }
    center
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(dimensions: usize) -> Space {
        let mut space = Space::default();
        (0..dimensions).for_each(|_| space.add(-2.0, 2.0));
        space
    }

    #[test]
    fn the_valley_of_rosenbrock_is_followed_to_its_end() {
        let rosenbrock = |point: &Point| {
            let [x, y, ..] = *point;
            (1.0 - x) * (1.0 - x) + 100.0 * (y - x * x) * (y - x * x)
        };
        let found = minimize(&square(2), [-1.2, 1.0, 0.0, 0.0, 0.0, 0.0], 1_000, rosenbrock);
        assert!((found.point[0] - 1.0).abs() < 1e-3, "{found:?}");
        assert!((found.point[1] - 1.0).abs() < 1e-3, "{found:?}");
    }

    #[test]
    fn walls_hold() {
        let found = minimize(&square(3), [0.0; DIMENSIONS], 500, |point| {
            assert!(point.iter().all(|value| (-2.0..=2.0).contains(value)));
            point[0] - point[1] + (point[2] - 5.0) * (point[2] - 5.0)
        });
        assert!((found.value - 5.0).abs() < 1e-6, "{found:?}");
    }

    #[test]
    fn a_function_without_values_ends() {
        let mut calls = 0;
        for value in [f64::NAN, f64::INFINITY, 0.0] {
            minimize(&square(6), [0.0; DIMENSIONS], 300, |_| {
                calls += 1;
                value
            });
        }
        assert!(calls <= 3 * 320, "{calls}");
        let none = minimize(&Space::default(), [0.0; DIMENSIONS], 10, |_| 7.0);
        assert_eq!(none.value, 7.0);
    }
}
