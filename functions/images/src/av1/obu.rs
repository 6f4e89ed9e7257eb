//! Open bitstream units (AV1 §5.3) and the bits within them (§4.10).

/// Types of units (§6.2.2).
pub(super) const SEQUENCE_HEADER: u8 = 1;
pub(super) const FRAME_HEADER: u8 = 3;
pub(super) const FRAME: u8 = 6;

/// A unit of the data.
pub(super) struct Unit<'a> {
    /// Its type, 4 bits.
    pub(super) kind: u8,
    pub(super) payload: &'a [u8],
}

/// The units in `data`; `None` and the end where one is cut off.
pub(super) fn units(mut data: &[u8]) -> impl Iterator<Item = Option<Unit<'_>>> {
    std::iter::from_fn(move || {
        if data.is_empty() {
            return None;
        }
        let split = split(data);
        data = split.as_ref().map_or(&[], |(_, rest)| rest);
        Some(split.map(|(unit, _)| unit))
    })
}

fn split(data: &[u8]) -> Option<(Unit<'_>, &[u8])> {
    let header = *data.first()?;
    let kind = header >> 3 & 15;
    let (has_extension, has_size) = (header >> 2 & 1 == 1, header >> 1 & 1 == 1);
    // The forbidden bit.
    (header >> 7 == 0).then_some(())?;
    let rest = data.get(1 + usize::from(has_extension)..)?;
    let (size, rest) = if has_size { leb128(rest)? } else { (rest.len(), rest) };
    let (payload, rest) = rest.split_at_checked(size)?;
    Some((Unit { kind, payload }, rest))
}

/// A number in groups of seven bits, lowest first (§4.10.5); at most 32 bits.
fn leb128(data: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0u64;
    for (at, byte) in data.iter().enumerate().take(8) {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte >> 7 == 0 {
            let value = u32::try_from(value).ok()?;
            return Some((usize::try_from(value).ok()?, data.get(at + 1..)?));
        }
    }
    None
}

/// Reads bits, highest first. `None` where they are used up.
pub(super) struct Bits<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    pub(super) const fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0 }
    }

    /// A number of `count` bits, at most 32.
    pub(super) fn number(&mut self, count: u32) -> Option<u32> {
        let mut number = 0;
        for _ in 0..count.min(32) {
            let byte = self.data.get(self.at / 8)?;
            number = number << 1 | u32::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(number)
    }

    pub(super) fn flag(&mut self) -> Option<bool> {
        Some(self.number(1)? == 1)
    }

    /// Passes over a number of variable length (§4.10.3).
    pub(super) fn skip_variable(&mut self) -> Option<()> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
        }
        if zeros < 32 {
            self.number(zeros)?;
        }
        Some(())
    }
}
