//! How a segment lies on the disk.
//!
//! A segment is a header, records, and, once it is sealed, a [`footer`](super::footer).
//! All numbers are little-endian; records begin at multiples of 16 bytes.
//!
//! | record | bytes |
//! |---|---|
//! | magic `sdgr`, kind, version, two zeros | 8 |
//! | key | 16 |
//! | sequence: one more than the record before, over all segments | 8 |
//! | written at, milliseconds since 1970 | 8 |
//! | length of the head, length of the body | 4 + 4 |
//! | check of all above, of the checks below, of the log and the segment | 16 |
//! | check of the head, check of each 64 KiB of the body | 16 each |
//! | head, body | |
//!
//! A check is the first 128 bits of a BLAKE3 hash. As a header's check covers the number
//! of the log, which is random, nobody can put a record into a body that would be taken
//! for one.

use super::Key;
use bytes::Bytes;

/// Bytes of a body under one check.
pub const BLOCK_BYTES: u32 = 65_536;

/// Where records may begin.
pub(crate) const ALIGNMENT: u64 = 16;

/// Bytes of a segment's header.
pub(crate) const SEGMENT_HEADER_BYTES: usize = 64;

/// Bytes of a record's header without the checks.
pub(crate) const HEADER_BYTES: usize = 64;

/// Bytes of a check.
pub(crate) const CHECK_BYTES: usize = 16;

/// The version that is written, and the only one that is read.
const VERSION: u8 = 1;

const SEGMENT_MAGIC: [u8; 8] = *b"sdgsegmt";
const RECORD_MAGIC: [u8; 4] = *b"sdgr";

/// The first 128 bits of a BLAKE3 hash.
pub(crate) type Check = [u8; CHECK_BYTES];

/// The check of these bytes.
pub(crate) fn check(parts: &[&[u8]]) -> Check {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    let mut check = Check::default();
    hasher.finalize_xof().fill(&mut check);
    check
}

/// The next place where a record may begin.
pub(crate) fn align(at: u64) -> u64 {
    at.next_multiple_of(ALIGNMENT)
}

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    /// The log's random number.
    pub(crate) log: u64,
    /// Its place in the log.
    pub(crate) number: u64,
    /// The sequence of its first record.
    pub(crate) first_sequence: u64,
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        bytes[..8].copy_from_slice(&SEGMENT_MAGIC);
        bytes[8] = VERSION;
        bytes[16..24].copy_from_slice(&self.log.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.number.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.first_sequence.to_le_bytes());
        let check = check(&[&bytes[..48]]);
        bytes[48..].copy_from_slice(&check);
        bytes
    }

    /// `None`: damaged, of another version, or something else.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.first_chunk::<SEGMENT_HEADER_BYTES>()?;
        let is_ours = bytes[..8] == SEGMENT_MAGIC && bytes[8] == VERSION;
        (is_ours && check(&[&bytes[..48]]) == bytes[48..]).then(|| SegmentHeader {
            log: u64_at(bytes, 16),
            number: u64_at(bytes, 24),
            first_sequence: u64_at(bytes, 32),
        })
    }
}

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// A head and a body under a key.
    Stored = 1,
    /// Nothing is under the key any more.
    Removed = 2,
    /// Nothing is under any key any more.
    RemovedAll = 3,
}

impl Kind {
    pub(crate) fn of(number: u8) -> Option<Self> {
        [Kind::Stored, Kind::Removed, Kind::RemovedAll]
            .into_iter()
            .find(|kind| *kind as u8 == number)
    }
}

/// Where a record is valid: one that lies elsewhere is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Home {
    /// The log's random number.
    pub(crate) log: u64,
    /// The segment's.
    pub(crate) segment: u64,
}

/// A record's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    pub(crate) key: Key,
    pub(crate) sequence: u64,
    pub(crate) written_at_ms: u64,
    pub(crate) head_bytes: u32,
    pub(crate) body_bytes: u32,
}

impl Header {
    /// Bytes of the checks that follow the header.
    pub(crate) fn checks_bytes(&self) -> usize {
        match self.kind {
            Kind::Stored => checks_bytes(u64::from(self.body_bytes)) as usize,
            Kind::Removed | Kind::RemovedAll => 0,
        }
    }

    /// Bytes before the head.
    pub(crate) fn prefix_bytes(&self) -> usize {
        HEADER_BYTES + self.checks_bytes()
    }

    /// Bytes of the record.
    pub(crate) fn record_bytes(&self) -> u64 {
        self.prefix_bytes() as u64 + u64::from(self.head_bytes) + u64::from(self.body_bytes)
    }

