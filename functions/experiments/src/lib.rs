//! Feature flags and experiments as a link of a chain, as a service (OFREP), and as the
//! consumer of the events that both write.
//!
//! In the order in which a request travels: the [`settings`] are checked, the [`flags`] are
//! at hand, the visitor is known by what was [`seal`]ed in [`cookies`] and by what the request
//! says ([`visitor`]); features are evaluated and what follows is decided ([`decide`]), told to
//! those behind as a structured [`field`] and to caches before ([`caching`]). Who saw what, and
//! what they did then ([`track`]), are [`events`], of which [`results`] are made. [`ofrep`] is
//! another way to ask. `component` is the thin adapter to the node, compiled only for
//! WebAssembly.

pub mod settings;

pub mod flags;

pub mod head;

pub mod seal;

pub mod cookies;

pub mod visitor;

pub mod field;

pub mod decide;

pub mod caching;

pub mod events;

pub mod track;

pub mod ofrep;

pub mod results;

#[cfg(all(target_os = "wasi", target_env = "p2"))]
mod component;
