//! A series that is watched reading by reading, for years: constant memory, bounded work
//! per reading, no look ahead, and a state that can be kept and taken up again.
//!
//! In reading order: what is remembered, in two orders (`ranked`); how far a number lies
//! from all of that ([`nearest`]), how improbable that distance is ([`tail`]), both together
//! ([`novelty`]); what is watched so ([`features`], [`season`], [`pattern`], [`stuck`],
//! [`residual`]); the verdict of all of them ([`detector`]); what is not a single reading's
//! doing ([`change`], [`drift`]); what comes next, and how surely ([`predictor`]); all of it
//! for one sensor, with its alert levels ([`monitor`]); and how any of it is written down and
//! read again ([`crate::state`]).
//!
//! [`crate::anomaly`] and [`crate::forecast`] answer the same questions about a slice that
//! lies there as a whole.

mod ranked;

pub mod nearest;

pub mod tail;

pub mod novelty;

pub mod features;

pub mod season;

pub mod pattern;

pub mod stuck;

pub mod residual;

pub mod detector;

pub mod change;

pub mod drift;

pub mod predictor;

pub mod monitor;

#[cfg(test)]
pub(crate) mod noise;
