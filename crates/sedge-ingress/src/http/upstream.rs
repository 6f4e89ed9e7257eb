//! Services that requests are passed on to, in the order in which a request
//! meets them.
//!
//! 1. [`Upstreams`]: the upstreams of an app, by name, each a handler.
//! 2. `forward`: **one try**: an endpoint, a connection, the answer.
//! 3. `balance`: which endpoint; `ejection`: which of them are left out.
//! 4. `head`: what a gateway changes of a head on either way.
//! 5. `pool`: a connection that is kept, or a new one within its bounds;
//!    `endpoint`: the server, as all threads know it.
//! 6. `wired`: one connection, polled by whoever waits for its answer.
//! 7. `passing`: the answer's body, back to the client; `switch`: the connection as
//!    a whole, if it becomes another protocol's.
//!
//! Connections are kept for each thread, so that cores share no lock on this
//! way. What bounds them counts for the node as a whole, in atomics.

mod balance;
mod ejection;
mod endpoint;
mod forward;
mod head;
mod outgoing;
mod passing;
mod pool;
mod render;
mod span;
mod switch;
mod wire;
mod wired;

use balance::Turns;
use ejection::Verdict;
use endpoint::Endpoint;
use pool::Lane;
use sedge_model::failure::{Failure, Kind};
use sedge_model::handler::{Answer, Context, Handler, Request};
use sedge_model::routing::upstream::{Protocol, Upstream};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Instant;
use thiserror::Error;

/// Why an upstream cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum UpstreamError {
    /// It asks for something that is not served yet.
    #[error("upstream `{0}`: `{1}` is not served yet")]
    NotServed(String, &'static str),
    /// It has no endpoints, or an endpoint without weight.
    #[error("upstream `{0}` has no endpoint that may be chosen")]
    NoEndpoint(String),
}

/// The upstreams of an app. Dropping it closes the connections that are kept.
#[derive(Default)]
pub struct Upstreams {
    by_name: BTreeMap<String, Arc<Service>>,
}

impl Upstreams {
    /// Begins with these. An upstream that is the same in `previous` is taken
    /// over with its connections, its counters and what is known of its health.
    ///
    /// # Errors
    ///
    /// The first upstream that cannot be used.
    pub fn new(
        upstreams: &[Upstream],
        previous: Option<&Upstreams>,
    ) -> Result<Upstreams, UpstreamError> {
        let mut by_name = BTreeMap::new();
        for upstream in upstreams {
            let kept = previous.and_then(|previous| previous.by_name.get(&upstream.name));
            let service = match kept.filter(|kept| kept.settings == *upstream) {
                Some(kept) => Arc::clone(kept),
                None => Arc::new(Service::new(upstream)?),
            };
            by_name.insert(upstream.name.clone(), service);
        }
        Ok(Upstreams { by_name })
    }

    /// What passes requests on to the upstream of this name.
    pub fn handler(&self, name: &str) -> Option<Arc<dyn Handler>> {
        let service = self.by_name.get(name)?;
        Some(Arc::new(Forward(Arc::clone(service))))
    }

    /// Appends all counters in Prometheus' text format, of several apps at once,
    /// because a family may be named only once.
    pub fn render_prometheus<'a>(
        apps: impl IntoIterator<Item = (&'a str, &'a Upstreams)>,
        out: &mut String,
    ) {
        let services = apps.into_iter().flat_map(|(app, upstreams)| {
            upstreams.by_name.values().map(move |service| (app, &**service))
        });
        render::all(&services.collect::<Vec<_>>(), out);
    }
}

/// Passes requests on to one upstream.
struct Forward(Arc<Service>);

impl Handler for Forward {
    fn call(&self, request: Request, context: Context) -> Answer<'_> {
        Box::pin(forward::forward(&self.0, request, context))
    }
}

/// One upstream at work.
struct Service {
    settings: Upstream,
    name: Arc<str>,
    endpoints: Box<[Endpoint]>,
    lanes: Box<[Lane]>,
    begin: Instant,
    /// Requests and retries under way, and requests that wait for a connection.
    active: AtomicU32,
    retrying: AtomicU32,
    pending: AtomicU32,
    /// Connections that are another protocol's, or about to be.
    upgrading: AtomicU32,
    requests: AtomicU64,
    retries: AtomicU64,
    upgrades: AtomicU64,
    /// Requests refused at each bound, in the order of [`Bound`].
    overflows: [AtomicU64; Bound::ALL.len()],
    unhealthy: AtomicU64,
    panics: AtomicU64,
    /// 0 as long as no endpoint was ever ejected: then nothing looks at the clock.
    ejected_ever: AtomicU32,
}

