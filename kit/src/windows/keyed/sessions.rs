//! The open sessions of a key. An event alone is the window from its time until the gap is
//! over; windows that meet or touch are one (Flink's `EventTimeSessionWindows` and
//! `TimeWindow.intersects`, by which two events exactly the gap apart are of one session).

use alloc::vec::Vec;

use super::{Closed, Rules, Tell, Valued};
use crate::state::{Reader, StateError, Writer};
use crate::windows::accumulator::Accumulator;
use crate::windows::operator::Side;
use crate::windows::plan::{Kind, MS_MAX, TIME_MS_MAX, TIME_MS_MIN};

#[derive(Clone, Debug)]
struct Session {
    start_ms: i64,
    end_ms: i64,
    accumulator: Accumulator,
}

impl Session {
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.accumulator.heap_bytes()
    }

    fn closed(&self, late: bool) -> Closed<'_> {
        let Session { start_ms, end_ms, accumulator } = self;
        Closed { start_ms: *start_ms, end_ms: *end_ms, late, accumulator }
    }
}

/// Sessions, in their order: neither they nor their ends meet.
#[derive(Clone, Debug, Default)]
pub(in crate::windows) struct Sessions {
    sessions: Vec<Session>,
    bytes: usize,
}

impl Sessions {
    pub(super) fn add(
        &mut self,
        rules: &Rules,
        watermark_ms: i64,
        event: Valued,
        tell: Tell,
    ) -> Result<bool, Side> {
        let Kind::Session { gap_ms } = rules.plan.kind else { return Err(Side::Late) };
        let (mut start_ms, mut end_ms) = (event.time_ms, event.time_ms + gap_ms);
        let from = self.sessions.partition_point(|session| session.end_ms < start_ms);
        let to = self.sessions.partition_point(|session| session.start_ms <= end_ms);
        if from < to {
            start_ms = start_ms.min(self.sessions[from].start_ms);
            end_ms = end_ms.max(self.sessions[to - 1].end_ms);
        }
        if rules.is_over(end_ms, watermark_ms) {
            return Err(Side::Late);
        }
        if from == to {
            if self.sessions.len() >= rules.plan.bounds.panes_max {
                return Err(Side::Windows);
            }
            let accumulator = Accumulator::new(&rules.needs);
            let session = Session { start_ms, end_ms, accumulator };
            self.bytes += session.bytes();
            self.sessions.insert(from, session);
        }
        let before: usize = self.sessions[from..to.max(from + 1)].iter().map(Session::bytes).sum();
        let (kept, others) = self.sessions.split_at_mut(from + 1);
        let session = &mut kept[from];
        // What it joins; none, if it is new.
        let others = &others[..to.saturating_sub(from + 1)];
        others.iter().for_each(|other| session.accumulator.merge(&other.accumulator));
        session.accumulator.insert(&rules.needs, event.time_ms, event.values);
        (session.start_ms, session.end_ms) = (start_ms, end_ms);
        self.bytes = self.bytes + session.bytes() - before;
        let session = &self.sessions[from];
        if Rules::is_told(end_ms, watermark_ms) {
            tell(session.closed(true));
        }
        self.sessions.drain(from + 1..to.max(from + 1));
        Ok(true)
    }

    pub(super) fn advance(&mut self, rules: &Rules, from_ms: i64, to_ms: i64, tell: Tell) {
        let untold = |session: &&Session| !Rules::is_told(session.end_ms, from_ms);
        let now = |session: &&Session| Rules::is_told(session.end_ms, to_ms);
        self.sessions
            .iter()
            .filter(untold)
            .take_while(now)
            .for_each(|session| tell(session.closed(false)));
        let over = self.sessions.partition_point(|session| rules.is_over(session.end_ms, to_ms));
        let bytes: usize = self.sessions.drain(..over).map(|session| session.bytes()).sum();
        self.bytes -= bytes;
    }

    pub(super) fn due_ms(&self, rules: &Rules, watermark_ms: i64) -> Option<i64> {
        let over_ms = self.sessions.first()?.end_ms - 1 + rules.plan.lateness_ms;
        let untold = self.sessions.iter().find(|one| !Rules::is_told(one.end_ms, watermark_ms));
        Some(untold.map_or(over_ms, |one| over_ms.min(one.end_ms - 1)))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn write(&self, out: &mut Writer, rules: &Rules) {
        out.varint(self.sessions.len() as u64);
        for session in &self.sessions {
            out.signed(session.start_ms);
            out.varint((session.end_ms - session.start_ms) as u64);
            session.accumulator.write(out, &rules.needs);
        }
    }

    pub(super) fn read(input: &mut Reader, rules: &Rules) -> Result<Self, StateError> {
        let Kind::Session { gap_ms } = rules.plan.kind else { return Err(StateError::Version) };
        let mut read = Sessions::default();
        for _ in 0..input.varcount(rules.plan.bounds.panes_max)? {
            let (start_ms, length_ms) = (input.signed()?, input.varint()?);
            let length_max = (TIME_MS_MAX - TIME_MS_MIN + MS_MAX) as u64;
            let ordered = read.sessions.last().is_none_or(|before| before.end_ms < start_ms);
            if !(TIME_MS_MIN..=TIME_MS_MAX).contains(&start_ms)
                || !(gap_ms as u64..=length_max).contains(&length_ms)
                || !ordered
            {
                return Err(StateError::Value);
            }
            let end_ms = start_ms + length_ms as i64;
            let accumulator = Accumulator::read(input, &rules.needs)?;
            let session = Session { start_ms, end_ms, accumulator };
            read.bytes += session.bytes();
            read.sessions.push(session);
        }
        Ok(read)
    }
}
