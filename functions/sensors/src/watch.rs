//! Messages of sensors in, alerts and actions out: each series is watched reading by reading,
//! with what is kept of it in the node's keyed state.
//!
//! In the order in which a message travels: [`config`] reads the settings ([`options`] for
//! each [`filter`] of topics, [`rules`] with their [`template`]s, line by line as [`words`]);
//! [`payload`] reads a message; [`series`] says what is kept of a series and how ([`clock`]s
//! included); [`decision`] makes a level of what is observed; [`record`] writes it down;
//! [`due`] says which rules [`act`], [`handler`] does all of it for a batch, and [`call`]s a
//! webhook. Who says nothing is noticed by [`silence`], from its [`pace`]. Everything is behind
//! the trait [`host::Host`], and runs natively.

pub mod filter;

pub mod words;

pub mod template;

pub mod options;

pub mod rules;

pub mod config;

pub mod payload;

pub mod clock;

pub mod decision;

pub mod series;

pub mod record;

pub mod due;

pub mod act;

pub mod call;

pub mod pace;

pub mod silence;

pub mod host;

pub mod handler;
