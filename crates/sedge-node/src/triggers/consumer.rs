//! One function that messages or the clock start: a task that reads, hands over, decides what
//! takes effect, and commits it. [`begin`] is where it begins, [`settle`] what follows from a
//! call, and [`spans`] what traces say of one.

pub(super) mod begin;
mod settle;
mod spans;

use super::commit::{Commits, Pending, Place};
use super::figures::ConsumerFigures;
use super::flushing::Flushing;
use super::reading::{Next, Reading};
use super::recall;
use super::serving::{Now, Serving};
use crate::streams::Streams;
use anyhow::{Context, Result};
use begin::{begin_cursor, options, progress};
use futures_util::stream::{FuturesUnordered, StreamExt};
use sedge_ingress::messages::{DispatchOptions, Dispatcher, Progress, Work};
use sedge_ingress::traces::Recorder;
use sedge_model::failure::Failure;
use sedge_model::trigger::MessageTrigger;
use sedge_services::streams::{AtOnce, KeyedState, Message, Outcome, Tick, Transaction};
use sedge_store::Store;
use sedge_store::log::{self, LogError};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

/// Positions that may be open in a committed progress.
pub(super) const WINDOW_MAX: u32 = 8_192;
/// How often progress is committed that nothing else is committed with, and state written.
pub(super) const HOUSEKEEPING: Duration = Duration::from_secs(1);
/// The pause after the log has not taken something.
pub(super) const COMMIT_AGAIN_AFTER: Duration = Duration::from_millis(500);
/// Bytes that may wait for the log before no more is handled.
const WAITING_BYTES_MAX: usize = 8 << 20;
/// Bytes of state that may wait for the tables before no more is handled.
pub(super) const UNWRITTEN_BYTES_MAX: usize = 64 << 20;
/// Records that are looked at before others of the thread have their turn.
pub(super) const READ_AT_ONCE_MAX: usize = 4_096;

/// What a consumer is made of.
pub(super) struct Parts {
    /// `app/function`: its cursor, and who it is in the log.
    pub(super) name: String,
    pub(super) app: String,
    pub(super) function: String,
    pub(super) trigger: Option<MessageTrigger>,
    /// Whether it has a state, of its own or of its schedules.
    pub(super) keeps: bool,
    pub(super) streams: Arc<Streams>,
    pub(super) store: Store,
    pub(super) at_once: Option<AtOnce>,
    pub(super) recorder: Recorder,
    pub(super) serving: Arc<Serving>,
    pub(super) figures: Arc<ConsumerFigures>,
}

/// What the clock asks, and who waits for it: told nothing when it is committed, or why it
/// failed.
pub(super) struct Asked {
    pub(super) ask: Ask,
    pub(super) told: oneshot::Sender<Result<(), String>>,
}

pub(super) enum Ask {
    /// Call the function.
    Run(Tick),
    /// Note that a time is settled without a call.
    Settle { schedule: String, due_ms: u64 },
}

pub(super) struct Consumer {
    parts: Parts,
    reading: Option<Reading>,
    dispatcher: Dispatcher<Arc<Message>>,
    state: Option<KeyedState>,
    calls: FuturesUnordered<Pin<Box<dyn Future<Output = Called> + Send>>>,
    /// The state's version when each call began.
    begun: BTreeMap<u64, u64>,
    next_call: u64,
    asks: mpsc::Receiver<Asked>,
    commits: Commits,
    commit_again_at: Option<Instant>,
    housekeeping_at: Instant,
    /// The progress that was committed last.
    noted: Progress,
    flushing: Flushing,
    has_more: bool,
    is_stopping: bool,
    began: Instant,
}

/// A call that has ended.
struct Called {
    call: u64,
    what: What,
    result: Result<(Said, Transaction), Failure>,
}

enum What {
    Batch(u64),
    Tick(Tick, Told),
}

/// Who waits for a tick.
type Told = oneshot::Sender<Result<(), String>>;

enum Said {
    Outcome(Outcome),
    Ticked(Result<(), String>),
}

enum Event {
    Called(Box<Called>),
    Committed(Result<Vec<log::Outcome>, LogError>),
    Asked(Asked),
    Look,
    Stop,
}

