//! One window: a task that reads, lets the operator decide, and commits what follows.

use super::super::commit::Place;
use super::super::consumer::begin::{begin_cursor, first};
use super::super::consumer::{HOUSEKEEPING, READ_AT_ONCE_MAX, UNWRITTEN_BYTES_MAX};
use super::super::reading::{Next, Reading};
use super::super::{commit, unix_ms};
use super::figures::Figures;
use super::kept::Kept;
use super::plan::{Asked, asked, fingerprint};
use super::row::{Reason, Row, row};
use super::told::{self, Side};
use crate::hint::WithHint;
use crate::streams::{Incoming, Streams};
use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use sedge_ingress::messages::Progress;
use sedge_ingress::payload::{self, PayloadLimits};
use sedge_kit::windows::{Event, Fired, Part, Taken, Windows};
use sedge_model::trigger::Ordered;
use sedge_model::window::Window;
use sedge_services::streams::{Message, StateChange};
use sedge_store::Store;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Events after which a step is committed.
const EVENTS_AT_ONCE_MAX: u64 = 16_384;

/// Until house is kept again for the first time, and from then on twice as long until it is
/// [`HOUSEKEEPING`]: a node that is killed again and again within a second would read more of
/// the log each time, and never let go of it.
const HOUSEKEEPING_FIRST: Duration = Duration::from_millis(30);

/// What is kept of a key must fit into one payload, and so must a result.
const PAYLOAD_BYTES_MIN: usize = 16 << 10;

/// What a window runs with.
pub(super) struct Parts {
    /// `app/windows/window`: its cursor, and who says its results.
    pub(super) name: String,
    pub(super) window: Arc<Window>,
    pub(super) streams: Arc<Streams>,
    pub(super) store: Store,
    pub(super) figures: Arc<Figures>,
}

/// A window that runs.
struct Consumer {
    parts: Parts,
    asked: Asked,
    limits: PayloadLimits,
    windows: Windows,
    reading: Reading,
    kept: Kept,
    /// Below it, all was read.
    position: u64,
    /// Where the cursor is.
    noted: u64,
    house_at: Instant,
    /// Until the next time.
    house_after: Duration,
}

/// What some events have brought about.
#[derive(Default)]
struct Step {
    messages: Vec<Incoming>,
    bytes: usize,
    /// How many events the operator was given.
    observed: u64,
    added: u64,
    results: u64,
    results_late: u64,
    aside: Vec<(Reason, u64)>,
    /// Whether the log has no more for now.
    is_at_end: bool,
}

/// Runs a window until it is told to stop.
///
/// # Errors
/// What it keeps cannot be read, or the log has failed.
pub(super) async fn run(parts: Parts, mut stop: watch::Receiver<bool>) -> Result<()> {
    let mut grown = parts.streams.committed();
    let Some(mut consumer) = Consumer::open(parts, &stop).await? else { return Ok(()) };
    while !*stop.borrow() {
        let now = Instant::now();
        let mut is_at_end = true;
        if consumer.kept.unwritten_bytes() <= UNWRITTEN_BYTES_MAX {
            let step = consumer.step(now >= consumer.house_at)?;
            is_at_end = step.is_at_end;
            if !consumer.commit(step, &stop).await? {
                break;
            }
        }
        if now >= consumer.house_at {
            consumer.house_at = now + consumer.house_after;
            consumer.house_after = (consumer.house_after * 2).min(HOUSEKEEPING);
            let position = (consumer.position > consumer.noted).then_some(consumer.position);
            if !consumer.kept.keep_house(position, &stop).await? {
                break;
            }
            consumer.noted = consumer.position;
        }
        if !is_at_end {
            tokio::task::yield_now().await;
            continue;
        }
        tokio::select! {
            Ok(()) = grown.changed() => {}
            () = sleep_until(consumer.house_at) => {}
            _ = stop.changed() => {}
        }
    }
    Ok(())
}

