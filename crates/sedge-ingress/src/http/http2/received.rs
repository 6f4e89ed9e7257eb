//! A request's body as it comes by a stream.

use super::answer::length;
use bytes::Bytes;
use h2::RecvStream;
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// The body of a request; `None` once it is over.
pub(crate) struct Received {
    stream: Option<RecvStream>,
    /// What is left of it, from its head.
    bytes: Option<u64>,
}

impl Received {
    pub(super) fn new(stream: RecvStream, head: &HeaderMap) -> Self {
        let bytes = length(head);
        Received { stream: Some(stream).filter(|stream| !stream.is_end_stream()), bytes }
    }

    pub(super) fn none() -> Self {
        Received { stream: None, bytes: None }
    }
}

impl HttpBody for Received {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        let me = &mut *self;
        let Some(stream) = &mut me.stream else { return Poll::Ready(None) };
        let polled = match ready!(stream.poll_data(cx)) {
            Some(Ok(data)) => {
                // What was read makes room for more.
                let released = stream.flow_control().release_capacity(data.len());
                me.bytes = me.bytes.map(|bytes| bytes.saturating_sub(data.len() as u64));
                if stream.is_end_stream() {
                    me.stream = None;
                }
                return Poll::Ready(Some(released.map(|()| Frame::data(data))));
            }
            Some(Err(error)) => Some(Err(error)),
            None => match ready!(stream.poll_trailers(cx)) {
                Ok(trailers) => trailers.map(|trailers| Ok(Frame::trailers(trailers))),
                Err(error) => Some(Err(error)),
            },
        };
        me.stream = None;
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        self.stream.as_ref().is_none_or(RecvStream::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        match (self.is_end_stream(), self.bytes) {
            (true, _) => SizeHint::with_exact(0),
            (false, Some(bytes)) => SizeHint::with_exact(bytes),
            (false, None) => SizeHint::default(),
        }
    }
}
