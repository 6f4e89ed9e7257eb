//! One key, and what is told of it.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::Fired;
use crate::windows::clocks::{Clocks, NEVER};
use crate::windows::emitting::Told;
use crate::windows::keyed::{Closed, Open, Rules, Valued};
use crate::windows::operator::Side;
use crate::windows::plan::Kind;

/// All that is kept of a key.
pub(super) struct Slot {
    pub(super) name: Box<str>,
    /// If the key has a watermark of its own.
    pub(super) clocks: Clocks,
    /// How far its windows have been told.
    pub(super) watermark_ms: i64,
    pub(super) open: Open,
    pub(super) told: Told,
    /// When it was heard last, by the clock.
    pub(super) heard_ms: i64,
    /// The next watermark at which something happens.
    pub(super) due_ms: Option<i64>,
    /// What the operator's timers say of that.
    pub(super) timer_ms: Option<i64>,
    /// The bytes that the operator has counted.
    pub(super) charged: usize,
    /// Whether it was ever kept.
    pub(super) stored: bool,
}

impl Slot {
    pub(super) fn new(name: &str, kind: Kind) -> Self {
        let mut slot = Slot {
            name: name.into(),
            clocks: Clocks::default(),
            watermark_ms: NEVER,
            open: Open::new(kind),
            told: Told::default(),
            heard_ms: NEVER,
            due_ms: None,
            timer_ms: None,
            charged: 0,
            stored: false,
        };
        slot.charged = slot.bytes();
        slot
    }

    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.name.len()
            + self.clocks.heap_bytes()
            + self.open.bytes()
            + self.told.heap_bytes()
    }

    /// Whether nothing would be lost if it were forgotten, with one watermark for all.
    pub(super) fn is_over(&self) -> bool {
        self.open.is_empty() && self.told.is_empty()
    }

    /// Takes an event, as of this watermark.
    pub(super) fn add(
        &mut self,
        rules: &Rules,
        watermark_ms: i64,
        event: Valued,
        to: &mut To,
    ) -> Result<(), Side> {
        let Slot { open, told, name, .. } = self;
        let mut tell = |closed: Closed| to.tell(rules, name, told, closed);
        let may_be_due = open.add(rules, watermark_ms, event, &mut tell)?;
        if may_be_due {
            self.due_ms = self.open.due_ms(rules, watermark_ms);
        }
        Ok(())
    }

    /// Moves the key's watermark on.
    pub(super) fn advance(&mut self, rules: &Rules, to_ms: i64, to: &mut To) {
        if self.due_ms.is_some_and(|due_ms| due_ms <= to_ms) {
            let from_ms = self.watermark_ms;
            let Slot { open, told, name, .. } = self;
            let mut tell = |closed: Closed| to.tell(rules, name, told, closed);
            open.advance(rules, from_ms, to_ms, &mut tell);
            self.due_ms = self.open.due_ms(rules, to_ms);
        }
        self.watermark_ms = to_ms;
    }
}

/// Where results are made: room that is used again, and what was not told.
#[derive(Default)]
pub(super) struct Output {
    values: Vec<Option<f64>>,
    pub(super) held: u64,
}

impl Output {
    pub(super) fn to<'o>(&'o mut self, fired: &'o mut dyn FnMut(Fired)) -> To<'o> {
        To { output: self, fired }
    }
}

/// Whom results are told to.
pub(super) struct To<'o> {
    output: &'o mut Output,
    fired: &'o mut dyn FnMut(Fired),
}

impl To<'_> {
    fn tell(&mut self, rules: &Rules, key: &str, told: &mut Told, closed: Closed) {
        let Closed { start_ms, end_ms, late, accumulator } = closed;
        let plan = &rules.plan;
        let values = &mut self.output.values;
        values.clear();
        values.extend(plan.aggregates.iter().map(|one| accumulator.value(one, end_ms - start_ms)));
        let opinion = told.decide(plan, values, late);
        if !opinion.tell {
            self.output.held = self.output.held.saturating_add(1);
            return;
        }
        let (count, score) = (accumulator.count(), opinion.score);
        (self.fired)(Fired { key, start_ms, end_ms, late, count, values, score });
    }
}
