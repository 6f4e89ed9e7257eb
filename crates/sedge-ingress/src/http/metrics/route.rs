//! What is counted for one rule. Plain routes of functions have none of this:
//! what they do is counted for their functions.

use super::{BOUNDARIES_S, family, header, line};
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
}

/// What one thread counts for one rule.
#[derive(Default)]
struct Shard {
    /// Answers whose status begins with 1 to 5; index 0: neither.
    responses: [AtomicU64; 6],
    duration: Histogram,
    retries: AtomicU64,
    delays: AtomicU64,
    aborts: AtomicU64,
    mirrored: AtomicU64,
}

impl Default for RouteMetrics {
    fn default() -> Self {
        RouteMetrics { shards: (0..SHARDS).map(|_| OnceLock::new()).collect() }
    }
}

impl RouteMetrics {
    /// Counts a request that has ended.
    pub(crate) fn record(&self, thread: usize, status: u16, duration: Duration, noted: &Noted) {
        let shard = self.shards[thread % SHARDS].get_or_init(Box::default);
        let class = usize::from(status / 100);
        shard.responses[if class < 6 { class } else { 0 }].fetch_add(1, Relaxed);
        shard.duration.record(duration);
        if noted.tries > 1 {
            shard.retries.fetch_add(u64::from(noted.tries - 1), Relaxed);
        }
        if noted.delay.is_some() {
            shard.delays.fetch_add(1, Relaxed);
        }
        if noted.abort.is_some() {
            shard.aborts.fetch_add(1, Relaxed);
        }
        if noted.mirrored > 0 {
            shard.mirrored.fetch_add(u64::from(noted.mirrored), Relaxed);
        }
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

    /// Copies that were sent to mirrors.
    pub fn mirrored(&self) -> u64 {
        self.sum(|shard| &shard.mirrored)
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
        type Read = fn(&RouteMetrics) -> u64;
        let counters: [(&str, &str, Read); 4] = [
            ("sedge_route_retries_total", "Tries beside the first.", RouteMetrics::retries),
            ("sedge_route_delays_total", "Requests held up on purpose.", RouteMetrics::delays),
            ("sedge_route_aborts_total", "Requests answered on purpose.", RouteMetrics::aborts),
            ("sedge_route_mirrored_total", "Copies sent to mirrors.", RouteMetrics::mirrored),
        ];
        for (name, help, read) in counters {
            let values = rules.iter().map(|(app, route, metrics)| {
                (format!("{{app=\"{app}\",route=\"{route}\"}}"), read(metrics))
            });
            family(out, name, "counter", help, values);
        }
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
        let noted = Noted { tries: 3, delay: Some(Duration::ZERO), ..Noted::default() };
        metrics.record(0, 200, Duration::from_millis(3), &noted);
        metrics.record(1, 503, Duration::from_millis(3), &Noted::default());
        metrics.record(1 + SHARDS, 999, Duration::from_millis(3), &Noted::default());
        let mut text = String::new();
        RouteMetrics::render_prometheus(&[("a", "b", Arc::clone(&metrics))], &mut text);
        for expected in [
            "# TYPE sedge_route_request_duration_seconds histogram\n",
            "sedge_route_request_duration_seconds_bucket{app=\"a\",route=\"b\",le=\"0.001\"} 0\n",
            "sedge_route_request_duration_seconds_bucket{app=\"a\",route=\"b\",le=\"0.005\"} 3\n",
            "sedge_route_request_duration_seconds_count{app=\"a\",route=\"b\"} 3\n",
            "sedge_route_requests_total{app=\"a\",route=\"b\",http_response_status_class=\"5xx\"} 1\n",
            "sedge_route_retries_total{app=\"a\",route=\"b\"} 2\n",
            "sedge_route_delays_total{app=\"a\",route=\"b\"} 1\n",
            "sedge_route_aborts_total{app=\"a\",route=\"b\"} 0\n",
        ] {
            assert!(text.contains(expected), "{expected} in\n{text}");
        }
        assert_eq!(metrics.requests(), 3);
    }
}
