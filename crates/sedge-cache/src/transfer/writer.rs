//! The end that takes in what arrives.

use super::Shared;
use super::state::NotKept;
use crate::pages::PAGED_BYTES_MIN;
use bytes::Bytes;
use http::HeaderMap;
use sedge_model::failure::{Failure, Kind};
use std::sync::Arc;
use std::task::{Context, Poll};

/// Nobody needs the rest of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abandoned;

/// A transfer that has ended well.
#[derive(Debug)]
pub struct Whole {
    /// How many bytes there were.
    pub bytes: u64,
    /// They, in order, if the transfer was kept; else why it was not.
    pub chunks: Result<Vec<Bytes>, NotKept>,
}

/// Appends to a transfer. Dropping it before its end lets the transfer fail.
pub struct Writer {
    shared: Arc<Shared>,
    has_ended: bool,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Writer { shared, has_ended: false }
    }

    /// Ready when more may be appended. To be asked while waiting for more, too, so
    /// that a transfer that nobody needs any longer ends at once.
    ///
    /// # Errors
    ///
    /// If nobody needs the rest.
    pub fn poll_room(&self, cx: &mut Context<'_>) -> Poll<Result<(), Abandoned>> {
        let mut state = self.shared.lock();
        if state.is_abandoned() {
            return Poll::Ready(Err(Abandoned));
        }
        if !state.writer.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            state.writer = Some(cx.waker().clone());
        }
        match state.has_room() {
            true => Poll::Ready(Ok(())),
            false => Poll::Pending,
        }
    }

    /// Takes in bytes.
    ///
    /// # Errors
    ///
    /// If they are more than were announced: the transfer has failed.
    pub fn append(&mut self, bytes: Bytes) -> Result<(), Failure> {
        if bytes.is_empty() {
            return Ok(());
        }
        let bytes = self.laid(bytes);
        let budget = &self.shared.budget;
        let mut state = self.shared.lock();
        let appended = state.append(bytes, |cost| budget.take(cost));
        self.has_ended = appended.is_err();
        let (freed, waiting) = (state.settle(), state.waiting());
        drop(state);
        budget.give(freed);
        waiting.into_iter().for_each(|waker| waker.wake());
        appended
    }

    /// The same bytes where they can be sent from without a copy, if they are many, and
    /// of a body that is kept as it comes.
    fn laid(&self, bytes: Bytes) -> Bytes {
        let is_piece = bytes.len() as u64 >= PAGED_BYTES_MIN;
        match &self.shared.pages {
            Some(pages) if is_piece && self.shared.lock().is_kept_as_it_comes() => {
                pages.lay(std::slice::from_ref(&bytes)).unwrap_or(bytes)
            }
            _ => bytes,
        }
    }

    /// Whether nobody reads it.
    pub fn is_alone(&self) -> bool {
        self.shared.lock().readers_count() == 0
    }

    /// From now on it is not kept.
    pub fn keep_no_longer(&mut self) {
        let mut state = self.shared.lock();
        state.keep_no_longer(NotKept::Unwanted);
        let freed = state.settle();
        drop(state);
        self.shared.budget.give(freed);
    }

    /// Why the transfer is not kept, if it is not.
    pub fn not_kept(&self) -> Option<NotKept> {
        self.shared.lock().not_kept()
    }

    /// All has arrived.
    ///
    /// # Errors
    ///
    /// If more was announced: the transfer has failed.
    pub fn finish(mut self, trailers: Option<HeaderMap>) -> Result<Whole, Failure> {
        self.has_ended = true;
        let mut state = self.shared.lock();
        let finished = state.finish(trailers).map(|()| {
            let why = state.not_kept().unwrap_or(NotKept::Unwanted);
            Whole { bytes: state.received(), chunks: state.all().ok_or(why) }
        });
        let (freed, waiting) = (state.settle(), state.waiting());
        drop(state);
        self.shared.budget.give(freed);
        waiting.into_iter().for_each(|waker| waker.wake());
        finished
    }

    /// What arrives has broken off: so does every reader.
    pub fn fail(mut self, failure: Failure) {
        self.end(failure);
    }

    fn end(&mut self, failure: Failure) {
        self.has_ended = true;
        let mut state = self.shared.lock();
        state.fail(failure);
        let (freed, waiting) = (state.settle(), state.waiting());
        drop(state);
        self.shared.budget.give(freed);
        waiting.into_iter().for_each(|waker| waker.wake());
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.has_ended {
            self.end(Failure::new(Kind::UpstreamBroken, "the transfer was given up"));
        }
    }
}
