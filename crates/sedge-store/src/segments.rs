//! A bounded log of opaque records by 16-byte keys, for a cache on the disk.
//!
//! In reading order: how it is bounded ([`SegmentsOptions`]); how a record and a segment
//! lie on the disk ([`format`], [`footer`]); where the records are ([`index`]); the files
//! ([`segment`]); how one is read ([`Reader`]); the queue before the one thread that
//! writes ([`queue`], [`writer`]), which makes room by [`evict`]ing the oldest segment;
//! and what opening makes of the files it finds ([`recovery`], [`walk`], [`floor`]).
//!
//! # What holds
//!
//! What is read is what was written last under its key, or nothing: each header, head and
//! block has a check that is verified before a byte of it is handed out, and headers are
//! valid only in their place. So nothing has to be synced before it is served, and a log
//! that lost its end in a crash is only a smaller one.
//!
//! What was removed stays removed. A removal is a record too, and records are numbered
//! without gaps: where numbers are missing, a removal may be, and all older records are
//! forgotten. Exactly:
//!
//! - When `remove` has answered, the record is in the file. The end of the process, of
//!   whatever kind, does not bring the removed one back.
//! - When `sync` has answered, power loss does not either. A removal that was answered
//!   less than [`sync_interval`](SegmentsOptions::sync_interval) before power loss, and
//!   not synced, may be lost, and the removed record be served again.
//! - Damage to the files does not bring it back if the removal had been synced. Both
//!   damage and a crash since the last sync may.
//! - A record that was replaced may come back if the newer one was lost: refused, not
//!   written for want of space, or still waiting when the process ended.

mod counters;
mod error;
mod evict;
mod floor;
mod footer;
pub(crate) mod format;
mod index;
mod options;
mod queue;
mod reader;
mod recovery;
mod segment;
mod walk;
mod writer;

use bytes::Bytes;
use counters::{Counters, count};
use index::{Index, Place};
use queue::{Job, Queue, Refusal};
use segment::Files;
use std::fs::File;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use writer::Writer;

pub use counters::SegmentsCounters;
pub use error::{ReadError, SegmentsError};
pub use format::BLOCK_BYTES;
pub use index::Cursor;
pub use options::SegmentsOptions;
pub use reader::{Reader, Slices};

/// What a record is found by.
pub type Key = [u8; 16];

/// What became of a record that was to be put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It waits for the writer, and can be had a little later.
    Queued,
    /// Too much waits; it is lost. So is an older one under its key.
    Full,
    /// It does not fit into a segment. An older one under its key is removed.
    TooLarge,
    /// The log is being closed.
    Closed,
}

/// Some keys, in no order that means something.
#[derive(Clone, Debug)]
pub struct Page {
    /// Keys, and bytes of their records on the disk.
    pub records: Vec<(Key, u32)>,
    /// Where the next page begins; `None`: this is the last.
    pub next: Option<Cursor>,
}

/// A log in a folder of its own. Calls may block on the disk where they say so. Dropping
/// it writes what waits and brings it to the disk.
pub struct Segments {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
    /// Locked as long as the log is open.
    lock: File,
}

/// What callers, readers and the writer share.
pub(crate) struct Shared {
    folder: PathBuf,
    options: SegmentsOptions,
    index: Index,
    files: Files,
    queue: Queue,
    counters: Counters,
    /// Whether a record may lie in a file that is not in the index and was not removed by
    /// a record either: then a removal has to be written even of what is not there.
    orphans: AtomicBool,
}

impl Shared {
    /// Forgets a record that cannot be read.
    pub(crate) fn drop_damaged(&self, key: &Key, place: Place) {
        if self.index.remove_at(key, place) {
            self.orphans.store(true, Relaxed);
        }
    }
}

impl Segments {
    /// Opens the log in a folder, creating it if it is absent. Files there that have
    /// segments' names but cannot be read as such are removed: of another version, of
    /// another log, or damaged. Blocks on the disk.
    ///
    /// # Errors
    /// [`SegmentsError::InUse`] or [`SegmentsError::Io`].
    pub fn open(
        folder: impl Into<PathBuf>,
        options: SegmentsOptions,
    ) -> Result<Self, SegmentsError> {
        let (folder, options) = (folder.into(), options.within_range());
        let lock = recovery::lock(&folder)?;
        let queue = Queue::new(
            options.queue_bytes_max,
            options.queue_records_max,
            options.queue_removals_max,
        );
        let shared = Arc::new(Shared {
            folder: folder.clone(),
            options,
            index: Index::new(),
            files: Files::default(),
            queue,
            counters: Counters::default(),
            orphans: AtomicBool::new(false),
        });
        let recovered = recovery::recover(&shared)?;
        let writer = Writer::new(shared.clone(), recovered);
        let thread = std::thread::Builder::new()
            .name("segments".to_owned())
            .spawn(move || writer.run())
            .map_err(error::failed("starting the writer of", &folder))?;
        Ok(Segments { shared, writer: Some(thread), lock })
    }

    /// Hands a record to the writer. Never blocks. What is refused takes an older record
    /// of its key with it, which would be out of date.
    pub fn put(&self, key: Key, head: Bytes, body: Vec<Bytes>) -> Put {
        let body_bytes: usize = body.iter().map(Bytes::len).sum();
        let bytes = head.len().saturating_add(body_bytes);
        if !writer::fits(head.len(), body_bytes, self.shared.options.segment_bytes) {
            count(&self.shared.counters.refused_large);
            self.drop_older(key);
            return Put::TooLarge;
        }
        match self.shared.queue.put(Job::Put { key, head, body }, bytes) {
            Ok(()) => Put::Queued,
            Err(Refusal::Closed) => Put::Closed,
            Err(Refusal::Full) => {
                count(&self.shared.counters.refused_full);
                self.drop_older(key);
                Put::Full
            }
        }
    }

