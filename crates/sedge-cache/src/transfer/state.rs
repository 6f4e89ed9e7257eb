//! What the ends of a transfer share, under one lock.

use super::{Bounds, ONE_PIECE_BYTES_MAX};
use bytes::Bytes;
use http::HeaderMap;
use sedge_model::failure::{Failure, Kind};
use std::collections::VecDeque;
use std::task::Waker;

/// What a chunk costs beside its bytes.
const CHUNK_OVERHEAD: u64 = 64;

/// A chunk that is smaller is copied: it could be a small part of a large buffer, all
/// of which it would hold.
const COPIED_BYTES_MAX: usize = 4 << 10;

/// Why a transfer is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotKept {
    /// It has more bytes than an object may have.
    TooLarge,
    /// All transfers together hold as much as they may.
    NoMemory,
    /// Nobody wants it to be.
    Unwanted,
}

impl NotKept {
    /// The same in a word, for counters.
    pub fn reason(self) -> &'static str {
        match self {
            NotKept::TooLarge => "too_large",
            NotKept::NoMemory => "no_memory",
            NotKept::Unwanted => "unwanted",
        }
    }
}

/// How a transfer ended.
#[derive(Clone, Debug)]
enum End {
    Complete(Option<Box<HeaderMap>>),
    Failed(Failure),
}

struct Chunk {
    /// The position of its first byte.
    begin: u64,
    bytes: Bytes,
    /// Readers that still have to read it.
    unread: usize,
}

impl Chunk {
    fn cost(&self) -> u64 {
        self.bytes.len() as u64 + CHUNK_OVERHEAD
    }
}

pub(super) struct State {
    chunks: VecDeque<Chunk>,
    /// Chunks that were dropped, and so the number of the first that is here.
    dropped: u64,
    received: u64,
    /// What the chunks cost.
    held: u64,
    /// What of that was taken out of the budget.
    reserved: u64,
    announced: Option<u64>,
    bounds: Bounds,
    not_kept: Option<NotKept>,
    is_closed: bool,
    end: Option<End>,
    /// One place for each reader, with its waker while it waits.
    readers: Vec<Option<Option<Waker>>>,
    free: Vec<usize>,
    /// What had arrived when the last reader left.
    alone_since: u64,
    pub(super) writer: Option<Waker>,
}

/// What a reader finds at its place.
pub(super) enum Found {
    /// Bytes from this position on.
    Chunk(u64, Bytes),
    /// All were read.
    Complete(Option<Box<HeaderMap>>),
    Failed(Failure),
    /// Nothing yet: the reader is woken when there is.
    Nothing,
}

impl State {
    /// With the place of a first reader.
    pub(super) fn new(announced: Option<u64>, bounds: Bounds) -> (Self, usize) {
        let is_too_large = announced.is_some_and(|bytes| bytes > bounds.object_bytes_max);
        let state = State {
            chunks: VecDeque::new(),
            dropped: 0,
            received: 0,
            held: 0,
            reserved: 0,
            announced,
            bounds,
            not_kept: is_too_large.then_some(NotKept::TooLarge),
            is_closed: false,
            end: None,
            readers: vec![Some(None)],
            free: Vec::new(),
            alone_since: 0,
            writer: None,
        };
        (state, 0)
    }

    pub(super) fn received(&self) -> u64 {
        self.received
    }

    pub(super) fn reserved(&self) -> u64 {
        self.reserved
    }

    pub(super) fn not_kept(&self) -> Option<NotKept> {
        self.not_kept
    }

    pub(super) fn length(&self) -> Option<u64> {
        match self.end {
            Some(End::Complete(_)) => Some(self.received),
            _ => self.announced,
        }
    }

    pub(super) fn readers_count(&self) -> usize {
        self.readers.len() - self.free.len()
    }

    // The writer's side.

    /// Takes in bytes. `take` gets what they cost if the transfer is kept, and says
    /// whether there is room for that.
    pub(super) fn append(
        &mut self,
        bytes: Bytes,
        take: impl FnOnce(u64) -> bool,
    ) -> Result<(), Failure> {
        let begin = self.received;
        self.received = begin.saturating_add(bytes.len() as u64);
        if self.announced.is_some_and(|announced| self.received > announced) {
            let failure = Failure::new(Kind::UpstreamProtocol, "more bytes than were announced");
            self.fail(failure.clone());
            return Err(failure);
        }
        if self.received > self.bounds.object_bytes_max {
            self.keep_no_longer(NotKept::TooLarge);
        }
        let is_small = bytes.len() < COPIED_BYTES_MAX;
        let bytes = if is_small { Bytes::copy_from_slice(&bytes) } else { bytes };
        let chunk = Chunk { begin, bytes, unread: self.readers_count() };
        let cost = chunk.cost();
        if self.not_kept.is_none() {
            match take(cost) {
                true => self.reserved += cost,
                false => self.keep_no_longer(NotKept::NoMemory),
            }
        }
        self.held += cost;
        self.chunks.push_back(chunk);
        Ok(())
    }

