//! Which messages are handed over, and when.

use super::DispatchOptions;
use super::progress::Progress;
use std::collections::hash_map::Entry as MapEntry;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

/// A message as it is offered. Times are milliseconds on any clock that does not go back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered<M> {
    /// Where it lies; above all that was offered before.
    pub position: u64,
    /// Messages of one lane keep their order. Two lanes that are taken for one only wait for
    /// each other.
    pub lane: u64,
    /// What it counts for in bounds.
    pub bytes: usize,
    /// What is handed over.
    pub message: M,
}

/// A batch that is to be handled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work<M> {
    /// By what it is settled.
    pub id: u64,
    /// In the order of each lane; at least one.
    pub messages: Vec<Tried<M>>,
}

/// A message in a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried<M> {
    /// Where it lies.
    pub position: u64,
    /// How often it has failed.
    pub failures: u32,
    /// What it is.
    pub message: M,
}

/// What a batch came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All of it was handled.
    Handled,
    /// These were not; none of the batch has taken effect. With none that is named, it is
    /// [`Verdict::Broken`].
    Failed(Vec<Failure>),
    /// The handler did not come to an end; nobody knows by which message.
    Broken(String),
    /// It could not be tried, or its try does not count: it is tried again, as it was, after a
    /// pause or at once.
    Again {
        /// Whether there is a pause, and others wait, too: nobody can be tried now.
        pause: bool,
    },
}

/// Why a message was not handled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its place in the batch.
    pub index: usize,
    /// For people.
    pub reason: String,
    /// Whether it is given up at once.
    pub permanent: bool,
}

/// What follows from a verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled<M> {
    /// Whether what the batch has brought about takes effect.
    pub takes_effect: bool,
    /// What is given up, with the reason of the last failure.
    pub dead: Vec<(Tried<M>, String)>,
    /// Tries that failed and come again.
    pub retried: u64,
}

/// What waits, in lanes, and what is handed over.
pub struct Dispatcher<M> {
    options: DispatchOptions,
    horizon: u64,
    /// All that is not done with, by position.
    open: BTreeMap<u64, Entry<M>>,
    bytes: usize,
    /// What of each lane is not done with, in its order. A lane is ready, in a pause, or in
    /// flight.
    lanes: HashMap<u64, VecDeque<u64>>,
    /// Lanes that can go on, and since when, in the order in which they came to that.
    ready: VecDeque<(u64, u64)>,
    /// Lanes in a pause, by its end.
    pausing: BTreeSet<(u64, u64)>,
    in_flight: HashMap<u64, Vec<u64>>,
    next_id: u64,
    /// Nobody is tried before this time.
    closed_until_ms: u64,
    closed_times: u32,
}

struct Entry<M> {
    lane: u64,
    bytes: usize,
    failures: u32,
    /// Whether it is handed over by itself.
    is_alone: bool,
    message: M,
}

impl<M: Clone> Dispatcher<M> {
    /// One that has nothing, and begins at this position.
    pub fn new(options: DispatchOptions, horizon: u64) -> Self {
        let options = DispatchOptions {
            batch_messages_max: options.batch_messages_max.max(1),
            concurrency_max: options.concurrency_max.max(1),
            window_messages_max: options.window_messages_max.max(1),
            ..options
        };
        Dispatcher {
            options,
            horizon,
            open: BTreeMap::new(),
            bytes: 0,
            lanes: HashMap::new(),
            ready: VecDeque::new(),
            pausing: BTreeSet::new(),
            in_flight: HashMap::new(),
            next_id: 0,
            closed_until_ms: 0,
            closed_times: 0,
        }
    }

    /// Whether another message may be offered.
    pub fn has_room(&self) -> bool {
        self.open.len() < self.options.window_messages_max
            && (self.bytes < self.options.window_bytes_max || self.open.is_empty())
    }

