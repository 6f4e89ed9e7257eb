//! A request's body on its way to an endpoint.

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use sedge_model::failure::Failure;
use sedge_model::handler::Body;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll};

/// Nothing, or a body that tells when it was read to its end.
pub(super) enum Outgoing {
    Empty,
    Stream(Body, Arc<AtomicBool>),
}

impl HttpBody for Outgoing {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        match &mut *self {
            Outgoing::Empty => Poll::Ready(None),
            Outgoing::Stream(body, is_sent) => {
                let frame = Pin::new(&mut *body).poll_frame(cx);
                if matches!(frame, Poll::Ready(None)) || body.is_end_stream() {
                    is_sent.store(true, Relaxed);
                }
                frame
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Outgoing::Empty => true,
            Outgoing::Stream(body, _) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Outgoing::Empty => SizeHint::with_exact(0),
            Outgoing::Stream(body, _) => body.size_hint(),
        }
    }
}
