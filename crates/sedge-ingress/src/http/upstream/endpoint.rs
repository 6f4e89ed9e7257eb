//! One server of an upstream: what all threads know of it, in atomics.

use super::ejection::Ejection;
use super::health::Health;
use super::secure::Secure;
use super::stream::Stream;
use sedge_model::failure::{Failure, Kind};
use sedge_model::routing::upstream as model;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// How old the addresses of a name may be when a connection is made.
const ADDRESSES_AGE_MAX: Duration = Duration::from_secs(5);

/// A server and its state.
pub(super) struct Endpoint {
    pub(super) settings: model::Endpoint,
    /// `host:port`, as metrics and access records show it.
    pub(super) label: Arc<str>,
    pub(super) gate: Arc<Gate>,
    pub(super) ejection: Ejection,
    pub(super) health: Health,
    /// Requests under way.
    pub(super) active: AtomicU32,
    pub(super) tries: AtomicU64,
    pub(super) connects: AtomicU64,
    pub(super) connect_failures: AtomicU64,
    /// Of those, the ones where TLS was not agreed on.
    pub(super) tls_failures: AtomicU64,
    pub(super) resets: AtomicU64,
    pub(super) timeouts: AtomicU64,
    /// Requests that were sent anew because a kept connection was dead.
    pub(super) reconnects: AtomicU64,
    /// The last that the endpoint chose by ALPN.
    spoken: AtomicU8,
    addresses: Mutex<Option<(Instant, Vec<SocketAddr>)>>,
}

/// The protocol of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spoken {
    /// It is chosen by ALPN, and has not been yet.
    Unknown,
    Http1,
    Http2,
}

/// Counts connections against their bound.
#[derive(Default)]
pub(super) struct Gate {
    connections: AtomicU32,
    /// Requests that wait for one.
    waiting: AtomicU32,
    freed: Notify,
}

/// One connection; freed when dropped.
pub(super) struct Permit(Arc<Gate>);

impl Gate {
    pub(super) fn open(&self) -> u32 {
        self.connections.load(Relaxed)
    }

    /// One more connection, if there may be.
    pub(super) fn permit(self: &Arc<Self>, max: u32) -> Option<Permit> {
        if self.connections.fetch_add(1, SeqCst) >= max {
            self.connections.fetch_sub(1, SeqCst);
            return None;
        }
        Some(Permit(Arc::clone(self)))
    }

    /// A connection was freed or has become idle: one who waits may look again.
    pub(super) fn freed(&self) {
        if self.waiting.load(SeqCst) > 0 {
            self.freed.notify_one();
        }
    }

    /// Waits until `look` finds something; it is asked again whenever something
    /// was freed.
    pub(super) async fn wait<T>(&self, mut look: impl FnMut() -> Option<T>) -> T {
        let _waiting = Waiting::new(&self.waiting);
        loop {
            let freed = self.freed.notified();
            // Counted as waiting before looking, so that what is freed after
            // the look is told.
            if let Some(found) = look() {
                return found;
            }
            freed.await;
        }
    }
}

struct Waiting<'a>(&'a AtomicU32);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicU32) -> Self {
        count.fetch_add(1, SeqCst);
        Waiting(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

impl Permit {
    /// What counts it.
    pub(super) fn gate(&self) -> Arc<Gate> {
        Arc::clone(&self.0)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, SeqCst);
        self.0.freed();
    }
}

impl Endpoint {
    pub(super) fn new(settings: &model::Endpoint) -> Self {
        let host = &settings.host;
        let label = match host.contains(':') {
            true => format!("[{host}]:{}", settings.port),
            false => format!("{host}:{}", settings.port),
        };
        Endpoint {
            settings: settings.clone(),
            label: label.into(),
            gate: Arc::default(),
            ejection: Ejection::default(),
            health: Health::default(),
            active: AtomicU32::new(0),
            tries: AtomicU64::new(0),
            connects: AtomicU64::new(0),
            connect_failures: AtomicU64::new(0),
            tls_failures: AtomicU64::new(0),
            resets: AtomicU64::new(0),
            timeouts: AtomicU64::new(0),
            reconnects: AtomicU64::new(0),
            spoken: AtomicU8::new(Spoken::Unknown as u8),
            addresses: Mutex::default(),
        }
    }

