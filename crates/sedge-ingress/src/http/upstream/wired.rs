//! One HTTP/1.1 connection to an endpoint. It has no task: whoever waits for its
//! answer polls it, so that an answer costs no wake-up of another task, and
//! dropping the answer closes the connection.

use super::endpoint::Permit;
use super::outgoing::Outgoing;
use super::secure;
use super::stream::Stream;
use super::wire::{Meter, Wire};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderValue, TRANSFER_ENCODING};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use sedge_model::failure::{Failure, Kind};
use std::error::Error;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

/// The largest head of an answer.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Bytes before the end of an answer's head, informational answers included.
const BEFORE_ANSWER_BYTES_MAX: u64 = 256 * 1024;

/// A connection and what is known of it.
pub(super) struct Wired {
    sender: SendRequest<Outgoing>,
    connection: Connection<TokioIo<Wire>, Outgoing>,
    meter: Arc<Meter>,
    has_ended: bool,
    /// Requests that were sent.
    pub(super) requests: u32,
    pub(super) idle_since: Instant,
    permit: Permit,
}

/// Why there is no answer.
pub(super) struct Lost {
    pub(super) failure: Failure,
    /// The request, if not a byte of it was sent.
    pub(super) unsent: Option<Request<Outgoing>>,
    /// Whether not a byte of an answer was received.
    pub(super) was_silent: bool,
}

impl Wired {
    pub(super) async fn new(stream: Stream, permit: Permit) -> Result<Wired, hyper::Error> {
        let meter = Arc::<Meter>::default();
        let wire = Wire::new(stream, Arc::clone(&meter));
        let (sender, connection) = http1::Builder::new()
            .max_header_size(HEAD_BYTES_MAX)
            .max_buf_size(2 * HEAD_BYTES_MAX)
            .handshake(TokioIo::new(wire))
            .await?;
        let idle_since = Instant::now();
        let (requests, has_ended) = (0, false);
        Ok(Wired { sender, connection, meter, has_ended, requests, idle_since, permit })
    }

    fn drive(&mut self, cx: &mut Context<'_>) {
        if !self.has_ended {
            // What it ended with, its answer or its body will say.
            self.has_ended = Pin::new(&mut self.connection).poll(cx).is_ready();
        }
    }

    /// Whether another request may be sent: nothing has arrived since the last
    /// answer, its end included, as far as the runtime has heard.
    pub(super) fn is_idle(&mut self) -> bool {
        self.meter.allow(1);
        self.drive(&mut Context::from_waker(Waker::noop()));
        !self.has_ended && self.sender.is_ready()
    }

    /// Closes the connection, for another in its place.
    pub(super) fn into_permit(self) -> Permit {
        self.permit
    }

    /// Gives up HTTP on it after an answer with status 101: its bytes, and those that
    /// came right behind the answer. `None` if HTTP goes on.
    pub(super) fn switch(mut self: Box<Self>) -> Option<(Wire, Bytes, Permit)> {
        self.drive(&mut Context::from_waker(Waker::noop()));
        let Wired { connection, meter, has_ended: true, permit, .. } = *self else { return None };
        meter.allow(u64::MAX);
        let parts = connection.into_parts();
        Some((parts.io.into_inner(), parts.read_buf, permit))
    }

    /// Sends a request and waits for its answer's head.
    pub(super) async fn ask(
        &mut self,
        mut request: Request<Outgoing>,
    ) -> Result<Response<Incoming>, Lost> {
        frame(&mut request);
        self.requests = self.requests.saturating_add(1);
        let before = self.meter.read();
        self.meter.allow(BEFORE_ANSWER_BYTES_MAX);
        let mut answer = pin!(self.sender.try_send_request(request));
        let has_ended = &mut self.has_ended;
        let connection = &mut self.connection;
        let answered = poll_fn(|cx| {
            if !*has_ended {
                *has_ended = Pin::new(&mut *connection).poll(cx).is_ready();
            }
            // Only the connection, polled above, moves the answer on.
            answer.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        });
        let answered = answered.await;
        let was_silent = self.meter.read() == before;
        let is_too_much = self.meter.is_used_up();
        self.meter.allow(u64::MAX);
        answered.map_err(|mut lost: TrySendError<_>| Lost {
            unsent: lost.take_message(),
            failure: match is_too_much {
                true => Failure::new(Kind::UpstreamProtocol, "upstream's head has no end"),
                false => classify(lost.error()),
            },
            was_silent,
        })
    }

    /// The next piece of an answer's body.
    pub(super) fn poll_body(
        &mut self,
        incoming: &mut Incoming,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<bytes::Bytes>, hyper::Error>>> {
        use http_body::Body;
        let silent = &mut Context::from_waker(Waker::noop());
        // Asking tells the connection that there is room, so it must be polled
        // after that.
        let ready = Pin::new(&mut *incoming).poll_frame(silent);
        if ready.is_ready() {
            return ready;
        }
        self.drive(cx);
        Pin::new(incoming).poll_frame(silent)
    }

    /// Polls the connection to its end, for as long as this future lives.
    pub(super) async fn run(mut self: Box<Self>) {
        poll_fn(|cx| {
            self.drive(cx);
            if self.has_ended { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

/// hyper leaves a body of unknown length out where few requests have one (GET,
/// HEAD), unless the head says that there is one.
fn frame(request: &mut Request<Outgoing>) {
    let is_stream = matches!(request.body(), Outgoing::Stream(..));
    if is_stream && !request.headers().contains_key(CONTENT_LENGTH) {
        let chunked = HeaderValue::from_static("chunked");
        request.headers_mut().insert(TRANSFER_ENCODING, chunked);
    }
}

/// What a client may be told of an error before an answer.
fn classify(error: &hyper::Error) -> Failure {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(one) = cause {
        // The request's body broke off: that is its own story.
        if let Some(failure) = one.downcast_ref::<Failure>() {
            return failure.clone();
        }
        // TLS 1.3 tells a client only now that its certificate will not do.
        if let Some(refused) = secure::refusal(one) {
            return Failure::new(Kind::UpstreamTls, refused);
        }
        cause = one.source();
    }
    if error.is_parse() || error.is_parse_too_large() {
        return Failure::new(Kind::UpstreamProtocol, format!("upstream's head: {error}"));
    }
    Failure::new(Kind::UpstreamReset, format!("before an answer: {error}"))
}
