//! The function `forecast`: a series in, what comes next out. The algorithms are in
//! `sedge_kit::timeseries`; here they meet HTTP and JSON.
//!
//! In the order in which a request travels: [`exchange`] decides from the head whether to
//! read the body, [`question`] reads it, [`report`] asks for the forecast and writes the
//! answer, [`problem`] says what was wrong instead. Everything but the last module, `wasi`, is
//! pure and runs natively.

pub mod exchange;

pub mod question;

pub mod report;

pub mod problem;

#[cfg(target_arch = "wasm32")]
mod wasi;
