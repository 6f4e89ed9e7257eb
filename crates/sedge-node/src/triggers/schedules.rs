//! Calls by the clock.

use super::consumer::Asked;
use super::figures::ConsumerFigures;
use bytes::Bytes;
use sedge_model::trigger::Schedule;
use sedge_services::streams::KeyedState;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

pub(super) struct Parts {
    pub(super) name: String,
    pub(super) schedules: Vec<Schedule>,
    pub(super) ticks: mpsc::Sender<Asked>,
    pub(super) figures: Arc<ConsumerFigures>,
}

/// What is kept of a run that was committed: when it had been due, milliseconds since 1970.
pub(super) fn last_run(schedule: &str, due_ms: u64) -> (String, Bytes) {
    (format!("$schedule/{schedule}"), Bytes::copy_from_slice(&due_ms.to_le_bytes()))
}

impl Parts {
    pub(super) async fn run(self, _state: oneshot::Receiver<Option<KeyedState>>) {
        let _ = (self.name, self.schedules, self.ticks, self.figures);
    }
}
