//! The one thread that writes.
//!
//! Records gather in a buffer that goes to the file in one write; only then they are in
//! the index, and removals are answered.

use super::counters::count;
use super::error::{SegmentsError, failed};
use super::floor::Floor;
use super::footer::{self, Entry, footer_bytes};
use super::format::{
    self, ALIGNMENT, HEADER_BYTES, Header, Home, Kind, SEGMENT_HEADER_BYTES, SegmentHeader, align,
    checks_bytes,
};
use super::index::Place;
use super::queue::{Job, Next, Queue, Reply};
use super::recovery::{Active, Recovered, floor_path};
use super::segment::{Pinned, Segment};
use super::{Key, Shared};
use bytes::Bytes;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// Bytes that gather before they are written.
const BUFFER_BYTES: usize = 1 << 20;

/// Whether a record fits into a segment.
pub(crate) fn fits(head_bytes: usize, body_bytes: usize, segment_bytes: u64) -> bool {
    let content = (head_bytes as u64).saturating_add(body_bytes as u64);
    let frame = SEGMENT_HEADER_BYTES as u64 + HEADER_BYTES as u64 + footer_bytes(1);
    let checks = checks_bytes(body_bytes as u64);
    content.saturating_add(checks + frame + ALIGNMENT) <= segment_bytes
}

/// Bytes of head and body that fit however they are divided.
pub(crate) fn content_bytes_max(segment_bytes: u64) -> u64 {
    let frame = SEGMENT_HEADER_BYTES as u64 + HEADER_BYTES as u64 + footer_bytes(1) + ALIGNMENT;
    segment_bytes.saturating_sub(frame + checks_bytes(segment_bytes))
}

/// What is done when the buffer has been written.
enum Effect {
    /// The record is at this place.
    Store(Key, Place),
    /// The record is at the second place if it still was at the first.
    Move(Key, Place, Place),
    Remove(Key, Reply),
    RemoveAll(Reply),
}

