//! Feature flags and experiments: GrowthBook's format of definitions, read and checked once,
//! and evaluated for any number of visitors.
//!
//! In reading order: a visitor falls into a [`bucket`]; JSON values are compared (`value`,
//! [`version`], `members`, [`pattern`]); a [`condition`] says which attributes a visitor must
//! have, a target which [`url`]s are meant. A payload ([`encrypted`] or not) is read as a whole
//! ([`reader`], [`definitions`]) and all of its mistakes are told. What a feature is for a
//! visitor is found out by its rules ([`evaluate`]), some of which are experiments
//! ([`assign`]), in whose variations visitors may stay ([`sticky`]).
//!
//! Everything is bounded, by constants beside what they bound, and every evaluation ends: a
//! payload may come from anywhere, and attributes come from visitors.

pub mod bucket;

mod value;

pub mod version;

mod members;

pub mod pattern;

pub mod reader;

pub mod condition;

pub mod url;

pub mod encrypted;

pub mod definitions;

pub mod evaluate;

pub mod assign;

pub mod sticky;
