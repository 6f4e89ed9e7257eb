//! JSON (RFC 8259) as records.
//!
//! `serde_json` finds where each value begins and ends; its text is then taken apart here,
//! because a number must not be rounded before somebody knows what it stands for, and an
//! error is to tell the byte.

use super::record::{Field, Label, Record, Scalar, Sink};
use super::{PayloadError, PayloadLimits, Place, Problem};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// An object as one record, or an array of objects as one record each.
pub(super) fn records(
    body: &[u8],
    limits: &PayloadLimits,
    sink: Sink<'_>,
) -> Result<(), PayloadError> {
    let text = Text::new(body)?;
    let all = text.whole()?;
    match all.get().starts_with('{') {
        true => sink(&text.record(0, all, limits)?),
        false => text.elements(all, limits, "an object or an array of objects", sink),
    }
}

/// An array of objects as one record each.
pub(super) fn records_of_array(
    body: &[u8],
    limits: &PayloadLimits,
    sink: Sink<'_>,
) -> Result<(), PayloadError> {
    let text = Text::new(body)?;
    text.elements(text.whole()?, limits, "an array of objects", sink)
}

/// The whole message.
struct Text<'a>(&'a str);

impl<'a> Text<'a> {
    fn new(body: &'a [u8]) -> Result<Self, PayloadError> {
        std::str::from_utf8(body)
            .map(Text)
            .map_err(|error| Problem::malformed("not UTF-8").at(Place::byte(error.valid_up_to())))
    }

    /// The one value that is there.
    fn whole(&self) -> Result<&'a RawValue, PayloadError> {
        serde_json::from_str(self.0).map_err(|error| {
            let place = Place::byte(self.offset_of(error.line(), error.column()));
            Problem::malformed(without_place(&error)).at(place)
        })
    }

    /// The byte that a line and a column, both counted from 1, stand for.
    fn offset_of(&self, line: usize, column: usize) -> usize {
        let lines = self.0.split_inclusive('\n').take(line.saturating_sub(1));
        let before: usize = lines.map(str::len).sum();
        (before + column.saturating_sub(1)).min(self.0.len())
    }

    /// Where a part of the message begins in it.
    fn offset(&self, part: &RawValue) -> usize {
        (part.get().as_ptr() as usize).saturating_sub(self.0.as_ptr() as usize)
    }

    fn elements(
        &self,
        array: &'a RawValue,
        limits: &PayloadLimits,
        expected: &'static str,
        sink: Sink<'_>,
    ) -> Result<(), PayloadError> {
        if !array.get().starts_with('[') {
            let found = kind(array.get());
            let place = Place::byte(self.offset(array));
            return Err(Problem::Type { expected, found }.at(place));
        }
        let mut index = 0;
        self.each(array, &mut |_, value| {
            if index == limits.readings_max {
                let place = Place::record(index).offset(self.offset(value));
                return Err(Problem::too_large("records", limits.readings_max).at(place));
            }
            sink(&self.record(index, value, limits)?)?;
            index += 1;
            Ok(())
        })
    }

    fn record(
        &self,
        index: usize,
        object: &'a RawValue,
        limits: &PayloadLimits,
    ) -> Result<Record<'a>, PayloadError> {
        let offset = self.offset(object);
        let place = || Place::record(index).offset(offset);
        if !object.get().starts_with('{') {
            let problem = Problem::Type { expected: "an object", found: kind(object.get()) };
            return Err(problem.at(place()));
        }
        let mut fields = Vec::new();
        self.each(object, &mut |name, value| {
            if fields.len() == limits.fields_max {
                return Err(Problem::too_large("fields", limits.fields_max).at(place()));
            }
            let name = name.unwrap_or_default();
            let offset = self.offset(value);
            let at = || Place::record(index).field(&name).offset(offset);
            let value = scalar(value.get(), limits).map_err(|problem| problem.at(at()))?;
            fields.push(Field { label: Label::Text(name), value, offset });
            Ok(())
        })?;
        Record::new(index, offset, fields)
    }

    /// Hands the elements of an array, or the members of an object, to `take`.
    fn each(&self, whole: &'a RawValue, take: Take<'_, 'a>) -> Result<(), PayloadError> {
        let mut failed = None;
        let mut parser = serde_json::Deserializer::from_str(whole.get());
        let result = Each { take, failed: &mut failed }.deserialize(&mut parser);
        match (failed, result) {
            (Some(error), _) => Err(error),
            (None, Ok(())) => Ok(()),
            // Its grammar was checked before, so it is an escape in a name.
            (None, Err(error)) => {
                let place = Place::byte(self.offset(whole));
                Err(Problem::malformed(without_place(&error)).at(place))
            }
        }
    }
}

