//! CBOR (RFC 8949) as records.
//!
//! `minicbor` reads the items one by one; how they lie within each other is followed here,
//! so that the depth has a bound and what is skipped is checked to be well formed, too.

use super::decimal;
use super::record::{Field, Label, Record, Scalar, Sink, finite, out_of_time};
use super::{Number, PayloadError, PayloadLimits, Place, Problem, timestamp};
use minicbor::Decoder;
use minicbor::data::Type;
use std::borrow::Cow;

mod item;

/// "This is CBOR", and nothing more (RFC 8949 §3.4.6).
const SELF_DESCRIBED: u64 = 55_799;

/// A map as one record, or an array of maps as one record each.
pub(super) fn records(
    body: &[u8],
    limits: &PayloadLimits,
    sink: Sink<'_>,
) -> Result<(), PayloadError> {
    let mut items = Items::new(body, limits)?;
    match items.datatype().map_err(|problem| items.at(problem))? {
        Type::Map | Type::MapIndef => {
            let record = items.record(0, 1)?;
            sink(&record)?;
        }
        _ => items.elements("a map or an array of maps", sink)?,
    }
    items.finish()
}

/// An array of maps as one record each.
pub(super) fn records_of_array(
    body: &[u8],
    limits: &PayloadLimits,
    sink: Sink<'_>,
) -> Result<(), PayloadError> {
    let mut items = Items::new(body, limits)?;
    items.elements("an array of maps", sink)?;
    items.finish()
}

/// The items of a message, and where the next one begins.
struct Items<'a, 'l> {
    decoder: Decoder<'a>,
    limits: &'l PayloadLimits,
}

/// How many items follow.
enum Count {
    Left(u64),
    /// Until a break.
    Indefinite,
}

impl<'a, 'l> Items<'a, 'l> {
    fn new(body: &'a [u8], limits: &'l PayloadLimits) -> Result<Self, PayloadError> {
        let mut items = Items { decoder: Decoder::new(body), limits };
        let mut ahead = items.decoder.clone();
        if ahead.tag().is_ok_and(|tag| tag.as_u64() == SELF_DESCRIBED) {
            items.decoder = ahead;
        }
        Ok(items)
    }

    /// The problem, at the next item.
    fn at(&self, problem: Problem) -> PayloadError {
        problem.at(Place::byte(self.decoder.position()))
    }

    fn finish(&self) -> Result<(), PayloadError> {
        match self.decoder.position() == self.decoder.input().len() {
            true => Ok(()),
            false => Err(self.at(Problem::expected("the end of the message"))),
        }
    }

    fn elements(&mut self, expected: &'static str, sink: Sink<'_>) -> Result<(), PayloadError> {
        let start = self.decoder.position();
        let kind = self.datatype().map_err(|problem| self.at(problem))?;
        if !matches!(kind, Type::Array | Type::ArrayIndef) {
            let found = item::kind(kind);
            return Err(Problem::Type { expected, found }.at(Place::byte(start)));
        }
        let limit = self.limits.readings_max;
        let too_many =
            |index| Problem::too_large("records", limit).at(Place::record(index).offset(start));
        let mut count = self.count(Decoder::array).map_err(|problem| self.at(problem))?;
        // What the message claims is told before it is read.
        if matches!(count, Count::Left(count) if count > limit as u64) {
            return Err(too_many(limit));
        }
        let mut index = 0;
        while self.next(&mut count).map_err(|problem| self.at(problem))? {
            if index == limit {
                return Err(too_many(index));
            }
            let record = self.record(index, 2)?;
            sink(&record)?;
            index += 1;
        }
        Ok(())
    }

