//! Connections that are kept, for each thread, and how a request gets one.

mod attempt;

use super::balance::Turns;
use super::endpoint::{Permit, Spoken};
use super::http2::{Http2, Slot};
use super::wired::Wired;
use super::{Bound, Service};
use attempt::{Attempt, Made};
use sedge_model::failure::{Failure, Kind};
use sedge_model::routing::upstream::Protocol;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// What one thread keeps. Others look into it only when connections have run
/// out, so its lock is not contended.
pub(super) struct Lane(Mutex<Kept>);

struct Kept {
    turns: Turns,
    /// For each endpoint, the latest used last.
    #[expect(clippy::vec_box, reason = "a connection is large, and moves with each request")]
    idle: Vec<Vec<Box<Wired>>>,
    /// For each endpoint, connections with HTTP/2, and the making of one.
    shared: Vec<Shared>,
    /// How many of both are kept.
    count: usize,
    /// Whether a task closes what is idle for too long.
    is_swept: bool,
}

#[derive(Default)]
struct Shared {
    connections: Vec<Arc<Http2>>,
    attempt: Option<Attempt>,
}

impl Lane {
    pub(super) fn new(turns: Turns) -> Self {
        let (idle, shared) = (Vec::new(), Vec::new());
        Lane(Mutex::new(Kept { turns, idle, shared, count: 0, is_swept: false }))
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn turns<T>(&self, with: impl FnOnce(&mut Turns) -> T) -> T {
        with(&mut self.lock().turns)
    }

    /// The latest used connection that still lives.
    fn take(&self, endpoint: usize, idle_timeout: Duration) -> Option<Box<Wired>> {
        loop {
            let mut wired = {
                let kept = &mut *self.lock();
                let wired = kept.idle.get_mut(endpoint)?.pop()?;
                kept.count -= 1;
                wired
            };
            if wired.idle_since.elapsed() < idle_timeout && wired.is_idle() {
                return Some(wired);
            }
        }
    }

    /// Room on a connection with HTTP/2.
    fn slot(&self, endpoint: usize) -> Option<Slot> {
        let kept = &mut *self.lock();
        kept.shared.get(endpoint)?.connections.iter().find_map(Http2::slot)
    }
}

/// How a request got its connection.
pub(super) enum Leased {
    /// It was kept.
    Kept(Box<Wired>),
    New(Box<Wired>),
    /// Beside others.
    Shared(Slot),
}

impl Service {
    /// A connection to an endpoint: one that is kept, else a new one, else, when
    /// there may be no more, the first that is freed. `anew`: kept ones will not
    /// do. `alone`: only one with HTTP/1.1 will.
    pub(super) async fn lease(
        self: &Arc<Self>,
        endpoint: usize,
        anew: bool,
        alone: bool,
    ) -> Result<Leased, Failure> {
        match self.spoken(endpoint) {
            Spoken::Http2 if alone && self.settings.protocol == Protocol::Http2 => {
                let detail = format!("upstream {}: no upgrades with protocol = http2", self.name);
                Err(Failure::new(Kind::UpgradeUnsupported, detail))
            }
            Spoken::Http2 | Spoken::Unknown if !alone => self.lease_shared(endpoint).await,
            _ => self.lease_wired(endpoint, anew, alone).await,
        }
    }

    /// The same where HTTP/1.1 is spoken.
    async fn lease_wired(
        self: &Arc<Self>,
        endpoint: usize,
        anew: bool,
        alone: bool,
    ) -> Result<Leased, Failure> {
        let pool = &self.settings.pool;
        if !anew && let Some(wired) = self.lane().take(endpoint, pool.idle_timeout) {
            return Ok(Leased::Kept(wired));
        }
        self.count(&self.pending, pool.pending_max, Bound::Pending)?;
        let _pending = Pending(self);
        let gate = &self.endpoints[endpoint].gate;
        let permit = match gate.permit(pool.connections_max) {
            Some(permit) => permit,
            None => {
                let waited = gate.wait(|| self.any(endpoint));
                match tokio::time::timeout(pool.connect_timeout, waited).await {
                    Ok(Ok(wired)) if !anew => return Ok(Leased::Kept(wired)),
                    // It is given up for a new one in its place.
                    Ok(Ok(wired)) => wired.into_permit(),
                    Ok(Err(permit)) => permit,
                    Err(_) => return Err(self.overflow(Bound::Pending)),
                }
            }
        };
        match self.connect(endpoint, permit, alone).await? {
            Made::Http1(wired) => Ok(Leased::New(wired)),
            Made::Http2(http2) => {
                let slot = http2.slot();
                self.share(endpoint, http2);
                let none = || Failure::new(Kind::UpstreamRefused, "no room on a new connection");
                slot.map(Leased::Shared).ok_or_else(none)
            }
        }
    }

