//! The bodies of answers that come from a cache.

use super::metrics::CacheMetrics;
use crate::pages::{PAGED_BYTES_MIN, Pages};
use crate::transfer::{ONE_PIECE_BYTES_MAX, Reader, Transfer};
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use sedge_model::failure::Failure;
use sedge_model::handler::{self, Body};
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};

/// Smaller chunks of a larger body are put together to pieces of at least this size.
const PIECE_BYTES_MIN: usize = 16 << 10;

/// What a stored response's bytes can be read from.
pub(super) enum Content {
    /// They are all here.
    Stored(Arc<[Bytes]>, u64),
    /// They arrive; the reader is one that has joined already.
    Arriving(Transfer, Option<Reader>),
}

impl Content {
    /// How many bytes there are, if that is known.
    pub(super) fn length(&self) -> Option<u64> {
        match self {
            Content::Stored(_, bytes) => Some(*bytes),
            Content::Arriving(transfer, _) => transfer.length(),
        }
    }

    /// All of them; `None` if they cannot be read any more.
    pub(super) fn whole(&mut self, metrics: &Arc<CacheMetrics>) -> Option<Body> {
        match self {
            Content::Stored(chunks, bytes) => Some(slice(chunks, 0, *bytes, metrics)),
            Content::Arriving(transfer, reader) => {
                reader.take().or_else(|| transfer.reader()).map(Body::new)
            }
        }
    }

    /// Some of them.
    pub(super) fn slice(
        &mut self,
        offset: u64,
        length: u64,
        metrics: &Arc<CacheMetrics>,
    ) -> Option<Body> {
        match self {
            Content::Stored(chunks, bytes) => {
                let end = offset.saturating_add(length).min(*bytes);
                Some(slice(chunks, offset, end, metrics))
            }
            Content::Arriving(transfer, reader) => {
                let reader = reader.take().or_else(|| transfer.reader())?;
                Some(Body::new(reader.of(offset, offset.saturating_add(length))))
            }
        }
    }
}

fn slice(chunks: &Arc<[Bytes]>, begin: u64, end: u64, metrics: &Arc<CacheMetrics>) -> Body {
    if begin >= end {
        return handler::empty();
    }
    let (chunks, metrics) = (Arc::clone(chunks), Arc::clone(metrics));
    Body::new(Slice { chunks, next: 0, at: 0, begin, end, metrics })
}

/// The bytes from `begin` until before `end` of what is stored.
struct Slice {
    chunks: Arc<[Bytes]>,
    next: usize,
    /// The position of the first byte of the next chunk.
    at: u64,
    begin: u64,
    end: u64,
    metrics: Arc<CacheMetrics>,
}

impl HttpBody for Slice {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        while self.begin < self.end {
            let Some(chunk) = self.chunks.get(self.next).cloned() else { break };
            let (at, length) = (self.at, chunk.len() as u64);
            self.next += 1;
            self.at += length;
            // Both are at most the chunk's length, which is a `usize`.
            let from = self.begin.saturating_sub(at).min(length) as usize;
            let to = self.end.saturating_sub(at).min(length) as usize;
            if from < to {
                self.begin = at + to as u64;
                self.metrics.bytes_served.fetch_add((to - from) as u64, Relaxed);
                return Poll::Ready(Some(Ok(Frame::data(chunk.slice(from..to)))));
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.begin >= self.end || self.next >= self.chunks.len()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.end.saturating_sub(self.begin))
    }
}

/// Bodies one behind the other.
pub(super) fn sequence(bodies: VecDeque<Body>) -> Body {
    Body::new(Sequence(bodies))
}

struct Sequence(VecDeque<Body>);

