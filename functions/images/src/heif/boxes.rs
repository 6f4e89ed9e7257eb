//! Boxes and the numbers within them (ISO/IEC 14496-12 §4.2). Nothing here
//! trusts a size: what does not lie within what holds it is refused.

use crate::problem::Problem;

/// A box: its name and what it holds, without its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Boxed<'a> {
    pub(super) name: [u8; 4],
    pub(super) body: &'a [u8],
}

impl Boxed<'_> {
    /// The fault of a box whose body is not what its name promises.
    pub(super) fn malformed(&self) -> Problem {
        malformed(self.name)
    }
}

/// The fault of a box of this name.
pub(super) fn malformed(name: [u8; 4]) -> Problem {
    Problem::Damaged(format!("its box {} is malformed", name.escape_ascii()))
}

/// The boxes that lie one after the other in `rest`.
pub(super) struct Boxes<'a> {
    pub(super) rest: &'a [u8],
}

impl<'a> Iterator for Boxes<'a> {
    type Item = Result<Boxed<'a>, Problem>;

    /// Ends after the first that is malformed, as nobody knows where the next
    /// would begin.
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let whole = std::mem::take(&mut self.rest);
        let Some((found, rest)) = split(whole) else {
            return Some(Err(Problem::Damaged("a box of it is cut off".to_owned())));
        };
        self.rest = rest;
        Some(Ok(found))
    }
}

/// The first box, and what follows it.
fn split(whole: &[u8]) -> Option<(Boxed<'_>, &[u8])> {
    let mut reader = Reader::new(whole);
    let size = reader.number(4)?;
    let name = reader.name()?;
    let size = match size {
        // To the end of what holds it.
        0 => whole.len(),
        1 => usize::try_from(reader.number(8)?).ok()?,
        size => usize::try_from(size).ok()?,
    };
    let header = whole.len() - reader.rest.len();
    let body = whole.get(header..size)?;
    Some((Boxed { name, body }, whole.get(size..)?))
}

/// Reads big-endian numbers from the front of some bytes. `None` where they
/// are used up.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) const fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    /// The next `count` bytes.
    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    /// A number of `bytes` bytes, at most 8; of none, it is 0.
    pub(super) fn number(&mut self, bytes: usize) -> Option<u64> {
        let taken = self.take(bytes.min(8))?;
        Some(taken.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        Some(*self.take(1)?.first()?)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    /// An identifier of an item: 16 bits, or 32 where a version says so.
    pub(super) fn id(&mut self, is_long: bool) -> Option<u32> {
        if is_long { self.u32() } else { self.u16().map(u32::from) }
    }

    /// Four characters.
    pub(super) fn name(&mut self) -> Option<[u8; 4]> {
        self.take(4)?.try_into().ok()
    }

    /// Version and flags of a full box.
    pub(super) fn version(&mut self) -> Option<(u8, u32)> {
        let word = self.u32()?;
        Some(((word >> 24) as u8, word & 0xff_ffff))
    }
}
