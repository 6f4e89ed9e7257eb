//! The next three readings, each with an interval that holds its share of what comes.
//!
//! **Value.** Five predictors run side by side; each prediction is compared with what came
//! one, two and three readings later, and the one with the smallest error lately speaks.
//!
//! **Interval.** Half its width is a quantile of the errors that the spoken predictions
//! made at the same horizon (split conformal prediction, Vovk et al. 2005), and which
//! quantile is steered by how often the intervals held (Gibbs & Candès, *Adaptive Conformal
//! Inference Under Distribution Shift*, NeurIPS 2021). The share is so kept in the long run
//! whatever the series does, without assuming a distribution.

use alloc::vec::Vec;

use super::nearest::{Nearest, SIZE_MAX};
use crate::forecast::{HORIZON, Prediction};
use crate::robust;
use crate::state::{Reader, StateError, Writer};

/// The errors that an interval is taken from.
pub const ERRORS: usize = 256;

const MODELS: usize = 5;
/// How fast the errors of the predictors are forgotten.
const COST_GAIN: f64 = 0.02;
/// An error counts at most so many usual ones when predictors compete.
const COST_CLIP: f64 = 5.0;
/// How far one reading moves the quantile.
const STEER: f64 = 0.01;
/// Fewer readings than this tell no width.
const ERRORS_MIN: usize = 3;
/// Smoothing of the levels, and of level and trend by Holt's method; how much of the trend
/// survives a step (Gardner & McKenzie, Management Science 31, 1985).
const FAST: f64 = 0.3;
const SLOW: f64 = 0.03;
const LEVEL_GAIN: f64 = 0.8;
const TREND_GAIN: f64 = 0.4;
const DAMPING: f64 = 0.9;

/// What every predictor said for one, two and three readings ahead, and which one spoke.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Said {
    values: [[f64; HORIZON]; MODELS],
    spoke: usize,
    widths: [Option<f64>; HORIZON],
}

/// Errors of the spoken predictions at one horizon.
#[derive(Clone, Debug, PartialEq)]
struct Held {
    errors: Nearest,
    /// The share that the quantile is taken at.
    share: f64,
}

/// The state of all predictors.
#[derive(Clone, Debug, PartialEq)]
pub struct Predictor {
    coverage: f64,
    readings: u64,
    fast: f64,
    slow: f64,
    level: f64,
    trend: f64,
    /// How far the last readings lay above what is usual at their time.
    offset: f64,
    costs: [f64; MODELS],
    /// What was said one, two and three readings ago.
    said: [Option<Said>; HORIZON],
    held: [Held; HORIZON],
}

impl Predictor {
    /// Intervals that hold `coverage` of the readings, clamped to [0.5, 0.99].
    pub fn new(coverage: f64) -> Self {
        let coverage = if coverage.is_finite() { coverage.clamp(0.5, 0.99) } else { 0.9 };
        let held = || Held { errors: Nearest::new(ERRORS), share: coverage };
        Predictor {
            coverage,
            readings: 0,
            fast: 0.0,
            slow: 0.0,
            level: 0.0,
            trend: 0.0,
            offset: 0.0,
            costs: [0.0; MODELS],
            said: [None; HORIZON],
            held: core::array::from_fn(|_| held()),
        }
    }

    /// Takes the next reading; not finite: there is none, and the step is passed over.
    /// `usual` is what is usual at its time, `next` at the times of the next three.
    /// What is expected of those; `None` before the first reading.
    pub fn observe(
        &mut self,
        value: f64,
        usual: Option<f64>,
        next: [Option<f64>; HORIZON],
    ) -> Option<[Prediction; HORIZON]> {
        if value.is_finite() {
            let value = value.clamp(-SIZE_MAX, SIZE_MAX);
            self.compare(value);
            self.learn(value, usual);
        }
        let said = (self.readings > 0).then(|| self.say(next));
        self.said.rotate_right(1);
        self.said[0] = said;
        let said = said?;
        Some(core::array::from_fn(|step| {
            let value = said.values[said.spoke][step];
            let interval = said.widths[step].map(|width| (value - width, value + width));
            Prediction { value, interval }
        }))
    }

    /// What was said of the reading that comes next.
    pub fn expected(&self) -> Option<f64> {
        self.said[0].map(|said| said.values[said.spoke][0])
    }

    /// Holds what was said against what came.
    fn compare(&mut self, value: f64) {
        for (step, said) in self.said.iter().enumerate() {
            let Some(said) = said else { continue };
            let error = (value - said.values[said.spoke][step]).abs().min(SIZE_MAX);
            let held = &mut self.held[step];
            if let Some(width) = said.widths[step] {
                let missed = f64::from(u8::from(error > width));
                let aim = held.share + STEER * (missed - (1.0 - self.coverage));
                held.share = aim.clamp(0.0, 1.0);
            }
            held.errors.push(error);
        }
        let Some(said) = self.said[0] else { return };
        for (cost, values) in self.costs.iter_mut().zip(said.values) {
            let error = (value - values[0]).abs().min(SIZE_MAX);
            let counted = if *cost > 0.0 { error.min(COST_CLIP * *cost) } else { error };
            *cost += COST_GAIN.max(1.0 / self.readings as f64) * (counted - *cost);
        }
    }

