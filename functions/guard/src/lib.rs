//! A link of a chain that judges each request: allow, step up, or block.
//!
//! In the order in which a request travels: the [`settings`] are checked, what the request says
//! is read ([`request`]), its [`token`] is verified by the issuer's [`keys`], unless
//! another instance has [`verified`] it, and what is known
//! of all that is weighed by rules and [`policy`] ([`judge`]); an instance that is used again has
//! a [`memory`]. Others may ask at an [`endpoint`], or as
//! [`authzen`] says. `component` is the thin adapter to `wasi:http`,
//! compiled only for WebAssembly.
//!
//! The rules and what they come to are in `sedge_kit::guard`.

pub mod settings;

pub mod request;

pub mod token;

pub mod keys;

pub mod verified;

pub mod policy;

pub mod judge;

pub mod memory;

pub mod endpoint;

pub mod authzen;

#[cfg(all(target_os = "wasi", target_env = "p2"))]
mod component;
