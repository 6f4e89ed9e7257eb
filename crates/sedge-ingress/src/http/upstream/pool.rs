//! Connections that are kept, for each thread, and how a request gets one.

use super::balance::Turns;
use super::endpoint::Permit;
use super::wired::Wired;
use super::{Bound, Service};
use sedge_model::failure::{Failure, Kind};
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
    count: usize,
    /// Whether a task closes what is idle for too long.
    is_swept: bool,
}

impl Lane {
    pub(super) fn new(turns: Turns) -> Self {
        Lane(Mutex::new(Kept { turns, idle: Vec::new(), count: 0, is_swept: false }))
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
}

/// How a request got its connection.
pub(super) enum Leased {
    /// It was kept.
    Kept(Box<Wired>),
    New(Box<Wired>),
}

impl Service {
    /// A connection to an endpoint: one that is kept, else a new one, else, when
    /// there may be no more, the first that is freed. `anew`: kept ones will not
    /// do.
    pub(super) async fn lease(&self, endpoint: usize, anew: bool) -> Result<Leased, Failure> {
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
        let target = &self.endpoints[endpoint];
        let stream = target.connect(pool.connect_timeout).await?;
        let wired = Wired::new(stream, permit).await.map_err(|error| {
            Failure::new(Kind::UpstreamConnect, format!("connecting to {}: {error}", target.label))
        })?;
        Ok(Leased::New(Box::new(wired)))
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
        let lane = self.lane();
        let starts_sweep = {
            let kept = &mut *lane.lock();
            if kept.idle.is_empty() {
                kept.idle.resize_with(self.endpoints.len(), Vec::new);
            }
            kept.idle[endpoint].push(wired);
            kept.count += 1;
            !std::mem::replace(&mut kept.is_swept, true)
        };
        self.endpoints[endpoint].gate.freed();
        if starts_sweep {
            let number = super::thread_number() % self.lanes.len();
            let sweep = Sweep { service: Arc::downgrade(self), lane: number };
            tokio::spawn(sweep.run(self.settings.pool.idle_timeout));
        }
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
            let mut closed = Vec::new();
            let kept = &mut *service.lanes[self.lane].lock();
            for idle in &mut kept.idle {
                let is_over = |wired: &mut Box<Wired>| {
                    wired.idle_since.elapsed() >= idle_timeout || !wired.is_idle()
                };
                closed.extend(idle.extract_if(.., is_over));
            }
            kept.count -= closed.len();
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
