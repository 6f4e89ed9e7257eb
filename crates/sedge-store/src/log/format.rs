//! How a segment lies on the disk.
//!
//! A segment is two copies of its header, frames, and, once it is sealed, a
//! [`footer`](super::footer). All numbers are little-endian; frames and records begin at
//! multiples of 8 bytes. A check is the first 128 bits of a BLAKE3 hash, and covers the
//! log's random number and the segment's, so that nothing is taken for a record that was
//! not written as one in this place.
//!
//! | frame | bytes |
//! |---|---|
//! | magic `sdlf`, kind, version, two zeros | 8 |
//! | bytes that follow, number of records | 4 + 4 |
//! | position of the first record | 8 |
//! | when it was written by this node's clock, milliseconds since 1970 | 8 |
//! | check of the content: of the records' checks, or of the snapshot | 16 |
//! | check of all above | 16 |
//!
//! | record | bytes |
//! |---|---|
//! | magic `sdlr`, kind, version | 6 |
//! | lengths of stream, device and key, and of the payload | 2 + 2 + 2 + 4 |
//! | position: one more than the record before, over all segments | 8 |
//! | boot epoch, sequence, time in milliseconds since 1970 | 8 + 8 + 8 |
//! | link of the device's chain | 32 |
//! | check of all above and of the content's digest | 16 |
//! | stream, device, key, payload | |
//!
//! The digest covers everything that the device said, and nothing that tells where it
//! lies; a link is the hash of the device's link before and of the digest. So the chain
//! means the same in another log, on another node.

use super::seen::Number;
use crate::segments::format::{Check, Home, check, u32_at, u64_at};

/// Where records and frames may begin.
pub(crate) const ALIGNMENT: u64 = 8;

/// Bytes of one copy of a segment's header.
pub(crate) const SEGMENT_HEADER_BYTES: usize = 64;

/// Where the copies of the header begin: in different sectors.
pub(crate) const HEADER_PLACES: [u64; 2] = [0, 512];

/// Where the first frame begins.
pub(crate) const FRAMES_AT: u64 = 1_024;

/// Bytes of a frame's header.
pub(crate) const FRAME_HEADER_BYTES: usize = 64;

/// Bytes of a record's header.
pub(crate) const RECORD_HEADER_BYTES: usize = 96;

/// The version that is written, and the only one that is read.
const VERSION: u8 = 1;

const SEGMENT_MAGIC: [u8; 8] = *b"sdglogsg";
const FRAME_MAGIC: [u8; 4] = *b"sdlf";
const RECORD_MAGIC: [u8; 4] = *b"sdlr";

/// A full BLAKE3 hash.
pub(crate) type Hash = [u8; 32];

/// The next place where something may begin.
pub(crate) fn align(at: u64) -> u64 {
    at.next_multiple_of(ALIGNMENT)
}

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) home: Home,
    /// The position of its first record.
    pub(crate) first: u64,
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        bytes[..8].copy_from_slice(&SEGMENT_MAGIC);
        bytes[8] = VERSION;
        bytes[16..24].copy_from_slice(&self.home.log.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.home.segment.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.first.to_le_bytes());
        let check = check(&[&bytes[..48]]);
        bytes[48..].copy_from_slice(&check);
        bytes
    }

    /// `None`: damaged, of another version, or something else.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.first_chunk::<SEGMENT_HEADER_BYTES>()?;
        let is_ours = bytes[..8] == SEGMENT_MAGIC && bytes[8] == VERSION;
        (is_ours && check(&[&bytes[..48]]) == bytes[48..]).then(|| SegmentHeader {
            home: Home { log: u64_at(bytes, 16), segment: u64_at(bytes, 24) },
            first: u64_at(bytes, 32),
        })
    }
}

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum FrameKind {
    /// Records that were committed as one.
    Batch = 1,
    /// The state before the segment's first record.
    Snapshot = 2,
    /// Nothing. It says that what lies before was synced.
    Mark = 3,
}

/// A frame's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub(crate) kind: FrameKind,
    /// Bytes that follow, a multiple of 8.
    pub(crate) bytes: u32,
    pub(crate) records: u32,
    pub(crate) first: u64,
    pub(crate) written_at_ms: u64,
    /// Check of the content.
    pub(crate) content: Check,
}

