//! All that is watched of one sensor, reading by reading: surprise, change, drift, what
//! comes next, and the alert level.

use alloc::vec::Vec;

use super::change::{Change, Changed};
use super::detector::{Detector, Joining, Verdict};
use super::drift::{Drift, Drifting};
use super::predictor::Predictor;
use crate::alert::AlertLevel;
use crate::alert::alarm::{Alarm, Policy};
use crate::forecast::{HORIZON, Prediction};
use crate::robust;
use crate::state::{Reader, StateError, Writer};

/// What a written state begins with, and its version.
const MAGIC: [u8; 4] = *b"smon";
const VERSION: u32 = 2;

/// Distances in time that the step is the median of.
const STEPS: usize = 9;

/// What a monitor may be told about its sensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MonitorOptions {
    /// Seconds of a cycle that there may be; `None` if there is none.
    pub cycle_s: Option<f64>,
    /// How the evidence of the detectors is joined.
    pub joining: Joining,
    /// Share of the readings to come that the intervals hold, 0.5 to 0.99.
    pub coverage: f64,
    /// When alert levels are raised and cleared.
    pub policy: Policy,
}

/// A day, nine in ten, and else the defaults.
impl Default for MonitorOptions {
    fn default() -> Self {
        MonitorOptions {
            cycle_s: Some(86_400.0),
            joining: Joining::default(),
            coverage: 0.9,
            policy: Policy::default(),
        }
    }
}

/// What is thought of one reading, and of the series as of this reading.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observation {
    /// How surprising the reading is, and why.
    pub verdict: Verdict,
    /// The level that it has left for good, if that is certain now.
    pub changed: Option<Changed>,
    /// Where the level creeps, if it does.
    pub drifting: Option<Drifting>,
    /// The next three readings; `None` before the first one.
    pub next: Option<[Prediction; HORIZON]>,
    /// The alert level.
    pub level: AlertLevel,
    /// Whether this reading has raised or cleared it.
    pub level_changed: bool,
    /// For how many readings the value has been exactly the same.
    pub run: u64,
    /// What had been predicted for the reading, if anything.
    pub expected: Option<f64>,
}

/// The state of one sensor: about 600 kB in memory, half of it written down.
#[derive(Clone, Debug, PartialEq)]
pub struct Monitor {
    options: MonitorOptions,
    detector: Detector,
    change: Change,
    drift: Drift,
    predictor: Predictor,
    alarm: Alarm,
    readings: u64,
    gaps: u64,
    last_s: Option<f64>,
    /// The last distances in time above zero, as a ring.
    steps_s: Vec<f64>,
}

impl Monitor {
    /// Knows nothing yet.
    pub fn new(options: MonitorOptions) -> Self {
        let cycle_s = options.cycle_s.filter(|cycle_s| cycle_s.is_finite() && *cycle_s > 0.0);
        let options = MonitorOptions { cycle_s, ..options };
        Monitor {
            options,
            detector: Detector::new(cycle_s, options.joining),
            change: Change::default(),
            drift: Drift::default(),
            predictor: Predictor::new(options.coverage),
            alarm: Alarm::default(),
            readings: 0,
            gaps: 0,
            last_s: None,
            steps_s: Vec::new(),
        }
    }

    /// Takes the next reading, taken `time_s` seconds after any epoch (not finite:
    /// unknown). A value that is not finite is a gap: counted, never learned. Times may
    /// repeat, leap and go back; what came late is judged like any other reading.
    pub fn observe(&mut self, time_s: f64, value: f64) -> Observation {
        let usual = self.detector.usual(time_s);
        let expected = self.predictor.expected();
        let verdict = self.detector.observe(time_s, value, expected);
        let (mut changed, mut drifting) = (None, self.drift.found());
        if value.is_finite() {
            self.readings = self.readings.saturating_add(1);
            self.keep_time(time_s);
            changed = self.change.observe(value);
            drifting = self.drift.observe(self.cycle(time_s), value);
        } else {
            self.gaps = self.gaps.saturating_add(1);
        }
        let step_s = self.step_s();
        let next = core::array::from_fn(|ahead| {
            self.detector.usual(time_s + step_s? * (ahead + 1) as f64)
        });
        let next = self.predictor.observe(value, usual, next);
        let level = self.alarm.observe(&self.options.policy, value, verdict.score);
        Observation {
            verdict,
            changed,
            drifting,
            next,
            level: self.alarm.level(),
            level_changed: level.is_some(),
            run: self.detector.run(),
            expected,
        }
    }