    fn learn(&mut self, value: f64, usual: Option<f64>) {
        self.readings = self.readings.saturating_add(1);
        if self.readings == 1 {
            (self.fast, self.slow, self.level) = (value, value, value);
        }
        self.fast += FAST * (value - self.fast);
        self.slow += SLOW.max(1.0 / self.readings as f64) * (value - self.slow);
        let expected = self.level + DAMPING * self.trend;
        let level = expected + LEVEL_GAIN * (value - expected);
        self.trend = TREND_GAIN * (level - self.level) + (1.0 - TREND_GAIN) * DAMPING * self.trend;
        self.level = level;
        if let Some(usual) = usual {
            self.offset += FAST * (value - usual - self.offset);
        }
        for state in
            [&mut self.fast, &mut self.slow, &mut self.level, &mut self.trend, &mut self.offset]
        {
            *state = state.clamp(-2.0 * SIZE_MAX, 2.0 * SIZE_MAX);
        }
    }

    fn say(&self, next: [Option<f64>; HORIZON]) -> Said {
        let mut values = [[0.0; HORIZON]; MODELS];
        let (mut reach, mut weight) = (0.0, 1.0);
        for step in 0..HORIZON {
            weight *= DAMPING;
            reach += weight;
            let seasonal = next[step].map(|usual| usual + self.offset);
            let models = [
                self.level,
                self.fast,
                self.slow,
                self.level + reach * self.trend,
                // As good as the slow one where nothing is usual.
                seasonal.unwrap_or(self.slow),
            ];
            for (values, value) in values.iter_mut().zip(models) {
                values[step] = value.clamp(-SIZE_MAX, SIZE_MAX);
            }
        }
        let spoke = (1..MODELS)
            .fold(0, |best, model| if self.costs[model] < self.costs[best] { model } else { best });
        let mut widest: Option<f64> = None;
        let widths = core::array::from_fn(|step| {
            // An interval never narrows with the horizon.
            widest = match (self.held[step].width(), widest) {
                (Some(width), Some(before)) => Some(width.max(before)),
                (width, before) => width.or(before),
            };
            widest
        });
        Said { values, spoke, widths }
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.held.iter().map(|held| held.errors.heap_bytes()).sum()
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        out.u64(self.readings);
        let states = [self.fast, self.slow, self.level, self.trend, self.offset];
        states.iter().chain(&self.costs).for_each(|state| out.f64(*state));
        for said in &self.said {
            out.u8(u8::from(said.is_some()));
            let Some(said) = said else { continue };
            said.values.iter().flatten().for_each(|value| out.f64(*value));
            out.u8(said.spoke as u8);
            for width in said.widths {
                out.u8(u8::from(width.is_some()));
                out.f64(width.unwrap_or(0.0));
            }
        }
        for held in &self.held {
            held.errors.write(out);
            out.f64(held.share);
        }
    }

    pub(crate) fn read(input: &mut Reader, coverage: f64) -> Result<Self, StateError> {
        let mut predictor = Predictor::new(coverage);
        predictor.readings = input.u64()?;
        let mut state = || input.f64_within(-2.0 * SIZE_MAX, 2.0 * SIZE_MAX);
        (predictor.fast, predictor.slow) = (state()?, state()?);
        (predictor.level, predictor.trend, predictor.offset) = (state()?, state()?, state()?);
        for cost in &mut predictor.costs {
            *cost = input.f64_within(0.0, SIZE_MAX)?;
        }
        for said in &mut predictor.said {
            *said = if input.bool()? { Some(Said::read(input)?) } else { None };
        }
        if predictor.readings == 0 && predictor.said.iter().any(Option::is_some) {
            return Err(StateError::Value);
        }
        for held in &mut predictor.held {
            held.errors = Nearest::read(input, ERRORS)?;
            held.share = input.f64_within(0.0, 1.0)?;
        }
        Ok(predictor)
    }
}

impl Said {
    fn read(input: &mut Reader) -> Result<Self, StateError> {
        let mut said = Said { values: [[0.0; HORIZON]; MODELS], spoke: 0, widths: [None; HORIZON] };
        for value in said.values.iter_mut().flatten() {
            *value = input.f64_within(-SIZE_MAX, SIZE_MAX)?;
        }
        said.spoke = usize::from(input.u8()?);
        if said.spoke >= MODELS {
            return Err(StateError::Value);
        }
        for width in &mut said.widths {
            let known = input.bool()?;
            let value = input.f64_within(0.0, f64::MAX)?;
            *width = known.then_some(value);
        }
        Ok(said)
    }
}

