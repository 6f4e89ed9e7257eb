//! Services that requests are passed on to, in the order in which a request
//! meets them.
//!
//! 1. [`Upstreams`]: the upstreams of an app, by name, each a handler.
//! 2. `forward`: **one try**: an endpoint, a connection, the answer.
//! 3. `balance`: which endpoint; `ejection` and `health`: which of them are left
//!    out, by what they answer to requests and to checks.
//! 4. `head`: what a gateway changes of a head on either way.
//! 5. `pool`: a connection that is kept, or a new one within its bounds;
//!    `endpoint`: the server, as all threads know it.
//! 6. `secure`: TLS with endpoints.
//! 7. `wired`: one connection, polled by whoever waits for its answer.
//! 8. `passing`: the answer's body, back to the client; `switch`: the connection as
//!    a whole, if it becomes another protocol's.
//! 9. `http2`: the same for connections that carry several requests.
//!
//! Connections are kept for each thread, so that cores share no lock on this
//! way. What bounds them counts for the node as a whole, in atomics.

mod balance;
mod ejection;
mod endpoint;
mod forward;
mod head;
mod health;
mod http2;
mod outgoing;
mod page;
mod passing;
mod pool;
mod render;
mod secure;
mod span;
mod stream;
mod switch;
mod wire;
mod wired;

use balance::Turns;
use ejection::Verdict;
use endpoint::Endpoint;
use pool::Lane;
use secure::Secure;
use sedge_model::failure::{Failure, Kind};
use sedge_model::handler::{Answer, Context, Handler, Request};
use sedge_model::manifest::Invalid;
use sedge_model::routing::upstream::Upstream;
use serde_json::Value;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Instant;
use thiserror::Error;

/// Why an upstream cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum UpstreamError {
    /// It has no endpoints, or an endpoint without weight.
    #[error("upstream `{0}` has no endpoint that may be chosen")]
    NoEndpoint(String),
    /// Files that its TLS needs are wrong.
    #[error("upstream `{name}`: {}", wrong.iter().map(|one| one.message.as_str()).collect::<Vec<_>>().join("; "))]
    Files {
        /// The upstream.
        name: String,
        /// Everything that is wrong with them.
        wrong: Vec<Invalid>,
    },
}

impl UpstreamError {
    /// What a person can do about the first thing that is wrong.
    pub fn hint(&self) -> Option<&str> {
        match self {
            UpstreamError::Files { wrong, .. } => wrong.iter().find_map(|one| one.hint.as_deref()),
            UpstreamError::NoEndpoint(_) => None,
        }
    }
}

/// What is wrong with the files that upstreams name, by the JSON pointer of the
/// value that names them, for a manifest's reader.
pub fn look(upstreams: &[Upstream]) -> Vec<(String, Invalid)> {
    let all = upstreams.iter().enumerate().filter_map(|(index, upstream)| {
        let tls = upstream.tls.as_ref()?;
        Some((index, Secure::load(upstream, tls).err().unwrap_or_default()))
    });
    let all = all.flat_map(|(index, wrong)| wrong.into_iter().map(move |one| (index, one)));
    all.map(|(index, one)| (format!("/upstream/{index}/tls{}", one.pointer), Invalid::from(one)))
        .collect()
}

/// The upstreams of an app. Dropping it closes the connections that are kept.
#[derive(Default)]
pub struct Upstreams {
    by_name: BTreeMap<String, Arc<Service>>,
}

