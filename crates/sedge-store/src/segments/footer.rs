//! The table at the end of a sealed segment: what lies where, so that opening a log
//! reads no records.
//!
//! For each record in order: key (16 bytes), kind and place (4 bits and 28 bits: in
//! units of 16 bytes), length (4 bytes). Then a trailer of 48 bytes: magic, number of
//! entries, end of the records in units of 16 bytes, the segment's number, the log's
//! number, and the check of all that.

use super::Key;
use super::format::{ALIGNMENT, HEADER_BYTES, Home, Kind, SEGMENT_HEADER_BYTES, check};
use super::format::{u32_at, u64_at};

/// Bytes of an entry.
pub(crate) const ENTRY_BYTES: usize = 24;

/// Bytes of the trailer.
pub(crate) const TRAILER_BYTES: usize = 48;

const MAGIC: [u8; 8] = *b"sdgtable";
const PLACE_BITS: u32 = 28;

/// A record as the footer tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) kind: Kind,
    pub(crate) key: Key,
    /// Where the record begins, in units of 16 bytes from the segment's begin.
    pub(crate) at: u32,
    /// Bytes of the record.
    pub(crate) bytes: u32,
}

/// What a trailer says before the rest is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trailer {
    /// Where the records end and the entries begin, bytes.
    pub(crate) end: u64,
    /// Bytes of the entries.
    pub(crate) entries_bytes: u64,
}

/// Bytes of a footer with so many entries.
pub(crate) fn footer_bytes(entries: usize) -> u64 {
    (entries * ENTRY_BYTES + TRAILER_BYTES) as u64
}

/// The footer of a segment whose records end at `end`, a multiple of 16.
pub(crate) fn encode(home: Home, end: u64, entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(footer_bytes(entries.len()) as usize);
    for entry in entries {
        bytes.extend_from_slice(&entry.key);
        let place = (entry.kind as u32) << PLACE_BITS | entry.at;
        bytes.extend_from_slice(&place.to_le_bytes());
        bytes.extend_from_slice(&entry.bytes.to_le_bytes());
    }
    bytes.extend_from_slice(&MAGIC);
    // Both fit: a segment has at most a GiB.
    bytes.extend_from_slice(&(entries.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&((end / ALIGNMENT) as u32).to_le_bytes());
    bytes.extend_from_slice(&home.segment.to_le_bytes());
    bytes.extend_from_slice(&home.log.to_le_bytes());
    let check = check(&[&bytes]);
    bytes.extend_from_slice(&check);
    bytes
}

/// Reads the last 48 bytes of a file of this length, unchecked but for what would make
/// no sense. `None`: the segment has no footer.
pub(crate) fn trailer(bytes: &[u8], file_bytes: u64) -> Option<Trailer> {
    let bytes = bytes.first_chunk::<TRAILER_BYTES>()?;
    let entries_bytes = u64::from(u32_at(bytes, 8)) * ENTRY_BYTES as u64;
    let end = u64::from(u32_at(bytes, 12)) * ALIGNMENT;
    let fits = end >= SEGMENT_HEADER_BYTES as u64
        && end + entries_bytes + TRAILER_BYTES as u64 == file_bytes;
    (bytes[..8] == MAGIC && fits).then_some(Trailer { end, entries_bytes })
}

/// Reads and checks a footer: entries and trailer. `None`: it is damaged or belongs
/// elsewhere.
pub(crate) fn decode(bytes: &[u8], home: Home) -> Option<Vec<Entry>> {
    let (table, tail) = bytes.split_at_checked(bytes.len().checked_sub(TRAILER_BYTES)?)?;
    let (trailer, stored) = tail.split_at_checked(TRAILER_BYTES - 16)?;
    let is_ours = trailer[..8] == MAGIC
        && u64::from(u32_at(trailer, 8)) * ENTRY_BYTES as u64 == table.len() as u64
        && u64_at(trailer, 16) == home.segment
        && u64_at(trailer, 24) == home.log;
    if !is_ours || check(&[table, trailer]) != stored {
        return None;
    }
    let end = u64::from(u32_at(trailer, 12)) * ALIGNMENT;
    table.chunks_exact(ENTRY_BYTES).map(|bytes| entry(bytes, end)).collect()
}

fn entry(bytes: &[u8], end: u64) -> Option<Entry> {
    let place = u32_at(bytes, 16);
    let entry = Entry {
        kind: Kind::of((place >> PLACE_BITS) as u8)?,
        key: *bytes.first_chunk()?,
        at: place & ((1 << PLACE_BITS) - 1),
        bytes: u32_at(bytes, 20),
    };
    let at = u64::from(entry.at) * ALIGNMENT;
    let lies_within = at >= SEGMENT_HEADER_BYTES as u64
        && entry.bytes as usize >= HEADER_BYTES
        && at + u64::from(entry.bytes) <= end;
    lies_within.then_some(entry)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOME: Home = Home { log: 5, segment: 7 };

    fn entries() -> Vec<Entry> {
        let entry = |kind, at, bytes| Entry { kind, key: [at as u8; 16], at, bytes };
        vec![entry(Kind::Stored, 4, 100), entry(Kind::Removed, 11, 64)]
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let bytes = encode(HOME, 240, &entries());
        assert_eq!(decode(&bytes, HOME), Some(entries()));
        let length = 240 + bytes.len() as u64;
        let tail = &bytes[bytes.len() - TRAILER_BYTES..];
        assert_eq!(trailer(tail, length), Some(Trailer { end: 240, entries_bytes: 48 }));
        assert_eq!(trailer(tail, length + 1), None);
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode(&bytes, HOME), None, "bit {bit}");
        }
        for from in 1..=bytes.len() {
            assert_eq!(decode(&bytes[from..], HOME), None, "from {from}");
        }
        assert_eq!(decode(&bytes, Home { segment: 8, ..HOME }), None);
        assert_eq!(decode(&bytes, Home { log: 8, ..HOME }), None);
    }

    #[test]
    fn an_entry_that_lies_outside_is_refused() {
        let entry = Entry { kind: Kind::Stored, key: [0; 16], at: 4, bytes: 177 };
        assert_eq!(decode(&encode(HOME, 240, &[entry]), HOME), None);
        assert_eq!(decode(&encode(HOME, 240, &[Entry { at: 3, bytes: 64, ..entry }]), HOME), None);
        assert_eq!(decode(&encode(HOME, 240, &[Entry { bytes: 63, ..entry }]), HOME), None);
        assert!(decode(&encode(HOME, 240, &[Entry { bytes: 176, ..entry }]), HOME).is_some());
        assert_eq!(decode(&encode(HOME, 64, &[]), HOME), Some(Vec::new()));
    }

    proptest! {
        #[test]
        fn anything_may_be_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(decode(&bytes, HOME), None);
            prop_assert_eq!(trailer(&bytes, 64), None);
        }
    }
}
