//! Measures each primitive and the plain loop beside it on this machine, in one round of
//! `cargo xtask bench primitives`: `measure BYTES MILLISECONDS` prints what
//! `functions/portable/bench/primitives.js` prints for WebAssembly.

use primitives_core::naive;
use primitives_core::portable::memory::allocate;
use primitives_core::{
    cache_optimized_filter, clamp_all, fast_crc32, in_place_string_reverse, keep_above, max_of,
    vectorized_sum,
};
use std::hint::black_box;
use std::time::{Duration, Instant};

const BOUNDS: (i32, i32) = (-(1 << 30), 1 << 30);

/// Marsaglia's xorshift of 32 bits, from a seed of 1.
fn numbers(count: usize) -> impl Iterator<Item = i32> {
    let mut state = 1u32;
    (0..count).map(move |_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.cast_signed()
    })
}

/// Nanoseconds of a call. The data are put back before each, outside of what is measured.
fn measure(given: &[u8], data: *mut u8, call: &dyn Fn(), budget: Duration) -> f64 {
    let (mut spent, mut calls) = (Duration::ZERO, 0u32);
    while spent < budget {
        // SAFETY: the block has this length, and nothing else uses it now.
        unsafe { data.copy_from(given.as_ptr(), given.len()) };
        let start = Instant::now();
        call();
        spent += start.elapsed();
        calls += 1;
    }
    spent.as_nanos() as f64 / f64::from(calls)
}

/// Both ways of one thing, over the same data.
type Case<'a> = (&'static str, &'a [u8], Box<dyn Fn()>, Box<dyn Fn()>);

/// What works on bytes and numbers.
fn loops<'a>(words: &'a [u8], fractions: &'a [u8], data: *mut u8) -> Vec<Case<'a>> {
    let len = words.len();
    let (count, ints, floats) = (len / 4, data.cast::<i32>(), data.cast::<f32>());
    let other: *mut u8 = allocate(len);
    let (least, most) = BOUNDS;
    let by = |call: fn(*mut u8, usize)| -> Box<dyn Fn()> { Box::new(move || call(data, len)) };
    vec![
        (
            "crc32",
            words,
            by(|data, len| _ = black_box(fast_crc32(data, len))),
            by(|data, len| _ = black_box(naive::naive_crc32(data, len))),
        ),
        (
            "sum",
            fractions,
            Box::new(move || _ = black_box(vectorized_sum(floats, count))),
            Box::new(move || _ = black_box(naive::naive_sum(floats, count))),
        ),
        (
            "filter",
            words,
            Box::new(move || _ = black_box(cache_optimized_filter(data, other, len, 127))),
            Box::new(move || naive::naive_filter(data, other, len, 127)),
        ),
        (
            "keep above",
            words,
            by(|data, len| _ = black_box(keep_above(data, len, 127))),
            by(|data, len| _ = black_box(naive::naive_keep_above(data, len, 127))),
        ),
        (
            "maximum",
            words,
            Box::new(move || _ = black_box(max_of(ints, count))),
            Box::new(move || _ = black_box(naive::naive_max_of(ints, count))),
        ),
        (
            "clamp",
            words,
            Box::new(move || _ = black_box(clamp_all(ints, count, least, most))),
            Box::new(move || naive::naive_clamp_all(ints, count, least, most)),
        ),
    ]
}

fn main() {
    let number = |at| std::env::args().nth(at).and_then(|word| word.parse().ok());
    let (Some(len), Some(milliseconds)) = (number(1), number(2)) else {
        return eprintln!("measure BYTES MILLISECONDS");
    };
    let budget = Duration::from_millis(milliseconds as u64);
    let words: Vec<u8> = numbers(len / 4).flat_map(i32::to_le_bytes).collect();
    let float = |number: i32| ((f64::from(number) / 65_536.0) as f32).to_le_bytes();
    let fractions: Vec<u8> = numbers(len / 4).flat_map(float).collect();
    let ascii: Vec<u8> = (0..len).map(|at| b'a' + (at % 26) as u8).collect();
    let mut text = "aé€😀 ".repeat(len / 11).into_bytes();
    text.resize(len, b' ');
    let data: *mut u8 = allocate(len);
    let mut cases = loops(&words, &fractions, data);
    for (name, given) in [("reverse ASCII", &ascii), ("reverse text", &text)] {
        let fast = move || _ = black_box(in_place_string_reverse(data, len));
        let plain = move || naive::naive_string_reverse(data, len);
        cases.push((name, given, Box::new(fast), Box::new(plain)));
    }
    for (name, given, fast, plain) in &cases {
        for call in [fast, plain] {
            measure(given, data, call, budget / 4);
        }
        let [fast, plain] = [fast, plain].map(|call| measure(given, data, call, budget));
        println!("{name}\t{fast}\t{plain}");
    }
}
