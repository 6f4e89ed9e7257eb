//! Calls by the clock: `sedge_ingress::schedule` says when, the function's consumer makes them,
//! and when they had been due lies in the function's state, so that it is settled together with
//! what a call has done.

use super::consumer::{Ask, Asked};
use super::figures::ConsumerFigures;
use bytes::Bytes;
use sedge_ingress::schedule::Tick as Due;
use sedge_ingress::schedule::task::{Note, Planned, Runner, drive};
use sedge_model::trigger::Schedule;
use sedge_services::streams::{KeyedState, Tick};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, oneshot, watch};

/// The schedules of one function.
pub(super) struct Schedules {
    /// `app/function`.
    pub(super) name: String,
    pub(super) all: Vec<Schedule>,
    pub(super) asks: mpsc::Sender<Asked>,
    pub(super) figures: Arc<ConsumerFigures>,
}

impl Schedules {
    /// Runs until it is told to stop, and until the calls have ended that run then. `state`
    /// comes when it is complete.
    pub(super) async fn run(
        self,
        state: oneshot::Receiver<Option<KeyedState>>,
        stop: watch::Receiver<bool>,
    ) {
        let Ok(Some(state)) = state.await else { return };
        let Schedules { name, all, asks, figures } = self;
        let planned = all
            .into_iter()
            .map(|schedule| Planned { key: format!("{name}/{}", schedule.name).into(), schedule });
        drive(Arc::new(Calls { asks, state, figures }), planned.collect(), stop).await;
    }
}

/// What is kept of a time that is settled: a key of the function's state that it cannot name,
/// and milliseconds since 1970.
pub(super) fn settled(schedule: &str, due_ms: u64) -> (String, Bytes) {
    (state_key(schedule), Bytes::copy_from_slice(&due_ms.to_le_bytes()))
}

fn state_key(schedule: &str) -> String {
    format!("$schedule/{schedule}")
}

/// The name of a schedule, of `app/function/name`.
fn schedule(key: &str) -> &str {
    key.rsplit_once('/').map_or(key, |(_, name)| name)
}

struct Calls {
    asks: mpsc::Sender<Asked>,
    state: KeyedState,
    figures: Arc<ConsumerFigures>,
}

impl Calls {
    async fn ask(&self, ask: Ask) -> Result<(), String> {
        let stopped = || "the function is being replaced or the node stops".to_owned();
        let (told, answer) = oneshot::channel();
        self.asks.send(Asked { ask, told }).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

impl Runner for Calls {
    async fn run(&self, key: &str, due: Due) -> Result<(), String> {
        let Due { due_ms, missed, .. } = due;
        self.ask(Ask::Run(Tick { name: schedule(key).to_owned(), due_ms, missed })).await
    }

    async fn settled(&self, key: &str) -> Result<Option<u64>, String> {
        let kept = self.state.get(&state_key(schedule(key))).map_err(|error| error.to_string())?;
        let number = |kept: Bytes| match <[u8; 8]>::try_from(&*kept) {
            Ok(bytes) => Ok(u64::from_le_bytes(bytes)),
            Err(_) => Err("what is kept of the schedule is no time".to_owned()),
        };
        kept.map(number).transpose()
    }

    async fn settle(&self, key: &str, due_ms: u64) -> Result<(), String> {
        self.ask(Ask::Settle { schedule: schedule(key).to_owned(), due_ms }).await
    }

    fn now_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        since.as_millis() as u64
    }

    fn note(&self, key: &str, note: Note<'_>) {
        let figures = &self.figures;
        match note {
            Note::Called => {}
            Note::Failed { reason, .. } => {
                tracing::warn!(
                    schedule = key,
                    reason,
                    "a call by the clock failed: it is made again"
                );
            }
            Note::GivenUp { reason } => {
                figures.ticks_given_up.fetch_add(1, Relaxed);
                tracing::error!(schedule = key, reason, "a call by the clock was given up");
            }
            Note::Passed(passed) => {
                figures.ticks_missed.fetch_add(passed.count, Relaxed);
            }
            Note::Behind { behind_ms } => {
                tracing::warn!(schedule = key, behind_ms, "the clock is behind: nothing is called");
            }
            Note::NotKept { reason } => {
                tracing::warn!(schedule = key, reason, "a schedule cannot be noted");
            }
        }
    }
}
