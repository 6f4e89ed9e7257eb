//! Segments begin, are sealed, and are removed.
//!
//! A new segment has all its bytes before the old one is left: so a full disk shows while
//! there is still room, reserved in the old one, for a record that says what is dropped. A
//! segment is removed only when that record is on the disk.

use super::commit::{Active, Core, Level};
use super::error::{LogError, failed, is_full};
use super::footer;
use super::format::{
    FRAME_HEADER_BYTES, FRAMES_AT, HEADER_PLACES, RECORD_HEADER_BYTES, RecordKind, SegmentHeader,
};
use super::frame::{self, Frame};
use super::gap::GapCount;
use super::media::{MediaFile, SyncPoint};
use super::options::WhenFull;
use super::record::{Gap, RemovalCause};
use super::segment::{Segment, file_name};
use super::walk::{Event, Walk};
use crate::segments::format::Home;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Files of a log, at most.
const SEGMENTS_MAX: usize = 65_536;

/// Bytes that are read at once when a segment is looked through.
const WINDOW_BYTES: usize = 1 << 20;

impl Core {
    /// Goes on in a new segment that has room for so many bytes.
    pub(crate) fn roll(&mut self, wanted: u64) -> Result<(), LogError> {
        let bytes = self.shared.options.segment_bytes;
        let rolled = self.roll_into(wanted, bytes);
        if let Err(error) = &rolled {
            self.note_failure(error);
        }
        rolled
    }

    fn roll_into(&mut self, wanted: u64, bytes: u64) -> Result<(), LogError> {
        if self.overhead() + wanted > bytes {
            return Err(LogError::TooLarge {
                what: "batch",
                bytes: wanted as usize,
                bytes_max: bytes.saturating_sub(self.overhead()) as usize,
            });
        }
        self.make_room(bytes)?;
        loop {
            match self.begin(bytes) {
                Err(error) if is_full(&error) => self.drop_oldest(RemovalCause::DiskFull)?,
                begun => return begun.map_err(failed("beginning a segment"))?,
            }
        }
    }

    /// Bytes of a segment that no batch can have.
    fn overhead(&self) -> u64 {
        let options = &self.shared.options;
        FRAMES_AT
            + (FRAME_HEADER_BYTES as u64 + self.state.encoded_bytes()).next_multiple_of(8)
            + options.reserve_bytes()
            + footer::bytes_max(options.segment_bytes)
    }

    /// Sees to it that the log may have so many bytes more.
    fn make_room(&mut self, bytes: u64) -> Result<(), LogError> {
        loop {
            let (files, total) = self.shared.files.usage();
            if total + bytes <= self.shared.options.bytes_max && files < SEGMENTS_MAX {
                return Ok(());
            }
            self.drop_oldest(RemovalCause::Size)?;
        }
    }

    /// Drops the oldest segment if it was read by all, or may be dropped otherwise.
    fn drop_oldest(&mut self, cause: RemovalCause) -> Result<(), LogError> {
        let read_by_all = self.state.read_by_all();
        let oldest = self.oldest_sealed().ok_or(LogError::Full)?;
        let is_read = read_by_all.is_some_and(|position| oldest.end() <= position);
        if !is_read && self.shared.options.when_full == WhenFull::Refuse {
            return Err(LogError::Full);
        }
        self.remove_oldest(cause)
    }

    /// Removes what has become too old.
    pub(crate) fn retain(&mut self) {
        let Some(age_max) = self.shared.options.age_max else { return };
        let age_max_ms = u64::try_from(age_max.as_millis()).unwrap_or(u64::MAX);
        let now_ms = (self.shared.options.clock)();
        while self.poison.is_none() {
            let is_old = |segment: &Arc<Segment>| {
                segment.written_at_ms().saturating_add(age_max_ms) < now_ms
            };
            // What fails is tried again later; a batch that fails for the same reason is
            // what tells somebody.
            if !self.oldest_sealed().is_some_and(|oldest| is_old(&oldest))
                || self.remove_oldest(RemovalCause::Age).is_err()
            {
                return;
            }
        }
    }

    fn oldest_sealed(&self) -> Option<Arc<Segment>> {
        let active = self.active.as_ref().map(|active| active.segment.home.segment);
        self.shared.files.oldest().filter(|oldest| Some(oldest.home.segment) != active)
    }

    /// Removes the oldest segment: the record first, then the file.
    fn remove_oldest(&mut self, cause: RemovalCause) -> Result<(), LogError> {
        let Some(oldest) = self.oldest_sealed() else { return Ok(()) };
        let gap = self.look_through(&oldest, cause);
        let payload = gap.encode();
        let frame_bytes = FRAME_HEADER_BYTES + RECORD_HEADER_BYTES + payload.len() + 8;
        if self.active.is_none() {
            self.begin_small(frame_bytes as u64)?;
        }
        let Some(active) = &self.active else { return Err(LogError::Full) };
        if !self.has_room(frame_bytes as u64, Level::Removal) {
            return Err(LogError::Full);
        }
        let mut frame = Frame::new(active.segment.home, self.next_position);
        frame.push_own(RecordKind::Removal, &[], &payload);
        let floor = std::mem::replace(&mut self.state.floor, gap.to);
        if let Err(error) = self.write(frame, SyncPoint::Removal) {
            self.state.floor = floor;
            return Err(error);
        }
        self.shared.files.pop_oldest();
        let counters = &self.shared.counters;
        counters.removed_segments.fetch_add(1, Relaxed);
        counters.gap_records.fetch_add(gap.records, Relaxed);
        // If that fails, the next opening removes it.
        drop(self.shared.media.remove(&oldest.name()));
        Ok(())
    }

