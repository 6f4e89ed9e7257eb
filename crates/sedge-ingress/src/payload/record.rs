//! Objects of fields, as the encodings deliver them and before anybody says what they
//! mean.

use super::decimal;
use super::{Number, PayloadError, Place, Problem};
use std::borrow::Cow;
use std::collections::HashSet;

/// What is done with each record; an error ends the decoding.
pub(super) type Sink<'s> = &'s mut dyn FnMut(&Record<'_>) -> Result<(), PayloadError>;

/// One object.
pub(super) struct Record<'a> {
    /// Which of the message, counted from 0.
    pub(super) index: usize,
    /// The byte at which it begins.
    pub(super) offset: usize,
    /// Its fields, in their order, each label once.
    pub(super) fields: Vec<Field<'a>>,
}

/// One field of an object.
pub(super) struct Field<'a> {
    pub(super) label: Label<'a>,
    pub(super) value: Scalar<'a>,
    /// The byte at which its value begins.
    pub(super) offset: usize,
}

/// What a field is called.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Label<'a> {
    Text(Cow<'a, str>),
    /// Only in CBOR.
    Number(i128),
}

/// The value of a field.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar<'a> {
    Null,
    Bool(bool),
    Int(Number),
    /// Perhaps not finite.
    Float(f64),
    /// A number as it is written, in JSON's grammar; perhaps too large.
    Decimal(Cow<'a, str>),
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
    /// A number or text that is marked as a time: nanoseconds since 1970.
    Time(i64),
    /// What is no scalar, by its name; it was checked and skipped.
    Other(&'static str),
}

impl Label<'_> {
    pub(super) fn shown(&self) -> Cow<'_, str> {
        match self {
            Label::Text(text) => Cow::Borrowed(text),
            Label::Number(number) => Cow::Owned(number.to_string()),
        }
    }
}

impl Scalar<'_> {
    /// What it is, in words.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Scalar::Null => "null",
            Scalar::Bool(_) => "a truth value",
            Scalar::Int(_) | Scalar::Float(_) | Scalar::Decimal(_) => "a number",
            Scalar::Text(_) => "text",
            Scalar::Bytes(_) => "bytes",
            Scalar::Time(_) => "a time",
            Scalar::Other(kind) => kind,
        }
    }

    fn wanted(&self, expected: &'static str) -> Problem {
        Problem::Type { expected, found: self.kind() }
    }

    pub(super) fn number(&self) -> Result<Number, Problem> {
        match self {
            Scalar::Int(number) => Ok(*number),
            Scalar::Float(float) => finite(*float),
            Scalar::Decimal(text) => decimal::number(text),
            _ => Err(self.wanted("a number")),
        }
    }

    /// A number of seconds as nanoseconds, which may not fit in 64 bits.
    pub(super) fn seconds_as_ns(&self) -> Result<i128, Problem> {
        let ns = match self {
            Scalar::Int(Number::Int(s)) => Some(i128::from(*s) * 1_000_000_000),
            Scalar::Int(Number::Uint(s)) => Some(i128::from(*s) * 1_000_000_000),
            Scalar::Int(Number::Float(float)) | Scalar::Float(float) => {
                finite(*float)?;
                decimal::scaled(&float.to_string(), 9)
            }
            Scalar::Decimal(text) => decimal::scaled(text, 9),
            _ => return Err(self.wanted("a number of seconds")),
        };
        ns.ok_or_else(out_of_time)
    }

    pub(super) fn text(&self) -> Result<&str, Problem> {
        match self {
            Scalar::Text(text) => Ok(text),
            _ => Err(self.wanted("text")),
        }
    }
}

/// A float as a number.
pub(super) fn finite(float: f64) -> Result<Number, Problem> {
    match float.is_finite() {
        true => Ok(Number::Float(float)),
        false => Err(Problem::range("not a finite number")),
    }
}

/// The time does not fit.
pub(super) fn out_of_time() -> Problem {
    Problem::range("the time is not between the years 1677 and 2262")
}

impl<'a> Record<'a> {
    /// Checks that no label is there twice.
    pub(super) fn new(
        index: usize,
        offset: usize,
        fields: Vec<Field<'a>>,
    ) -> Result<Self, PayloadError> {
        let mut labels = HashSet::with_capacity(fields.len());
        let twice = fields.iter().find(|field| !labels.insert(&field.label));
        if let Some(field) = twice {
            let place = Place::record(index).field(&field.label.shown()).offset(field.offset);
            return Err(Problem::Duplicate.at(place));
        }
        drop(labels);
        Ok(Record { index, offset, fields })
    }

    pub(super) fn place(&self) -> Place {
        Place::record(self.index).offset(self.offset)
    }

    pub(super) fn place_of(&self, field: &Field<'_>) -> Place {
        Place::record(self.index).field(&field.label.shown()).offset(field.offset)
    }
}