impl Consumer {
    /// Finds out how far the window has come and what it has open; `None`: it is told to stop.
    async fn open(parts: Parts, stop: &watch::Receiver<bool>) -> Result<Option<Self>> {
        let Parts { name, window, streams, store, figures } = &parts;
        figures.stopped(None);
        let payload_bytes_max = streams.payload_bytes_max();
        if payload_bytes_max < PAYLOAD_BYTES_MIN {
            let error = anyhow!("a window needs records of {PAYLOAD_BYTES_MIN} bytes in the log");
            let hint =
                "[streams] record_bytes_max = \"16 KiB\", or more, in the node's configuration";
            return Err(WithHint::new(error, hint));
        }
        let asked = asked(window, payload_bytes_max);
        let (kept, mut recalled) = Kept::open(streams, store, name, figures).await?;
        if !kept.say(&mut recalled, stop).await? {
            return Ok(None);
        }
        let cursor = streams.log().cursor(name).map(|cursor| cursor.position);
        let declared = fingerprint(window);
        if cursor.is_none() || recalled.declared.as_deref() != Some(&declared) {
            let parts = recalled.parts.len();
            if parts > 0 {
                let why = match cursor {
                    None => "its place was forgotten",
                    Some(_) => "it is declared differently than before",
                };
                tracing::warn!(
                    window = name,
                    parts,
                    why,
                    "a window begins anew: what was open is dropped"
                );
            }
            if !kept.begin_anew(&mut recalled, &declared, stop).await? {
                return Ok(None);
            }
        }
        let position = match cursor {
            Some(position) => position,
            None => {
                let position = first(streams, window.start);
                let place = Place { name: name.clone(), position, state: Bytes::new() };
                begin_cursor(streams, place).await?;
                position
            }
        };
        let (seed, now_ms) = (RandomState::new().hash_one(name), now_ms());
        let stored = recalled.parts.iter().map(|(part, bytes)| (part.clone(), &**bytes));
        let windows = Windows::restore(asked.plan.clone(), seed, now_ms, stored).map_err(|error| {
            let hint = format!("sedge streams forget {name} lets it begin anew");
            WithHint::new(anyhow!("{error}"), hint)
        });
        let windows = windows.context("go on with a window")?;
        tracing::info!(window = name, position, keys = windows.keys(), "a window runs");
        let reader = streams.log().reader(position);
        let done = Progress::all_below(position);
        let from = &window.query.from;
        Ok(Some(Consumer {
            windows,
            reading: Reading::new(reader, from, Ordered::default(), done),
            kept,
            asked,
            limits: PayloadLimits { body_bytes_max: payload_bytes_max, ..PayloadLimits::default() },
            position,
            noted: position,
            house_at: Instant::now(),
            house_after: HOUSEKEEPING_FIRST,
            parts,
        }))
    }

    /// Takes what the log has, as much as is committed at once; with `is_due`, the clock goes
    /// on where there is no more.
    fn step(&mut self, is_due: bool) -> Result<Step> {
        let mut step = Step::default();
        let bytes_max = self.parts.streams.batch_bytes_max() / 2;
        for _ in 0..READ_AT_ONCE_MAX {
            if step.bytes > bytes_max || step.observed > EVENTS_AT_ONCE_MAX {
                return Ok(step);
            }
            match self.reading.next().context("read the log of messages")? {
                Next::Message(offered) => {
                    self.take(&offered.message, &mut step);
                    self.position = offered.position + 1;
                }
                Next::Passed(next) => self.position = next,
                Next::Lost(lost) => {
                    let (from, to, cause) = (lost.from, lost.to, lost.cause);
                    let window = &self.parts.name;
                    self.parts.figures.lost.fetch_add(to - from, Relaxed);
                    tracing::warn!(window, from, to, ?cause, "events may be missed");
                    self.position = to;
                }
                Next::Removed { records, next } => {
                    let window = &self.parts.name;
                    tracing::warn!(window, records, "the log had no room for messages");
                    self.position = next;
                }
                Next::End => {
                    // Who is silent is known only where all was read that was said.
                    step.is_at_end = true;
                    if is_due {
                        let mut tell = Self::telling(&self.parts, &mut step);
                        self.windows.advance(now_ms(), &mut tell);
                    }
                    return Ok(step);
                }
            }
        }
        Ok(step)
    }

