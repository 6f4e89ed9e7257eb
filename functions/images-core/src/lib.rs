//! The code of the function `images` as a core WebAssembly module without imports: any host
//! can load it. `resize_image` and `smart_crop` are named as in the article that Sedge is
//! made after.
//!
//! | export | in C |
//! |---|---|
//! | `resize_image` | `int32_t resize_image(const uint8_t *input, size_t input_len, uint32_t width, uint32_t height, uint8_t **output, size_t *output_len)` |
//! | `smart_crop` | `int32_t smart_crop(const uint8_t *input, size_t input_len, float aspect_ratio, uint8_t **output, size_t *output_len)` |
//! | `transform_image` | `int32_t transform_image(const char *target, size_t target_len, const char *accept, size_t accept_len, const uint8_t *input, size_t input_len, uint8_t **output, size_t *output_len)` |
//!
//! Beside them are the exports of [`portable`]: `allocate` and its kin.
//!
//! **Contract.** Pointers lead into blocks of `allocate`. What is made is a block of its own,
//! whose address and length are written to where `output` and `output_len` point; the host
//! gives it back by `deallocate`. Each export returns 0, or a negative code, and then nothing
//! is written; `last_message` says more.

#![allow(
    clippy::not_unsafe_ptr_arg_deref,
    reason = "a pointer is only followed into blocks that are known to be there"
)]

mod exports;

mod requests;

pub use exports::{resize_image, smart_crop, transform_image};
pub use portable;
