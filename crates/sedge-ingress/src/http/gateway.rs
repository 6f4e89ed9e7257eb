//! The gateway as a whole: threads, and how they stop.

use super::access::AccessLog;
use super::core::{Core, Handed, Listeners, Peer, Port};
use super::listener;
use super::metrics::GatewayMetrics;
use super::options::GatewayOptions;
use super::routes::Routes;
use super::tls::TlsServer;
use crate::traces::Traces;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::watch;

/// A running gateway: a thread per core, each with its own listener, its own
/// single-threaded runtime and its own connections. A request never leaves the
/// thread on which its connection was accepted.
///
/// Dropping it stops it at once; [`Gateway::shutdown`] stops it gracefully.
pub struct Gateway {
    address: SocketAddr,
    tls_addresses: Vec<SocketAddr>,
    metrics: GatewayMetrics,
    access: AccessLog,
    stop: watch::Sender<Option<Instant>>,
    threads: Vec<JoinHandle<usize>>,
}

impl Gateway {
    /// Binds all listeners and begins to serve.
    ///
    /// # Errors
    ///
    /// The address is taken or may not be bound, or the system gives no more
    /// threads or descriptors.
    pub fn bind(
        options: GatewayOptions,
        routes: Arc<Routes>,
        access: AccessLog,
    ) -> io::Result<Gateway> {
        Gateway::bind_with_tls(options, Vec::new(), routes, access, Traces::off())
    }

    /// The same with further listeners, whose connections are encrypted, and
    /// with requests that are traced.
    ///
    /// # Errors
    ///
    /// As of [`Gateway::bind`].
    pub fn bind_with_tls(
        options: GatewayOptions,
        servers: Vec<Arc<TlsServer>>,
        routes: Arc<Routes>,
        access: AccessLog,
        traces: Traces,
    ) -> io::Result<Gateway> {
        let (address, plain) = listener::bind(options.listen, options.threads, options.backlog)?;
        let mut listeners: Vec<Vec<(Port, StdListener)>> =
            plain.into_iter().map(|listener| vec![(None, listener)]).collect();
        let mut tls_addresses = Vec::with_capacity(servers.len());
        for (index, server) in servers.iter().enumerate() {
            let wanted = server.settings().listen;
            let (address, more) = listener::bind(wanted, options.threads, options.backlog)?;
            tls_addresses.push(address);
            for (listeners, listener) in listeners.iter_mut().zip(more) {
                listeners.push((Some(index), listener));
            }
        }
        let options = Arc::new(options);
        let servers: Arc<[Arc<TlsServer>]> = servers.into();
        let metrics = GatewayMetrics::new(listeners.len(), Arc::clone(&servers), traces.clone());
        let (peers, queues): (Vec<Peer>, Vec<_>) = listeners
            .iter()
            .map(|_| {
                let (handover, handed) = unbounded_channel();
                (Peer { connections: 0.into(), handover }, handed)
            })
            .unzip();
        let peers: Arc<[Peer]> = peers.into();
        let (stop, stopped) = watch::channel(None);
        let mut threads = Vec::with_capacity(listeners.len());
        for (index, (listeners, handed)) in listeners.into_iter().zip(queues).enumerate() {
            let core = Arc::new(Core::new(
                index,
                Arc::clone(&options),
                metrics.shard(index),
                access.clone(),
                traces.tracer(peers.len()),
                Arc::clone(&peers),
                Arc::clone(&routes),
                Arc::clone(&servers),
            ));
            threads.push(spawn(core, listeners, handed, stopped.clone())?);
        }
        Ok(Gateway { address, tls_addresses, metrics, access, stop, threads })
    }

    /// Opens the file of the access log anew, if there is one.
    pub fn reopen_access_log(&self) {
        self.access.reopen();
    }

    /// The address in use; its port is never 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The addresses in use of the listeners with TLS, in their order.
    pub fn tls_addrs(&self) -> &[SocketAddr] {
        &self.tls_addresses
    }

    /// The counters.
    pub fn metrics(&self) -> GatewayMetrics {
        self.metrics.clone()
    }

    /// Stops gracefully: no more connections are accepted, requests in flight
    /// are answered, idle connections closed. Blocks until all is done or
    /// `drain` is over, and gives how many connections were cut off then.
    ///
    /// From asynchronous code, call it where blocking is allowed.
    pub fn shutdown(mut self, drain: Duration) -> usize {
        self.stop.send_replace(Some(Instant::now() + drain));
        // A thread that panicked has cut its connections with it; how many is
        // not known.
        let cut = self.threads.drain(..).map(|thread| thread.join().unwrap_or(0)).sum();
        self.access.flush();
        cut
    }
}

fn spawn(
    core: Arc<Core>,
    listeners: Vec<(Port, StdListener)>,
    handed: UnboundedReceiver<Handed>,
    stop: watch::Receiver<Option<Instant>>,
) -> io::Result<JoinHandle<usize>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listeners = {
        let _entered = runtime.enter();
        let registered = listeners
            .into_iter()
            .map(|(port, listener)| Ok((port, TcpListener::from_std(listener)?)));
        Listeners::new(registered.collect::<io::Result<_>>()?)
    };
    std::thread::Builder::new()
        .name(format!("gateway-{}", core.index))
        .spawn(move || serve(runtime, core, listeners, handed, stop))
}

fn serve(
    runtime: Runtime,
    core: Arc<Core>,
    listeners: Listeners,
    handed: UnboundedReceiver<Handed>,
    stop: watch::Receiver<Option<Instant>>,
) -> usize {
    (core.options.on_thread_start)();
    let cut = runtime.block_on(core.run(listeners, handed, stop));
    // A thread that waits for a disk that is gone must not keep the node alive.
    runtime.shutdown_background();
    cut
}
