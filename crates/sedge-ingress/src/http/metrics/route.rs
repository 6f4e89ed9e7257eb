//! What is counted for one rule. Plain routes of functions have none of this:
//! what they do is counted for their functions.

use super::{BOUNDARIES_S, family, header, line};
use sedge_model::failure::Kind;
use sedge_model::handler::Noted;
use sedge_model::metrics::Histogram;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Threads that have a shard of their own; more share.
const SHARDS: usize = 64;

/// The counters of one rule, over all revisions of its app. A thread's shard is
/// made with the first request that the thread answers by the rule.
pub struct RouteMetrics {
    shards: Box<[OnceLock<Box<Shard>>]>,
    copies: Arc<Copies>,
}

/// What became of copies to mirrors. They end apart from their requests, and on
/// threads of their own choice.
#[derive(Default)]
pub(crate) struct Copies {
    /// Begun.
    pub(crate) sent: AtomicU64,
    /// Not begun, because too many were under way, or given up, because they fell
    /// behind.
    pub(crate) dropped: AtomicU64,
    /// Failed, or not answered in time.
    pub(crate) failed: AtomicU64,
}

/// What one thread counts for one rule.
#[derive(Default)]
struct Shard {
    /// Answers whose status begins with 1 to 5; index 0: neither.
    responses: [AtomicU64; 6],
    duration: Histogram,
    retries: AtomicU64,
    retries_refused: AtomicU64,
    try_timeouts: AtomicU64,
    delays: AtomicU64,
    aborts: AtomicU64,
    failures: Failures,
}

/// In the order of [`Kind::ALL`].
struct Failures([AtomicU64; Kind::ALL.len()]);

