//! What is counted of windows.

use super::row::{REASONS, Reason};
use crate::admin::exposition::{Exposition, Labels, Type};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

/// The counters of all windows; cheap to clone. They stay when a window goes.
#[derive(Clone, Default)]
pub(crate) struct WindowFigures(Arc<Mutex<ByName>>);

/// By app and window.
type ByName = BTreeMap<(String, String), Arc<Figures>>;

/// The counters of one.
#[derive(Default)]
pub(super) struct Figures {
    pub(super) added: AtomicU64,
    aside: [AtomicU64; REASONS.len()],
    pub(super) results: AtomicU64,
    pub(super) results_late: AtomicU64,
    pub(super) held: AtomicU64,
    pub(super) forgotten: AtomicU64,
    pub(super) lost: AtomicU64,
    pub(super) commits: AtomicU64,
    pub(super) commit_errors: AtomicU64,
    pub(super) keys: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) position: AtomicU64,
    stopped: Mutex<Option<String>>,
}

impl Figures {
    /// So many events are in no window, for this reason. Whether they are the first.
    pub(super) fn aside(&self, reason: Reason, count: u64) -> bool {
        let place = REASONS.iter().position(|name| *name == reason.name()).unwrap_or(0);
        self.aside[place].fetch_add(count, Relaxed) == 0
    }

    /// It runs no more, for this reason; or begins, perhaps again.
    pub(super) fn stopped(&self, reason: Option<String>) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = reason;
    }

    fn is_stopped(&self) -> bool {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}

impl WindowFigures {
    /// Those of one window.
    pub(super) fn of(&self, app: &str, window: &str) -> Arc<Figures> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry((app.to_owned(), window.to_owned())).or_default())
    }

    /// Appends them to the page of metrics; nothing, if there was no window.
    pub(crate) fn render(&self, page: &mut Exposition) {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if all.is_empty() {
            return;
        }
        let labels = all.iter().map(|((app, window), figures)| {
            (Labels::new(&[("app", app), ("window", window)]), figures)
        });
        let labels: Vec<_> = labels.collect();
        let name = "sedge_window_events_total";
        page.metric(name, Type::Counter, "Events of windows, by what became of them.");
        for (labels, figures) in &labels {
            page.sample(name, &labels.with("outcome", "added"), figures.added.load(Relaxed));
            for (reason, count) in REASONS.iter().zip(&figures.aside) {
                page.sample(name, &labels.with("outcome", reason), count.load(Relaxed));
            }
        }
        for (name, kind, help, value) in FIGURES {
            page.metric(name, *kind, help);
            for (labels, figures) in &labels {
                page.sample(name, labels, value(figures));
            }
        }
    }
}

type Figure = (&'static str, Type, &'static str, fn(&Figures) -> u64);

const FIGURES: &[Figure] = &[
    ("sedge_window_results_total", Type::Counter, "Results of windows.", |f| {
        f.results.load(Relaxed)
    }),
    (
        "sedge_window_results_late_total",
        Type::Counter,
        "Those that replace one of the same window, because an event came late.",
        |f| f.results_late.load(Relaxed),
    ),
    (
        "sedge_window_results_held_total",
        Type::Counter,
        "Results that were not told, because they said nothing new.",
        |f| f.held.load(Relaxed),
    ),
    (
        "sedge_window_keys_forgotten_total",
        Type::Counter,
        "Keys that were silent and made room for others.",
        |f| f.forgotten.load(Relaxed),
    ),
    (
        "sedge_window_lost_total",
        Type::Counter,
        "Positions of the log that were gone before the window had read them.",
        |f| f.lost.load(Relaxed),
    ),
    (
        "sedge_window_commits_total",
        Type::Counter,
        "Batches of the log with what windows have brought about.",
        |f| f.commits.load(Relaxed),
    ),
    (
        "sedge_window_commit_errors_total",
        Type::Counter,
        "Those that the log did not take, and is handed again.",
        |f| f.commit_errors.load(Relaxed),
    ),
    ("sedge_window_keys", Type::Gauge, "Keys of which something is kept.", |f| {
        f.keys.load(Relaxed)
    }),
    ("sedge_window_bytes", Type::Gauge, "Bytes of keys and open windows in memory.", |f| {
        f.bytes.load(Relaxed)
    }),
    (
        "sedge_window_position",
        Type::Gauge,
        "Position in the log below which all is in its windows, or aside.",
        |f| f.position.load(Relaxed),
    ),
    (
        "sedge_window_stopped",
        Type::Gauge,
        "1 if the window runs no more, because its state or the log has failed.",
        |f| f.is_stopped().into(),
    ),
];
