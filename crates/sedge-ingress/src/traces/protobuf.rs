//! As much of the protobuf wire format as OTLP needs
//! (<https://protobuf.dev/programming-guides/encoding/>).

/// Wire types: how a field's value is told from what follows it.
const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const LENGTH: u64 = 2;
const FIXED32: u64 = 5;

/// A message that is written.
#[derive(Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn tag(&mut self, field: u32, wire: u64) {
        self.varint(u64::from(field) << 3 | wire);
    }

    /// An integer, a truth or an enumeration; 0 is what is not written.
    pub(super) fn number(&mut self, field: u32, value: u64) {
        if value != 0 {
            self.number_always(field, value);
        }
    }

    /// The same where 0 must be told from nothing (`oneof`).
    pub(super) fn number_always(&mut self, field: u32, value: u64) {
        self.tag(field, VARINT);
        self.varint(value);
    }

    pub(super) fn fixed64(&mut self, field: u32, value: u64) {
        self.tag(field, FIXED64);
        self.0.extend(value.to_le_bytes());
    }

    pub(super) fn fixed32(&mut self, field: u32, value: u32) {
        self.tag(field, FIXED32);
        self.0.extend(value.to_le_bytes());
    }

    /// Bytes or a text; none is what is not written.
    pub(super) fn bytes(&mut self, field: u32, value: &[u8]) {
        if !value.is_empty() {
            self.bytes_always(field, value);
        }
    }

    /// The same where an empty text must be told from nothing (`oneof`).
    pub(super) fn bytes_always(&mut self, field: u32, value: &[u8]) {
        self.tag(field, LENGTH);
        self.varint(value.len() as u64);
        self.0.extend(value);
    }

    /// A message in the message. Its length comes first and is not known before:
    /// it is put in afterwards.
    pub(super) fn message(&mut self, field: u32, write: impl FnOnce(&mut Writer)) {
        self.tag(field, LENGTH);
        let start = self.0.len();
        write(self);
        let mut length = Writer::default();
        length.varint((self.0.len() - start) as u64);
        self.0.splice(start..start, length.0);
    }
}

/// A field of a message that is read: its number, and its value.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// A varint or a fixed number.
    Number(u64),
    /// Bytes, a text or a message.
    Bytes(&'a [u8]),
}

/// Reads the fields of a message one by one, and ends at the first that makes
/// no sense.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = (u64, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let tag = self.varint()?;
        let value = match tag & 7 {
            VARINT => Value::Number(self.varint()?),
            FIXED64 => Value::Number(u64::from_le_bytes(self.take(8)?.try_into().ok()?)),
            FIXED32 => Value::Number(u32::from_le_bytes(self.take(4)?.try_into().ok()?).into()),
            LENGTH => {
                let length = self.varint()?;
                Value::Bytes(self.take(usize::try_from(length).ok()?)?)
            }
            _ => return None,
        };
        Some((tag >> 3, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_ends_where_the_bytes_make_no_sense() {
        for bad in [
            &[0x80][..],
            &[0x08],
            &[0x0a, 5, 1, 2],
            &[0x09, 1, 2, 3],
            &[0x0d, 1],
            &[0x0b],
            &[0xff; 11],
            &[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        ] {
            assert_eq!(Reader(bad).count(), 0, "{bad:x?}");
        }
    }

    /// The examples of the specification of the format.
    #[test]
    fn bytes_are_those_of_the_specification() {
        let mut writer = Writer::default();
        writer.number(1, 150);
        assert_eq!(writer.into_bytes(), [0x08, 0x96, 0x01]);
        let mut writer = Writer::default();
        writer.bytes(2, b"testing");
        assert_eq!(writer.into_bytes(), b"\x12\x07testing");
        let mut writer = Writer::default();
        writer.message(3, |inner| inner.number(1, 150));
        assert_eq!(writer.into_bytes(), [0x1a, 0x03, 0x08, 0x96, 0x01]);
    }

    #[test]
    fn what_is_written_is_read() {
        let long = vec![7u8; 70_000];
        let mut writer = Writer::default();
        writer.number(1, u64::MAX);
        writer.number(2, 0);
        writer.number_always(3, 0);
        writer.fixed64(4, 5);
        writer.fixed32(5, 6);
        writer.bytes(6, b"");
        writer.bytes_always(7, b"");
        writer.message(8, |inner| inner.message(9, |inner| inner.bytes(10, &long)));
        let bytes = writer.into_bytes();
        let mut fields: Vec<_> = Reader(&bytes).collect();
        let Some((8, Value::Bytes(nested))) = fields.pop() else { panic!("{fields:?}") };
        assert_eq!(
            fields,
            [
                (1, Value::Number(u64::MAX)),
                (3, Value::Number(0)),
                (4, Value::Number(5)),
                (5, Value::Number(6)),
                (7, Value::Bytes(b"")),
            ]
        );
        let Some((9, Value::Bytes(nested))) = Reader(nested).next() else { panic!() };
        assert_eq!(Reader(nested).next(), Some((10, Value::Bytes(&long))));
    }
}
