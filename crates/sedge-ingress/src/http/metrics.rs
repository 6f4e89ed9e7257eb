//! What the gateway counts. Each thread writes to a shard of its own, so that
//! cores share no cache line; reading adds the shards up.

mod reasons;
mod route;

pub(crate) use reasons::reasons;
pub(crate) use route::Copies;
pub use route::RouteMetrics;

use super::http2;
use super::tls::{self, TlsServer};
use crate::traces::Traces;
use sedge_model::failure::Kind;
use sedge_model::metrics::Histogram;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// The bucket boundaries that OpenTelemetry advises for
/// `http.server.request.duration`, and two below them, seconds.
const BOUNDARIES_S: [f64; 16] = [
    0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// A counter with one writing thread: a plain load and store, no locked bus
/// cycle. Any thread may read it.
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, amount: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(amount), Relaxed);
    }

    pub(crate) fn subtract(&self, amount: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_sub(amount), Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// What one thread counts; alone on its cache lines.
#[repr(align(128))]
#[derive(Default)]
pub(crate) struct Shard {
    pub(crate) connections_accepted: Counter,
    pub(crate) connections_active: Counter,
    pub(crate) connections_refused: Counter,
    pub(crate) requests_active: Counter,
    /// Connections that are another protocol's, and those that ever were.
    pub(crate) upgrades_active: Counter,
    pub(crate) upgrades: Counter,
    /// Answers whose status begins with 1 to 5; index 0: neither.
    pub(crate) responses: [Counter; 6],
    pub(crate) request_bytes: Counter,
    pub(crate) response_bytes: Counter,
    pub(crate) timeouts: [Counter; Timeout::ALL.len()],
    /// In the order of [`Kind::ALL`].
    pub(crate) failures: Failures,
    pub(crate) duration: Histogram,
    pub(crate) tls: tls::counters::Counters,
    pub(crate) http2: http2::Counters,
}

pub(crate) struct Failures([Counter; Kind::ALL.len()]);

impl Default for Failures {
    fn default() -> Self {
        Failures(std::array::from_fn(|_| Counter::default()))
    }
}

impl Failures {
    pub(crate) fn add(&self, kind: Kind) {
        self.0[kind as usize].add(1);
    }
}

/// What a client was too slow for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timeout {
    Handshake,
    Header,
    KeepAlive,
    Body,
    Write,
    Upgrade,
}

impl Timeout {
    pub(crate) const ALL: [Timeout; 6] = [
        Timeout::Handshake,
        Timeout::Header,
        Timeout::KeepAlive,
        Timeout::Body,
        Timeout::Write,
        Timeout::Upgrade,
    ];

    pub(crate) fn label(self) -> &'static str {
        match self {
            Timeout::Handshake => "handshake",
            Timeout::Header => "header",
            Timeout::KeepAlive => "keep_alive",
            Timeout::Body => "body",
            Timeout::Write => "write",
            Timeout::Upgrade => "upgrade",
        }
    }
}

/// The counters of a gateway; cheap to clone and to share.
#[derive(Clone)]
pub struct GatewayMetrics {
    shards: Arc<[Arc<Shard>]>,
    servers: Arc<[Arc<TlsServer>]>,
    traces: Traces,
}

impl GatewayMetrics {
    pub(crate) fn new(threads: usize, servers: Arc<[Arc<TlsServer>]>, traces: Traces) -> Self {
        let shards = (0..threads).map(|_| Arc::new(Shard::default())).collect();
        GatewayMetrics { shards, servers, traces }
    }

    pub(crate) fn shard(&self, thread: usize) -> Arc<Shard> {
        Arc::clone(&self.shards[thread])
    }

    pub(crate) fn sum(&self, read: impl Fn(&Shard) -> &Counter) -> u64 {
        self.shards.iter().map(|shard| read(shard).get()).sum()
    }

    /// Connections accepted since the start.
    pub fn connections_accepted(&self) -> u64 {
        self.sum(|shard| &shard.connections_accepted)
    }

    /// Connections open now.
    pub fn connections_active(&self) -> u64 {
        self.sum(|shard| &shard.connections_active)
    }

    /// Connections closed at once because `connections_max` were open.
    pub fn connections_refused(&self) -> u64 {
        self.sum(|shard| &shard.connections_refused)
    }

    /// Requests whose answer has not ended.
    pub fn requests_active(&self) -> u64 {
        self.sum(|shard| &shard.requests_active)
    }

    /// Connections that are another protocol's now.
    pub fn upgrades_active(&self) -> u64 {
        self.sum(|shard| &shard.upgrades_active)
    }

    /// Connections that have become another protocol's since the start.
    pub fn upgrades(&self) -> u64 {
        self.sum(|shard| &shard.upgrades)
    }

    /// Requests that have ended.
    pub fn requests(&self) -> u64 {
        (0..6).map(|class| self.responses(class)).sum()
    }

    /// Requests that ended with a status of this class (2 for 200 to 299).
    pub fn responses(&self, class: usize) -> u64 {
        self.sum(|shard| &shard.responses[class])
    }

    /// Requests that ended with this kind of failure.
    pub fn failures(&self, kind: Kind) -> u64 {
        self.sum(|shard| &shard.failures.0[kind as usize])
    }

    /// Requests answered 503 because too many were in flight.
    pub fn shed(&self) -> u64 {
        self.failures(Kind::Overloaded)
    }

    /// Connections cut and bodies given up because of slow clients.
    pub fn timeouts(&self) -> u64 {
        Timeout::ALL.iter().map(|&t| self.sum(|shard| &shard.timeouts[t as usize])).sum()
    }

