//! The core of the log: batches become frames, frames are brought to the disk, and only
//! then are the batches answered. It belongs to one thread.
//!
//! What is written is [`gather`](Core::gather)ed from as many batches as wait; a frame is
//! written and synced as a whole. Where a write is refused for want of room, nothing has
//! happened; where it fails otherwise, or a sync does, nobody knows what the disk has: the
//! core accepts nothing any more.

use super::Shared;
use super::error::{LogError, failed, is_full};
use super::footer;
use super::format::{FRAME_HEADER_BYTES, Hash};
use super::frame::{self, Frame, batch_bytes};
use super::media::{MediaFile, SyncPoint};
use super::record::{Batch, CursorChange, Outcome};
use super::segment::Segment;
use super::state::State;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Called once with a batch's outcomes, one for each record, on the writer's thread: it
/// must be quick and must not call back into the log's blocking methods.
pub type Reply = Box<dyn FnOnce(Result<Vec<Outcome>, LogError>) + Send>;

/// A batch that waits for the disk.
pub(crate) struct Pending {
    pub(crate) batch: Batch,
    /// Of its records.
    pub(crate) digests: Vec<Hash>,
    pub(crate) reply: Reply,
}

/// The segment that is written.
pub(crate) struct Active {
    pub(crate) segment: Arc<Segment>,
    pub(crate) file: Arc<dyn MediaFile>,
    /// Bytes of the file.
    pub(crate) capacity: u64,
    /// Whether what was committed last is followed by a mark.
    pub(crate) is_marked: bool,
}

/// How much of the end of a segment may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// None of what is reserved.
    Data,
    /// Half of it: how far readers have come.
    Cursor,
    /// All of it: what leads to more room.
    Removal,
}

pub(crate) struct Core {
    pub(crate) shared: Arc<Shared>,
    pub(crate) log: u64,
    pub(crate) state: State,
    pub(crate) active: Option<Active>,
    /// Of the next record.
    pub(crate) next_position: u64,
    /// Of the next segment.
    pub(crate) next_number: u64,
    pub(crate) poison: Option<String>,
}

impl Core {
    /// Commits batches, as many at once as fit into a segment, and answers each.
    pub(crate) fn commit(&mut self, group: Vec<Pending>) {
        let mut waiting = VecDeque::from(group);
        let mut is_full = false;
        while !waiting.is_empty() {
            let (frame, answers) = self.gather(&mut waiting, &mut is_full);
            let result = match frame {
                Some(frame) => self.write(frame, SyncPoint::Commit),
                None => Ok(()),
            };
            for (reply, outcomes) in answers {
                answer(reply, result.clone().map(|()| outcomes));
            }
        }
    }

    /// Makes a frame of the batches at the front. Those that are refused are answered.
    fn gather(
        &mut self,
        waiting: &mut VecDeque<Pending>,
        is_full: &mut bool,
    ) -> (Option<Frame>, Vec<(Reply, Vec<Outcome>)>) {
        let (mut frame, mut answers) = (None::<Frame>, Vec::new());
        while let Some(pending) = waiting.pop_front() {
            let gathered = frame.as_ref().map_or(FRAME_HEADER_BYTES as u64, Frame::bytes);
            let wanted = gathered + batch_bytes(&pending.batch);
            if !self.has_room(wanted, Level::Data) && frame.is_some() {
                waiting.push_front(pending);
                break;
            }
            if let Err(error) = self.room_for(&pending.batch, wanted, is_full) {
                answer(pending.reply, Err(error));
                continue;
            }
            let Some(home) = self.active.as_ref().map(|active| active.segment.home) else {
                answer(pending.reply, Err(LogError::Full));
                continue;
            };
            let open = frame.get_or_insert_with(|| Frame::new(home, self.next_position));
            let Pending { batch, digests, reply } = pending;
            match open.add(&batch, &digests, &mut self.state, &self.shared.options) {
                Ok(outcomes) => answers.push((reply, outcomes)),
                Err(error) => answer(reply, Err(error)),
            }
        }
        (frame.filter(|frame| !frame.is_empty()), answers)
    }

    /// Sees to it that a batch finds room, by a new segment if need be.
    fn room_for(&mut self, batch: &Batch, wanted: u64, is_full: &mut bool) -> Result<(), LogError> {
        if let Some(detail) = &self.poison {
            return Err(LogError::Poisoned { detail: detail.clone() });
        }
        // Where one was refused, a smaller one of the same device must not go before it.
        let result = match *is_full {
            true => Err(LogError::Full),
            false if self.has_room(wanted, Level::Data) => return Ok(()),
            false => self.roll(wanted),
        };
        if result != Err(LogError::Full) {
            return result;
        }
        *is_full = true;
        // Readers must be able to go on, or there would never be room again.
        let level = self.level(batch);
        if level == Level::Data {
            return result;
        }
        if self.active.is_none() {
            self.begin_small(wanted)?;
        }
        if self.has_room(wanted, level) { Ok(()) } else { result }
    }

