//! The sums of an experiment, as they are kept.

use super::EXPERIMENTS_MAX;
use super::Store;
use super::visitors::{Added, Change, GOALS_MAX};
use crate::events::Exposure;
use sedge_kit::experiments::definitions::Experiment;
use sedge_kit::trial::tally::Tally;
use serde::{Deserialize, Serialize};

const INDEX_KEY: &str = "experiments";
/// Shares that differ by less are the same.
const SHARE_SLACK: f64 = 1e-9;

/// The key of an experiment's sums.
pub fn key(slot: u32) -> String {
    format!("sums/{slot}")
}

/// The experiments that are counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// In the order in which they began.
    pub entries: Vec<Entry>,
    /// The number that the next one gets.
    pub next: u32,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The key of the experiment.
    pub experiment: String,
    /// The number under which it is kept.
    pub slot: u32,
}

impl Index {
    pub(super) fn read(store: &mut dyn Store) -> Result<Self, String> {
        match store.get(INDEX_KEY)? {
            None => Ok(Index::default()),
            Some(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| format!("the list of experiments is damaged: {error}")),
        }
    }

    pub(super) fn write(&self, store: &mut dyn Store) -> Result<(), String> {
        let bytes = serde_json::to_vec(self).map_err(|error| error.to_string())?;
        store.set(INDEX_KEY, &bytes)
    }

    pub(super) fn find(&self, experiment: &str) -> Option<u32> {
        self.entries.iter().find(|entry| entry.experiment == experiment).map(|entry| entry.slot)
    }

    /// Begins an experiment, if there is room for it.
    pub(super) fn add(&mut self, experiment: &str) -> Option<u32> {
        if self.entries.len() >= EXPERIMENTS_MAX {
            return None;
        }
        let slot = self.next;
        self.next += 1;
        self.entries.push(Entry { experiment: experiment.to_owned(), slot });
        Some(slot)
    }
}

/// The sums of an experiment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Its key.
    pub experiment: String,
    /// How people call it.
    pub name: Option<String>,
    /// The first exposure.
    pub first_ms: u64,
    /// The last one.
    pub last_ms: u64,
    /// The variations, by their indices.
    pub variations: Vec<Variation>,
    /// The shares that they should have, as they were at the beginning; none if nobody knew.
    pub shares: Option<Vec<f64>>,
    /// The shares have been others since.
    pub is_share_changed: bool,
    /// What visitors do.
    pub goals: Vec<Goal>,
    /// Goals that were left out, because there are too many.
    pub goals_more: u64,
    /// Visitors who saw more than one variation.
    pub crossed: u64,
    /// Exposures that were not counted for want of room.
    pub beyond: u64,
    /// When the last report was written.
    pub reported_ms: u64,
    /// Something has come since.
    pub is_unreported: bool,
    /// Parts of its visitors that are gone, because it is over.
    pub removed: u16,
    /// It must be written.
    #[serde(skip)]
    pub is_changed: bool,
}

/// One variation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variation {
    /// Its key.
    pub key: String,
    /// How people call it.
    pub name: Option<String>,
    /// Visitors who saw it first.
    pub visitors: u64,
}

/// What visitors do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Goal {
    /// How it is called.
    pub name: String,
    /// It has values.
    pub has_values: bool,
    /// By the index of the variation.
    pub sums: Vec<Sums>,
}

/// What the visitors of a variation did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sums {
    /// Visitors who did it.
    pub visitors: u64,
    /// The sum of the values of each.
    pub sum: f64,
    /// The sum of the squares of these sums.
    pub squares: f64,
}

impl Summary {
    /// An experiment that begins, with what is known of it.
    pub(super) fn new(key: &str, now_ms: u64, definition: Option<&Experiment>) -> Self {
        let variation = |one: &sedge_kit::experiments::definitions::Variation| Variation {
            key: one.key().to_owned(),
            name: one.name().map(ToOwned::to_owned),
            visitors: 0,
        };
        Summary {
            experiment: key.to_owned(),
            name: definition.and_then(|one| one.name()).map(ToOwned::to_owned),
            first_ms: now_ms,
            last_ms: now_ms,
            variations: definition
                .map(|one| one.variations().iter().map(variation).collect())
                .unwrap_or_default(),
            shares: definition.map(shares),
            ..Summary::default()
        }
    }

