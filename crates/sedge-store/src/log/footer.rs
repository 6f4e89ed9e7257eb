//! The end of a sealed segment: what it holds, so that opening a log reads no records of
//! it, and where about a position lies.
//!
//! For every 64 KiB of frames: the first position of a frame, and where it begins (8 + 8
//! bytes). Then a trailer of 80 bytes: magic, the log's number, the segment's, first
//! position, position after the last record, where the frames end, when the last one was
//! written, number of entries, and the check of all that and of the entries.

use super::format::{FRAMES_AT, placed_check};
use crate::segments::format::{Home, u64_at};

/// Bytes of frames from one entry to the next, at least.
pub(crate) const STRIDE_BYTES: u64 = 65_536;

/// Bytes of the trailer.
pub(crate) const TRAILER_BYTES: usize = 80;

const ENTRY_BYTES: usize = 16;
const MAGIC: [u8; 8] = *b"sdglogft";

/// What a sealed segment holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Footer {
    pub(crate) home: Home,
    /// The position of its first record.
    pub(crate) first: u64,
    /// The position after its last.
    pub(crate) end: u64,
    /// Where the frames end, bytes.
    pub(crate) end_at: u64,
    /// When the last frame was written, milliseconds since 1970.
    pub(crate) written_at_ms: u64,
    /// Positions, and where a frame with them begins. Ascending.
    pub(crate) index: Vec<(u64, u64)>,
}

/// Bytes of the footer of a segment of this size, at most.
pub(crate) fn bytes_max(segment_bytes: u64) -> u64 {
    (segment_bytes / STRIDE_BYTES + 1) * ENTRY_BYTES as u64 + TRAILER_BYTES as u64
}

impl Footer {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.index.len() * ENTRY_BYTES + TRAILER_BYTES);
        for (position, at) in &self.index {
            bytes.extend_from_slice(&position.to_le_bytes());
            bytes.extend_from_slice(&at.to_le_bytes());
        }
        bytes.extend_from_slice(&MAGIC);
        let numbers = [
            self.home.log,
            self.home.segment,
            self.first,
            self.end,
            self.end_at,
            self.written_at_ms,
            self.index.len() as u64,
        ];
        numbers.iter().for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
        let check = placed_check(self.home, &[&bytes]);
        bytes.extend_from_slice(&check);
        bytes
    }

    /// How many bytes the footer has, by a trailer: the last bytes of a file of this
    /// length. Unchecked but for what would make no sense.
    pub(crate) fn told_bytes(trailer: &[u8], file_bytes: u64) -> Option<u64> {
        let trailer = trailer.first_chunk::<TRAILER_BYTES>()?;
        let end_at = u64_at(trailer, 40);
        let entries = u64_at(trailer, 56).checked_mul(ENTRY_BYTES as u64)?;
        let bytes = entries.checked_add(TRAILER_BYTES as u64)?;
        let fits = end_at >= FRAMES_AT && end_at.checked_add(bytes)? == file_bytes;
        (trailer[..8] == MAGIC && fits).then_some(bytes)
    }

    /// Reads and checks a footer. `None`: damaged, or something else.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (table, trailer) = bytes.split_at_checked(bytes.len().checked_sub(TRAILER_BYTES)?)?;
        let home = Home { log: u64_at(trailer, 8), segment: u64_at(trailer, 16) };
        let (checked, stored) = bytes.split_at_checked(bytes.len() - 16)?;
        let is_whole = trailer[..8] == MAGIC
            && u64_at(trailer, 56).checked_mul(ENTRY_BYTES as u64) == Some(table.len() as u64)
            && placed_check(home, &[checked]) == stored;
        if !is_whole {
            return None;
        }
        let index = table
            .chunks_exact(ENTRY_BYTES)
            .map(|entry| (u64_at(entry, 0), u64_at(entry, 8)))
            .collect();
        Some(Footer {
            home,
            first: u64_at(trailer, 24),
            end: u64_at(trailer, 32),
            end_at: u64_at(trailer, 40),
            written_at_ms: u64_at(trailer, 48),
            index,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn footer() -> Footer {
        Footer {
            home: Home { log: 5, segment: 7 },
            first: 10,
            end: 30,
            end_at: 70_000,
            written_at_ms: 99,
            index: vec![(10, 1_024), (20, 66_000)],
        }
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let bytes = footer().encode();
        assert_eq!(Footer::decode(&bytes), Some(footer()));
        let length = 70_000 + bytes.len() as u64;
        let trailer = &bytes[bytes.len() - TRAILER_BYTES..];
        assert_eq!(Footer::told_bytes(trailer, length), Some(bytes.len() as u64));
        assert_eq!(Footer::told_bytes(trailer, length + 1), None);
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Footer::decode(&bytes), None, "bit {bit}");
        }
        for from in 1..=bytes.len() {
            assert_eq!(Footer::decode(&bytes[from..]), None, "from {from}");
        }
    }

    proptest! {
        #[test]
        fn anything_may_be_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(Footer::decode(&bytes), None);
            prop_assert_eq!(Footer::told_bytes(&bytes, 1_104), None);
        }
    }
}
