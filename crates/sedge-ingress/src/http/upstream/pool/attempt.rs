//! Making connections, and waiting for those that carry several requests: one is
//! made at a time for each thread and endpoint, and who comes meanwhile waits for
//! what becomes of it.

use super::{Leased, Pending};
use crate::http::upstream::endpoint::{Permit, Spoken};
use crate::http::upstream::http2::{Http2, Slot};
use crate::http::upstream::secure::ALPN_H2;
use crate::http::upstream::stream::Stream;
use crate::http::upstream::wired::Wired;
use crate::http::upstream::{Bound, Service};
use sedge_model::failure::{Failure, Kind};
use sedge_model::routing::upstream::Protocol;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// How often a request looks for room on new connections before it gives up: each
/// was made, and then taken by others.
const ROUNDS_MAX: usize = 16;

/// A connection that is being made. The channel closes without a word when the
/// making was dropped with its runtime.
pub(super) type Attempt = watch::Receiver<Option<Result<(), Failure>>>;

/// A connection, in the protocol of its endpoint.
pub(super) enum Made {
    Http1(Box<Wired>),
    Http2(Arc<Http2>),
}

/// What a request can do that found no room.
enum Found {
    Slot(Slot),
    Permit(Permit),
}

impl Service {
    /// What is spoken with an endpoint.
    pub(super) fn spoken(&self, endpoint: usize) -> Spoken {
        match (self.settings.protocol, &self.secure) {
            (Protocol::Http2, _) => Spoken::Http2,
            (Protocol::Http1, _) | (Protocol::Auto, None) => Spoken::Http1,
            (Protocol::Auto, Some(_)) => self.endpoints[endpoint].spoken(),
        }
    }

    /// Makes a connection: TCP, TLS, and the greeting of HTTP/2, all within
    /// `connect_timeout`. `alone`: only HTTP/1.1 is asked for.
    pub(super) async fn connect(
        &self,
        endpoint: usize,
        permit: Permit,
        alone: bool,
    ) -> Result<Made, Failure> {
        let (pool, target) = (&self.settings.pool, &self.endpoints[endpoint]);
        let late = Instant::now() + pool.connect_timeout;
        let failed = |kind, reason: String| {
            target.connect_failures.fetch_add(1, Relaxed);
            Failure::new(kind, format!("connecting to {}: {reason}", target.label))
        };
        let stream = target.connect(self.secure.as_ref(), late, alone).await?;
        if !self.is_http2(&stream) {
            if self.settings.protocol == Protocol::Http2 {
                let reason = "the endpoint does not choose HTTP/2 by ALPN".to_owned();
                return Err(failed(Kind::UpstreamTls, reason));
            }
            if !alone {
                target.has_spoken(Spoken::Http1);
            }
            let wired = Wired::new(stream, permit).await;
            let wired = wired.map_err(|error| failed(Kind::UpstreamConnect, error.to_string()))?;
            return Ok(Made::Http1(Box::new(wired)));
        }
        target.has_spoken(Spoken::Http2);
        let greeted = timeout_at(late, Http2::new(stream, permit, pool)).await;
        let greeted = greeted.unwrap_or_else(|_| Err("no answer to the greeting".to_owned()));
        let http2 = greeted.map_err(|reason| failed(Kind::UpstreamConnect, reason))?;
        Ok(Made::Http2(Arc::new(http2)))
    }

    pub(in crate::http::upstream) fn is_http2(&self, stream: &Stream) -> bool {
        match (self.settings.protocol, stream) {
            (Protocol::Http2, Stream::Plain(_)) => true,
            _ => stream.alpn() == Some(ALPN_H2),
        }
    }

    /// Room for a request on a connection that carries several; one is made if
    /// there is none. Where it turns out that HTTP/1.1 is spoken, a connection of
    /// its own.
    pub(super) async fn lease_shared(self: &Arc<Self>, endpoint: usize) -> Result<Leased, Failure> {
        if let Some(slot) = self.lane().slot(endpoint) {
            return Ok(Leased::Shared(slot));
        }
        let pool = &self.settings.pool;
        self.count(&self.pending, pool.pending_max, Bound::Pending)?;
        let pending = Pending(self);
        for _ in 0..ROUNDS_MAX {
            if self.spoken(endpoint) == Spoken::Http1 {
                drop(pending);
                return self.lease_wired(endpoint, false, false).await;
            }
            let attempt = match self.lane().attempt(endpoint) {
                Some(attempt) => attempt,
                None => match self.room(endpoint).await? {
                    Found::Slot(slot) => return Ok(Leased::Shared(slot)),
                    Found::Permit(permit) => self.begin(endpoint, permit),
                },
            };
            outcome(attempt).await?;
            if let Some(slot) = self.lane().slot(endpoint) {
                return Ok(Leased::Shared(slot));
            }
        }
        Err(self.overflow(Bound::Pending))
    }

    /// Room on another thread's connection when there may be no more of them, or
    /// leave for a new one.
    async fn room(&self, endpoint: usize) -> Result<Found, Failure> {
        let (pool, gate) = (&self.settings.pool, &self.endpoints[endpoint].gate);
        if let Some(permit) = gate.permit(pool.connections_max) {
            return Ok(Found::Permit(permit));
        }
        let look = || {
            let slot = self.lanes.iter().find_map(|lane| lane.slot(endpoint)).map(Found::Slot);
            slot.or_else(|| gate.permit(pool.connections_max).map(Found::Permit))
        };
        let late = Instant::now() + pool.connect_timeout;
        timeout_at(late, gate.wait(look)).await.map_err(|_| self.overflow(Bound::Pending))
    }

    /// Begins to make a connection, unless somebody has begun meanwhile. It goes
    /// on even if nobody waits for it any longer: others will.
    fn begin(self: &Arc<Self>, endpoint: usize, permit: Permit) -> Attempt {
        let kept = &mut *self.lane().lock();
        let shared = &mut kept.shared(self.endpoints.len())[endpoint];
        if let Some(attempt) = running(&shared.attempt) {
            return attempt;
        }
        let (told, attempt) = watch::channel(None);
        shared.attempt = Some(attempt.clone());
        let service = Arc::clone(self);
        tokio::spawn(async move {
            let made = service.connect(endpoint, permit, false).await.map(|made| match made {
                Made::Http1(wired) => service.keep(endpoint, wired),
                Made::Http2(http2) => service.share(endpoint, http2),
            });
            told.send_replace(Some(made));
        });
        attempt
    }
}

impl super::Lane {
    /// The connection that is being made for an endpoint.
    fn attempt(&self, endpoint: usize) -> Option<Attempt> {
        let kept = &mut *self.lock();
        running(&kept.shared.get(endpoint)?.attempt)
    }
}

/// An attempt that has not ended.
fn running(attempt: &Option<Attempt>) -> Option<Attempt> {
    let attempt = attempt.as_ref()?;
    let is_running = attempt.has_changed().is_ok() && attempt.borrow().is_none();
    is_running.then(|| attempt.clone())
}

/// What becomes of an attempt. One that was dropped failed nobody: whoever waited
/// begins another.
async fn outcome(mut attempt: Attempt) -> Result<(), Failure> {
    let told = attempt.wait_for(Option::is_some).await;
    told.ok().and_then(|told| told.clone()).unwrap_or(Ok(()))
}
