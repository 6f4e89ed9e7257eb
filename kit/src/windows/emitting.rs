//! Which results are told: all, or only those that say something new of their key.

use alloc::vec::Vec;

use super::plan::{Emit, Plan};
use crate::anomaly;
use crate::sketch::moments::SIZE_MAX;
use crate::state::{Reader, StateError, Writer};

/// How many results a surprise is judged by.
const HISTORY: usize = 64;

/// What is remembered of the results of a key.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Told {
    /// What was told last, if anything was.
    last: Option<Option<f64>>,
    /// The results that were closed last, the oldest first.
    history: Vec<f64>,
}

/// What is thought of a result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Opinion {
    pub(super) tell: bool,
    /// How surprising it is, where that was asked.
    pub(super) score: Option<f64>,
}

impl Told {
    /// Decides about a result; `late`: it replaces one that was closed before.
    pub(super) fn decide(&mut self, plan: &Plan, values: &[Option<f64>], late: bool) -> Opinion {
        match plan.emit {
            Emit::Close => Opinion { tell: true, score: None },
            Emit::Change { of, absolute, relative } => {
                let value = values.get(of).copied().flatten();
                let tell = match (self.last, value) {
                    (Some(Some(last)), Some(value)) => {
                        let difference = (value - last).abs();
                        difference > 0.0 && difference >= absolute.max(relative * last.abs())
                    }
                    (Some(last), value) => last != value,
                    (None, _) => true,
                };
                if tell {
                    self.last = Some(value);
                }
                Opinion { tell, score: None }
            }
            Emit::Anomaly { of, score_min } => {
                let value = values.get(of).copied().flatten();
                let score = value.map_or(0.0, |value| self.surprise(value, late));
                Opinion { tell: value.is_some() && score >= score_min, score: Some(score) }
            }
        }
    }

    fn surprise(&mut self, value: f64, late: bool) -> f64 {
        self.history.push(value);
        let score = anomaly::score_last(&self.history, None, 0.0).score;
        if late {
            // The result before, of the same window, is in the history already.
            self.history.pop();
        } else if self.history.len() > HISTORY {
            self.history.remove(0);
        }
        score
    }

    /// Whether nothing is remembered.
    pub(super) fn is_empty(&self) -> bool {
        self.last.is_none() && self.history.is_empty()
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.history.capacity() * size_of::<f64>()
    }

    pub(super) fn write(&self, out: &mut Writer, plan: &Plan) {
        match plan.emit {
            Emit::Close => {}
            Emit::Change { .. } => {
                out.u8(match self.last {
                    None => 0,
                    Some(None) => 1,
                    Some(Some(_)) => 2,
                });
                if let Some(Some(last)) = self.last {
                    out.f64(last);
                }
            }
            Emit::Anomaly { .. } => out.floats(self.history.iter().copied()),
        }
    }

    pub(super) fn read(input: &mut Reader, plan: &Plan) -> Result<Self, StateError> {
        let mut told = Told::default();
        match plan.emit {
            Emit::Close => {}
            Emit::Change { .. } => {
                told.last = match input.u8()? {
                    0 => None,
                    1 => Some(None),
                    2 => Some(Some(input.f64()?)),
                    _ => return Err(StateError::Value),
                };
            }
            // Variances are as large as the square of what they are of.
            Emit::Anomaly { .. } => told.history = input.floats(HISTORY, SIZE_MAX * SIZE_MAX)?,
        }
        Ok(told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::windows::plan::{Aggregate, Kind, Measure};
    use alloc::vec;

    fn plan(emit: Emit) -> Plan {
        let mean = Aggregate { measure: Measure::Mean, field: Some(0) };
        Plan { emit, ..Plan::new(Kind::tumbling(10), 1, vec![mean]) }
    }

    fn told(plan: &Plan, values: &[Option<f64>]) -> Vec<usize> {
        let (mut told, mut places) = (Told::default(), Vec::new());
        for (at, value) in values.iter().enumerate() {
            if told.decide(plan, &[*value], false).tell {
                places.push(at);
            }
            // Whatever is written and read between, nothing changes.
            let mut out = Writer::default();
            told.write(&mut out, plan);
            let bytes = out.finish();
            let mut input = Reader::new(&bytes);
            assert_eq!(Told::read(&mut input, plan), Ok(told.clone()));
            assert_eq!(input.finish(), Ok(()));
        }
        places
    }

    #[test]
    fn a_change_is_one_since_something_was_told() {
        let absolute = plan(Emit::Change { of: 0, absolute: 2.0, relative: 0.0 });
        let values = [5.0, 6.0, 6.9, 7.0, 5.1, 5.0, 5.0].map(Some);
        assert_eq!(told(&absolute, &values), [0, 3, 5]);
        let relative = plan(Emit::Change { of: 0, absolute: 0.0, relative: 0.1 });
        assert_eq!(told(&relative, &[100.0, 109.0, 110.0, 100.0, 99.0].map(Some)), [0, 2, 4]);
        let any = plan(Emit::Change { of: 0, absolute: 0.0, relative: 0.0 });
        assert_eq!(told(&any, &[None, None, Some(1.0), Some(1.0), None]), [0, 2, 4]);
    }

    #[test]
    fn an_anomaly_is_told_and_the_usual_is_not() {
        let plan = plan(Emit::Anomaly { of: 0, score_min: 0.5 });
        let mut values: Vec<_> = (0..100).map(|at| Some(20.0 + f64::from(at * 7 % 5))).collect();
        values[80] = Some(90.0);
        values[90] = None;
        assert_eq!(told(&plan, &values), [80]);
    }

    #[test]
    fn what_is_told_again_is_once_in_the_history() {
        let plan = plan(Emit::Anomaly { of: 0, score_min: 0.0 });
        let mut told = Told::default();
        told.decide(&plan, &[Some(1.0)], false);
        let before = told.clone();
        told.decide(&plan, &[Some(2.0)], true);
        assert_eq!(told, before);
    }
}