    /// What is lost with a segment: what not every reader has read.
    fn look_through(&self, segment: &Arc<Segment>, cause: RemovalCause) -> Gap {
        let (from, to) = (segment.first, segment.end());
        let unread_from = self.state.read_by_all().unwrap_or(from);
        let mut count = GapCount::new(from, self.shared.options.reserve_bytes() / 2);
        if unread_from < to
            && let Ok(file) = segment.open(&*self.shared.media)
        {
            let limit = segment.end_at();
            let mut walk = Walk::new(file, segment.home, FRAMES_AT, limit, WINDOW_BYTES);
            // What cannot be read is counted by the positions alone.
            while let Ok(Some(event)) = walk.next() {
                let Event::Record(stored) = event else { continue };
                if stored.header.position < unread_from {
                    continue;
                }
                match stored.header.kind {
                    RecordKind::Data => count.add(stored.device, stored.number()),
                    RecordKind::Removal => {
                        let gap = Gap::decode(stored.payload);
                        gap.into_iter()
                            .filter(|gap| gap.records > 0)
                            .for_each(|gap| count.merge(gap));
                    }
                    RecordKind::Cursor => {}
                }
            }
        }
        count.end(to, cause)
    }

    /// Begins a segment that has no more room than is needed to get out of being full, as
    /// there is no other that has a reserve. It may be beyond the log's limit, but not by
    /// more than a segment.
    pub(crate) fn begin_small(&mut self, wanted: u64) -> Result<(), LogError> {
        let bytes = self.overhead() + wanted;
        let options = &self.shared.options;
        if self.shared.files.usage().1 + bytes > options.bytes_max + options.segment_bytes {
            return Err(LogError::Full);
        }
        let begun = self.begin(bytes).map_err(failed("beginning a segment")).flatten();
        if let Err(error) = &begun {
            self.note_failure(error);
        }
        begun
    }

    /// Begins a new segment and seals the one before.
    fn begin(&mut self, bytes: u64) -> io::Result<Result<(), LogError>> {
        let (home, first) = (Home { log: self.log, segment: self.next_number }, self.next_position);
        let name = file_name(home.segment);
        let media = self.shared.media.clone();
        let file = media.create(&name)?;
        if let Err(error) = file.allocate(bytes) {
            drop(media.remove(&name));
            return Err(error);
        }
        let oldest = self.shared.files.oldest().map_or(first, |oldest| oldest.first);
        self.state.forget_devices(oldest, self.shared.options.devices_bytes_max);
        let snapshot =
            frame::snapshot(home, first, (self.shared.options.clock)(), &self.state.encode());
        let header = SegmentHeader { home, first }.encode();
        let written = HEADER_PLACES
            .into_iter()
            .try_for_each(|at| file.write_at(at, &header))
            .and_then(|()| file.write_at(FRAMES_AT, &snapshot))
            .and_then(|()| media.sync_folder(SyncPoint::BeginFolder));
        if let Err(error) = written {
            drop(media.remove(&name));
            return Ok(Err(LogError::Io {
                action: "beginning a segment",
                detail: error.to_string(),
            }));
        }
        if let Err(error) = self.seal() {
            drop(media.remove(&name));
            return Ok(Err(error));
        }
        let segment = Arc::new(Segment::new(home, first, bytes));
        segment.extend(first, FRAMES_AT + snapshot.len() as u64, 0);
        self.shared.files.push(segment.clone());
        self.next_number += 1;
        self.active = Some(Active { segment, file, capacity: bytes, is_marked: false });
        Ok(Ok(()))
    }

    /// Ends the active segment with a footer, and gives back what it did not need.
    pub(crate) fn seal(&mut self) -> Result<(), LogError> {
        let Some(active) = &self.active else { return Ok(()) };
        seal(&active.segment, &*active.file)?;
        self.active = None;
        Ok(())
    }

    /// Ends the log: opening it again will find nothing to look through.
    pub(crate) fn close(&mut self) {
        if self.poison.is_none()
            && let Err(error) = self.seal()
        {
            self.note_failure(&error);
        }
    }
}

/// Writes the footer of a segment and brings it to the disk.
pub(crate) fn seal(segment: &Segment, file: &dyn MediaFile) -> Result<(), LogError> {
    let footer = segment.footer().encode();
    let (at, bytes) = (segment.end_at(), segment.end_at() + footer.len() as u64);
    file.write_at(at, &footer)
        .and_then(|()| file.set_bytes(bytes))
        .map_err(failed("sealing a segment"))?;
    file.sync(SyncPoint::Seal)
        .map_err(|error| LogError::Io { action: "sealing a segment", detail: error.to_string() })?;
    segment.set_bytes(bytes);
    Ok(())
}
