//! What a device has measured or said, in whichever format.

use super::{PayloadError, PayloadLimits, Place, Problem};
use std::sync::Arc;

/// One reading.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// What [`name`](Self::name) is to be appended to for a name that is unique beyond the
    /// device: SenML's base name, or `group/node/` or `group/node/device/` in Sparkplug.
    /// Empty where the format has none.
    pub base: Arc<str>,
    /// The name of what was measured; may be empty if the base is not.
    pub name: Box<str>,
    /// The unit, as the device calls it; in SenML one of the registry of RFC 8428 §12.1.
    pub unit: Option<Arc<str>>,
    /// When it was measured, if the message says.
    pub time: Option<Time>,
    /// What was measured. `None` if the message says that there is no value, or if it has
    /// only a sum.
    pub value: Option<Value>,
    /// The values integrated over time, in the unit times seconds (RFC 8428 §4.2).
    pub sum: Option<Number>,
    /// Within how many nanoseconds the device will tell of it again (RFC 8428 §4.2).
    pub update_time_ns: Option<i64>,
    /// Whether the device sends it belatedly, so that it is not the present value
    /// (Sparkplug's `is_historical`).
    pub historical: bool,
}

impl Reading {
    /// A reading with nothing but a name, and perhaps a value.
    pub(crate) fn new(name: &str, value: Option<Value>) -> Self {
        Reading {
            base: Arc::from(""),
            name: name.into(),
            unit: None,
            time: None,
            value,
            sum: None,
            update_time_ns: None,
            historical: false,
        }
    }

    /// Base and name as one.
    pub fn full_name(&self) -> String {
        format!("{}{}", self.base, self.name)
    }
}

/// When something was measured. Nothing is judged: it may lie in the past or the future.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    /// Nanoseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
    Unix(i64),
    /// Nanoseconds after the message was received; before, if negative (RFC 8428 §4.5.3).
    SinceReceipt(i64),
}

impl Time {
    /// Nanoseconds since 1970, if the message was received at this time of the same kind;
    /// `None` if it does not fit.
    pub fn unix_ns(self, received_unix_ns: i64) -> Option<i64> {
        match self {
            Time::Unix(ns) => Some(ns),
            Time::SinceReceipt(ns) => received_unix_ns.checked_add(ns),
        }
    }
}

/// What was measured.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number.
    Number(Number),
    /// A truth value.
    Bool(bool),
    /// Text.
    Text(Box<str>),
    /// Bytes.
    Bytes(Box<[u8]>),
}

/// A number, exactly as it was sent if it is an integer of 64 bits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// An integer.
    Int(i64),
    /// An integer that is above the largest [`Int`](Self::Int).
    Uint(u64),
    /// What is no integer: finite, rounded to the nearest of its kind.
    Float(f64),
}

impl Number {
    /// The integer, if it has 64 bits.
    pub(super) fn integer(integer: i128) -> Option<Self> {
        i64::try_from(integer)
            .map(Number::Int)
            .or_else(|_| u64::try_from(integer).map(Number::Uint))
            .ok()
    }

    /// The nearest float.
    pub fn as_f64(self) -> f64 {
        match self {
            Number::Int(int) => int as f64,
            Number::Uint(int) => int as f64,
            Number::Float(float) => float,
        }
    }

    /// The sum: exact if both are integers and it is one of 64 bits, a float otherwise;
    /// `None` if that is not finite.
    pub(super) fn plus(self, other: Number) -> Option<Number> {
        let integer = |number| match number {
            Number::Int(int) => Some(i128::from(int)),
            Number::Uint(int) => Some(i128::from(int)),
            Number::Float(_) => None,
        };
        let exact = integer(self).zip(integer(other)).and_then(|(a, b)| Number::integer(a + b));
        exact.or_else(|| {
            let sum = self.as_f64() + other.as_f64();
            sum.is_finite().then_some(Number::Float(sum))
        })
    }
}

/// A name as the plain formats allow it: text within its bound, and no control characters,
/// because names become parts of lines and topics.
pub(super) fn check_name(
    name: &str,
    limits: &PayloadLimits,
    place: impl FnOnce() -> Place,
) -> Result<(), PayloadError> {
    if name.len() > limits.name_bytes_max {
        return Err(Problem::too_large("bytes of a name", limits.name_bytes_max).at(place()));
    }
    if name.is_empty() || name.chars().any(char::is_control) {
        let expected = "a name of one character or more, none of them a control character";
        return Err(Problem::expected(expected).at(place()));
    }
    Ok(())
}
