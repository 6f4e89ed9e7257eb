//! A request's body that may be sent more than once: what has passed is kept,
//! up to a bound, and given again before the rest.

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use sedge_model::failure::Failure;
use sedge_model::handler::{self, Body};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

/// A body and what has passed of it.
pub(super) struct Kept(Option<Arc<Mutex<State>>>);

struct State {
    rest: Body,
    /// Data that has passed, unless it was too much.
    passed: Vec<Bytes>,
    trailers: Option<HeaderMap>,
    bytes_left: u64,
    /// Whether something has passed that is not kept.
    is_lost: bool,
    has_ended: bool,
    /// The length as the client declared it.
    hint: SizeHint,
}

impl Kept {
    /// Keeps `bytes_max` at most. A body without content costs nothing.
    pub(super) fn new(rest: Body, bytes_max: u64) -> Self {
        if rest.is_end_stream() {
            return Kept(None);
        }
        let hint = rest.size_hint();
        Kept(Some(Arc::new(Mutex::new(State {
            rest,
            passed: Vec::new(),
            trailers: None,
            bytes_left: bytes_max,
            is_lost: false,
            has_ended: false,
            hint,
        }))))
    }

    /// The body from its begin; of two, only the latest may be read.
    pub(super) fn body(&self) -> Body {
        match &self.0 {
            None => handler::empty(),
            Some(state) => Body::new(Replay { state: Arc::clone(state), next: 0, ended: false }),
        }
    }

    /// Whether the body can be given again as a whole.
    pub(super) fn can_replay(&self) -> bool {
        self.0.as_ref().is_none_or(|state| !lock(state).is_lost)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Replay {
    state: Arc<Mutex<State>>,
    /// Index of the next kept piece.
    next: usize,
    ended: bool,
}

impl State {
    fn keep(&mut self, frame: &Frame<Bytes>) {
        if let Some(trailers) = frame.trailers_ref() {
            self.trailers = Some(trailers.clone());
        }
        let Some(data) = frame.data_ref().filter(|_| !self.is_lost) else { return };
        match self.bytes_left.checked_sub(data.len() as u64) {
            Some(left) => {
                self.bytes_left = left;
                self.passed.push(data.clone());
            }
            None => {
                self.is_lost = true;
                self.passed = Vec::new();
            }
        }
    }
}

impl HttpBody for Replay {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let me = &mut *self;
        let state = &mut *lock(&me.state);
        if let Some(data) = state.passed.get(me.next) {
            me.next += 1;
            return Poll::Ready(Some(Ok(Frame::data(data.clone()))));
        }
        if state.has_ended {
            let trailers = state.trailers.clone().filter(|_| !me.ended);
            me.ended = true;
            return Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))));
        }
        let Poll::Ready(frame) = Pin::new(&mut state.rest).poll_frame(cx) else {
            return Poll::Pending;
        };
        match &frame {
            Some(Ok(frame)) => {
                state.keep(frame);
                me.next = state.passed.len();
                me.ended |= frame.is_trailers();
            }
            // A body that the client has broken off cannot be sent again.
            Some(Err(_)) => state.is_lost = true,
            None => state.has_ended = true,
        }
        // The end is known with the last piece of a body whose length is.
        state.has_ended |= state.rest.is_end_stream();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        let state = lock(&self.state);
        state.has_ended
            && self.next >= state.passed.len()
            && (self.ended || state.trailers.is_none())
    }

    fn size_hint(&self) -> SizeHint {
        lock(&self.state).hint
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{BodyExt, StreamBody};

    fn pieces(pieces: &[&'static str], trailers: bool) -> Body {
        let mut frames: Vec<Result<Frame<Bytes>, Failure>> =
            pieces.iter().map(|&piece| Ok(Frame::data(Bytes::from(piece)))).collect();
        if trailers {
            let mut fields = HeaderMap::new();
            fields.insert("x-sum", http::HeaderValue::from_static("1"));
            frames.push(Ok(Frame::trailers(fields)));
        }
        Body::new(StreamBody::new(futures_util::stream::iter(frames)))
    }

    #[tokio::test]
    async fn a_body_past_the_bound_passes_once() {
        let kept = Kept::new(pieces(&["abc", "de"], false), 4);
        assert!(kept.can_replay());
        let all = kept.body().collect().await.expect("whole").to_bytes();
        assert_eq!(all, "abcde");
        assert!(!kept.can_replay());
    }

    #[tokio::test]
    async fn a_body_that_was_read_in_part_is_given_again_whole() {
        let kept = Kept::new(pieces(&["abc", "de"], true), 5);
        let mut first = kept.body();
        let frame = first.frame().await.expect("a piece").expect("whole");
        assert_eq!(frame.into_data().ok(), Some(Bytes::from("abc")));
        drop(first);
        for _ in 0..2 {
            let again = kept.body().collect().await.expect("whole");
            assert_eq!(
                again.trailers().and_then(|t| t.get("x-sum")).map(|v| v.as_bytes()),
                Some(&b"1"[..])
            );
            assert_eq!(again.to_bytes(), "abcde");
            assert!(kept.can_replay());
        }
    }

    #[tokio::test]
    async fn nothing_is_kept_of_a_request_without_content() {
        let kept = Kept::new(handler::empty(), 0);
        assert!(kept.can_replay() && kept.body().is_end_stream());
    }
}
