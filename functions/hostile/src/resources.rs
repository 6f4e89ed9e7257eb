//! Handles to things of the host.

use crate::answer;
use std::mem::forget;
use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::http::types::{Fields, IncomingRequest, ResponseOutparam};

/// Leaks a thousand resources, then answers.
pub fn thousand_leaked_resources(_: IncomingRequest, outparam: ResponseOutparam) {
    (0..1_000).for_each(|_| forget(Fields::new()));
    answer(outparam, "leaked\n");
}

/// Leaks a million resources.
pub fn million_leaked_resources(_: IncomingRequest, outparam: ResponseOutparam) {
    (0..1_000_000).for_each(|_| forget(Fields::new()));
    answer(outparam, "leaked\n");
}

/// Holds a million timers.
pub fn million_timers(_: IncomingRequest, outparam: ResponseOutparam) {
    (0..1_000_000u64).for_each(|index| forget(subscribe_duration(index * 1_000_000_000)));
    answer(outparam, "leaked\n");
}

/// Waits for the first of no events.
pub fn poll_nothing(_: IncomingRequest, outparam: ResponseOutparam) {
    wasip2::io::poll::poll(&[]);
    answer(outparam, "polled\n");
}

/// Asks for more random bytes in one call than there is memory.
pub fn random_flood(_: IncomingRequest, outparam: ResponseOutparam) {
    let bytes = wasip2::random::random::get_random_bytes(1 << 40);
    answer(outparam, &format!("{}\n", bytes.len()));
}

/// Uses a handle that it was never given.
pub fn forged_handle(_: IncomingRequest, outparam: ResponseOutparam) {
    // SAFETY: the host must refuse the number; the bindings only pass it on.
    let forged = unsafe { Fields::from_handle(123_456) };
    let count = forged.entries().len();
    answer(outparam, &format!("{count}\n"));
}