    /// The record under the key, if it is there and its head is intact. Blocks on the
    /// disk.
    pub fn get(&self, key: &Key) -> Option<Reader> {
        let found = self.find(key);
        let counters = &self.shared.counters;
        count(if found.is_some() { &counters.hits } else { &counters.misses });
        found
    }

    /// Whether a record is under the key. Looks into memory only, and does not count as
    /// a hit.
    pub fn contains(&self, key: &Key) -> bool {
        self.shared.index.contains(key)
    }

    /// Removes the record under the key: from now on it is not found. `reply` is called
    /// when that outlives the process, and what was put before is gone too; by the
    /// writer's thread, which it must not hold up, or at once with an error.
    pub fn remove(&self, key: Key, reply: impl FnOnce(Result<(), SegmentsError>) + Send + 'static) {
        let known = self.shared.index.remove(&key).is_some();
        if known {
            count(&self.shared.counters.removed);
        }
        self.push(Job::Remove { key, known, reply: Box::new(reply) });
    }

    /// Removes every record, with the promise of [`Segments::remove`].
    pub fn remove_all(&self, reply: impl FnOnce(Result<(), SegmentsError>) + Send + 'static) {
        self.shared.index.clear();
        // Until that is written, what was cleared is only forgotten.
        self.shared.orphans.store(true, Relaxed);
        self.push(Job::RemoveAll { reply: Box::new(reply) });
    }

    /// Calls `reply` when all that was put and removed before has reached the disk.
    pub fn sync(&self, reply: impl FnOnce(Result<(), SegmentsError>) + Send + 'static) {
        self.push(Job::Sync { reply: Box::new(reply) });
    }

    /// [`Segments::remove`], waiting for it.
    ///
    /// # Errors
    /// [`SegmentsError`]: it may come back when the log is opened again.
    pub fn remove_wait(&self, key: Key) -> Result<(), SegmentsError> {
        wait(|reply| self.remove(key, reply))
    }

    /// [`Segments::remove_all`], waiting for it.
    ///
    /// # Errors
    /// [`SegmentsError`]: records may come back when the log is opened again.
    pub fn remove_all_wait(&self) -> Result<(), SegmentsError> {
        wait(|reply| self.remove_all(reply))
    }

    /// [`Segments::sync`], waiting for it.
    ///
    /// # Errors
    /// [`SegmentsError`]: power loss may take back what was done.
    pub fn sync_wait(&self) -> Result<(), SegmentsError> {
        wait(|reply| self.sync(reply))
    }

    /// Up to `max` keys after the cursor. What is there during the whole walk is told
    /// once. Looks into memory only.
    pub fn page(&self, after: Option<Cursor>, max: usize) -> Page {
        let (records, next) = self.shared.index.page(after, max);
        Page { records, next }
    }

    /// The largest head and body together, bytes, that a record may have; a little more
    /// fits if the body is small.
    pub fn record_bytes_max(&self) -> u64 {
        writer::content_bytes_max(self.shared.options.segment_bytes)
    }

    /// What was done and what is there: not of one moment.
    pub fn counters(&self) -> SegmentsCounters {
        let (records, record_bytes) = self.shared.index.usage();
        let (segments, file_bytes) = self.shared.files.usage();
        let index_bytes = self.shared.index.memory_bytes();
        let counters = self.shared.counters.snapshot();
        SegmentsCounters { records, record_bytes, segments, file_bytes, index_bytes, ..counters }
    }

    fn find(&self, key: &Key) -> Option<Reader> {
        let place = self.shared.index.touch(key)?;
        // The segment may have been evicted since.
        let segment = self.shared.files.find(|oldest| place.segment(oldest))?;
        let counters = &self.shared.counters;
        match Reader::open(&self.shared, segment, key, place) {
            Ok(Some(reader)) => return Some(reader),
            Ok(None) => count(&counters.damaged),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => count(&counters.damaged),
            Err(_) => count(&counters.read_errors),
        }
        self.shared.drop_damaged(key, place);
        None
    }

    /// Removes what is out of date because a newer one was refused.
    fn drop_older(&self, key: Key) {
        if self.shared.index.remove(&key).is_some() {
            self.push(Job::Remove { key, known: true, reply: Box::new(|_| {}) });
        }
    }

    fn push(&self, job: Job) {
        let Err((job, refusal)) = self.shared.queue.push(job) else { return };
        self.shared.orphans.store(true, Relaxed);
        let error = match refusal {
            Refusal::Full => SegmentsError::Busy,
            Refusal::Closed => SegmentsError::Closed,
        };
        match job {
            Job::Put { .. } => {}
            Job::Remove { reply, .. } | Job::RemoveAll { reply } | Job::Sync { reply } => {
                reply(Err(error));
            }
        }
    }
}

impl Drop for Segments {
    fn drop(&mut self) {
        self.shared.queue.close();
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has nothing more to write.
            drop(writer.join());
        }
        // Closing the file would be enough, were there no process just being started that
        // has inherited it for a moment.
        drop(self.lock.unlock());
    }
}

/// Waits for a reply; one that is dropped means that the writer is gone.
fn wait(
    ask: impl FnOnce(Box<dyn FnOnce(Result<(), SegmentsError>) + Send>),
) -> Result<(), SegmentsError> {
    let (sender, receiver) = mpsc::sync_channel(1);
    ask(Box::new(move |result| drop(sender.send(result))));
    receiver.recv().unwrap_or(Err(SegmentsError::Closed))
}
