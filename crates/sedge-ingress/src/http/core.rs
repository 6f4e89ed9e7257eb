//! One thread of the gateway: its accept loop, its connections, its drain.

use super::access::AccessLog;
use super::connection::{self, Connection, Order};
use super::http2;
use super::metrics::Shard;
use super::options::GatewayOptions;
use super::routes::{RouteTable, Routes};
use super::socket::Protocol;
use super::tls::TlsServer;
use super::watch::{self, Watched};
use super::wire;
use crate::traces::Tracer;
use hyper::server::conn::http1;
use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, TcpStream as StdStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::sync::watch::Receiver;

/// How often a draining thread looks whether it is done.
const DRAIN_TICK: Duration = Duration::from_millis(5);
/// How long an HTTP/1.1 connection of a draining node must have been silent
/// before it is closed: a client in the middle of its work sends its next
/// request sooner than this, and reads in its answer that it was the last.
pub(crate) const DRAIN_QUIET: Duration = Duration::from_millis(250);
/// Sent to a connection past `connections_max`.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n\
    Connection: close\r\nContent-Length: 0\r\n\r\n";

/// A connection on its way between threads, and the port that it came by.
pub(crate) type Handed = (StdStream, Port);

/// What a connection that came by some port speaks first: `None` for HTTP, else
/// TLS with the server of this index.
pub(crate) type Port = Option<usize>;

/// What the threads know of each other.
pub(crate) struct Peer {
    /// Connections that the thread has, or will have once it takes what was
    /// handed over.
    pub(crate) connections: AtomicUsize,
    pub(crate) handover: UnboundedSender<Handed>,
}

/// A thread's own reference to the routes: requests count references here, on a
/// cache line of this core, and not on the table that all cores share.
pub(crate) struct Table {
    version: u64,
    pub(crate) routes: Arc<RouteTable>,
}

/// The state of one thread. Others read its metrics; nothing else is shared.
pub(crate) struct Core {
    pub(crate) index: usize,
    pub(crate) options: Arc<GatewayOptions>,
    pub(crate) shard: Arc<Shard>,
    pub(crate) access: AccessLog,
    /// `None` if nothing is recorded.
    pub(crate) tracer: Option<Tracer>,
    pub(crate) http1: http1::Builder,
    pub(crate) http2: http2::Builder,
    pub(crate) requests_in_flight_max: u64,
    pub(crate) handshakes_max: u64,
    servers: Arc<[Arc<TlsServer>]>,
    peers: Arc<[Peer]>,
    routes: Arc<Routes>,
    table: Mutex<Arc<Table>>,
    draining: AtomicBool,
    drain_begun: Notify,
    connections: Mutex<HashMap<u64, Watched>>,
}