impl Consumer {
    /// Finds out how far the function has come, and what it remembers. `ready` gets the state,
    /// once it is complete.
    ///
    /// # Errors
    /// The log cannot be read or written.
    pub(super) async fn open(
        parts: Parts,
        asks: mpsc::Receiver<Asked>,
        ready: oneshot::Sender<Option<KeyedState>>,
    ) -> Result<Self> {
        parts.figures.started();
        let streams = &parts.streams;
        let state = match parts.keeps {
            true => Some(KeyedState::new(&parts.store, &parts.app, &parts.function)?),
            false => None,
        };
        if let Some(state) = &state {
            if streams.log().cursor(&recall::topic(&parts.name)).is_none() {
                let (name, position) = (recall::topic(&parts.name), streams.log().usage().end);
                begin_cursor(streams, Place { name, position, state: Default::default() }).await?;
            }
            recall::recall(streams, &parts.name, state).context("recall what it keeps")?;
        }
        let (reading, dispatcher, noted) = match &parts.trigger {
            None => (None, Dispatcher::new(DispatchOptions::default(), 0), Progress::default()),
            Some(trigger) => {
                let done = progress(streams, &parts.name, trigger).await?;
                let reader = streams.log().reader(done.low());
                let dispatcher = Dispatcher::new(options(trigger), done.low());
                let reading = Reading::new(reader, &trigger.topics, trigger.ordered, done.clone());
                (Some(reading), dispatcher, done)
            }
        };
        // Whose schedules were taken away does not wait for it.
        let _ = ready.send(state.clone());
        Ok(Consumer {
            commits: Commits::new(streams),
            reading,
            dispatcher,
            state,
            calls: FuturesUnordered::new(),
            begun: BTreeMap::new(),
            next_call: 0,
            asks,
            commit_again_at: None,
            housekeeping_at: Instant::now() + HOUSEKEEPING,
            noted,
            flushing: Flushing::new(recall::topic(&parts.name)),
            has_more: false,
            is_stopping: false,
            began: Instant::now(),
            parts,
        })
    }

