//! Windows over streams of events: what came within a time, of one key, becomes one result.
//!
//! Words and rules are those of Apache Flink (`WindowOperator` and the window assigners of its
//! DataStream API; `docs/concepts/windows.md` says where its SQL differs). In reading order: what
//! is asked ([`Plan`]), which windows a time belongs to (`assign`), how far time has come
//! (`clocks`), what is kept of the events of a window (`accumulator`), the windows of one key
//! (`keyed`), which results are told (`emitting`), and the operator that joins them
//! ([`Windows`]), whose state is written as parts, one for each key that has changed.
//!
//! **Time** of the events only says which window closes when; the clock (`now_ms`) is used for
//! two things, how far into the future a device may lie and when one that is silent is idle.
//! An operator that is given the same events and the same clock gives the same results in the
//! same order, whatever restarts lie between.
//!
//! **Room** is bounded by [`Bounds`]. What does not fit is told to the caller ([`Side`]), with
//! the event still in his hands, and changes nothing but the clock of its device.

mod accumulator;
mod assign;
mod clocks;
mod emitting;
mod index;
mod keyed;
mod operator;
mod plan;

pub use operator::{Change, Event, Fired, Part, RestoreError, Side, Taken, Windows};
pub use plan::{
    Aggregate, Bounds, Emit, FIELDS_MAX, Kind, LATE_MERGES_MAX, MS_MAX, Measure, PANES_MAX, Plan,
    PlanError, Scope, TIME_MS_MAX, TIME_MS_MIN,
};

pub use accumulator::Scalar;

#[cfg(test)]
mod tests;
