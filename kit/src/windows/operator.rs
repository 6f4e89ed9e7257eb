//! The operator: events in, results out, and what has changed as parts to be kept.

mod slot;
mod stored;

pub use stored::{Change, Part, RestoreError};

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::accumulator::Scalar;
use super::clocks::{Clocks, NEVER};
use super::index::Index;
use super::keyed::{Rules, Valued};
use super::plan::{MS_MAX, Plan, PlanError, Scope, TIME_MS_MAX, TIME_MS_MIN};
use slot::{Output, Slot};

/// How often keys are looked through for those that can be forgotten, at most.
const SWEEP_MS: u64 = 1_000;
/// Behind all windows.
const END_MS: i64 = TIME_MS_MAX + 3 * MS_MAX;

/// Something that has happened.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// What it is about.
    pub key: &'a str,
    /// Whose clock its time is of.
    pub device: &'a str,
    /// When it happened, in milliseconds since 1970.
    pub time_ms: i64,
    /// The values of the plan's fields, in their order; missing ones are none.
    pub values: &'a [Option<Scalar<'a>>],
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is in at least one window.
    Added,
    /// It is in none; it is the caller's to say so.
    Side(Side),
}

/// Why an event is in no window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// All windows that it belongs to are over.
    Late,
    /// It is farther ahead of the clock than is allowed.
    Future,
    /// Its time is not within the years 1 to 9999.
    Time,
    /// The name of its key or device is empty or too long.
    Name,
    /// There are more values than fields, or one is no number.
    Value,
    /// There is no room for another key.
    Keys,
    /// There is no room for another device.
    Devices,
    /// Its key has too many open windows.
    Windows,
    /// The windows of its key, or of all, take too many bytes.
    Bytes,
}

impl Side {
    /// Its name in records.
    pub fn name(self) -> &'static str {
        match self {
            Side::Late => "late",
            Side::Future => "future",
            Side::Time => "time",
            Side::Name => "name",
            Side::Value => "value",
            Side::Keys => "keys",
            Side::Devices => "devices",
            Side::Windows => "windows",
            Side::Bytes => "bytes",
        }
    }
}

/// A result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fired<'a> {
    /// Of which key.
    pub key: &'a str,
    /// The first millisecond of the window.
    pub start_ms: i64,
    /// The first millisecond after it. Of a window of events by number: after the latest one.
    pub end_ms: i64,
    /// Whether an event that came after the window had closed has brought it about; then it
    /// replaces what was told of the window before.
    pub late: bool,
    /// How many events there were; at least one.
    pub count: u64,
    /// The aggregates of the plan, in their order; none of no values, as in SQL.
    pub values: &'a [Option<f64>],
    /// How surprising it is, where the plan asks for surprises.
    pub score: Option<f64>,
}

/// A window operator, with all that it keeps.
pub struct Windows {
    rules: Rules,
    keys: Index,
    slots: Vec<Option<Slot>>,
    free: Vec<u32>,
    /// With one watermark for all: when which key is due.
    timers: BTreeSet<(i64, u32)>,
    clocks: Clocks,
    watermark_ms: i64,
    now_ms: i64,
    swept_ms: i64,
    bytes: usize,
    /// The places of keys that have changed since it was asked, once each; some may be empty
    /// or another key's by now.
    dirty: Vec<u32>,
    /// Whether a place is among these.
    is_dirty: Vec<bool>,
    dirty_devices: BTreeSet<Box<str>>,
    gone: BTreeSet<Part>,
    output: Output,
    forgotten: u64,
}

impl Windows {
    /// An operator that has seen nothing. `seed`: a number that those who name keys do not
    /// know; nothing that is told or kept depends on it.
    ///
    /// # Errors
    /// The first of [`Plan::problems`].
    pub fn new(plan: Plan, seed: u64) -> Result<Self, PlanError> {
        Ok(Windows {
            rules: Rules::new(plan)?,
            keys: Index::new(seed),
            slots: Vec::new(),
            free: Vec::new(),
            timers: BTreeSet::new(),
            clocks: Clocks::default(),
            watermark_ms: NEVER,
            now_ms: NEVER,
            swept_ms: NEVER,
            bytes: 0,
            dirty: Vec::new(),
            is_dirty: Vec::new(),
            dirty_devices: BTreeSet::new(),
            gone: BTreeSet::new(),
            output: Output::default(),
            forgotten: 0,
        })
    }

    /// Takes an event; `fired` is given the results that follow from it, in their order: those
    /// that it changes, if it is late, and those of windows that close because time has gone
    /// on. `now_ms` is the clock.
    pub fn observe(&mut self, now_ms: i64, event: &Event, fired: &mut dyn FnMut(Fired)) -> Taken {
        self.now_ms = now_ms;
        let taken = match self.check(event) {
            Ok(()) => self.take(event, fired),
            Err(side) => Err(side),
        };
        taken.map_or_else(Taken::Side, |()| Taken::Added)
    }