    /// Appends all counters in Prometheus' text format, version 0.0.4. Names
    /// follow OpenTelemetry's semantic conventions for HTTP servers where they
    /// have one, and begin with `sedge_` where they have none.
    pub fn render_prometheus(&self, out: &mut String) {
        self.render_duration(out);
        self.traces.render_prometheus(out);
        let active = [("", self.requests_active())];
        family(out, "http_server_active_requests", "gauge", "Requests in flight.", active);
        let classes = ["other", "1xx", "2xx", "3xx", "4xx", "5xx"];
        let responses = classes.iter().enumerate().map(|(class, name)| {
            (format!("{{http_response_status_class=\"{name}\"}}"), self.responses(class))
        });
        let help = "Requests that have ended, by class of status.";
        family(out, "sedge_http_server_requests_total", "counter", help, responses);
        let failures = Kind::ALL.iter().map(|&kind| {
            let labels =
                format!("{{kind=\"{}\",blame=\"{}\"}}", kind.label(), kind.blame().as_str());
            (labels, self.failures(kind))
        });
        let help = "Requests that have failed, by kind and by who is to blame.";
        family(out, "sedge_failures_total", "counter", help, failures);
        let timeouts = Timeout::ALL.iter().map(|&timeout| {
            let total = self.sum(|shard| &shard.timeouts[timeout as usize]);
            (format!("{{phase=\"{}\"}}", timeout.label()), total)
        });
        let help = "Clients that were too slow, by what they were slow at.";
        family(out, "sedge_http_server_timeouts_total", "counter", help, timeouts);
        self.render_connections(out);
        http2::render(self, out);
        if !self.servers.is_empty() {
            let sum = |read: &dyn Fn(&tls::counters::Counters) -> u64| {
                self.shards.iter().map(|shard| read(&shard.tls)).sum()
            };
            tls::counters::render(out, &self.servers, sum);
        }
    }

    fn render_connections(&self, out: &mut String) {
        let bytes = [
            ("{direction=\"in\"}", self.sum(|shard| &shard.request_bytes)),
            ("{direction=\"out\"}", self.sum(|shard| &shard.response_bytes)),
        ];
        let help = "Bytes of message bodies.";
        family(out, "sedge_http_server_body_bytes_total", "counter", help, bytes);
        let active = [("", self.connections_active())];
        family(out, "sedge_http_server_connections", "gauge", "Connections open.", active);
        let upgraded = [("", self.upgrades_active())];
        let help = "Connections that another protocol uses now.";
        family(out, "sedge_http_server_active_upgrades", "gauge", help, upgraded);
        let upgraded = [("", self.upgrades())];
        let help = "Connections that were switched to another protocol.";
        family(out, "sedge_http_server_upgrades_total", "counter", help, upgraded);
        let accepted = [
            ("{outcome=\"accepted\"}", self.connections_accepted()),
            ("{outcome=\"refused\"}", self.connections_refused()),
        ];
        let help = "Connections accepted and refused.";
        family(out, "sedge_http_server_connections_total", "counter", help, accepted);
    }

    fn render_duration(&self, out: &mut String) {
        let name = "http_server_request_duration_seconds";
        let all = || self.shards.iter().map(|shard| &shard.duration);
        header(out, name, "histogram", "From a request's head to the end of its answer.");
        for boundary in BOUNDARIES_S {
            let limit = Duration::from_secs_f64(boundary);
            let count: u64 = all().map(|histogram| histogram.count_at_most(limit)).sum();
            line(out, name, &format!("_bucket{{le=\"{boundary}\"}}"), count);
        }
        let count: u64 = all().map(Histogram::count).sum();
        line(out, name, "_bucket{le=\"+Inf\"}", count);
        let sum: Duration = all().map(Histogram::sum).sum();
        line(out, name, "_sum", sum.as_secs_f64());
        line(out, name, "_count", count);
    }
}

pub(crate) fn family<L: AsRef<str>>(
    out: &mut String,
    name: &str,
    kind: &str,
    help: &str,
    values: impl IntoIterator<Item = (L, u64)>,
) {
    header(out, name, kind, help);
    for (labels, value) in values {
        line(out, name, labels.as_ref(), value);
    }
}

/// Writing to a `String` cannot fail, so the results below are ignored.
fn header(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn line(out: &mut String, name: &str, labels: &str, value: impl std::fmt::Display) {
    let _ = writeln!(out, "{name}{labels} {value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_added_up_and_rendered() {
        let metrics = GatewayMetrics::new(2, Arc::new([]), Traces::off());
        for (thread, count) in [(0, 3), (1, 4)] {
            let shard = metrics.shard(thread);
            shard.responses[2].add(count);
            shard.requests_active.add(2);
            shard.requests_active.subtract(1);
            shard.failures.add(Kind::Overloaded);
            shard.duration.record(Duration::from_millis(3));
        }
        let mut text = String::new();
        metrics.render_prometheus(&mut text);
        for expected in [
            "# TYPE http_server_request_duration_seconds histogram\n",
            "http_server_request_duration_seconds_bucket{le=\"0.001\"} 0\n",
            "http_server_request_duration_seconds_bucket{le=\"0.005\"} 2\n",
            "http_server_request_duration_seconds_sum 0.006\n",
            "http_server_active_requests 2\n",
            "sedge_http_server_requests_total{http_response_status_class=\"2xx\"} 7\n",
            "sedge_failures_total{kind=\"overloaded\",blame=\"platform\"} 2\n",
        ] {
            assert!(text.contains(expected), "{expected} in\n{text}");
        }
        assert_eq!((metrics.requests(), metrics.shed()), (7, 2));
    }
}
