//! Which field of a record is which.

use super::{Labels, Name, Number, PayloadError, Place, Problem, Record, Scalar};
use crate::payload::record::Field;

/// Declares the labels as one table: text and integer of RFC 8428 §4.3 and §6.
macro_rules! labels {
    ($($name:ident $text:literal $number:literal;)*) => {
        /// A field of SenML.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Label { $($name,)* }

        const LABELS: &[(Label, &str, i128)] = &[$((Label::$name, $text, $number),)*];
    };
}

labels! {
    BaseVersion "bver" -1;
    BaseName "bn" -2;
    BaseTime "bt" -3;
    BaseUnit "bu" -4;
    BaseValue "bv" -5;
    BaseSum "bs" -6;
    Name "n" 0;
    Unit "u" 1;
    Value "v" 2;
    StringValue "vs" 3;
    BooleanValue "vb" 4;
    Sum "s" 5;
    Time "t" 6;
    UpdateTime "ut" 7;
    DataValue "vd" 8;
}

/// The fields of a record that are SenML's.
pub(super) struct Fields<'r> {
    record: &'r Record<'r>,
    found: [Option<&'r Field<'r>>; LABELS.len()],
}

impl<'r> Fields<'r> {
    /// Finds them. Others are ignored, unless their label ends in `_` (§4.4).
    pub(super) fn sort(record: &'r Record<'r>, labels: Labels) -> Result<Self, PayloadError> {
        let mut fields = Fields { record, found: [None; LABELS.len()] };
        for field in &record.fields {
            let known = LABELS.iter().find(|(_, text, number)| match &field.label {
                Name::Text(label) => label == text,
                Name::Number(label) => label == number,
            });
            match (&field.label, known) {
                (Name::Text(_), Some((_, _, number))) if labels == Labels::Numbers => {
                    let expected = format!("the integer {number} as the label");
                    return Err(Problem::expected(expected).at(record.place_of(field)));
                }
                (_, Some((label, _, _))) => fields.found[*label as usize] = Some(field),
                (Name::Text(label), None) if label.ends_with('_') => {
                    return Err(Problem::NotUnderstood.at(record.place_of(field)));
                }
                (_, None) => {}
            }
        }
        Ok(fields)
    }

    pub(super) fn place(&self) -> Place {
        self.record.place()
    }

    /// The problem, at this field if it is there.
    pub(super) fn at(&self, label: Label, problem: Problem) -> PayloadError {
        let place = self.found[label as usize].map(|field| self.record.place_of(field));
        problem.at(place.unwrap_or_else(|| self.place()))
    }

    pub(super) fn get(&self, label: Label) -> Option<&'r Scalar<'r>> {
        self.found[label as usize].map(|field| &field.value)
    }

    fn read<T>(
        &self,
        label: Label,
        read: impl FnOnce(&'r Scalar<'r>) -> Result<T, Problem>,
    ) -> Result<Option<T>, PayloadError> {
        self.get(label).map(read).transpose().map_err(|problem| self.at(label, problem))
    }

    pub(super) fn number(&self, label: Label) -> Result<Option<Number>, PayloadError> {
        self.read(label, |value| value.number())
    }

    /// Seconds as nanoseconds.
    pub(super) fn time_ns(&self, label: Label) -> Result<Option<i128>, PayloadError> {
        self.read(label, |value| value.seconds_as_ns())
    }

    pub(super) fn text(&self, label: Label) -> Result<Option<&'r str>, PayloadError> {
        self.read(label, |value| value.text())
    }

    pub(super) fn truth(&self, label: Label) -> Result<Option<bool>, PayloadError> {
        self.read(label, |value| match value {
            Scalar::Bool(value) => Ok(*value),
            other => Err(Problem::Type { expected: "true or false", found: other.kind() }),
        })
    }
}