    fn level(&self, batch: &Batch) -> Level {
        let Some(change) = batch.cursor.as_ref().filter(|_| batch.records.is_empty()) else {
            return Level::Data;
        };
        let (name, to) = match change {
            CursorChange::Remove { name } => (name, u64::MAX),
            CursorChange::Commit { name, position, .. } => (name, *position),
        };
        let others = self.state.cursors.iter().filter(|(other, _)| *other != name);
        let least = others.map(|(_, cursor)| cursor.position).fold(to, u64::min);
        let frees = self.shared.files.oldest().is_some_and(|oldest| oldest.end() <= least);
        if frees { Level::Removal } else { Level::Cursor }
    }

    /// Whether so many bytes fit into the active segment.
    pub(crate) fn has_room(&self, bytes: u64, level: Level) -> bool {
        let Some(active) = &self.active else { return false };
        let reserve = self.shared.options.reserve_bytes();
        let kept = match level {
            Level::Data => reserve,
            Level::Cursor => reserve / 2,
            Level::Removal => 0,
        };
        let footer = footer::bytes_max(active.capacity);
        active.segment.end_at() + bytes + kept + footer <= active.capacity
    }

    /// Brings a frame to the disk.
    pub(crate) fn write(&mut self, mut frame: Frame, point: SyncPoint) -> Result<(), LogError> {
        let now_ms = (self.shared.options.clock)();
        let next = frame.next();
        let result = match &mut self.active {
            None => Err(LogError::Full),
            Some(active) => {
                let at = active.segment.end_at();
                let bytes = frame.seal(now_ms);
                let length = bytes.len() as u64;
                let written = write_and_sync(active, at, bytes, point);
                if written.is_ok() {
                    active.segment.note(self.next_position, at);
                    active.segment.extend(next, at + length, now_ms);
                    active.is_marked = false;
                }
                written
            }
        };
        match &result {
            Ok(()) => {
                self.state.settle();
                self.next_position = next;
                self.shared.publish(next, &self.state);
            }
            Err(error) => {
                self.state.back_to(0);
                self.note_failure(error);
            }
        }
        result
    }

    /// After any failure of the disk but want of room, nobody knows what it has.
    pub(crate) fn note_failure(&mut self, error: &LogError) {
        if matches!(error, LogError::Io { .. }) && self.poison.is_none() {
            self.poison = Some(error.to_string());
            self.shared.poison(&error.to_string());
        }
    }

    /// When nothing waits: says in the file, without bringing it to the disk, that what was
    /// committed last is whole, so that damage to it is told from a batch that was torn.
    pub(crate) fn mark(&mut self) {
        let room = self.has_room(FRAME_HEADER_BYTES as u64, Level::Removal);
        let now_ms = (self.shared.options.clock)();
        let next_position = self.next_position;
        let Some(active) = self.active.as_mut().filter(|active| !active.is_marked) else { return };
        active.is_marked = true;
        if self.poison.is_some() || !room || active.segment.end() == active.segment.first {
            return;
        }
        let (at, end) = (active.segment.end_at(), active.segment.end());
        let bytes = frame::mark(active.segment.home, next_position, now_ms);
        match active.file.write_at(at, &bytes) {
            Ok(()) => active.segment.extend(end, at + bytes.len() as u64, now_ms),
            Err(error) if is_full(&error) => {}
            Err(error) => self.note_failure(&failed("writing a mark")(error)),
        }
    }
}

fn write_and_sync(
    active: &Active,
    at: u64,
    bytes: &[u8],
    point: SyncPoint,
) -> Result<(), LogError> {
    active.file.write_at(at, bytes).map_err(failed("writing a segment"))?;
    // A full disk that shows only now is no refusal: some of it may be there.
    active
        .file
        .sync(point)
        .map_err(|error| LogError::Io { action: "syncing a segment", detail: error.to_string() })
}

/// Calls a reply. One that panics is its caller's defect, and must not take the writer
/// with it: everybody else's batches would wait forever.
pub(crate) fn answer(reply: Reply, result: Result<Vec<Outcome>, LogError>) {
    drop(catch_unwind(AssertUnwindSafe(|| reply(result))));
}