    /// The end of what arrives, which is a failure if more was announced.
    pub(super) fn finish(&mut self, trailers: Option<HeaderMap>) -> Result<(), Failure> {
        if let Some(End::Failed(failure)) = &self.end {
            return Err(failure.clone());
        }
        if self.announced.is_some_and(|announced| self.received < announced) {
            let failure = Failure::new(Kind::UpstreamBroken, "fewer bytes than were announced");
            self.fail(failure.clone());
            return Err(failure);
        }
        self.end = Some(End::Complete(trailers.map(Box::new)));
        Ok(())
    }

    /// The first end counts.
    pub(super) fn fail(&mut self, failure: Failure) {
        self.end.get_or_insert(End::Failed(failure));
        self.is_closed = true;
    }

    pub(super) fn keep_no_longer(&mut self, why: NotKept) {
        self.not_kept.get_or_insert(why);
    }

    /// Whether nobody needs the rest.
    pub(super) fn is_abandoned(&self) -> bool {
        if self.readers_count() > 0 {
            return false;
        }
        if self.not_kept.is_some() {
            return true;
        }
        let left = match self.announced {
            Some(announced) => announced.saturating_sub(self.received),
            None => self.received.saturating_sub(self.alone_since),
        };
        left > self.bounds.alone_bytes_max
    }

    /// Whether it is too large to be put together when it is whole, and is kept.
    pub(super) fn is_kept_as_it_comes(&self) -> bool {
        let bytes = self.announced.unwrap_or(0).max(self.received);
        self.not_kept.is_none() && bytes > ONE_PIECE_BYTES_MAX
    }

    /// Whether the writer may append.
    pub(super) fn has_room(&self) -> bool {
        self.not_kept.is_none() || self.held < self.bounds.window_bytes.max(1)
    }

    /// All chunks, if none was dropped.
    pub(super) fn all(&self) -> Option<Vec<Bytes>> {
        let is_whole = self.not_kept.is_none() && self.dropped == 0;
        is_whole.then(|| self.chunks.iter().map(|chunk| chunk.bytes.clone()).collect())
    }

    // The readers' side.

    pub(super) fn join(&mut self) -> Option<usize> {
        if self.is_closed || self.dropped > 0 || (self.not_kept.is_some() && self.received > 0) {
            return None;
        }
        self.chunks.iter_mut().for_each(|chunk| chunk.unread += 1);
        Some(match self.free.pop() {
            Some(slot) => {
                self.readers[slot] = Some(None);
                slot
            }
            None => {
                self.readers.push(Some(None));
                self.readers.len() - 1
            }
        })
    }

    /// What is at the place of a reader; a chunk counts as read.
    pub(super) fn read(&mut self, slot: usize, next: u64, waker: &Waker) -> Found {
        let index = usize::try_from(next.saturating_sub(self.dropped)).unwrap_or(usize::MAX);
        if let Some(chunk) = self.chunks.get_mut(index) {
            chunk.unread = chunk.unread.saturating_sub(1);
            return Found::Chunk(chunk.begin, chunk.bytes.clone());
        }
        match &self.end {
            Some(End::Complete(trailers)) => Found::Complete(trailers.clone()),
            Some(End::Failed(failure)) => Found::Failed(failure.clone()),
            None => {
                if let Some(Some(place)) = self.readers.get_mut(slot)
                    && !place.as_ref().is_some_and(|known| known.will_wake(waker))
                {
                    *place = Some(waker.clone());
                }
                Found::Nothing
            }
        }
    }

    /// Whether a reader that is at the end of what has arrived is at its end.
    pub(super) fn is_at_end(&self, next: u64) -> bool {
        let is_last = next >= self.dropped + self.chunks.len() as u64;
        is_last && matches!(self.end, Some(End::Complete(None)))
    }

    /// A reader leaves that would have read the chunk `next` next.
    pub(super) fn leave(&mut self, slot: usize, next: u64) {
        let from = usize::try_from(next.saturating_sub(self.dropped)).unwrap_or(usize::MAX);
        for chunk in self.chunks.iter_mut().skip(from) {
            chunk.unread = chunk.unread.saturating_sub(1);
        }
        if let Some(place) = self.readers.get_mut(slot)
            && place.take().is_some()
        {
            self.free.push(slot);
        }
        if self.readers_count() == 0 {
            self.alone_since = self.received;
        }
    }

    pub(super) fn close(&mut self) {
        self.is_closed = true;
    }

    /// Drops what nobody will read again. Gives what goes back to the budget. Of a
    /// transfer that is no longer kept only what it held before is in the budget: the
    /// rest is bounded by its window.
    #[must_use]
    pub(super) fn settle(&mut self) -> u64 {
        let may_drop = self.not_kept.is_some() || (self.is_closed && self.end.is_some());
        while may_drop && self.chunks.front().is_some_and(|chunk| chunk.unread == 0) {
            let Some(chunk) = self.chunks.pop_front() else { break };
            self.dropped += 1;
            self.held -= chunk.cost();
        }
        let keeps = self.reserved.min(self.held);
        std::mem::replace(&mut self.reserved, keeps) - keeps
    }

    /// Who waits for more, or for the end.
    #[must_use]
    pub(super) fn waiting(&mut self) -> Vec<Waker> {
        self.readers.iter_mut().flatten().filter_map(Option::take).collect()
    }
}
