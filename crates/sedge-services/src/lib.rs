//! What a node offers to functions.
//!
//! In reading order: [`Services`], everything that one function was granted;
//! then each service: [`kv`], [`cache`], [`codec`], [`streams`], [`geo`], [`agents`],
//! [`config`], [`secrets`], [`outbound`], [`logging`]. None of them knows how a guest calls it: the faces that speak
//! WIT or a vendor's words are elsewhere and convert, no more.

mod grant;

pub mod kv;

pub mod cache;

pub mod codec;

pub mod streams;

pub mod agents;
pub mod geo;

pub mod config;
pub mod secrets;

pub mod outbound;

pub mod logging;

pub use grant::{GrantError, GrantProblem, Offer, Services};