    /// Whether this is the same server; its weight may be another.
    pub(super) fn is_at(&self, other: &model::Endpoint) -> bool {
        self.settings.host == other.host && self.settings.port == other.port
    }

    /// The last protocol that the endpoint chose by ALPN.
    pub(super) fn spoken(&self) -> Spoken {
        const HTTP1: u8 = Spoken::Http1 as u8;
        const HTTP2: u8 = Spoken::Http2 as u8;
        match self.spoken.load(Relaxed) {
            HTTP1 => Spoken::Http1,
            HTTP2 => Spoken::Http2,
            _ => Spoken::Unknown,
        }
    }

    pub(super) fn has_spoken(&self, spoken: Spoken) {
        self.spoken.store(spoken as u8, Relaxed);
    }

    /// A connection, counted.
    pub(super) async fn connect(
        &self,
        secure: Option<&Secure>,
        late: tokio::time::Instant,
        alone: bool,
    ) -> Result<Stream, Failure> {
        self.connects.fetch_add(1, Relaxed);
        self.open(secure, late, alone).await.inspect_err(|failure| {
            self.connect_failures.fetch_add(1, Relaxed);
            if failure.kind == Kind::UpstreamTls {
                self.tls_failures.fetch_add(1, Relaxed);
            }
        })
    }

    /// A connection to one of the endpoint's addresses, in the order of the
    /// resolver, encrypted by `secure` if there is one; until `late`. `alone`: by
    /// ALPN, only HTTP/1.1 is asked for.
    pub(super) async fn open(
        &self,
        secure: Option<&Secure>,
        late: tokio::time::Instant,
        alone: bool,
    ) -> Result<Stream, Failure> {
        let connected = tokio::time::timeout_at(late, self.connect_any()).await;
        let connected = connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let stream = connected.map_err(|error| {
            Failure::new(Kind::UpstreamConnect, format!("connecting to {}: {error}", self.label))
        })?;
        let Some(secure) = secure else { return Ok(Stream::Plain(stream)) };
        let handshake = secure.handshake(stream, &self.settings.host, alone);
        let agreed = tokio::time::timeout_at(late, handshake).await;
        let agreed = agreed.unwrap_or_else(|_| Err("the handshake took too long".to_owned()));
        agreed.map(|stream| Stream::Tls(Box::new(stream))).map_err(|reason| {
            Failure::new(Kind::UpstreamTls, format!("TLS with {}: {reason}", self.label))
        })
    }

    async fn connect_any(&self) -> io::Result<TcpStream> {
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in self.resolve().await? {
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    // A proxy of small messages gains nothing from Nagle's
                    // algorithm.
                    stream.set_nodelay(true)?;
                    return Ok(stream);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = self.settings.host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, self.settings.port)]);
        }
        let known = || self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, addresses)) = &*known()
            && at.elapsed() < ADDRESSES_AGE_MAX
        {
            return Ok(addresses.clone());
        }
        let name = (self.settings.host.as_str(), self.settings.port);
        match tokio::net::lookup_host(name).await {
            Ok(addresses) => {
                let addresses: Vec<_> = addresses.collect();
                *known() = Some((Instant::now(), addresses.clone()));
                Ok(addresses)
            }
            // Old addresses are better than none while a resolver is down.
            Err(error) => known().as_ref().map(|(_, old)| old.clone()).ok_or(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_waits_is_told_of_a_connection_that_was_freed() {
        let gate = Arc::<Gate>::default();
        let only = gate.permit(1).expect("the first");
        assert!(gate.permit(1).is_none());
        let waiting = tokio::spawn({
            let gate = Arc::clone(&gate);
            async move { gate.wait(|| gate.permit(1)).await }
        });
        while gate.waiting.load(SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        drop(only);
        let second = tokio::time::timeout(Duration::from_secs(20), waiting).await;
        drop(second.expect("in time").expect("no panic"));
        assert_eq!((gate.open(), gate.waiting.load(SeqCst)), (0, 0));
    }
}