    pub(super) fn load(store: &mut dyn Store, slot: u32) -> Result<Self, String> {
        let bytes = store.get(&key(slot))?.unwrap_or_default();
        serde_json::from_slice(&bytes)
            .map_err(|error| format!("the sums of an experiment are damaged: {error}"))
    }

    pub(super) fn store(&self, store: &mut dyn Store, slot: u32) -> Result<(), String> {
        let bytes = serde_json::to_vec(self).map_err(|error| error.to_string())?;
        store.set(&key(slot), &bytes)
    }

    /// Notes whether the shares are others by now.
    pub(super) fn compare_shares(&mut self, definition: Option<&Experiment>) {
        let (Some(own), Some(definition)) = (&self.shares, definition) else { return };
        let now = shares(definition);
        let is_same = own.len() == now.len()
            && own.iter().zip(&now).all(|(a, b)| (a - b).abs() < SHARE_SLACK);
        self.is_share_changed |= !is_same;
    }

    pub(super) fn exposure(&mut self, exposure: &Exposure, added: Added) {
        let index = exposure.variation;
        if self.variations.len() <= index {
            self.variations.resize(index + 1, Variation::default());
        }
        if self.variations[index].key.is_empty() {
            self.variations[index].key.clone_from(&exposure.key);
        }
        self.last_ms = self.last_ms.max(exposure.time_ms);
        self.is_changed = true;
        match added {
            Added::New => self.variations[index].visitors += 1,
            Added::Crossed => self.crossed += 1,
            Added::Full => self.beyond += 1,
            Added::Known => return,
        }
        self.is_unreported = true;
    }

    /// The number of a goal.
    pub(super) fn goal(&mut self, name: &str) -> Option<u8> {
        let known = self.goals.iter().position(|goal| goal.name == name);
        if known.is_none() && self.goals.len() >= GOALS_MAX {
            self.goals_more += 1;
            self.is_changed = true;
            return None;
        }
        let index = known.unwrap_or_else(|| {
            let goal = Goal { name: name.to_owned(), has_values: false, sums: Vec::new() };
            self.goals.push(goal);
            self.goals.len() - 1
        });
        u8::try_from(index).ok()
    }

    pub(super) fn done(&mut self, goal: u8, has_value: bool, change: &Change) {
        let Some(goal) = self.goals.get_mut(usize::from(goal)) else { return };
        goal.has_values |= has_value;
        if goal.sums.len() <= change.variation {
            goal.sums.resize(change.variation + 1, Sums::default());
        }
        let sums = &mut goal.sums[change.variation];
        sums.visitors += u64::from(change.is_first);
        sums.sum += change.after - change.before;
        sums.squares += change.after * change.after - change.before * change.before;
        (self.is_changed, self.is_unreported) = (true, true);
    }

    /// How many of each variation did it.
    pub fn conversions(&self, goal: &Goal) -> Vec<Tally> {
        let all = self.variations.iter().enumerate();
        let tally = |(index, variation): (usize, &Variation)| {
            let sums = goal.sums.get(index).copied().unwrap_or_default();
            Tally::of_conversions(variation.visitors, sums.visitors)
        };
        all.map(tally).collect()
    }

    /// How much each visitor did.
    pub fn values(&self, goal: &Goal) -> Vec<Tally> {
        let all = self.variations.iter().enumerate();
        let tally = |(index, variation): (usize, &Variation)| {
            let sums = goal.sums.get(index).copied().unwrap_or_default();
            Tally::of_sums(variation.visitors, sums.sum, sums.squares).unwrap_or_default()
        };
        all.map(tally).collect()
    }
}

/// The parts of all buckets that belong to each variation.
fn shares(experiment: &Experiment) -> Vec<f64> {
    experiment.ranges().iter().map(|range| (range.end - range.start).max(0.0)).collect()
}
