//! Single items, and what is skipped.

use super::{Count, Items};
use crate::payload::Problem;
use minicbor::Decoder;
use minicbor::data::Type;
use minicbor::decode::Error;
use std::borrow::Cow;

impl<'a> Items<'a, '_> {
    /// Reads one item by `read`; if it fails, the decoder stands where the item begins.
    pub(super) fn read<T>(
        &mut self,
        read: impl FnOnce(&mut Decoder<'a>) -> Result<T, Error>,
    ) -> Result<T, Problem> {
        let start = self.decoder.position();
        read(&mut self.decoder).map_err(|error| {
            let ends = error.is_end_of_input();
            self.decoder.set_position(if ends { self.decoder.input().len() } else { start });
            match ends {
                true => Problem::malformed("not CBOR: the message ends within an item"),
                false => Problem::malformed("not CBOR: an item of another kind must be here"),
            }
        })
    }

    /// Of which kind the next item is.
    pub(super) fn datatype(&mut self) -> Result<Type, Problem> {
        self.read(|decoder| decoder.datatype())
    }

    /// Begins an array or a map.
    pub(super) fn count(
        &mut self,
        begin: impl FnOnce(&mut Decoder<'a>) -> Result<Option<u64>, Error>,
    ) -> Result<Count, Problem> {
        Ok(self.read(begin)?.map_or(Count::Indefinite, Count::Left))
    }

    /// Whether there is another element, or pair, in what was begun.
    pub(super) fn next(&mut self, count: &mut Count) -> Result<bool, Problem> {
        match count {
            Count::Left(0) => Ok(false),
            Count::Left(left) => {
                *left -= 1;
                Ok(true)
            }
            Count::Indefinite => {
                if self.datatype()? != Type::Break {
                    return Ok(true);
                }
                self.decoder.set_position(self.decoder.position() + 1);
                Ok(false)
            }
        }
    }

    /// Whether something may lie at this depth.
    pub(super) fn check_depth(&self, depth: usize) -> Result<(), Problem> {
        match depth > self.limits.depth_max {
            true => Err(Problem::too_large("items within each other", self.limits.depth_max)),
            false => Ok(()),
        }
    }

    /// Text, in one piece or several.
    pub(super) fn text(&mut self) -> Result<Cow<'a, str>, Problem> {
        let bytes = self.pieces(Type::String, |decoder| decoder.str().map(str::as_bytes))?;
        // Each piece is UTF-8 by itself, so all of them are (RFC 8949 §3.2.3).
        let invalid = |_| Problem::malformed("not CBOR: text that is not UTF-8");
        match bytes {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(invalid),
            Cow::Owned(bytes) => String::from_utf8(bytes)
                .map(Cow::Owned)
                .map_err(|error| invalid(error.utf8_error())),
        }
    }

    /// Bytes, in one piece or several.
    pub(super) fn bytes(&mut self) -> Result<Cow<'a, [u8]>, Problem> {
        self.pieces(Type::Bytes, Decoder::bytes)
    }

    /// A string whose pieces are of this kind.
    fn pieces(
        &mut self,
        kind: Type,
        read: impl Fn(&mut Decoder<'a>) -> Result<&'a [u8], Error>,
    ) -> Result<Cow<'a, [u8]>, Problem> {
        let limit = self.limits.value_bytes_max;
        let start = self.decoder.position();
        if self.datatype()? == kind {
            let bytes = self.read(read)?;
            return match bytes.len() > limit {
                true => {
                    self.decoder.set_position(start);
                    Err(Problem::too_large("bytes of a text or bytes", limit))
                }
                false => Ok(Cow::Borrowed(bytes)),
            };
        }
        // The head of a string of no stated length is one byte.
        self.decoder.set_position(start + 1);
        let mut whole = Vec::new();
        while self.next(&mut Count::Indefinite)? {
            let bytes = self.read(&read)?;
            if whole.len() + bytes.len() > limit {
                self.decoder.set_position(start);
                return Err(Problem::too_large("bytes of a text or bytes", limit));
            }
            whole.extend_from_slice(bytes);
        }
        Ok(Cow::Owned(whole))
    }

    /// A float of 16 bits (RFC 8949, appendix D; IEEE 754-2019 §3.4): a sign, 5 bits of
    /// exponent and 10 of fraction.
    pub(super) fn half(&mut self) -> Result<f64, Problem> {
        let start = self.decoder.position();
        let bytes = self.decoder.input().get(start + 1..start + 3);
        let Some(&[high, low]) = bytes else {
            return self.read(|_| Err(Error::end_of_input()));
        };
        self.decoder.set_position(start + 3);
        let bits = u16::from_be_bytes([high, low]);
        let fraction = f64::from(bits & 0x3ff);
        let size = match i32::from(bits >> 10 & 0x1f) {
            0 => fraction * 2f64.powi(-24),
            31 if fraction == 0.0 => f64::INFINITY,
            31 => f64::NAN,
            exponent => (1024.0 + fraction) * 2f64.powi(exponent - 25),
        };
        Ok(if bits & 0x8000 == 0 { size } else { -size })
    }

    /// Passes over an item at this depth, and checks that it is well formed.
    pub(super) fn skip(&mut self, depth: usize) -> Result<(), Problem> {
        let start = self.decoder.position();
        match self.datatype()? {
            Type::Simple => {
                let value = self.read(Decoder::simple)?;
                // The longer form is not for values that have the shorter (RFC 8949 §3.3).
                let is_long = self.decoder.position() == start + 2;
                if is_long && value < 32 {
                    self.decoder.set_position(start);
                    return Err(Problem::malformed("not CBOR: a simple value in the wrong form"));
                }
                Ok(())
            }
            Type::Tag => {
                self.check_depth(depth)?;
                self.read(Decoder::tag)?;
                self.skip(depth + 1)
            }
            Type::Array | Type::ArrayIndef => {
                self.check_depth(depth)?;
                let mut count = self.count(Decoder::array)?;
                while self.next(&mut count)? {
                    self.skip(depth + 1)?;
                }
                Ok(())
            }
            Type::Map | Type::MapIndef => {
                self.check_depth(depth)?;
                let mut count = self.count(Decoder::map)?;
                while self.next(&mut count)? {
                    self.skip(depth + 1)?;
                    self.skip(depth + 1)?;
                }
                Ok(())
            }
            _ => self.scalar(depth).map(drop),
        }
    }
}

/// What an item is, in words.
pub(super) fn kind(kind: Type) -> &'static str {
    match kind {
        Type::Bool => "a truth value",
        Type::Null | Type::Undefined => "null",
        Type::Simple => "a simple value",
        Type::Bytes | Type::BytesIndef => "bytes",
        Type::String | Type::StringIndef => "text",
        Type::Array | Type::ArrayIndef => "an array",
        Type::Map | Type::MapIndef => "a map",
        Type::Tag => "an item with a tag",
        Type::Break => "a break",
        Type::Unknown(_) => "what is no item",
        _ => "a number",
    }
}
