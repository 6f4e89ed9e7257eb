//! One connection: which protocol it speaks, how it is served, how it is told
//! to end.

use super::core::Core;
use super::early::{Early, Interject};
use super::exchange;
use super::http2;
use super::metrics::{Counter, Timeout};
use super::path::{self, Outlet};
use super::socket::{Protocol, Socket};
use super::tls::facts::Facts;
use super::tls::{TlsServer, handshake};
use super::upgrade::Slot;
use super::watch::Sight;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sedge_model::failure::Kind;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::task::{Poll, Waker};
use tokio::net::TcpStream;

/// Sent, if the client takes it at once, when a head did not arrive in time.
const TOO_SLOW: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// In the place of a protocol while it is negotiated.
const HANDSHAKING: u8 = 3;

/// What a connection is told from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Serve on.
    None = 0,
    /// End after the requests that have begun.
    Finish = 1,
    /// End now.
    Cut = 2,
}

/// What is known about a connection. Written by its own thread only.
pub(crate) struct Connection {
    pub(crate) core: Arc<Core>,
    pub(crate) peer: SocketAddr,
    /// Whether it is encrypted.
    pub(crate) tls: bool,
    /// The port that it came by.
    pub(crate) port: u16,
    pub(crate) read: Counter,
    pub(crate) written: Counter,
    pub(crate) requests: Counter,
    pub(crate) in_flight: Counter,
    /// Answers of which the client could have more than it takes.
    pub(crate) bodies_ready: Counter,
    write_blocked: AtomicBool,
    /// Whether the request that has begun is the last one.
    is_last: AtomicBool,
    /// HTTP/2: whether a head has begun that has not ended.
    is_mid_head: AtomicBool,
    /// HTTP/2: whether this node has told the client of an error that ends it.
    has_error: AtomicBool,
    /// 0 unknown, 1 and 2 the protocol, 3 a TLS handshake comes before.
    protocol: AtomicU8,
    descriptor: AtomicI32,
    /// Whether it is another protocol's.
    upgraded: AtomicBool,
    order: AtomicU8,
    /// Why it was cut: 1 + index of the timeout, 0 none.
    timeout: AtomicU8,
    /// A task's waker is the same at every poll, so it is kept once.
    waker: OnceLock<Waker>,
    facts: OnceLock<Arc<Facts>>,
}

impl Connection {
    /// `tls`: whether a TLS handshake comes first.
    pub(crate) fn new(
        core: Arc<Core>,
        peer: SocketAddr,
        descriptor: RawFd,
        tls: bool,
        port: u16,
    ) -> Self {
        Connection {
            core,
            peer,
            tls,
            port,
            read: Counter::default(),
            written: Counter::default(),
            requests: Counter::default(),
            in_flight: Counter::default(),
            bodies_ready: Counter::default(),
            write_blocked: AtomicBool::new(false),
            is_last: AtomicBool::new(false),
            is_mid_head: AtomicBool::new(false),
            has_error: AtomicBool::new(false),
            protocol: AtomicU8::new(if tls { HANDSHAKING } else { 0 }),
            descriptor: AtomicI32::new(descriptor),
            upgraded: AtomicBool::new(false),
            order: AtomicU8::new(Order::None as u8),
            timeout: AtomicU8::new(0),
            waker: OnceLock::new(),
            facts: OnceLock::new(),
        }
    }

    /// Tells the connection's task; a later order never weakens an earlier one.
    pub(crate) fn order(&self, order: Order, timeout: Option<Timeout>) {
        if let Some(timeout) = timeout {
            self.timeout.store(timeout as u8 + 1, Relaxed);
        }
        if self.order.fetch_max(order as u8, Relaxed) < order as u8
            && let Some(waker) = self.waker.get()
        {
            waker.wake_by_ref();
        }
    }

    /// Lets no request follow the one that is being read.
    pub(crate) fn end_after_this(&self) {
        self.is_last.store(true, Relaxed);
        self.order(Order::Finish, None);
    }

    /// Whether the connection ends with the request that has begun.
    pub(crate) fn is_last(&self) -> bool {
        self.is_last.load(Relaxed)
    }

    pub(crate) fn ordered(&self) -> Order {
        match self.order.load(Relaxed) {
            0 => Order::None,
            1 => Order::Finish,
            _ => Order::Cut,
        }
    }

    /// What the client was too slow for, if it was cut for that.
    pub(crate) fn timeout(&self) -> Option<Timeout> {
        let index = usize::from(self.timeout.load(Relaxed)).checked_sub(1)?;
        Timeout::ALL.get(index).copied()
    }

    /// Notes what the handshake has told, once.
    pub(crate) fn met(&self, facts: Facts) {
        let _ = self.facts.set(Arc::new(facts));
    }

    /// What the handshake has told; `None` without TLS.
    pub(crate) fn facts(&self) -> Option<&Arc<Facts>> {
        self.facts.get()
    }

    pub(crate) fn set_write_blocked(&self, blocked: bool) {
        self.write_blocked.store(blocked, Relaxed);
    }

    pub(crate) fn set_mid_head(&self, is_mid_head: bool) {
        self.is_mid_head.store(is_mid_head, Relaxed);
    }

    pub(crate) fn note_error(&self) {
        self.has_error.store(true, Relaxed);
    }

    pub(crate) fn has_ended_by_error(&self) -> bool {
        self.has_error.load(Relaxed)
    }

