//! Where traces are sent, and the bounds of it.

use http::{HeaderMap, Uri};
use sedge_model::trace::sampler::Sampler;
use std::path::PathBuf;
use std::time::Duration;

/// Where traces are sent, and how.
#[derive(Clone, Debug)]
pub struct TraceOptions {
    /// The collector: `http` or `https`, host, and the path that takes traces.
    pub endpoint: Uri,
    /// Fields that each request to it carries; those that are secret are marked
    /// as sensitive, and print as such.
    pub headers: HeaderMap,
    /// PEM files of authorities that are trusted besides Mozilla's.
    pub trusted_roots: Vec<PathBuf>,
    /// Which traces are recorded.
    pub sampler: Sampler,
    /// What is known of the node: `service.name` and the like.
    pub resource: Vec<(String, String)>,
    /// For one request to the collector, connecting included.
    pub timeout: Duration,
    /// The longest time that a span waits for others to share its batch.
    pub delay: Duration,
    /// Spans of one request to the collector.
    pub batch_spans_max: usize,
    /// Spans that wait, over all threads.
    pub queue_spans_max: usize,
    /// How long one batch is tried again before it is given up.
    pub retry_max: Duration,
}

impl TraceOptions {
    /// Everything that is not said is as OpenTelemetry's SDKs have it.
    pub fn new(endpoint: Uri) -> Self {
        TraceOptions {
            endpoint,
            headers: HeaderMap::new(),
            trusted_roots: Vec::new(),
            sampler: Sampler::default(),
            resource: Vec::new(),
            timeout: Duration::from_secs(10),
            delay: Duration::from_secs(1),
            batch_spans_max: 512,
            queue_spans_max: 8_192,
            retry_max: Duration::from_secs(60),
        }
    }
}
