//! The MQTT front as a whole: threads, and how they stop.

use super::broker::Broker;
use super::connection;
use super::metrics::{End, MqttMetrics, add};
use super::options::MqttListener;
use crate::http::listener;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How often a stopping thread looks whether it is done.
const DRAIN_TICK: Duration = Duration::from_millis(5);
/// How often delays and sessions are looked at.
const TICK: Duration = Duration::from_secs(1);

/// A running MQTT front: a thread per core, each with its own listeners, its own
/// single-threaded runtime and its own connections. They share a [`Broker`].
///
/// Dropping it stops it at once; [`MqttGateway::shutdown`] stops it gracefully.
pub struct MqttGateway {
    addresses: Vec<SocketAddr>,
    broker: Arc<Broker>,
    stop: watch::Sender<bool>,
    threads: Vec<JoinHandle<usize>>,
    deadline: Arc<std::sync::Mutex<Option<Instant>>>,
}

/// One thread's part.
struct Core {
    index: usize,
    broker: Arc<Broker>,
    /// Connections that are open on it.
    open: Arc<AtomicUsize>,
    stop: watch::Receiver<bool>,
    deadline: Arc<std::sync::Mutex<Option<Instant>>>,
}

impl MqttGateway {
    /// Binds all listeners and begins to serve.
    ///
    /// # Errors
    /// An address is taken or may not be bound, or the system gives no more threads or
    /// descriptors.
    pub fn bind(listeners: Vec<MqttListener>, broker: Arc<Broker>) -> io::Result<MqttGateway> {
        let threads = broker.options.threads.max(1);
        let mut addresses = Vec::with_capacity(listeners.len());
        let mut of_thread: Vec<Vec<(StdListener, Arc<MqttListener>)>> = Vec::new();
        of_thread.resize_with(threads, Vec::new);
        for listener in listeners {
            let (address, sockets) =
                listener::bind(listener.listen, threads, broker.options.backlog)?;
            addresses.push(address);
            let listener = Arc::new(listener);
            for (of_thread, socket) in of_thread.iter_mut().zip(sockets) {
                of_thread.push((socket, Arc::clone(&listener)));
            }
        }
        let (stop, stopped) = watch::channel(false);
        let deadline = Arc::default();
        let mut gateway = MqttGateway { addresses, broker, stop, threads: Vec::new(), deadline };
        for (index, listeners) in of_thread.into_iter().enumerate() {
            let core = Core {
                index,
                broker: Arc::clone(&gateway.broker),
                open: Arc::default(),
                stop: stopped.clone(),
                deadline: Arc::clone(&gateway.deadline),
            };
            gateway.threads.push(spawn(core, listeners)?);
        }
        Ok(gateway)
    }

    /// The addresses in use, in the order of the listeners; no port is 0.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The counters.
    pub fn metrics(&self) -> MqttMetrics {
        self.broker.metrics()
    }

    /// Stops gracefully: no more connections are accepted, clients are told that the server
    /// stops (0x8B), and what they were sent may still arrive. Sessions that outlive their
    /// connections wait in the journal. Blocks until all is done or `drain` is over, and gives
    /// how many connections were cut off then.
    ///
    /// From asynchronous code, call it where blocking is allowed.
    pub fn shutdown(mut self, drain: Duration) -> usize {
        let mut deadline = self.deadline.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *deadline = Some(Instant::now() + drain);
        drop(deadline);
        self.stop.send_replace(true);
        self.broker.stop();
        // A thread that panicked has cut its connections with it; how many is not known.
        self.threads.drain(..).map(|thread| thread.join().unwrap_or(0)).sum()
    }
}

fn spawn(
    core: Core,
    listeners: Vec<(StdListener, Arc<MqttListener>)>,
) -> io::Result<JoinHandle<usize>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listeners = {
        let _entered = runtime.enter();
        let registered = listeners
            .into_iter()
            .map(|(socket, listener)| Ok((TcpListener::from_std(socket)?, listener)));
        registered.collect::<io::Result<Vec<_>>>()?
    };
    std::thread::Builder::new().name(format!("mqtt-{}", core.index)).spawn(move || {
        (core.broker.options.on_thread_start)();
        let cut = runtime.block_on(core.run(listeners));
        runtime.shutdown_background();
        cut
    })
}

impl Core {
    /// Accepts until told to stop, then waits for connections to end. Gives how many did not.
    async fn run(self, listeners: Vec<(TcpListener, Arc<MqttListener>)>) -> usize {
        let core = Arc::new(self);
        for (socket, listener) in listeners {
            let core = Arc::clone(&core);
            tokio::spawn(async move {
                let mut stop = core.stop.clone();
                tokio::select! {
                    _ = stop.wait_for(|stops| *stops) => {}
                    () = core.accept(&socket, &listener) => {}
                }
            });
        }
        let mut stop = core.stop.clone();
        let stopped = stop.wait_for(|stops| *stops);
        tokio::select! {
            // The gateway was dropped, or told to stop.
            _ = stopped => {}
            () = core.watch() => {}
        }
        let deadline = *core.deadline.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let deadline = deadline.unwrap_or_else(Instant::now);
        // Connections that were opened while all were told hear of it when they begin.
        loop {
            let left = core.open.load(Relaxed);
            if left == 0 || Instant::now() >= deadline {
                return left;
            }
            tokio::time::sleep(DRAIN_TICK).await;
        }
    }

    async fn accept(self: &Arc<Self>, socket: &TcpListener, listener: &Arc<MqttListener>) {
        loop {
            match socket.accept().await {
                Ok((stream, peer)) => self.take(stream, peer, listener),
                Err(error) => crate::http::pause_after(&error).await,
            }
        }
    }

    fn take(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr, listener: &Arc<MqttListener>) {
        let counters = &self.broker.counters;
        add(&counters.connections_accepted, 1);
        let before = counters.connections_active.fetch_add(1, Relaxed);
        self.open.fetch_add(1, Relaxed);
        let open = Open { core: Arc::clone(self) };
        if before >= self.broker.options.connections_max as u64 {
            return counters.ended(End::TooMany);
        }
        let listener = Arc::clone(listener);
        tokio::spawn(async move {
            let core = &open.core;
            let broker = Arc::clone(&core.broker);
            connection::run(stream, peer, &listener, broker, core.stop.clone()).await;
        });
    }

    /// One thread looks at the time for all.
    async fn watch(&self) {
        if self.index != 0 {
            return std::future::pending().await;
        }
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for turn in 1.. {
            ticks.tick().await;
            self.broker.tick(turn);
        }
    }
}

/// Counts a connection off when its task ends, or is dropped.
struct Open {
    core: Arc<Core>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.core.open.fetch_sub(1, Relaxed);
        self.core.broker.counters.connections_active.fetch_sub(1, Relaxed);
    }
}
