//! What an operator keeps over a restart: parts of their own, so that what is written with each
//! batch is what has changed, not all that there is.
//!
//! A part has no checksum, since whoever keeps it has one, and begins with what tells the plan:
//! a state of another plan is an error. Nothing in it is believed that could make the operator
//! panic, loop or grow beyond its bounds.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Slot, Windows};
use crate::state::{Reader, StateError, Writer};
use crate::windows::clocks::{Clock, Clocks, NEVER};
use crate::windows::emitting::Told;
use crate::windows::keyed::{Open, Rules};
use crate::windows::plan::{MS_MAX, Plan, PlanError, Scope, TIME_MS_MAX, TIME_MS_MIN};

/// The version of every part.
const VERSION: u8 = 1;

/// A part of an operator's state.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The clock, and the watermark if there is one for all.
    Stream,
    /// What is known of the time of a device, if there is one watermark for all.
    Device(Box<str>),
    /// The windows of a key.
    Key(Box<str>),
}

impl Part {
    /// A name to keep it by; two bytes longer than that of its device or key at most.
    pub fn to_name(&self) -> String {
        match self {
            Part::Stream => "s".to_owned(),
            Part::Device(name) => format!("d/{name}"),
            Part::Key(name) => format!("k/{name}"),
        }
    }

    /// What [`Part::to_name`] gave.
    pub fn from_name(name: &str) -> Option<Self> {
        match name.split_at_checked(2) {
            None if name == "s" => Some(Part::Stream),
            Some(("d/", name)) => Some(Part::Device(name.into())),
            Some(("k/", name)) => Some(Part::Key(name.into())),
            _ => None,
        }
    }
}

/// What became of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which.
    pub part: Part,
    /// What it is now; `None`: it is gone.
    pub bytes: Option<Vec<u8>>,
}

impl Windows {
    /// What has changed since it was asked before, in the order of the parts, to be committed
    /// as one with the results and how far the events are read. Empty if nothing was observed.
    pub fn changes(&mut self) -> Vec<Change> {
        let mut changes: Vec<Change> = core::mem::take(&mut self.gone)
            .into_iter()
            .map(|part| Change { part, bytes: None })
            .collect();
        if self.now_ms != NEVER {
            changes.push(Change { part: Part::Stream, bytes: Some(self.write_stream()) });
        }
        for device in core::mem::take(&mut self.dirty_devices) {
            let Some(clock) = self.clocks.get(&device) else { continue };
            let mut out = self.begin();
            clock.write(&mut out);
            changes.push(Change { part: Part::Device(device), bytes: Some(out.finish()) });
        }
        for id in core::mem::take(&mut self.dirty) {
            let mut out = self.begin();
            self.is_dirty[id as usize] = false;
            let Some(slot) = &mut self.slots[id as usize] else { continue };
            slot.stored = true;
            slot.write(&mut out, &self.rules);
            changes.push(Change { part: Part::Key(slot.name.clone()), bytes: Some(out.finish()) });
        }
        changes.sort_by(|one, two| one.part.cmp(&two.part));
        changes
    }

    fn begin(&self) -> Writer {
        let mut out = Writer::default();
        out.u8(VERSION);
        out.u64(self.rules.mark);
        out
    }

    fn write_stream(&self) -> Vec<u8> {
        let mut out = self.begin();
        out.signed(self.watermark_of_all());
        out.signed(self.now_ms);
        out.finish()
    }

    fn watermark_of_all(&self) -> i64 {
        if self.rules.plan.scope == Scope::Stream { self.watermark_ms } else { NEVER }
    }

    /// The operator whose [`Windows::changes`] these parts are, the latest of each. `seed` is
    /// that of [`Windows::new`], `now_ms` the clock: a device is not taken for silent while nobody could listen.
    ///
    /// # Errors
    /// The plan cannot be run; or a part, which is named, is damaged, of another plan, or
    /// more than there may be.
    pub fn restore<'b>(
        plan: Plan,
        seed: u64,
        now_ms: i64,
        parts: impl IntoIterator<Item = (Part, &'b [u8])>,
    ) -> Result<Self, RestoreError> {
        let mut windows = Windows::new(plan, seed).map_err(RestoreError::Plan)?;
        for (part, bytes) in parts {
            if let Err(error) = windows.read(&part, bytes) {
                return Err(RestoreError::Part(part, error));
            }
        }
        windows.begin_again(now_ms);
        Ok(windows)
    }