impl Held {
    /// Half the width of an interval; `None` while too little is known.
    fn width(&self) -> Option<f64> {
        let count = self.errors.len();
        if count < ERRORS_MIN {
            return None;
        }
        let rank = libm::ceil((count + 1) as f64 * self.share) as usize;
        if let Some(error) = self.errors.ranked(rank.saturating_sub(1)) {
            return Some(error);
        }
        if count == ERRORS {
            // The quantile was steered beyond the largest of all errors: twice that.
            return self.errors.ranked(count - 1).map(|largest| 2.0 * largest);
        }
        // Too few errors for that rank: Student's t on their spread stands in.
        let errors: Vec<f64> = (0..count).filter_map(|rank| self.errors.ranked(rank)).collect();
        let z = robust::normal_half_width(self.share.min(0.99));
        let t = robust::student_t(z, robust::degrees_of_freedom(count));
        Some((robust::spread(&errors, 0.0)? * t).min(SIZE_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::online::noise::Noise;

    /// Shares of the last readings that the intervals held, at each horizon.
    fn coverage(values: &[f64], coverage: f64, from: usize) -> [f64; HORIZON] {
        let mut predictor = Predictor::new(coverage);
        let mut said: Vec<[Prediction; HORIZON]> = Vec::new();
        let (mut hits, mut all) = ([0.0; HORIZON], [0.0; HORIZON]);
        for (index, value) in values.iter().enumerate() {
            for step in 0..HORIZON {
                let Some(before) = index.checked_sub(step + 1).filter(|_| index >= from) else {
                    continue;
                };
                let (low, high) = said[before][step].interval.expect("an interval");
                hits[step] += f64::from(u8::from((low..=high).contains(value)));
                all[step] += 1.0;
            }
            said.push(predictor.observe(*value, None, [None; HORIZON]).expect("a prediction"));
        }
        core::array::from_fn(|step| hits[step] / all[step])
    }

    #[test]
    fn nothing_is_predicted_from_nothing() {
        let mut predictor = Predictor::new(f64::NAN);
        for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(predictor.observe(odd, None, [None; HORIZON]), None);
        }
        let first = predictor.observe(5.0, None, [None; HORIZON]).expect("a prediction");
        assert!(first.iter().all(|one| one.value == 5.0 && one.interval.is_none()));
    }

    #[test]
    fn the_largest_numbers_stay_numbers() {
        let mut predictor = Predictor::new(0.9);
        for step in 0..1000 {
            let value = if step % 3 == 0 { f64::MAX } else { f64::MIN };
            for one in predictor.observe(value, Some(value), [Some(value); HORIZON]).unwrap() {
                assert!(one.value.is_finite());
                assert!(one.interval.is_none_or(|(low, high)| low <= high && high.is_finite()));
            }
        }
    }

    #[test]
    fn intervals_hold_their_share_of_every_kind_of_series() {
        let mut noise = Noise::new(9);
        let mut level = 0.0;
        let count = 6000;
        let kinds: [(&str, Vec<f64>); 5] = [
            ("noise", (0..count).map(|_| noise.normal()).collect()),
            ("heavy tails", (0..count).map(|_| noise.normal() / noise.uniform()).collect()),
            (
                "walk",
                (0..count)
                    .map(|_| {
                        level += noise.normal();
                        level
                    })
                    .collect(),
            ),
            ("growing noise", (0..count).map(|step| noise.normal() * f64::from(step)).collect()),
            (
                "levels",
                (0..count).map(|step| f64::from(step / 300 % 3) * 9.0 + noise.normal()).collect(),
            ),
        ];
        for (kind, values) in &kinds {
            for want in [0.8, 0.9] {
                for (step, got) in coverage(values, want, 500).into_iter().enumerate() {
                    // A wider interval at a nearer horizon is kept at the further one.
                    assert!(
                        got > want - 0.02 && got < want + 0.04,
                        "{kind} {want} at {step}: {got}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_first_intervals_do_not_promise_too_much() {
        let mut held = 0;
        for seed in 0..400 {
            let mut noise = Noise::new(seed);
            let values: Vec<f64> = (0..13).map(|_| noise.normal()).collect();
            held += usize::from(coverage(&values, 0.9, 12)[0] > 0.5);
        }
        assert!((340..=400).contains(&held), "{held} of 400");
    }

    #[test]
    fn what_is_usual_is_used_where_it_helps() {
        let mut predictor = Predictor::new(0.9);
        let mut noise = Noise::new(2);
        let wave = |step: u32| 50.0 * libm::sin(f64::from(step % 8));
        let mut last = None;
        for step in 0..500 {
            let next = core::array::from_fn(|ahead| Some(wave(step + 1 + ahead as u32)));
            last = predictor.observe(wave(step) + 3.0 + noise.normal(), Some(wave(step)), next);
        }
        for (ahead, one) in last.unwrap().iter().enumerate() {
            let want = wave(500 + ahead as u32) + 3.0;
            let (low, high) = one.interval.unwrap();
            assert!((one.value - want).abs() < 2.0, "{ahead}: {one:?}, not {want}");
            assert!(high - low < 8.0, "{one:?}");
        }
    }
}
