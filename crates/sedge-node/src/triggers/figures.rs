//! What is counted of triggers, by `app/function`.

use crate::admin::exposition::{Exposition, Labels, Type};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

/// The counters of all consumers; cheap to clone. They stay when a consumer goes.
#[derive(Clone, Default)]
pub(crate) struct TriggerFigures(Arc<Mutex<BTreeMap<String, Arc<ConsumerFigures>>>>);

/// The counters of one.
#[derive(Default)]
pub(super) struct ConsumerFigures {
    pub(super) handled: AtomicU64,
    pub(super) retried: AtomicU64,
    pub(super) dead: AtomicU64,
    pub(super) lost: AtomicU64,
    pub(super) batches: AtomicU64,
    pub(super) conflicts: AtomicU64,
    pub(super) unavailable: AtomicU64,
    pub(super) commits: AtomicU64,
    pub(super) commit_errors: AtomicU64,
    pub(super) ticks: AtomicU64,
    pub(super) ticks_failed: AtomicU64,
    pub(super) ticks_given_up: AtomicU64,
    pub(super) ticks_missed: AtomicU64,
    /// Messages in the window.
    pub(super) open: AtomicU64,
    /// The first position that is not done with.
    pub(super) low: AtomicU64,
    /// Bytes of state that the tables do not have.
    pub(super) unwritten_bytes: AtomicU64,
    stopped: Mutex<Option<String>>,
}

impl ConsumerFigures {
    /// It handles nothing any more, for this reason.
    pub(super) fn stopped(&self, reason: String) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
    }

    /// It begins, perhaps again.
    pub(super) fn started(&self) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn is_stopped(&self) -> bool {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}

impl TriggerFigures {
    /// Those of one consumer.
    pub(super) fn of(&self, name: &str) -> Arc<ConsumerFigures> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(name.to_owned()).or_default())
    }

    /// Appends them to the page of metrics; nothing, if no function has a trigger.
    pub(crate) fn render(&self, page: &mut Exposition) {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if all.is_empty() {
            return;
        }
        let labels: Vec<_> = all
            .iter()
            .filter_map(|(name, figures)| {
                let (app, function) = name.split_once('/')?;
                Some((Labels::new(&[("app", app), ("function", function)]), figures))
            })
            .collect();
        let name = "sedge_trigger_messages_total";
        page.metric(name, Type::Counter, "Messages of triggers, by what became of them.");
        for (labels, figures) in &labels {
            for (outcome, count) in [
                ("handled", &figures.handled),
                ("retried", &figures.retried),
                ("dead", &figures.dead),
                ("lost", &figures.lost),
            ] {
                page.sample(name, &labels.with("outcome", outcome), count.load(Relaxed));
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

type Figure = (&'static str, Type, &'static str, fn(&ConsumerFigures) -> u64);

const FIGURES: &[Figure] = &[
    (
        "sedge_trigger_batches_total",
        Type::Counter,
        "Batches that functions were called with.",
        |f| f.batches.load(Relaxed),
    ),
    (
        "sedge_trigger_conflicts_total",
        Type::Counter,
        "Calls that were run again because another one had changed the same state.",
        |f| f.conflicts.load(Relaxed),
    ),
    (
        "sedge_trigger_unavailable_total",
        Type::Counter,
        "Calls that the node could not make, and makes later.",
        |f| f.unavailable.load(Relaxed),
    ),
    (
        "sedge_trigger_commits_total",
        Type::Counter,
        "Batches of the log with what functions have brought about.",
        |f| f.commits.load(Relaxed),
    ),
    (
        "sedge_trigger_commit_errors_total",
        Type::Counter,
        "Those that the log did not take, and is handed again.",
        |f| f.commit_errors.load(Relaxed),
    ),
    ("sedge_trigger_ticks_total", Type::Counter, "Calls by the clock.", |f| f.ticks.load(Relaxed)),
    ("sedge_trigger_ticks_failed_total", Type::Counter, "Calls by the clock that failed.", |f| {
        f.ticks_failed.load(Relaxed)
    }),
    (
        "sedge_trigger_ticks_given_up_total",
        Type::Counter,
        "Calls by the clock that failed and are not made again.",
        |f| f.ticks_given_up.load(Relaxed),
    ),
    (
        "sedge_trigger_ticks_missed_total",
        Type::Counter,
        "Calls by the clock that were due and were not made.",
        |f| f.ticks_missed.load(Relaxed),
    ),
    (
        "sedge_trigger_open_messages",
        Type::Gauge,
        "Messages that were read and are not done with.",
        |f| f.open.load(Relaxed),
    ),
    (
        "sedge_trigger_position",
        Type::Gauge,
        "Position in the log of the first message that is not done with.",
        |f| f.low.load(Relaxed),
    ),
    (
        "sedge_trigger_state_unwritten_bytes",
        Type::Gauge,
        "Bytes of state that are in the log and in memory, and not yet in the tables.",
        |f| f.unwritten_bytes.load(Relaxed),
    ),
    (
        "sedge_trigger_stopped",
        Type::Gauge,
        "1 if nothing is handled any more, because the log has failed.",
        |f| f.is_stopped().into(),
    ),
];
