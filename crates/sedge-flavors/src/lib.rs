//! Faces of the platforms that a function can be written for. Each lowers its
//! platform's words to a `wasi:http` handler; the engine below never hears of
//! vendors.

pub mod outbound;
pub mod wasi_http;