    /// What takes results.
    fn telling<'s>(parts: &'s Parts, step: &'s mut Step) -> impl FnMut(Fired) + 's {
        |fired| {
            step.results += 1;
            step.results_late += u64::from(fired.late);
            let message = told::result(&parts.name, &parts.window, &fired);
            step.bytes += commit::bytes(std::slice::from_ref(&message));
            step.messages.push(message);
        }
    }

    fn take(&mut self, message: &Message, step: &mut Step) {
        let received_ns = i64::try_from(message.time_ms).unwrap_or(i64::MAX);
        let received_ns = received_ns.saturating_mul(1_000_000);
        let media_type = message.content_type.as_deref();
        let events = payload::events(media_type, &message.payload, &self.limits, received_ns);
        let mut side = Side::default();
        match events {
            Err(error) => {
                side = Side::of_format(error.to_string());
                step.aside.push((Reason::Format, 1));
            }
            Ok(events) => {
                for (index, event) in events.iter().enumerate() {
                    let row = row(&self.parts.window.query, &self.asked, message, event);
                    let time_ms = row.as_ref().ok().map(|row| row.time_ms);
                    match row.and_then(|row| self.observe(message, &row, step)) {
                        Ok(()) => step.added += 1,
                        Err(reason) => {
                            side.add(index, reason, time_ms);
                            match step.aside.iter_mut().find(|(one, _)| *one == reason) {
                                Some((_, count)) => *count += 1,
                                None => step.aside.push((reason, 1)),
                            }
                        }
                    }
                }
            }
        }
        let Parts { name, window, streams, .. } = &self.parts;
        let bytes_max = streams.payload_bytes_max();
        if let Some(letter) = side.letter(name, window, message, unix_ms(), bytes_max) {
            step.bytes += commit::bytes(std::slice::from_ref(&letter));
            step.messages.push(letter);
        }
    }

    fn observe(&mut self, message: &Message, row: &Row, step: &mut Step) -> Result<(), Reason> {
        step.observed += 1;
        let Row { key, time_ms, values } = row;
        let event = Event { key, device: &message.device, time_ms: *time_ms, values };
        let mut tell = Self::telling(&self.parts, step);
        match self.windows.observe(now_ms(), &event, &mut tell) {
            Taken::Added => Ok(()),
            Taken::Side(side) => Err(Reason::Operator(side)),
        }
    }

    /// Commits a step, if it has brought about anything. Whether it is done.
    async fn commit(&mut self, step: Step, stop: &watch::Receiver<bool>) -> Result<bool> {
        let changes = self.windows.changes();
        // That the clock has gone on is nothing that would have to be kept.
        let is_nothing = step.observed == 0
            && step.messages.is_empty()
            && changes.iter().all(|change| change.part == Part::Stream);
        if !is_nothing {
            let changes = changes.into_iter().map(|change| StateChange {
                key: change.part.to_name(),
                value: change.bytes.map(Bytes::from),
            });
            let position = self.position;
            if !self.kept.commit(changes.collect(), step.messages, position, stop).await? {
                return Ok(false);
            }
            self.noted = position;
        }
        let figures = &self.parts.figures;
        for (count, by) in [
            (&figures.added, step.added),
            (&figures.results, step.results),
            (&figures.results_late, step.results_late),
        ] {
            count.fetch_add(by, Relaxed);
        }
        for (reason, count) in step.aside {
            if figures.aside(reason, count) {
                let (window, topic) = (&self.parts.name, &self.parts.window.late);
                let reason = reason.name();
                tracing::info!(window, reason, topic, "events are in no window, but on a topic");
            }
        }
        figures.held.store(self.windows.held(), Relaxed);
        figures.forgotten.store(self.windows.forgotten(), Relaxed);
        figures.keys.store(self.windows.keys() as u64, Relaxed);
        figures.bytes.store(self.windows.bytes() as u64, Relaxed);
        figures.position.store(self.noted, Relaxed);
        Ok(true)
    }
}

fn now_ms() -> i64 {
    i64::try_from(unix_ms()).unwrap_or(i64::MAX)
}
