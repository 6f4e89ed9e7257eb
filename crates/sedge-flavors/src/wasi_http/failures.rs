//! Where the failures of one request go: the function's counters, and the
//! node's log, so that the trace id that a client was given leads somewhere.

use super::function::FunctionSpec;
use sedge_model::failure::{Blame, Failure, Kind};
use sedge_model::trace::TraceContext;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, LazyLock};
use std::time::Instant;

/// Lines per second, over all functions: a guest that always crashes must not
/// fill the disk. Counters are exact whatever the log leaves out.
const LINES_PER_SECOND_MAX: u64 = 20;

/// The failures of one request.
#[derive(Clone)]
pub(super) struct Failures {
    spec: Arc<FunctionSpec>,
    trace: TraceContext,
}

impl Failures {
    pub(super) fn new(spec: &Arc<FunctionSpec>, trace: TraceContext) -> Self {
        Failures { spec: spec.clone(), trace }
    }

    /// Counts a failure, and logs it if it is for whoever wrote the function.
    pub(super) fn record(&self, failure: &Failure) {
        self.spec.metrics.fail(failure.kind);
        let is_the_functions = failure.kind.blame() == Blame::Guest;
        let is_defect = failure.kind == Kind::Internal;
        if !(is_the_functions || is_defect) || !LINES.admit(START.elapsed().as_secs()) {
            return;
        }
        let (app, function) = (self.spec.app.as_str(), self.spec.name.as_str());
        let (kind, trace_id) = (failure.kind.label(), format!("{:032x}", self.trace.trace_id));
        if is_defect {
            tracing::error!(app, function, kind, trace_id, detail = %failure.detail, "request failed");
        } else {
            tracing::info!(app, function, kind, trace_id, detail = %failure.detail, "request failed");
        }
    }
}

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

static LINES: Window = Window(AtomicU64::new(0));

/// How many lines this second has had: the second above, the count below.
struct Window(AtomicU64);

impl Window {
    fn admit(&self, second: u64) -> bool {
        let count = |packed: u64| {
            let (then, lines) = (packed >> 32, packed & u64::from(u32::MAX));
            let lines = if then == second { lines } else { 0 };
            (lines < LINES_PER_SECOND_MAX).then_some(second << 32 | (lines + 1))
        };
        self.0.fetch_update(Relaxed, Relaxed, count).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_so_many_lines_and_the_next_one_has_them_again() {
        let window = Window(AtomicU64::new(0));
        let admitted = |second| (0..100).filter(|_| window.admit(second)).count() as u64;
        assert_eq!(admitted(7), LINES_PER_SECOND_MAX);
        assert_eq!(admitted(7), 0);
        assert_eq!(admitted(8), LINES_PER_SECOND_MAX);
    }
}
