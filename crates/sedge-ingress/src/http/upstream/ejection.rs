//! Passive health: an endpoint that answers badly is left out for a while
//! (Envoy's outlier detection).

use sedge_model::routing::upstream::Outliers;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// What a try ended with, for its endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// An answer with this status.
    Status(u16),
    /// No connection, or one that broke.
    LocalFailure,
    /// No answer in time.
    Timeout,
}

/// The state of one endpoint.
#[derive(Default)]
pub(super) struct Ejection {
    server_errors: AtomicU32,
    gateway_errors: AtomicU32,
    local_failures: AtomicU32,
    /// Milliseconds since the upstream began; well from then on. 0: never
    /// ejected, or well.
    until_ms: AtomicU64,
    /// How often it was ejected, less one for each interval that it was well.
    times: AtomicU32,
    /// When it was last ejected, or when `times` was last lowered.
    changed_ms: AtomicU64,
    /// Ejections, for the metrics.
    pub(super) total: AtomicU64,
}

impl Ejection {
    pub(super) fn is_ejected(&self, now_ms: u64) -> bool {
        self.until_ms.load(Relaxed) > now_ms
    }

    /// Takes a verdict in. Whether the endpoint is to be ejected.
    pub(super) fn note(&self, outliers: &Outliers, verdict: Verdict) -> bool {
        let (server, gateway, local) = match verdict {
            Verdict::Status(status) => (status >= 500, (502..=504).contains(&status), false),
            Verdict::Timeout => (true, true, false),
            Verdict::LocalFailure => (true, true, true),
        };
        let count = |counter: &AtomicU32, is_bad: bool, max: u32| {
            if !is_bad {
                // Nearly always so already: then no cache line is written.
                if counter.load(Relaxed) != 0 {
                    counter.store(0, Relaxed);
                }
                return false;
            }
            counter.fetch_add(1, Relaxed) + 1 >= max && max > 0
        };
        let by_server = count(&self.server_errors, server, outliers.consecutive_server_errors);
        let by_gateway = count(&self.gateway_errors, gateway, outliers.consecutive_gateway_errors);
        let by_local = count(&self.local_failures, local, outliers.consecutive_local_failures);
        by_server || by_gateway || by_local
    }

    /// Leaves the endpoint out: the n-th time for n times the base.
    pub(super) fn eject(&self, outliers: &Outliers, now_ms: u64) {
        let interval = millis(outliers.interval).max(1);
        let well = now_ms.saturating_sub(self.changed_ms.load(Relaxed)) / interval;
        let well = u32::try_from(well).unwrap_or(u32::MAX);
        let times = self.times.load(Relaxed).saturating_sub(well).saturating_add(1);
        let time = outliers.base_ejection.saturating_mul(times).min(outliers.ejection_max);
        let until = now_ms.saturating_add(millis(time));
        self.times.store(times, Relaxed);
        self.changed_ms.store(until, Relaxed);
        self.until_ms.store(until, Relaxed);
        self.total.fetch_add(1, Relaxed);
        for counter in [&self.server_errors, &self.gateway_errors, &self.local_failures] {
            counter.store(0, Relaxed);
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outliers() -> Outliers {
        Outliers {
            always_one: true,
            consecutive_server_errors: 5,
            consecutive_gateway_errors: 3,
            consecutive_local_failures: 2,
            interval: Duration::from_secs(10),
            base_ejection: Duration::from_secs(30),
            ejection_max: Duration::from_secs(70),
            ejected_percent_max: 50,
            panic_percent: 0,
        }
    }

    #[test]
    fn bad_answers_count_only_in_a_row() {
        use Verdict::{LocalFailure, Status, Timeout};
        for (verdicts, ejected_at) in [
            (vec![Status(500); 6], Some(4)),
            (vec![Status(503); 4], Some(2)),
            (vec![Timeout; 4], Some(2)),
            (vec![LocalFailure; 4], Some(1)),
            (vec![Status(404); 50], None),
            ([Status(503), Status(503), Status(200)].repeat(9), None),
        ] {
            let ejection = Ejection::default();
            let at = verdicts.iter().position(|&verdict| ejection.note(&outliers(), verdict));
            assert_eq!(at, ejected_at, "{verdicts:?}");
        }
        let off = Outliers { consecutive_gateway_errors: 0, ..outliers() };
        let ejection = Ejection::default();
        assert!((0..4).all(|_| !ejection.note(&off, Status(503))));
    }

    #[test]
    fn ejections_grow_and_are_forgiven() {
        let (ejection, outliers) = (Ejection::default(), outliers());
        let ejected_for = |now| {
            ejection.eject(&outliers, now);
            ejection.until_ms.load(Relaxed) - now
        };
        assert_eq!(ejected_for(1_000), 30_000);
        assert!(ejection.is_ejected(30_999) && !ejection.is_ejected(31_000));
        assert_eq!(ejected_for(31_000), 60_000);
        assert_eq!(ejected_for(91_000), 70_000);
        // Four intervals without an ejection forgive all three.
        assert_eq!(ejected_for(161_000 + 40_000), 30_000);
    }
}
