//! The windows of one key: panes ([`panes`]), sessions ([`sessions`]) or the last events
//! ([`counts`]).

pub(super) mod counts;
pub(super) mod panes;
pub(super) mod sessions;

use alloc::vec::Vec;

use super::accumulator::{Accumulator, Need, Scalar};
use super::assign::Aligned;
use super::operator::Side;
use super::plan::{Kind, Plan, PlanError};
use crate::state::{Reader, StateError, Writer};
use counts::Counts;
use panes::Panes;
use sessions::Sessions;

/// A plan, and what follows from it.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) plan: Plan,
    pub(super) needs: Vec<Need>,
    pub(super) aligned: Option<Aligned>,
    pub(super) mark: u64,
}

impl Rules {
    pub(super) fn new(plan: Plan) -> Result<Self, PlanError> {
        if let Some(problem) = plan.problems().first() {
            return Err(*problem);
        }
        let (needs, mark) = (plan.needs(), plan.mark());
        Ok(Rules { aligned: Aligned::of(plan.kind), needs, mark, plan })
    }

    /// Whether a window with this end has been told when the watermark has come so far.
    pub(super) fn is_told(end_ms: i64, watermark_ms: i64) -> bool {
        end_ms - 1 <= watermark_ms
    }

    /// Whether a window with this end takes no more events.
    pub(super) fn is_over(&self, end_ms: i64, watermark_ms: i64) -> bool {
        end_ms - 1 + self.plan.lateness_ms <= watermark_ms
    }
}

/// An event, by what matters to a window.
#[derive(Clone, Copy)]
pub(super) struct Valued<'a> {
    pub(super) time_ms: i64,
    pub(super) values: &'a [Option<Scalar<'a>>],
}

/// A window that has a result.
pub(super) struct Closed<'a> {
    pub(super) start_ms: i64,
    pub(super) end_ms: i64,
    /// Whether an event that came after its end has brought it about.
    pub(super) late: bool,
    pub(super) accumulator: &'a Accumulator,
}

/// Who is told of results.
pub(super) type Tell<'t> = &'t mut dyn FnMut(Closed);

/// The open windows of a key.
#[derive(Clone, Debug)]
pub(super) enum Open {
    Panes(Panes),
    Sessions(Sessions),
    Counts(Counts),
}

impl Open {
    pub(super) fn new(kind: Kind) -> Self {
        match kind {
            Kind::Sliding { .. } | Kind::Cumulative { .. } => Open::Panes(Panes::default()),
            Kind::Session { .. } => Open::Sessions(Sessions::default()),
            Kind::Count { .. } => Open::Counts(Counts::default()),
        }
    }

    /// Takes an event, as of this watermark; or says why not, and is as it was. The answer is
    /// whether [`Open::due_ms`] may be another one now.
    pub(super) fn add(
        &mut self,
        rules: &Rules,
        watermark_ms: i64,
        event: Valued,
        tell: Tell,
    ) -> Result<bool, Side> {
        if self.bytes() >= rules.plan.bounds.key_bytes_max {
            return Err(Side::Bytes);
        }
        match self {
            Open::Panes(panes) => panes.add(rules, watermark_ms, event, tell),
            Open::Sessions(sessions) => sessions.add(rules, watermark_ms, event, tell),
            Open::Counts(counts) => {
                counts.add(rules, event, tell);
                Ok(false)
            }
        }
    }

    /// Tells what closes while the watermark goes on, and lets go of what is over.
    pub(super) fn advance(&mut self, rules: &Rules, from_ms: i64, to_ms: i64, tell: Tell) {
        match self {
            Open::Panes(panes) => panes.advance(rules, from_ms, to_ms, tell),
            Open::Sessions(sessions) => sessions.advance(rules, from_ms, to_ms, tell),
            Open::Counts(_) => {}
        }
    }

    /// The next watermark at which [`Open::advance`] has something to do.
    pub(super) fn due_ms(&self, rules: &Rules, watermark_ms: i64) -> Option<i64> {
        match self {
            Open::Panes(panes) => panes.due_ms(rules, watermark_ms),
            Open::Sessions(sessions) => sessions.due_ms(rules, watermark_ms),
            Open::Counts(_) => None,
        }
    }

    /// Whether nothing is open.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Open::Panes(panes) => panes.is_empty(),
            Open::Sessions(sessions) => sessions.is_empty(),
            Open::Counts(counts) => counts.is_empty(),
        }
    }

    /// Bytes of the windows.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Open::Panes(panes) => panes.bytes(),
            Open::Sessions(sessions) => sessions.bytes(),
            Open::Counts(counts) => counts.bytes(),
        }
    }

    pub(super) fn write(&self, out: &mut Writer, rules: &Rules) {
        match self {
            Open::Panes(panes) => panes.write(out, rules),
            Open::Sessions(sessions) => sessions.write(out, rules),
            Open::Counts(counts) => counts.write(out, rules),
        }
    }

    pub(super) fn read(input: &mut Reader, rules: &Rules) -> Result<Self, StateError> {
        match rules.plan.kind {
            Kind::Sliding { .. } | Kind::Cumulative { .. } => {
                Panes::read(input, rules).map(Open::Panes)
            }
            Kind::Session { .. } => Sessions::read(input, rules).map(Open::Sessions),
            Kind::Count { .. } => Counts::read(input, rules).map(Open::Counts),
        }
    }
}
