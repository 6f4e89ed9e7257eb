//! Sizes the window by climbing the hill of hits (Einziger, Eytan, Friedman and Manes,
//! "Adaptive Software Cache Management", Middleware 2018).
//!
//! Some caches are better off with recent objects, some with frequent ones. After each
//! sample of requests the window has grown or shrunk by a step; if there were more hits
//! than in the sample before, the next step goes the same way, otherwise back. As the
//! share of hits differs by chance from sample to sample, only a difference that is larger
//! than chance leads the way. Without one the window goes back to its least size, as a
//! small one is the best guess, and a step is tried from time to time.

pub(super) struct Climber {
    hits: u32,
    requests: u32,
    /// Share of hits in the last sample.
    before: f64,
    /// Part of the tier by which the window grew at the last step; negative: shrank.
    step: f64,
    /// Part of the tier that is window.
    window: f64,
    /// Samples with the least window that showed nothing.
    idle: u32,
}

const WINDOW_MIN: f64 = 0.01;
const WINDOW_MAX: f64 = 0.8;

/// Part of the tier by which the window grows or shrinks at first.
const STEP: f64 = 0.04;

/// The longest step: each that led to more hits is followed by one twice as long.
const STEP_MAX: f64 = 0.16;

/// Part of the window that goes when nothing says that it is of use.
const BACK: f64 = 0.2;

/// Samples with the least window after which a larger one is tried.
const IDLE_MAX: u32 = 10;

/// Standard deviations of the share of hits that are not chance.
const DEVIATIONS: f64 = 3.0;

/// Requests in a sample for each object held.
const SAMPLE: usize = 5;

impl Climber {
    pub(super) fn new() -> Self {
        let (hits, requests, before, step) = (0, 0, 0.0, STEP);
        Climber { hits, requests, before, step, window: WINDOW_MIN, idle: IDLE_MAX / 2 }
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
        let requests = f64::from(self.requests);
        let share = f64::from(self.hits) / requests;
        let change = share - self.before;
        let chance = DEVIATIONS * (share * (1.0 - share) / requests).sqrt();
        (self.hits, self.requests, self.before) = (0, 0, share);
        self.step = self.next_step(change, chance);
        let window = (self.window + self.step).clamp(WINDOW_MIN, WINDOW_MAX);
        let moved = window != self.window;
        self.window = window;
        moved
    }

    fn next_step(&mut self, change: f64, chance: f64) -> f64 {
        if change.abs() > chance {
            if change < 0.0 {
                return STEP.copysign(-self.step);
            }
            return (self.step.abs() * 2.0).clamp(STEP, STEP_MAX).copysign(self.step);
        }
        if self.window > WINDOW_MIN {
            return -(self.window * BACK);
        }
        self.idle += 1;
        if self.idle < IDLE_MAX {
            return -WINDOW_MIN;
        }
        self.idle = 0;
        STEP
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shares of hits by the window, for `samples` samples of 20,000 requests.
    fn climb(climber: &mut Climber, samples: usize, share: impl Fn(f64) -> f64) {
        for _ in 0..samples {
            let hits = share(climber.window()) * 20_000.0;
            for i in 0..20_000 {
                climber.note(f64::from(i) < hits, 4_000);
            }
        }
    }

    #[test]
    fn finds_the_best_window_and_stays_near() {
        for best in [0.01, 0.3, 0.7] {
            let mut climber = Climber::new();
            climb(&mut climber, 100, |window| 0.9 - (window - best).abs());
            let found = climber.window();
            assert!((found - best).abs() <= STEP_MAX, "{found} instead of {best}");
        }
    }

    #[test]
    fn follows_when_something_else_is_asked_for() {
        let mut climber = Climber::new();
        climb(&mut climber, 100, |window| 0.9 - (window - 0.1).abs());
        climb(&mut climber, 100, |window| 0.9 - (window - 0.6).abs());
        let found = climber.window();
        assert!((found - 0.6).abs() <= STEP_MAX, "{found}");
    }

    #[test]
    fn a_window_that_is_of_no_use_is_small() {
        let mut climber = Climber::new();
        climb(&mut climber, 50, |window| 0.1 + window);
        assert!(climber.window() > 0.5);
        climb(&mut climber, 50, |_| 0.5);
        assert!(climber.window() <= WINDOW_MIN + STEP, "{}", climber.window());
    }

    #[test]
    fn keeps_within_its_bounds() {
        let mut climber = Climber::new();
        climb(&mut climber, 50, |window| 0.1 + window);
        assert!(climber.window() <= WINDOW_MAX);
        climb(&mut climber, 50, |window| 0.9 - window);
        assert!(climber.window() >= WINDOW_MIN);
    }
}
