//! What calls have brought about, on its way into the log.
//!
//! One batch of the log is under way at a time; all that is settled meanwhile is the next one.
//! So what is committed is always all that was settled up to some call, in that order, with
//! the progress as it was then.

use super::recall;
use crate::streams::envelope::Kind;
use crate::streams::{Envelope, Incoming, Streams};
use bytes::Bytes;
use sedge_ingress::messages::Progress;
use sedge_services::streams::{Effects, StateChange};
use sedge_store::log::{CursorChange, LogError, Outcome};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::oneshot;

/// What one call, or housekeeping, leaves.
#[derive(Default)]
pub(super) struct Pending {
    pub(super) messages: Vec<Incoming>,
    /// How far all is done with.
    pub(super) cursor: Option<Place>,
    /// What is committed of the state, and as which version.
    pub(super) state: (Vec<StateChange>, u64),
    /// Who waits for it.
    pub(super) done: Option<oneshot::Sender<Result<(), String>>>,
}

/// A cursor and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) name: String,
    pub(super) position: u64,
    pub(super) state: Bytes,
}

impl Place {
    /// Of a trigger.
    pub(super) fn of(name: &str, progress: &Progress) -> Self {
        Place { name: name.to_owned(), position: progress.low(), state: progress.encode().into() }
    }

    pub(super) fn change(&self) -> CursorChange {
        let Place { name, position, state } = self.clone();
        CursorChange::Commit { name, position, state }
    }
}

/// The messages that effects are in the log; `function` says them.
pub(super) fn messages(function: &str, effects: &Effects, now_ms: u64) -> Vec<Incoming> {
    let incoming =
        |topic: &str, kind, content_type: &Option<String>, key: Bytes, payload| Incoming {
            topic: topic.to_owned(),
            device: function.to_owned(),
            number: None,
            time_ms: now_ms,
            envelope: Envelope { kind, content_type: content_type.clone(), key },
            payload,
        };
    let emitted = effects.emitted.iter().map(|one| {
        let (key, payload) = (one.key.clone(), one.payload.clone());
        incoming(&one.topic, Kind::Message, &one.content_type, key, payload)
    });
    let published = effects.published.iter().map(|one| {
        let kind = Kind::Publish { retain: one.retain };
        incoming(&one.topic, kind, &None, Bytes::new(), one.payload.clone())
    });
    let topic = recall::topic(function);
    let state = effects.state.iter().map(|change| {
        let key = Bytes::copy_from_slice(change.key.as_bytes());
        incoming(&topic, Kind::State, &None, key, recall::payload(change))
    });
    emitted.chain(published).chain(state).collect()
}

/// Bytes of messages in the log, at most.
pub(super) fn bytes(messages: &[Incoming]) -> usize {
    let one = |message: &Incoming| {
        let envelope = &message.envelope;
        let content_type = envelope.content_type.as_ref().map_or(0, String::len);
        let names = message.topic.len() + message.device.len() + envelope.key.len();
        message.payload.len() + names + content_type + 256
    };
    messages.iter().map(one).sum()
}

/// What waits, and what is under way.
pub(super) struct Commits {
    streams: Arc<Streams>,
    waiting: VecDeque<Pending>,
    waiting_bytes: usize,
    under_way: Option<UnderWay>,
    /// The position after the last record that was committed.
    end: u64,
}

struct UnderWay {
    pending: Vec<Pending>,
    reply: oneshot::Receiver<Result<Vec<Outcome>, LogError>>,
}

impl Commits {
    pub(super) fn new(streams: &Arc<Streams>) -> Self {
        let end = streams.log().usage().end;
        let (streams, waiting) = (Arc::clone(streams), VecDeque::new());
        Commits { streams, waiting, waiting_bytes: 0, under_way: None, end }
    }

    /// Whether nothing waits and nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.under_way.is_none()
    }

    /// Whether something is under way.
    pub(super) fn is_under_way(&self) -> bool {
        self.under_way.is_some()
    }

    /// Bytes that wait.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.waiting_bytes
    }

    /// Where every change of the state lies below that was committed, and none that was not.
    pub(super) fn end(&self) -> u64 {
        if self.is_idle() { self.streams.log().usage().end.max(self.end) } else { self.end }
    }

    /// Adds what a call leaves, behind what others have left.
    pub(super) fn add(&mut self, pending: Pending) {
        self.waiting_bytes += bytes(&pending.messages);
        self.waiting.push_back(pending);
    }

    /// Hands what waits to the log, if nothing is under way.
    pub(super) fn begin(&mut self) {
        if self.under_way.is_some() || self.waiting.is_empty() {
            return;
        }
        let (mut pending, mut size) = (Vec::new(), 0);
        let mut place: Option<Place> = None;
        while let Some(next) = self.waiting.front() {
            let bytes = bytes(&next.messages);
            let is_other = match (&place, &next.cursor) {
                (Some(place), Some(next)) => place.name != next.name,
                _ => false,
            };
            if !pending.is_empty() && (is_other || size + bytes > self.streams.batch_bytes_max()) {
                break;
            }
            size += bytes;
            place = next.cursor.clone().or(place);
            pending.extend(self.waiting.pop_front());
        }
        self.waiting_bytes = self.waiting_bytes.saturating_sub(size);
        let messages = pending.iter().flat_map(|one| one.messages.iter().cloned()).collect();
        let (told, reply) = oneshot::channel();
        let cursor = place.map(|place| place.change());
        self.streams.submit(messages, cursor, Box::new(move |result| drop(told.send(result))));
        self.under_way = Some(UnderWay { pending, reply });
    }

    /// What became of what is under way; for ever, if nothing is.
    pub(super) async fn answer(&mut self) -> Result<Vec<Outcome>, LogError> {
        match &mut self.under_way {
            Some(under_way) => (&mut under_way.reply).await.unwrap_or(Err(LogError::Closed)),
            None => std::future::pending().await,
        }
    }

    /// Takes note of the answer: what is in the log now. If it is not, it waits again, before
    /// all else.
    pub(super) fn answered(&mut self, result: &Result<Vec<Outcome>, LogError>) -> Vec<Pending> {
        let Some(UnderWay { pending, .. }) = self.under_way.take() else { return Vec::new() };
        match result {
            Ok(outcomes) => {
                let ends = outcomes.iter().filter_map(|outcome| match outcome {
                    Outcome::Stored(position) => Some(position + 1),
                    Outcome::Duplicate => None,
                });
                self.end = ends.max().unwrap_or(0).max(self.end);
                pending
            }
            Err(_) => {
                for one in pending.into_iter().rev() {
                    self.waiting_bytes += bytes(&one.messages);
                    self.waiting.push_front(one);
                }
                Vec::new()
            }
        }
    }
}
