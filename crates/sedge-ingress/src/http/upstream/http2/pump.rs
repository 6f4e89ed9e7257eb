//! A request's body on its way into a stream.

use crate::http::response::strip_connection_fields;
use bytes::Bytes;
use h2::{Reason, SendStream};
use http_body::Body as _;
use http_body::Frame;
use sedge_model::failure::Failure;
use sedge_model::handler::Body;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Sends a body as the endpoint makes room for it. Ready when it is sent, or when
/// the endpoint wants no more of it, which only its answer explains; an error is
/// the body's own. Dropped before, it resets the stream, so that a part of a body
/// never looks like the whole.
pub(super) struct Pump {
    body: Body,
    stream: SendStream<Bytes>,
    /// Read, and not yet sent.
    rest: Bytes,
    /// Whether nothing of the body was asked for.
    is_untouched: bool,
    is_over: bool,
}

impl Pump {
    pub(super) fn new(body: Body, stream: SendStream<Bytes>) -> Self {
        Pump { body, stream, rest: Bytes::new(), is_untouched: true, is_over: false }
    }

    /// The body, if nothing of it was read.
    pub(super) fn into_untouched(mut self) -> Option<Body> {
        self.is_over = true;
        let body = std::mem::replace(&mut self.body, sedge_model::handler::empty());
        self.is_untouched.then_some(body)
    }

    /// Sends of what was read as much as there is room for. `false`: the endpoint
    /// wants no more.
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        while !self.rest.is_empty() {
            self.stream.reserve_capacity(self.rest.len());
            let room = match ready!(self.stream.poll_capacity(cx)) {
                Some(Ok(room)) => room.min(self.rest.len()),
                Some(Err(_)) | None => return Poll::Ready(false),
            };
            if room == 0 {
                continue;
            }
            let part = self.rest.split_to(room);
            let is_last = self.rest.is_empty() && self.body.is_end_stream();
            if self.stream.send_data(part, is_last).is_err() {
                return Poll::Ready(false);
            }
            self.is_over = is_last;
        }
        Poll::Ready(true)
    }

    /// Takes in a part of the body.
    fn take(&mut self, frame: Option<Frame<Bytes>>) {
        let sent = match frame.map(Frame::into_data) {
            // The end without another word.
            None => self.stream.send_data(Bytes::new(), true),
            Some(Ok(data)) => {
                self.rest = data;
                return;
            }
            Some(Err(frame)) => match frame.into_trailers() {
                Ok(mut trailers) => {
                    strip_connection_fields(&mut trailers);
                    self.stream.send_trailers(trailers)
                }
                Err(_) => return,
            },
        };
        // A stream that takes no more is explained by its answer.
        let _ = sent;
        self.is_over = true;
    }
}

impl Future for Pump {
    type Output = Result<(), Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        let me = &mut *self;
        while !me.is_over {
            if me.stream.poll_reset(cx).is_ready() || !ready!(me.poll_rest(cx)) {
                me.is_over = true;
                break;
            }
            if me.is_over {
                break;
            }
            me.is_untouched = false;
            match ready!(Pin::new(&mut me.body).poll_frame(cx)) {
                None => me.take(None),
                Some(Ok(frame)) => me.take(Some(frame)),
                Some(Err(failure)) => {
                    me.stream.send_reset(Reason::CANCEL);
                    me.is_over = true;
                    return Poll::Ready(Err(failure));
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        if !self.is_over {
            self.stream.send_reset(Reason::CANCEL);
        }
    }
}
