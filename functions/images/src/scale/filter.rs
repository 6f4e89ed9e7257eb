//! The weights of the filter: which source samples make an answer's sample.

/// Lanczos with three lobes, the extent of the kernel to both sides.
const LOBES: f64 = 3.0;

/// The source samples of one axis that make one sample of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// The first sample, counted from the start of the crop's samples: an even one, so that
    /// pairs of samples are the same ones for all windows.
    pub(super) start: usize,
    /// How many there are, at least 1.
    pub(super) count: usize,
    /// Where their weights begin, in pairs.
    at: usize,
}

impl Window {
    /// The sample behind its last.
    pub(super) const fn end(self) -> usize {
        self.start + self.count
    }

    /// How many pairs of weights it has.
    const fn pairs(self) -> usize {
        self.count.div_ceil(2)
    }
}

/// The weights of one axis.
pub(super) struct Axis {
    /// The first source sample that the crop touches.
    pub(super) first: usize,
    /// How many it touches.
    pub(super) length: usize,
    pub(super) windows: Vec<Window>,
    /// Fixed-point numbers; those of a window sum to `1 << shift`.
    weights: Vec<[i16; 2]>,
    /// The binary digits of the weights behind the point.
    pub(super) shift: u32,
}

/// Weights have so many binary digits behind the point at most: a sum of products with
/// samples of 16 bits stays within 32, as the weights of a window sum to 1, and their
/// absolute values to less than 2.
const SHIFT_MAX: u32 = 15;

impl Axis {
    /// The weights to scale the `length` samples from `start` on, fractions of
    /// samples included, of an axis of `whole` samples, to `target` samples.
    ///
    /// Computed with `libm` in double precision, so that every platform has the
    /// same. Beyond the samples that the crop touches nothing is read.
    pub(super) fn new(start: f64, length: f64, whole: u32, target: u32) -> Self {
        let first = libm::floor(start).clamp(0.0, f64::from(whole - 1));
        let end = libm::ceil(start + length).clamp(first + 1.0, f64::from(whole));
        let touched = (end - first) as usize;
        let ratio = length / f64::from(target);
        // Of a source that is larger, the kernel is stretched over more samples.
        let stretch = ratio.max(1.0);
        let mut windows = Vec::with_capacity(target as usize);
        let mut exact = Vec::new();
        for at in 0..target {
            let middle = start - first + (f64::from(at) + 0.5) * ratio;
            let from = libm::ceil(middle - LOBES * stretch - 0.5).max(0.0) as usize;
            let to = libm::floor(middle + LOBES * stretch - 0.5).max(0.0) as usize + 1;
            let to = to.clamp(from.min(touched - 1) + 1, touched);
            // What comes before the kernel weighs nothing.
            let from = from.min(touched - 1) & !1;
            let window = Window { start: from, count: to - from, at: exact.len() / 2 };
            let raw = |sample: usize| lanczos((sample as f64 + 0.5 - middle) / stretch);
            let begin = exact.len();
            exact.extend((from..to).map(raw));
            // The middle sample is always within, so that the sum is not 0.
            let sum: f64 = exact[begin..].iter().sum();
            exact[begin..].iter_mut().for_each(|weight| *weight /= sum);
            // Of an odd count the last one has a partner that weighs nothing.
            exact.resize(exact.len().next_multiple_of(2), 0.0);
            windows.push(window);
        }
        let largest = exact.iter().fold(0.0f64, |most, weight| most.max(weight.abs()));
        let fits = |shift: &u32| largest * f64::from(1 << shift) < f64::from(i16::MAX);
        let shift = (0..=SHIFT_MAX).rev().find(fits).unwrap_or(0);
        let mut weights = vec![[0; 2]; exact.len() / 2];
        for window in &windows {
            let pairs = &mut weights[window.at..window.at + window.pairs()];
            let exact = &exact[2 * window.at..];
            round(exact, shift, pairs.as_flattened_mut());
        }
        Self { first: first as usize, length: touched, windows, weights, shift }
    }

    /// The weights of a window, one for each of its samples, in pairs.
    pub(super) fn weights(&self, window: Window) -> &[[i16; 2]] {
        &self.weights[window.at..window.at + window.pairs()]
    }
}

/// To fixed-point numbers whose sum is 1 exactly: what one is rounded by is made good by
/// the next, so that also of many tiny weights no brightness is lost.
fn round(exact: &[f64], shift: u32, weights: &mut [i16]) {
    let (mut sum, mut given) = (0.0, 0);
    for (exact, weight) in exact.iter().zip(weights) {
        sum += exact * f64::from(1 << shift);
        let upto = libm::round(sum) as i32;
        *weight = (upto - given) as i16;
        given = upto;
    }
}

fn lanczos(x: f64) -> f64 {
    let sinc = |x: f64| {
        let angle = std::f64::consts::PI * x;
        if x == 0.0 { 1.0 } else { libm::sin(angle) / angle }
    };
    if x.abs() < LOBES { sinc(x) * sinc(x / LOBES) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_stay_within_the_crop_and_weigh_one() {
        for (start, length, whole, target) in [
            (0.0, 1.0, 1, 1),
            (0.0, 1.0, 1, 5000),
            (0.0, 30_000.0, 30_000, 1),
            (99.99, 0.01, 100, 7),
            (0.0, 0.001, 100, 3),
            (3.7, 41.3, 45, 10),
            (3.7, 41.300_000_001, 45, 83),
            (5.0, 10.0, 20, 10),
        ] {
            let axis = Axis::new(start, length, whole, target);
            assert!(axis.first + axis.length <= whole as usize);
            assert_eq!(axis.windows.len(), target as usize);
            for window in &axis.windows {
                assert!(window.count > 0 && window.start + window.count <= axis.length);
                let weights = axis.weights(*window).as_flattened();
                let weights = weights.iter().map(|weight| i32::from(*weight));
                assert_eq!(weights.clone().sum::<i32>(), 1 << axis.shift, "{start} {length}");
                let absolute: i32 = weights.map(i32::abs).sum();
                assert!(absolute < 2 << axis.shift, "{start} {length} {target}: {absolute}");
            }
            assert!(axis.windows.is_sorted_by_key(|window| window.start));
            assert!(axis.windows.is_sorted_by_key(|window| window.start + window.count));
        }
    }
}
