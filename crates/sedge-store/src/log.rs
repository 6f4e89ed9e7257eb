//! A durable log: records of devices, in order, acknowledged when they are on the disk.
//!
//! In reading order: what goes in and comes out ([`Record`], [`Item`]), how it is bounded
//! ([`LogOptions`]) and what it asks of a disk ([`Media`]); how records and segments lie
//! there ([`format`], [`footer`]); what is remembered of devices and readers ([`seen`],
//! [`state`]); how batches become frames and frames become durable ([`frame`],
//! [`commit`]); how segments begin and end ([`roll`], [`gap`]); what opening makes of the
//! files ([`scan`], [`recovery`]); and reading ([`walk`], [`reader`], [`verify`]).
//! `docs/adr/0017-a-log-of-our-own.md` says why it is so.
//!
//! # What holds
//!
//! - What [`Log::append`] has answered with `Ok` is on the disk, if the disk does what it
//!   says when it is told to sync.
//! - A batch is in the log as a whole or not at all.
//! - A record that comes again, by device, epoch and sequence, is stored once, also if the
//!   log was opened anew in between. If a number is too old to tell, it is refused.
//! - Records lie in the order in which they were appended, so those of a device do.
//! - What cannot be read is told by its positions, and nothing is told instead of it.
//! - After a write or a sync has failed, nothing is acknowledged until the log is opened
//!   again; want of room alone is a refusal.
//!
//! # A reader's own state
//!
//! A reader that has dealt with what it read says so by a cursor, a name with a position.
//! What it needs to go on must be kept together with that, or a crash in between makes it
//! deal with a record twice, or never. There are two ways:
//!
//! - *In the log.* One [`Batch`] holds the cursor, up to some KiB of the reader's state, and
//!   the records that it emits: all of it is committed by one sync, or nothing. A function
//!   that turns records into others needs no more to have each take effect once.
//! - *In the tables.* Larger state by keys lies in a [`Store`](crate::Store). There one
//!   [`Change::Set`](crate::Change::Set) sets the state's keys and a key with the position:
//!   one transaction. The reader begins at that position. The log's cursor, committed
//!   afterwards, only tells what may be removed; that it is late does no harm.

mod commit;
mod counters;
mod error;
mod footer;
mod format;
mod frame;
mod gap;
mod media;
mod options;
mod reader;
mod record;
mod recovery;
mod roll;
mod scan;
mod seen;
mod segment;
mod state;
mod verify;
mod walk;

#[cfg(test)]
mod simulation;

use crate::queue::{Next, Queue, Refusal, Waiting};
use commit::{Core, Pending};
use counters::Counters;
use segment::Files as Segments;
use state::State;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub use commit::Reply;
pub use counters::LogUsage;
pub use error::LogError;
pub use media::{Files, Media, MediaFile, SyncPoint};
pub use options::{LogOptions, WhenFull};
pub use reader::Reader;
pub use record::{
    Batch, Cursor, CursorChange, Gap, GapDevice, Item, Lost, LostCause, Outcome, Record,
    RemovalCause,
};
pub use recovery::Recovered;
pub use seen::Number;
pub use verify::{ChainBreak, Verified};

const STREAM_BYTES_MAX: usize = 1_024;
const DEVICE_BYTES_MAX: usize = 256;
const KEY_BYTES_MAX: usize = 1_024;
const CURSOR_BYTES_MAX: usize = 256;

/// A log in a folder of its own. Calls may block on the disk where they say so. Dropping
/// it commits what waits, and ends the last segment.
pub struct Log {
    shared: Arc<Shared>,
    queue: Arc<Queue<Pending>>,
    writer: Option<JoinHandle<()>>,
    recovered: Recovered,
}

/// What the core and readers share.
pub(crate) struct Shared {
    pub(crate) media: Arc<dyn Media>,
    pub(crate) options: LogOptions,
    pub(crate) files: Segments,
    pub(crate) counters: Counters,
    published: Mutex<Published>,
    moved: Condvar,
}

/// What of the state is durable.
#[derive(Default)]
struct Published {
    end: u64,
    floor: u64,
    cursors: BTreeMap<String, Cursor>,
    cursor_changes: u64,
    poison: Option<String>,
    /// How often those who wait were woken.
    wakes: u64,
}

impl Shared {
    pub(crate) fn new(media: Arc<dyn Media>, options: LogOptions) -> Self {
        Shared {
            media,
            options: options.within_range(),
            files: Segments::default(),
            counters: Counters::default(),
            published: Mutex::default(),
            moved: Condvar::new(),
        }
    }

