//! What the core modules for any WebAssembly host share. They import nothing; a host
//! copies what it has into [`memory`] that the module gives out, calls, and is told by a
//! [`fault`]'s code what was wrong.
//!
//! | export | in C |
//! |---|---|
//! | `allocate` | `void *allocate(size_t len)` |
//! | `deallocate` | `int32_t deallocate(void *ptr, size_t len)` |
//! | `last_status` | `int32_t last_status(void)` |
//! | `last_message` | `const char *last_message(void)` |
//! | `last_message_len` | `size_t last_message_len(void)` |
//! | `memory` | the linear memory |

pub mod fault;

pub mod memory;

pub use fault::{Fault, answer};