    /// Runs until it is told to stop, and then until all is committed that was handled.
    ///
    /// # Errors
    /// The log has failed.
    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>) -> Result<()> {
        let mut grown = self.parts.streams.committed();
        self.is_stopping = *stop.borrow_and_update();
        loop {
            self.fill()?;
            self.start_calls();
            self.keep_house();
            if self.commit_again_at.is_none_or(|at| at <= Instant::now()) {
                self.commit_again_at = None;
                self.commits.begin();
            }
            self.show();
            if self.is_stopping && self.calls.is_empty() && self.commits.is_idle() {
                return Ok(());
            }
            match self.event(&mut grown, &mut stop).await {
                Event::Called(called) => self.called(*called),
                Event::Committed(result) => self.committed(result)?,
                Event::Asked(asked) => self.asked(asked),
                Event::Look => {}
                Event::Stop => {
                    self.is_stopping = true;
                    self.note_progress();
                }
            }
        }
    }

    async fn event(
        &mut self,
        grown: &mut watch::Receiver<u64>,
        stop: &mut watch::Receiver<bool>,
    ) -> Event {
        if self.has_more && !self.is_stopping {
            self.has_more = false;
            tokio::task::yield_now().await;
            return Event::Look;
        }
        let goes_on = !self.is_stopping;
        let wants_more = goes_on && self.reading.is_some() && self.dispatcher.has_room();
        let until = self.until();
        tokio::select! {
            Some(called) = self.calls.next() => Event::Called(Box::new(called)),
            result = self.commits.answer() => Event::Committed(result),
            Some(asked) = self.asks.recv(), if goes_on => Event::Asked(asked),
            Ok(()) = grown.changed(), if wants_more => Event::Look,
            () = sleep_until(until) => Event::Look,
            Ok(()) = stop.changed(), if goes_on => Event::Stop,
        }
    }

    /// When there is something to do though nothing happens.
    fn until(&self) -> Instant {
        let next = self.dispatcher.look_again_ms().filter(|_| self.may_start());
        let next = next.map(|ms| self.began + Duration::from_millis(ms));
        let waits = !self.commits.is_under_way() && self.commit_again_at.is_some();
        let again = self.commit_again_at.filter(|_| waits);
        let times = next.into_iter().chain(again).chain([self.housekeeping_at]);
        times.min().unwrap_or(self.housekeeping_at)
    }

    fn now_ms(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }

    /// Takes messages into the window.
    fn fill(&mut self) -> Result<()> {
        let Some(reading) = &mut self.reading else { return Ok(()) };
        let now_ms = self.began.elapsed().as_millis() as u64;
        for _ in 0..READ_AT_ONCE_MAX {
            if self.is_stopping || !self.dispatcher.has_room() {
                return Ok(());
            }
            match reading.next().context("read the log of messages")? {
                Next::Message(offered) => self.dispatcher.offer(offered, now_ms),
                Next::Passed(next) => self.dispatcher.pass(next),
                Next::Lost(lost) => {
                    let (from, to, cause) = (lost.from, lost.to, lost.cause);
                    self.parts.figures.lost.fetch_add(to - from, Relaxed);
                    let function = &self.parts.name;
                    tracing::warn!(%function, from, to, ?cause, "messages may be missed");
                    self.dispatcher.pass(to);
                }
                Next::Removed { records, next } => {
                    let function = &self.parts.name;
                    tracing::warn!(%function, records, "the log had no room for messages");
                    self.dispatcher.pass(next);
                }
                Next::End => return Ok(()),
            }
        }
        self.has_more = true;
        Ok(())
    }

    /// Whether there is room for what calls bring about.
    fn may_start(&self) -> bool {
        let unwritten = self.state.as_ref().map_or(0, KeyedState::unwritten_bytes);
        !self.is_stopping
            && self.commits.waiting_bytes() <= WAITING_BYTES_MAX
            && unwritten <= UNWRITTEN_BYTES_MAX
    }

    fn start_calls(&mut self) {
        while self.may_start()
            && let Some(Work { id, messages }) = self.dispatcher.take(self.now_ms())
        {
            self.parts.figures.batches.fetch_add(1, Relaxed);
            let batch: Vec<_> = messages.into_iter().map(|tried| tried.message).collect();
            let (call, now, transaction) = self.begin_call();
            let (below, span) = spans::of_batch(&self.parts, &batch);
            self.calls.push(Box::pin(async move {
                let result = now.function.handle(batch, transaction, below).await;
                spans::end(span, &result);
                let result = result.map(|(outcome, left)| (Said::Outcome(outcome), left));
                Called { call, what: What::Batch(id), result }
            }));
        }
    }

    fn asked(&mut self, Asked { ask, told }: Asked) {
        match ask {
            Ask::Run(tick) => {
                self.parts.figures.ticks.fetch_add(1, Relaxed);
                self.start_tick(tick, told);
            }
            Ask::Settle { schedule, due_ms } => self.settle_tick(&schedule, due_ms, told),
        }
    }

    fn start_tick(&mut self, tick: Tick, told: Told) {
        let (call, now, transaction) = self.begin_call();
        let due = tick.clone();
        let (below, span) = spans::of_tick(&self.parts, &tick);
        self.calls.push(Box::pin(async move {
            let result = now.function.tick(due, transaction, below).await;
            spans::end(span, &result);
            let result = result.map(|(ticked, left)| (Said::Ticked(ticked), left));
            Called { call, what: What::Tick(tick, told), result }
        }));
    }

    fn begin_call(&mut self) -> (u64, Now, Transaction) {
        let now = self.parts.serving.now();
        let at_once = self.parts.at_once.clone();
        let transaction = Transaction::begin(&now.topics, self.state.as_ref(), at_once);
        let call = self.next_call;
        self.next_call += 1;
        self.begun.insert(call, transaction.begun());
        (call, now, transaction)
    }

    /// Notes how far all is done with, and lets the tables take what is kept.
    fn keep_house(&mut self) {
        if Instant::now() < self.housekeeping_at {
            return;
        }
        self.housekeeping_at = Instant::now() + HOUSEKEEPING;
        if self.commits.is_idle() {
            self.note_progress();
        }
        let Some(state) = &self.state else { return };
        if let Some(place) = self.flushing.step(state, self.commits.end()) {
            self.commits.add(Pending { cursor: Some(place), ..Pending::default() });
        }
    }

    fn note_progress(&mut self) {
        if self.reading.is_none() {
            return;
        }
        let progress = self.dispatcher.progress();
        if progress != self.noted {
            let cursor = Some(Place::of(&self.parts.name, &progress));
            self.noted = progress;
            self.commits.add(Pending { cursor, ..Pending::default() });
        }
    }

    fn show(&self) {
        let figures = &self.parts.figures;
        figures.open.store(self.dispatcher.open() as u64, Relaxed);
        figures.low.store(self.noted.low(), Relaxed);
        let unwritten = self.state.as_ref().map_or(0, KeyedState::unwritten_bytes);
        figures.unwritten_bytes.store(unwritten as u64, Relaxed);
    }
}
