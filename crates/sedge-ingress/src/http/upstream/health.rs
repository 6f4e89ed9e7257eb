//! Active health: every endpoint is asked whether it is well, whether it has
//! traffic or not.
//!
//! Endpoints are asked by a thread of its own, so that neither do checks hold up
//! requests nor requests checks. A check has a connection of its own, outside of
//! the pool's bounds: it says whether the next connection will do.

mod check;

use super::Service;
use sedge_model::routing::upstream::HealthCheck;
use sedge_model::trace::random;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, SystemTime};
use tokio::runtime::Handle;

/// What is known of an endpoint by asking it. It is well until a check has ended,
/// because a deployment must not wait for its upstreams; the first check decides
/// alone.
#[derive(Default)]
pub(super) struct Health {
    is_down: AtomicBool,
    /// Checks in a row that differ from what is known.
    streak: AtomicU32,
    pub(super) checks: AtomicU64,
    pub(super) failures: AtomicU64,
    /// The number of the service whose checks count.
    owner: AtomicU64,
    last: Mutex<Option<Checked>>,
}

/// What a check ended with.
#[derive(Clone, Debug)]
pub(super) struct Checked {
    pub(super) at: SystemTime,
    /// Why it failed.
    pub(super) wrong: Option<String>,
}

impl Health {
    pub(super) fn is_down(&self) -> bool {
        self.is_down.load(Relaxed)
    }

    /// The last check.
    pub(super) fn last(&self) -> Option<Checked> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes a check in. Whether what is known has changed.
    fn note(&self, settings: &HealthCheck, wrong: Option<String>) -> bool {
        let (is_bad, is_first) = (wrong.is_some(), self.checks.fetch_add(1, Relaxed) == 0);
        self.failures.fetch_add(u64::from(is_bad), Relaxed);
        let checked = Checked { at: SystemTime::now(), wrong };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(checked);
        if is_bad == self.is_down() {
            self.streak.store(0, Relaxed);
            return false;
        }
        let enough = if is_bad { settings.unhealthy_after } else { settings.healthy_after };
        if self.streak.fetch_add(1, Relaxed) + 1 < enough && !is_first {
            return false;
        }
        self.streak.store(0, Relaxed);
        self.is_down.store(is_bad, Relaxed);
        true
    }

    /// Nobody asks any more: what was known does not count.
    fn forget(&self) {
        self.is_down.store(false, Relaxed);
        self.streak.store(0, Relaxed);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Service {
    /// Begins to ask the endpoints, in the place of whoever asked them before.
    pub(super) fn begin_checks(self: &Arc<Self>) {
        for (index, endpoint) in self.endpoints.iter().enumerate() {
            if endpoint.health.owner.swap(self.number, Relaxed) == self.number {
                continue;
            }
            match (&self.settings.health, checker()) {
                (Some(settings), Some(checker)) => {
                    let watch = watch(Arc::downgrade(self), index, settings.clone());
                    checker.spawn(watch);
                }
                (Some(_), None) => tracing::error!(
                    upstream = %self.name,
                    "there is no thread for health checks; endpoints are taken to be well"
                ),
                (None, _) => endpoint.health.forget(),
            }
        }
    }
}

/// The thread that asks; made when it is first needed. `None` if the system has
/// no more threads.
fn checker() -> Option<&'static Handle> {
    static CHECKER: OnceLock<Option<Handle>> = OnceLock::new();
    let begin = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
        let handle = runtime.handle().clone();
        let thread = std::thread::Builder::new().name("health".to_owned());
        thread.spawn(move || runtime.block_on(std::future::pending::<()>())).ok()?;
        Some(handle)
    };
    CHECKER.get_or_init(begin).as_ref()
}

/// Asks one endpoint again and again, until its upstream is gone or another asks.
async fn watch(service: Weak<Service>, index: usize, settings: HealthCheck) {
    // Not all at once, and soon.
    tokio::time::sleep(settings.interval.min(Duration::from_secs(1)).mul_f64(share() / 10.0)).await;
    while let Some(service) = service.upgrade() {
        let endpoint = &service.endpoints[index];
        let is_mine = || endpoint.health.owner.load(Relaxed) == service.number;
        if !is_mine() {
            return;
        }
        let late = tokio::time::Instant::now() + settings.timeout;
        let checked = tokio::time::timeout_at(late, check::check(&service, index, &settings, late));
        let late = || Err(format!("no answer within {} ms", settings.timeout.as_millis()));
        let checked = checked.await.unwrap_or_else(|_| late());
        if !is_mine() {
            return;
        }
        if endpoint.health.note(&settings, checked.as_ref().err().cloned()) {
            let (upstream, endpoint) = (&service.name, &endpoint.label);
            match checked {
                Ok(()) => tracing::info!(%upstream, %endpoint, "endpoint is well again"),
                Err(reason) => tracing::warn!(%upstream, %endpoint, reason, "endpoint is not well"),
            }
        }
        drop(service);
        tokio::time::sleep(settings.interval.mul_f64(0.9 + share() / 5.0)).await;
    }
}

/// From 0 to 1.
fn share() -> f64 {
    (random::nonzero() >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> HealthCheck {
        HealthCheck {
            path: "/".to_owned(),
            host: None,
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            healthy_after: 2,
            unhealthy_after: 3,
            statuses: Vec::new(),
        }
    }

    /// Whether it is down after each of these checks; `x` is a bad one.
    fn after(checks: &str) -> String {
        let health = Health::default();
        let down = checks.chars().map(|check| {
            health.note(&settings(), (check == 'x').then(|| "bad".to_owned()));
            if health.is_down() { 'd' } else { '.' }
        });
        down.collect()
    }

    #[test]
    fn the_first_check_decides_alone_and_then_only_several_in_a_row() {
        assert_eq!(after("x"), "d");
        assert_eq!(after("xoo"), "dd.");
        assert_eq!(after("oxxoxxx"), "......d");
        assert_eq!(after("xoxoxoo"), "dddddd.");
        assert_eq!(after("oxoxoxox"), "........");
    }

    #[test]
    fn what_is_forgotten_does_not_count() {
        let health = Health::default();
        assert!(health.note(&settings(), Some("bad".to_owned())) && health.is_down());
        health.forget();
        assert!(!health.is_down() && health.last().is_none());
    }
}