    pub(crate) fn publish(&self, end: u64, state: &State) {
        let mut published = self.lock();
        (published.end, published.floor) = (end, state.floor);
        if published.cursor_changes != state.cursor_changes {
            published.cursor_changes = state.cursor_changes;
            published.cursors.clone_from(&state.cursors);
        }
        drop(published);
        self.moved.notify_all();
    }

    pub(crate) fn poison(&self, detail: &str) {
        self.lock().poison = Some(detail.to_owned());
        self.moved.notify_all();
    }

    pub(crate) fn end(&self) -> u64 {
        self.lock().end
    }

    pub(crate) fn floor(&self) -> u64 {
        self.lock().floor
    }

    /// What is published is replaced between two statements at most; a panic elsewhere in
    /// a holder leaves it readable.
    fn lock(&self) -> MutexGuard<'_, Published> {
        self.published.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting for Pending {
    fn bytes(&self) -> usize {
        frame::batch_bytes(&self.batch) as usize
    }
}

impl Log {
    /// Opens the log in this folder, or makes one; brings what is found to the disk.
    ///
    /// # Errors
    /// [`LogError::InUse`], [`LogError::Corrupt`], [`LogError::Full`] or [`LogError::Io`].
    pub fn open(folder: impl AsRef<Path>, options: LogOptions) -> Result<Self, LogError> {
        Self::open_on(Arc::new(Files::open(folder)?), options)
    }

    /// Opens the log on some media.
    ///
    /// # Errors
    /// As [`Log::open`].
    pub fn open_on(media: Arc<dyn Media>, options: LogOptions) -> Result<Self, LogError> {
        let shared = Arc::new(Shared::new(media, options));
        let (core, recovered) = recovery::open(&shared)?;
        let options = &shared.options;
        let queue = Arc::new(Queue::new(options.queue_batches_max, options.queue_bytes_max));
        let waiting = queue.clone();
        let writer = std::thread::Builder::new()
            .name("sedge-log".to_owned())
            .spawn(move || run(core, &waiting))
            .map_err(error::failed("starting the writer"))?;
        Ok(Log { shared, queue, writer: Some(writer), recovered })
    }

    /// What opening it has found.
    pub fn recovered(&self) -> &Recovered {
        &self.recovered
    }

    /// Hands a batch to the writer without blocking; `reply` is always called, at once if
    /// the batch cannot be committed or the queue is full.
    pub fn submit(&self, batch: Batch, reply: Reply) {
        let pending = match self.prepare(batch, reply) {
            Ok(pending) => pending,
            Err((reply, error)) => return reply(Err(error)),
        };
        if let Err((pending, why)) = self.queue.try_push(pending) {
            (pending.reply)(Err(why.into()));
        }
    }

    /// Commits a batch and waits until it is on the disk; waits for room in the queue. One
    /// outcome for each record.
    ///
    /// # Errors
    /// [`LogError`], every kind but [`LogError::InUse`] and [`LogError::Corrupt`]. After
    /// [`LogError::Io`] the batch may turn out to be in the log when it is opened again;
    /// append it again then: what is there is a duplicate.
    pub fn append(&self, batch: Batch) -> Result<Vec<Outcome>, LogError> {
        let (sender, receiver) = mpsc::sync_channel(1);
        // The receiver waits below, so sending can only fail if it panicked.
        let reply: Reply = Box::new(move |result| drop(sender.send(result)));
        let pending = self.prepare(batch, reply).map_err(|(_, error)| error)?;
        self.queue.push(pending).map_err(|(_, why)| why)?;
        receiver.recv().unwrap_or(Err(LogError::Closed))
    }

    fn prepare(&self, batch: Batch, reply: Reply) -> Result<Pending, (Reply, LogError)> {
        match check(&batch, &self.shared.options) {
            // The caller's thread computes what the writer's need not.
            Ok(()) => {
                let digests = batch.records.iter().map(Record::digest).collect();
                Ok(Pending { batch, digests, reply })
            }
            Err(error) => Err((reply, error)),
        }
    }

    /// A reader that begins at this position. Records that are not there any more are
    /// [`Item::Lost`].
    pub fn reader(&self, position: u64) -> Reader {
        Reader::new(self.shared.clone(), position)
    }

    /// Where the reader of this name goes on; `None`: it has committed nothing.
    pub fn cursor(&self, name: &str) -> Option<Cursor> {
        self.shared.lock().cursors.get(name).cloned()
    }

