//! Functions that messages and the clock start: the node's log, the functions of the board and
//! the MQTT front are joined here.
//!
//! In the order in which a message travels: [`reading`] takes it from the log; [`consumer`]
//! hands it over with others, by the rules of `sedge_ingress::messages`, and decides what
//! takes effect; [`commit`] is what that is in the log, one batch with the function's
//! progress; [`outbox`] tells clients of MQTT what functions have published; [`outlet`] is the
//! way of what functions say while they answer requests. Beside them:
//! [`recall`] reads a function's state from the log when it starts, `flushing` brings it into
//! the tables, [`windows`] are what of messages apps have counted and computed, [`schedules`] lets the
//! clock call, `threads` is where all of it runs, and `figures` are counted.

mod commit;
mod consumer;
mod dead_letter;
mod figures;
mod flushing;
mod outbox;
mod outlet;
mod reading;
mod recall;
mod schedules;
mod serving;
mod threads;
mod windows;

pub(crate) use figures::TriggerFigures;
pub(crate) use outlet::Outlet;
pub(crate) use windows::{WindowFigures, look};

use crate::revision::{DeployedFunction, Revision};
use crate::streams::{Streams, StreamsHandle};
use anyhow::{Context, Result};
use consumer::{Consumer, Parts};
use outbox::Outbox;
use schedules::Schedules;
use sedge_ingress::mqtt::Broker;
use sedge_ingress::traces::Recorder;
use sedge_model::trigger::Triggers as Declared;
use sedge_model::window::Window;
use sedge_store::Store;
use serving::Serving;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use threads::Threads;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

/// What the clock may ask of one function at one time.
const ASKS_MAX: usize = 64;

/// All consumers of a node.
pub(crate) struct Triggers {
    streams: Arc<StreamsHandle>,
    store: Store,
    broker: Option<Arc<Broker>>,
    outlet: Outlet,
    recorder: Recorder,
    threads: usize,
    figures: TriggerFigures,
    of_windows: WindowFigures,
    running: Mutex<Running>,
}

#[derive(Default)]
struct Running {
    threads: Option<Threads>,
    outbox: Option<(watch::Sender<bool>, JoinHandle<()>)>,
    /// By `app/function`.
    consumers: BTreeMap<String, Started>,
    /// Those that were told to stop, and may not have: one that begins anew waits for it.
    leaving: BTreeMap<String, JoinHandle<()>>,
    windows: windows::Running,
}

