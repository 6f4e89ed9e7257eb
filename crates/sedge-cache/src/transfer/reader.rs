//! One of many that read what arrives.

use super::Shared;
use super::state::Found;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use sedge_model::failure::{Failure, Kind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Reads a transfer, or a range of it, from its begin on. A transfer that fails is
/// never read to its end: the reader gets the failure.
pub struct Reader {
    shared: Arc<Shared>,
    slot: usize,
    /// The number of the chunk that it reads next.
    next: u64,
    /// The position of the byte that it reads next.
    position: u64,
    /// The position behind its last byte, if that is not the transfer's end.
    end: Option<u64>,
    is_over: bool,
}

impl Reader {
    pub(super) fn new(shared: Arc<Shared>, slot: usize) -> Self {
        Reader { shared, slot, next: 0, position: 0, end: None, is_over: false }
    }

    /// The same reader, of the bytes from `begin` until before `end` only. To be
    /// called before it reads.
    #[must_use]
    pub fn of(mut self, begin: u64, end: u64) -> Self {
        self.position = begin;
        self.end = Some(end);
        self
    }

    fn leave(&mut self) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        let mut state = self.shared.lock();
        state.leave(self.slot, self.next);
        let (freed, writer) = (state.settle(), state.writer.take());
        drop(state);
        self.shared.budget.give(freed);
        if let Some(writer) = writer {
            writer.wake();
        }
    }

    /// Takes the next chunk.
    fn take(&mut self, cx: &Context<'_>) -> Found {
        let mut state = self.shared.lock();
        let found = state.read(self.slot, self.next, cx.waker());
        if !matches!(found, Found::Chunk(..)) {
            return found;
        }
        self.next += 1;
        let had_room = state.has_room();
        let freed = state.settle();
        let writer = (!had_room && state.has_room()).then(|| state.writer.take()).flatten();
        drop(state);
        self.shared.budget.give(freed);
        if let Some(writer) = writer {
            writer.wake();
        }
        found
    }

    /// What of a chunk lies in the range of this reader.
    fn cut(&self, begin: u64, bytes: Bytes) -> Bytes {
        let length = bytes.len() as u64;
        let from = self.position.saturating_sub(begin).min(length);
        let to = self.end.map_or(length, |end| end.saturating_sub(begin).min(length)).max(from);
        // Both are at most the length, which is a `usize`.
        bytes.slice(from as usize..to as usize)
    }
}

impl Body for Reader {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        loop {
            if self.end.is_some_and(|end| self.position >= end) {
                self.leave();
            }
            if self.is_over {
                return Poll::Ready(None);
            }
            match self.take(cx) {
                Found::Nothing => return Poll::Pending,
                Found::Chunk(begin, bytes) => {
                    let bytes = self.cut(begin, bytes);
                    if !bytes.is_empty() {
                        self.position += bytes.len() as u64;
                        return Poll::Ready(Some(Ok(Frame::data(bytes))));
                    }
                }
                Found::Failed(failure) => {
                    self.leave();
                    return Poll::Ready(Some(Err(failure)));
                }
                Found::Complete(_) if self.end.is_some() => {
                    self.leave();
                    let failure = Failure::new(Kind::Internal, "a range behind a transfer's end");
                    return Poll::Ready(Some(Err(failure)));
                }
                Found::Complete(trailers) => {
                    self.leave();
                    return Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(*trailers))));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self.end {
            _ if self.is_over => true,
            Some(end) => self.position >= end,
            None => self.shared.lock().is_at_end(self.next),
        }
    }

    fn size_hint(&self) -> SizeHint {
        let end = self.end.or_else(|| self.shared.lock().length());
        end.map_or_else(SizeHint::default, |end| {
            SizeHint::with_exact(end.saturating_sub(self.position))
        })
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.leave();
    }
}
