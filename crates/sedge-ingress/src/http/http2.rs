//! HTTP/2, and what of it hyper leaves unbounded.
//!
//! hyper (by `h2`) bounds streams, heads, CONTINUATION frames, empty and tiny DATA
//! frames, streams that are reset before a handler has seen them, and in the life of a
//! connection 1,024 that it resets itself. What is left is bounded here, by looking at
//! frames as they pass:
//!
//! 1. `heads`: the heads of frames, however they are cut into packets.
//! 2. `flood`: how many frames a client may send that ask for nothing: they must be
//!    answered for by answers, or by time.
//! 3. `guard`: the socket that looks, and ends the connection of a client that floods.
//! 4. `streams`: a client that does not take an answer loses that stream, whatever it
//!    does on others.

mod flood;
mod guard;
pub mod heads;
mod streams;

pub(crate) use flood::Counters;
pub(crate) use streams::{Move, is_stalled};

use super::GatewayOptions;
use super::connection::{Connection, Order};
use super::exchange;
use super::metrics::{GatewayMetrics, Shard, family};
use super::path;
use super::socket::Socket;
use bytes::Bytes;
use flood::Flood;
use guard::Guard;
use http::header::{COOKIE, HeaderMap, HeaderValue};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use sedge_model::failure::Kind;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::{Context, Poll};
use streams::StreamTasks;

/// What makes connections of HTTP/2; one for each thread.
pub(crate) type Builder = http2::Builder<StreamTasks>;

/// hyper's settings.
pub(crate) fn builder(options: &GatewayOptions, shard: &Arc<Shard>) -> Builder {
    let tasks = StreamTasks::new(options.write_timeout, Arc::clone(shard));
    let mut builder = http2::Builder::new(tasks);
    let list_bytes_max = options.header_bytes_max + options.uri_bytes_max + 1024;
    builder
        .max_concurrent_streams(options.h2_streams_max)
        // WebSockets on a stream of their own (RFC 8441).
        .enable_connect_protocol()
        .max_header_list_size(u32::try_from(list_bytes_max).unwrap_or(u32::MAX))
        .initial_stream_window_size(256 * 1024)
        .initial_connection_window_size(1024 * 1024)
        .max_send_buf_size(128 * 1024);
    builder
}

/// Serves a connection until it ends.
pub(crate) async fn serve(socket: Socket, connection: &Arc<Connection>) {
    let shared = Arc::clone(connection);
    let service = service_fn(move |mut request: http::Request<Incoming>| {
        join_cookies(request.headers_mut());
        path::serve(Arc::clone(&shared), request, None)
    });
    let socket = Guard::new(socket, Arc::clone(connection));
    let mut running = std::pin::pin!(connection.core.http2.serve_connection(socket, service));
    let mut finishing = false;
    let ended = poll_fn(|cx: &mut Context<'_>| {
        match connection.ordered() {
            Order::None => {}
            Order::Finish if finishing => {}
            Order::Finish => {
                finishing = true;
                running.as_mut().graceful_shutdown();
            }
            Order::Cut => return Poll::Ready(Ok(())),
        }
        running.as_mut().poll(cx)
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