    /// A connection that any thread keeps, or leave for a new one.
    fn any(&self, endpoint: usize) -> Option<Result<Box<Wired>, Permit>> {
        let pool = &self.settings.pool;
        let kept = self.lanes.iter().find_map(|lane| lane.take(endpoint, pool.idle_timeout));
        let permit = || self.endpoints[endpoint].gate.permit(pool.connections_max).map(Err);
        kept.map(Ok).or_else(permit)
    }

    /// Keeps a connection whose answer has ended, unless it has served enough.
    pub(super) fn keep(self: &Arc<Self>, endpoint: usize, mut wired: Box<Wired>) {
        let requests_max = self.settings.pool.requests_per_connection_max;
        if (requests_max > 0 && wired.requests >= requests_max) || !wired.is_idle() {
            return;
        }
        wired.idle_since = Instant::now();
        let starts_sweep = {
            let kept = &mut *self.lane().lock();
            if kept.idle.is_empty() {
                kept.idle.resize_with(self.endpoints.len(), Vec::new);
            }
            kept.idle[endpoint].push(wired);
            kept.count += 1;
            !std::mem::replace(&mut kept.is_swept, true)
        };
        self.endpoints[endpoint].gate.freed();
        if starts_sweep {
            self.sweep();
        }
    }

    /// Keeps a connection that carries several requests, from its beginning on.
    fn share(self: &Arc<Self>, endpoint: usize, http2: Arc<Http2>) {
        let starts_sweep = {
            let kept = &mut *self.lane().lock();
            kept.shared(self.endpoints.len())[endpoint].connections.push(http2);
            kept.count += 1;
            !std::mem::replace(&mut kept.is_swept, true)
        };
        if starts_sweep {
            self.sweep();
        }
    }

    /// Begins to close what this thread keeps for too long.
    fn sweep(self: &Arc<Self>) {
        let number = super::thread_number() % self.lanes.len();
        let sweep = Sweep { service: Arc::downgrade(self), lane: number };
        tokio::spawn(sweep.run(self.settings.pool.idle_timeout));
    }
}

impl Kept {
    fn shared(&mut self, endpoints: usize) -> &mut [Shared] {
        if self.shared.is_empty() {
            self.shared.resize_with(endpoints, Shared::default);
        }
        &mut self.shared
    }
}

struct Pending<'a>(&'a Service);

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.0.pending.fetch_sub(1, Relaxed);
    }
}

/// Closes the connections of one lane that are idle for too long, or that their
/// servers have closed, as long as there are any.
struct Sweep {
    service: Weak<Service>,
    lane: usize,
}

impl Sweep {
    async fn run(self, idle_timeout: Duration) {
        let period = (idle_timeout / 4).clamp(Duration::from_millis(20), Duration::from_secs(1));
        loop {
            tokio::time::sleep(period).await;
            let Some(service) = self.service.upgrade() else { return };
            let (mut closed, mut ended) = (Vec::new(), Vec::new());
            let kept = &mut *service.lanes[self.lane].lock();
            for idle in &mut kept.idle {
                let is_over = |wired: &mut Box<Wired>| {
                    wired.idle_since.elapsed() >= idle_timeout || !wired.is_idle()
                };
                closed.extend(idle.extract_if(.., is_over));
            }
            for shared in &mut kept.shared {
                let is_over = |http2: &mut Arc<Http2>| {
                    http2.is_over() || http2.idle().is_some_and(|idle| idle >= idle_timeout)
                };
                ended.extend(shared.connections.extract_if(.., is_over));
            }
            kept.count -= closed.len() + ended.len();
            if kept.count == 0 {
                kept.is_swept = false;
                return;
            }
        }
    }
}

impl Drop for Sweep {
    /// A task that is dropped with its runtime must not be waited for.
    fn drop(&mut self) {
        if let Some(service) = self.service.upgrade() {
            service.lanes[self.lane].lock().is_swept = false;
        }
    }
}
