//! What became of spans.

use sedge_model::trace::queue::SpanCounters;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What became of spans that left their queue, and of the requests that carried
/// them.
#[derive(Default)]
pub(super) struct Counters {
    /// Spans that the collector took.
    pub(super) exported: AtomicU64,
    /// Spans that the collector took a batch of, but not them.
    pub(super) rejected: AtomicU64,
    /// Spans of batches that were refused or given up.
    pub(super) failed: AtomicU64,
    /// Requests that were answered with success.
    pub(super) accepted: AtomicU64,
    /// Requests that failed in a way that is tried again.
    pub(super) retried: AtomicU64,
    /// Requests that failed for good.
    pub(super) refused: AtomicU64,
}

impl Counters {
    pub(super) fn render(&self, ended: &SpanCounters, text: &mut String) {
        let name = "sedge_traces_spans_total";
        let _ = writeln!(text, "# HELP {name} Spans that have ended, by what became of them.");
        let _ = writeln!(text, "# TYPE {name} counter");
        for (outcome, count) in [
            ("exported", &self.exported),
            ("rejected", &self.rejected),
            ("failed", &self.failed),
            ("queue_full", &ended.dropped_queue_full),
            ("request_limit", &ended.dropped_request_limit),
        ] {
            let _ = writeln!(text, "{name}{{outcome=\"{outcome}\"}} {}", count.load(Relaxed));
        }
        let name = "sedge_traces_requests_total";
        let _ = writeln!(text, "# HELP {name} Requests to the collector of traces.");
        let _ = writeln!(text, "# TYPE {name} counter");
        for (outcome, count) in
            [("accepted", &self.accepted), ("retried", &self.retried), ("refused", &self.refused)]
        {
            let _ = writeln!(text, "{name}{{outcome=\"{outcome}\"}} {}", count.load(Relaxed));
        }
    }
}
