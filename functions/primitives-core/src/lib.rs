//! The primitives of `sedge-kit` as a core WebAssembly module without imports: any host can
//! load it. Names and parameters are those of the article that Sedge is made after.
//!
//! | export | in C |
//! |---|---|
//! | `fast_crc32` | `uint32_t fast_crc32(const uint8_t *data, size_t len)` |
//! | `crc32_continue` | `uint32_t crc32_continue(uint32_t crc, const uint8_t *data, size_t len)` |
//! | `vectorized_sum` | `float vectorized_sum(const float *data, size_t len)` |
//! | `cache_optimized_filter` | `int32_t cache_optimized_filter(const uint8_t *input, uint8_t *output, size_t len, uint32_t threshold)` |
//! | `keep_above` | `size_t keep_above(uint8_t *data, size_t len, uint32_t threshold)` |
//! | `branchless_max` | `int32_t branchless_max(int32_t a, int32_t b)` |
//! | `branchless_clamp` | `int32_t branchless_clamp(int32_t value, int32_t min, int32_t max)` |
//! | `max_of` | `int32_t max_of(const int32_t *data, size_t len)` |
//! | `clamp_all` | `int32_t clamp_all(int32_t *data, size_t len, int32_t min, int32_t max)` |
//! | `in_place_string_reverse` | `int32_t in_place_string_reverse(uint8_t *data, size_t len)` |
//! | `get_buffer` | `Buffer *get_buffer(void)` |
//! | `release_buffer` | `int32_t release_buffer(Buffer *buffer)` |
//!
//! Beside them are the exports of [`portable`]: `allocate` and its kin.
//!
//! **Contract.** `len` counts elements. Pointers lead into blocks of `allocate` or
//! `get_buffer`; null with a `len` of 0 is nothing. Whatever a host passes instead, the call
//! is refused: exports that return a status return a negative code, the others 0 (NaN for the
//! sum), and `last_status` tells after each of either kind.

#![allow(
    clippy::not_unsafe_ptr_arg_deref,
    reason = "a pointer is only followed into blocks that are known to be there"
)]

mod buffers;

mod loops;

#[cfg(test)]
mod golden;

#[cfg(feature = "naive")]
pub mod naive;

pub use buffers::{BUFFER_BYTES, BUFFERS, Buffer, get_buffer, release_buffer};
pub use loops::{
    branchless_clamp, branchless_max, cache_optimized_filter, clamp_all, crc32_continue,
    fast_crc32, in_place_string_reverse, keep_above, max_of, vectorized_sum,
};
pub use portable;
