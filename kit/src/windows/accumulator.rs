//! What is kept of the events of a pane: enough for every aggregate, and mergeable.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::plan::{Aggregate, Measure};
use crate::sketch::distinct::Distinct;
use crate::sketch::hash::xxh64;
use crate::sketch::moments::{Moments, SIZE_MAX};
use crate::sketch::quantiles::Quantiles;
use crate::state::{Reader, StateError, Writer};

/// The relative error of quantiles.
const ACCURACY: f64 = 0.01;
/// Sizes of a factor of 10⁸, at that error.
const BINS_MAX: usize = 1_024;
/// A standard error of 1.6 %, in 4 KiB.
const PRECISION: u8 = 12;
/// The seed of the hash of texts; numbers and texts are never the same.
const TEXTS: u64 = 1;

/// A value of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar<'a> {
    /// A number: finite, and at most 10¹⁴⁰ from zero.
    Number(f64),
    /// A text, which can be counted and told from others.
    Text(&'a str),
}

impl Scalar<'_> {
    /// Whether it can be taken.
    pub(super) fn is_good(&self) -> bool {
        match self {
            Scalar::Number(number) => (-SIZE_MAX..=SIZE_MAX).contains(number),
            Scalar::Text(_) => true,
        }
    }
}

/// What has to be kept of a field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Need {
    pub(super) moments: bool,
    pub(super) quantiles: bool,
    pub(super) distinct: bool,
}

impl Need {
    pub(super) fn bits(self) -> u8 {
        u8::from(self.moments) | u8::from(self.quantiles) << 1 | u8::from(self.distinct) << 2
    }
}

/// What is kept of one field.
#[derive(Clone, Debug, Default, PartialEq)]
struct Field {
    /// How many values there were.
    present: u64,
    moments: Moments,
    quantiles: Option<Box<Quantiles>>,
    distinct: Option<Box<Distinct>>,
}

/// What is kept of some events.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Accumulator {
    count: u64,
    fields: Box<[Field]>,
}

impl Accumulator {
    /// No event.
    pub(super) fn new(needs: &[Need]) -> Self {
        let field = |need: &Need| Field {
            quantiles: need.quantiles.then(|| Box::new(Quantiles::new(ACCURACY, BINS_MAX))),
            distinct: need.distinct.then(|| Box::new(Distinct::new(PRECISION))),
            ..Field::default()
        };
        Accumulator { count: 0, fields: needs.iter().map(field).collect() }
    }

    /// Takes an event; values that are missing are none, as in SQL.
    pub(super) fn insert(&mut self, needs: &[Need], time_ms: i64, values: &[Option<Scalar>]) {
        self.count = self.count.saturating_add(1);
        for ((field, need), value) in self.fields.iter_mut().zip(needs).zip(values) {
            let Some(value) = value else { continue };
            field.present = field.present.saturating_add(1);
            if let Scalar::Number(number) = *value {
                if need.moments {
                    field.moments.insert(time_ms, number);
                }
                if let Some(quantiles) = &mut field.quantiles {
                    quantiles.insert(number);
                }
            }
            if let Some(distinct) = &mut field.distinct {
                distinct.insert_hash(match value {
                    // Zero is zero, with whichever sign.
                    Scalar::Number(number) => xxh64(&(number + 0.0).to_bits().to_le_bytes(), 0),
                    Scalar::Text(text) => xxh64(text.as_bytes(), TEXTS),
                });
            }
        }
    }

    /// Adds all that `other` has seen, which has the same needs.
    pub(super) fn merge(&mut self, other: &Accumulator) {
        self.count = self.count.saturating_add(other.count);
        for (ours, theirs) in self.fields.iter_mut().zip(&other.fields) {
            ours.present = ours.present.saturating_add(theirs.present);
            ours.moments.merge(&theirs.moments);
            if let (Some(ours), Some(theirs)) = (&mut ours.quantiles, &theirs.quantiles) {
                ours.merge(theirs);
            }
            if let (Some(ours), Some(theirs)) = (&mut ours.distinct, &theirs.distinct) {
                ours.merge(theirs);
            }
        }
    }

    /// How many events there were.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The value of an aggregate over so many milliseconds; none of no values, as in SQL.
    pub(super) fn value(&self, aggregate: &Aggregate, length_ms: i64) -> Option<f64> {
        let Aggregate { measure, field } = *aggregate;
        let field = field.and_then(|field| self.fields.get(field));
        let count = field.map_or(self.count, |field| field.present) as f64;
        match measure {
            Measure::Count => return Some(count),
            Measure::Rate => {
                return (length_ms > 0).then(|| count / (length_ms as f64 / 1000.0));
            }
            _ => {}
        }
        let field = field?;
        let moments = &field.moments;
        let numbers = moments.count() as f64;
        let population = || match moments.count() {
            1 => Some(0.0),
            _ => moments.variance().map(|variance| variance * ((numbers - 1.0) / numbers)),
        };
        match measure {
            Measure::Sum => (moments.count() > 0).then(|| moments.sum()),
            // As SQL has it: the sum, which is compensated, by the number. It is exact where
            // the sum is.
            Measure::Mean => (moments.count() > 0).then(|| moments.sum() / numbers),
            Measure::VarianceSample => moments.variance(),
            Measure::VariancePopulation => population(),
            Measure::DeviationSample => moments.variance().map(libm::sqrt),
            Measure::DeviationPopulation => population().map(libm::sqrt),
            Measure::Min => moments.min(),
            Measure::Max => moments.max(),
            Measure::First => moments.first().map(|first| first.value),
            Measure::Last => moments.last().map(|last| last.value),
            Measure::Quantile(share) => field.quantiles.as_ref()?.quantile(share),
            Measure::Distinct => field.distinct.as_ref().map(|distinct| distinct.estimate()),
            Measure::Count | Measure::Rate => None,
        }
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        let field = |field: &Field| {
            let quantiles = field.quantiles.as_ref().map_or(0, |sketch| sketch.memory_bytes());
            let distinct = field.distinct.as_ref().map_or(0, |sketch| sketch.memory_bytes());
            size_of::<Field>() + quantiles + distinct
        };
        self.fields.iter().map(field).sum()
    }

