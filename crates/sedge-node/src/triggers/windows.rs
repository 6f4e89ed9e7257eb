//! Windows over the messages of the node's log: those that apps declare are run here, by the
//! operator of `sedge_kit::windows`.
//!
//! In the order in which an event travels: [`consumer`] is the loop of one window; [`row`] is
//! what an event is to it; [`told`] what it says, results and letters; [`kept`] commits all
//! that follows as one, with [`outbox`] for what the log does not take at once. [`plan`] is
//! what the operator is asked for, and `figures` are counted.

mod consumer;
mod figures;
mod kept;
mod outbox;
mod plan;
mod row;
mod told;

pub(crate) use figures::WindowFigures;
pub(crate) use plan::look;

use super::threads::Threads;
use crate::hint;
use crate::streams::Streams;
use consumer::Parts;
use sedge_model::window::Window;
use sedge_store::Store;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The windows that run.
#[derive(Default)]
pub(super) struct Running {
    /// By `app/windows/window`, which is no name of a function.
    started: BTreeMap<String, Started>,
    /// Those that were told to stop, and may not have: one that begins anew waits for it.
    leaving: BTreeMap<String, JoinHandle<()>>,
}

struct Started {
    declared: Arc<Window>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Started {
    fn leave(self) -> JoinHandle<()> {
        self.stop.send_replace(true);
        self.task
    }
}

impl Running {
    /// Whether none runs.
    pub(super) fn is_empty(&self) -> bool {
        self.started.is_empty()
    }

    /// Starts, changes and stops windows until they are these, each with its app.
    pub(super) fn update(
        &mut self,
        wanted: &[(&str, &Arc<Window>)],
        streams: &Arc<Streams>,
        store: &Store,
        figures: &WindowFigures,
        threads: &mut Threads,
    ) {
        let name = |app: &str, window: &Window| format!("{app}/windows/{}", window.name);
        let wanted: BTreeMap<String, _> =
            wanted.iter().map(|(app, window)| (name(app, window), (*app, *window))).collect();
        let gone = self.started.extract_if(.., |name, _| !wanted.contains_key(name));
        let gone: Vec<_> = gone.collect();
        self.leaving.extend(gone.into_iter().map(|(name, started)| (name, started.leave())));
        for (name, (app, window)) in wanted {
            let before = match self.started.remove(&name) {
                Some(started) if started.declared == *window => {
                    self.started.insert(name, started);
                    continue;
                }
                Some(started) => Some(started.leave()),
                None => self.leaving.remove(&name),
            };
            let parts = Parts {
                name: name.clone(),
                window: Arc::clone(window),
                streams: Arc::clone(streams),
                store: store.clone(),
                figures: figures.of(app, &window.name),
            };
            let (stop, stopped) = watch::channel(false);
            let declared = Arc::clone(window);
            let task = threads.spawn(run(parts, stopped, before));
            self.started.insert(name, Started { declared, stop, task });
        }
    }

    /// Tells all to stop; what ends when they have.
    pub(super) fn leave(&mut self) -> Vec<JoinHandle<()>> {
        std::mem::take(&mut self.started).into_values().map(Started::leave).collect()
    }
}

async fn run(parts: Parts, stopped: watch::Receiver<bool>, before: Option<JoinHandle<()>>) {
    // Two of one window would not know of each other.
    if let Some(before) = before {
        drop(before.await);
    }
    let (name, figures) = (parts.name.clone(), Arc::clone(&parts.figures));
    if let Err(error) = consumer::run(parts, stopped).await {
        let hint = hint::of(&error).unwrap_or_default();
        tracing::error!(window = name, hint, "a window runs no more: {error:#}");
        figures.stopped(Some(format!("{error:#}")));
    }
}
