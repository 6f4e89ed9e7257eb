//! Bodies on their way in and out.

use super::connection::Connection;
use super::core::Table;
use super::exchange::Exchange;
use super::http2::Move;
use super::metrics::{Counter, Timeout};
use super::socket::Protocol;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use sedge_model::failure::{Failure, Kind};
use sedge_model::handler::{self, Body};
use std::error::Error;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::time::{Instant, Sleep};

/// The largest piece of an answer that HTTP/2 is given at once: that of a DATA frame.
const H2_PIECE_BYTES_MAX: usize = 16 * 1024;

/// What of an answer HTTP/1 is given before others have their turn on this thread:
/// the kernel copies it within a tenth of a millisecond. Without that, an answer that
/// is always ready has megabytes written in one go.
const H1_TURN_BYTES_MAX: usize = 128 * 1024;

/// Why a body as a protocol's implementation reads it has no end.
pub(crate) trait Broken {
    /// Whether its framing makes no sense; else it was cut off by the client.
    fn is_malformed(&self) -> bool;
}

impl Broken for hyper::Error {
    fn is_malformed(&self) -> bool {
        let cause = self.source().and_then(|source| source.downcast_ref::<std::io::Error>());
        cause.is_some_and(|cause| {
            use std::io::ErrorKind::{InvalidData, InvalidInput};
            matches!(cause.kind(), InvalidInput | InvalidData)
        })
    }
}

impl Broken for h2::Error {
    /// Such a stream is reset, and nobody reads why.
    fn is_malformed(&self) -> bool {
        false
    }
}

/// A request's body as its handler reads it.
pub(crate) struct RequestBody<B> {
    incoming: B,
    connection: Arc<Connection>,
    bytes: Arc<Counter>,
    /// Armed only while the handler waits for a client that sends nothing.
    pause: Option<Pin<Box<Sleep>>>,
    is_waiting: bool,
}

impl<B> RequestBody<B> {
    pub(crate) fn new(incoming: B, connection: Arc<Connection>, bytes: Arc<Counter>) -> Self {
        RequestBody { incoming, connection, bytes, pause: None, is_waiting: false }
    }

    /// hyper looks for CR LF CR LF behind a last chunk, and so takes what another
    /// reader calls the next request for trailers, if bare line feeds end them. Of
    /// that, nothing may be answered.
    fn note(&self, frame: &Frame<Bytes>) {
        if let Some(data) = frame.data_ref() {
            self.bytes.add(data.len() as u64);
        } else if self.connection.protocol() == Some(Protocol::Http1) {
            self.connection.end_after_this();
        }
    }

    fn poll_pause(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let timeout = self.connection.core.options.body_timeout;
        let pause = match &mut self.pause {
            None => self.pause.insert(Box::pin(tokio::time::sleep(timeout))),
            Some(pause) if self.is_waiting => pause,
            Some(pause) => {
                pause.as_mut().reset(Instant::now() + timeout);
                pause
            }
        };
        self.is_waiting = true;
        pause.as_mut().poll(cx)
    }
}