    fn check(&self, event: &Event) -> Result<(), Side> {
        let plan = &self.rules.plan;
        let is_name = |name: &str| (1..=plan.bounds.name_bytes_max).contains(&name.len());
        if !is_name(event.key) || !is_name(event.device) {
            return Err(Side::Name);
        }
        if !(TIME_MS_MIN..=TIME_MS_MAX).contains(&event.time_ms) {
            return Err(Side::Time);
        }
        if event.time_ms > self.now_ms.saturating_add(plan.future_ms_max) {
            return Err(Side::Future);
        }
        let good = event.values.iter().flatten().all(Scalar::is_good);
        if event.values.len() > plan.fields || !good {
            return Err(Side::Value);
        }
        Ok(())
    }

    fn take(&mut self, event: &Event, fired: &mut dyn FnMut(Fired)) -> Result<(), Side> {
        if self.rules.plan.scope == Scope::Stream {
            let gone = self
                .clocks
                .observe(&self.rules.plan, self.now_ms, event.device, event.time_ms)
                .map_err(|_| Side::Devices)?;
            if let Some(gone) = gone {
                self.dirty_devices.remove(&gone);
                self.gone.insert(Part::Device(gone));
            }
            if !self.dirty_devices.contains(event.device) {
                self.gone.remove(&Part::Device(event.device.into()));
                self.dirty_devices.insert(event.device.into());
            }
        }
        let taken = self.take_keyed(event, fired);
        if self.rules.plan.scope == Scope::Stream {
            self.run_to(self.clocks.watermark_ms(&self.rules.plan), fired);
        }
        taken
    }

    fn take_keyed(&mut self, event: &Event, fired: &mut dyn FnMut(Fired)) -> Result<(), Side> {
        let id = match self.place(event.key) {
            Some(id) => id,
            None => self.begin_key(event.key, fired)?,
        };
        let is_full = self.bytes >= self.rules.plan.bounds.bytes_max;
        let Windows { rules, slots, output, watermark_ms, now_ms, .. } = self;
        let Some(slot) = &mut slots[id as usize] else { return Err(Side::Keys) };
        let (plan, has_own) = (&rules.plan, rules.plan.scope == Scope::Key);
        // The watermark of an event comes behind it, so that it is not late by itself.
        let before_ms = if has_own { slot.watermark_ms } else { *watermark_ms };
        if has_own {
            let clocks = &mut slot.clocks;
            let observed = clocks.observe(plan, *now_ms, event.device, event.time_ms);
            observed.map_err(|_| Side::Devices)?;
        }
        slot.heard_ms = *now_ms;
        let valued = Valued { time_ms: event.time_ms, values: event.values };
        let added = match is_full {
            true => Err(Side::Bytes),
            false => slot.add(rules, before_ms, valued, &mut output.to(fired)),
        };
        if has_own {
            let to_ms = before_ms.max(slot.clocks.watermark_ms(plan));
            slot.advance(rules, to_ms, &mut output.to(fired));
        }
        self.settle(id);
        added
    }

    fn place(&self, key: &str) -> Option<u32> {
        let is = |id: u32| self.slots[id as usize].as_ref().is_some_and(|slot| *slot.name == *key);
        self.keys.get(key, is)
    }

    /// Those of all keys, in the order of their names.
    fn places(&self) -> Vec<u32> {
        let mut ids: Vec<u32> = self.keys.places().collect();
        self.sort(&mut ids);
        ids
    }

    fn sort(&self, ids: &mut [u32]) {
        ids.sort_by_key(|id| self.slots[*id as usize].as_ref().map(|slot| &slot.name));
    }

    /// Makes a place for a key that is not there.
    fn begin_key(&mut self, key: &str, fired: &mut dyn FnMut(Fired)) -> Result<u32, Side> {
        if self.keys.len() >= self.rules.plan.bounds.keys_max {
            self.sweep(fired);
            if self.keys.len() >= self.rules.plan.bounds.keys_max {
                return Err(Side::Keys);
            }
        }
        // What is full gets no new keys either; its old ones may become fewer.
        if self.bytes >= self.rules.plan.bounds.bytes_max {
            return Err(Side::Bytes);
        }
        Ok(self.insert(Slot::new(key, self.rules.plan.kind)))
    }

    fn insert(&mut self, mut slot: Slot) -> u32 {
        let name = slot.name.clone();
        self.bytes += slot.charged;
        // Whoever keeps the parts still has what was there before.
        slot.stored |= self.gone.remove(&Part::Key(name.clone()));
        let id = match self.free.pop() {
            Some(id) => {
                self.slots[id as usize] = Some(slot);
                id
            }
            None => {
                self.slots.push(Some(slot));
                self.is_dirty.push(false);
                // There are at most 2²⁴ keys.
                (self.slots.len() - 1) as u32
            }
        };
        self.keys.insert(&name, id);
        id
    }

