//! One stream: its request, what is said before its answer, the answer.

use super::line::{Opening, StreamLine};
use super::received::Received;
use crate::http::body::ResponseBody;
use crate::http::connection::Connection;
use crate::http::date;
use crate::http::early::Early;
use crate::http::path::{self, Outlet};
use crate::http::response::strip_connection_fields;
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::header::{CONTENT_LENGTH, COOKIE, DATE, HeaderMap, HeaderValue};
use http::{Method, Request, Response};
use http_body::{Body as _, Frame};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// Answers a stream. Ends early if its client resets it; dropped before its end, it
/// resets the stream.
pub(super) async fn answer(
    connection: Arc<Connection>,
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
) {
    let (mut head, stream) = request.into_parts();
    join_cookies(&mut head.headers);
    // A CONNECT has no content; what follows it is the other protocol's.
    let (body, connect) = match head.method == Method::CONNECT {
        false => (Received::new(stream, &head.headers), None),
        true if length(&head.headers).is_some_and(|bytes| bytes > 0) => {
            respond.send_reset(Reason::PROTOCOL_ERROR);
            return;
        }
        true => {
            let (opened, opening) = Opening::new();
            head.extensions.insert(opening);
            (Received::none(), Some((stream, opened)))
        }
    };
    let early = Early::default();
    let outlet = Outlet { slot: None, early: &early };
    let response = {
        let mut serving = pin!(path::serve(connection, Request::from_parts(head, body), outlet));
        let answered = poll_fn(|cx| {
            loop {
                if let Poll::Ready(answered) = serving.as_mut().poll(cx) {
                    return Poll::Ready(answered.ok());
                }
                if respond.poll_reset(cx).is_ready() {
                    return Poll::Ready(None);
                }
                if !say(&early, &mut respond, cx) {
                    return Poll::Pending;
                }
            }
        });
        answered.await
    };
    let Some(response) = response else { return };
    let (mut head, body) = response.into_parts();
    head.headers.entry(DATE).or_insert_with(date::now);
    if let Some((stream, opened)) = connect.filter(|_| head.status.is_success()) {
        head.headers.remove(CONTENT_LENGTH);
        if let Some(sending) = send_head(&mut respond, Response::from_parts(head, ()), false) {
            opened.open(StreamLine::new(stream, sending));
        }
        return;
    }
    let is_last = body.is_end_stream();
    if let (false, Some(bytes)) = (is_last, body.size_hint().exact()) {
        head.headers.entry(CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(bytes));
    }
    let sending = send_head(&mut respond, Response::from_parts(head, ()), is_last);
    if let (false, Some(stream)) = (is_last, sending) {
        let mut pump = Pump { stream, body, held: None };
        poll_fn(|cx| pump.poll(cx)).await;
    }
}

/// Sends what was said before the answer; whether there was anything.
fn say(early: &Early, respond: &mut SendResponse<Bytes>, cx: &Context<'_>) -> bool {
    let interims = early.take(cx.waker());
    for interim in &interims {
        let mut response = Response::new(());
        *response.status_mut() = interim.status;
        response.headers_mut().clone_from(&interim.fields);
        // What cannot be sent is left out; the answer says what became of the stream.
        if let Err(error) = respond.send_informational(response) {
            tracing::debug!(%error, "interim response was not sent");
        }
    }
    !interims.is_empty()
}

fn send_head(
    respond: &mut SendResponse<Bytes>,
    head: Response<()>,
    is_last: bool,
) -> Option<SendStream<Bytes>> {
    let sent = respond.send_response(head, is_last);
    if let Err(error) = &sent {
        tracing::debug!(%error, "answer was not sent");
        respond.send_reset(Reason::INTERNAL_ERROR);
    }
    sent.ok()
}

/// The length that a head declares; what it means if it is none, `validate` says.
pub(super) fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// An answer's body on its way into the stream.
struct Pump {
    stream: SendStream<Bytes>,
    body: ResponseBody,
    /// Read, and waiting for room.
    held: Option<Bytes>,
}

impl Pump {
    /// Ready when the stream is over, whatever it ended with.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.stream.poll_reset(cx).is_ready() {
                return Poll::Ready(());
            }
            if self.held.is_some() && !ready!(self.poll_room(cx)) {
                return Poll::Ready(());
            }
            if let Some(data) = self.held.take() {
                if self.send(data) {
                    return Poll::Ready(());
                }
                continue;
            }
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    if self.take(frame) {
                        return Poll::Ready(());
                    }
                }
                Some(Err(_)) => {
                    self.stream.send_reset(Reason::INTERNAL_ERROR);
                    return Poll::Ready(());
                }
                None => {
                    // A stream that takes no more is over, too.
                    let _ = self.stream.send_data(Bytes::new(), true);
                    return Poll::Ready(());
                }
            }
        }
    }

    /// Whether there is room for something, or the stream is over.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        while self.stream.capacity() == 0 {
            match ready!(self.stream.poll_capacity(cx)) {
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Poll::Ready(false),
            }
        }
        Poll::Ready(true)
    }

    /// Takes in a part of the body; whether it was the last.
    fn take(&mut self, frame: Frame<Bytes>) -> bool {
        match frame.into_data() {
            Ok(data) if data.is_empty() => self.send(data),
            Ok(data) => {
                // Only what is there asks for room, and at first for as little as can be:
                // what a stream has reserved, others on its connection do not get.
                self.stream.reserve_capacity(1);
                self.held = Some(data);
                false
            }
            Err(frame) => match frame.into_trailers() {
                Ok(mut trailers) => {
                    strip_connection_fields(&mut trailers);
                    self.stream.reserve_capacity(0);
                    if self.stream.send_trailers(trailers).is_err() {
                        self.stream.send_reset(Reason::INTERNAL_ERROR);
                    }
                    true
                }
                Err(_) => false,
            },
        }
    }

    /// Sends a part of the body; whether it was the last.
    fn send(&mut self, data: Bytes) -> bool {
        let is_last = self.body.is_end_stream();
        self.stream.send_data(data, is_last).is_err() || is_last
    }
}

/// A client may send a cookie in crumbs, which are one field to everybody else (RFC 9113
/// §8.2.3).
fn join_cookies(fields: &mut HeaderMap) {
    let mut crumbs = fields.get_all(COOKIE).iter();
    let (Some(first), Some(_)) = (crumbs.next(), crumbs.next()) else { return };
    let mut joined = first.as_bytes().to_vec();
    for crumb in fields.get_all(COOKIE).iter().skip(1) {
        joined.extend_from_slice(b"; ");
        joined.extend_from_slice(crumb.as_bytes());
    }
    // Made of values and a separator that are valid.
    if let Ok(joined) = HeaderValue::from_maybe_shared(Bytes::from(joined)) {
        fields.insert(COOKIE, joined);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crumbs_are_one_cookie() {
        let mut fields = HeaderMap::new();
        join_cookies(&mut fields);
        assert!(fields.is_empty());
        for (crumb, whole) in [("a=1", "a=1"), ("b=2", "a=1; b=2"), ("c", "a=1; b=2; c")] {
            fields.append(COOKIE, HeaderValue::from_static(crumb));
            join_cookies(&mut fields);
            assert_eq!(fields.get_all(COOKIE).iter().collect::<Vec<_>>(), [whole]);
        }
    }
}
