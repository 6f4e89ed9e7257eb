//! The last events of a key, in the order in which they came (Flink's `countWindow`): panes of
//! as many events as divide both size and slide.

use alloc::collections::VecDeque;

use super::{Closed, Rules, Tell, Valued};
use crate::state::{Reader, StateError, Writer};
use crate::windows::accumulator::Accumulator;
use crate::windows::plan::{Kind, TIME_MS_MAX, TIME_MS_MIN, gcd32};

#[derive(Clone, Debug)]
struct Pane {
    accumulator: Accumulator,
    first_ms: i64,
    last_ms: i64,
}

impl Pane {
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.accumulator.heap_bytes()
    }
}

/// Panes, of which all but the last are full.
#[derive(Clone, Debug, Default)]
pub(in crate::windows) struct Counts {
    panes: VecDeque<Pane>,
    /// Events since something was told.
    since: u32,
    bytes: usize,
}

impl Counts {
    pub(super) fn add(&mut self, rules: &Rules, event: Valued, tell: Tell) {
        let Kind::Count { size, slide } = rules.plan.kind else { return };
        let events = gcd32(size, slide);
        let full = |pane: &Pane| pane.accumulator.count() >= u64::from(events);
        if self.panes.back().is_none_or(full) {
            let time_ms = event.time_ms;
            let accumulator = Accumulator::new(&rules.needs);
            let pane = Pane { accumulator, first_ms: time_ms, last_ms: time_ms };
            self.bytes += pane.bytes();
            self.panes.push_back(pane);
            if self.panes.len() > (size / events) as usize
                && let Some(gone) = self.panes.pop_front()
            {
                self.bytes -= gone.bytes();
            }
        }
        if let Some(pane) = self.panes.back_mut() {
            let before = pane.bytes();
            pane.accumulator.insert(&rules.needs, event.time_ms, event.values);
            pane.first_ms = pane.first_ms.min(event.time_ms);
            pane.last_ms = pane.last_ms.max(event.time_ms);
            self.bytes = self.bytes + pane.bytes() - before;
        }
        self.since += 1;
        if self.since >= slide {
            self.since = 0;
            self.tell(tell);
            if size == slide {
                self.panes.clear();
                self.bytes = 0;
            }
        }
    }

    fn tell(&self, tell: Tell) {
        let mut panes = self.panes.iter();
        let Some(first) = panes.next() else { return };
        let (mut all, mut start_ms, mut last_ms) =
            (first.accumulator.clone(), first.first_ms, first.last_ms);
        for pane in panes {
            all.merge(&pane.accumulator);
            start_ms = start_ms.min(pane.first_ms);
            last_ms = last_ms.max(pane.last_ms);
        }
        tell(Closed { start_ms, end_ms: last_ms + 1, late: false, accumulator: &all });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.panes.is_empty()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn write(&self, out: &mut Writer, rules: &Rules) {
        out.varint(self.since.into());
        out.varint(self.panes.len() as u64);
        for pane in &self.panes {
            out.signed(pane.first_ms);
            out.signed(pane.last_ms);
            pane.accumulator.write(out, &rules.needs);
        }
    }

    pub(super) fn read(input: &mut Reader, rules: &Rules) -> Result<Self, StateError> {
        let Kind::Count { size, slide } = rules.plan.kind else {
            return Err(StateError::Version);
        };
        let events = u64::from(gcd32(size, slide));
        let since = input.varcount(slide as usize - 1)? as u32;
        let mut read = Counts { since, ..Counts::default() };
        let count = input.varcount((size / events as u32) as usize)?;
        for at in 0..count {
            let (first_ms, last_ms) = (input.signed()?, input.signed()?);
            let range = TIME_MS_MIN..=TIME_MS_MAX;
            let times =
                range.contains(&first_ms) && range.contains(&last_ms) && first_ms <= last_ms;
            let accumulator = Accumulator::read(input, &rules.needs)?;
            let all = accumulator.count();
            let fills = if at + 1 < count { all == events } else { all <= events };
            if !times || !fills {
                return Err(StateError::Value);
            }
            let pane = Pane { accumulator, first_ms, last_ms };
            read.bytes += pane.bytes();
            read.panes.push_back(pane);
        }
        // The events since something was told fill whole panes, but for the last one.
        let last = read.panes.back().map_or(0, |pane| pane.accumulator.count());
        if last % events != u64::from(since) % events {
            return Err(StateError::Value);
        }
        Ok(read)
    }
}
