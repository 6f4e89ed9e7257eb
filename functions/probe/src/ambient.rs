//! Random and clocks: what every guest has.

use crate::call::Call;
use serde_json::json;
use std::time::{SystemTime, UNIX_EPOCH};

/// Two draws of random bytes; that they differ is for the test to see.
pub fn random(call: Call) {
    let draw = || wasip2::random::random::get_random_bytes(16);
    let hex = |bytes: Vec<u8>| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    call.json(&json!([hex(draw()), hex(draw())]));
}

/// Wall clock in seconds since 1970, and whether the monotonic clock is one.
pub fn clock(call: Call) {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let first = wasip2::clocks::monotonic_clock::now();
    let second = wasip2::clocks::monotonic_clock::now();
    call.json(&json!({ "unix_s": wall, "monotonic": second >= first }));
}
