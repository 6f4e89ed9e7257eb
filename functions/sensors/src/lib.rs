//! The function `sensors`: readings in, anomaly score, forecast and alert level
//! out. The algorithms are in `sedge-kit`; here they meet HTTP and messages.
//!
//! In the order in which a request travels: [`exchange`] decides from the head
//! whether to read the body, [`settings`] reads what the caller set, [`csv`] or
//! [`json`] turn the body into [`readings`] (with [`timestamp`]s), [`report`]
//! assesses them and writes the answer, [`problem`] says what was wrong
//! instead. Messages are watched by [`watch`]. Everything but the last module,
//! `wasi`, is pure and runs natively.

pub mod exchange;

pub mod settings;

pub mod readings;

pub mod timestamp;

pub mod csv;

pub mod json;

pub mod report;

pub mod problem;

pub mod watch;

#[cfg(target_arch = "wasm32")]
mod wasi;