impl<B> HttpBody for RequestBody<B>
where
    B: HttpBody<Data = Bytes, Error: Broken> + Unpin,
{
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        match Pin::new(&mut self.incoming).poll_frame(cx) {
            Poll::Ready(frame) => {
                self.is_waiting = false;
                if let Some(Ok(frame)) = &frame {
                    self.note(frame);
                }
                Poll::Ready(frame.map(|frame| frame.map_err(|error| broken(&error))))
            }
            Poll::Pending if self.poll_pause(cx).is_ready() => {
                self.connection.core.shard.timeouts[Timeout::Body as usize].add(1);
                let detail = "client sent nothing of its body for body_timeout";
                Poll::Ready(Some(Err(Failure::new(Kind::ClientTimeout, detail))))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

fn broken(error: &impl Broken) -> Failure {
    if error.is_malformed() {
        Failure::new(Kind::BadRequest, "request body is malformed")
    } else {
        Failure::new(Kind::ClientGone, "client left before its body's end")
    }
}

/// An answer's body as the protocol's side reads it. It holds what must live until the answer
/// has ended: the request's bookkeeping and the routes it was found in.
pub(crate) struct ResponseBody {
    inner: Body,
    /// `None`: it went on with the connection, which is another protocol's.
    exchange: Option<Exchange>,
    _table: Option<Arc<Table>>,
    /// What a `Content-Length` still promises.
    promised: Option<u64>,
    is_ready: bool,
    has_ended: bool,
    /// HTTP/2: what is left of a piece.
    rest: Bytes,
    /// HTTP/1: what was given in this turn.
    turn_bytes: usize,
    /// What ends the body at the next poll.
    failed: Option<Failure>,
}

impl ResponseBody {
    pub(crate) fn new(
        inner: Body,
        exchange: Exchange,
        table: Arc<Table>,
        promised: Option<u64>,
    ) -> Self {
        let (is_ready, has_ended, failed) = (false, false, None);
        let (exchange, table) = (Some(exchange), Some(table));
        ResponseBody {
            inner,
            exchange,
            _table: table,
            promised,
            is_ready,
            has_ended,
            rest: Bytes::new(),
            turn_bytes: 0,
            failed,
        }
    }

    /// That of an answer whose connection is another protocol's: nothing.
    pub(crate) fn none() -> Self {
        ResponseBody {
            inner: handler::empty(),
            exchange: None,
            _table: None,
            promised: None,
            is_ready: false,
            has_ended: true,
            rest: Bytes::new(),
            turn_bytes: 0,
            failed: None,
        }
    }

    /// Whether the next move is the client's, for the watch.
    fn set_ready(&mut self, ready: bool) {
        if std::mem::replace(&mut self.is_ready, ready) != ready
            && let Some(exchange) = &self.exchange
        {
            let bodies = &exchange.connection.bodies_ready;
            if ready { bodies.add(1) } else { bodies.subtract(1) }
        }
    }

    fn sent(&mut self, bytes: u64) -> Result<(), Failure> {
        if let Some(exchange) = &mut self.exchange {
            exchange.bytes_out += bytes;
        }
        if let Some(promised) = &mut self.promised {
            *promised = promised.checked_sub(bytes).ok_or_else(|| {
                Failure::new(Kind::InvalidResponse, "body is longer than its Content-Length")
            })?;
        }
        Ok(())
    }

    /// hyper asks an HTTP/2 answer for more when it has taken all of a piece. A
    /// client's progress is seen by that, so pieces must not be large.
    fn cut(&mut self, frame: Frame<Bytes>) -> Frame<Bytes> {
        let protocol = self.exchange.as_ref().and_then(|exchange| exchange.connection.protocol());
        if protocol != Some(Protocol::Http2) {
            self.turn_bytes += frame.data_ref().map_or(0, Bytes::len);
            return frame;
        }
        match frame.into_data() {
            Ok(data) => {
                self.rest = data;
                self.piece()
            }
            Err(trailers) => trailers,
        }
    }

    fn piece(&mut self) -> Frame<Bytes> {
        let length = self.rest.len().min(H2_PIECE_BYTES_MAX);
        Frame::data(self.rest.split_to(length))
    }

    fn check(
        &mut self,
        frame: Option<Result<Frame<Bytes>, Failure>>,
    ) -> Result<Option<Frame<Bytes>>, Failure> {
        match frame {
            Some(Ok(frame)) => {
                self.sent(frame.data_ref().map_or(0, |data| data.len() as u64))?;
                Ok(Some(frame))
            }
            Some(Err(failure)) => Err(failure),
            None if self.promised.is_some_and(|promised| promised > 0) => {
                Err(Failure::new(Kind::InvalidResponse, "body is shorter than its Content-Length"))
            }
            None => {
                self.has_ended = true;
                Ok(None)
            }
        }
    }
}

impl HttpBody for ResponseBody {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        if let Some(failure) = self.failed.take() {
            return Poll::Ready(Some(Err(failure)));
        }
        if !self.rest.is_empty() {
            Move::Client.note();
            return Poll::Ready(Some(Ok(self.piece())));
        }
        if self.turn_bytes >= H1_TURN_BYTES_MAX {
            self.turn_bytes = 0;
            // Tokio looks for what else is to be done before it comes back.
            if pin!(tokio::task::yield_now()).poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
        let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(cx) else {
            self.turn_bytes = 0;
            self.set_ready(false);
            Move::Handler.note();
            return Poll::Pending;
        };
        self.set_ready(true);
        Move::Client.note();
        match self.check(frame) {
            Ok(frame) => Poll::Ready(frame.map(|frame| Ok(self.cut(frame)))),
            Err(failure) => {
                // On an error hyper drops what it has not written yet. It
                // writes when a body is pending, so that the client gets the
                // head and sees an answer cut short, and not none at all.
                if let Some(exchange) = &mut self.exchange {
                    exchange.fail(failure.clone());
                }
                self.failed = Some(failure);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.failed.is_none() && self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        self.set_ready(false);
        // hyper drops a body without asking for its end when it knows the end.
        let is_all = self.has_ended || self.promised == Some(0) || self.inner.is_end_stream();
        if let Some(exchange) = &mut self.exchange
            && is_all
            && self.rest.is_empty()
        {
            exchange.complete();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    /// Always ready.
    struct Endless;

    impl HttpBody for Endless {
        type Data = Bytes;
        type Error = Failure;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'x'; 1_000])))))
        }
    }

    #[test]
    fn an_answer_that_is_always_ready_lets_others_have_their_turn() {
        let mut body = ResponseBody::none();
        body.inner = Body::new(Endless);
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..3 {
            let mut given = 0;
            while let Poll::Ready(frame) = Pin::new(&mut body).poll_frame(&mut context) {
                let frame = frame.expect("endless").expect("whole");
                given += frame.data_ref().map_or(0, Bytes::len);
                assert!(given <= H1_TURN_BYTES_MAX + 1_000, "{given} bytes in one turn");
            }
            assert!(given >= H1_TURN_BYTES_MAX, "{given} bytes in one turn");
        }
    }
}
