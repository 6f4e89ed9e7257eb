//! State as bytes: little endian, in a fixed order, checked when it is read.
//!
//! What is read may be damaged or hostile: every length is compared with its limit before
//! anything is allocated, every number must be one, and whatever can be computed from the
//! rest (an order, a sum) is computed again and not believed.

use alloc::vec::Vec;

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
}

impl core::fmt::Display for StateError {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        out.write_str(match self {
            StateError::Short => "the state ends too early",
            StateError::Long => "the state goes on after its end",
            StateError::Version => "the state is of an unknown kind or version",
            StateError::Value => "a number in the state is out of range",
            StateError::Length => "a list in the state is too long",
        })
    }
}

impl core::error::Error for StateError {}

/// Bytes that are being written.
#[derive(Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
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
}
