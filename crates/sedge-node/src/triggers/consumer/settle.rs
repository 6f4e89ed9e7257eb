//! What follows from a call, and from a commit.

use super::super::commit::{self, Pending, Place};
use super::super::{dead_letter, schedules, unix_ms};
use super::{COMMIT_AGAIN_AFTER, Called, Consumer, Said, Told, What};
use crate::streams::Incoming;
use anyhow::{Result, anyhow};
use sedge_ingress::messages::{Failure as Unhandled, Tried, Verdict};
use sedge_model::failure::{Blame, Failure};
use sedge_services::streams::{Effects, Message, Outcome, StateChange, Tick, Transaction};
use sedge_store::log::{self, LogError};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use tokio::time::Instant;

impl Consumer {
    pub(super) fn called(&mut self, Called { call, what, result }: Called) {
        self.begun.remove(&call);
        match what {
            What::Batch(id) => self.batch_called(id, result),
            What::Tick(tick, told) => self.tick_called(tick, told, result),
        }
        if let Some(state) = &self.state {
            let first = self.begun.values().min().copied();
            state.forget_before(first.unwrap_or_else(|| state.version()));
        }
    }

    fn batch_called(&mut self, id: u64, result: Result<(Said, Transaction), Failure>) {
        let figures = Arc::clone(&self.parts.figures);
        let (verdict, left) = match result {
            Err(failure) if failure.kind.blame() == Blame::Platform => {
                figures.unavailable.fetch_add(1, Relaxed);
                (Verdict::Again { pause: true }, None)
            }
            Err(failure) => {
                (Verdict::Broken(format!("{}: {}", failure.kind.label(), failure.detail)), None)
            }
            Ok((Said::Outcome(Outcome::Failed(failed)), _)) => {
                let failed = failed.into_iter().map(|one| Unhandled {
                    index: one.index as usize,
                    reason: one.reason,
                    permanent: one.permanent,
                });
                (Verdict::Failed(failed.collect()), None)
            }
            Ok((_, left)) if left.is_outdated() => {
                figures.conflicts.fetch_add(1, Relaxed);
                (Verdict::Again { pause: false }, None)
            }
            Ok((_, left)) => match self.pending(left) {
                Ok(pending) => (Verdict::Handled, Some(pending)),
                Err(reason) => (Verdict::Broken(reason), None),
            },
        };
        let before = self.dispatcher.open();
        let settled = self.dispatcher.settle(id, verdict, self.now_ms());
        figures.retried.fetch_add(settled.retried, Relaxed);
        figures.dead.fetch_add(settled.dead.len() as u64, Relaxed);
        let done = (before - self.dispatcher.open()).saturating_sub(settled.dead.len());
        figures.handled.fetch_add(done as u64, Relaxed);
        let mut pending = left.unwrap_or_default();
        if settled.takes_effect
            && let Some(state) = &self.state
        {
            pending.state.1 = state.accept(&pending.state.0);
        }
        if settled.takes_effect || !settled.dead.is_empty() {
            let letters = settled.dead.iter().map(|(dead, reason)| self.letter(dead, reason));
            pending.messages.extend(letters.collect::<Vec<_>>());
            let progress = self.dispatcher.progress();
            pending.cursor = Some(Place::of(&self.parts.name, &progress));
            self.noted = progress;
            self.commits.add(pending);
        }
    }

    fn letter(&self, dead: &Tried<Arc<Message>>, reason: &str) -> Incoming {
        let name = &self.parts.name;
        let position = dead.position;
        tracing::warn!(function = %name, position, reason, "a message was given up");
        let topic = self.parts.trigger.as_ref().map_or("dead-letters", |one| &one.dead_letters);
        let bytes_max = self.parts.streams.payload_bytes_max();
        dead_letter::letter(name, topic, dead, reason, unix_ms(), bytes_max)
    }

    /// What a call leaves, or why the log can never take it.
    fn pending(&self, left: Transaction) -> Result<Pending, String> {
        let effects = left.end();
        let messages = commit::messages(&self.parts.name, &effects, unix_ms());
        let (bytes, streams) = (commit::bytes(&messages), &self.parts.streams);
        let largest = messages.iter().map(|message| message.payload.len()).max().unwrap_or(0);
        if bytes > streams.batch_bytes_max() || largest > streams.payload_bytes_max() {
            return Err(format!(
                "the call has brought about {bytes} bytes, the largest payload of {largest}, more \
                 than the log takes: [streams] in the node's configuration"
            ));
        }
        Ok(Pending { messages, state: (effects.state, 0), ..Pending::default() })
    }

    fn tick_called(
        &mut self,
        tick: Tick,
        told: Told,
        result: Result<(Said, Transaction), Failure>,
    ) {
        let result = match result {
            Err(failure) => Err(format!("{}: {}", failure.kind.label(), failure.detail)),
            Ok((Said::Ticked(Err(reason)), _)) => Err(reason),
            Ok((_, left)) if left.is_outdated() => {
                self.parts.figures.conflicts.fetch_add(1, Relaxed);
                return self.start_tick(tick, told);
            }
            Ok((_, mut left)) => {
                let (key, value) = schedules::settled(&tick.name, tick.due_ms);
                left.keep(key, value);
                self.pending(left)
            }
        };
        match result {
            Err(reason) => {
                self.parts.figures.ticks_failed.fetch_add(1, Relaxed);
                let _ = told.send(Err(reason));
            }
            Ok(pending) => self.commit_tick(pending, told),
        }
    }

    /// Notes that a time of a schedule is settled though no call was made for it.
    pub(super) fn settle_tick(&mut self, schedule: &str, due_ms: u64, told: Told) {
        let (key, value) = schedules::settled(schedule, due_ms);
        let state = vec![StateChange { key, value: Some(value) }];
        let effects = Effects { state, ..Effects::default() };
        let messages = commit::messages(&self.parts.name, &effects, unix_ms());
        let pending = Pending { messages, state: (effects.state, 0), ..Pending::default() };
        self.commit_tick(pending, told);
    }

    fn commit_tick(&mut self, mut pending: Pending, told: Told) {
        if let Some(state) = &self.state {
            pending.state.1 = state.accept(&pending.state.0);
        }
        pending.done = Some(told);
        self.commits.add(pending);
    }

    /// # Errors
    /// Nothing will be committed any more.
    pub(super) fn committed(&mut self, result: Result<Vec<log::Outcome>, LogError>) -> Result<()> {
        let figures = &self.parts.figures;
        for pending in self.commits.answered(&result) {
            if let Some(state) = &self.state {
                state.commit(&pending.state.0, pending.state.1);
            }
            if let Some(done) = pending.done {
                let _ = done.send(Ok(()));
            }
        }
        match result {
            Ok(_) => {
                figures.commits.fetch_add(1, Relaxed);
                Ok(())
            }
            Err(LogError::Full | LogError::Busy | LogError::TooManyDevices)
                if !self.is_stopping =>
            {
                if figures.commit_errors.fetch_add(1, Relaxed) == 0 {
                    let function = &self.parts.name;
                    tracing::warn!(%function, "the log has no room for what the function does");
                }
                self.commit_again_at = Some(Instant::now() + COMMIT_AGAIN_AFTER);
                Ok(())
            }
            Err(error) => Err(anyhow!(error).context("commit what the function has done")),
        }
    }
}
