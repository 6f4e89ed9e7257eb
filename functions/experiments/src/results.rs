//! What the events say: each visitor once, in the variation that it saw first, and what it did
//! after that. Kept in the state of the function, which takes effect together with the
//! progress in the log, so that nothing is counted twice over a crash.
//!
//! In reading order: a batch of messages is read and counted here; visitors lie in
//! [`visitors`], sums in [`summary`], and what they mean is written in a [`report`].

pub mod visitors;

pub mod summary;

pub mod report;

use crate::events::{self, Done, Exposure, NAMES_MAX};
use crate::seal::Keys;
use crate::settings::{Settings, is_goal_name};
use sedge_kit::experiments::definitions::{Definitions, TEXT_BYTES_MAX, VARIATIONS_MAX};
use std::collections::BTreeMap;
use summary::{Index, Summary};
use visitors::{SHARDS, Shard, shard_of};

/// Experiments that are counted at one time.
pub const EXPERIMENTS_MAX: usize = 64;
/// Bytes that one call writes; the node takes no more than 2 MiB.
const WRITTEN_BYTES_MAX: usize = 1_500_000;
/// Values that one call writes; the node takes no more than 1,000.
const WRITTEN_MAX: usize = 900;
/// How long a report stays as it is, though more has come.
pub const REPORT_MS: u64 = 3_000;
/// Parts of a forgotten experiment that one call removes.
const REMOVED_MAX: usize = 512;
const DAY_MS: u64 = 86_400_000;

/// Where counts are kept: the node, or a test.
pub trait Store {
    /// The value of a key.
    fn get(&mut self, key: &str) -> Result<Option<Vec<u8>>, String>;

    /// Sets a value.
    fn set(&mut self, key: &str, value: &[u8]) -> Result<(), String>;

    /// Removes a value.
    fn delete(&mut self, key: &str) -> Result<(), String>;
}

/// A message.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Its topic.
    pub topic: &'a str,
    /// What it says.
    pub payload: &'a [u8],
}

/// Why a message was not counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its place in the batch.
    pub index: usize,
    /// For people.
    pub reason: String,
    /// Whether it never will be.
    pub is_permanent: bool,
}

/// A report for everybody to read.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The key of the experiment.
    pub experiment: String,
    /// The report as JSON.
    pub json: serde_json::Value,
}

enum Event {
    Exposure(Exposure),
    Done(Done),
}

/// What a call knows.
pub struct Counter<'a> {
    settings: &'a Settings,
    definitions: Option<&'a Definitions>,
    store: &'a mut dyn Store,
    now_ms: u64,
    index: Index,
    is_index_changed: bool,
    summaries: BTreeMap<u32, Summary>,
    shards: BTreeMap<(u32, u16), Shard>,
}

