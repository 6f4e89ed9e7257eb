//! Answers, apart from the thread that writes: it goes on with what was gathered meanwhile.

use super::Commit;
use super::mirror::Applied;
use sedge_ingress::mqtt::journal::JournalError;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, SyncSender};

/// What comes from the log's writer, in its order.
pub(super) enum Settled {
    /// Commits that became one record, at this position; `None`: there was nothing to write.
    Group(Vec<Commit>, Result<Option<u64>, JournalError>),
    /// A snapshot is wanted now; told when that is done.
    Write(SyncSender<()>),
    /// Nothing more comes.
    End,
}

/// The thread's state.
pub(super) struct Answering {
    pub(super) applied: Sender<Applied>,
    pub(super) outstanding: Arc<AtomicUsize>,
    /// What was told of it.
    pub(super) told: Told,
}

/// What the node's log was told, so that it is told once.
#[derive(Default)]
pub(super) struct Told {
    /// The last record was refused for want of room.
    is_full: bool,
    /// A write or a sync has failed.
    has_failed: bool,
}

impl Answering {
    pub(super) fn run(mut self, received: &Receiver<Settled>) {
        for settled in received {
            // The mirror ends after this thread.
            match settled {
                Settled::Group(group, result) => self.answer(group, &result),
                Settled::Write(done) => drop(self.applied.send(Applied::Write(done))),
                Settled::End => return,
            }
        }
    }

    fn answer(&mut self, group: Vec<Commit>, result: &Result<Option<u64>, JournalError>) {
        let mut changes = Vec::with_capacity(group.len());
        let mut bytes = 0;
        for commit in group {
            bytes += commit.bytes;
            changes.push(commit.changes);
            let told = result.as_ref().map(|_| ()).map_err(Clone::clone);
            // One that panics must not take the others' answers with it.
            drop(catch_unwind(AssertUnwindSafe(|| (commit.reply)(told))));
        }
        self.note(result);
        match result {
            Ok(Some(position)) => {
                let changes = changes.into_iter().flatten().collect();
                let applied = Applied::Changes { changes, bytes, next: position + 1 };
                drop(self.applied.send(applied));
            }
            Ok(None) => drop(self.outstanding.fetch_sub(bytes, Relaxed)),
            Err(error) => {
                self.outstanding.fetch_sub(bytes, Relaxed);
                if *error == JournalError::Full {
                    drop(self.applied.send(Applied::Full));
                }
            }
        }
    }

    /// Says once that there is no room, once that there is again, and once that the disk has
    /// failed.
    fn note(&mut self, result: &Result<Option<u64>, JournalError>) {
        let told = &mut self.told;
        match result {
            Err(JournalError::Full) if !told.is_full => {
                told.is_full = true;
                tracing::warn!(
                    "the journal of the MQTT front is full: changes are refused until it is not"
                );
            }
            Ok(Some(_)) if told.is_full => {
                told.is_full = false;
                tracing::warn!("the journal of the MQTT front is full no more");
            }
            Err(JournalError::Failed(error)) if !told.has_failed => {
                told.has_failed = true;
                tracing::error!(%error, "the journal of the MQTT front has failed");
            }
            _ => {}
        }
    }
}
