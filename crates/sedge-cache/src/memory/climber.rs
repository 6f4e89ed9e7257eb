//! Sizes the window by climbing the hill of hits (Einziger, Eytan, Friedman and Manes,
//! "Adaptive Software Cache Management", Middleware 2018).
//!
//! Some caches are better off with recent objects, some with frequent ones. After each
//! sample of requests the window has grown or shrunk by a step; if there were more hits
//! than in the sample before, the next step goes the same way, otherwise back.

pub(super) struct Climber {
    hits: u32,
    requests: u32,
    /// Share of hits in the last sample.
    before: f64,
    /// Part of the tier by which the window grows at the next step; negative: shrinks.
    step: f64,
    /// Part of the tier that is window.
    window: f64,
}

const WINDOW_FIRST: f64 = 0.01;
const WINDOW_MIN: f64 = 0.005;
const WINDOW_MAX: f64 = 0.8;

/// The first step, and the one after what is asked for has changed.
const STEP: f64 = 0.0625;

/// Steps get shorter, so that a tier whose requests stay alike comes to rest.
const STEP_DECAY: f64 = 0.98;

/// A change of the share of hits which says that other things are asked for now.
const CHANGED: f64 = 0.05;

/// Requests in a sample for each object held.
const SAMPLE: usize = 10;

impl Climber {
    pub(super) fn new() -> Self {
        Climber { hits: 0, requests: 0, before: 0.0, step: STEP, window: WINDOW_FIRST }
    }

    /// Part of the tier that is window.
    pub(super) fn window(&self) -> f64 {
        self.window
    }

    /// Notes a request; whether the window has another size now.
    pub(super) fn note(&mut self, hit: bool, objects: usize) -> bool {
        self.hits += u32::from(hit);
        self.requests += 1;
        if (self.requests as usize) < SAMPLE * objects.clamp(100, 10_000_000) {
            return false;
        }
        let share = f64::from(self.hits) / f64::from(self.requests);
        let change = share - self.before;
        (self.hits, self.requests, self.before) = (0, 0, share);
        if change < 0.0 {
            self.step = -self.step;
        }
        self.step =
            if change.abs() >= CHANGED { STEP.copysign(self.step) } else { self.step * STEP_DECAY };
        let window = (self.window + self.step).clamp(WINDOW_MIN, WINDOW_MAX);
        let moved = window != self.window;
        self.window = window;
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shares of hits that are best with this window, for `samples` samples.
    fn climb(climber: &mut Climber, best: f64, samples: usize) {
        for _ in 0..samples {
            let share = 0.9 - (climber.window() - best).abs();
            for i in 0..1_000 {
                climber.note(f64::from(i) < share * 1_000.0, 100);
            }
        }
    }

    #[test]
    fn finds_the_best_window_and_stays() {
        for best in [0.01, 0.3, 0.7] {
            let mut climber = Climber::new();
            climb(&mut climber, best, 200);
            let found = climber.window();
            assert!((found - best).abs() <= STEP, "{found} instead of {best}");
        }
    }

    #[test]
    fn follows_when_something_else_is_asked_for() {
        let mut climber = Climber::new();
        climb(&mut climber, 0.1, 300);
        climb(&mut climber, 0.6, 300);
        let found = climber.window();
        assert!((found - 0.6).abs() < 0.1, "{found}");
    }

    #[test]
    fn keeps_within_its_bounds() {
        let mut climber = Climber::new();
        climb(&mut climber, 5.0, 100);
        assert!(climber.window() <= WINDOW_MAX);
        climb(&mut climber, -5.0, 100);
        assert!(climber.window() >= WINDOW_MIN);
    }
}