    /// Messages that are not done with.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// Batches that are being handled.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Takes a message into the window. One that lies before what was offered is ignored.
    pub fn offer(&mut self, offered: Offered<M>, now_ms: u64) {
        let Offered { position, lane, bytes, message } = offered;
        if position < self.horizon {
            return;
        }
        self.horizon = position + 1;
        self.bytes += bytes;
        self.open.insert(position, Entry { lane, bytes, failures: 0, is_alone: false, message });
        match self.lanes.entry(lane) {
            MapEntry::Occupied(mut queue) => queue.get_mut().push_back(position),
            MapEntry::Vacant(place) => {
                place.insert(VecDeque::from([position]));
                self.ready.push_back((lane, now_ms));
            }
        }
    }

    /// Notes that positions below this one are of no concern.
    pub fn pass(&mut self, horizon: u64) {
        self.horizon = self.horizon.max(horizon);
    }

    /// How far all is done with.
    pub fn progress(&self) -> Progress {
        Progress { horizon: self.horizon, open: self.open.keys().copied().collect() }
    }

    /// The next batch, if one is due.
    pub fn take(&mut self, now_ms: u64) -> Option<Work<M>> {
        self.end_pauses(now_ms);
        if self.in_flight.len() >= self.options.concurrency_max
            || now_ms < self.closed_until_ms
            || !self.is_due(now_ms)
        {
            return None;
        }
        let (mut positions, mut bytes) = (Vec::new(), 0);
        while positions.len() < self.options.batch_messages_max {
            let Some(&(lane, _)) = self.ready.front() else { break };
            if !self.fill(lane, &mut positions, &mut bytes) {
                break;
            }
            self.ready.pop_front();
        }
        if positions.is_empty() {
            return None;
        }
        let id = self.next_id;
        self.next_id += 1;
        let messages = positions.iter().filter_map(|position| self.tried(*position)).collect();
        self.in_flight.insert(id, positions);
        Some(Work { id, messages })
    }

    /// When it makes sense to ask for a batch again though nothing has happened meanwhile.
    pub fn look_again_ms(&self) -> Option<u64> {
        if self.in_flight.len() >= self.options.concurrency_max {
            return None;
        }
        let waited = self.waiting_since_ms().map(|since| since + self.wait_ms());
        let paused = self.pausing.first().map(|(end, _)| *end);
        let next = waited.into_iter().chain(paused).min()?;
        Some(next.max(self.closed_until_ms))
    }

    /// Notes what a batch came to.
    pub fn settle(&mut self, id: u64, verdict: Verdict, now_ms: u64) -> Settled<M> {
        let mut settled = Settled { takes_effect: false, dead: Vec::new(), retried: 0 };
        let Some(positions) = self.in_flight.remove(&id) else { return settled };
        let lanes: BTreeSet<u64> =
            positions.iter().filter_map(|one| self.open.get(one)).map(|entry| entry.lane).collect();
        let counts = !matches!(verdict, Verdict::Again { .. });
        match verdict {
            Verdict::Handled => {
                settled.takes_effect = true;
                positions.iter().for_each(|position| drop(self.done(*position)));
                self.closed_times = 0;
            }
            Verdict::Again { pause } => {
                if pause {
                    self.closed_times = self.closed_times.saturating_add(1);
                    let pause = self.options.backoff.after(self.closed_times, id);
                    self.closed_until_ms = now_ms + pause.as_millis() as u64;
                }
            }
            Verdict::Failed(failures) if !failures.is_empty() => {
                for failure in failures {
                    if let Some(position) = positions.get(failure.index) {
                        let (reason, permanent) = (failure.reason, failure.permanent);
                        self.fail(*position, reason, permanent, &mut settled);
                    }
                }
            }
            Verdict::Failed(_) => self.broken(&positions, "no message is named", &mut settled),
            Verdict::Broken(reason) => self.broken(&positions, &reason, &mut settled),
        }
        for lane in lanes {
            self.release(lane, counts, now_ms);
        }
        settled
    }