    pub(crate) fn encode(&self, home: Home, checks: &[u8]) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..4].copy_from_slice(&RECORD_MAGIC);
        (bytes[4], bytes[5]) = (self.kind as u8, VERSION);
        bytes[8..24].copy_from_slice(&self.key);
        bytes[24..32].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.written_at_ms.to_le_bytes());
        bytes[40..44].copy_from_slice(&self.head_bytes.to_le_bytes());
        bytes[44..48].copy_from_slice(&self.body_bytes.to_le_bytes());
        let check = header_check(home, &bytes, checks);
        bytes[48..].copy_from_slice(&check);
        bytes
    }

    /// Reads what the first 64 bytes say, unchecked: enough to know how many more
    /// [`Header::decode`] needs. `None`: no record begins here.
    pub(crate) fn peek(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.first_chunk::<HEADER_BYTES>()?;
        if bytes[..4] != RECORD_MAGIC || bytes[5] != VERSION || bytes[6..8] != [0, 0] {
            return None;
        }
        let header = Header {
            kind: Kind::of(bytes[4])?,
            key: *bytes[8..].first_chunk()?,
            sequence: u64_at(bytes, 24),
            written_at_ms: u64_at(bytes, 32),
            head_bytes: u32_at(bytes, 40),
            body_bytes: u32_at(bytes, 44),
        };
        let is_empty = header.head_bytes == 0 && header.body_bytes == 0;
        (header.kind == Kind::Stored || is_empty).then_some(header)
    }

    /// Reads and checks a header that is followed by its checks. `None`: it is damaged,
    /// cut off, or belongs elsewhere.
    pub(crate) fn decode(bytes: &[u8], home: Home) -> Option<Self> {
        let header = Header::peek(bytes)?;
        let checks = bytes.get(HEADER_BYTES..header.prefix_bytes())?;
        let fixed = bytes.first_chunk::<HEADER_BYTES>()?;
        (header_check(home, fixed, checks) == fixed[48..]).then_some(header)
    }
}

/// Bytes of the checks of a record with such a body: one for its head, one for each block.
pub(crate) fn checks_bytes(body_bytes: u64) -> u64 {
    (1 + body_bytes.div_ceil(u64::from(BLOCK_BYTES))) * CHECK_BYTES as u64
}

/// The checks of a head and of each block of a body.
pub(crate) fn checks(head: &[u8], body: &[Bytes]) -> Vec<u8> {
    let mut checks = check(&[head]).to_vec();
    let (mut hasher, mut filled) = (blake3::Hasher::new(), 0);
    let mut end_block = |hasher: &mut blake3::Hasher| {
        let mut check = Check::default();
        hasher.finalize_xof().fill(&mut check);
        checks.extend_from_slice(&check);
        hasher.reset();
    };
    for mut chunk in body.iter().map(|chunk| &chunk[..]) {
        while !chunk.is_empty() {
            let (now, later) = chunk.split_at(chunk.len().min(BLOCK_BYTES as usize - filled));
            hasher.update(now);
            filled += now.len();
            chunk = later;
            if filled == BLOCK_BYTES as usize {
                end_block(&mut hasher);
                filled = 0;
            }
        }
    }
    if filled > 0 {
        end_block(&mut hasher);
    }
    checks
}

fn header_check(home: Home, bytes: &[u8; HEADER_BYTES], checks: &[u8]) -> Check {
    check(&[&home.log.to_le_bytes(), &home.segment.to_le_bytes(), &bytes[..48], checks])
}

/// The number at a place that is known to be there.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// The number at a place that is known to be there.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOME: Home = Home { log: 5, segment: 7 };

    fn header(head_bytes: u32, body_bytes: u32) -> Header {
        let (kind, key, sequence) = (Kind::Stored, [3; 16], 9);
        Header { kind, key, sequence, written_at_ms: 11, head_bytes, body_bytes }
    }

    fn encoded(header: &Header) -> Vec<u8> {
        let checks = vec![1; header.checks_bytes()];
        [&header.encode(HOME, &checks)[..], &checks].concat()
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let header = header(10, 200_000);
        let bytes = encoded(&header);
        assert_eq!(Header::decode(&bytes, HOME), Some(header));
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::decode(&bytes, HOME), None, "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert_eq!(Header::decode(&bytes[..length], HOME), None, "cut at {length}");
        }
        let segment = SegmentHeader { log: 1, number: 2, first_sequence: 3 };
        let bytes = segment.encode();
        assert_eq!(SegmentHeader::decode(&bytes), Some(segment));
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes;
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(SegmentHeader::decode(&bytes), None, "bit {bit}");
        }
    }

    #[test]
    fn a_record_is_valid_only_where_it_was_written() {
        let bytes = encoded(&header(0, 0));
        assert_eq!(Header::decode(&bytes, Home { log: 6, ..HOME }), None);
        assert_eq!(Header::decode(&bytes, Home { segment: 8, ..HOME }), None);
    }

    #[test]
    fn checks_do_not_depend_on_how_a_body_is_cut() {
        let body = Bytes::from((0..150_000_u32).map(|i| i as u8).collect::<Vec<u8>>());
        let whole = checks(b"head", std::slice::from_ref(&body));
        assert_eq!(whole.len() as u64, checks_bytes(150_000));
        assert_eq!(whole[32..48], check(&[&body[65_536..131_072]]));
        for cut in [0, 1, 65_535, 65_536, 65_537, 140_000] {
            let parts = [body.slice(..cut), Bytes::new(), body.slice(cut..)];
            assert_eq!(checks(b"head", &parts), whole, "cut at {cut}");
        }
    }

    #[test]
    fn one_check_covers_one_block() {
        let blocks = |bytes| header(0, bytes).checks_bytes() / CHECK_BYTES - 1;
        assert_eq!([0, 1, 65_536, 65_537].map(blocks), [0, 1, 1, 2]);
    }

    proptest! {
        #[test]
        fn anything_may_be_read(mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(SegmentHeader::decode(&bytes), None);
            prop_assert_eq!(Header::decode(&bytes, HOME), None);
            // Nearly right, so that more than the magic is looked at.
            if bytes.len() >= 8 {
                bytes[..8].copy_from_slice(b"sdgr\x01\x01\0\0");
                prop_assert_eq!(Header::decode(&bytes, HOME), None);
            }
        }
    }
}