    pub(super) fn write(&self, out: &mut Writer, needs: &[Need]) {
        out.varint(self.count);
        for (field, need) in self.fields.iter().zip(needs) {
            out.varint(field.present);
            if need.moments {
                field.moments.write(out);
            }
            if let Some(quantiles) = &field.quantiles {
                quantiles.write(out);
            }
            if let Some(distinct) = &field.distinct {
                distinct.write(out);
            }
        }
    }

    pub(super) fn read(input: &mut Reader, needs: &[Need]) -> Result<Self, StateError> {
        let count = input.varint()?;
        let mut fields = Vec::with_capacity(needs.len());
        for need in needs {
            let mut field = Field { present: input.varint()?, ..Field::default() };
            if need.moments {
                field.moments = Moments::read(input)?;
            }
            if need.quantiles {
                let sketch = Quantiles::read(input)?;
                if sketch.accuracy() != ACCURACY || sketch.count() > field.present {
                    return Err(StateError::Value);
                }
                // Whatever number of bins was written, it has no more than ours.
                let mut ours = Quantiles::new(ACCURACY, BINS_MAX);
                ours.merge(&sketch);
                field.quantiles = Some(Box::new(ours));
            }
            if need.distinct {
                let sketch = Distinct::read(input)?;
                if sketch.precision() != PRECISION {
                    return Err(StateError::Value);
                }
                field.distinct = Some(Box::new(sketch));
            }
            if field.present > count || field.moments.count() > field.present {
                return Err(StateError::Value);
            }
            fields.push(field);
        }
        if count == 0 {
            return Err(StateError::Value);
        }
        Ok(Accumulator { count, fields: fields.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Need = Need { moments: true, quantiles: true, distinct: true };

    fn of(values: &[Option<Scalar>]) -> Accumulator {
        let mut accumulator = Accumulator::new(&[ALL]);
        for (at, value) in values.iter().enumerate() {
            accumulator.insert(&[ALL], at as i64, &[*value]);
        }
        accumulator
    }

    fn value(accumulator: &Accumulator, measure: Measure) -> Option<f64> {
        accumulator.value(&Aggregate { measure, field: Some(0) }, 2_000)
    }

    #[test]
    fn of_no_values_there_is_nothing_but_their_number() {
        let none = of(&[None, None]);
        for measure in [Measure::Sum, Measure::Mean, Measure::Min, Measure::VariancePopulation] {
            assert_eq!(value(&none, measure), None, "{measure:?}");
        }
        assert_eq!(value(&none, Measure::Count), Some(0.0));
        assert_eq!(value(&none, Measure::Distinct), Some(0.0));
        let events = Aggregate { measure: Measure::Count, field: None };
        assert_eq!(none.value(&events, 1), Some(2.0));
        let rate = Aggregate { measure: Measure::Rate, field: None };
        assert_eq!(none.value(&rate, 500), Some(4.0));
        assert_eq!(none.value(&rate, 0), None);
    }

    #[test]
    fn every_measure_says_what_it_is() {
        let some = of(&[
            Some(Scalar::Number(1.0)),
            Some(Scalar::Text("on")),
            None,
            Some(Scalar::Number(4.0)),
            Some(Scalar::Number(1.0)),
        ]);
        for (measure, want) in [
            (Measure::Count, 4.0),
            (Measure::Sum, 6.0),
            (Measure::Mean, 2.0),
            (Measure::VarianceSample, 3.0),
            (Measure::VariancePopulation, 2.0),
            (Measure::Min, 1.0),
            (Measure::Max, 4.0),
            (Measure::First, 1.0),
            (Measure::Last, 1.0),
            (Measure::Quantile(1.0), 4.0),
            (Measure::Rate, 2.0),
        ] {
            let got = value(&some, measure).unwrap();
            assert!((got - want).abs() < 1e-12, "{measure:?}: {got}");
        }
        assert!((value(&some, Measure::Distinct).unwrap() - 3.0).abs() < 1e-3);
        assert_eq!(value(&of(&[Some(Scalar::Number(7.0))]), Measure::VarianceSample), None);
    }

    #[test]
    fn what_was_written_is_read_and_nothing_else() {
        let values: Vec<_> = (0..3_000).map(|at| Some(Scalar::Number(f64::from(at)))).collect();
        let whole = of(&values);
        let mut out = Writer::default();
        whole.write(&mut out, &[ALL]);
        let bytes = out.finish();
        fn read(bytes: &[u8], needs: &[Need]) -> Result<Accumulator, StateError> {
            Accumulator::read(&mut Reader::new(bytes), needs)
        }
        assert_eq!(read(&bytes, &[ALL]).as_ref(), Ok(&whole));
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length], &[ALL]).is_err(), "{length} bytes");
        }
        // More values than events, and no event at all.
        assert_eq!(read(&[1, 2], &[Need::default()]), Err(StateError::Value));
        assert_eq!(read(&[0], &[]), Err(StateError::Value));
        let mut joined = of(&values[..100]);
        joined.merge(&of(&values[100..]));
        assert_eq!(value(&joined, Measure::Distinct), value(&whole, Measure::Distinct));
        assert_eq!(value(&joined, Measure::Sum), value(&whole, Measure::Sum));
        assert!(whole.heap_bytes() < 32 << 10, "{}", whole.heap_bytes());
    }
}
