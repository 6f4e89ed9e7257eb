//! Using up what is limited, by an amount that the caller names.

use crate::call::Call;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use wasip2::http::types::Fields;

/// Requests that this instance has answered.
static ANSWERED: AtomicU64 = AtomicU64::new(0);

/// Waits `ms` milliseconds without using the CPU.
pub fn sleep(call: Call) {
    let nanos = call.number_of("ms", 0) * 1_000_000;
    wasip2::clocks::monotonic_clock::subscribe_duration(nanos).block();
    call.text(200, "slept\n");
}

/// Uses the CPU for `ms` milliseconds.
pub fn spin(call: Call) {
    let end = Instant::now() + Duration::from_millis(call.number_of("ms", 0));
    let mut sum = 0u64;
    while Instant::now() < end {
        for step in 0..10_000u64 {
            sum = black_box(sum.wrapping_mul(31).wrapping_add(step));
        }
    }
    call.text(200, "spun\n");
}

/// Holds `bytes` bytes of linear memory and touches every page.
pub fn memory(call: Call) {
    let bytes = call.number_of("bytes", 0) as usize;
    let mut held = Vec::<u8>::new();
    if held.try_reserve_exact(bytes).is_err() {
        return call.text(507, "no memory\n");
    }
    held.resize(bytes, 1);
    let sum: u64 = black_box(&held).iter().step_by(4096).map(|&byte| u64::from(byte)).sum();
    call.text(200, &format!("{sum}\n"));
}

/// Recurses `depth` times, with some hundred bytes in each frame.
pub fn stack(call: Call) {
    fn down(depth: u64) -> u64 {
        let frame = black_box([depth; 32]);
        if depth == 0 { frame[0] } else { down(black_box(depth - 1)) + black_box(frame)[31] }
    }
    let sum = down(call.number_of("depth", 0));
    call.text(200, &format!("{sum}\n"));
}

/// Holds `count` host resources at the same time.
pub fn resources(call: Call) {
    let held: Vec<Fields> = (0..call.number_of("count", 0)).map(|_| Fields::new()).collect();
    let count = black_box(&held).len();
    drop(held);
    call.text(200, &format!("{count}\n"));
}

/// How many requests this instance has answered, this one included.
pub fn state(call: Call) {
    let answered = ANSWERED.fetch_add(1, Relaxed) + 1;
    call.text(200, &format!("{answered}\n"));
}