/// A bound of the pool.
#[derive(Clone, Copy)]
enum Bound {
    Requests,
    Retries,
    Pending,
    Upgrades,
}

impl Bound {
    const ALL: [(Bound, &'static str); 4] = [
        (Bound::Requests, "requests"),
        (Bound::Retries, "retries"),
        (Bound::Pending, "pending"),
        (Bound::Upgrades, "upgrades"),
    ];
}

impl Service {
    fn new(upstream: &Upstream) -> Result<Self, UpstreamError> {
        let not_served = |what| Err(UpstreamError::NotServed(upstream.name.clone(), what));
        if upstream.tls.is_some() {
            return not_served("tls");
        }
        if upstream.protocol == Protocol::Http2 {
            return not_served("protocol = http2");
        }
        if upstream.health.is_some() {
            return not_served("health");
        }
        if upstream.endpoints.is_empty() || upstream.endpoints.iter().any(|e| e.weight == 0) {
            return Err(UpstreamError::NoEndpoint(upstream.name.clone()));
        }
        let zero = || AtomicU64::new(0);
        let lanes = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Service {
            settings: upstream.clone(),
            name: upstream.name.as_str().into(),
            endpoints: upstream.endpoints.iter().map(Endpoint::new).collect(),
            lanes: (0..lanes).map(|_| Lane::new(Turns::new(&upstream.endpoints))).collect(),
            begin: Instant::now(),
            active: AtomicU32::new(0),
            retrying: AtomicU32::new(0),
            pending: AtomicU32::new(0),
            upgrading: AtomicU32::new(0),
            requests: zero(),
            retries: zero(),
            upgrades: zero(),
            overflows: std::array::from_fn(|_| zero()),
            unhealthy: zero(),
            panics: zero(),
            ejected_ever: AtomicU32::new(0),
        })
    }

    /// The lane of this thread. If there are more threads than cores, some share
    /// one, which is slower but right.
    fn lane(&self) -> &Lane {
        &self.lanes[thread_number() % self.lanes.len()]
    }

    fn overflow(&self, bound: Bound) -> Failure {
        let name = Bound::ALL[bound as usize].1;
        self.overflows[bound as usize].fetch_add(1, Relaxed);
        let detail = format!("upstream {}: {name}_max reached", self.name);
        Failure::new(Kind::UpstreamOverflow, detail)
    }

    /// Counts one in, if there may be one more.
    fn count(&self, count: &AtomicU32, max: u32, bound: Bound) -> Result<(), Failure> {
        if count.fetch_add(1, Relaxed) >= max {
            count.fetch_sub(1, Relaxed);
            return Err(self.overflow(bound));
        }
        Ok(())
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.begin.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn is_ejected(&self, endpoint: usize) -> bool {
        self.ejected_ever.load(Relaxed) != 0
            && self.endpoints[endpoint].ejection.is_ejected(self.now_ms())
    }

    /// Takes in what a try ended with, and leaves its endpoint out if that was
    /// one too many. At most the configured share is left out, but one may be.
    fn judge(&self, endpoint: usize, verdict: Verdict) {
        let Some(outliers) = &self.settings.outliers else { return };
        if !self.endpoints[endpoint].ejection.note(outliers, verdict) || self.is_ejected(endpoint) {
            return;
        }
        let ejected = (0..self.endpoints.len()).filter(|&other| self.is_ejected(other)).count();
        let share = outliers.ejected_percent_max.min(100) as usize;
        if ejected == 0 || (ejected + 1) * 100 <= share * self.endpoints.len() {
            self.ejected_ever.store(1, Relaxed);
            self.endpoints[endpoint].ejection.eject(outliers, self.now_ms());
            let label = &self.endpoints[endpoint].label;
            tracing::warn!(upstream = %self.name, endpoint = %label, "endpoint is ejected");
        }
    }
}

/// Numbers the threads that pass requests on.
fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: Cell<Option<usize>> = const { Cell::new(None) };
    }
    NUMBER.with(|number| {
        number.get().unwrap_or_else(|| {
            let mine = NEXT.fetch_add(1, Relaxed);
            number.set(Some(mine));
            mine
        })
    })
}
