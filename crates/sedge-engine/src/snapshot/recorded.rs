//! What was read of an instance, as it goes to the compiler's process: one entry after the other,
//! each a name (its length as 4 bytes, its bytes), a kind (1 byte) and a value. Integers are
//! little-endian.

use std::collections::BTreeMap;
use thiserror::Error;

/// A value of an instance's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// A global of 4 bytes.
    Word32(u32),
    /// A global of 8 bytes.
    Word64(u64),
    /// A memory.
    Bytes(&'a [u8]),
}

/// The memories and globals of an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    bytes: Vec<u8>,
    /// Where the kind of each value is.
    places: BTreeMap<String, usize>,
}

/// The bytes are not those of a [`Recorded`].
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("what was recorded of an instance is cut short or damaged")]
pub struct Malformed;

impl Recorded {
    pub(super) fn new() -> Self {
        Recorded::default()
    }

    pub(super) fn add(&mut self, name: &str, value: Value<'_>) {
        self.bytes.extend((name.len() as u32).to_le_bytes());
        self.bytes.extend(name.as_bytes());
        self.places.insert(name.to_owned(), self.bytes.len());
        match value {
            Value::Word32(word) => {
                self.bytes.push(0);
                self.bytes.extend(word.to_le_bytes());
            }
            Value::Word64(word) => {
                self.bytes.push(1);
                self.bytes.extend(word.to_le_bytes());
            }
            Value::Bytes(bytes) => {
                self.bytes.push(2);
                self.bytes.extend((bytes.len() as u64).to_le_bytes());
                self.bytes.extend(bytes);
            }
        }
    }

    /// Reads what [`Recorded::as_bytes`] gave.
    ///
    /// # Errors
    ///
    /// [`Malformed`], if it is anything else.
    pub fn read(bytes: Vec<u8>) -> Result<Self, Malformed> {
        let mut places = BTreeMap::new();
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let length: [u8; 4] = *take(&mut rest)?;
            let name = split(&mut rest, u32::from_le_bytes(length).into())?;
            let name = std::str::from_utf8(name).map_err(|_| Malformed)?;
            if places.insert(name.to_owned(), bytes.len() - rest.len()).is_some() {
                return Err(Malformed);
            }
            value(&mut rest)?;
        }
        Ok(Recorded { bytes, places })
    }

    /// All of it.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn get(&self, name: &str) -> Option<Value<'_>> {
        let mut rest = self.bytes.get(*self.places.get(name)?..)?;
        value(&mut rest).ok()
    }
}

fn value<'a>(rest: &mut &'a [u8]) -> Result<Value<'a>, Malformed> {
    let [kind] = *take(rest)?;
    Ok(match kind {
        0 => Value::Word32(u32::from_le_bytes(*take(rest)?)),
        1 => Value::Word64(u64::from_le_bytes(*take(rest)?)),
        2 => {
            let length: [u8; 8] = *take(rest)?;
            Value::Bytes(split(rest, u64::from_le_bytes(length))?)
        }
        _ => return Err(Malformed),
    })
}

fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Result<&'a [u8; N], Malformed> {
    let (taken, left) = rest.split_first_chunk().ok_or(Malformed)?;
    *rest = left;
    Ok(taken)
}

fn split<'a>(rest: &mut &'a [u8], length: u64) -> Result<&'a [u8], Malformed> {
    let length = usize::try_from(length).map_err(|_| Malformed)?;
    let (taken, left) = rest.split_at_checked(length).ok_or(Malformed)?;
    *rest = left;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded() -> Recorded {
        let mut recorded = Recorded::new();
        recorded.add("global0", Value::Word32(7));
        recorded.add("global1", Value::Word64(u64::MAX));
        recorded.add("memory0", Value::Bytes(b"memory"));
        recorded
    }

    #[test]
    fn what_is_cut_short_is_refused_at_every_place() {
        let whole = recorded();
        let cuts = (0..whole.as_bytes().len()).map(|end| whole.as_bytes()[..end].to_vec());
        let read = cuts.filter_map(|cut| Recorded::read(cut).ok());
        // Cut between two entries, there is less of it, and nothing wrong.
        assert_eq!(read.map(|one| one.places.len()).collect::<Vec<_>>(), [0, 1, 2]);
    }

    #[test]
    fn what_is_damaged_is_refused() {
        let entry = |kind: u8, value: &[u8]| {
            let mut bytes = vec![1, 0, 0, 0, b'a', kind];
            bytes.extend(value);
            bytes
        };
        for bytes in [
            entry(3, &[0; 4]),
            entry(2, &u64::MAX.to_le_bytes()),
            vec![0xff; 4],
            vec![1, 0, 0, 0, 0xff, 0, 0, 0, 0, 0],
            [entry(0, &[0; 4]), entry(0, &[0; 4])].concat(),
        ] {
            assert_eq!(Recorded::read(bytes.clone()), Err(Malformed), "{bytes:?}");
        }
    }

    #[test]
    fn what_was_recorded_comes_back() {
        let read = Recorded::read(recorded().as_bytes().to_vec()).expect("is whole");
        assert_eq!(read, recorded());
        let words = (Value::Word32(7), Value::Word64(u64::MAX));
        assert_eq!((read.get("global0"), read.get("global1")), (Some(words.0), Some(words.1)));
        assert_eq!(
            (read.get("memory0"), read.get("memory1")),
            (Some(Value::Bytes(b"memory")), None)
        );
    }
}
