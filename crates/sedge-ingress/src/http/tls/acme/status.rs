//! How it stands with a certificate that is got by ACME.

use super::failure::{Failure, Reason};
use super::schedule;
use crate::http::access::rfc3339;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

/// What is known of the attempts.
#[derive(Debug)]
pub(crate) struct Status {
    /// Failures since the last success.
    pub(crate) failures: u32,
    /// No attempt before this, by our own patience.
    pub(crate) patient_until: SystemTime,
    /// No attempt before this, because the authority has asked for that.
    pub(crate) demanded_until: SystemTime,
    /// Whether an order is under way.
    pub(crate) ordering: bool,
    /// The last failure since the last success, and when it was.
    pub(crate) last: Option<(SystemTime, Reason, String)>,
    /// When the next attempt is planned.
    pub(crate) next: Option<SystemTime>,
    /// Certificates that were got since the start.
    pub(crate) issued: u64,
    /// Failed attempts since the start, by reason.
    pub(crate) failed: [u64; Reason::ALL.len()],
}

impl Default for Status {
    fn default() -> Self {
        Status {
            failures: 0,
            patient_until: SystemTime::UNIX_EPOCH,
            demanded_until: SystemTime::UNIX_EPOCH,
            ordering: false,
            last: None,
            next: None,
            issued: 0,
            failed: [0; Reason::ALL.len()],
        }
    }
}

impl Status {
    pub(super) fn succeeded(&mut self, now: SystemTime) {
        self.failures = 0;
        self.last = None;
        self.issued += 1;
        self.patient_until = SystemTime::UNIX_EPOCH;
        self.demanded_until = now + schedule::PAUSE;
    }

    /// No attempt before this.
    pub(super) fn wait_until(&self) -> SystemTime {
        self.patient_until.max(self.demanded_until)
    }

    /// Notes a failure, and gives how long to wait.
    pub(super) fn failed(&mut self, now: SystemTime, failure: &Failure, chance: f64) -> Duration {
        self.failures = self.failures.saturating_add(1);
        self.failed[failure.reason as usize] += 1;
        let own = schedule::backoff(self.failures, chance);
        let demanded = failure.retry_after.unwrap_or_default().min(schedule::WAIT_MAX);
        self.patient_until = now + own;
        self.demanded_until = now + demanded;
        self.last = Some((now, failure.reason, failure.text.clone()));
        own.max(demanded)
    }

    /// Ends our own patience; what the authority asks for is kept even if
    /// somebody is in a hurry.
    pub(super) fn forgive(&mut self) {
        self.patient_until = SystemTime::UNIX_EPOCH;
    }

    /// For the admin pages.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "state": match (self.ordering, &self.last) {
                (true, _) => "ordering",
                (false, Some(_)) => "failing",
                (false, None) => "waiting",
            },
            "next_attempt": self.next.map(rfc3339),
            "issued": self.issued,
            "failures_in_a_row": self.failures,
            "last_error": self.last.as_ref().map(|(when, reason, text)| json!({
                "time": rfc3339(*when),
                "reason": reason.label(),
                "detail": text,
            })),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_authority_asks_for_is_kept_and_bounded() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let mut status = Status::default();
        let mut failure = Failure::new(Reason::RateLimited, "slower");
        failure.retry_after = Some(Duration::MAX);
        assert_eq!(status.failed(now, &failure, 0.5), schedule::WAIT_MAX);
        status.forgive();
        assert_eq!(status.wait_until(), now + schedule::WAIT_MAX);
        failure.retry_after = Some(Duration::from_secs(1));
        assert!(status.failed(now, &failure, 0.5) > Duration::from_secs(100));
        assert_eq!(status.failures, 2);
    }

    #[test]
    fn our_own_patience_can_be_cut_short() {
        let now = SystemTime::now();
        let mut status = Status::default();
        status.failed(now, &Failure::new(Reason::Connect, "refused"), 0.5);
        assert!(status.wait_until() > now);
        status.forgive();
        assert!(status.wait_until() <= now);
        status.succeeded(now);
        assert!(status.failures == 0 && status.last.is_none() && status.wait_until() > now);
    }
}
