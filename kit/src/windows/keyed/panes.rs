//! The open windows of a key whose beginnings are fixed, as panes: see [`super::super::assign`].
//!
//! An event is added to one pane, however many windows it is in. A window that closes is the
//! sum of its panes.

use alloc::collections::VecDeque;

use super::{Closed, Rules, Tell, Valued};
use crate::state::{Reader, StateError, Writer};
use crate::windows::accumulator::Accumulator;
use crate::windows::assign::Aligned;
use crate::windows::operator::Side;
use crate::windows::plan::{TIME_MS_MAX, TIME_MS_MIN};

#[derive(Clone, Debug)]
struct Pane {
    start_ms: i64,
    accumulator: Accumulator,
}

impl Pane {
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.accumulator.heap_bytes()
    }
}

/// Panes that have events, by their beginnings.
#[derive(Clone, Debug, Default)]
pub(in crate::windows) struct Panes {
    panes: VecDeque<Pane>,
    bytes: usize,
}

impl Panes {
    pub(super) fn add(
        &mut self,
        rules: &Rules,
        watermark_ms: i64,
        event: Valued,
        tell: Tell,
    ) -> Result<bool, Side> {
        let Some(aligned) = &rules.aligned else { return Err(Side::Late) };
        let start_ms = aligned.pane_of(event.time_ms);
        if rules.is_over(aligned.last_end(start_ms), watermark_ms) {
            return Err(Side::Late);
        }
        let before = self.panes.len();
        let at = self.pane_at(rules, start_ms)?;
        let is_new = self.panes.len() > before;
        let pane = &mut self.panes[at];
        let before = pane.bytes();
        pane.accumulator.insert(&rules.needs, event.time_ms, event.values);
        self.bytes = self.bytes + pane.bytes() - before;
        // Windows that were told before are told again.
        let mut after = watermark_ms.saturating_sub(rules.plan.lateness_ms).saturating_add(1);
        while let Some(end) = aligned.next_end(start_ms, after)
            && Rules::is_told(end, watermark_ms)
        {
            self.tell(aligned, end, true, tell);
            after = end;
        }
        Ok(is_new)
    }

    /// Where the pane with this beginning is, which is made if it is not.
    fn pane_at(&mut self, rules: &Rules, start_ms: i64) -> Result<usize, Side> {
        // Most events are in the latest pane.
        if self.panes.back().is_some_and(|pane| pane.start_ms == start_ms) {
            return Ok(self.panes.len() - 1);
        }
        let at = self.panes.partition_point(|pane| pane.start_ms < start_ms);
        if self.panes.get(at).is_some_and(|pane| pane.start_ms == start_ms) {
            return Ok(at);
        }
        if self.panes.len() >= rules.plan.bounds.panes_max {
            return Err(Side::Windows);
        }
        let pane = Pane { start_ms, accumulator: Accumulator::new(&rules.needs) };
        self.bytes += pane.bytes();
        self.panes.insert(at, pane);
        Ok(at)
    }

    pub(super) fn advance(&mut self, rules: &Rules, from_ms: i64, to_ms: i64, tell: Tell) {
        let Some(aligned) = &rules.aligned else { return };
        let mut after = from_ms.saturating_add(1);
        while let Some(end) = self.next_end(aligned, after)
            && Rules::is_told(end, to_ms)
        {
            self.tell(aligned, end, false, tell);
            after = end;
        }
        while let Some(pane) = self.panes.front()
            && rules.is_over(aligned.last_end(pane.start_ms), to_ms)
        {
            self.bytes -= pane.bytes();
            self.panes.pop_front();
        }
    }

    /// The end of the first window after `after` that has an event.
    fn next_end(&self, aligned: &Aligned, after: i64) -> Option<i64> {
        // Of a later pane it is never earlier.
        let at = self.panes.partition_point(|pane| aligned.last_end(pane.start_ms) <= after);
        aligned.next_end(self.panes.get(at)?.start_ms, after)
    }

    fn tell(&self, aligned: &Aligned, end_ms: i64, late: bool, tell: Tell) {
        let start_ms = aligned.start_of(end_ms);
        let from = self.panes.partition_point(|pane| pane.start_ms < start_ms);
        let to = self.panes.partition_point(|pane| pane.start_ms < end_ms);
        let mut panes = self.panes.range(from..to);
        let Some(first) = panes.next() else { return };
        if panes.len() == 0 {
            return tell(Closed { start_ms, end_ms, late, accumulator: &first.accumulator });
        }
        let mut all = first.accumulator.clone();
        panes.for_each(|pane| all.merge(&pane.accumulator));
        tell(Closed { start_ms, end_ms, late, accumulator: &all });
    }

    pub(super) fn due_ms(&self, rules: &Rules, watermark_ms: i64) -> Option<i64> {
        let aligned = rules.aligned.as_ref()?;
        let front = self.panes.front()?;
        let over_ms = aligned.last_end(front.start_ms) - 1 + rules.plan.lateness_ms;
        let told_ms = self.next_end(aligned, watermark_ms.saturating_add(1)).map(|end| end - 1);
        Some(told_ms.map_or(over_ms, |told_ms| told_ms.min(over_ms)))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.panes.is_empty()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn write(&self, out: &mut Writer, rules: &Rules) {
        out.varint(self.panes.len() as u64);
        for pane in &self.panes {
            out.signed(pane.start_ms);
            pane.accumulator.write(out, &rules.needs);
        }
    }

    pub(super) fn read(input: &mut Reader, rules: &Rules) -> Result<Self, StateError> {
        let aligned = rules.aligned.as_ref().ok_or(StateError::Version)?;
        let mut read = Panes::default();
        for _ in 0..input.varcount(rules.plan.bounds.panes_max)? {
            let start_ms = input.signed()?;
            let range = aligned.pane_of(TIME_MS_MIN)..=TIME_MS_MAX;
            let ordered = read.panes.back().is_none_or(|pane| pane.start_ms < start_ms);
            if !range.contains(&start_ms) || !aligned.is_pane(start_ms) || !ordered {
                return Err(StateError::Value);
            }
            let pane = Pane { start_ms, accumulator: Accumulator::read(input, &rules.needs)? };
            read.bytes += pane.bytes();
            read.panes.push_back(pane);
        }
        Ok(read)
    }
}