/// What is done with each value, and its name in an object.
type Take<'t, 'a> =
    &'t mut dyn FnMut(Option<Cow<'a, str>>, &'a RawValue) -> Result<(), PayloadError>;

/// Visits the parts of one value.
struct Each<'t, 'a> {
    take: Take<'t, 'a>,
    failed: &'t mut Option<PayloadError>,
}

impl<'a> Each<'_, 'a> {
    fn part<E: serde::de::Error>(
        &mut self,
        name: Option<Cow<'a, str>>,
        value: &'a RawValue,
    ) -> Result<(), E> {
        (self.take)(name, value).map_err(|error| {
            *self.failed = Some(error);
            E::custom("refused")
        })
    }
}

impl<'a> DeserializeSeed<'a> for Each<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Each<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or an array")
    }

    fn visit_seq<A: SeqAccess<'a>>(mut self, mut seq: A) -> Result<(), A::Error> {
        while let Some(value) = seq.next_element::<&RawValue>()? {
            self.part(None, value)?;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'a>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key_seed(Unescaped)? {
            let value = map.next_value::<&RawValue>()?;
            self.part(Some(name), value)?;
        }
        Ok(())
    }
}

/// A string; borrowed from the message if it has no escapes.
struct Unescaped;

impl<'a> DeserializeSeed<'a> for Unescaped {
    type Value = Cow<'a, str>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Cow<'a, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a> Visitor<'a> for Unescaped {
    type Value = Cow<'a, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Cow<'a, str>, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Cow<'a, str>, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

fn scalar<'a>(text: &'a str, limits: &PayloadLimits) -> Result<Scalar<'a>, Problem> {
    match text.as_bytes().first() {
        Some(b'n') => Ok(Scalar::Null),
        Some(b't') => Ok(Scalar::Bool(true)),
        Some(b'f') => Ok(Scalar::Bool(false)),
        Some(b'"') => {
            let mut parser = serde_json::Deserializer::from_str(text);
            let string = Unescaped.deserialize(&mut parser);
            let string = string.map_err(|error| Problem::malformed(without_place(&error)))?;
            match string.len() > limits.value_bytes_max {
                true => Err(Problem::too_large("bytes of a text", limits.value_bytes_max)),
                false => Ok(Scalar::Text(string)),
            }
        }
        Some(b'[' | b'{') => {
            // It lies in an object, and that perhaps in an array.
            match depth(text) + 2 > limits.depth_max {
                true => Err(Problem::too_large("values within each other", limits.depth_max)),
                false => Ok(Scalar::Other(kind(text))),
            }
        }
        _ => Ok(Scalar::Decimal(Cow::Borrowed(text))),
    }
}

/// What a value is, in words.
fn kind(text: &str) -> &'static str {
    match text.as_bytes().first() {
        Some(b'n') => "null",
        Some(b't' | b'f') => "a truth value",
        Some(b'"') => "text",
        Some(b'[') => "an array",
        Some(b'{') => "an object",
        _ => "a number",
    }
}

/// How many arrays and objects lie within each other in a value that is well formed.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0usize, 0);
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => loop {
                match bytes.next() {
                    Some(b'\\') => drop(bytes.next()),
                    Some(b'"') | None => break,
                    Some(_) => {}
                }
            },
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// What `serde_json` says, without the line and column that it adds.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let message = text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message);
    format!("not JSON: {}", message.to_lowercase())
}