/// Never contended: only the thread itself locks, and never across an await.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Core {
    #[expect(clippy::too_many_arguments, reason = "called once; each is one field of the thread")]
    pub(crate) fn new(
        index: usize,
        options: Arc<GatewayOptions>,
        shard: Arc<Shard>,
        access: AccessLog,
        tracer: Option<Tracer>,
        peers: Arc<[Peer]>,
        routes: Arc<Routes>,
        servers: Arc<[Arc<TlsServer>]>,
    ) -> Self {
        let (version, current) = routes.snapshot();
        Core {
            index,
            http2: http2::builder(&options, &shard),
            shard,
            access,
            tracer,
            http1: connection::http1(&options),
            requests_in_flight_max: options.requests_in_flight_max.div_ceil(peers.len()) as u64,
            handshakes_max: options.handshakes_max.div_ceil(peers.len()) as u64,
            servers,
            options,
            peers,
            routes,
            table: Mutex::new(Arc::new(Table { version, routes: current })),
            draining: AtomicBool::new(false),
            drain_begun: Notify::new(),
            connections: Mutex::default(),
        }
    }

    /// The routes for a request that begins now.
    pub(crate) fn table(&self) -> Arc<Table> {
        let mut table = lock(&self.table);
        if table.version != self.routes.version() {
            let (version, routes) = self.routes.snapshot();
            *table = Arc::new(Table { version, routes });
        }
        Arc::clone(&table)
    }

    /// What an authority wants to see at `/.well-known/acme-challenge/TOKEN`,
    /// of `host`, while an order for it is under way (RFC 8555 §8.3).
    pub(crate) fn challenge(&self, host: &str, token: &str) -> Option<String> {
        let mut orders = self.servers.iter().filter_map(|server| server.acme());
        orders.find_map(|acme| {
            let is_ours = |domain: &String| domain.eq_ignore_ascii_case(host);
            let is_ours = acme.settings.domains.iter().any(is_ours);
            is_ours.then(|| acme.challenges.http(token)).flatten()
        })
    }

    /// Lets go of old routes even if no request comes.
    pub(crate) fn refresh_table(&self) {
        drop(self.table());
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Relaxed)
    }

    /// Ends when the thread begins to drain.
    pub(crate) async fn drains(&self) {
        // Made before looking, so that a begin in between is told.
        let begun = self.drain_begun.notified();
        if !self.is_draining() {
            begun.await;
        }
    }

    pub(crate) fn for_each_connection(&self, mut look: impl FnMut(&mut Watched)) {
        lock(&self.connections).values_mut().for_each(&mut look);
    }

    /// Takes an accepted connection, or gives it to a thread that has fewer.
    ///
    /// The kernel deals connections out by hash, so a handful of busy ones may
    /// well meet on one core; a connection lives long enough to be worth one
    /// hand-over at its start.
    fn take(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr, port: Port) {
        let open = |other: &Peer| other.connections.load(Relaxed);
        if self.peers.iter().map(open).sum::<usize>() >= self.options.connections_max {
            self.shard.connections_refused.add(1);
            // There is no telling it to a client that expects TLS.
            if port.is_none() {
                let _ = stream.try_write(FULL);
            }
            return;
        }
        let me = &self.peers[self.index];
        let idlest = self.peers.iter().min_by_key(|other| open(other)).unwrap_or(me);
        // Exact while there are few, tolerant when the law of large numbers has
        // done its work.
        if open(me) <= open(idlest) + open(idlest) / 8 {
            me.connections.fetch_add(1, Relaxed);
            return self.start(stream, peer, port);
        }
        idlest.connections.fetch_add(1, Relaxed);
        let Ok(stream) = stream.into_std() else {
            idlest.connections.fetch_sub(1, Relaxed);
            return;
        };
        // A thread that drains has closed its queue: keep the connection then.
        if let Err(refused) = idlest.handover.send((stream, port)) {
            idlest.connections.fetch_sub(1, Relaxed);
            me.connections.fetch_add(1, Relaxed);
            self.adopt(refused.0);
        }
    }

    /// Takes a connection that was already counted for this thread.
    fn adopt(self: &Arc<Self>, (stream, port): Handed) {
        let adopted = stream.peer_addr().and_then(|peer| Ok((TcpStream::from_std(stream)?, peer)));
        match adopted {
            Ok((stream, peer)) => self.start(stream, peer, port),
            // The client has left in the meantime.
            Err(_) => {
                self.peers[self.index].connections.fetch_sub(1, Relaxed);
            }
        }
    }

    fn start(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr, port: Port) {
        // Answers leave when they are ready; without this the last piece of a
        // streamed body waits for the client's acknowledgment.
        let _ = stream.set_nodelay(true);
        self.shard.connections_accepted.add(1);
        self.shard.connections_active.add(1);
        let id = self.shard.connections_accepted.get();
        let descriptor = wire::descriptor(&stream);
        let server = port.and_then(|index| self.servers.get(index)).cloned();
        let local = stream.local_addr().map_or(0, |address| address.port());
        let tls = server.is_some();
        let connection = Connection::new(Arc::clone(self), peer, descriptor, tls, local);
        let connection = Arc::new(connection);
        let watched = Watched::new(Arc::clone(&connection), Instant::now());
        lock(&self.connections).insert(id, watched);
        let open = Open { core: Arc::clone(self), id };
        tokio::spawn(async move {
            let _open = open;
            connection::run(stream, connection, server).await;
        });
    }

    /// Accepts until told to stop, then drains. Gives how many connections were
    /// cut.
    pub(crate) async fn run(
        self: Arc<Self>,
        mut listeners: Listeners,
        mut handed: UnboundedReceiver<Handed>,
        mut stop: Receiver<Option<Instant>>,
    ) -> usize {
        tokio::spawn(watch::sweep(Arc::clone(&self)));
        loop {
            tokio::select! {
                biased;
                _ = stop.changed() => break,
                Some(handed) = handed.recv() => self.adopt(handed),
                (port, accepted) = listeners.accept() => match accepted {
                    Ok((stream, peer)) => self.take(stream, peer, port),
                    Err(error) => pause_after(&error).await,
                },
            }
        }
        let deadline = stop.borrow().unwrap_or_else(Instant::now);
        self.draining.store(true, Relaxed);
        self.drain_begun.notify_waiters();
        self.close(listeners, &mut handed).await;
        self.drain(deadline).await
    }

    /// Stops listening. Closing a listener resets the connections in its queue,
    /// whose clients believe that they are connected: accept them all before.
    /// A connection whose handshake ends between the last accept and the close
    /// is still reset; the kernel offers no way to stop the one without the
    /// other.
    async fn close(self: &Arc<Self>, listeners: Listeners, handed: &mut UnboundedReceiver<Handed>) {
        for (port, listener) in listeners.list {
            let Ok(listener) = listener.into_std() else { continue };
            while let Ok((stream, _)) = listener.accept() {
                if stream.set_nonblocking(true).is_ok() {
                    self.peers[self.index].connections.fetch_add(1, Relaxed);
                    self.adopt((stream, port));
                }
            }
        }
        handed.close();
        while let Some(handed) = handed.recv().await {
            self.adopt(handed);
        }
    }

    /// Waits for all connections to end; those that are another protocol's see to
    /// it themselves. HTTP/2 is told at once (its GOAWAY
    /// names the last request that will be answered); HTTP/1.1 hears of it in
    /// its next answer, or is closed once it is silent.
    async fn drain(&self, deadline: Instant) -> usize {
        loop {
            let now = Instant::now();
            self.for_each_connection(|watched| {
                let sight = watched.connection.sight();
                // Keeps `quiet_since` up to date; too slow is the sweep's call.
                let _ = watched.judge(sight, now, &self.options);
                let is_quiet = sight.in_flight == 0 && now - watched.quiet_since >= DRAIN_QUIET;
                if is_quiet || sight.protocol == Some(Protocol::Http2) {
                    watched.connection.order(Order::Finish, None);
                }
            });
            let left = lock(&self.connections).len();
            if left == 0 || now >= deadline {
                return left;
            }
            tokio::time::sleep(DRAIN_TICK).await;
        }
    }
}

