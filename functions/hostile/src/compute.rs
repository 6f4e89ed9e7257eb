//! CPU, stack and linear memory.

use crate::answer;
use std::hint::black_box;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

/// Never returns, without a single call to the host.
pub fn endless_loop(_: IncomingRequest, _: ResponseOutparam) {
    let mut count = 0u64;
    loop {
        count = black_box(count.wrapping_add(1));
    }
}

/// Recurses until the stack is used up. The frames hold nothing in linear
/// memory, where Rust keeps a stack of its own that would be used up first.
pub fn deep_recursion(_: IncomingRequest, outparam: ResponseOutparam) {
    #[inline(never)]
    fn even(depth: u64) -> u64 {
        if depth == u64::MAX { 0 } else { odd(depth + 1).rotate_left(3) ^ depth }
    }
    #[inline(never)]
    fn odd(depth: u64) -> u64 {
        if depth == u64::MAX { 0 } else { even(depth + 1).rotate_left(5) ^ depth }
    }
    answer(outparam, &even(black_box(0)).to_string());
}

/// Never returns, and is inside the host most of the time.
pub fn host_call_loop(_: IncomingRequest, _: ResponseOutparam) {
    loop {
        black_box(wasip2::clocks::monotonic_clock::now());
    }
}

/// Takes memory, and touches it, until there is no more.
pub fn memory_bomb(_: IncomingRequest, _: ResponseOutparam) {
    let mut held = Vec::new();
    loop {
        held.push(black_box(vec![1u8; 1 << 20]));
    }
}

/// Crashes before it answers.
pub fn trap(_: IncomingRequest, _: ResponseOutparam) {
    core::arch::wasm32::unreachable()
}

/// Answers correctly, then burns the CPU.
pub fn loop_after_response(request: IncomingRequest, outparam: ResponseOutparam) {
    answer(outparam, "answered\n");
    let response = black_box(request);
    loop {
        black_box(&response);
    }
}
