//! Whether a request may pass, from a security context that a host hands over, as a core
//! WebAssembly module without imports. The exports are named as in the article that Sedge is
//! made after.
//!
//! | export | in C |
//! |---|---|
//! | `init_security_engine` | `int32_t init_security_engine(const char *rules, size_t rules_len)` |
//! | `evaluate_security_context` | `int32_t evaluate_security_context(const char *context, size_t context_len, double now_ms, char **result, size_t *result_len)` |
//!
//! The first takes rules in JSON ([`sedge_kit::guard::rules`]), or none for the usual ones. The
//! second returns **1 if the request may pass, 0 if it may not**, and its result is a decision in
//! JSON ([`sedge_kit::guard::decision::Decision::to_json`]) in a block that the host gives back by
//! `deallocate`. Beside them are the exports of [`portable`]: `allocate` and its kin.
//!
//! **Contract.** Pointers lead into blocks of `allocate`. What is wrong is a negative code, and
//! then nothing is written, and nobody may pass; `last_message` says more.

#![allow(
    clippy::not_unsafe_ptr_arg_deref,
    reason = "a pointer is only followed into blocks that are known to be there"
)]

mod exports;

pub mod engine;

#[cfg(test)]
mod golden;

pub use exports::{evaluate_security_context, init_security_engine};
pub use portable;
