//! Types of metrics (Sparkplug 3.0 §6.4.16), and their values.

use super::message::MetricValue;
use crate::payload::record::finite;
use crate::payload::{Number, PayloadLimits, Problem, Value};

/// Types of metrics that are scalars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataType {
    /// A signed integer of so many bits: 8, 16, 32 or 64.
    Int(u32),
    /// An unsigned integer of so many bits.
    UInt(u32),
    /// A float of 32 bits.
    Float,
    /// A float of 64 bits.
    Double,
    /// A truth value.
    Boolean,
    /// Text: `String`, `Text` and `UUID`.
    Text,
    /// Milliseconds since 1970.
    DateTime,
    /// Bytes: `Bytes` and `File`.
    Bytes,
}

impl DataType {
    /// The type of this number; `None` if it is no scalar, or none of Sparkplug 3.0.
    pub fn of(number: u32) -> Option<Self> {
        Some(match number {
            1 => DataType::Int(8),
            2 => DataType::Int(16),
            3 => DataType::Int(32),
            4 => DataType::Int(64),
            5 => DataType::UInt(8),
            6 => DataType::UInt(16),
            7 => DataType::UInt(32),
            8 => DataType::UInt(64),
            9 => DataType::Float,
            10 => DataType::Double,
            11 => DataType::Boolean,
            13 => DataType::DateTime,
            12 | 14 | 15 => DataType::Text,
            17 | 18 => DataType::Bytes,
            _ => return None,
        })
    }

    /// The value, as it lies on the wire, as one of this type.
    pub(super) fn read(
        self,
        value: &MetricValue,
        limits: &PayloadLimits,
    ) -> Result<Value, Problem> {
        let bounded = |bytes: usize| match bytes > limits.value_bytes_max {
            true => Err(Problem::too_large("bytes of a value", limits.value_bytes_max)),
            false => Ok(()),
        };
        let number = match (self, value) {
            (DataType::Int(bits), MetricValue::Int(raw)) => signed((*raw).into(), bits)?,
            (DataType::Int(bits), MetricValue::Long(raw)) => signed(*raw, bits)?,
            (DataType::UInt(bits), MetricValue::Int(raw)) => unsigned((*raw).into(), bits)?,
            (DataType::UInt(bits), MetricValue::Long(raw)) => unsigned(*raw, bits)?,
            (DataType::DateTime, MetricValue::Long(raw)) => signed(*raw, 64)?,
            (DataType::Float | DataType::Double, MetricValue::Float(float)) => {
                finite((*float).into())?
            }
            (DataType::Float | DataType::Double, MetricValue::Double(float)) => finite(*float)?,
            (DataType::Boolean, MetricValue::Boolean(truth)) => return Ok(Value::Bool(*truth)),
            (DataType::Text, MetricValue::String(text)) => {
                bounded(text.len())?;
                return Ok(Value::Text(text.as_str().into()));
            }
            (DataType::Bytes, MetricValue::Bytes(bytes)) => {
                bounded(bytes.len())?;
                return Ok(Value::Bytes(bytes.as_ref().into()));
            }
            (expected, found) => {
                return Err(Problem::Type { expected: expected.kind(), found: kind(found) });
            }
        };
        Ok(Value::Number(number))
    }

    fn kind(self) -> &'static str {
        match self {
            DataType::Int(_) | DataType::UInt(_) => "an integer",
            DataType::Float | DataType::Double => "a float",
            DataType::Boolean => "a truth value",
            DataType::Text => "text",
            DataType::DateTime => "an integer of 64 bits",
            DataType::Bytes => "bytes",
        }
    }
}

fn kind(value: &MetricValue) -> &'static str {
    match value {
        MetricValue::Int(_) | MetricValue::Long(_) => "an integer",
        MetricValue::Float(_) | MetricValue::Double(_) => "a float",
        MetricValue::Boolean(_) => "a truth value",
        MetricValue::String(_) => "text",
        MetricValue::Bytes(_) => "bytes",
        MetricValue::DataSet(_) => "a data set",
        MetricValue::Template(_) => "a template",
        MetricValue::Extension(_) => "an extension",
    }
}

/// A signed integer in two's complement. Encoders write it in its own bits (-1 of 8 bits is
/// 255), or in the 32 or 64 bits of the field.
fn signed(raw: u64, bits: u32) -> Result<Number, Problem> {
    let unused = 64 - bits;
    let fits = |value: i64| value << unused >> unused == value;
    let value = match () {
        () if raw >> (bits - 1) <= 1 => (raw as i64) << unused >> unused,
        () if raw <= u32::MAX.into() => i64::from(raw as u32 as i32),
        () => raw as i64,
    };
    match fits(value) {
        true => Ok(Number::Int(value)),
        false => Err(Problem::range(format!("the integer does not fit in {bits} bits"))),
    }
}

fn unsigned(raw: u64, bits: u32) -> Result<Number, Problem> {
    match Number::integer(raw.into()) {
        Some(number) if raw >> (bits - 1) <= 1 => Ok(number),
        _ => Err(Problem::range(format!("the integer does not fit in {bits} bits"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_that_do_not_fit_are_told() {
        let limits = PayloadLimits::default();
        let read = |kind: DataType, value| kind.read(&value, &limits);
        for (kind, value) in [
            (DataType::Int(8), MetricValue::Int(256)),
            (DataType::Int(8), MetricValue::Int(0xffff_ff7f)),
            (DataType::Int(16), MetricValue::Int(0x1_0000)),
            (DataType::Int(32), MetricValue::Long(1 << 32)),
            (DataType::UInt(8), MetricValue::Int(256)),
            (DataType::UInt(16), MetricValue::Int(u32::MAX)),
            (DataType::UInt(32), MetricValue::Long(1 << 32)),
            (DataType::Float, MetricValue::Float(f32::NAN)),
            (DataType::Double, MetricValue::Double(f64::INFINITY)),
        ] {
            assert!(matches!(read(kind, value.clone()), Err(Problem::Range(_))), "{value:?}");
        }
        for (kind, value) in [
            (DataType::Int(8), MetricValue::Float(1.0)),
            (DataType::Boolean, MetricValue::Int(1)),
            (DataType::DateTime, MetricValue::Int(1)),
            (DataType::Text, MetricValue::Bytes(Default::default())),
        ] {
            assert!(matches!(read(kind, value.clone()), Err(Problem::Type { .. })), "{value:?}");
        }
    }

    #[test]
    fn signed_integers_come_in_their_own_bits_or_in_those_of_the_field() {
        let int = |raw, bits| signed(raw, bits).expect("fits");
        for raw in [0xff, 0xffff_ffff, u64::MAX] {
            assert_eq!(int(raw, 8), Number::Int(-1));
        }
        for (raw, bits, value) in [
            (0x80, 8, -128),
            (0x7f, 8, 127),
            (0xffff_ff80, 8, -128),
            (0x8000, 16, -32_768),
            (0xffff_8000, 16, -32_768),
            (0x8000_0000, 32, i32::MIN.into()),
            (u64::MAX, 32, -1),
            (u64::MAX, 64, -1),
            (i64::MAX as u64, 64, i64::MAX),
        ] {
            assert_eq!(int(raw, bits), Number::Int(value), "{raw:#x}");
        }
        assert_eq!(unsigned(u64::MAX, 64), Ok(Number::Uint(u64::MAX)));
        assert_eq!(unsigned(0xff, 8), Ok(Number::Int(255)));
    }
}