impl FrameHeader {
    pub(crate) fn encode(&self, home: Home) -> [u8; FRAME_HEADER_BYTES] {
        let mut bytes = [0; FRAME_HEADER_BYTES];
        bytes[..4].copy_from_slice(&FRAME_MAGIC);
        (bytes[4], bytes[5]) = (self.kind as u8, VERSION);
        bytes[8..12].copy_from_slice(&self.bytes.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.records.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.first.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.written_at_ms.to_le_bytes());
        bytes[32..48].copy_from_slice(&self.content);
        let check = placed_check(home, &[&bytes[..48]]);
        bytes[48..].copy_from_slice(&check);
        bytes
    }

    /// Reads and checks a header. `None`: damaged, cut off, or from elsewhere.
    pub(crate) fn decode(bytes: &[u8], home: Home) -> Option<Self> {
        let bytes = bytes.first_chunk::<FRAME_HEADER_BYTES>()?;
        if bytes[..4] != FRAME_MAGIC || bytes[5] != VERSION {
            return None;
        }
        let kinds = [FrameKind::Batch, FrameKind::Snapshot, FrameKind::Mark];
        let header = FrameHeader {
            kind: kinds.into_iter().find(|kind| *kind as u8 == bytes[4])?,
            bytes: u32_at(bytes, 8),
            records: u32_at(bytes, 12),
            first: u64_at(bytes, 16),
            written_at_ms: u64_at(bytes, 24),
            content: *bytes[32..48].first_chunk()?,
        };
        let fits = u64::from(header.bytes).is_multiple_of(ALIGNMENT)
            && header.first.checked_add(u64::from(header.records)).is_some()
            && (header.kind == FrameKind::Batch) == (header.records > 0);
        (fits && placed_check(home, &[&bytes[..48]]) == bytes[48..]).then_some(header)
    }
}

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum RecordKind {
    /// What a device, or a function, has said.
    Data = 1,
    /// What was removed, and why.
    Removal = 2,
    /// How far a reader has come; the key is its name.
    Cursor = 3,
}

/// A record's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordHeader {
    pub(crate) kind: RecordKind,
    pub(crate) stream_bytes: u16,
    pub(crate) device_bytes: u16,
    pub(crate) key_bytes: u16,
    pub(crate) payload_bytes: u32,
    pub(crate) position: u64,
    pub(crate) epoch: u64,
    pub(crate) sequence: u64,
    pub(crate) time_ms: u64,
    pub(crate) link: Hash,
}

impl RecordHeader {
    /// Bytes of header and content, without what aligns the next.
    pub(crate) fn record_bytes(&self) -> u64 {
        let names = [self.stream_bytes, self.device_bytes, self.key_bytes];
        let names: u64 = names.into_iter().map(u64::from).sum();
        RECORD_HEADER_BYTES as u64 + names + u64::from(self.payload_bytes)
    }

    pub(crate) fn encode(&self, home: Home, digest: &Hash) -> [u8; RECORD_HEADER_BYTES] {
        let mut bytes = [0; RECORD_HEADER_BYTES];
        bytes[..4].copy_from_slice(&RECORD_MAGIC);
        (bytes[4], bytes[5]) = (self.kind as u8, VERSION);
        bytes[6..8].copy_from_slice(&self.stream_bytes.to_le_bytes());
        bytes[8..10].copy_from_slice(&self.device_bytes.to_le_bytes());
        bytes[10..12].copy_from_slice(&self.key_bytes.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.payload_bytes.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.position.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.epoch.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.time_ms.to_le_bytes());
        bytes[48..80].copy_from_slice(&self.link);
        let check = placed_check(home, &[&bytes[..80], digest]);
        bytes[80..].copy_from_slice(&check);
        bytes
    }

    /// Reads what the first bytes say, unchecked: enough to know how many belong to it.
    /// `None`: no record begins here.
    pub(crate) fn peek(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.first_chunk::<RECORD_HEADER_BYTES>()?;
        if bytes[..4] != RECORD_MAGIC || bytes[5] != VERSION {
            return None;
        }
        let u16_at = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let kinds = [RecordKind::Data, RecordKind::Removal, RecordKind::Cursor];
        Some(RecordHeader {
            kind: kinds.into_iter().find(|kind| *kind as u8 == bytes[4])?,
            stream_bytes: u16_at(6),
            device_bytes: u16_at(8),
            key_bytes: u16_at(10),
            payload_bytes: u32_at(bytes, 12),
            position: u64_at(bytes, 16),
            epoch: u64_at(bytes, 24),
            sequence: u64_at(bytes, 32),
            time_ms: u64_at(bytes, 40),
            link: *bytes[48..80].first_chunk()?,
        })
    }
}

