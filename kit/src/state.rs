//! State as bytes: little endian, in a fixed order, checked when it is read.
//!
//! What is read may be damaged or hostile: every length is compared with its limit before
//! anything is allocated, every number must be one, and whatever can be computed from the
//! rest (an order, a sum) is computed again and not believed.

use alloc::vec::Vec;

use crate::primitives::crc32::crc32;

/// Why bytes are no state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateError {
    /// They end too early.
    Short,
    /// They go on after the end.
    Long,
    /// They are of another kind of state, or of a version that is not known.
    Version,
    /// A number is none, or outside of what it can be.
    Value,
    /// A list is longer than it can be.
    Length,
    /// The checksum is not that of the rest: the bytes were damaged.
    Checksum,
}

impl core::fmt::Display for StateError {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        out.write_str(match self {
            StateError::Short => "the state ends too early",
            StateError::Long => "the state goes on after its end",
            StateError::Version => "the state is of an unknown kind or version",
            StateError::Value => "a number in the state is out of range",
            StateError::Length => "a list in the state is too long",
            StateError::Checksum => "the state does not match its checksum",
        })
    }
}

impl core::error::Error for StateError {}

/// A state that is kept by itself, as bytes: four letters that tell its kind, its version, what
/// `write` writes, and the CRC-32 of all that.
pub(crate) fn seal(kind: [u8; 4], version: u8, write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut out = Writer::default();
    out.bytes.extend_from_slice(&kind);
    out.u8(version);
    write(&mut out);
    let crc = crc32(&out.bytes);
    out.u32(crc);
    out.bytes
}

/// What `read` reads, to its end, in what [`seal`] gave, if kind, version and checksum are right.
pub(crate) fn unseal<'a, T>(
    bytes: &'a [u8],
    kind: [u8; 4],
    version: u8,
    read: impl FnOnce(&mut Reader<'a>) -> Result<T, StateError>,
) -> Result<T, StateError> {
    let (body, crc) = bytes.split_last_chunk().ok_or(StateError::Short)?;
    let rest = body.strip_prefix(&kind).ok_or(StateError::Version)?;
    let (first, rest) = rest.split_first().ok_or(StateError::Short)?;
    if *first != version {
        return Err(StateError::Version);
    }
    if u32::from_le_bytes(*crc) != crc32(body) {
        return Err(StateError::Checksum);
    }
    let mut input = Reader::new(rest);
    let state = read(&mut input)?;
    input.finish()?;
    Ok(state)
}

