//! Made traffic for tests: the same on every machine.

use super::window::Observed;
use crate::online::noise::Noise;

/// Traffic of one route: a daily wave, a rate that wobbles slowly and quickly, and latencies with
/// a heavy tail.
pub(super) struct Traffic {
    pub(super) noise: Noise,
    /// Requests a minute, in the mean of a day.
    pub(super) mean: f64,
    /// The share of answers with 5xx.
    pub(super) errors: f64,
    /// The median latency.
    pub(super) latency_ms: f64,
    /// How heavy the tail is: the deviation of the logarithm.
    pub(super) spread: f64,
    wobble: f64,
}

impl Traffic {
    pub(super) fn new(seed: u64, mean: f64) -> Self {
        let noise = Noise::new(seed);
        Traffic { noise, mean, errors: 0.003, latency_ms: 40.0, spread: 0.8, wobble: 0.0 }
    }

    /// The requests of a minute.
    pub(super) fn minute(&mut self, minute: i64) -> impl Iterator<Item = Observed> {
        let wave = libm::sin((minute % 1440) as f64 / 1440.0 * core::f64::consts::TAU);
        // A rate that wanders by a sixth for a quarter of an hour at a time.
        self.wobble = 0.93 * self.wobble + 0.06 * self.noise.normal();
        let rate = self.mean * (1.0 + 0.6 * wave) * libm::exp(self.wobble);
        let count = self.negative_binomial(rate, 8.0);
        // Answers are slower where there is more to do, and errors come together.
        let latency_ms = self.latency_ms * (1.0 + 0.15 * wave);
        let burst = if self.noise.uniform() < 0.1 { 5.0 } else { 0.55 };
        let errors = self.errors * burst;
        (0..count).map(move |_| Observed {
            time_ms: minute * 60_000,
            user: None,
            status: if self.noise.uniform() < errors { 503 } else { 200 },
            latency_ms: latency_ms * libm::exp(self.spread * self.noise.normal()),
            body_bytes: Some(1000),
        })
    }

    /// A Poisson count whose rate has a gamma distribution.
    pub(super) fn negative_binomial(&mut self, mean: f64, shape: f64) -> u64 {
        let rate = mean / shape * self.gamma(shape);
        self.poisson(rate)
    }

    /// Marsaglia & Tsang (ACM TOMS 26, 2000), for shapes of 1 and more.
    fn gamma(&mut self, shape: f64) -> f64 {
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / libm::sqrt(9.0 * d);
        loop {
            let x = self.noise.normal();
            let v = libm::pow((1.0 + c * x).max(0.0), 3.0);
            let u = self.noise.uniform();
            if v > 0.0 && libm::log(u) < 0.5 * x * x + d - d * v + d * libm::log(v) {
                return d * v;
            }
        }
    }

    /// By the times between events; the rates of tests are small.
    fn poisson(&mut self, rate: f64) -> u64 {
        let mut passed = 0.0;
        for count in 0.. {
            passed -= libm::log(self.noise.uniform());
            if passed > rate {
                return count;
            }
        }
        0
    }
}
