//! Random and clocks: what every guest has.

use crate::call::Call;
use serde_json::json;
use wasip3::clocks::{monotonic_clock, system_clock};
use wasip3::random::random as source;

/// Two draws of random bytes; that they differ is for the test to see.
pub fn random(call: Call) {
    let draw = || source::get_random_bytes(16);
    let hex = |bytes: Vec<u8>| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    call.json(&json!([hex(draw()), hex(draw())]));
}

/// Wall clock in seconds since 1970, and whether the monotonic clock is one.
pub fn clock(call: Call) {
    let (first, second) = (monotonic_clock::now(), monotonic_clock::now());
    call.json(&json!({ "unix_s": system_clock::now().seconds, "monotonic": second >= first }));
}
