//! Counts requests, privately, and tells what is unusual: a link of a chain and the consumer of
//! what the link says.
//!
//! In the order in which a request travels: the [`settings`] are checked; the link finds out
//! whether it is asked itself ([`query`]) and else, when there is an answer, which class of
//! paths it was of ([`routes`]) and who asked ([`person`], by a salt in the [`vault`]); of that
//! it makes ([`link`]) a [`record`] for the log, as it does of [`events`] that are posted. The
//! [`consumer`] takes records to what was [`counted`], which a [`journal`] keeps on its
//! [`host`], and tells of [`alerts`]. What may be seen of it is a [`view`]; a question becomes a
//! [`summary`], as JSON, a [`page`] with [`plot`]s, or [`metrics`]. All that is pure; `wasi` is
//! the thin adapter, compiled only for WebAssembly.

pub mod settings;

pub mod query;

pub mod routes;

pub mod person;
pub mod vault;

pub mod link;

pub mod record;

pub mod events;

pub mod consumer;

pub mod counted;

pub mod journal;

pub mod host;

pub mod alerts;

pub mod view;

pub mod summary;

pub mod page;
pub mod plot;

pub mod metrics;

#[cfg(all(target_os = "wasi", target_env = "p2"))]
mod wasi;
