//! The code of the function `optimizer` as a core WebAssembly module without imports: any
//! host can load it. `optimize_content` is named as in the article that Sedge is made after.
//!
//! | export | in C |
//! |---|---|
//! | `optimize_content` | `int32_t optimize_content(const char *request, size_t request_len, const uint8_t *content, size_t content_len, Optimized *result)` |
//!
//! `Optimized` is four `size_t`: address and length of a text in JSON, then of the content.
//! Both are blocks that the host gives back by `deallocate`. Beside it are the exports of
//! [`portable`]: `allocate` and its kin.
//!
//! **Contract.** Pointers lead into blocks of `allocate`. 0 is returned, or a negative code,
//! and then nothing is written; `last_message` says more.

#![allow(
    clippy::not_unsafe_ptr_arg_deref,
    reason = "a pointer is only followed into blocks that are known to be there"
)]

mod exports;

#[cfg(test)]
mod golden;

pub mod optimize;

#[cfg(target_os = "unknown")]
mod seeds;

pub use exports::optimize_content;
pub use portable;
