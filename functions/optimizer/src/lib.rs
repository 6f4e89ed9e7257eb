//! A link of a chain that makes answers smaller.
//!
//! In the order in which an exchange travels: the [`settings`] are checked, what the
//! client can take and where it is are read from its [`request`], the answer's head is
//! held against that ([`plan`]), a piece of the body is looked at ([`held`]), and the
//! rest passes through the [`pipeline`] as it streams: its markup ([`html`]) is shortened, or,
//! where it is held whole ([`minify`]), a style sheet, a script or data ([`json`]); and it is compressed ([`encoder`], [`dictionary`]). `component` is the thin adapter to
//! `wasi:http`, compiled only for WebAssembly.

pub mod settings;

pub mod request;

pub mod head;
pub mod plan;

pub mod html;

pub mod json;
pub mod minify;

pub mod dictionary;
pub mod encoder;
pub mod pipeline;

pub mod held;

#[cfg(all(target_os = "wasi", target_env = "p2"))]
mod component;
