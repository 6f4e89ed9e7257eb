//! The task that makes the calls of some schedules.

#[cfg(test)]
mod tests;

use super::Tick;
use super::plan::{Call, Ended, Entry, Passed, Plan};
use sedge_model::trigger::Schedule;
use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};

/// The clock is looked at at least so often, because it may be set.
const LOOK_MAX: Duration = Duration::from_secs(15);

/// A clock that is further behind than this is told of.
const BEHIND_MS_MAX: u64 = 3_600_000;

/// Who makes calls, and remembers what was called. A key is that of [`Planned::key`].
pub trait Runner: Send + Sync + 'static {
    /// Makes a call. Before it returns well, that `tick.due_ms` is settled must be durable, best
    /// together with what the call has done: only then does it take effect once.
    fn run(&self, key: &str, tick: Tick) -> impl Future<Output = Result<(), String>> + Send;

    /// Up to when the schedule is settled, as [`Runner::run`] and [`Runner::settle`] have made it
    /// durable; `None` if it was never seen before.
    fn settled(&self, key: &str) -> impl Future<Output = Result<Option<u64>, String>> + Send;

    /// Makes durable that a schedule is settled up to a time, without a call.
    fn settle(&self, key: &str, due_ms: u64) -> impl Future<Output = Result<(), String>> + Send;

    /// What time it is, in milliseconds since 1970.
    fn now_ms(&self) -> u64;

    /// Takes note of what happened, for logs and counters.
    fn note(&self, key: &str, note: Note<'_>);
}

/// A schedule of one function.
#[derive(Clone, Debug)]
pub struct Planned {
    /// `app/function/name`.
    pub key: Arc<str>,
    /// When, and how.
    pub schedule: Schedule,
}

/// What happened to a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note<'n> {
    /// A call has ended well.
    Called,
    /// A call has failed and is made again.
    Failed {
        /// Why.
        reason: &'n str,
        /// When it is made again, milliseconds since 1970.
        again_ms: u64,
    },
    /// A call has failed, and is not made again.
    GivenUp {
        /// Why it failed the last time.
        reason: &'n str,
    },
    /// For so many times no call is made: they were missed, or the next one is for them, too.
    Passed(Passed),
    /// The clock is so far behind what was settled before. Nothing is called until it has
    /// passed that.
    Behind {
        /// By how much.
        behind_ms: u64,
    },
    /// What was settled could not be read or written.
    NotKept {
        /// Why.
        reason: &'n str,
    },
}

/// Makes the calls of some schedules until `stop` says so (or is dropped), and returns when the
/// calls that run then have ended. Whoever replaces these schedules by others waits for that, so
/// that no two calls of one run at one time.
pub async fn drive<R: Runner>(
    runner: Arc<R>,
    schedules: Vec<Planned>,
    mut stop: watch::Receiver<bool>,
) {
    let keys: Vec<Arc<str>> = schedules.iter().map(|one| one.key.clone()).collect();
    let mut entries = Vec::new();
    for planned in schedules {
        let Some(settled_ms) = begin(&*runner, &planned.key, &mut stop).await else { return };
        let Planned { key, schedule } = planned;
        entries.push(Entry { key: key.to_string(), schedule, settled_ms });
    }
    let plan = Plan::new(entries);
    for (index, key) in keys.iter().enumerate() {
        let behind_ms = plan.behind_ms(index, runner.now_ms());
        if let Some(behind_ms) = behind_ms.filter(|behind_ms| *behind_ms > BEHIND_MS_MAX) {
            runner.note(key, Note::Behind { behind_ms });
        }
    }
    let mut driver = Driver { runner, keys, plan, calls: JoinSet::new(), indices: HashMap::new() };
    driver.run(&mut stop).await;
}

/// Up to when a schedule is settled. One that is new is settled up to now, and that is made
/// durable, so that a node that stops before the first call knows what it has missed. Tried
/// until it works: without it, something could be called twice. `None`: stopped.
async fn begin<R: Runner>(runner: &R, key: &str, stop: &mut watch::Receiver<bool>) -> Option<u64> {
    loop {
        let now_ms = runner.now_ms();
        let settled = match runner.settled(key).await {
            Ok(Some(settled_ms)) => Ok(settled_ms),
            Ok(None) => runner.settle(key, now_ms).await.map(|()| now_ms),
            Err(reason) => Err(reason),
        };
        match settled {
            Ok(settled_ms) => return Some(settled_ms),
            Err(reason) => runner.note(key, Note::NotKept { reason: &reason }),
        }
        tokio::select! {
            () = stopped(stop) => return None,
            () = tokio::time::sleep(LOOK_MAX) => {}
        }
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // Whoever could say so is gone: the same.
    let _ = stop.wait_for(|stop| *stop).await;
}

struct Driver<R> {
    runner: Arc<R>,
    keys: Vec<Arc<str>>,
    plan: Plan,
    calls: JoinSet<Result<(), String>>,
    /// Which entry a call is for.
    indices: HashMap<Id, usize>,
}

type Joined = Result<(Id, Result<(), String>), JoinError>;

impl<R: Runner> Driver<R> {
    async fn run(&mut self, stop: &mut watch::Receiver<bool>) {
        loop {
            self.look();
            let pause = self.pause();
            tokio::select! {
                biased;
                () = stopped(stop) => break,
                Some(joined) = self.calls.join_next_with_id() => self.end(joined).await,
                () = tokio::time::sleep(pause) => {}
            }
        }
        while let Some(joined) = self.calls.join_next_with_id().await {
            self.end(joined).await;
        }
    }

    /// Begins what is due.
    fn look(&mut self) {
        let found = self.plan.poll(self.runner.now_ms());
        for passed in found.passed {
            self.note(passed.index, Note::Passed(passed));
        }
        for Call { index, tick } in found.calls {
            let Some(key) = self.keys.get(index).cloned() else { continue };
            let runner = self.runner.clone();
            let handle = self.calls.spawn(async move { runner.run(&key, tick).await });
            self.indices.insert(handle.id(), index);
        }
    }

    /// How long there is nothing to do, if no call ends.
    fn pause(&self) -> Duration {
        let now_ms = self.runner.now_ms();
        let until = self.plan.look_again_ms().map(|at_ms| at_ms.saturating_sub(now_ms));
        until.map_or(LOOK_MAX, |ms| Duration::from_millis(ms.max(1)).min(LOOK_MAX))
    }

    async fn end(&mut self, joined: Joined) {
        let (id, result) = match joined {
            Ok((id, result)) => (id, result),
            Err(error) => (error.id(), Err("the call has panicked".to_owned())),
        };
        let Some(index) = self.indices.remove(&id) else { return };
        let ended = self.plan.ended(index, result.is_ok(), self.runner.now_ms());
        let reason = result.as_ref().err().map(String::as_str).unwrap_or_default();
        match ended {
            Ended::Settled => self.note(index, Note::Called),
            Ended::Again { at_ms } => self.note(index, Note::Failed { reason, again_ms: at_ms }),
            Ended::GivenUp { due_ms } => {
                self.note(index, Note::GivenUp { reason });
                let Some(key) = self.keys.get(index) else { return };
                if let Err(reason) = self.runner.settle(key, due_ms).await {
                    self.note(index, Note::NotKept { reason: &reason });
                }
            }
        }
    }

    fn note(&self, index: usize, note: Note<'_>) {
        if let Some(key) = self.keys.get(index) {
            self.runner.note(key, note);
        }
    }
}