    fn keep_time(&mut self, time_s: f64) {
        if !time_s.is_finite() {
            return;
        }
        if let Some(last_s) = self.last_s {
            let step_s = time_s - last_s;
            if step_s > 0.0 && step_s.is_finite() {
                if self.steps_s.len() < STEPS {
                    self.steps_s.push(step_s);
                } else {
                    self.steps_s.rotate_left(1);
                    self.steps_s[STEPS - 1] = step_s;
                }
            }
        }
        self.last_s = Some(time_s);
    }

    /// Seconds between readings; `None` while no two times are known.
    pub fn step_s(&self) -> Option<f64> {
        robust::median(&self.steps_s)
    }

    /// Readings and gaps so far.
    pub fn counts(&self) -> (u64, u64) {
        (self.readings, self.gaps)
    }

    fn cycle(&self, time_s: f64) -> Option<i64> {
        let cycles = libm::floor(time_s / self.options.cycle_s?);
        // The cast saturates.
        cycles.is_finite().then_some(cycles as i64)
    }

    /// Sets another policy; what was learned stays.
    pub fn set_policy(&mut self, policy: Policy) {
        self.options.policy = policy;
    }

    /// Bytes of memory that the monitor takes.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>()
            + self.detector.heap_bytes()
            + self.drift.heap_bytes()
            + self.predictor.heap_bytes()
            + size_of::<f64>() * self.steps_s.capacity()
    }

    /// The state as bytes, for [`Monitor::from_bytes`].
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::default();
        MAGIC.iter().for_each(|byte| out.u8(*byte));
        out.u32(VERSION);
        out.u8(u8::from(self.options.cycle_s.is_some()));
        out.f64(self.options.cycle_s.unwrap_or(0.0));
        out.u64(self.readings);
        out.u64(self.gaps);
        out.u8(u8::from(self.last_s.is_some()));
        out.f64(self.last_s.unwrap_or(0.0));
        out.floats(self.steps_s.iter().copied());
        self.alarm.parts().iter().for_each(|part| out.u32(*part));
        self.detector.write(&mut out);
        self.change.write(&mut out);
        self.drift.write(&mut out);
        self.predictor.write(&mut out);
        out.finish()
    }

    /// Reads what [`Monitor::to_bytes`] has written, at any time before. Coverage,
    /// joining and policy are those of `options`; the cycle must be the same as it was. Bytes that
    /// are anything else are an error.
    pub fn from_bytes(bytes: &[u8], options: MonitorOptions) -> Result<Self, StateError> {
        let mut input = Reader::new(bytes);
        let mut monitor = Monitor::new(options);
        for byte in MAGIC {
            if input.u8()? != byte {
                return Err(StateError::Version);
            }
        }
        if input.u32()? != VERSION {
            return Err(StateError::Version);
        }
        let known = input.bool()?;
        let cycle_s = input.f64_within(0.0, f64::MAX)?;
        if known.then_some(cycle_s) != monitor.options.cycle_s {
            return Err(StateError::Version);
        }
        (monitor.readings, monitor.gaps) = (input.u64()?, input.u64()?);
        let known = input.bool()?;
        let last_s = input.f64()?;
        monitor.last_s = known.then_some(last_s);
        monitor.steps_s = input.floats(STEPS, f64::MAX)?;
        let mut parts = [0; 5];
        for part in &mut parts {
            *part = input.u32()?;
        }
        monitor.alarm = Alarm::from_parts(parts).ok_or(StateError::Value)?;
        monitor.detector = Detector::read(&mut input, monitor.options.cycle_s, options.joining)?;
        monitor.change = Change::read(&mut input)?;
        monitor.drift = Drift::read(&mut input)?;
        monitor.predictor = Predictor::read(&mut input, options.coverage)?;
        input.finish()?;
        Ok(monitor)
    }
}

#[cfg(test)]
mod tests;