    pub(crate) fn protocol(&self) -> Option<Protocol> {
        match self.protocol.load(Relaxed) {
            1 => Some(Protocol::Http1),
            2 => Some(Protocol::Http2),
            _ => None,
        }
    }

    pub(crate) fn descriptor(&self) -> Option<RawFd> {
        Some(self.descriptor.load(Relaxed)).filter(|&descriptor| descriptor >= 0)
    }

    pub(crate) fn forget_descriptor(&self) {
        self.descriptor.store(-1, Relaxed);
    }

    pub(crate) fn sight(&self) -> Sight {
        Sight {
            read: self.read.get(),
            written: self.written.get(),
            requests: self.requests.get(),
            in_flight: self.in_flight.get(),
            client_must_read: self.write_blocked.load(Relaxed) || self.bodies_ready.get() > 0,
            is_mid_head: self.is_mid_head.load(Relaxed),
            protocol: self.protocol(),
            handshaking: self.protocol.load(Relaxed) == HANDSHAKING,
            upgraded: self.upgraded.load(Relaxed),
        }
    }
}

/// Serves a connection until it ends; with `tls`, an encrypted one.
pub(crate) async fn run(
    stream: TcpStream,
    connection: Arc<Connection>,
    tls: Option<Arc<TlsServer>>,
) {
    let _ = connection.waker.set(poll_fn(|cx| Poll::Ready(cx.waker().clone())).await);
    let mut socket = match tls {
        None => Socket::plain(stream, Arc::clone(&connection)),
        Some(server) => {
            // In a box, for the sake of the tasks without TLS.
            let accepted = Box::pin(handshake::accept(stream, &connection, &server)).await;
            let Some(socket) = accepted else { return };
            connection.protocol.store(0, Relaxed);
            socket
        }
    };
    let protocol = poll_fn(|cx| match connection.ordered() {
        Order::None => socket.poll_protocol(cx).map(Result::ok),
        Order::Finish | Order::Cut => Poll::Ready(None),
    });
    match protocol.await {
        Some(Protocol::Http1) => {
            connection.protocol.store(1, Relaxed);
            serve_http1(socket, &connection).await;
        }
        Some(Protocol::Http2) => {
            connection.protocol.store(2, Relaxed);
            http2::serve(socket, &connection).await;
        }
        None if connection.timeout().is_some() && connection.read.get() > 0 => {
            socket.last_word(TOO_SLOW);
        }
        None => {}
    }
}

async fn serve_http1(socket: Socket, connection: &Arc<Connection>) {
    let (switched, early) = (Slot::default(), Early::default());
    let outlet = Outlet { slot: Some(&switched), early: &early };
    let service = service_fn(|request| path::serve(Arc::clone(connection), request, outlet));
    let socket = Interject::new(socket, &early);
    let mut running = connection.core.http1.serve_connection(socket, service);
    let mut finishing = false;
    let ended = poll_fn(|cx| {
        match connection.ordered() {
            Order::None => {}
            Order::Finish if finishing => {}
            Order::Finish => {
                finishing = true;
                Pin::new(&mut running).graceful_shutdown();
            }
            Order::Cut => return Poll::Ready(None),
        }
        Pin::new(&mut running).poll(cx).map(Some)
    });
    match ended.await {
        Some(Ok(())) => {
            if let Some(tunnel) = switched.take() {
                connection.upgraded.store(true, Relaxed);
                let parts = running.into_parts();
                // The answer that has switched it was written behind what came before.
                let Some(socket) = parts.io.into_socket() else { return };
                // In a box, for the sake of the connections that stay HTTP's.
                Box::pin(tunnel.run(TokioIo::new(socket), parts.read_buf)).await;
            }
        }
        Some(Err(error)) => note_end(connection, &error),
        None if connection.timeout() == Some(Timeout::Header) && connection.read.get() > 0 => {
            if let Some(mut socket) = running.into_parts().io.into_socket() {
                socket.last_word(TOO_SLOW);
            }
            exchange::refused(connection, Kind::ClientTimeout, "head did not arrive in time");
        }
        None => {}
    }
}

/// hyper has answered what it could not parse by itself; that too is a request
/// which somebody will ask about.
fn note_end(connection: &Connection, error: &hyper::Error) {
    if error.is_parse_too_large() {
        exchange::refused(connection, Kind::RequestHeaderLimit, "head is too large");
    } else if error.is_parse() {
        exchange::refused(connection, Kind::BadRequest, "head is not valid HTTP");
    } else {
        tracing::debug!(peer = %connection.peer, %error, "connection broke");
    }
}

/// hyper's settings for HTTP/1.1.
pub(crate) fn http1(options: &super::GatewayOptions) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        // A client that closes its sending half is gone: that is how a handler
        // whose client has left is cancelled.
        .half_close(false)
        // The watch does this without a timer for each request.
        .header_read_timeout(None)
        // Up to here hyper reads a head before it refuses it without a problem
        // document; a longer target or more fields are refused in `validate`.
        .max_header_size(64 * 1024 + options.header_bytes_max)
        .max_buf_size((128 * 1024).max(64 * 1024 + options.header_bytes_max));
    // Setting this moves hyper's table of fields from the stack to the heap.
    if options.headers_max > 100 {
        builder.max_headers(options.headers_max);
    }
    builder
}