    fn record(&mut self, index: usize, depth: usize) -> Result<Record<'a>, PayloadError> {
        let offset = self.decoder.position();
        let at = |problem: Problem, offset| problem.at(Place::record(index).offset(offset));
        let kind = self.datatype().map_err(|problem| at(problem, offset))?;
        if !matches!(kind, Type::Map | Type::MapIndef) {
            let problem = Problem::Type { expected: "a map", found: item::kind(kind) };
            return Err(at(problem, offset));
        }
        let mut count = self.count(Decoder::map).map_err(|problem| at(problem, offset))?;
        let limit = self.limits.fields_max;
        if matches!(count, Count::Left(count) if count > limit as u64) {
            return Err(at(Problem::too_large("fields", limit), offset));
        }
        let mut fields = Vec::new();
        loop {
            let label_offset = self.decoder.position();
            let more = self.next(&mut count).map_err(|problem| at(problem, label_offset))?;
            if !more {
                break;
            }
            if fields.len() == limit {
                return Err(at(Problem::too_large("fields", limit), label_offset));
            }
            let label = self.label(depth).map_err(|problem| at(problem, label_offset))?;
            let offset = self.decoder.position();
            let value = self.scalar(depth + 1).map_err(|problem| {
                let place = Place::record(index).field(&label.shown());
                problem.at(place.offset(self.decoder.position()))
            })?;
            fields.push(Field { label, value, offset });
        }
        Record::new(index, offset, fields)
    }

    fn label(&mut self, depth: usize) -> Result<Label<'a>, Problem> {
        match self.scalar(depth + 1)? {
            Scalar::Text(text) => Ok(Label::Text(text)),
            Scalar::Int(Number::Int(int)) => Ok(Label::Number(int.into())),
            Scalar::Int(Number::Uint(int)) => Ok(Label::Number(int.into())),
            other => Err(Problem::Type {
                expected: "text or an integer as the name of a field",
                found: other.kind(),
            }),
        }
    }

    /// The next item, which lies at this depth if it is no scalar. If it fails, the decoder
    /// stands where the reason is.
    fn scalar(&mut self, depth: usize) -> Result<Scalar<'a>, Problem> {
        let start = self.decoder.position();
        Ok(match self.datatype()? {
            Type::Bool => Scalar::Bool(self.read(Decoder::bool)?),
            Type::Null => self.read(Decoder::null).map(|()| Scalar::Null)?,
            Type::Undefined => self.read(Decoder::undefined).map(|()| Scalar::Null)?,
            Type::F16 => Scalar::Float(self.half()?),
            Type::F32 => Scalar::Float(self.read(Decoder::f32)?.into()),
            Type::F64 => Scalar::Float(self.read(Decoder::f64)?),
            Type::Bytes | Type::BytesIndef => Scalar::Bytes(self.bytes()?),
            Type::String | Type::StringIndef => Scalar::Text(self.text()?),
            Type::Tag => return self.tagged(depth),
            kind @ (Type::Simple | Type::Array | Type::ArrayIndef | Type::Map | Type::MapIndef) => {
                self.skip(depth)?;
                Scalar::Other(item::kind(kind))
            }
            Type::Break | Type::Unknown(_) => {
                self.decoder.set_position(start);
                return Err(Problem::malformed("not CBOR: an item can not begin like this"));
            }
            // All that is left are integers.
            _ => {
                let int = i128::from(self.read(Decoder::int)?);
                match Number::integer(int) {
                    Some(number) => Scalar::Int(number),
                    None => Scalar::Decimal(Cow::Owned(int.to_string())),
                }
            }
        })
    }

    /// An item with a tag: times (0 and 1) and decimal fractions (4) mean something here,
    /// others are checked and skipped.
    fn tagged(&mut self, depth: usize) -> Result<Scalar<'a>, Problem> {
        let start = self.decoder.position();
        self.check_depth(depth)?;
        let tag = self.read(Decoder::tag)?.as_u64();
        let time = match (tag, self.datatype()?) {
            (0, Type::String | Type::StringIndef) => {
                let text = self.text()?;
                timestamp::rfc3339_ns(&text)
            }
            (1, Type::Bytes | Type::BytesIndef | Type::String | Type::StringIndef) => {
                Err(Problem::Type { expected: "a number behind the tag 1", found: "a string" })
            }
            (1, _) => match self.scalar(depth + 1)? {
                Scalar::Float(float) if finite(float).is_err() => Err(out_of_time()),
                value => value
                    .seconds_as_ns()
                    .and_then(|ns| i64::try_from(ns).map_err(|_| out_of_time())),
            },
            (4, Type::Array) => return self.decimal_fraction(depth + 1, start),
            _ => {
                self.skip(depth + 1)?;
                return Ok(Scalar::Other(match tag {
                    2 | 3 => "an integer of more than 64 bits",
                    _ => "an item with a tag",
                }));
            }
        };
        time.map(Scalar::Time).inspect_err(|_| self.decoder.set_position(start))
    }

    /// An exponent to the base of ten and a mantissa (RFC 8949 §3.4.4).
    fn decimal_fraction(&mut self, depth: usize, start: usize) -> Result<Scalar<'a>, Problem> {
        self.check_depth(depth)?;
        let count = self.read(Decoder::array)?;
        let part = |items: &mut Self| match items.scalar(depth + 1)? {
            Scalar::Int(Number::Int(int)) => Ok(int),
            _ => Err(Problem::expected("two integers of 64 bits behind the tag 4")),
        };
        let parts = match count {
            Some(2) => part(self).and_then(|exponent| Ok((exponent, part(self)?))),
            _ => Err(Problem::expected("two integers of 64 bits behind the tag 4")),
        };
        let (exponent, mantissa) = parts.inspect_err(|_| self.decoder.set_position(start))?;
        let text = format!("{mantissa}e{exponent}");
        debug_assert!(decimal::is_number(&text));
        Ok(Scalar::Decimal(Cow::Owned(text)))
    }
}
