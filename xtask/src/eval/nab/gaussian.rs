//! The baseline that the scorer is checked by: the windowed Gaussian of the benchmark,
//! whose published standard score is 39.6.

use sedge_kit::robust;

/// Readings that mean and deviation are taken from, and how many are exchanged at a time
/// once there are as many.
const WINDOW: usize = 6_400;
const STEP: usize = 100;

/// The published scores were read back from files with twelve digits, so that whatever is
/// as good as certain is equally certain, and is above the threshold together.
const PRINTED: f64 = 1e12;

/// The anomaly scores of `values`, one for each: the probability that a normal
/// distribution with the mean and deviation of the window before lies nearer to its mean
/// on that side, 1 − Q(|value − mean| / deviation).
pub(super) fn scores(values: &[f64]) -> Vec<f64> {
    let mut window = Window::default();
    let mut waiting = Vec::new();
    let mut scores = Vec::with_capacity(values.len());
    for &value in values {
        let score = if window.values.is_empty() { 0.0 } else { 1.0 - window.tail(value) };
        scores.push((score * PRINTED).round() / PRINTED);
        if window.values.len() < WINDOW {
            window.push(value);
            continue;
        }
        waiting.push(value);
        if waiting.len() == STEP {
            let kept = window.values.split_off(STEP);
            window = Window::default();
            kept.into_iter().chain(waiting.drain(..)).for_each(|value| window.push(value));
        }
    }
    scores
}

/// Readings with their mean and the sum of their squared distances to it, kept up to date
/// as they come (Welford, Technometrics 4, 1962), which leaves a constant without any.
#[derive(Default)]
struct Window {
    values: Vec<f64>,
    mean: f64,
    squares: f64,
}

impl Window {
    fn push(&mut self, value: f64) {
        self.values.push(value);
        let distance = value - self.mean;
        self.mean += distance / self.values.len() as f64;
        self.squares += distance * (value - self.mean);
    }

    fn tail(&self, value: f64) -> f64 {
        let deviation = (self.squares / self.values.len() as f64).sqrt();
        let deviation = if deviation == 0.0 { 0.000_001 } else { deviation };
        robust::normal_tail((value - self.mean).abs() / deviation)
    }
}
