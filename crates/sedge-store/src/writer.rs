//! The one thread that writes: group commit.
//!
//! While a transaction is on its way to the disk, further writes gather in the
//! queue; the next transaction takes them all. So the cost of reaching the disk
//! is shared by as many writers as there are, and a lone writer waits for
//! nobody.

use crate::apply::Applier;
use crate::database::Database;
use crate::error::StoreError;
use crate::options::Options;
use crate::queue::{Next, Pending, Queue};
use crate::sweep::sweep;
use crate::write::Applied;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Applies groups until the queue is closed and empty.
pub(crate) fn run(queue: &Queue<Pending>, database: &Database, options: &Options) {
    let mut next_sweep = Instant::now() + options.sweep_interval;
    loop {
        match queue.take(next_sweep.saturating_duration_since(Instant::now())) {
            Next::Group(group) => commit(group, database, options),
            Next::Idle => {}
            Next::Closed => return,
        }
        if Instant::now() < next_sweep {
            continue;
        }
        // A sweep that fails is tried again after the next interval; a write
        // that fails for the same reason is what tells somebody.
        let more = sweep(database, options).unwrap_or(false);
        let pause = if more { Duration::ZERO } else { options.sweep_interval };
        next_sweep = Instant::now() + pause;
    }
}

/// Applies a group in one transaction and answers each of its writes.
fn commit(group: Vec<Pending>, database: &Database, options: &Options) {
    let results = match apply_all(&group, database, options) {
        Err(error) if is_disk_trouble(&error) => {
            // redb stays shut after an IO error. Opening it again brings back
            // a state that is whole; whether it has this group depends on when
            // the disk failed, so the callers are told of the failure.
            Err(database.reopen().err().unwrap_or(error))
        }
        other => other,
    };
    match results {
        Ok(results) => {
            for (pending, result) in group.into_iter().zip(results) {
                answer(pending, result);
            }
        }
        Err(error) => {
            for pending in group {
                answer(pending, Err(error.clone()));
            }
        }
    }
}

/// Calls a reply. One that panics is its caller's defect, and must not take the
/// writer with it: everybody else's writes would wait forever.
fn answer(pending: Pending, result: Result<Applied, StoreError>) {
    drop(catch_unwind(AssertUnwindSafe(|| (pending.reply)(result))));
}

fn apply_all(
    group: &[Pending],
    database: &Database,
    options: &Options,
) -> Result<Vec<Result<Applied, StoreError>>, StoreError> {
    database.write(|transaction| {
        let mut applier = Applier::new(transaction, options)?;
        let results =
            group.iter().map(|pending| applier.apply(&pending.write)).collect::<Result<_, _>>()?;
        applier.finish()?;
        Ok(results)
    })
}

fn is_disk_trouble(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::DiskFull { .. } | StoreError::Io { .. } | StoreError::Corrupt { .. }
    )
}

/// Everything the writer's thread shares with the store's handles.
pub(crate) struct Shared {
    pub(crate) queue: Queue<Pending>,
    pub(crate) database: Database,
    pub(crate) options: Options,
}

impl Shared {
    /// What the thread runs.
    pub(crate) fn run(self: Arc<Self>) {
        run(&self.queue, &self.database, &self.options);
    }
}