/// A record as it lies in memory, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stored<'a> {
    pub(crate) header: RecordHeader,
    pub(crate) stream: &'a str,
    pub(crate) device: &'a str,
    pub(crate) key: &'a [u8],
    pub(crate) payload: &'a [u8],
    pub(crate) digest: Hash,
    pub(crate) check: Check,
}

impl<'a> Stored<'a> {
    /// Reads and checks a record. `None`: damaged, cut off, or from elsewhere.
    #[cfg(test)]
    pub(crate) fn decode(bytes: &'a [u8], home: Home) -> Option<Self> {
        let header = RecordHeader::peek(bytes)?;
        let checked = Checked::of(bytes, header, home)?;
        Stored::split(bytes, &checked)
    }

    /// The device's number of it.
    pub(crate) fn number(&self) -> Number {
        Number { epoch: self.header.epoch, sequence: self.header.sequence }
    }

    /// The parts of a record that was checked before.
    pub(crate) fn split(bytes: &'a [u8], checked: &Checked) -> Option<Self> {
        let Checked { header, digest, check } = *checked;
        let [stream, device, key, payload] = parts(bytes, &header)?;
        let stream = std::str::from_utf8(stream).ok()?;
        let device = std::str::from_utf8(device).ok()?;
        Some(Stored { header, stream, device, key, payload, digest, check })
    }
}

/// What is known of a record's bytes that are intact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checked {
    pub(crate) header: RecordHeader,
    pub(crate) digest: Hash,
    pub(crate) check: Check,
}

impl Checked {
    /// Checks a record with this header. `None`: it is damaged, cut off, or from elsewhere.
    pub(crate) fn of(bytes: &[u8], header: RecordHeader, home: Home) -> Option<Self> {
        let digest = digest(&header, &parts(bytes, &header)?);
        let check = placed_check(home, &[bytes.get(..80)?, &digest]);
        let is_intact = *bytes.get(80..RECORD_HEADER_BYTES)? == check;
        is_intact.then_some(Checked { header, digest, check })
    }
}

/// Stream, device, key and payload of a record.
fn parts<'a>(bytes: &'a [u8], header: &RecordHeader) -> Option<[&'a [u8]; 4]> {
    let length = usize::try_from(header.record_bytes()).ok()?;
    let content = bytes.get(RECORD_HEADER_BYTES..length)?;
    let (stream, rest) = content.split_at_checked(usize::from(header.stream_bytes))?;
    let (device, rest) = rest.split_at_checked(usize::from(header.device_bytes))?;
    let (key, payload) = rest.split_at_checked(usize::from(header.key_bytes))?;
    Some([stream, device, key, payload])
}

/// The hash of what was said: lengths, epoch, sequence, time, and the parts.
pub(crate) fn digest(header: &RecordHeader, parts: &[&[u8]; 4]) -> Hash {
    let mut fixed = [0; 48];
    fixed[0] = header.kind as u8;
    for (part, at) in parts.iter().zip([4, 8, 12, 16]) {
        // All lengths fit into 32 bits, as a record fits into a segment.
        fixed[at..at + 4].copy_from_slice(&(part.len() as u32).to_le_bytes());
    }
    fixed[24..32].copy_from_slice(&header.epoch.to_le_bytes());
    fixed[32..40].copy_from_slice(&header.sequence.to_le_bytes());
    fixed[40..48].copy_from_slice(&header.time_ms.to_le_bytes());
    let mut hasher = blake3::Hasher::new();
    hasher.update(&fixed);
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// The link after a record with this digest.
pub(crate) fn link(before: &Hash, digest: &Hash) -> Hash {
    let mut both = [0; 64];
    both[..32].copy_from_slice(before);
    both[32..].copy_from_slice(digest);
    blake3::hash(&both).into()
}

/// A check that holds only in this segment of this log.
pub(crate) fn placed_check(home: Home, parts: &[&[u8]]) -> Check {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&home.log.to_le_bytes());
    hasher.update(&home.segment.to_le_bytes());
    for part in parts {
        hasher.update(part);
    }
    let mut check = Check::default();
    hasher.finalize_xof().fill(&mut check);
    check
}

#[cfg(test)]
mod tests;
