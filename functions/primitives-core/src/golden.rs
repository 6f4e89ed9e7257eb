//! What the exports give for made-up data, so that native code and WebAssembly can be held
//! against each other: `golden.tsv` is checked natively by a test here, and in JavaScript
//! hosts by `functions/portable/test/checks.js`, which makes the same data.
//!
//! rustc 1.95 drops a SIMD instruction in a certain pattern on WebAssembly
//! (rust-lang/rust#157456). `UPDATE_GOLDEN=1 cargo test -p primitives-core` writes the file
//! anew.

use sedge_kit::primitives::{bounds, crc32::crc32, filter, reverse, sum};
use std::fmt::Write;

const HEADING: &str = "length\tcrc32\tsum bits\tfiltered crc32\tkept\tkept crc32\tmaximum\tclamped crc32\treversed crc32\n";
const LENGTHS: [usize; 12] = [1, 2, 3, 15, 16, 17, 31, 64, 100, 1000, 4097, 70_000];
const THRESHOLD: u8 = 99;
const BOUNDS: (i32, i32) = (-1_000_000_000, 1_500_000_000);

/// Marsaglia's xorshift of 32 bits, from a seed of 1.
fn numbers(count: usize) -> Vec<i32> {
    let mut state = 1u32;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.cast_signed()
    };
    (0..count).map(next).collect()
}

fn row(length: usize) -> String {
    let numbers = numbers(length);
    let bytes: Vec<u8> = numbers.iter().map(|number| number.to_le_bytes()[0]).collect();
    let floats: Vec<f32> = numbers.iter().map(|n| (f64::from(*n) / 65_536.0) as f32).collect();
    let letters = ['a', 'é', '€', '😀'];
    let text: String = bytes.iter().map(|byte| letters[usize::from(byte % 4)]).collect();
    let (mut filtered, mut kept) = (bytes.clone(), bytes.clone());
    filter::zero_others_in_place(&mut filtered, THRESHOLD);
    let count = filter::keep_above(&mut kept, THRESHOLD);
    let mut clamped = numbers.clone();
    bounds::clamp_all(&mut clamped, BOUNDS.0, BOUNDS.1);
    let clamped: Vec<u8> = clamped.into_iter().flat_map(i32::to_le_bytes).collect();
    let mut reversed = text.into_bytes();
    reverse::reverse(&mut reversed).expect("UTF-8");
    let mut row = String::new();
    let (sum, most) = (sum::sum(&floats).to_bits(), bounds::max_of(&numbers).expect("not empty"));
    writeln!(
        row,
        "{length}\t{}\t{sum}\t{}\t{count}\t{}\t{most}\t{}\t{}",
        crc32(&bytes),
        crc32(&filtered),
        crc32(&kept[..count]),
        crc32(&clamped),
        crc32(&reversed),
    )
    .expect("a string grows");
    row
}

#[test]
fn the_results_are_those_of_the_golden_file() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("golden.tsv");
    let got = LENGTHS.into_iter().fold(HEADING.to_owned(), |all, length| all + &row(length));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &got).expect("the source folder can be written");
    }
    let want = std::fs::read_to_string(&path).expect("golden.tsv is in the checkout");
    assert_eq!(got, want);
}