    fn read(&mut self, part: &Part, bytes: &[u8]) -> Result<(), StateError> {
        let plan = &self.rules.plan;
        let mut input = Reader::new(bytes);
        if input.u8()? != VERSION || input.u64()? != self.rules.mark {
            return Err(StateError::Version);
        }
        let is_name = |name: &str| (1..=plan.bounds.name_bytes_max).contains(&name.len());
        match part {
            Part::Stream => {
                self.watermark_ms = watermark(&mut input)?;
                self.now_ms = input.signed()?;
            }
            Part::Device(name) => {
                let has_room = self.clocks.len() < plan.bounds.devices_max;
                if plan.scope != Scope::Stream || !has_room || !is_name(name) {
                    return Err(StateError::Length);
                }
                self.clocks.insert(name, Clock::read(&mut input)?);
            }
            Part::Key(name) => {
                let has_room = self.keys.len() < plan.bounds.keys_max;
                if !has_room || !is_name(name) || self.place(name).is_some() {
                    return Err(StateError::Length);
                }
                let slot = Slot::read(name, &mut input, &self.rules)?;
                self.insert(slot);
            }
        }
        input.finish()
    }

    /// Computes what is not written, as of the watermark and the clock.
    fn begin_again(&mut self, now_ms: i64) {
        let away_ms = match self.now_ms {
            NEVER => 0,
            before_ms => now_ms.saturating_sub(before_ms).max(0),
        };
        let plan = self.rules.plan.clone();
        self.clocks.shift(away_ms);
        self.clocks.look(&plan, now_ms);
        for id in 0..self.slots.len() {
            let Some(slot) = &mut self.slots[id] else { continue };
            slot.clocks.shift(away_ms);
            slot.clocks.look(&plan, now_ms);
            let watermark_ms = match plan.scope {
                Scope::Key => slot.watermark_ms,
                Scope::Stream => self.watermark_ms,
            };
            slot.due_ms = slot.open.due_ms(&self.rules, watermark_ms);
            self.settle(id as u32);
            self.is_dirty[id] = false;
        }
        // Nothing has changed but what is not written.
        self.dirty.clear();
        if self.now_ms != NEVER {
            self.now_ms = now_ms;
        }
    }
}

impl Slot {
    fn write(&self, out: &mut Writer, rules: &Rules) {
        out.signed(self.heard_ms);
        if rules.plan.scope == Scope::Key {
            out.signed(self.watermark_ms);
            self.clocks.write(out);
        }
        self.told.write(out, &rules.plan);
        self.open.write(out, rules);
    }

    fn read(name: &str, input: &mut Reader, rules: &Rules) -> Result<Self, StateError> {
        let mut slot = Slot::new(name, rules.plan.kind);
        slot.heard_ms = input.signed()?;
        if rules.plan.scope == Scope::Key {
            slot.watermark_ms = watermark(input)?;
            slot.clocks = Clocks::read(input, &rules.plan)?;
        }
        slot.told = Told::read(input, &rules.plan)?;
        slot.open = Open::read(input, rules)?;
        slot.charged = slot.bytes();
        slot.stored = true;
        Ok(slot)
    }
}

fn watermark(input: &mut Reader) -> Result<i64, StateError> {
    let watermark_ms = input.signed()?;
    let range = TIME_MS_MIN - MS_MAX - 1..=TIME_MS_MAX;
    let holds = watermark_ms == NEVER || range.contains(&watermark_ms);
    if holds { Ok(watermark_ms) } else { Err(StateError::Value) }
}

/// Why an operator cannot go on from what was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RestoreError {
    /// The plan cannot be run.
    Plan(PlanError),
    /// A part cannot be read.
    Part(Part, StateError),
}

impl core::fmt::Display for RestoreError {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            RestoreError::Plan(error) => error.fmt(out),
            RestoreError::Part(part, error) => {
                let name = part.to_name();
                write!(out, "the part `{}` of a window's state: {error}", name.escape_debug())
            }
        }
    }
}

impl core::error::Error for RestoreError {}