/// Bytes that are being written.
#[derive(Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    /// Seven bits in each byte, the lowest first, the eighth set where more follow (LEB128).
    pub(crate) fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.u8(value as u8 | 0x80);
            value >>= 7;
        }
        self.u8(value as u8);
    }

    /// The same for numbers of either sign: small ones are short (zigzag).
    pub(crate) fn signed(&mut self, value: i64) {
        self.varint(((value << 1) ^ (value >> 63)) as u64);
    }

    /// Bytes with their number before them.
    pub(crate) fn blob(&mut self, bytes: &[u8]) {
        self.varint(bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub(crate) fn u16(&mut self, value: u16) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn f64(&mut self, value: f64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn floats(&mut self, values: impl ExactSizeIterator<Item = f64>) {
        // No list here comes near the limit of `u32`.
        self.u32(values.len() as u32);
        values.for_each(|value| self.f64(value));
    }
}

/// Bytes that are being read.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Reader { bytes }
    }

    /// Nothing may be left.
    pub(crate) fn finish(self) -> Result<(), StateError> {
        if self.bytes.is_empty() { Ok(()) } else { Err(StateError::Long) }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], StateError> {
        let (taken, rest) = self.bytes.split_first_chunk().ok_or(StateError::Short)?;
        self.bytes = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, StateError> {
        Ok(u8::from_le_bytes(self.take()?))
    }

    pub(crate) fn bool(&mut self) -> Result<bool, StateError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(StateError::Value),
        }
    }

    pub(crate) fn u32(&mut self) -> Result<u32, StateError> {
        Ok(u32::from_le_bytes(self.take()?))
    }

    /// A number of things, of which there are at most `max`.
    pub(crate) fn count(&mut self, max: usize) -> Result<usize, StateError> {
        let count = self.u32()? as usize;
        if count <= max { Ok(count) } else { Err(StateError::Length) }
    }

    pub(crate) fn u64(&mut self) -> Result<u64, StateError> {
        Ok(u64::from_le_bytes(self.take()?))
    }

    /// What [`Writer::varint`] wrote; only the shortest form is one, so that a state has one
    /// form only.
    pub(crate) fn varint(&mut self) -> Result<u64, StateError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let part = u64::from(byte & 0x7F);
            if (part << shift) >> shift != part || (byte == 0 && shift > 0) {
                return Err(StateError::Value);
            }
            value |= part << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(StateError::Value)
    }

    /// What [`Writer::signed`] wrote.
    pub(crate) fn signed(&mut self) -> Result<i64, StateError> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// A number of things as [`Writer::varint`] wrote it, of which there are at most `max`.
    pub(crate) fn varcount(&mut self, max: usize) -> Result<usize, StateError> {
        let count = self.varint()?;
        if count <= max as u64 { Ok(count as usize) } else { Err(StateError::Length) }
    }

    /// What [`Writer::blob`] wrote, of at most `max` bytes.
    pub(crate) fn blob(&mut self, max: usize) -> Result<&'a [u8], StateError> {
        let count = self.varcount(max)?;
        self.bytes(count)
    }

    /// As many bytes as they are.
    pub(crate) fn bytes(&mut self, count: usize) -> Result<&'a [u8], StateError> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or(StateError::Short)?;
        self.bytes = rest;
        Ok(taken)
    }

    /// A finite number.
    pub(crate) fn f64(&mut self) -> Result<f64, StateError> {
        self.f64_within(f64::MIN, f64::MAX)
    }

    /// A number from `low` to `high`.
    pub(crate) fn f64_within(&mut self, low: f64, high: f64) -> Result<f64, StateError> {
        let value = f64::from_le_bytes(self.take()?);
        if (low..=high).contains(&value) { Ok(value) } else { Err(StateError::Value) }
    }

    /// At most `max` numbers, each at most `size` from zero.
    pub(crate) fn floats(&mut self, max: usize, size: f64) -> Result<Vec<f64>, StateError> {
        let count = self.count(max)?;
        let numbers: Vec<f64> =
            self.chunks(count)?.iter().map(|one| f64::from_le_bytes(*one)).collect();
        let good = numbers.iter().all(|value| (-size..=size).contains(value));
        if good { Ok(numbers) } else { Err(StateError::Value) }
    }

    /// As many small numbers.
    pub(crate) fn u16s(&mut self, count: usize) -> Result<Vec<u16>, StateError> {
        Ok(self.chunks(count)?.iter().map(|one| u16::from_le_bytes(*one)).collect())
    }

    /// As many pieces of `N` bytes; nothing is allocated.
    fn chunks<const N: usize>(&mut self, count: usize) -> Result<&'a [[u8; N]], StateError> {
        let bytes = count.checked_mul(N).ok_or(StateError::Short)?;
        let (taken, rest) = self.bytes.split_at_checked(bytes).ok_or(StateError::Short)?;
        self.bytes = rest;
        Ok(taken.as_chunks().0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_state_is_an_error() {
        let mut writer = Writer::default();
        writer.floats([1.0, 2.0].into_iter());
        let good = writer.finish();
        let read = |bytes: &[u8], max| {
            let mut reader = Reader::new(bytes);
            let values = reader.floats(max, 9.0)?;
            reader.finish().map(|()| values)
        };
        assert_eq!(read(&good, 2), Ok(alloc::vec![1.0, 2.0]));
        assert_eq!(read(&good, 1), Err(StateError::Length));
        assert_eq!(read(&good[..19], 2), Err(StateError::Short));
        assert_eq!(read(&[&good[..], &[0]].concat(), 2), Err(StateError::Long));
        for wrong in [f64::NAN, f64::INFINITY, 9.1] {
            let mut writer = Writer::default();
            writer.floats([1.0, wrong].into_iter());
            assert_eq!(read(&writer.finish(), 2), Err(StateError::Value), "{wrong}");
        }
        // A length that would fill the memory is refused before anything is allocated.
        assert_eq!(read(&u32::MAX.to_le_bytes(), usize::MAX), Err(StateError::Short));
        assert_eq!(Reader::new(&[2]).bool(), Err(StateError::Value));
    }

    #[test]
    fn a_sealed_state_is_opened_only_as_what_it_is() {
        let good = seal(*b"test", 3, |out| out.varint(300));
        let open =
            |bytes: &[u8], kind, version| unseal(bytes, kind, version, |input| input.varint());
        assert_eq!(open(&good, *b"test", 3), Ok(300));
        assert_eq!(open(&good, *b"tent", 3), Err(StateError::Version));
        assert_eq!(open(&good, *b"test", 4), Err(StateError::Version));
        let half = unseal(&good, *b"test", 3, |input| input.u8());
        assert_eq!(half, Err(StateError::Long), "nothing may be left");
        for length in 0..good.len() {
            assert!(open(&good[..length], *b"test", 3).is_err(), "{length} bytes");
        }
        for bit in 0..good.len() * 8 {
            let mut damaged = good.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&damaged, *b"test", 3).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn numbers_of_any_size_have_one_form() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), 1 << 63, u64::MAX] {
            let mut out = Writer::default();
            out.varint(value);
            out.signed(value as i64);
            out.blob(&value.to_le_bytes());
            let bytes = out.finish();
            let mut reader = Reader::new(&bytes);
            assert_eq!(reader.varint(), Ok(value));
            assert_eq!(reader.signed(), Ok(value as i64));
            assert_eq!(reader.blob(8), Ok(&value.to_le_bytes()[..]));
            assert_eq!(reader.finish(), Ok(()));
        }
        for (bytes, wrong) in [
            (&[0x80][..], StateError::Short),
            // One, with a byte too many; and two to the power of 64.
            (&[0x81, 0x00], StateError::Value),
            (&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02], StateError::Value),
            (&[0xFF; 11], StateError::Value),
        ] {
            assert_eq!(Reader::new(bytes).varint(), Err(wrong), "{bytes:?}");
        }
        assert_eq!(Reader::new(&[9]).blob(8), Err(StateError::Length));
        assert_eq!(Reader::new(&[8, 0]).blob(8), Err(StateError::Short));
    }
}