/// The listening sockets of one thread.
pub(crate) struct Listeners {
    list: Vec<(Port, TcpListener)>,
    /// Which is asked first, in turn: a flood on one must not starve another.
    turn: usize,
}

impl Listeners {
    pub(crate) fn new(list: Vec<(Port, TcpListener)>) -> Self {
        Listeners { list, turn: 0 }
    }

    /// The next connection of any of them; may be dropped and called again.
    async fn accept(&mut self) -> (Port, io::Result<(TcpStream, SocketAddr)>) {
        self.turn = (self.turn + 1) % self.list.len().max(1);
        poll_fn(|cx| {
            let (later, first) = self.list.split_at(self.turn);
            for (port, listener) in first.iter().chain(later) {
                if let Poll::Ready(accepted) = listener.poll_accept(cx) {
                    return Poll::Ready((*port, accepted));
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// Counts a connection off when its task ends, or is dropped.
struct Open {
    core: Arc<Core>,
    id: u64,
}

impl Drop for Open {
    fn drop(&mut self) {
        let removed = lock(&self.core.connections).remove(&self.id);
        self.core.shard.connections_active.subtract(1);
        self.core.peers[self.core.index].connections.fetch_sub(1, Relaxed);
        drop(removed);
    }
}

/// A client that left before it was accepted is nothing; without descriptors
/// or memory, trying again at once would only burn the core.
pub(crate) async fn pause_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    if !matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted) {
        tracing::warn!(%error, "cannot accept connections");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
