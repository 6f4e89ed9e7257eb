//! What is counted of requests with readings.

use crate::admin::exposition::{Exposition, Labels, Type};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What requests may come to.
const OUTCOMES: [&str; 11] = [
    "stored",
    "bad_request",
    "media_type",
    "too_large",
    "unauthorized",
    "forbidden",
    "too_old",
    "full",
    "busy",
    "failed",
    "aborted",
];

/// Requests since the node started, by what they came to.
#[derive(Debug, Default)]
pub(crate) struct IngestFigures {
    outcomes: [AtomicU64; OUTCOMES.len()],
}

impl IngestFigures {
    pub(super) fn count(&self, outcome: &str) {
        if let Some(index) = OUTCOMES.iter().position(|one| *one == outcome) {
            self.outcomes[index].fetch_add(1, Relaxed);
        }
    }

    /// Appends them to a page.
    pub(crate) fn render(&self, page: &mut Exposition) {
        let name = "sedge_ingest_requests_total";
        page.metric(name, Type::Counter, "Requests with readings, by what they came to.");
        for (outcome, count) in OUTCOMES.iter().zip(&self.outcomes) {
            page.sample(name, &Labels::new(&[("outcome", outcome)]), count.load(Relaxed));
        }
    }
}
