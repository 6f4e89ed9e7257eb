//! What the benches measure with.
//!
//! [`open_loop`] sends requests at a fixed rate, whatever the server does, and
//! counts each one's latency from the moment it was due; [`framing`] tells
//! where an answer ends; [`latency`] sums up. `cargo xtask bench` runs the
//! binaries of this package: `open-loop`, and `hyper-hello`, the server without
//! WebAssembly that every figure is compared with.

pub mod framing;
pub mod latency;
pub mod open_loop;