/// Counts a batch. If a message fails, nothing of the batch takes effect.
///
/// # Errors
///
/// The messages that failed.
pub fn handle(
    settings: &Settings,
    keys: &Keys,
    definitions: Option<&Definitions>,
    store: &mut dyn Store,
    batch: &[Message<'_>],
    now_ms: u64,
) -> Result<Vec<Report>, Vec<Failure>> {
    let failed =
        |index: usize, reason: String, is_permanent| Failure { index, reason, is_permanent };
    let mut failures = Vec::new();
    let mut read = Vec::new();
    for (index, message) in batch.iter().enumerate() {
        match event(settings, keys, message) {
            Ok(event) => read.push(event),
            Err(reason) => failures.push(failed(index, reason.into(), true)),
        }
    }
    if !failures.is_empty() {
        return Err(failures);
    }
    let whole = |reason: String| -> Vec<Failure> {
        (0..batch.len()).map(|n| failed(n, reason.clone(), false)).collect()
    };
    let mut counter = Counter::open(settings, definitions, store, now_ms).map_err(whole)?;
    for (index, event) in read.iter().enumerate() {
        if counter.is_full() {
            let reason = "more is written than one call may";
            return Err((index..batch.len()).map(|n| failed(n, reason.into(), false)).collect());
        }
        counter.count(event).map_err(whole)?;
    }
    let touched = counter.summaries.keys().copied().collect();
    let reports = counter.reports(touched).map_err(whole)?;
    counter.close().map_err(whole)?;
    Ok(reports)
}

/// Writes reports that are due, and forgets experiments that are over.
///
/// # Errors
///
/// If the node fails.
pub fn look(
    settings: &Settings,
    definitions: Option<&Definitions>,
    store: &mut dyn Store,
    now_ms: u64,
) -> Result<Vec<Report>, String> {
    let mut counter = Counter::open(settings, definitions, store, now_ms)?;
    let all = counter.index.entries.iter().map(|entry| entry.slot).collect();
    let reports = counter.reports(all)?;
    counter.forget()?;
    counter.close()?;
    Ok(reports)
}

fn event(settings: &Settings, keys: &Keys, message: &Message<'_>) -> Result<Event, &'static str> {
    let is = |topic: Option<String>| topic.as_deref() == Some(message.topic);
    if is(settings.exposures_topic()) {
        let exposure: Exposure = events::read(keys, message.payload)?;
        let is_bounded = exposure.variation < VARIATIONS_MAX
            && exposure.experiment.len() <= TEXT_BYTES_MAX
            && exposure.key.len() <= TEXT_BYTES_MAX;
        return if is_bounded { Ok(Event::Exposure(exposure)) } else { Err("it is out of bounds") };
    }
    if is(settings.goals_topic()) {
        let done: Done = events::read(keys, message.payload)?;
        let is_bounded = is_goal_name(&done.goal) && done.visitors.len() <= NAMES_MAX;
        return if is_bounded { Ok(Event::Done(done)) } else { Err("it is out of bounds") };
    }
    Err("nothing is expected of this topic")
}

impl<'a> Counter<'a> {
    fn open(
        settings: &'a Settings,
        definitions: Option<&'a Definitions>,
        store: &'a mut dyn Store,
        now_ms: u64,
    ) -> Result<Self, String> {
        let index = Index::read(store)?;
        Ok(Counter {
            settings,
            definitions,
            store,
            now_ms,
            index,
            is_index_changed: false,
            summaries: BTreeMap::new(),
            shards: BTreeMap::new(),
        })
    }

    /// Whether another event might be more than one call may write.
    fn is_full(&self) -> bool {
        let changed = self.shards.values().filter(|shard| shard.is_changed());
        let bytes: usize = changed.clone().map(Shard::len).sum();
        // One event may change a part and a sum of each experiment.
        let more = self.index.entries.len().max(1);
        bytes > WRITTEN_BYTES_MAX || changed.count() + 2 * more > WRITTEN_MAX
    }

    fn count(&mut self, event: &Event) -> Result<(), String> {
        match event {
            Event::Exposure(exposure) => self.exposure(exposure),
            Event::Done(done) => self.done(done),
        }
    }

    fn exposure(&mut self, exposure: &Exposure) -> Result<(), String> {
        let Some(name) = events::name_bytes(&exposure.visitor) else { return Ok(()) };
        let slot = match self.index.find(&exposure.experiment) {
            Some(slot) => slot,
            None => {
                let Some(slot) = self.index.add(&exposure.experiment) else { return Ok(()) };
                self.is_index_changed = true;
                let definition = self.definitions.and_then(|all| {
                    all.all_experiments().find(|one| one.key() == exposure.experiment)
                });
                let summary = Summary::new(&exposure.experiment, exposure.time_ms, definition);
                self.summaries.insert(slot, summary);
                slot
            }
        };
        let added = self.shard(slot, shard_of(&name))?.expose(&name, exposure.variation as u8);
        let summary = self.summary(slot)?;
        summary.exposure(exposure, added);
        Ok(())
    }

    fn done(&mut self, done: &Done) -> Result<(), String> {
        let names: Vec<_> =
            done.visitors.iter().filter_map(|name| events::name_bytes(name)).collect();
        let slots: Vec<u32> = self.index.entries.iter().map(|entry| entry.slot).collect();
        for slot in slots {
            for name in &names {
                if self.shard(slot, shard_of(name))?.variation(name).is_none() {
                    continue;
                }
                let Some(goal) = self.summary(slot)?.goal(&done.goal) else { break };
                let shard = self.shard(slot, shard_of(name))?;
                if let Some(change) = shard.done(name, goal, done.value.unwrap_or(0.0)) {
                    self.summary(slot)?.done(goal, done.value.is_some(), &change);
                }
                // The same person by another attribute.
                break;
            }
        }
        Ok(())
    }

    fn shard(&mut self, slot: u32, shard: u16) -> Result<&mut Shard, String> {
        use std::collections::btree_map::Entry;
        Ok(match self.shards.entry((slot, shard)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(empty) => {
                let bytes = self.store.get(&visitors::key(slot, shard))?;
                empty.insert(Shard::read(&bytes.unwrap_or_default()))
            }
        })
    }

    fn summary(&mut self, slot: u32) -> Result<&mut Summary, String> {
        use std::collections::btree_map::Entry;
        Ok(match self.summaries.entry(slot) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(empty) => empty.insert(Summary::load(self.store, slot)?),
        })
    }

    /// The reports of these that are due.
    fn reports(&mut self, slots: Vec<u32>) -> Result<Vec<Report>, String> {
        let (now_ms, definitions) = (self.now_ms, self.definitions);
        let plan = report::plan(self.settings);
        let mut reports = Vec::new();
        for slot in slots {
            let summary = self.summary(slot)?;
            let is_due = now_ms.abs_diff(summary.reported_ms) >= REPORT_MS;
            if !summary.is_unreported || !is_due {
                continue;
            }
            let found = |all: &'a Definitions| {
                all.all_experiments().find(|one| one.key() == summary.experiment)
            };
            let definition = definitions.and_then(found);
            summary.compare_shares(definition);
            (summary.is_unreported, summary.reported_ms) = (false, now_ms);
            summary.is_changed = true;
            let json = report::write(summary, &plan, now_ms);
            reports.push(Report { experiment: summary.experiment.clone(), json });
        }
        Ok(reports)
    }

    /// Removes what is known of the visitors of experiments that are over, some at a time.
    fn forget(&mut self) -> Result<(), String> {
        let keep_ms = self.settings.keep_days.saturating_mul(DAY_MS);
        let mut left = REMOVED_MAX;
        for entry in self.index.entries.clone() {
            let (slot, now_ms) = (entry.slot, self.now_ms);
            let summary = self.summary(slot)?;
            // Not by a clock that was set back.
            if now_ms.saturating_sub(summary.last_ms) <= keep_ms || left == 0 {
                continue;
            }
            let from = summary.removed;
            let to = SHARDS.min(from + left as u16);
            (summary.removed, summary.is_changed) = (to, true);
            left -= usize::from(to - from);
            for shard in from..to {
                self.store.delete(&visitors::key(slot, shard))?;
            }
            if to == SHARDS {
                self.store.delete(&summary::key(slot))?;
                self.summaries.remove(&slot);
                self.index.entries.retain(|entry| entry.slot != slot);
                self.is_index_changed = true;
            }
        }
        Ok(())
    }

    fn close(self) -> Result<(), String> {
        if self.is_index_changed {
            self.index.write(self.store)?;
        }
        for (slot, summary) in &self.summaries {
            if summary.is_changed {
                summary.store(self.store, *slot)?;
            }
        }
        for ((slot, number), shard) in &self.shards {
            if shard.is_changed() {
                self.store.set(&visitors::key(*slot, *number), shard.bytes())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod simulations;
