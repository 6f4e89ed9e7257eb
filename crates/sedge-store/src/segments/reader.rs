//! Reads a record block by block, each checked before it is handed out.

use super::error::ReadError;
use super::format::{BLOCK_BYTES, CHECK_BYTES, HEADER_BYTES, Header, check};
use super::index::Place;
use super::segment::Segment;
use super::{Key, Shared};
use crate::segments::counters::count;
use bytes::Bytes;
use std::io::ErrorKind;
use std::ops::Range;
use std::sync::Arc;

/// A record of at most so many bytes is read whole at once.
const WHOLE_BYTES_MAX: usize = 96 << 10;

/// Of a larger one this is read first; most heads fit.
const FIRST_BYTES: usize = 16 << 10;

/// A record that was found. Its head is here, checked; its body is read when asked for.
/// It stays readable while its segment is evicted, within
/// [`pinned_bytes_max`](super::SegmentsOptions::pinned_bytes_max).
#[derive(Clone)]
pub struct Reader {
    shared: Arc<Shared>,
    place: Place,
    header: Header,
    checks: Bytes,
    head: Bytes,
    body: Body,
}

#[derive(Clone)]
enum Body {
    /// Read with the head.
    Here(Bytes),
    /// In the segment, from this place on.
    There(Arc<Segment>, u64),
}

impl Reader {
    /// Reads a record's header and head. `None`: the record is not what the index says,
    /// or its head is damaged.
    pub(crate) fn open(
        shared: &Arc<Shared>,
        segment: Arc<Segment>,
        key: &Key,
        place: Place,
    ) -> Result<Option<Reader>, std::io::Error> {
        let at = u64::from(place.at) * super::format::ALIGNMENT;
        let whole = place.bytes as usize;
        let first = if whole <= WHOLE_BYTES_MAX { whole } else { FIRST_BYTES };
        let mut bytes = segment.read(at, first)?;
        let Some(peeked) = Header::peek(&bytes) else { return Ok(None) };
        let is_it = peeked.key == *key && peeked.record_bytes() == u64::from(place.bytes);
        if !is_it {
            return Ok(None);
        }
        let head_end = peeked.prefix_bytes() + peeked.head_bytes as usize;
        if head_end > bytes.len() {
            bytes = segment.read(at, head_end)?;
        }
        let Some(header) = Header::decode(&bytes, segment.home()) else { return Ok(None) };
        let bytes = Bytes::from(bytes);
        let checks = bytes.slice(HEADER_BYTES..header.prefix_bytes());
        let head = bytes.slice(header.prefix_bytes()..head_end);
        if check(&[&head]) != checks[..CHECK_BYTES] {
            return Ok(None);
        }
        let body = match bytes.len() == whole {
            true => Body::Here(bytes.slice(head_end..)),
            false => Body::There(segment, at + head_end as u64),
        };
        Ok(Some(Reader { shared: shared.clone(), place, header, checks, head, body }))
    }

    /// The head.
    pub fn head(&self) -> &Bytes {
        &self.head
    }

    /// Length of the body.
    pub fn body_bytes(&self) -> u64 {
        u64::from(self.header.body_bytes)
    }

    /// When the record was first written, milliseconds since 1970.
    pub fn written_at_ms(&self) -> u64 {
        self.header.written_at_ms
    }

    /// Number of blocks of [`BLOCK_BYTES`]; the last one may be shorter.
    pub fn blocks(&self) -> u32 {
        self.header.body_bytes.div_ceil(BLOCK_BYTES)
    }

    /// Whether the body is in memory already, so that no block has to be read.
    pub fn is_whole(&self) -> bool {
        matches!(self.body, Body::Here(_))
    }

    /// A block of the body, checked. Blocks on the disk unless [`Reader::is_whole`].
    ///
    /// # Errors
    /// [`ReadError`]; the record is removed then, as it will not get better.
    pub fn block(&self, index: u32) -> Result<Bytes, ReadError> {
        if index >= self.blocks() {
            return Err(ReadError::OutOfRange);
        }
        let from = u64::from(index) * u64::from(BLOCK_BYTES);
        let length = (self.body_bytes() - from).min(u64::from(BLOCK_BYTES)) as usize;
        let block = match &self.body {
            Body::Here(body) => body.slice(from as usize..from as usize + length),
            Body::There(segment, begin) => match segment.read(begin + from, length) {
                Ok(block) => Bytes::from(block),
                Err(error) => return Err(self.failed(&error)),
            },
        };
        let check_at = (index as usize + 1) * CHECK_BYTES;
        if self.checks.get(check_at..check_at + CHECK_BYTES) != Some(&check(&[&block])) {
            count(&self.shared.counters.damaged);
            self.shared.drop_damaged(&self.header.key, self.place);
            return Err(ReadError::Damaged);
        }
        Ok(block)
    }

    /// The bytes of a range of the body, block by block; what lies beyond the body is
    /// left out. It ends after an error.
    pub fn slice(&self, range: Range<u64>) -> Slices<'_> {
        let end = range.end.min(self.body_bytes());
        Slices { reader: self, at: range.start.min(end), end }
    }

    fn failed(&self, error: &std::io::Error) -> ReadError {
        // A file ends too early when it was cut off by eviction, or by somebody else.
        let is_cut = error.kind() == ErrorKind::UnexpectedEof;
        if !is_cut {
            count(&self.shared.counters.read_errors);
        }
        self.shared.drop_damaged(&self.header.key, self.place);
        if is_cut { ReadError::CutOff } else { ReadError::Io(error.to_string()) }
    }
}

/// The blocks of a range: see [`Reader::slice`].
pub struct Slices<'a> {
    reader: &'a Reader,
    at: u64,
    end: u64,
}

impl Iterator for Slices<'_> {
    type Item = Result<Bytes, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.end {
            return None;
        }
        let index = self.at / u64::from(BLOCK_BYTES);
        let begin = index * u64::from(BLOCK_BYTES);
        // A body has less than 2^32 bytes.
        let block = match self.reader.block(index as u32) {
            Ok(block) => block,
            Err(error) => {
                self.at = self.end;
                return Some(Err(error));
            }
        };
        let from = (self.at - begin) as usize;
        let to = ((self.end - begin) as usize).min(block.len());
        self.at = begin + to as u64;
        Some(Ok(block.slice(from..to)))
    }
}
