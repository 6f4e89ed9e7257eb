//! Walking through a segment: from frame to record to frame. Where something begins that
//! is damaged, the next thing that is intact is searched for; each proves itself, so
//! nothing is taken for what it is not.

use super::format::{
    ALIGNMENT, Checked, FRAME_HEADER_BYTES, FrameHeader, FrameKind, RECORD_HEADER_BYTES,
    RecordHeader, Stored, align,
};
use super::media::MediaFile;
use crate::segments::format::Home;
use std::io::{self, ErrorKind};
use std::sync::Arc;

/// Bytes that are read again one by one where many could not be read: a sector of today's
/// disks.
const BLOCK_BYTES: usize = 4_096;

/// Something intact.
pub(crate) enum Event<'a> {
    /// A frame's header, and where it begins.
    Frame(u64, FrameHeader),
    /// A record.
    Record(Stored<'a>),
}

/// What was found, before it is looked at.
enum Found {
    Frame(FrameHeader),
    Record(Checked, usize),
}

/// A way through a segment.
pub(crate) struct Walk {
    window: Window,
    home: Home,
    at: u64,
    limit: u64,
}

impl Walk {
    /// Begins at a place, and ends at a limit.
    pub(crate) fn new(
        file: Arc<dyn MediaFile>,
        home: Home,
        at: u64,
        limit: u64,
        window_bytes: usize,
    ) -> Self {
        let window =
            Window { file, begin: 0, bytes: Vec::new(), limit, window_bytes, unreadable: 0 };
        Walk { window, home, at: align(at), limit }
    }

    /// Where it goes on.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// Blocks that could not be read so far.
    pub(crate) fn unreadable(&self) -> u64 {
        self.window.unreadable
    }

    /// The next thing that is intact.
    pub(crate) fn next(&mut self) -> io::Result<Option<Event<'_>>> {
        let found = loop {
            if self.at + FRAME_HEADER_BYTES as u64 > self.limit {
                return Ok(None);
            }
            match self.look()? {
                Some(found) => break found,
                None => self.at += ALIGNMENT,
            }
        };
        let at = self.at;
        match found {
            Found::Frame(header) => {
                self.at += FRAME_HEADER_BYTES as u64;
                if header.kind == FrameKind::Snapshot {
                    self.at += u64::from(header.bytes);
                }
                Ok(Some(Event::Frame(at, header)))
            }
            Found::Record(checked, bytes) => {
                self.at = align(at + bytes as u64);
                let bytes = self.window.read(at, bytes)?.unwrap_or_default();
                Ok(Stored::split(bytes, &checked).map(Event::Record))
            }
        }
    }

    /// What begins here.
    fn look(&mut self) -> io::Result<Option<Found>> {
        let (at, home) = (self.at, self.home);
        let Some(bytes) = self.window.read(at, FRAME_HEADER_BYTES)? else { return Ok(None) };
        // Most places that are looked at are in an empty end.
        if bytes[..4] == [0; 4] {
            return Ok(None);
        }
        if let Some(header) = FrameHeader::decode(bytes, home) {
            let end = at + FRAME_HEADER_BYTES as u64 + u64::from(header.bytes);
            return Ok((end <= self.limit).then_some(Found::Frame(header)));
        }
        let Some(bytes) = self.window.read(at, RECORD_HEADER_BYTES)? else { return Ok(None) };
        let Some(header) = RecordHeader::peek(bytes) else { return Ok(None) };
        let length = header.record_bytes();
        if at + length > self.limit {
            return Ok(None);
        }
        // It lies within a segment, which has at most a GiB.
        let length = length as usize;
        let Some(bytes) = self.window.read(at, length)? else { return Ok(None) };
        let checked = Checked::of(bytes, header, home)
            .filter(|checked| Stored::split(bytes, checked).is_some());
        Ok(checked.map(|checked| Found::Record(checked, length)))
    }
}

/// A part of the file in memory.
struct Window {
    file: Arc<dyn MediaFile>,
    begin: u64,
    bytes: Vec<u8>,
    limit: u64,
    window_bytes: usize,
    unreadable: u64,
}

impl Window {
    /// So many bytes at this place; `None`: the limit is before.
    fn read(&mut self, at: u64, length: usize) -> io::Result<Option<&[u8]>> {
        let end = at.saturating_add(length as u64);
        if end > self.limit {
            return Ok(None);
        }
        if at < self.begin || end > self.begin + self.bytes.len() as u64 {
            let wanted = (self.window_bytes.max(length) as u64).min(self.limit - at);
            self.fill(at, wanted as usize)?;
        }
        let from = (at - self.begin) as usize;
        Ok(self.bytes.get(from..from + length))
    }

    /// What cannot be read reads as zeros, which are no record.
    fn fill(&mut self, at: u64, length: usize) -> io::Result<()> {
        self.begin = at;
        self.bytes.clear();
        self.bytes.resize(length, 0);
        let Err(error) = self.file.read_at(at, &mut self.bytes) else { return Ok(()) };
        if error.kind() == ErrorKind::UnexpectedEof {
            self.bytes.clear();
            return Err(error);
        }
        for (index, block) in self.bytes.chunks_mut(BLOCK_BYTES).enumerate() {
            if self.file.read_at(at + (index * BLOCK_BYTES) as u64, block).is_err() {
                block.fill(0);
                self.unreadable += 1;
            }
        }
        Ok(())
    }
}