impl Upstreams {
    /// Begins with these. An upstream that is the same in `previous`, the content
    /// of its files included, is taken over with its connections and counters.
    /// Of one that has changed, endpoints that have not are taken over with their
    /// counters and what is known of their health.
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
            let secure = load(upstream)?;
            let service = match kept.filter(|kept| kept.is_as(upstream, secure.as_ref())) {
                Some(kept) => Arc::clone(kept),
                None => Arc::new(Service::new(upstream, secure, kept.map(|kept| &**kept))?),
            };
            by_name.insert(upstream.name.clone(), service);
        }
        Ok(Upstreams { by_name })
    }

    /// Begins to ask endpoints whether they are well, where that is wanted; for
    /// upstreams that serve from now on. Upstreams of another revision with the
    /// same endpoints no longer ask them. Ends when the upstreams are dropped.
    pub fn begin_checks(&self) {
        self.by_name.values().for_each(Service::begin_checks);
    }

    /// What passes requests on to the upstream of this name.
    pub fn handler(&self, name: &str) -> Option<Arc<dyn Handler>> {
        let service = self.by_name.get(name)?;
        Some(Arc::new(Forward(Arc::clone(service))))
    }

    /// The upstreams and how their endpoints stand, for the admin pages:
    /// `{"app", "upstream", "endpoints": [{"endpoint", "weight", "well", "ejected",
    /// "up", "last_check": {"time", "error"}, "active_requests", "connections"}]}`
    /// each; `up` and `last_check` are null without health checks.
    pub fn to_json(&self, app: &str) -> Vec<Value> {
        self.by_name.values().map(|service| page::upstream(app, service)).collect()
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

/// The files of an upstream with TLS.
fn load(upstream: &Upstream) -> Result<Option<Secure>, UpstreamError> {
    let Some(tls) = &upstream.tls else { return Ok(None) };
    Secure::load(upstream, tls).map(Some).map_err(|wrong| UpstreamError::Files {
        name: upstream.name.clone(),
        wrong: wrong.into_iter().map(Invalid::from).collect(),
    })
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
    /// Tells it from others of the same name.
    number: u64,
    name: Arc<str>,
    secure: Option<Secure>,
    endpoints: Box<[Arc<Endpoint>]>,
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
    fn new(
        upstream: &Upstream,
        secure: Option<Secure>,
        before: Option<&Service>,
    ) -> Result<Self, UpstreamError> {
        if upstream.endpoints.is_empty() || upstream.endpoints.iter().any(|e| e.weight == 0) {
            return Err(UpstreamError::NoEndpoint(upstream.name.clone()));
        }
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let zero = || AtomicU64::new(0);
        let endpoint = |settings: &_| {
            let all = before.into_iter().flat_map(|before| &before.endpoints);
            let same = all.into_iter().find(|other| other.is_at(settings));
            same.map_or_else(|| Arc::new(Endpoint::new(settings)), Arc::clone)
        };
        let lanes = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Service {
            settings: upstream.clone(),
            number: NEXT.fetch_add(1, Relaxed),
            name: upstream.name.as_str().into(),
            secure,
            endpoints: upstream.endpoints.iter().map(endpoint).collect(),
            lanes: (0..lanes).map(|_| Lane::new(Turns::new(&upstream.endpoints))).collect(),
            begin: before.map_or_else(Instant::now, |before| before.begin),
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
            ejected_ever: AtomicU32::new(before.map_or(0, |b| b.ejected_ever.load(Relaxed))),
        })
    }

    /// Whether this is an upstream with these settings and files.
    fn is_as(&self, upstream: &Upstream, secure: Option<&Secure>) -> bool {
        let same_files = match (&self.secure, secure) {
            (Some(one), Some(other)) => one.is_as(other),
            (one, other) => one.is_none() && other.is_none(),
        };
        same_files && self.settings == *upstream
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

    /// Whether an endpoint may be chosen: it is not ejected, and health checks say
    /// that it is well.
    fn is_well(&self, endpoint: usize) -> bool {
        let is_down = self.settings.health.is_some() && self.endpoints[endpoint].health.is_down();
        !is_down && !self.is_ejected(endpoint)
    }

    fn is_ejected(&self, endpoint: usize) -> bool {
        self.ejected_ever.load(Relaxed) != 0
            && self.endpoints[endpoint].ejection.is_ejected(self.now_ms())
    }

    /// Takes in what a try ended with, and leaves its endpoint out if that was
    /// one too many. At most the configured share is left out, and one if the
    /// configuration says so.
    fn judge(&self, endpoint: usize, verdict: Verdict) {
        let Some(outliers) = &self.settings.outliers else { return };
        if !self.endpoints[endpoint].ejection.note(outliers, verdict) || self.is_ejected(endpoint) {
            return;
        }
        let ejected = (0..self.endpoints.len()).filter(|&other| self.is_ejected(other)).count();
        let share = outliers.ejected_percent_max.min(100) as usize;
        let is_first = outliers.always_one && ejected == 0;
        if is_first || (ejected + 1) * 100 <= share * self.endpoints.len() {
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