    /// The names of all cursors.
    pub fn cursors(&self) -> Vec<String> {
        self.shared.lock().cursors.keys().cloned().collect()
    }

    /// Waits until there is something at this position, or until the time is over, or the
    /// disk has failed, or [`Log::wake`] is called; the position of the next record.
    pub fn wait(&self, position: u64, timeout: Duration) -> u64 {
        let until = Instant::now() + timeout;
        let mut published = self.shared.lock();
        let wakes = published.wakes;
        while published.end <= position && published.poison.is_none() && published.wakes == wakes {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.shared.moved.wait_timeout(published, left);
            published = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        published.end
    }

    /// Has everybody return who waits now, as if the time was over.
    pub fn wake(&self) {
        self.shared.lock().wakes += 1;
        self.shared.moved.notify_all();
    }

    /// Why nothing is accepted any more; `None`: all is well.
    pub fn failure(&self) -> Option<String> {
        self.shared.lock().poison.clone()
    }

    /// How it stands.
    pub fn usage(&self) -> LogUsage {
        let (segments, bytes) = self.shared.files.usage();
        let (end, counters) = (self.shared.end(), &self.shared.counters);
        LogUsage {
            oldest: self.shared.files.oldest().map_or(end, |oldest| oldest.first),
            end,
            segments,
            bytes,
            removed_segments: counters.removed_segments.load(Relaxed),
            gap_records: counters.gap_records.load(Relaxed),
            lost_positions: counters.lost_positions.load(Relaxed),
        }
    }

    /// Looks at every record that is committed, whether it is what was written. Reads the
    /// whole log; may run beside everything else.
    ///
    /// # Errors
    /// [`LogError::Io`] if a file cannot be opened.
    pub fn verify(&self) -> Result<Verified, LogError> {
        verify::verify(&self.shared)
    }
}

impl From<Refusal> for LogError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Busy => LogError::Busy,
            Refusal::Closed => LogError::Closed,
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.queue.close();
        let Some(writer) = self.writer.take() else { return };
        // A reply that held the last handle runs on the writer's own thread, which must
        // not wait for itself.
        if writer.thread().id() != std::thread::current().id() {
            drop(writer.join());
        }
    }
}

/// What the writer's thread does until the queue is closed and empty.
fn run(mut core: Core, queue: &Queue<Pending>) {
    (core.shared.options.on_thread_start)();
    let interval = core.shared.options.retain_interval;
    let mut next_retain = Instant::now() + interval;
    loop {
        let next = match queue.take(Duration::ZERO) {
            Next::Idle => {
                core.mark();
                queue.take(next_retain.saturating_duration_since(Instant::now()))
            }
            next => next,
        };
        match next {
            Next::Group(group) => core.commit(group),
            Next::Idle => {}
            Next::Closed => return core.close(),
        }
        if Instant::now() >= next_retain {
            core.retain();
            next_retain = Instant::now() + interval;
        }
    }
}

/// Checks everything that needs no look at what is remembered.
fn check(batch: &Batch, options: &LogOptions) -> Result<(), LogError> {
    let name = |what, bytes: usize, bytes_min, bytes_max| match bytes {
        bytes if (bytes_min..=bytes_max).contains(&bytes) => Ok(()),
        _ => Err(LogError::InvalidName { what, bytes, bytes_min, bytes_max }),
    };
    let size = |what, bytes: usize, bytes_max| match bytes <= bytes_max {
        true => Ok(()),
        false => Err(LogError::TooLarge { what, bytes, bytes_max }),
    };
    for record in &batch.records {
        name("stream's name", record.stream.len(), 1, STREAM_BYTES_MAX)?;
        name("device's name", record.device.len(), 1, DEVICE_BYTES_MAX)?;
        name("key", record.key.len(), 0, KEY_BYTES_MAX)?;
        size("payload", record.payload.len(), options.payload_bytes_max)?;
    }
    match &batch.cursor {
        None => {}
        Some(CursorChange::Remove { name: cursor }) => {
            name("cursor's name", cursor.len(), 1, CURSOR_BYTES_MAX)?;
        }
        Some(CursorChange::Commit { name: cursor, state, .. }) => {
            name("cursor's name", cursor.len(), 1, CURSOR_BYTES_MAX)?;
            size("cursor's state", state.len(), options.cursor_state_bytes_max)?;
        }
    }
    size("batch", frame::batch_bytes(batch) as usize, options.queue_bytes_max)
}
