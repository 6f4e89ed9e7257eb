//! Sessions of users, from the events that a host hands over, as a core WebAssembly module
//! without imports. The exports are named as in the article that Sedge is made after.
//!
//! | export | in C |
//! |---|---|
//! | `process_event` | `int32_t process_event(const char *event, size_t event_len, double now_ms, char **result, size_t *result_len)` |
//! | `calculate_anomaly_score` | `double calculate_anomaly_score(uint32_t total_events, double duration_ms, uint32_t error_count)` |
//!
//! The result is a text in JSON ([`process::Processed`]) in a block that the host gives back by
//! `deallocate`. Beside them are the exports of [`portable`]: `allocate` and its kin.
//!
//! **Contract.** Pointers lead into blocks of `allocate`. 0 is returned, or a negative code,
//! and then nothing is written, and the event counts for nothing; `last_message` says more.

#![allow(
    clippy::not_unsafe_ptr_arg_deref,
    reason = "a pointer is only followed into blocks that are known to be there"
)]

mod exports;

#[cfg(test)]
mod golden;

pub mod process;

pub use exports::{calculate_anomaly_score, process_event};
pub use portable;
