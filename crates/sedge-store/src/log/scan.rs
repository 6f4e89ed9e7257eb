//! Looking through a segment that was not sealed, for where it ends.

use super::format::{FRAME_HEADER_BYTES, FRAMES_AT, FrameHeader, FrameKind, placed_check};
use super::media::MediaFile;
use super::record::{Lost, LostCause};
use super::recovery::snapshot;
use super::walk::{Event, Walk};
use crate::segments::format::{Check, Home};
use std::io;
use std::sync::Arc;

/// Bytes that are read at once.
const WINDOW_BYTES: usize = 1 << 20;

/// What a segment was found to hold.
pub(crate) struct Scan {
    home: Home,
    /// Of the file.
    bytes: u64,
    /// The position with which it begins, by its first frame.
    pub(crate) first: Option<u64>,
    /// Frames of records: the first position, and where the frame begins.
    pub(crate) frames: Vec<(u64, u64)>,
    /// Whether the snapshot at its begin is intact.
    has_snapshot: bool,
    /// The last frame but snapshots: where it begins, its header, and the checks of its
    /// records that are intact.
    last: Option<(u64, FrameHeader, Vec<Check>)>,
    /// The position after the highest record that was met.
    highest: u64,
    pub(crate) written_at_ms: u64,
    /// Blocks that could not be read.
    pub(crate) unreadable: u64,
}

/// Where a segment ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) position: u64,
    pub(crate) at: u64,
}

/// Looks through a file of this length.
pub(crate) fn scan(file: Arc<dyn MediaFile>, home: Home, bytes: u64) -> io::Result<Scan> {
    let mut scan = Scan {
        home,
        bytes,
        first: None,
        has_snapshot: snapshot(&file, home).is_some(),
        frames: Vec::new(),
        last: None,
        highest: 0,
        written_at_ms: 0,
        unreadable: 0,
    };
    let mut walk = Walk::new(file, home, FRAMES_AT, bytes, WINDOW_BYTES);
    while let Some(event) = walk.next()? {
        match event {
            Event::Frame(at, header) => scan.enter(at, header),
            Event::Record(stored) => {
                scan.highest = scan.highest.max(stored.header.position.saturating_add(1));
                if let Some((_, header, checks)) = &mut scan.last
                    && checks.len() < header.records as usize
                    && stored.header.position == header.first + checks.len() as u64
                {
                    checks.push(stored.check);
                }
            }
        }
    }
    scan.unreadable = walk.unreadable();
    Ok(scan)
}

impl Scan {
    fn enter(&mut self, at: u64, header: FrameHeader) {
        self.first.get_or_insert(header.first);
        if header.kind == FrameKind::Snapshot {
            return;
        }
        if header.kind == FrameKind::Batch {
            self.frames.push((header.first, at));
        }
        // A frame is written when the one before was committed.
        if let Some((_, before, _)) = &self.last {
            self.written_at_ms = self.written_at_ms.max(before.written_at_ms);
        }
        self.last = Some((at, header, Vec::new()));
    }

    /// Whether nothing was committed in it, as far as can be seen. Of a segment behind which
    /// another was used, a record tells that something was.
    pub(crate) fn is_empty(&self, is_last: bool) -> bool {
        match &self.last {
            None => is_last || self.highest == 0,
            Some((at, _, _)) => is_last && self.frames.len() == 1 && self.end(false).at <= *at,
        }
    }

    /// Where it ends, if all of it is known to have been committed, or not.
    pub(crate) fn end(&self, is_proven: bool) -> End {
        let Some((at, header, checks)) = &self.last else {
            return End { position: self.highest, at: self.bytes };
        };
        let parts: Vec<&[u8]> = checks.iter().map(|check| &check[..]).collect();
        // With the first frame, all that lies before it is brought to the disk.
        let is_whole = header.kind != FrameKind::Batch
            || (checks.len() == header.records as usize
                && placed_check(self.home, &parts) == header.content
                && (self.has_snapshot || self.frames.len() > 1));
        if is_whole || is_proven {
            let position = header.first + u64::from(header.records);
            let at = at + FRAME_HEADER_BYTES as u64 + u64::from(header.bytes);
            End { position, at }
        } else {
            End { position: header.first, at: *at }
        }
    }

    /// What lies behind the end.
    pub(crate) fn torn(&self, end: u64) -> Option<Lost> {
        let told =
            self.last.as_ref().map_or(0, |(_, header, _)| header.first + u64::from(header.records));
        let to = told.max(self.highest);
        (end < to).then_some(Lost { from: end, to, cause: LostCause::Damaged })
    }

    /// From where on it may be in memory alone; `None`: the last frame says that what lies
    /// before it was synced, or it does not count.
    pub(crate) fn rewrite_from(&self, end: &End) -> Option<u64> {
        let (at, header, _) = self.last.as_ref()?;
        if header.kind != FrameKind::Batch || end.at <= *at {
            return None;
        }
        // The file's begin is brought to the disk with its first frame.
        Some(if self.frames.len() > 1 { *at } else { 0 })
    }
}