    /// Takes note of what became of a key: its bytes, its timer, that it is to be kept, or
    /// that nothing of it is left.
    fn settle(&mut self, id: u32) {
        let Some(slot) = &mut self.slots[id as usize] else { return };
        let bytes = slot.bytes();
        self.bytes = self.bytes + bytes - slot.charged;
        slot.charged = bytes;
        if self.rules.plan.scope == Scope::Stream {
            if slot.is_over() {
                return self.forget(id);
            }
            if slot.timer_ms != slot.due_ms {
                if let Some(timer_ms) = slot.timer_ms {
                    self.timers.remove(&(timer_ms, id));
                }
                slot.timer_ms = slot.due_ms;
                if let Some(due_ms) = slot.due_ms {
                    self.timers.insert((due_ms, id));
                }
            }
        }
        if !core::mem::replace(&mut self.is_dirty[id as usize], true) {
            self.dirty.push(id);
        }
    }

    fn forget(&mut self, id: u32) {
        let Some(slot) = self.slots[id as usize].take() else { return };
        self.bytes -= slot.charged;
        self.keys.remove(&slot.name, id);
        if let Some(timer_ms) = slot.timer_ms {
            self.timers.remove(&(timer_ms, id));
        }
        if slot.stored {
            self.gone.insert(Part::Key(slot.name));
        }
        self.free.push(id);
    }

    /// Forgets keys that were silent for long, as if their events had ended: what is open
    /// closes. A window of events by number that is not full cannot, and keeps its key.
    fn sweep(&mut self, fired: &mut dyn FnMut(Fired)) {
        if self.swept_ms != NEVER && self.now_ms.abs_diff(self.swept_ms) < SWEEP_MS {
            return;
        }
        self.swept_ms = self.now_ms;
        let before_ms = self.now_ms.saturating_sub(self.rules.plan.forget_ms);
        for id in self.places() {
            let Windows { rules, slots, output, .. } = self;
            let Some(slot) = &mut slots[id as usize] else { continue };
            if slot.heard_ms > before_ms {
                continue;
            }
            slot.advance(rules, END_MS, &mut output.to(fired));
            if slot.open.is_empty() {
                self.forgotten = self.forgotten.saturating_add(1);
                self.forget(id);
            }
        }
    }

    /// Lets the clock go on though no event comes: devices that are silent become idle, and
    /// windows that waited for them close.
    pub fn advance(&mut self, now_ms: i64, fired: &mut dyn FnMut(Fired)) {
        self.now_ms = now_ms;
        if self.rules.plan.idle_ms.is_none() {
            return;
        }
        if self.rules.plan.scope == Scope::Stream {
            self.clocks.advance(&self.rules.plan, now_ms);
            return self.run_to(self.clocks.watermark_ms(&self.rules.plan), fired);
        }
        let Windows { rules, slots, keys, .. } = self;
        let mut behind: Vec<u32> = keys.places().collect();
        behind.retain(|id| {
            slots[*id as usize].as_mut().is_some_and(|slot| {
                slot.clocks.advance(&rules.plan, now_ms);
                slot.clocks.watermark_ms(&rules.plan) > slot.watermark_ms
            })
        });
        self.sort(&mut behind);
        for id in behind {
            let Windows { rules, slots, output, .. } = self;
            let Some(slot) = &mut slots[id as usize] else { continue };
            let to_ms = slot.clocks.watermark_ms(&rules.plan);
            slot.advance(rules, to_ms, &mut output.to(fired));
            self.settle(id);
        }
    }

    /// Moves the one watermark on: keys are called in the order of the times at which they are
    /// due, and at one time in that of their names.
    fn run_to(&mut self, watermark_ms: i64, fired: &mut dyn FnMut(Fired)) {
        let watermark_ms = watermark_ms.max(self.watermark_ms);
        while let Some((due_ms, _)) = self.timers.first().copied()
            && due_ms <= watermark_ms
        {
            let due = self.timers.range((due_ms, 0)..=(due_ms, u32::MAX));
            let mut ids: Vec<u32> = due.map(|(_, id)| *id).collect();
            self.sort(&mut ids);
            for id in ids {
                let Windows { rules, slots, output, .. } = self;
                let Some(slot) = &mut slots[id as usize] else { continue };
                slot.watermark_ms = due_ms - 1;
                slot.advance(rules, due_ms, &mut output.to(fired));
                self.settle(id);
            }
        }
        self.watermark_ms = watermark_ms;
    }

    /// What it was asked for.
    pub fn plan(&self) -> &Plan {
        &self.rules.plan
    }

    /// The watermark of a key, in milliseconds since 1970; `None` before its first event.
    pub fn watermark_ms(&self, key: &str) -> Option<i64> {
        let watermark_ms = match self.rules.plan.scope {
            Scope::Stream => self.watermark_ms,
            Scope::Key => {
                self.slots[self.place(key)? as usize].as_ref().map_or(NEVER, |one| one.watermark_ms)
            }
        };
        (watermark_ms != NEVER).then_some(watermark_ms)
    }

    /// How many keys there are.
    pub fn keys(&self) -> usize {
        self.keys.len()
    }

    /// Bytes of keys and windows in memory, without the maps that lead to them.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many results were not told, because they said nothing new.
    pub fn held(&self) -> u64 {
        self.output.held
    }

    /// How many keys were forgotten to make room for others.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }
}