impl Default for Failures {
    fn default() -> Self {
        Failures(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Default for RouteMetrics {
    fn default() -> Self {
        let shards = (0..SHARDS).map(|_| OnceLock::new()).collect();
        RouteMetrics { shards, copies: Arc::default() }
    }
}

impl RouteMetrics {
    /// Counts a request that has ended.
    pub(crate) fn record(
        &self,
        thread: usize,
        status: u16,
        duration: Duration,
        failed: Option<Kind>,
        noted: &Noted,
    ) {
        let shard = self.shards[thread % SHARDS].get_or_init(Box::default);
        let class = usize::from(status / 100);
        shard.responses[if class < 6 { class } else { 0 }].fetch_add(1, Relaxed);
        shard.duration.record(duration);
        if let Some(kind) = failed {
            shard.failures.0[kind as usize].fetch_add(1, Relaxed);
        }
        for (counter, amount) in [
            (&shard.retries, noted.retries),
            (&shard.retries_refused, noted.retry_refused.into()),
            (&shard.try_timeouts, noted.try_timeouts),
            (&shard.delays, noted.delay.is_some().into()),
            (&shard.aborts, noted.abort.is_some().into()),
        ] {
            if amount > 0 {
                counter.fetch_add(amount.into(), Relaxed);
            }
        }
    }

    /// Where the copies of its requests are counted.
    pub(crate) fn copies(&self) -> &Arc<Copies> {
        &self.copies
    }

    fn made(&self) -> impl Iterator<Item = &Shard> {
        self.shards.iter().filter_map(OnceLock::get).map(|shard| &**shard)
    }

    fn sum(&self, read: impl Fn(&Shard) -> &AtomicU64) -> u64 {
        self.made().map(|shard| read(shard).load(Relaxed)).sum()
    }

    /// Requests that have ended.
    pub fn requests(&self) -> u64 {
        (0..6).map(|class| self.responses(class)).sum()
    }

    /// Requests that ended with a status of this class (2 for 200 to 299).
    pub fn responses(&self, class: usize) -> u64 {
        self.sum(|shard| &shard.responses[class])
    }

    /// Tries beside the first of each request.
    pub fn retries(&self) -> u64 {
        self.sum(|shard| &shard.retries)
    }

    /// Requests that were held up on purpose.
    pub fn delays(&self) -> u64 {
        self.sum(|shard| &shard.delays)
    }

    /// Requests that were answered on purpose.
    pub fn aborts(&self) -> u64 {
        self.sum(|shard| &shard.aborts)
    }

    /// Copies that were begun.
    pub fn mirrored(&self) -> u64 {
        self.copies.sent.load(Relaxed)
    }

    /// Requests that ended with this kind of failure.
    pub fn failures(&self, kind: Kind) -> u64 {
        self.sum(|shard| &shard.failures.0[kind as usize])
    }

    /// Appends the families of all rules, each with the labels `app` and `route`,
    /// in Prometheus' text format. Names of apps and routes are of an alphabet
    /// that needs no escapes, and there are as many as the manifests declare.
    pub fn render_prometheus(rules: &[(&str, &str, Arc<RouteMetrics>)], out: &mut String) {
        if rules.is_empty() {
            return;
        }
        render_duration(rules, out);
        let classes = ["other", "1xx", "2xx", "3xx", "4xx", "5xx"];
        let responses = rules.iter().flat_map(|(app, route, metrics)| {
            classes.iter().enumerate().map(move |(class, name)| {
                let class_label = format!("http_response_status_class=\"{name}\"");
                let labels = format!("{{app=\"{app}\",route=\"{route}\",{class_label}}}");
                (labels, metrics.responses(class))
            })
        });
        let help = "Requests of a route that have ended, by class of status.";
        family(out, "sedge_route_requests_total", "counter", help, responses);
        render_counters(rules, out);
        let failures = rules.iter().flat_map(|(app, route, metrics)| {
            // A rule has few of all kinds.
            let seen = Kind::ALL.iter().filter(|&&kind| metrics.failures(kind) > 0);
            seen.map(move |&kind| {
                let (label, blame) = (kind.label(), kind.blame().as_str());
                let kinds = format!("kind=\"{label}\",blame=\"{blame}\"");
                (format!("{{app=\"{app}\",route=\"{route}\",{kinds}}}"), metrics.failures(kind))
            })
        });
        let help = "Requests of a route that have failed, by kind and by who is to blame.";
        family(out, "sedge_route_failures_total", "counter", help, failures);
    }
}

type Read = fn(&RouteMetrics) -> u64;

/// A family, its help, and its values, each with what tells it from the others.
type Counters = (&'static str, &'static str, &'static [(&'static str, Read)]);

/// What a policy has done, and what became of copies.
const COUNTERS: [Counters; 5] = [
    (
        "sedge_route_faults_injected_total",
        "Requests of a route that were held up or answered on purpose.",
        &[(",fault=\"delay\"", RouteMetrics::delays), (",fault=\"abort\"", RouteMetrics::aborts)],
    ),
    ("sedge_route_retries_total", "Tries beside the first.", &[("", RouteMetrics::retries)]),
    (
        "sedge_route_retries_refused_total",
        "Retries that were left out because the budget was used up.",
        &[("", |metrics| metrics.sum(|shard| &shard.retries_refused))],
    ),
    (
        "sedge_route_try_timeouts_total",
        "Tries without an answer in the time of one.",
        &[("", |metrics| metrics.sum(|shard| &shard.try_timeouts))],
    ),
    (
        "sedge_route_mirrored_total",
        "Copies of requests for mirrors.",
        &[
            (",outcome=\"sent\"", RouteMetrics::mirrored),
            (",outcome=\"dropped\"", |metrics| metrics.copies.dropped.load(Relaxed)),
            (",outcome=\"failed\"", |metrics| metrics.copies.failed.load(Relaxed)),
        ],
    ),
];

fn render_counters(rules: &[(&str, &str, Arc<RouteMetrics>)], out: &mut String) {
    for (name, help, values) in COUNTERS {
        let values = rules.iter().flat_map(|(app, route, metrics)| {
            values.iter().map(move |(label, read)| {
                (format!("{{app=\"{app}\",route=\"{route}\"{label}}}"), read(metrics))
            })
        });
        family(out, name, "counter", help, values);
    }
}

fn render_duration(rules: &[(&str, &str, Arc<RouteMetrics>)], out: &mut String) {
    let name = "sedge_route_request_duration_seconds";
    header(out, name, "histogram", "From a request's head to the end of its answer.");
    for (app, route, metrics) in rules {
        let labels = format!("app=\"{app}\",route=\"{route}\"");
        for boundary in BOUNDARIES_S {
            let limit = Duration::from_secs_f64(boundary);
            let count: u64 = metrics.made().map(|shard| shard.duration.count_at_most(limit)).sum();
            line(out, name, &format!("_bucket{{{labels},le=\"{boundary}\"}}"), count);
        }
        let count: u64 = metrics.made().map(|shard| shard.duration.count()).sum();
        let sum: Duration = metrics.made().map(|shard| shard.duration.sum()).sum();
        line(out, name, &format!("_bucket{{{labels},le=\"+Inf\"}}"), count);
        let _ = writeln!(out, "{name}_sum{{{labels}}} {}", sum.as_secs_f64());
        let _ = writeln!(out, "{name}_count{{{labels}}} {count}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_rendered_without_rules() {
        let mut text = String::new();
        RouteMetrics::render_prometheus(&[], &mut text);
        assert_eq!(text, "");
    }

    #[test]
    fn threads_are_added_up() {
        let metrics = Arc::new(RouteMetrics::default());
        let delay = Some(Duration::ZERO);
        let noted = Noted { retries: 2, try_timeouts: 3, delay, ..Noted::default() };
        let refused = Noted { retry_refused: true, ..Noted::default() };
        let time = Duration::from_millis(3);
        metrics.record(0, 200, time, None, &noted);
        metrics.record(1, 503, time, Some(Kind::ConcurrencyLimit), &Noted::default());
        metrics.record(1 + SHARDS, 999, time, Some(Kind::ConcurrencyLimit), &refused);
        metrics.copies().dropped.fetch_add(4, Relaxed);
        let mut text = String::new();
        RouteMetrics::render_prometheus(&[("a", "b", Arc::clone(&metrics))], &mut text);
        for expected in [
            "# TYPE sedge_route_request_duration_seconds histogram\n",
            "sedge_route_request_duration_seconds_bucket{app=\"a\",route=\"b\",le=\"0.001\"} 0\n",
            "sedge_route_request_duration_seconds_bucket{app=\"a\",route=\"b\",le=\"0.005\"} 3\n",
            "sedge_route_request_duration_seconds_count{app=\"a\",route=\"b\"} 3\n",
            "sedge_route_requests_total{app=\"a\",route=\"b\",http_response_status_class=\"5xx\"} 1\n",
            "sedge_route_retries_total{app=\"a\",route=\"b\"} 2\n",
            "sedge_route_retries_refused_total{app=\"a\",route=\"b\"} 1\n",
            "sedge_route_try_timeouts_total{app=\"a\",route=\"b\"} 3\n",
            "sedge_route_faults_injected_total{app=\"a\",route=\"b\",fault=\"delay\"} 1\n",
            "sedge_route_faults_injected_total{app=\"a\",route=\"b\",fault=\"abort\"} 0\n",
            "sedge_route_mirrored_total{app=\"a\",route=\"b\",outcome=\"dropped\"} 4\n",
            "sedge_route_failures_total{app=\"a\",route=\"b\",kind=\"concurrency_limit\",blame=\"platform\"} 2\n",
        ] {
            assert!(text.contains(expected), "{expected} in\n{text}");
        }
        assert_eq!(metrics.requests(), 3);
    }
}