/// A consumer that runs.
struct Started {
    declared: Declared,
    /// Whether it has a state.
    keeps: bool,
    serving: Arc<Serving>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Triggers {
    /// None runs yet. `threads`: on how many they will.
    pub(crate) fn new(
        streams: Arc<StreamsHandle>,
        store: Store,
        broker: Option<Arc<Broker>>,
        recorder: Recorder,
        threads: usize,
    ) -> Self {
        let (figures, running) = (TriggerFigures::default(), Mutex::default());
        let outlet = Outlet::new(Arc::clone(&streams), broker.as_ref());
        let of_windows = WindowFigures::default();
        Triggers { streams, store, broker, outlet, recorder, threads, figures, of_windows, running }
    }

    /// What is counted.
    pub(crate) fn figures(&self) -> TriggerFigures {
        self.figures.clone()
    }

    /// What is counted of windows.
    pub(crate) fn of_windows(&self) -> WindowFigures {
        self.of_windows.clone()
    }

    /// The way of what functions say while they answer requests.
    pub(crate) fn outlet(&self) -> &Outlet {
        &self.outlet
    }

    /// Starts, changes and stops consumers until they are those that these revisions have.
    ///
    /// # Errors
    /// The log of messages cannot be opened; the others go on as they are.
    pub(crate) fn update(&self, revisions: &[Arc<Revision>]) -> Result<()> {
        let mut wanted = BTreeMap::new();
        for revision in revisions {
            for function in revision.functions.iter().filter(|one| !one.declared.trigger.is_empty())
            {
                let name = format!("{}/{}", revision.app, function.declared.name);
                wanted.insert(name, (revision, function));
            }
        }
        let topics = wanted.values().filter_map(|(_, one)| one.declared.trigger.message.as_ref());
        let topics = topics.flat_map(|message| &message.topics);
        let of_windows = windows(revisions).flat_map(|(_, window)| &window.query.from);
        self.streams.set_filters(topics.chain(of_windows).cloned().collect());
        let mut running = self.running();
        let mut functions = revisions.iter().flat_map(|revision| &revision.functions);
        if functions.any(|one| publishes(one)) || windows(revisions).any(|(_, one)| one.publish) {
            let streams = self.streams.get_or_open().context("start what functions publish")?;
            self.start_outbox(&mut running, &streams)?;
        }
        self.update_windows(&mut running, revisions)?;
        let gone: Vec<_> =
            running.consumers.extract_if(.., |name, _| !wanted.contains_key(name)).collect();
        running.leaving.extend(gone.into_iter().map(|(name, started)| (name, started.leave())));
        for (name, (revision, function)) in wanted {
            let trigger = &function.declared.trigger;
            let now = serving::Now::of(function);
            let keeps =
                !trigger.schedules.is_empty() || function.declared.capabilities.topics.state;
            let before = match running.consumers.remove(&name) {
                Some(started) if started.declared == *trigger && started.keeps == keeps => {
                    started.serving.set(now);
                    running.consumers.insert(name, started);
                    continue;
                }
                Some(started) => Some(started.leave()),
                None => running.leaving.remove(&name),
            };
            let streams = self.streams.get_or_open().context("start functions by messages")?;
            let parts = Parts {
                name: name.clone(),
                app: revision.app.clone(),
                function: function.declared.name.clone(),
                trigger: trigger.message.clone(),
                keeps,
                streams,
                store: self.store.clone(),
                at_once: self.outlet.at_once(),
                recorder: self.recorder.clone(),
                serving: Arc::new(Serving::new(now)),
                figures: self.figures.of(&name),
            };
            let started = self.start(&mut running, parts, trigger.clone(), before)?;
            running.consumers.insert(name, started);
        }
        Ok(())
    }

    fn update_windows(&self, running: &mut Running, revisions: &[Arc<Revision>]) -> Result<()> {
        let wanted: Vec<_> = windows(revisions).collect();
        if wanted.is_empty() && running.windows.is_empty() {
            return Ok(());
        }
        let streams = self.streams.get_or_open().context("start windows")?;
        self.started_threads(running)?;
        if let Running { threads: Some(threads), windows, .. } = running {
            windows.update(&wanted, &streams, &self.store, &self.of_windows, threads);
        }
        Ok(())
    }

    fn start(
        &self,
        running: &mut Running,
        parts: Parts,
        declared: Declared,
        before: Option<JoinHandle<()>>,
    ) -> Result<Started> {
        self.start_outbox(running, &parts.streams)?;
        let threads = self.started_threads(running)?;
        let (stop, stopped) = watch::channel(false);
        let (asks, asked) = mpsc::channel(ASKS_MAX);
        let (serving, keeps) = (Arc::clone(&parts.serving), parts.keeps);
        let schedules = Schedules {
            name: parts.name.clone(),
            all: declared.schedules.clone(),
            asks,
            figures: Arc::clone(&parts.figures),
        };
        let (ready, state) = oneshot::channel();
        let task = threads.spawn(async move {
            // Two consumers of one function would not know of each other.
            if let Some(before) = before {
                drop(before.await);
            }
            let (name, figures) = (parts.name.clone(), Arc::clone(&parts.figures));
            let schedules = tokio::spawn(schedules.run(state, stopped.clone()));
            let result = match Consumer::open(parts, asked, ready).await {
                Ok(consumer) => consumer.run(stopped).await,
                Err(error) => Err(error),
            };
            if let Err(error) = result {
                tracing::error!(function = %name, "messages are not handled any more: {error:#}");
                figures.stopped(format!("{error:#}"));
            }
            // Calls that the clock has asked for have ended with the consumer.
            drop(schedules.await);
        });
        Ok(Started { declared, keeps, serving, stop, task })
    }

    /// Where all of this runs.
    fn started_threads<'a>(&self, running: &'a mut Running) -> Result<&'a mut Threads> {
        Ok(match &mut running.threads {
            Some(threads) => threads,
            none => none.insert(Threads::start(self.threads)?),
        })
    }

    /// Starts what tells MQTT clients of what functions publish, if there may be any.
    fn start_outbox(&self, running: &mut Running, streams: &Arc<Streams>) -> Result<()> {
        if running.outbox.is_none()
            && let Some(broker) = &self.broker
        {
            let (stop, stopped) = watch::channel(false);
            let outbox = Outbox::new(Arc::clone(streams), Arc::clone(broker));
            let task = self.started_threads(running)?.spawn(outbox.run(stopped));
            running.outbox = Some((stop, task));
        }
        Ok(())
    }

    /// Lets calls end that are under way, and commits them. Blocks, for so long at most.
    pub(crate) fn stop(&self, drain: Duration) {
        let mut running = self.running();
        let Some(threads) = running.threads.take() else { return };
        let consumers = std::mem::take(&mut running.consumers);
        let outbox = running.outbox.take();
        let mut tasks = running.windows.leave();
        drop(running);
        tasks.extend(consumers.into_values().map(Started::leave));
        threads.end(drain, async move {
            for task in tasks {
                drop(task.await);
            }
            // What they have published is on its way, too.
            if let Some((stop, outbox)) = outbox {
                stop.send_replace(true);
                drop(outbox.await);
            }
        });
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The windows of these revisions, each with its app.
fn windows(revisions: &[Arc<Revision>]) -> impl Iterator<Item = (&str, &Arc<Window>)> {
    revisions
        .iter()
        .flat_map(|revision| revision.windows.iter().map(|window| (revision.app.as_str(), window)))
}

/// Whether a function may publish, and be it while it answers a request.
fn publishes(function: &DeployedFunction) -> bool {
    !function.declared.capabilities.topics.publish.is_empty()
}

impl Started {
    /// Tells it to stop; what ends when it has.
    fn leave(self) -> JoinHandle<()> {
        self.stop.send_replace(true);
        self.task
    }
}

/// Milliseconds since 1970, by the node's clock.
fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
