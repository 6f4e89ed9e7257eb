//! The weights of the filter: which source samples make an answer's sample.

/// Lanczos with three lobes, the extent of the kernel to both sides.
const LOBES: f64 = 3.0;

/// The source samples of one axis that make one sample of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// The first sample, counted from the start of the crop's samples.
    pub(super) start: usize,
    /// How many there are, at least 1.
    pub(super) count: usize,
    /// Where their weights begin.
    at: usize,
}

impl Window {
    /// The sample behind its last.
    pub(super) const fn end(self) -> usize {
        self.start + self.count
    }
}

/// The weights of one axis.
pub(super) struct Axis {
    /// The first source sample that the crop touches.
    pub(super) first: usize,
    /// How many it touches.
    pub(super) length: usize,
    pub(super) windows: Vec<Window>,
    weights: Vec<f32>,
}

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
        let mut weights = Vec::new();
        for at in 0..target {
            let middle = start - first + (f64::from(at) + 0.5) * ratio;
            let from = libm::ceil(middle - LOBES * stretch - 0.5).max(0.0) as usize;
            let to = libm::floor(middle + LOBES * stretch - 0.5).max(0.0) as usize + 1;
            let from = from.min(touched - 1);
            let to = to.clamp(from + 1, touched);
            let window = Window { start: from, count: to - from, at: weights.len() };
            let raw = |sample: usize| lanczos((sample as f64 + 0.5 - middle) / stretch);
            let sum: f64 = (from..to).map(raw).sum();
            // The middle sample is always within, so that the sum is not 0.
            weights.extend((from..to).map(|sample| (raw(sample) / sum) as f32));
            windows.push(window);
        }
        Self { first: first as usize, length: touched, windows, weights }
    }

    /// The weights of a window, one for each of its samples.
    pub(super) fn weights(&self, window: Window) -> &[f32] {
        &self.weights[window.at..window.at + window.count]
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
                let sum: f32 = axis.weights(*window).iter().sum();
                assert!((sum - 1.0).abs() < 1e-4, "{start} {length} {target}: {sum}");
            }
            assert!(axis.windows.is_sorted_by_key(|window| window.start));
            assert!(axis.windows.is_sorted_by_key(|window| window.start + window.count));
        }
    }
}
