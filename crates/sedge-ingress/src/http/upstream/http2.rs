//! HTTP/2 with endpoints (RFC 9113): connections that carry many requests at
//! once.
//!
//! A connection has a task, because it lives for all its requests; a request has
//! none. In the order in which one meets them:
//!
//! 1. [`Http2`]: a connection, with a `Slot` for each request under way.
//! 2. `exchange`: a request and its answer's head on one stream.
//! 3. `pump`: the request's body; `received`: the answer's.
//! 4. `keep`: the task, and how a dead connection is noticed.

pub(super) mod exchange;
mod keep;
mod pump;
pub(super) mod received;

use super::endpoint::Permit;
use super::stream::Stream;
use super::wire::{Meter, Wire};
use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use h2::{Ping, PingPong};
use sedge_model::routing::upstream::Pool;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// The largest head of an answer.
const HEAD_BYTES_MAX: u32 = 64 * 1024;
/// What an endpoint may send of one answer before the client has read it.
const STREAM_WINDOW_BYTES: u32 = 256 * 1024;
/// The same for all answers on a connection: so much that clients that do not
/// read hold up the others only when there are 256 of them.
const CONNECTION_WINDOW_BYTES: u32 = 64 * 1024 * 1024;
/// Streams that were reset and whose late frames are not yet a mistake of the
/// endpoint.
const RESET_STREAMS_MAX: usize = 1_024;

/// A connection. Dropping it says goodbye and closes it.
pub(super) struct Http2 {
    /// `None` only while it is dropped.
    sender: Option<SendRequest<Bytes>>,
    state: Arc<State>,
    streams_max: u32,
    requests_max: u32,
}

/// What a connection, its task and its requests share.
pub(super) struct State {
    begin: Instant,
    meter: Arc<Meter>,
    /// Requests under way.
    streams: AtomicU32,
    /// Requests that were begun.
    requests: AtomicU32,
    /// No request may begin any more.
    is_over: AtomicBool,
    /// A request got no answer, nor did any other since: until the endpoint has
    /// shown that it lives, no request begins.
    is_suspect: AtomicBool,
    /// Milliseconds since `begin` at which the last request ended.
    idle_ms: AtomicU64,
    suspected: Notify,
    closing: Notify,
    /// Told when a request has ended: another may begin.
    gate: Arc<super::endpoint::Gate>,
}

impl Http2 {
    /// Greets an endpoint, and waits until it has answered: its `SETTINGS`, and
    /// then a `PING`. So what is no HTTP/2 is known before a request is sent.
    ///
    /// # Errors
    ///
    /// Why it does not speak HTTP/2, in words for an operator.
    pub(super) async fn new(stream: Stream, permit: Permit, pool: &Pool) -> Result<Http2, String> {
        let meter = Arc::<Meter>::default();
        meter.allow(u64::MAX);
        let wire = Wire::new(stream, Arc::clone(&meter));
        let shaken = Builder::new()
            .enable_push(false)
            .initial_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_header_list_size(HEAD_BYTES_MAX)
            .max_concurrent_reset_streams(RESET_STREAMS_MAX)
            .handshake::<_, Bytes>(wire)
            .await;
        let (sender, mut connection) = shaken.map_err(|error| reason(&error))?;
        let no_ping = || "HTTP/2 without PING".to_owned();
        let mut ping: PingPong = connection.ping_pong().ok_or_else(no_ping)?;
        tokio::select! {
            closed = &mut connection => {
                return Err(closed.err().map_or_else(closed_early, |error| reason(&error)));
            }
            pong = ping.ping(Ping::opaque()) => {
                pong.map_err(|error| reason(&error))?;
            }
        }
        if sender.current_max_send_streams() == 0 {
            return Err("the endpoint takes no request".to_owned());
        }
        let state = Arc::new(State {
            begin: Instant::now(),
            meter,
            streams: AtomicU32::new(0),
            requests: AtomicU32::new(0),
            is_over: AtomicBool::new(false),
            is_suspect: AtomicBool::new(false),
            idle_ms: AtomicU64::new(0),
            suspected: Notify::new(),
            closing: Notify::new(),
            gate: permit.gate(),
        });
        let patience = keep::Patience { silence: pool.keep_alive, pong: pool.connect_timeout };
        tokio::spawn(keep::keep(connection, ping, Arc::clone(&state), permit, patience));
        Ok(Http2 {
            sender: Some(sender),
            state,
            streams_max: pool.streams_max,
            requests_max: pool.requests_per_connection_max,
        })
    }

