//! An answer's body on its way back.

use super::Slot;
use crate::http::upstream::passing::Active;
use bytes::Bytes;
use h2::RecvStream;
use http_body::{Body as HttpBody, Frame, SizeHint};
use sedge_model::failure::{Failure, Kind};
use std::pin::Pin;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, ready};
use tokio::task::JoinHandle;

/// Dropping it before its end resets the stream, and only that.
pub(in crate::http::upstream) struct Received {
    stream: RecvStream,
    /// What is still being sent of the request; ends with the answer, because
    /// what is left of it nobody needs.
    sending: Option<Sending>,
    /// Of the body, from its head.
    bytes: Option<u64>,
    /// `None` once it is over.
    under_way: Option<(Slot, Active)>,
}

/// Aborts the rest of a request when dropped.
pub(super) struct Sending(pub(super) JoinHandle<()>);

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Received {
    pub(super) fn new(
        stream: RecvStream,
        sending: Option<Sending>,
        bytes: Option<u64>,
        slot: Slot,
        active: Active,
    ) -> Self {
        let mut received = Received { stream, sending, bytes, under_way: Some((slot, active)) };
        if received.stream.is_end_stream() {
            received.end();
        }
        received
    }

    fn end(&mut self) {
        self.sending = None;
        self.under_way = None;
    }

    fn broken(&mut self, error: &h2::Error) -> Failure {
        if let Some((_, active)) = &self.under_way {
            active.service.endpoints[active.endpoint].resets.fetch_add(1, Relaxed);
        }
        self.end();
        Failure::new(Kind::UpstreamBroken, format!("in an answer's body: {error}"))
    }
}

impl HttpBody for Received {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let me = &mut *self;
        if me.under_way.is_none() {
            return Poll::Ready(None);
        }
        match ready!(me.stream.poll_data(cx)) {
            Some(Ok(data)) => {
                // What was passed on makes room for more.
                let released = me.stream.flow_control().release_capacity(data.len());
                if let Err(error) = released {
                    return Poll::Ready(Some(Err(me.broken(&error))));
                }
                me.bytes = me.bytes.map(|bytes| bytes.saturating_sub(data.len() as u64));
                if me.stream.is_end_stream() {
                    me.end();
                }
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
            Some(Err(error)) => return Poll::Ready(Some(Err(me.broken(&error)))),
            None => {}
        }
        match ready!(me.stream.poll_trailers(cx)) {
            Ok(trailers) => {
                me.end();
                Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))))
            }
            Err(error) => Poll::Ready(Some(Err(me.broken(&error)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.under_way.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match (self.under_way.is_none(), self.bytes) {
            (true, _) => SizeHint::with_exact(0),
            (false, Some(bytes)) => SizeHint::with_exact(bytes),
            (false, None) => SizeHint::default(),
        }
    }
}
