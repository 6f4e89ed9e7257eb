//! A response that is stored while it arrives: from what stands behind, or from the
//! disk.

use super::Cache;
use super::content::compact;
use super::object::{Marks, Object};
use super::runtime::Task;
use crate::rules::StoredHead;
use crate::transfer::{Bounds, NotKept, Reader, Transfer, Whole, Writer};
use bytes::Bytes;
use http_body::{Body as _, Frame};
use sedge_model::failure::Failure;
use sedge_model::handler::Body;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};

/// Frames that are taken in at a stretch; then others of the same thread have a turn.
const FRAMES_AT_A_STRETCH: u32 = 32;

/// A response whose head is known.
pub(super) struct Arriving {
    pub(super) head: Arc<StoredHead>,
    pub(super) marks: Arc<Marks>,
    pub(super) transfer: Transfer,
}

impl Arriving {
    /// What is stored of it once it is whole.
    ///
    /// # Errors
    ///
    /// If it was not kept.
    pub(super) fn as_object(&self, whole: Whole, cache: &Cache) -> Result<Object, NotKept> {
        let chunks = whole.chunks?;
        let head = Arc::clone(&self.head);
        Ok(Object {
            head,
            marks: Arc::clone(&self.marks),
            body: compact(chunks, whole.bytes, cache.pages()),
            body_bytes: whole.bytes,
            is_on_disk: false,
        })
    }
}

/// Where a body comes from.
pub(super) struct Source {
    /// What is here already and comes first.
    pub(super) before: Vec<Bytes>,
    pub(super) body: Body,
    /// What is here already and comes last.
    pub(super) after: Vec<Bytes>,
    /// Bytes of the body that are left out at its begin.
    pub(super) skip: u64,
    /// How many are taken after that; all, if it does not say.
    pub(super) take: Option<u64>,
}

impl Source {
    /// All of a body.
    pub(super) fn whole(body: Body) -> Self {
        Source { before: Vec::new(), body, after: Vec::new(), skip: 0, take: None }
    }

    /// What is taken of the next bytes of the body.
    fn cut(&mut self, mut bytes: Bytes) -> Bytes {
        let length = bytes.len() as u64;
        let skipped = self.skip.min(length);
        self.skip -= skipped;
        let taken = self.take.unwrap_or(u64::MAX).min(length - skipped);
        self.take = self.take.map(|take| take - taken);
        // Both are at most the length, which is a `usize`.
        bytes = bytes.slice(skipped as usize..(skipped + taken) as usize);
        bytes
    }

    /// Takes in all of it, and counts the bytes that were not here. `alone` gives how long
    /// it is waited for the next of them when nobody reads any longer.
    ///
    /// # Errors
    ///
    /// Why it did not end well; `None`: nobody needed the rest.
    pub(super) async fn drain(
        mut self,
        mut writer: Writer,
        counter: &AtomicU64,
        alone: impl Fn() -> Task,
    ) -> Result<Whole, Option<Failure>> {
        for chunk in std::mem::take(&mut self.before) {
            writer.append(chunk)?;
        }
        let (mut trailers, mut turn) = (None, Turn { frames: 0, alone, patience: None });
        loop {
            let next = poll_fn(|cx| poll_next(&writer, &mut self.body, &mut turn, cx)).await;
            match next {
                Next::Abandoned => return Err(None),
                Next::Frame(Ok(frame)) => match frame.into_data() {
                    // Enough has come, and more comes nevertheless.
                    Ok(bytes) if self.take == Some(0) && !bytes.is_empty() => break,
                    Ok(bytes) => {
                        counter.fetch_add(bytes.len() as u64, Relaxed);
                        writer.append(self.cut(bytes))?;
                    }
                    Err(frame) => trailers = frame.into_trailers().ok(),
                },
                Next::Frame(Err(failure)) => {
                    writer.fail(failure.clone());
                    return Err(Some(failure));
                }
                Next::End => break,
            }
        }
        for chunk in std::mem::take(&mut self.after) {
            writer.append(chunk)?;
        }
        Ok(writer.finish(trailers)?)
    }
}

enum Next {
    Frame(Result<Frame<Bytes>, Failure>),
    End,
    Abandoned,
}

/// What was taken in since others had a turn, and what is waited for.
struct Turn<A> {
    frames: u32,
    alone: A,
    /// Ends when nobody has read for too long.
    patience: Option<Task>,
}

fn poll_next(
    writer: &Writer,
    body: &mut Body,
    turn: &mut Turn<impl Fn() -> Task>,
    cx: &mut Context<'_>,
) -> Poll<Next> {
    match writer.poll_room(cx) {
        Poll::Ready(Ok(())) => {}
        Poll::Ready(Err(_)) => return Poll::Ready(Next::Abandoned),
        Poll::Pending => return Poll::Pending,
    }
    if turn.frames >= FRAMES_AT_A_STRETCH {
        turn.frames = 0;
        cx.waker().wake_by_ref();
        return Poll::Pending;
    }
    match Pin::new(body).poll_frame(cx) {
        Poll::Ready(None) => return Poll::Ready(Next::End),
        Poll::Ready(Some(frame)) => {
            turn.frames += 1;
            turn.patience = None;
            return Poll::Ready(Next::Frame(frame));
        }
        Poll::Pending => turn.frames = 0,
    }
    if !writer.is_alone() {
        turn.patience = None;
        return Poll::Pending;
    }
    let patience = turn.patience.get_or_insert_with(&turn.alone);
    patience.as_mut().poll(cx).map(|()| Next::Abandoned)
}

impl Cache {
    /// Begins a transfer within this cache's bounds, and of a link's.
    pub(super) fn begin_transfer(
        &self,
        announced: Option<u64>,
        object_bytes_max: u64,
    ) -> (Writer, Transfer, Reader) {
        let object_bytes_max = object_bytes_max.min(self.bounds.object_bytes_max);
        let bounds = Bounds { object_bytes_max, ..self.bounds };
        Transfer::begin(announced, bounds, &self.arriving, self.pages())
    }
}
