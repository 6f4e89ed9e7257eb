//! An HTTP cache (RFC 9111).
//!
//! In reading order: [`key`], what a stored response is found by; [`rules`], what the
//! RFCs say of storing and reusing, without IO and without a clock; [`memory`], the
//! tier in memory, and [`pages`], where large bodies of it lie; [`purge`], what was purged, applied when it is found; [`transfer`], a
//! response that many read while it arrives; and [`flow`], the handler before an origin.
//!
//! Nothing here knows a socket, a runtime or WebAssembly: time and tasks are handed
//! to it.

pub mod key;
pub mod memory;
pub mod pages;
pub mod purge;
pub mod rules;

pub mod transfer;

pub mod flow;
