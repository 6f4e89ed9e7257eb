//! What is left of all changes, and when it is written down.
//!
//! It belongs to one thread, which comes behind the answers: nobody waits for it. The changes
//! that it has not seen yet are bounded by what may be outstanding.

use super::snapshot::Writer;
use sedge_ingress::mqtt::journal::{Change, Kept};
use sedge_store::log::{Batch, CursorChange, Log};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The log's name for how far it is written down.
const CURSOR: &str = "snapshot";
/// Pause after a snapshot that could not be written.
const PAUSE: Duration = Duration::from_secs(5);

/// What comes behind the answers.
pub(super) enum Applied {
    /// Durable changes, and the position of the next ones.
    Changes { changes: Vec<Change>, bytes: usize, next: u64 },
    /// The log has no room.
    Full,
    /// Write down what there is.
    Write(SyncSender<()>),
}

/// What is known of snapshots, for metrics.
#[derive(Default)]
pub(crate) struct Figures {
    pub(crate) snapshots: AtomicU64,
    pub(crate) snapshot_failures: AtomicU64,
    /// Of the newest one.
    pub(crate) snapshot_bytes: AtomicU64,
    /// Positions of the log at which changes were lost, and snapshots that were.
    pub(crate) lost: AtomicU64,
}

/// The thread's state.
pub(super) struct Mirror {
    pub(super) kept: Kept,
    pub(super) log: Arc<Log>,
    pub(super) writer: Writer,
    pub(super) every_bytes: u64,
    pub(super) outstanding: Arc<AtomicUsize>,
    pub(super) figures: Arc<Figures>,
}

/// How it stands between two snapshots.
struct Since {
    /// Position of the changes that come next.
    next: u64,
    /// Bytes of changes.
    bytes: u64,
    /// When a snapshot has failed.
    failed: Option<Instant>,
}

impl Mirror {
    pub(super) fn run(mut self, received: &Receiver<Applied>) {
        let mut since = Since { next: self.log.usage().end, bytes: 0, failed: None };
        // What was read at opening counts, too, or a node that ends often would read ever more.
        since.bytes = self.writer.replayed_bytes;
        for applied in received {
            match applied {
                Applied::Changes { changes, bytes, next } => {
                    changes.into_iter().for_each(|change| self.kept.apply(change));
                    self.outstanding.fetch_sub(bytes, Relaxed);
                    (since.next, since.bytes) = (next, since.bytes + bytes as u64);
                    let enough = self.every_bytes.max(self.writer.newest_bytes());
                    if since.bytes >= enough.min(2 * self.every_bytes) {
                        self.write(&mut since);
                    }
                }
                Applied::Full => self.make_room(&mut since),
                Applied::Write(done) => {
                    since.failed = None;
                    if since.bytes > 0 {
                        self.write(&mut since);
                    }
                    // Whoever asked may have gone.
                    let _ = done.send(());
                }
            }
        }
    }

    /// Writes a snapshot; then the log may let go of what came before the one before it, with
    /// which everything could be read if this one were damaged.
    fn write(&mut self, since: &mut Since) {
        if since.failed.is_some_and(|failed| failed.elapsed() < PAUSE) {
            return;
        }
        self.forget_expired();
        match self.writer.write(&self.kept, since.next) {
            Ok(bytes) => {
                (since.bytes, since.failed) = (0, None);
                self.figures.snapshots.fetch_add(1, Relaxed);
                self.figures.snapshot_bytes.store(bytes, Relaxed);
                let older = self.writer.older_position();
                older.into_iter().for_each(|position| release(&self.log, position));
            }
            Err(error) => {
                since.failed = Some(Instant::now());
                self.figures.snapshot_failures.fetch_add(1, Relaxed);
                tracing::warn!(%error, "a snapshot of the MQTT sessions could not be written");
            }
        }
    }

    /// Without room, one snapshot must do.
    fn make_room(&mut self, since: &mut Since) {
        if since.bytes > 0 {
            self.write(since);
        }
        let newest = self.writer.newest_position();
        newest.into_iter().for_each(|position| release(&self.log, position));
    }

    /// Retained messages whose time is over: nobody says so, as the clock does.
    fn forget_expired(&mut self) {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now_ms = since_1970.as_millis() as u64;
        self.kept.retained.retain(|_, message| !message.is_expired(now_ms));
    }
}

/// Lets the log remove what comes before a position.
pub(super) fn release(log: &Log, position: u64) {
    if log.cursor(CURSOR).is_some_and(|cursor| cursor.position >= position) {
        return;
    }
    let (name, state) = (CURSOR.to_owned(), bytes::Bytes::new());
    let cursor = Some(CursorChange::Commit { name, position, state });
    // If the disk has failed, the next commit tells that somebody.
    if let Err(error) = log.append(Batch { records: Vec::new(), cursor }) {
        tracing::debug!(%error, "the journal of the MQTT front cannot let go of old changes");
    }
}
