//! Reads what a segment holds: from its footer, or record by record.

use super::footer::{self, ENTRY_BYTES, Entry, TRAILER_BYTES};
use super::format::{ALIGNMENT, HEADER_BYTES, Header, SEGMENT_HEADER_BYTES, align};
use super::segment::Segment;
use std::io;

/// Bytes read at a time while walking.
const WINDOW_BYTES: usize = 256 << 10;

/// What a segment holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Contents {
    /// The records in order, those after the last gap.
    pub(crate) entries: Vec<Entry>,
    /// Where the next record would lie.
    pub(crate) end: u64,
    /// The sequence after the last record.
    pub(crate) next_sequence: u64,
    /// Whether records are missing before the first entry, so that removals may be.
    pub(crate) has_gap: bool,
    /// Whether an intact footer told all that.
    pub(crate) is_sealed: bool,
}

/// Reads a segment's footer, or walks through its records if there is none.
pub(crate) fn contents(segment: &Segment) -> io::Result<Contents> {
    if let Some((entries, end)) = footer(segment)? {
        let next_sequence = segment.header.first_sequence + entries.len() as u64;
        return Ok(Contents { entries, end, next_sequence, has_gap: false, is_sealed: true });
    }
    walk(segment)
}

/// The entries of an intact footer, and where the records end.
pub(crate) fn footer(segment: &Segment) -> io::Result<Option<(Vec<Entry>, u64)>> {
    let length = segment.bytes();
    let Some(at) = length.checked_sub(TRAILER_BYTES as u64) else { return Ok(None) };
    let Some(trailer) = footer::trailer(&segment.read(at, TRAILER_BYTES)?, length) else {
        return Ok(None);
    };
    // No longer than the file, as the trailer was found to fit.
    let bytes = segment.read(trailer.end, trailer.entries_bytes as usize + TRAILER_BYTES)?;
    Ok(footer::decode(&bytes, segment.home()).map(|entries| (entries, trailer.end)))
}

/// How many records the footer tells, unchecked, but no more than the file has room for;
/// 0 if there is none.
pub(crate) fn entries_told(segment: &Segment) -> u64 {
    let length = segment.bytes();
    let Some(at) = length.checked_sub(TRAILER_BYTES as u64) else { return 0 };
    let bytes = segment.read(at, TRAILER_BYTES).unwrap_or_default();
    let trailer = footer::trailer(&bytes, length);
    trailer.map_or(0, |trailer| trailer.entries_bytes / ENTRY_BYTES as u64)
}

/// Walks from record to record. Where none begins that should, the next one that can be
/// found ends the gap.
fn walk(segment: &Segment) -> io::Result<Contents> {
    let first = SEGMENT_HEADER_BYTES as u64;
    let mut contents = Contents {
        entries: Vec::new(),
        end: first,
        next_sequence: segment.header.first_sequence,
        has_gap: false,
        is_sealed: false,
    };
    let mut window = Window { segment, begin: 0, bytes: Vec::new() };
    let mut at = first;
    while let Some(header) = next_record(&mut window, &mut at, contents.next_sequence)? {
        if header.sequence > contents.next_sequence {
            contents.entries.clear();
            contents.has_gap = true;
        }
        let bytes = header.record_bytes();
        // Both fit: the record lies within a file, and a segment has at most a GiB; a
        // file that is longer was not written here and ends the walk.
        let (Ok(place), Ok(length)) = (u32::try_from(at / ALIGNMENT), u32::try_from(bytes)) else {
            break;
        };
        let (kind, key) = (header.kind, header.key);
        contents.entries.push(Entry { kind, key, at: place, bytes: length });
        contents.next_sequence = header.sequence + 1;
        at = align(at + bytes);
        contents.end = at;
    }
    Ok(contents)
}

/// The next intact record at or behind `at`, which is set to its place, that is not older
/// than `sequence`.
fn next_record(window: &mut Window, at: &mut u64, sequence: u64) -> io::Result<Option<Header>> {
    while *at + HEADER_BYTES as u64 <= window.segment.bytes() {
        if let Some(header) = record(window, *at)?
            && header.sequence >= sequence
            && header.sequence < u64::MAX
        {
            return Ok(Some(header));
        }
        *at += ALIGNMENT;
    }
    Ok(None)
}

/// The intact header at this place, if its record lies in the file.
fn record(window: &mut Window, at: u64) -> io::Result<Option<Header>> {
    let Some(header) = window.read(at, HEADER_BYTES)?.and_then(Header::peek) else {
        return Ok(None);
    };
    let home = window.segment.home();
    if at + header.record_bytes() > window.segment.bytes() {
        return Ok(None);
    }
    let bytes = window.read(at, header.prefix_bytes())?;
    Ok(bytes.and_then(|bytes| Header::decode(bytes, home)))
}

/// A part of the file in memory.
struct Window<'a> {
    segment: &'a Segment,
    begin: u64,
    bytes: Vec<u8>,
}

impl Window<'_> {
    /// So many bytes at this place; `None`: the file ends before.
    fn read(&mut self, at: u64, length: usize) -> io::Result<Option<&[u8]>> {
        let end = at + length as u64;
        let file_end = self.segment.bytes();
        if end > file_end {
            return Ok(None);
        }
        if at < self.begin || end > self.begin + self.bytes.len() as u64 {
            let wanted = (WINDOW_BYTES.max(length) as u64).min(file_end - at);
            self.bytes = self.segment.read(at, wanted as usize)?;
            self.begin = at;
        }
        let from = (at - self.begin) as usize;
        Ok(self.bytes.get(from..from + length))
    }
}

#[cfg(test)]
mod tests;