impl HttpBody for Sequence {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        while let Some(body) = self.0.front_mut() {
            match Pin::new(body).poll_frame(cx) {
                Poll::Ready(None) => drop(self.0.pop_front()),
                polled => return polled,
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.0.iter().all(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let exact = self.0.iter().map(|body| body.size_hint().exact()).sum::<Option<u64>>();
        exact.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// The same in one piece out of which it can be sent, if it is worth that; a larger one
/// has come in pieces of that kind.
pub(super) fn laid(pages: Option<&Arc<Pages>>, chunks: &[Bytes], bytes: u64) -> Option<Bytes> {
    pages.filter(|_| (PAGED_BYTES_MIN..=ONE_PIECE_BYTES_MAX).contains(&bytes))?.lay(chunks)
}

/// Puts a body's chunks into the shape in which they are stored. What arrives from a
/// connection are slices of its buffer, which a small one would hold as a whole.
pub(super) fn compact(chunks: Vec<Bytes>, bytes: u64, pages: Option<&Arc<Pages>>) -> Arc<[Bytes]> {
    if let Some(piece) = laid(pages, &chunks, bytes) {
        return Arc::from([piece]);
    }
    if bytes <= ONE_PIECE_BYTES_MAX {
        let piece = chunks.concat();
        return if piece.is_empty() { Arc::default() } else { Arc::from([Bytes::from(piece)]) };
    }
    let mut pieces = Vec::with_capacity(chunks.len());
    let mut small: Vec<u8> = Vec::new();
    for chunk in chunks {
        if chunk.len() < PIECE_BYTES_MIN || (!small.is_empty() && small.len() < PIECE_BYTES_MIN) {
            small.extend_from_slice(&chunk);
            if small.len() < PIECE_BYTES_MIN {
                continue;
            }
            pieces.push(Bytes::from(std::mem::take(&mut small).into_boxed_slice()));
        } else {
            pieces.push(chunk);
        }
    }
    if !small.is_empty() {
        pieces.push(Bytes::from(small.into_boxed_slice()));
    }
    pieces.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use http_body_util::BodyExt;
    use proptest::prelude::*;

    fn all(body: Body) -> Vec<u8> {
        let collected = body.collect().now_or_never().expect("never waits").expect("never fails");
        collected.to_bytes().to_vec()
    }

    #[test]
    fn what_lies_behind_the_end_is_not_read() {
        let metrics = Arc::default();
        let chunks: Arc<[Bytes]> = Arc::from([Bytes::from_static(b"abc")]);
        let mut content = Content::Stored(chunks, 3);
        for (offset, length, is) in
            [(3, 1, ""), (9, 9, ""), (2, 9, "c"), (0, 0, ""), (u64::MAX, u64::MAX, "")]
        {
            let body = content.slice(offset, length, &metrics).expect("is stored");
            assert_eq!(all(body), is.as_bytes(), "{offset} {length}");
        }
        assert_eq!(metrics.bytes_served.load(Relaxed), 1);
    }

    #[test]
    fn bodies_follow_one_another() {
        let bodies = [handler::full("ab"), handler::empty(), handler::full("c")];
        let body = sequence(bodies.into());
        assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(3), false));
        assert_eq!(all(body), b"abc");
    }

    proptest! {
        #[test]
        fn any_slice_of_any_shape_is_that_of_the_bytes(
            sizes in proptest::collection::vec(0_usize..40_000, 0..20),
            (from, length) in (0_usize..300_000, 0_usize..300_000),
            is_paged in proptest::bool::ANY,
        ) {
            let mut counter = 0_u32;
            let mut next = || { counter = counter.wrapping_add(1); (counter % 251) as u8 };
            let chunks: Vec<Bytes> = sizes
                .iter()
                .map(|&size| (0..size).map(|_| next()).collect::<Vec<u8>>().into())
                .collect();
            let whole = chunks.concat();
            let pages = is_paged.then(|| Pages::new(1 << 20).expect("a file in memory"));
            let stored = compact(chunks, whole.len() as u64, pages.as_ref());
            prop_assert_eq!(stored.concat(), &whole[..]);
            let small = stored.iter().filter(|piece| piece.len() < PIECE_BYTES_MIN).count();
            prop_assert!(small <= 1 && stored.iter().all(|piece| !piece.is_empty()));
            let mut content = Content::Stored(stored, whole.len() as u64);
            let body = content.slice(from as u64, length as u64, &Arc::default());
            let end = (from + length).min(whole.len());
            prop_assert_eq!(all(body.expect("is stored")), whole.get(from..end).unwrap_or_default());
        }
    }
}
