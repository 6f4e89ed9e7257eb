//! What the benches measure with.
//!
//! [`closed_loop`] asks as often as a server answers; [`open_loop`] sends
//! requests at a fixed rate, whatever the server does, and counts each one's
//! latency from the moment it was due; [`framing`] tells where an answer ends;
//! [`latency`] sums up; [`origin`] is what stands behind a proxy or a cache, and
//! [`visitor`] another client. [`trace`] is what caches are asked for, [`reference`]
//! what policies of the books make of it. [`picture`] compares
//! pictures. `cargo xtask bench` runs the binaries of this
//! package: `closed-loop`, `open-loop`, `trace-player`, `cache-trace`,
//! `image-score`, `page-score`, and `hyper-hello`, the server without WebAssembly that every figure is compared with.

pub mod closed_loop;
pub mod framing;
pub mod latency;
pub mod open_loop;
pub mod origin;
pub mod picture;
pub mod reference;
pub mod trace;
pub mod visitor;
