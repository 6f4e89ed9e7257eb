//! HTTP/2, by `h2`, and what of it that leaves unbounded.
//!
//! hyper stands on `h2`, too, but has no way to send an interim response; HTTP/1.1 is
//! hyper's (`docs/adr/0019-early-hints.md`). `h2` bounds streams, heads, CONTINUATION
//! frames, empty and tiny DATA frames, streams that are reset before a handler has seen
//! them, and in the life of a connection 1,024 that it resets itself. What is left is
//! bounded here, by looking at frames as they pass:
//!
//! 1. `heads`: the heads of frames, however they are cut into packets.
//! 2. `flood`: how many frames a client may send that ask for nothing: they must be
//!    answered for by answers, or by time.
//! 3. `guard`: the socket that looks, and ends the connection of a client that floods.
//! 4. `streams`: a client that does not take an answer loses that stream, whatever it
//!    does on others.
//! 5. `answer`: one stream, from its request, which `received` reads, to the end of its
//!    answer; `line`: the stream, if it becomes another protocol's.

mod answer;
mod flood;
mod guard;
pub mod heads;
mod line;
mod received;
mod streams;

pub(crate) use flood::Counters;
pub(crate) use line::{Opening, StreamLine};
pub(crate) use streams::{Move, is_stalled};

use super::GatewayOptions;
use super::connection::{Connection, Order};
use super::exchange;
use super::metrics::{GatewayMetrics, Shard, family};
use super::socket::Socket;
use bytes::Bytes;
use flood::Flood;
use guard::Guard;
use h2::server;
use hyper_util::rt::TokioIo;
use sedge_model::failure::Kind;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use streams::StreamTasks;

/// Streams of a connection that may be reset for mistakes of its client, in its life.
const RESET_STREAMS_MAX: usize = 1_024;

/// What makes connections of HTTP/2; one for each thread.
pub(crate) struct Builder {
    settings: server::Builder,
    tasks: StreamTasks,
}

/// The settings.
pub(crate) fn builder(options: &GatewayOptions, shard: &Arc<Shard>) -> Builder {
    let tasks = StreamTasks::new(options.write_timeout, Arc::clone(shard));
    let mut settings = server::Builder::new();
    let list_bytes_max = options.header_bytes_max + options.uri_bytes_max + 1024;
    settings
        .max_concurrent_streams(options.h2_streams_max)
        // WebSockets on a stream of their own (RFC 8441).
        .enable_connect_protocol()
        .max_header_list_size(u32::try_from(list_bytes_max).unwrap_or(u32::MAX))
        .max_frame_size(16 * 1024)
        .max_local_error_reset_streams(Some(RESET_STREAMS_MAX))
        .initial_window_size(256 * 1024)
        .initial_connection_window_size(1024 * 1024)
        .max_send_buffer_size(128 * 1024);
    Builder { settings, tasks }
}

/// A connection: greeting its client, or serving it.
enum Serving {
    Greeting(server::Handshake<Io, Bytes>),
    Running(server::Connection<Io, Bytes>),
}

type Io = TokioIo<Guard>;

/// Serves a connection until it ends.
pub(crate) async fn serve(socket: Socket, connection: &Arc<Connection>) {
    let socket = TokioIo::new(Guard::new(socket, Arc::clone(connection)));
    let mut serving = Serving::Greeting(connection.core.http2.settings.handshake(socket));
    let mut finishing = false;
    let ended = poll_fn(|cx: &mut Context<'_>| {
        match connection.ordered() {
            Order::None => {}
            Order::Finish if finishing => {}
            Order::Finish => {
                finishing = true;
                serving.finish();
            }
            Order::Cut => return Poll::Ready(Ok(())),
        }
        serving.poll(connection, finishing, cx)
    });
    if let Err(error) = ended.await {
        tracing::debug!(peer = %connection.peer, %error, "connection broke");
        // Of a flood there is a record already.
        if connection.has_ended_by_error() {
            let detail = "connection is not valid HTTP/2";
            exchange::refused(connection, Kind::BadRequest, detail);
        }
    }
}

impl Serving {
    /// No request begins any more, and the connection ends with those that have. One
    /// that is still greeted does so then.
    fn finish(&mut self) {
        if let Serving::Running(running) = self {
            running.graceful_shutdown();
        }
    }

    /// Takes requests in; ready when the connection has ended.
    fn poll(
        &mut self,
        connection: &Arc<Connection>,
        finishing: bool,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), h2::Error>> {
        loop {
            match self {
                Serving::Greeting(greeting) => {
                    let mut running = ready!(Pin::new(greeting).poll(cx))?;
                    if finishing {
                        running.graceful_shutdown();
                    }
                    *self = Serving::Running(running);
                }
                Serving::Running(running) => match ready!(running.poll_accept(cx)) {
                    None => return Poll::Ready(Ok(())),
                    Some(accepted) => {
                        let (request, respond) = accepted?;
                        let answer = answer::answer(Arc::clone(connection), request, respond);
                        connection.core.http2.tasks.spawn(answer);
                    }
                },
            }
        }
    }
}

/// Appends what was counted.
pub(crate) fn render(metrics: &GatewayMetrics, out: &mut String) {
    let floods = Flood::ALL.iter().map(|&flood| {
        let total = metrics.sum(|shard| &shard.http2.floods[flood as usize]);
        (format!("{{frame=\"{}\"}}", flood.label()), total)
    });
    let help = "HTTP/2 connections ended because of too many frames that ask for nothing.";
    family(out, "sedge_http2_floods_total", "counter", help, floods);
    let codes = flood::CODES.iter().enumerate().map(|(index, code)| {
        let total = metrics.sum(|shard| &shard.http2.goaways[index]);
        (format!("{{code=\"{code}\"}}"), total)
    });
    let help = "HTTP/2 connections that this node has told to end, by code (RFC 9113 §7).";
    family(out, "sedge_http2_goaways_total", "counter", help, codes);
    let resets = [
        ("{from=\"client\"}", metrics.sum(|shard| &shard.http2.resets_read)),
        ("{from=\"node\"}", metrics.sum(|shard| &shard.http2.resets_written)),
    ];
    let help = "HTTP/2 streams that were reset, by who has reset them.";
    family(out, "sedge_http2_resets_total", "counter", help, resets);
}
