//! Fuzz targets, and a short run of them on stable Rust.
//!
//! [`targets`] are what is fuzzed; [`mutation`] makes inputs from seeds;
//! [`short_run`] drives the targets with them. libFuzzer can drive the same
//! targets (`fuzz_targets/`).

pub mod mutation;
pub mod short_run;
pub mod targets;