    /// Who is to blame is found out by trying each alone.
    fn broken(&mut self, positions: &[u64], reason: &str, settled: &mut Settled<M>) {
        if let [one] = positions {
            return self.fail(*one, reason.to_owned(), false, settled);
        }
        for position in positions {
            if let Some(entry) = self.open.get_mut(position) {
                entry.is_alone = true;
            }
        }
    }

    fn fail(&mut self, position: u64, reason: String, permanent: bool, settled: &mut Settled<M>) {
        let Some(entry) = self.open.get_mut(&position) else { return };
        entry.failures = entry.failures.saturating_add(1);
        entry.is_alone = true;
        if !permanent && entry.failures <= self.options.retries_max {
            settled.retried += 1;
            return;
        }
        if let Some(tried) = self.tried(position) {
            settled.dead.push((tried, reason));
        }
        self.done(position);
    }

    /// A lane is not in flight any more: it is ready, in a pause if it has failed, or gone.
    fn release(&mut self, lane: u64, may_pause: bool, now_ms: u64) {
        let Some(queue) = self.lanes.get_mut(&lane) else { return };
        queue.retain(|position| self.open.contains_key(position));
        let Some(first) = queue.front().copied() else {
            self.lanes.remove(&lane);
            return;
        };
        let failures = self.open.get(&first).map_or(0, |entry| entry.failures);
        if failures == 0 || !may_pause {
            self.ready.push_back((lane, now_ms));
            return;
        }
        let pause_ms = self.options.backoff.after(failures, first).as_millis() as u64;
        self.pausing.insert((now_ms + pause_ms, lane));
    }

    fn end_pauses(&mut self, now_ms: u64) {
        while let Some((end, lane)) = self.pausing.first().copied()
            && end <= now_ms
        {
            self.pausing.pop_first();
            // It has waited long enough to go at once.
            self.ready.push_back((lane, end.saturating_sub(self.wait_ms())));
        }
    }

    /// Whether there is a whole batch, or somebody has waited for one long enough.
    fn is_due(&self, now_ms: u64) -> bool {
        let Some(since) = self.waiting_since_ms() else { return false };
        let has_waited = since + self.wait_ms() <= now_ms;
        has_waited || self.waiting_messages() >= self.options.batch_messages_max
    }

    /// Since when the first of those that are ready waits.
    fn waiting_since_ms(&self) -> Option<u64> {
        self.ready.iter().map(|(_, since)| *since).min()
    }

    /// Messages in lanes that are ready, as far as they count for a batch.
    fn waiting_messages(&self) -> usize {
        let mut messages = 0;
        for (lane, _) in &self.ready {
            messages += self.lanes.get(lane).map_or(0, VecDeque::len);
            if messages >= self.options.batch_messages_max {
                break;
            }
        }
        messages
    }

    fn wait_ms(&self) -> u64 {
        self.options.batch_wait.as_millis() as u64
    }

    /// Adds what fits of a lane to a batch. Whether something did.
    fn fill(&mut self, lane: u64, positions: &mut Vec<u64>, bytes: &mut usize) -> bool {
        let before = positions.len();
        for position in self.lanes.get(&lane).into_iter().flatten() {
            let Some(entry) = self.open.get(position) else { continue };
            let is_first = positions.is_empty();
            let is_full = positions.len() >= self.options.batch_messages_max
                || *bytes + entry.bytes > self.options.batch_bytes_max
                || entry.is_alone;
            if is_full && !is_first {
                break;
            }
            positions.push(*position);
            *bytes += entry.bytes;
            if entry.is_alone {
                // Whoever comes behind it waits for the next batch, too.
                *bytes = usize::MAX / 2;
                break;
            }
        }
        positions.len() > before
    }

    fn tried(&self, position: u64) -> Option<Tried<M>> {
        let entry = self.open.get(&position)?;
        Some(Tried { position, failures: entry.failures, message: entry.message.clone() })
    }

    fn done(&mut self, position: u64) -> Option<Entry<M>> {
        let entry = self.open.remove(&position)?;
        self.bytes -= entry.bytes;
        Some(entry)
    }
}