    /// Room for one more request, if there is.
    pub(super) fn slot(self: &Arc<Self>) -> Option<Slot> {
        let state = &self.state;
        if state.is_suspect.load(Relaxed) || self.is_over() {
            return None;
        }
        let allowed = self.sender.as_ref().map_or(0, SendRequest::current_max_send_streams);
        let max = self.streams_max.min(u32::try_from(allowed).unwrap_or(u32::MAX));
        if state.streams.fetch_add(1, SeqCst) >= max {
            state.streams.fetch_sub(1, SeqCst);
            return None;
        }
        let before = state.requests.fetch_add(1, Relaxed);
        Some(Slot { http2: Arc::clone(self), is_first: before == 0, read: state.meter.read() })
    }

    /// Whether no request may begin any more. Those under way go on.
    pub(super) fn is_over(&self) -> bool {
        let requests = self.state.requests.load(Relaxed);
        self.state.is_over.load(Relaxed) || (self.requests_max > 0 && requests >= self.requests_max)
    }

    /// How long no request has been under way.
    pub(super) fn idle(&self) -> Option<Duration> {
        if self.state.streams.load(Relaxed) > 0 {
            return None;
        }
        let since = Duration::from_millis(self.state.idle_ms.load(Relaxed));
        Some(self.state.begin.elapsed().saturating_sub(since))
    }
}

impl Drop for Http2 {
    fn drop(&mut self) {
        // The connection says goodbye once nobody can send on it any more, but
        // is not told of that.
        drop(self.sender.take());
        self.state.closing.notify_one();
    }
}

/// Room for a request on a connection; there for as long as the request is.
pub(super) struct Slot {
    http2: Arc<Http2>,
    /// Whether it is the connection's first.
    is_first: bool,
    /// Bytes that the connection had received when the request began.
    read: u64,
}

impl Slot {
    fn sender(&self) -> Option<SendRequest<Bytes>> {
        self.http2.sender.clone()
    }

    /// Whether the connection has received nothing since the request began.
    fn was_silent(&self) -> bool {
        self.http2.state.meter.read() == self.read
    }

    /// No request may begin on this connection any more.
    fn retire(&self) {
        self.http2.state.is_over.store(true, Relaxed);
    }

    /// The request was given up. If nothing at all has come meanwhile, the
    /// endpoint must show that it lives.
    fn give_up(&self) {
        let state = &self.http2.state;
        if self.was_silent() && !state.is_suspect.swap(true, Relaxed) {
            state.suspected.notify_one();
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let state = &self.http2.state;
        let now = u64::try_from(state.begin.elapsed().as_millis()).unwrap_or(u64::MAX);
        state.idle_ms.store(now, Relaxed);
        state.streams.fetch_sub(1, SeqCst);
        state.gate.freed();
    }
}

fn closed_early() -> String {
    "the endpoint closed the connection before it spoke HTTP/2".to_owned()
}

/// Why there is no HTTP/2, in words for an operator.
fn reason(error: &h2::Error) -> String {
    match (error.get_io(), error.is_remote()) {
        (Some(_), _) => format!("the connection broke before the endpoint spoke HTTP/2: {error}"),
        (None, true) => format!("the endpoint refused HTTP/2: {error}"),
        (None, false) => format!("the endpoint does not speak HTTP/2: {error}"),
    }
}