pub(crate) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) pinned: Pinned,
    log: u64,
    /// The sequence of the first record in the buffer.
    next_sequence: u64,
    next_number: u64,
    active: Option<Active>,
    buffer: Vec<u8>,
    /// Of the records in the buffer.
    entries: Vec<Entry>,
    effects: Vec<Effect>,
    /// Since when something has been written that is not synced.
    unsynced: Option<Instant>,
    /// Whether a sync has failed: what the disk has is unknown from then on.
    is_unsure: bool,
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>, recovered: Recovered) -> Self {
        Writer {
            shared,
            pinned: Pinned::default(),
            log: recovered.log,
            next_sequence: recovered.next_sequence,
            next_number: recovered.next_number,
            active: recovered.active,
            buffer: Vec::new(),
            entries: Vec::new(),
            effects: Vec::new(),
            unsynced: None,
            is_unsure: false,
        }
    }

    /// What the thread does until the queue is closed and empty.
    pub(crate) fn run(mut self) {
        let shared = self.shared.clone();
        let _closing = Closing(&shared.queue);
        // The log may have been opened with less room than it had.
        self.make_room();
        let interval = self.shared.options.sync_interval;
        loop {
            let idle =
                self.unsynced.map_or(interval, |since| interval.saturating_sub(since.elapsed()));
            match self.shared.queue.take(idle) {
                Next::Jobs(jobs) => {
                    jobs.into_iter().for_each(|job| self.work(job));
                    self.flush();
                }
                Next::Idle => {}
                Next::Closed => break,
            }
            if self.unsynced.is_some_and(|since| since.elapsed() >= interval) {
                // If that fails, a caller's sync tells.
                drop(self.sync());
            }
        }
        self.seal();
    }

    fn work(&mut self, job: Job) {
        match job {
            Job::Put { key, head, body } => self.store(key, &head, &body),
            Job::Remove { key, known, reply } => self.remove(key, known, reply),
            Job::RemoveAll { reply } => {
                let effect = Effect::RemoveAll(reply);
                self.append_removal(Kind::RemovedAll, [0; 16], effect);
                self.flush();
            }
            Job::Sync { reply } => {
                self.flush();
                let synced = self.sync();
                answer(reply, synced);
            }
        }
    }

    fn store(&mut self, key: Key, head: &Bytes, body: &[Bytes]) {
        let body_bytes: usize = body.iter().map(Bytes::len).sum();
        let header = self.header(Kind::Stored, key, head.len(), body_bytes);
        let Some(home) = self.room_for(header.record_bytes()) else {
            return self.lose(&key);
        };
        // The room may have been made by a new segment, which took sequences.
        let header = Header { sequence: self.sequence(), ..header };
        let checks = format::checks(head, body);
        let place = self.push_header(&header, home, &checks);
        self.buffer.extend_from_slice(&checks);
        self.buffer.extend_from_slice(head);
        body.iter().for_each(|chunk| self.buffer.extend_from_slice(chunk));
        self.end_record(Effect::Store(key, place));
    }

    /// Writes that nothing is under the key, unless that is plain anyway: neither the
    /// caller nor the index knew a record, none is in the buffer, and none lies in a file
    /// unknown.
    fn remove(&mut self, key: Key, known: bool, reply: Reply) {
        let is_needed = known
            || !self.effects.is_empty()
            || self.shared.index.contains(&key)
            || self.shared.orphans.load(Relaxed);
        if !is_needed {
            return answer(reply, Ok(()));
        }
        self.append_removal(Kind::Removed, key, Effect::Remove(key, reply));
    }

    fn append_removal(&mut self, kind: Kind, key: Key, effect: Effect) {
        let header = self.header(kind, key, 0, 0);
        let Some(home) = self.room_for(header.record_bytes()) else {
            let error = failed("creating a segment in", &self.shared.folder);
            return self.undo(effect, &error(ErrorKind::Other.into()));
        };
        let header = Header { sequence: self.sequence(), ..header };
        self.push_header(&header, home, &[]);
        self.end_record(effect);
    }

    /// Adds a record that was read from an old segment, if it fits into the active one.
    pub(super) fn append_again(&mut self, header: Header, record: &[u8], from: Place) {
        let Some(home) = self.home().filter(|_| self.has_room(header.record_bytes())) else {
            return;
        };
        let header = Header { sequence: self.sequence(), ..header };
        let (_, rest) = record.split_at(HEADER_BYTES.min(record.len()));
        let checks = &rest[..header.checks_bytes().min(rest.len())];
        let place = self.push_header(&header, home, checks);
        self.buffer.extend_from_slice(rest);
        self.end_record(Effect::Move(header.key, from, place));
    }

    fn header(&self, kind: Kind, key: Key, head_bytes: usize, body_bytes: usize) -> Header {
        let written_at_ms = (self.shared.options.clock)();
        // What does not fit into 32 bits fits into no segment, and was refused.
        let [head_bytes, body_bytes] =
            [head_bytes, body_bytes].map(|bytes| u32::try_from(bytes).unwrap_or(u32::MAX));
        Header { kind, key, sequence: self.sequence(), written_at_ms, head_bytes, body_bytes }
    }

    /// The sequence of the next record.
    fn sequence(&self) -> u64 {
        self.next_sequence + self.entries.len() as u64
    }

    fn home(&self) -> Option<Home> {
        self.active.as_ref().map(|active| active.segment.home())
    }

    /// Makes room in the active segment, or begins a new one; `None`: that failed.
    fn room_for(&mut self, record_bytes: u64) -> Option<Home> {
        if !self.has_room(record_bytes) {
            self.flush();
            self.seal();
            if let Err(error) = self.begin() {
                count(&self.shared.counters.write_errors);
                let freed = is_full(&error) && self.drop_oldest();
                if !freed || self.begin().is_err() {
                    return None;
                }
            }
            self.make_room();
            // What was written again leaves at least a quarter; a record that needs more
            // has a segment to itself.
            if !self.has_room(record_bytes) {
                self.flush();
                self.seal();
                self.begin().ok()?;
            }
        }
        self.home()
    }

    fn has_room(&self, record_bytes: u64) -> bool {
        self.active.as_ref().is_some_and(|active| {
            let entries = active.entries.len() + self.entries.len() + 1;
            let end = active.end + self.buffer.len() as u64 + align(record_bytes);
            end + footer_bytes(entries) <= self.shared.options.segment_bytes
        })
    }

    /// Adds a record's header to the buffer; where the record begins.
    fn push_header(&mut self, header: &Header, home: Home, checks: &[u8]) -> Place {
        let end = self.active.as_ref().map_or(0, |active| active.end);
        let at = ((end + self.buffer.len() as u64) / ALIGNMENT) as u32;
        let bytes = header.record_bytes() as u32;
        self.buffer.extend_from_slice(&header.encode(home, checks));
        self.entries.push(Entry { kind: header.kind, key: header.key, at, bytes });
        Place::new(home.segment, at, bytes)
    }

    fn end_record(&mut self, effect: Effect) {
        let length = align(self.buffer.len() as u64) as usize;
        self.buffer.resize(length, 0);
        self.effects.push(effect);
        if self.buffer.len() >= BUFFER_BYTES {
            self.flush();
        }
    }

    /// Writes what has gathered.
    pub(super) fn flush(&mut self) {
        let buffer = std::mem::take(&mut self.buffer);
        if !buffer.is_empty() {
            let mut written = self.write(&buffer);
            if written.as_ref().is_err_and(is_full) && self.drop_oldest() {
                count(&self.shared.counters.write_errors);
                written = self.write(&buffer);
            }
            self.finish(written, buffer.len() as u64);
        }
        self.buffer = buffer;
        self.buffer.clear();
        self.buffer.shrink_to(BUFFER_BYTES);
    }

    fn write(&self, buffer: &[u8]) -> io::Result<()> {
        match &self.active {
            Some(active) => active.segment.write(active.end, buffer),
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    /// Does what was to be done when the buffer would be written, or undoes it.
    fn finish(&mut self, written: io::Result<()>, bytes: u64) {
        let effects = std::mem::take(&mut self.effects);
        let mut entries = std::mem::take(&mut self.entries);
        let records = entries.len() as u64;
        match (written, &mut self.active) {
            (Ok(()), Some(active)) => {
                active.end += bytes;
                active.entries.append(&mut entries);
                self.next_sequence += records;
                self.unsynced.get_or_insert_with(Instant::now);
                self.shared.counters.written_bytes.fetch_add(bytes, Relaxed);
                effects.into_iter().for_each(|effect| self.apply(effect));
            }
            (written, active) => {
                count(&self.shared.counters.write_errors);
                let end_is_clean =
                    active.as_ref().is_some_and(|active| active.segment.cut(active.end).is_ok());
                if !end_is_clean {
                    // Some of the records may be there: their numbers are not used again.
                    drop(self.sync());
                    self.next_sequence += records;
                    self.active = None;
                }
                let cause = written.err().unwrap_or_else(|| ErrorKind::NotFound.into());
                let error = failed("writing a segment in", &self.shared.folder)(cause);
                effects.into_iter().for_each(|effect| self.undo(effect, &error));
            }
        }
    }

    fn apply(&mut self, effect: Effect) {
        let (index, counters) = (&self.shared.index, &self.shared.counters);
        match effect {
            Effect::Store(key, place) => {
                index.put(&key, place);
                count(&counters.written);
            }
            Effect::Move(key, from, to) => {
                if index.move_to(&key, from, to) {
                    count(&counters.rewritten);
                }
            }
            Effect::Remove(key, reply) => {
                if index.remove(&key).is_some() {
                    count(&counters.removed);
                }
                answer(reply, Ok(()));
            }
            Effect::RemoveAll(reply) => {
                index.clear();
                self.drop_all();
                answer(reply, Ok(()));
            }
        }
    }

    fn undo(&mut self, effect: Effect, error: &SegmentsError) {
        match effect {
            Effect::Store(key, _) => self.lose(&key),
            // It stays where it was, and goes with its segment.
            Effect::Move(..) => {}
            Effect::Remove(key, reply) => {
                self.shared.index.remove(&key);
                self.shared.orphans.store(true, Relaxed);
                answer(reply, Err(error.clone()));
            }
            Effect::RemoveAll(reply) => {
                self.shared.index.clear();
                self.shared.orphans.store(true, Relaxed);
                answer(reply, Err(error.clone()));
            }
        }
    }

    /// A record could not be written: the older one under its key is out of date.
    fn lose(&self, key: &Key) {
        count(&self.shared.counters.lost);
        if self.shared.index.remove(key).is_some() {
            self.shared.orphans.store(true, Relaxed);
        }
    }

    /// Begins a new segment.
    fn begin(&mut self) -> io::Result<()> {
        let (log, number) = (self.log, self.next_number);
        let header = SegmentHeader { log, number, first_sequence: self.next_sequence };
        let segment = Arc::new(Segment::create(&self.shared.folder, header)?);
        // A name is only on the disk when its folder is; if that fails, the segment may be
        // missing after power loss, which opening will notice.
        drop(File::open(&self.shared.folder).and_then(|folder| folder.sync_all()));
        self.next_number += 1;
        self.shared.files.push(segment.clone());
        let end = SEGMENT_HEADER_BYTES as u64;
        self.active = Some(Active { segment, end, entries: Vec::new() });
        Ok(())
    }

    /// Ends the active segment with a footer and brings it to the disk.
    fn seal(&mut self) {
        let Some(active) = &self.active else { return };
        let footer = footer::encode(active.segment.home(), active.end, &active.entries);
        if active.segment.write(active.end, &footer).is_err() {
            // It will be walked through instead.
            count(&self.shared.counters.write_errors);
        }
        drop(self.sync());
        self.active = None;
    }

    /// Brings what was written to the disk, and the floor up to it.
    fn sync(&mut self) -> Result<(), SegmentsError> {
        self.unsynced = None;
        let error = |error| failed("syncing a segment in", &self.shared.folder)(error);
        if self.is_unsure {
            // The kernel tells of a page that it could not write once, and then drops it.
            return Err(error(io::Error::other("an earlier sync failed")));
        }
        let Some(active) = &self.active else { return Ok(()) };
        if let Err(cause) = active.segment.sync() {
            count(&self.shared.counters.write_errors);
            let error = error(cause);
            self.is_unsure = true;
            return Err(error);
        }
        count(&self.shared.counters.synced);
        let floor = Floor { log: self.log, sequence: self.next_sequence.saturating_sub(1) };
        if floor.write(&floor_path(&self.shared.folder)).is_err() {
            count(&self.shared.counters.write_errors);
        }
        Ok(())
    }

    /// Bytes of all segments but the active one.
    pub(super) fn sealed_bytes(&self) -> u64 {
        let active = self.active.as_ref().map_or(0, |active| active.segment.bytes());
        self.shared.files.usage().1.saturating_sub(active)
    }

    /// The oldest segment that is not the active one.
    pub(super) fn oldest_sealed(&self) -> Option<Arc<Segment>> {
        let oldest = self.shared.files.oldest()?;
        let is_active =
            self.active.as_ref().is_some_and(|active| Arc::ptr_eq(&active.segment, &oldest));
        (!is_active).then_some(oldest)
    }
}

/// Closes the queue when the writer ends, whatever ends it, and answers what waits by
/// dropping it: nobody waits for a writer that is gone.
struct Closing<'a>(&'a Queue);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.close();
        drop(self.0.take(Duration::ZERO));
    }
}

/// Whether another segment's space would help.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// Calls a reply. One that panics is its caller's defect, and must not take the writer
/// with it.
fn answer(reply: Reply, result: Result<(), SegmentsError>) {
    drop(catch_unwind(AssertUnwindSafe(|| reply(result))));
}
